#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A server that says nothing does not hold the command: a signal ends it at once,
# and no mount turns up later.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/peer.sh"

start_peer
rules 'request=* action=stall'
start() {
	env -i PATH="$PATH" HOME="$T" ASAN_OPTIONS="${ASAN_OPTIONS:-}" AWS_ENDPOINT="$PEER_URL" \
		AWS_BUCKET=b-primary AWS_ACCESS_KEY_ID=AKPEER AWS_SECRET_ACCESS_KEY=SKPEER \
		"$PORTERFS" "$@" "$MNT" >"$T/out" 2>&1 &
	command=$!
	sleep 0.5 # it has asked by now
}
gone() { ! kill -0 "$1" 2>/dev/null; }

start -f
kill -TERM "$command"
status=0
SECONDS=0
wait "$command" || status=$?
is "$status" 1 "in the foreground: 1"
ok "at once" test $SECONDS -le 1
like "$(cat "$T/out")" "stopped by a signal" "and says so"

start
child=$(pgrep -P "$command")
kill -TERM "$command"
ok "without its command the daemon ends, too" wait_for 3 gone "$child"
wait "$command" || true
! is_mounted || fail "something is mounted"
