#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A name that is removed is gone at once; who has it open reads on.
. "$(dirname "$0")/lib.sh"

mount_porterfs
p=$MNT/primary
head -c 3000000 /dev/urandom >"$T/f"
cp "$T/f" "$p/f"
exec 5<"$p/f"
rm "$p/f"
[ ! -e "$p/f" ] || fail "the name is still there"
is "$(find "$p" -mindepth 1 | wc -l)" 0 "it is in no listing"
cat <&5 >"$T/read"
ok "its bytes are still readable" cmp "$T/f" "$T/read"
exec 5<&-
gone() { ! has_object "$1"; }
wait_for 5 gone primary/f || fail "the object was not removed at the last close"

exec 6>"$p/never"
echo bytes >&6
rm "$p/never"
exec 6>&-
sleep 0.2
gone primary/never || fail "a file that was removed while written was published"

echo one >"$p/again"
exec 5<"$p/again"
rm "$p/again"
echo two >"$p/again"
exec 5<&-
sleep 0.2
is "$(cat "$p/again")" two "a new file of the same name survives the old one's last close"
is "$(stored primary/again)" two "in the store, too"
