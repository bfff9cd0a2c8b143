#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The first SIGTERM waits for writers and then unmounts with 0; the second gives
# them up and leaves with 1.
. "$(dirname "$0")/lib.sh"

mount_porterfs
(
	head -c 20000000 /dev/zero
	sleep 1
	head -c 5000000 /dev/zero
) >"$MNT/primary/f" &
writer=$!
sleep 0.4
kill -TERM "$DAEMON"
wait "$writer"
status=0
wait "$DAEMON" || status=$?
is "$status" 0 "the daemon ends with 0"
is "$(stored primary/f | wc -c)" 25000000 "all bytes are there"
! is_mounted || fail "it is still mounted"

mount_porterfs
(head -c 20000000 /dev/zero; sleep 30) >"$MNT/primary/g" 2>/dev/null &
writer=$!
sleep 0.4
kill -TERM "$DAEMON"
sleep 0.4
kill -TERM "$DAEMON"
status=0
wait "$DAEMON" || status=$?
DAEMON=
is "$status" 1 "a second SIGTERM: 1"
! has_object primary/g || fail "an unfinished file was published"
is "$(uploads primary)" 1 "its upload stays open"
like "$(cat "$LOG")" "'g' was not published, its upload stays open .*: porterfs was stopped" "and the log names it"
! is_mounted || fail "it is still mounted"
kill "$writer" 2>/dev/null || true
pkill -P "$writer" 2>/dev/null || true
wait "$writer" 2>/dev/null || true
