#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# mv of files: within a bucket, over another, not over another, between buckets.
. "$(dirname "$0")/lib.sh"

mount_porterfs
p=$MNT/primary
echo one >"$p/a"
mv "$p/a" "$p/b"
is "$(cat "$p/b")" one "the new name"
refused "No such file" "the old name is gone" cat "$p/a"
is "$(stored primary/b)" one "in the store"
! has_object primary/a || fail "the old object is still there"

echo two >"$p/c"
mv "$p/c" "$p/b"
is "$(cat "$p/b")" two "over another file"
echo three >"$p/d"
mv -n "$p/d" "$p/b" || true
is "$(cat "$p/b") $(cat "$p/d")" "two three" "mv -n replaces nothing"

mkdir "$p/dir"
mv "$p/b" "$p/dir/"
is "$(cat "$p/dir/b")" two "into a directory"
mv "$p/dir/b" "$MNT/source/b"
is "$(cat "$MNT/source/b")" two "into another bucket"
[ ! -e "$p/dir/b" ] || fail "it is still in the first bucket"

exec 5<"$p/d"
mv "$p/d" "$p/e"
is "$(cat <&5)" three "a reader goes on after its file was renamed"
exec 5<&-

echo new >"$p/new"
exec 6>"$p/target.tmp"
echo fresh >&6
mv "$p/target.tmp" "$p/target"
echo more >&6
exec 6>&-
is "$(tr '\n' ' ' <"$p/target")" "fresh more " "renamed while it was written"
! has_object primary/target.tmp || fail "the temporary name was published"
