#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# 20,000 operations on many files through the kernel: descriptors, dup, children,
# mapped pages, names; every byte and name is compared, also after a remount.
. "$(dirname "$0")/lib.sh"
: "${TREE:?the program: run this with meson test --suite mount}"

seed=${TREE_SEED:-1}
mount_porterfs
mkdir "$MNT/primary/t"
ok "seed $seed" "$TREE" --ops "${TREE_OPS:-20000}" --seed "$seed" "$MNT/primary/t"
cp -r "$MNT/primary/t" "$T/t"
umount_porterfs
mount_porterfs
ok "the same after a remount" diff -r "$T/t" "$MNT/primary/t"
is "$(uploads primary)" 0 "no upload is left"
