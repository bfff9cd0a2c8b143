#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Appending, patching, growing: refused with an errno, and nothing is lost.
. "$(dirname "$0")/lib.sh"

mount_porterfs
p=$MNT/primary
seq 1000 >"$T/f"
cp "$T/f" "$p/f"
refused "not supported" "appending" bash -c "echo more >>'$p/f'"
refused "not supported" "patching" dd if=/dev/zero of="$p/f" bs=1 count=5 seek=7 conv=notrunc status=none
refused "not supported" "growing" truncate -s 1M "$p/f"
refused "not supported" "fallocate" fallocate -l 1M "$p/f"
refused "not supported" "writing with a gap" dd if=/dev/zero of="$p/gap" bs=1k count=1 seek=5 status=none
ok "the file is as it was" cmp "$T/f" "$p/f"
ok "in the store, too" cmp "$T/f" <(stored primary/f)
like "$(grep -c 'not supported\|cannot\|only' "$LOG")" '^[1-9]' "the log has sentences about it"
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
