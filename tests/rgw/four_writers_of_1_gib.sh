#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Four streams of 1 GiB at once, then read by four: right, and within
# memory_limit (256 MiB) and 50 MiB.
. "$(dirname "$0")/lib.sh"

mount_porterfs
writer() { stream "$1" 1G >"$MNT/primary/f$1"; }
reader() { sum <"$MNT/primary/f$1" >"$T/sum.$1"; }
four() { # COMMAND: as four processes
	local i pid pids=()
	for i in 1 2 3 4; do
		"$1" $i &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid" || return 1
	done
}

watch_memory
ok "four writers" four writer
memory_stayed_within 306 "four writers"
watch_memory
ok "four readers" four reader
memory_stayed_within 306 "four readers"
for i in 1 2 3 4; do
	is "$(cat "$T/sum.$i")" "$(stream $i 1G | sum)" "stream $i"
	rm "$MNT/primary/f$i"
done
