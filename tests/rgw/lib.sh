# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What the tests on a real gateway start with: tests/mount/lib.sh on three
# buckets of their own (store.sh), and what only they need.
: "${TEST_RGW_ENV:?a running gateway: start this by tests/rgw/run}"
# shellcheck source=../mount/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../mount/lib.sh"

# stream SEED SIZE: as many bytes that look random and are always the same
stream() {
	head -c "$2" /dev/zero |
		openssl enc -aes-128-ctr -K "$(printf '%032x' "$1")" -iv 0 2>/dev/null
}

sum() { sha256sum | cut -d ' ' -f 1; }

# Sample the daemon's anonymous memory ten times a second.
watch_memory() {
	: >"$T/memory"
	while grep -o 'RssAnon:.*' "/proc/$DAEMON/status" >>"$T/memory" 2>/dev/null; do
		sleep 0.1
	done &
	WATCH=$!
}

# memory_stayed_within MIB WHAT: since watch_memory
memory_stayed_within() {
	local peak count
	kill "$WATCH"
	wait "$WATCH" 2>/dev/null || true
	count=$(wc -l <"$T/memory")
	peak=$(awk '$2 > peak { peak = $2 } END { print int(peak / 1024) }' "$T/memory")
	say "peak RssAnon $peak MiB in $count samples"
	[ "$count" -ge 10 ] || fail "$2: only $count samples"
	[ "$peak" -le "$1" ] || fail "$2: $peak MiB of memory, allowed are $1"
}

# took_at_most SECONDS WHAT COMMAND...: it ends, however, in time
took_at_most() {
	local limit=$1 what=$2 begin=${EPOCHREALTIME/./} ms
	shift 2
	"$@" || true
	ms=$(((${EPOCHREALTIME/./} - begin) / 1000))
	if [ "$ms" -gt $((limit * 1000)) ]; then
		fail "$what: took $ms ms"
	else
		printf 'ok - %s (%d ms)\n' "$what" "$ms"
	fi
}

# head_of BUCKET/KEY: the object's headers as lower-case lines "name: value"
head_of() { s3 HEAD "$1" | tr -d '\r' | sed -E 's/^[^:]*:/\L&/'; }

# header BUCKET/KEY NAME
header() { head_of "$1" | sed -n "s/^$2: //p"; }
