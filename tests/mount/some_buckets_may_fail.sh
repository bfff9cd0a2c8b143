#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# One bucket that does not work leaves the others alone.
. "$(dirname "$0")/lib.sh"

rm -r "$STORE/b-source"
mount_porterfs
like "$(cat "$LOG")" "source: " "the log says which, and why"
echo x >"$MNT/primary/f"
is "$(cat "$MNT/primary/f")" x "the others work"
refused "Permission|No such|Input/output" "the broken one answers an errno" ls "$MNT/source"
is "$(find "$MNT" -mindepth 1 -maxdepth 1 2>/dev/null | wc -l)" 3 "and is listed"
