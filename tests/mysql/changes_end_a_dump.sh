#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What happens to the tables and sessions of a dump while it runs: it ends with a
# sentence and without a file, never with half of one.  The dump is held by its
# own output, a pipe that nobody reads for a while.
# shellcheck source=lib.sh disable=SC2016,SC2034
. "$(dirname "$0")/lib.sh"

setup() {
	sql "$A" <<-'SQL'
	CREATE OR REPLACE DATABASE changing;
	USE changing;
	CREATE TABLE a_large (id INT PRIMARY KEY, t LONGTEXT);
	INSERT INTO a_large SELECT seq, REPEAT('x', 400000) FROM seq_1_to_40;
	CREATE TABLE z_small (id INT PRIMARY KEY, v INT);
	INSERT INTO z_small VALUES (1, 1);
	SQL
}

# while_held WHAT STATEMENT WORD...: run STATEMENT when the first table is being
# read and the pipe is full; then let the rest come
while_held() {
	local what=$1 statement=$2 pid status=0
	shift 2
	rm -f "$T/pipe" "$T/rest"
	mkfifo "$T/pipe"
	"$DUMP_TOOL" -s "$TEST_MYSQL_A/socket" -u root db=changing threads=1 out=- "$@" \
		>"$T/pipe" 2>"$T/said" &
	pid=$!
	exec 7<"$T/pipe"
	# The head and more of the first rows than a pipe holds.
	dd bs=1M count=2 iflag=fullblock <&7 >"$T/rest" 2>/dev/null
	eval "$statement" >"$T/did" 2>&1 || fail "$what: $(cat "$T/did")"
	cat <&7 >>"$T/rest"
	exec 7<&-
	wait "$pid" || status=$?
	STATUS=$status
}

# ended WHAT PATTERN: with that sentence, no completion line
ended() {
	is "$STATUS" 1 "$1: the dump fails"
	like "$(cat "$T/said")" "$2" "$1: the sentence"
	is "$(tail -n 2 "$T/rest" | grep -ac 'Dump completed' || true)" 0 "$1: it does not say it is complete"
}

# The one session of the dump that is reading.
reader_id() {
	ask "$A" "SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT SQL_NO_CACHE%a_large%' AND id <> CONNECTION_ID()"
}

setup
while_held 'nothing' true
is "$STATUS" 0 "nothing happens: the dump is whole"
is "$(tail -n 1 "$T/rest" | cut -c 1-20)" '-- Dump completed on' "and says so"

while_held 'ADD COLUMN' 'ask "$A" "ALTER TABLE changing.z_small ADD COLUMN w INT, ALGORITHM=INSTANT"'
ended 'instant ADD COLUMN' 'z_small. was altered'
setup
while_held 'TRUNCATE' 'ask "$A" "TRUNCATE TABLE changing.z_small"'
ended TRUNCATE 'z_small. was altered, truncated or made anew'
setup
while_held 'DROP' 'ask "$A" "DROP TABLE changing.z_small"'
ended DROP "z_small.*doesn't exist"
setup
while_held 'KILL' 'ask "$A" "KILL $(reader_id)"'
ended KILL 'a_large.*the session was lost, killed'
while_held 'KILL QUERY' 'ask "$A" "KILL QUERY $(reader_id)"'
ended 'KILL QUERY' 'a_large.*(interrupted|lost)'

# A store that is slower than the server's patience.
patience=$(ask "$A" 'SELECT @@GLOBAL.net_write_timeout')
ask "$A" 'SET GLOBAL net_write_timeout = 1'
while_held 'a slow reader' 'sleep 3'
is "$STATUS" 0 "three seconds of silence at a patience of one: the dump is whole"
ask "$A" "SET GLOBAL net_write_timeout = $patience"

# The server goes away and comes back.
options=(--log-bin --binlog-format=ROW --max-binlog-size=64M --expire-logs-days=1)
port=$(ask "$A" 'SELECT @@port')
while_held 'a restart' '"$here/../../scripts/mariadb" stop "$TEST_MYSQL_A" &&
	"$here/../../scripts/mariadb" start "$TEST_MYSQL_A" "${options[@]}" --port="$port"'
ended 'a restart' 'the session was lost, killed or the server stopped'

# Files: whole or not there.
rm -rf "$T/out"
mkdir "$T/out"
dump "$TEST_MYSQL_A" db=changing tables='a_large' where.a_large='id / 0 > nothing' out="$T/out/x.sql" &&
	fail "a condition that is none passes"
like "$(cat "$T/said")" "a_large.*Unknown column 'nothing'" "a condition that is none is told"
is "$(ls "$T/out")" '' "and leaves nothing"

ask "$A" 'DROP DATABASE changing'
finish
