#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Four writers at once, and then readers: anonymous memory stays within
# memory_limit and 50 MiB.
. "$(dirname "$0")/lib.sh"

size=150
mount_porterfs -o memory_limit=64M
peak=0
sampled() { # samples RssAnon until the jobs are done
	local now
	while jobs -r %writers >/dev/null 2>&1 && [ -n "$(jobs -r)" ]; do
		now=$(awk '/RssAnon/ { print $2 }' "/proc/$DAEMON/status")
		[ "$now" -le "$peak" ] || peak=$now
		sleep 0.1
		[ "$(jobs -rp | grep -cv "^$DAEMON\$")" -gt 0 ] || break
	done
}
for i in 1 2 3 4; do
	head -c ${size}M /dev/zero >"$MNT/primary/f$i" &
done
sampled
for i in 1 2 3 4; do
	is "$(stat -c %s "$STORE/b-primary/f$i")" $((size << 20)) "file $i is whole"
	cat "$MNT/primary/f$i" >/dev/null &
done
sampled
say "peak RssAnon $peak KiB"
if [ -z "${ASAN_OPTIONS:-}" ] && [ "$peak" -gt $(((64 + 50) << 10)) ]; then
	fail "peak RssAnon $peak KiB is above the limit"
fi
[ "$peak" -gt 0 ] || fail "nothing was sampled"
