#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A plain umount right after the last close never loses a byte.
. "$(dirname "$0")/lib.sh"

for round in 1 2 3; do
	mount_porterfs
	head -c 30000000 /dev/urandom >"$T/f"
	cp "$T/f" "$MNT/primary/f$round"
	umount_porterfs
	ok "round $round" cmp "$T/f" <(stored "primary/f$round")
done
mount_porterfs
exec 5>"$MNT/primary/open"
echo x >&5
refused "busy" "while a file is open" umount "$MNT"
exec 5>&-
is "$(stored primary/open)" x "it is there after its close"
