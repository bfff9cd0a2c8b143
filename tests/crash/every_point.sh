#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The daemon ends at its N-th crash point, for N = 1, 2, 3 ... until the workload
# runs through: what was acknowledged is there, nothing is half, no upload is an
# orphan, somebody else's is untouched.
#
# CRASH_SAMPLE=N: about so many points of each workload; 0 = every one.
. "$(dirname "$0")/lib.sh"

# count KIND: the points of a run that is not disturbed
count() {
	fresh_store
	: >"$LOG"
	start 0 || fail "$1: the mount did not come up"
	python3 "$WORK" run "$1" "$MNT/primary" "$T/notes" || fail "$1: the workload ends with $?"
	umount_quietly
	POINTS=$(sed -n 's/^crash points: //p' "$LOG" | tail -1)
	holds "$1 undisturbed"
}

# one KIND N
one() {
	local status=0
	fresh_store
	: >"$T/notes"
	if start "$2"; then
		python3 "$WORK" run "$1" "$MNT/primary" "$T/notes" || status=$?
		# the end of the mount has points too
		[ "$status" -ne 0 ] || wait_for 30 umount "$MNT" 2>/dev/null || true
	fi
	gone_suddenly || say "$1: ran through before point $2"
	holds "$1 at point $2"
}

foreign_upload
for kind in ${CRASH_KINDS:-stream append small}; do
	count "$kind"
	step=1
	[ "${CRASH_SAMPLE:-0}" -eq 0 ] || step=$(((POINTS + CRASH_SAMPLE - 1) / CRASH_SAMPLE))
	tried=0 before=$FAILED
	for ((n = 1 + (${CRASH_SEED:-0} % step); n <= POINTS; n += step)); do
		one "$kind" "$n"
		tried=$((tried + 1))
	done
	[ "$FAILED" -ne "$before" ] || printf 'ok - %s: %s of %s points\n' "$kind" "$tried" "$POINTS"
done
