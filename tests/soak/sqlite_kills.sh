#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# sqlite with two writers while the daemon is killed: after each start the
# database is sound, in both journal modes.
#
# SOAK_KILLS=N: so many times in each mode (30); SOAK_SEED: of the moments.
. "$(dirname "$0")/../mount/lib.sh"

command -v sqlite3 >/dev/null || skip "no sqlite3 here"
RANDOM=${SOAK_SEED:-1}
exec 2>>"$T/stderr" # bash tells of each daemon that was killed

# writer DB WHO: rows until the mount is gone
writer() {
	local i
	for i in $(seq 1000); do
		printf 'PRAGMA busy_timeout=20000;\nINSERT INTO t VALUES(%d, %d, hex(randomblob(300)));\n' "$2" "$i" |
			sqlite3 "$1" >/dev/null 2>&1 || return 0
	done
}

# kill_once MODE
kill_once() {
	local db=$MNT/primary/$1.db one two
	writer "$db" 1 &
	one=$!
	writer "$db" 2 &
	two=$!
	sleep "0.$((RANDOM % 900 + 100))"
	kill -KILL "$DAEMON"
	wait "$DAEMON" || true
	DAEMON=
	umount -l "$MNT" || true
	wait "$one" "$two" || true
	mount_porterfs
}

mount_porterfs
for mode in delete wal; do
	db=$MNT/primary/$mode.db
	sqlite3 "$db" "PRAGMA journal_mode=$mode; CREATE TABLE t(who, i, text);" >/dev/null
	umount_porterfs # closed: published
	mount_porterfs
	sound=0
	for ((n = 1; n <= ${SOAK_KILLS:-30}; n++)); do
		kill_once "$mode"
		check=$(sqlite3 "$db" 'PRAGMA integrity_check; SELECT count(*) >= 0 FROM t;' 2>&1 | tr '\n' ' ')
		if [ "$check" = "ok 1 " ]; then
			sound=$((sound + 1))
		else
			fail "$mode, after kill $n: $check"
		fi
	done
	say "$mode: $(sqlite3 "$db" 'SELECT count(*) FROM t') rows"
	is "$sound" "${SOAK_KILLS:-30}" "sqlite, $mode: sound after each kill"
done
