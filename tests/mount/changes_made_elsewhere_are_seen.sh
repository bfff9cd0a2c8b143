#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Another client's overwrite is seen at the next open, its new names and
# removals within cache_ttl and negative_ttl, and no reader ever gets two versions.
. "$(dirname "$0")/lib.sh"

mount_porterfs -o cache_ttl=2s,negative_ttl=1s
p=$MNT/primary
elsewhere() { put_elsewhere "primary/$1"; }

echo mine >"$p/f"
is "$(cat "$p/f")" mine "ours"
echo theirs | elsewhere f
is "$(cat "$p/f")" theirs "at once, at the same size or another"
seq 100000 >"$T/long"
elsewhere f <"$T/long"
ok "a longer one, at once" cmp "$T/long" "$p/f"
is "$(stat -c %s "$p/f")" "$(stat -c %s "$T/long")" "with its size"
ino=$(stat -c %i "$p/f")
echo short | elsewhere f
is "$(cat "$p/f")" short "and a shorter one"
is "$(stat -c %i "$p/f")" "$ino" "under the same inode number"

head -c 30000000 /dev/zero | tr '\0' a | elsewhere big
sleep 2.1
exec 5<"$p/big"
head -c 1000000 <&5 >"$T/part"
head -c 30000000 /dev/zero | tr '\0' b | elsewhere big
cat <&5 >>"$T/part" 2>"$T/err" || true
exec 5<&-
if grep -q b "$T/part" && grep -q a "$T/part"; then
	fail "a reader got a mixture of two versions"
fi
is "$(head -c 1 "$p/big")" b "the next open has the new one"

echo new | elsewhere new
wait_for 4 test -e "$p/new" || fail "a new name was not seen"
is "$(cat "$p/new")" new "and read"
remove_elsewhere primary/new
refused "No such file|Stale" "a removed one is not read" cat "$p/new"
wait_for 4 test ! -e "$p/new" || fail "a removed name was not noticed"

if [ -z "${TEST_RGW_ENV:-}" ]; then
	seq 10 >"$STORE/b-primary/by hand"
	wait_for 4 test -e "$p/by hand"
	is "$(wc -l <"$p/by hand")" 10 "a file that was put into the store's directory by hand"
fi
