#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The daemon is killed at random moments while the three workloads run side by
# side: the same must hold as at each crash point.
#
# CRASH_KILLS=N: so many times; CRASH_SEED: of the moments.
. "$(dirname "$0")/lib.sh"

RANDOM=${CRASH_SEED:-1}
kinds=(stream append small)

# one N
one() {
	local kind pids=()
	fresh_store
	start 1000000000 || fail "kill $1: the mount did not come up"
	for kind in "${kinds[@]}"; do
		mkdir "$MNT/primary/$kind"
		: >"$T/notes.$kind"
		python3 "$WORK" run "$kind" "$MNT/primary/$kind" "$T/notes.$kind" &
		pids+=($!)
	done
	sleep "$(printf '0.%03d' $((RANDOM % 900)))"
	kill -KILL "$DAEMON"
	gone_suddenly || fail "kill $1: the daemon had ended before"
	wait "${pids[@]}" || true
	mount_porterfs
	for kind in "${kinds[@]}"; do check_notes "kill $1, $kind" "$MNT/primary/$kind" "$T/notes.$kind"; done
	umount_quietly
	check_uploads "kill $1" 2
}

foreign_upload
for ((n = 1; n <= ${CRASH_KILLS:-10}; n++)); do one "$n"; done
[ "$FAILED" -ne 0 ] || printf 'ok - %s kills, seed %s\n' "${CRASH_KILLS:-10}" "${CRASH_SEED:-1}"
