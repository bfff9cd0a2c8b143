#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# cp -r, tar, rsync --inplace and rm -r of a tree, with identical checksums.
. "$(dirname "$0")/lib.sh"

mount_porterfs
tree=$T/tree
for d in $(seq 20); do
	mkdir -p "$tree/d$d/sub"
	for f in $(seq 10); do
		echo "$d $f" >"$tree/d$d/f$f"
		head -c $((d * f * 37)) /dev/urandom >"$tree/d$d/sub/f$f"
	done
done
sums() { (cd "$1" && find . -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum); }

cp -r "$tree" "$MNT/primary/cp"
is "$(sums "$MNT/primary/cp")" "$(sums "$tree")" "cp -r into the mount"
cp -r "$MNT/primary/cp" "$T/back"
is "$(sums "$T/back")" "$(sums "$tree")" "and back"
cp -r "$MNT/primary/cp" "$MNT/source/cp"
is "$(sums "$MNT/source/cp")" "$(sums "$tree")" "between buckets"

mkdir "$MNT/primary/tar"
tar -C "$tree" -cf - . | tar -C "$MNT/primary/tar" -xf -
is "$(sums "$MNT/primary/tar")" "$(sums "$tree")" "tar x"
ok "tar d finds no difference in contents" \
	bash -c "tar -C '$tree' -cf - . | tar -C '$MNT/primary/tar' -df - 2>&1 | { ! grep -q 'Contents differ'; }"

mkdir "$MNT/primary/rsync"
rsync -a --inplace "$tree/" "$MNT/primary/rsync/"
is "$(sums "$MNT/primary/rsync")" "$(sums "$tree")" "rsync -a --inplace"
is "$(rsync -a --inplace -in "$tree/" "$MNT/primary/rsync/" | grep -c '^>f' || true)" 0 \
	"a second rsync would send no file"

rm -r "$MNT/primary/cp" "$MNT/primary/tar"
is "$(find "$MNT/primary" -maxdepth 1 -mindepth 1 -printf '%f\n')" rsync "rm -r leaves the rest"
is "$(objects primary)" 400 "and nothing of it in the store"
