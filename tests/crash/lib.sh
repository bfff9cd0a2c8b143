# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What the crash tests share: a workload on a mount whose daemon ends suddenly,
# and what must hold after the next start.

# shellcheck source=../mount/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../mount/lib.sh"

# bash tells of each daemon that was killed: only shown when something failed
exec 2>>"$T/stderr"
trap 'status=$?; set +e; [ "$status" -eq 0 ] || tail -20 "$T/stderr"; (exit "$status"); finish' EXIT

WORK="$(dirname "${BASH_SOURCE[0]}")/work.py"

# Somebody else's upload, which nobody of us may touch: of a daemon with another
# state_dir that was killed while it wrote.
foreign_upload() {
	local status=0
	mount_porterfs
	(head -c 9M /dev/zero && sleep 60) >"$MNT/primary/foreign" &
	wait_for 20 has_uploads 1
	kill -KILL "$DAEMON"
	wait "$DAEMON" 2>/dev/null || status=$?
	DAEMON=
	umount -l "$MNT"
	kill -KILL $! 2>/dev/null
	wait $! 2>/dev/null || true
	rm -rf "$T/state" "$T/cache"
	FOREIGN=$(ls "$STORE/.porterfs/b-primary")
}

has_uploads() { [ "$(uploads primary)" -ge "$1" ]; }

# start N: a daemon that will end at its N-th point; 1 = it has, before it served
start() {
	(umask 077 && porter_env >"$T/.env")
	env -i PATH="$PATH" HOME="$T" PORTERFS_CRASH_AT="$1" \
		ASAN_OPTIONS="${ASAN_OPTIONS:-}" UBSAN_OPTIONS="${UBSAN_OPTIONS:-}" \
		"$PORTERFS" -f --env-file "$T/.env" \
		-o "state_dir=$T/state,cache_dir=$T/cache,part_size=5M" "$MNT" >>"$LOG" 2>&1 &
	DAEMON=$!
	wait_for 20 mounted_or_gone || true
	is_mounted
}

# fresh_store: nothing but the foreign upload
fresh_store() {
	rm -rf "$STORE/b-primary" "$T/state" "$T/cache" "$T/notes"
	mkdir -p "$STORE/b-primary"
	find "$STORE/.porterfs/b-primary" -mindepth 1 -maxdepth 1 -type d ! -name "$FOREIGN" \
		-exec rm -rf {} +
}

# gone_suddenly: the daemon was killed, or is
gone_suddenly() {
	local status=0
	wait "$DAEMON" 2>/dev/null || status=$?
	DAEMON=
	umount -l "$MNT" 2>/dev/null || true
	[ "$status" -eq 137 ]
}

# check_notes WHAT DIR NOTES: C1 and C2 hold
check_notes() {
	local out
	[ -d "$2" ] || { [ ! -s "$3" ] || fail "$1: the directory is gone"; return 0; }
	out=$(python3 "$WORK" check "$2" "$3" 2>&1) || fail "$1: $out"
}

# check_uploads WHAT MOST: somebody else's is there; so many of ours at most,
# which the journal knows
check_uploads() {
	local list id
	list=$(find "$STORE/.porterfs/b-primary" -mindepth 1 -maxdepth 1 -type d -printf '%f\n')
	grep -qx "$FOREIGN" <<<"$list" || fail "$1: the foreign upload is gone"
	list=$(grep -vx "$FOREIGN" <<<"$list" || true)
	[ "$(wc -w <<<"$list")" -le "$2" ] || fail "$1: uploads are left: $list"
	for id in $list; do
		grep -qaF "$id" "$T/state/journal/"* || fail "$1: upload $id is an orphan"
	done
}

# holds WHAT: after the next start
holds() {
	mount_porterfs
	check_notes "$1" "$MNT/primary" "$T/notes"
	umount_quietly
	check_uploads "$1" 1
}

# As umount_porterfs, without a line for each of hundreds.
umount_quietly() {
	wait_for 30 umount "$MNT" 2>>"$T/umount.log" || fail "umount went on saying busy"
	local status=0
	wait "$DAEMON" || status=$?
	DAEMON=
	[ "$status" -eq 0 ] || fail "the daemon ends with $status"
}
