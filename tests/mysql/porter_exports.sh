#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# porter export: with no mount, into a bucket and into files; what is wrong is a
# sentence and a status; a signal leaves nothing.
: "${TEST_MYSQL_A:?servers: start this by tests/mysql/run}"
: "${PORTER:?the tool under test: run this with meson test --suite mysql}"
PORTERFS=none
# shellcheck source=../mount/lib.sh
. "$(dirname "$0")/../mount/lib.sh"

ask() { mariadb --defaults-file="$TEST_MYSQL_A/client.cnf" -N -e "$1"; }
ask "CREATE OR REPLACE DATABASE tool; USE tool; CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(200));
INSERT INTO t SELECT seq, REPEAT('x', 150) FROM mysql.seq_1_to_50000"
open_store
{
	porter_env
	echo "DB_SOCKET=$TEST_MYSQL_A/socket"
	echo DB_USERNAME=root
	echo DB_DATABASE=tool
} >"$T/.env"
chmod 600 "$T/.env"
printf '[client]\nuser = root\nsocket = %s\n' "$TEST_MYSQL_A/socket" >"$T/.my.cnf"

# porter WORD...: $STATUS, and what it says in $T/said
porter() {
	STATUS=0
	env -i PATH="$PATH" HOME="$T" "$PORTER" export --env-file "$T/.env" "$@" \
		>"$T/out" 2>"$T/said" || STATUS=$?
}
last() { tail -n 1 "$1" | cut -c 1-20; }
whole='-- Dump completed on'

porter out=primary/a/b.sql
is "$STATUS $(last "$STORE/b-primary/a/b.sql")" "0 $whole" "into a bucket"
like "$(cat "$T/said")" '1 tables, 50000 rows, .*of one moment: binlog' "it says what and of which moment"
ok "with its index" test -s "$STORE/b-primary/a/b.sql.idx"
porter s3://b-source/c.sql.gz --drop-if-exists --no-expiration --quiet
is "$STATUS $(zcat "$STORE/b-source/c.sql.gz" | tail -n 1 | cut -c 1-20)" "0 $whole" "the classic form, by the bucket's name"
is "$(cat "$T/said")" '' "quiet"
porter db=tool out=d.sql.zst index=off
is "$STATUS $(zstd -dc "$STORE/b-alt/d.sql.zst" | tail -n 1 | cut -c 1-20)" "0 $whole" "without a bucket: alt-export"
ok "no index" test ! -e "$STORE/b-alt/d.sql.zst.idx"
porter --db=tool --out="$T/file.sql"
is "$STATUS $(last "$T/file.sql")" "0 $whole" "into a file"
porter db=tool out=-
is "$STATUS $(last "$T/out")" "0 $whole" "to standard output"
porter dryrun db=tool
is "$STATUS $(cut -d ' ' -f 3,4 "$T/out")" "0 1 tables," "dryrun"

porter db=tool
is "$STATUS" 2 "no target: wrong words"
porter db=tool out=x.sql bogus=1
is "$STATUS" 2 "an unknown word"
like "$(cat "$T/said")" "no word 'bogus'" "is named"
porter db=nope out=x.sql
is "$STATUS" 1 "no such database"
like "$(cat "$T/said")" "Unknown database 'nope'" "is named"
porter db=tool out=nobucket/x.sql
is "$STATUS" 1 "no such bucket"
porter conn=nope db=tool out=x.sql
like "$STATUS $(cat "$T/said")" "1 .*no connection 'nope'" "no such connection"
sed -i '/^DB_/d' "$T/.env"
porter db=tool out="$T/cnf.sql"
is "$STATUS $(last "$T/cnf.sql")" "0 $whole" "the home directory's .my.cnf has the connection"

# a signal in the middle: the pipe that is full holds the dump
ask "USE tool; INSERT INTO t SELECT seq + 50000, REPEAT('y', 150) FROM mysql.seq_1_to_200000"
mkfifo "$T/pipe"
env -i PATH="$PATH" HOME="$T" "$PORTER" export --env-file "$T/.env" db=tool out=- >"$T/pipe" 2>"$T/said" &
pid=$!
exec 7<"$T/pipe"
dd bs=1M count=1 iflag=fullblock <&7 >/dev/null 2>&1
kill -TERM "$pid"
cat <&7 >"$T/rest"
exec 7<&-
status=0
wait "$pid" || status=$?
like "$status $(cat "$T/said")" '1 .*cancelled' "SIGTERM ends it with a sentence"
is "$(grep -c 'Dump completed' "$T/rest" || true)" 0 "and without the last line"

is "$(find "$STORE" -name 'x.sql*' | wc -l) $(uploads primary) $(uploads alt)" "0 0 0" "what failed left nothing"
ask 'DROP DATABASE tool'
