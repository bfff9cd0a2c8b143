#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Refused with an errno and a sentence, and nothing is lost.
. "$(dirname "$0")/lib.sh"

mount_porterfs -o sparse_max=1M
p=$MNT/primary
seq 1000 >"$T/f"
cp "$T/f" "$p/f"
refused "File too large" "more holes than sparse_max" truncate -s 2M "$p/f"
refused "not supported" "collapsing a range" fallocate -c -o 0 -l 4096 "$p/f"
refused "too large" "a gap beyond sparse_max" dd if=/dev/zero of="$p/gap" bs=1k count=1 seek=5000 status=none
rm -f "$p/gap"
ok "the file is as it was" cmp "$T/f" "$p/f"
ok "in the store, too" cmp "$T/f" <(stored primary/f)
truncate -s 0 "$p/f"
is "$(stat -c %s "$p/f") $(stored primary/f | wc -c)" "0 0" "truncating to nothing works"
echo again >"$p/f"
is "$(cat "$p/f")" again "and so does overwriting"
mkdir -p "$p/full/sub"
refused "not empty" "rmdir of a directory with content" rmdir "$p/full"
refused "directory" "a file over a directory" cp -T "$T/f" "$p/full"
refused "Not a directory" "a file as directory" cat "$p/f/x"
refused "File exists" "mkdir of what exists" mkdir "$p/full"
refused "File exists|cannot overwrite" "noclobber" bash -c "set -C; echo x >'$p/f'"
refused "too long" "a name of 2,000 bytes" touch "$p/$(printf 'y%.0s' $(seq 2000))"
