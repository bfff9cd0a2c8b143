#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# 50,000 operations on one file, mapped pages included, every byte compared.
. "$(dirname "$0")/lib.sh"
: "${FSX:?the program: run this with meson test --suite mount}"

seed=${FSX_SEED:-1}
mount_porterfs
ok "seed $seed" "$FSX" --ops "${FSX_OPS:-50000}" --seed "$seed" "$MNT/primary/f"
cp "$MNT/primary/f" "$T/f"
umount_porterfs
ok "the store has the same bytes" cmp "$T/f" <(stored primary/f)
is "$(uploads primary)" 0 "no upload is left"
mount_porterfs
ok "so has a mount with an empty cache" cmp "$T/f" "$MNT/primary/f"
