#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Blanks, UTF-8, percent signs, newlines, 255 bytes, leading dots and dashes.
. "$(dirname "$0")/lib.sh"

mount_porterfs
long=$(printf 'x%.0s' $(seq 255))
names=("with space" "ünïcödé 文件" "100%.txt" "a%2Fb" "%" $'new\nline' "-dash" ".hidden" "a'b\"c"
	"semi;colon&amp" "#hash?query" "plus+plus" "~tilde" "back\\slash" "$long" "...")
for name in "${names[@]}"; do
	printf '%s' "$name" >"$MNT/primary/$name" || fail "cannot write '$name'"
done
for name in "${names[@]}"; do
	is "$(cat -- "$MNT/primary/$name")" "$name" "read back '${name:0:20}'"
done
is "$(find "$MNT/primary" -mindepth 1 -print0 | tr -dc '\0' | wc -c)" "${#names[@]}" "all are listed"
mkdir "$MNT/primary/d %"
mv "$MNT/primary/100%.txt" "$MNT/primary/d %/100%.txt"
is "$(cat "$MNT/primary/d %/100%.txt")" "100%.txt" "moved"
umount_porterfs
mount_porterfs
is "$(find "$MNT/primary" -mindepth 1 -type f -print0 | tr -dc '\0' | wc -c)" "${#names[@]}" \
	"all are listed after a remount"
is "$(cat -- "$MNT/primary/ünïcödé 文件")" "ünïcödé 文件" "and read"
find "$MNT/primary" -mindepth 1 -delete
ok "and removed" is_empty_bucket primary
