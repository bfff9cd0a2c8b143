#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Eighty writers of 20 MiB at 200 KB/s each, with 256 MiB of memory for what would
# be 640 MiB of half-filled parts: all finish as fast as they write, the rest
# waits on disk, and memory stays within its limit.
. "$(dirname "$0")/../mount/lib.sh"

writers=80
size=$((20 << 20))
rate=200000
mount_porterfs -o memory_limit=256M

# The peaks of anonymous memory and of what is staged, until PID ends.
peak=0
staged=0
sample() {
	local now
	while kill -0 "$1" 2>/dev/null; do
		now=$(awk '/RssAnon/ { print $2 }' "/proc/$DAEMON/status")
		[ "$now" -le "$peak" ] || peak=$now
		now=$(metric porterfs_staging_bytes)
		[ "$now" -le "$staged" ] || staged=$now
		sleep 0.5
	done
}
metric() { awk -v name="$1" '$1 == name { print $2 }' "$MNT/.porter/metrics"; }

python3 "$(dirname "$0")/slow_writers.py" "$MNT/primary" $writers $size $rate >"$T/times" &
program=$!
sample $program
ok "all writers finish" wait $program
read -r seconds write close <"$T/times"
say "$seconds s, longest write $write s, longest close $close s"
say "peak RssAnon $peak KiB, $(metric porterfs_spills_total) spills of" \
	"$(metric porterfs_spilled_bytes_total) bytes, at most $staged staged at once"
ok "within 130 s" awk -v s="$seconds" 'BEGIN { exit !(s < 130) }'
ok "bytes were spilled" [ "$(metric porterfs_spills_total)" -gt 0 ]
is "$(metric porterfs_staging_bytes)" 0 "and staging is empty again"
# a sanitizer keeps freed memory aside
if ! grep -q __asan_init "$PORTERFS"; then
	ok "RssAnon stayed within 306 MiB" [ "$peak" -le $((306 << 10)) ]
fi

bad=0
for ((i = 0; i < writers; i++)); do
	line=$(printf '%03d %012d' $i 0)
	stored "primary/slow$i" | cmp -s - <(yes "$line" | head -c $size) || bad=$((bad + 1))
done
is $bad 0 "every object has its writer's bytes"
