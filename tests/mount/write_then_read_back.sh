#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Small files and long streams come back byte for byte, from the store too.
. "$(dirname "$0")/lib.sh"

mount_porterfs
is "$(find "$MNT" -mindepth 1 -printf "%f\n" | sort | tr '\n' ' ')" "alt-export primary source " "three buckets"

echo hello >"$MNT/primary/small"
is "$(cat "$MNT/primary/small")" hello "a small file"
is "$(stored primary/small)" hello "is one object in the store"

head -c 41000001 /dev/urandom >"$T/big"
cat "$T/big" >"$MNT/primary/big"
ok "a stream of 41 MB in the mount" cmp "$T/big" "$MNT/primary/big"
ok "and in the store" cmp "$T/big" <(stored primary/big)

: >"$MNT/source/empty"
is "$(stat -c %s "$MNT/source/empty")" 0 "an empty file"
ok "is an object" has_object source/empty

mkdir -p "$MNT/primary/a/b/c"
echo deep >"$MNT/primary/a/b/c/f"
is "$(find "$MNT/primary/a" | sort | tr '\n' ' ')" \
	"$MNT/primary/a $MNT/primary/a/b $MNT/primary/a/b/c $MNT/primary/a/b/c/f " "a tree"

umount_porterfs
mount_porterfs
ok "after a remount" cmp "$T/big" "$MNT/primary/big"
is "$(cat "$MNT/primary/a/b/c/f")" deep "and deep in the tree"
