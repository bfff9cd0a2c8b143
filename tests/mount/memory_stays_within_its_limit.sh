#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Four writers at once, and then readers: anonymous memory stays within
# memory_limit and 50 MiB, and is handed back when nothing goes on.
. "$(dirname "$0")/lib.sh"

size=150
mount_porterfs -o memory_limit=64M
peak=0
sampled() { # PID...: samples RssAnon until all of them have ended
	local now pid
	for pid in "$@"; do
		while kill -0 "$pid" 2>/dev/null; do
			now=$(awk '/RssAnon/ { print $2 }' "/proc/$DAEMON/status")
			[ "$now" -le "$peak" ] || peak=$now
			sleep 0.1
		done
		wait "$pid" || fail "process $pid failed"
	done
}
pids=()
for i in 1 2 3 4; do
	head -c ${size}M /dev/zero >"$MNT/primary/f$i" &
	pids+=($!)
done
sampled "${pids[@]}"
pids=()
for i in 1 2 3 4; do
	is "$(stat -c %s "$STORE/b-primary/f$i")" $((size << 20)) "file $i is whole"
	cat "$MNT/primary/f$i" >/dev/null &
	pids+=($!)
done
sampled "${pids[@]}"
say "peak RssAnon $peak KiB"
small() { [ "$(awk '/RssAnon/ { print $2 }' "/proc/$DAEMON/status")" -lt $((16 << 10)) ]; }
# a sanitizer keeps freed memory aside
if ! grep -q __asan_init "$PORTERFS"; then
	[ "$peak" -le $(((64 + 50) << 10)) ] || fail "peak RssAnon $peak KiB is above the limit"
	ok "idle, it is handed back" wait_for 60 small
fi
[ "$peak" -gt 0 ] || fail "nothing was sampled"
