#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# cp -r of 2,000 files in, and back by another mount, with identical checksums;
# rm -r leaves nothing.
. "$(dirname "$0")/lib.sh"

tree=$T/tree
for d in $(seq 40); do
	mkdir -p "$tree/d$d"
	for f in $(seq 50); do
		stream $((d * 100 + f)) $((d * f * 13)) >"$tree/d$d/f$f"
	done
done
stream 7 9M >"$tree/d7/f7"
: >"$tree/d7/f8"
sums() { (cd "$1" && find . -type f -print0 | sort -z | xargs -0 sha256sum); }
sums "$tree" >"$T/want"
is "$(wc -l <"$T/want")" 2000 "2,000 files"

mount_porterfs
ok "cp -r into the mount" cp -r "$tree" "$MNT/primary/tree"
is "$(objects primary)" 2000 "all are in the bucket"
umount_porterfs
mount_porterfs
ok "cp -r back, by a mount that knows nothing" cp -r "$MNT/primary/tree" "$T/back"
sums "$T/back" >"$T/got"
ok "identical" cmp "$T/want" "$T/got"
ok "rm -r" rm -r "$MNT/primary/tree"
ok "nothing is left in the bucket" is_empty_bucket primary
