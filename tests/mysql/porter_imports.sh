#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# porter import: with no mount, from a bucket, a file and a pipe; what is wrong
# is a sentence and a status; a signal ends it, and its name goes on.
: "${TEST_MYSQL_A:?servers: start this by tests/mysql/run}"
: "${PORTER:?the tool under test: run this with meson test --suite mysql}"
PORTERFS=none
# shellcheck source=../mount/lib.sh
. "$(dirname "$0")/../mount/lib.sh"

ask() { mariadb --defaults-file="$TEST_MYSQL_A/client.cnf" -N -e "$1"; }
ask "CREATE OR REPLACE DATABASE pi_src; USE pi_src; CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(200));
INSERT INTO t SELECT seq, REPEAT('x', 150) FROM mysql.seq_1_to_60000;
CREATE TABLE u (id INT PRIMARY KEY); INSERT INTO u VALUES (1), (2), (3); DROP DATABASE IF EXISTS pi"
open_store
{
	porter_env
	echo "DB_SOCKET=$TEST_MYSQL_A/socket"
	echo DB_USERNAME=root
	echo DB_DATABASE=pi_src
} >"$T/.env"
chmod 600 "$T/.env"

# porter WORD...: $STATUS, and what it says in $T/said
porter() {
	STATUS=0
	env -i PATH="$PATH" HOME="$T" "$PORTER" "$1" --env-file "$T/.env" "${@:2}" \
		>"$T/out" 2>"$T/said" || STATUS=$?
}
sum() { ask "CHECKSUM TABLE $1.t EXTENDED" | cut -f 2; }
want=$(sum pi_src)

porter export out=primary/a/b.sql.zst
is "$STATUS" 0 "an export"
porter import from=primary/a/b.sql.zst db=pi
is "$STATUS $(sum pi)" "0 $want" "from a bucket, into another database"
like "$(cat "$T/said")" '60003 rows, 0 failed' "it says what"
ask 'DROP DATABASE pi'
porter import s3://b-primary/a/b.sql.zst --db=pi --quiet
is "$STATUS $(sum pi) $(cat "$T/said")" "0 $want " "the classic form, by the bucket's name, quiet"
ask 'DROP DATABASE pi'
porter import from=primary/a/b.sql.zst db=pi tables=u
is "$STATUS $(ask 'SHOW TABLES FROM pi') $(ask 'SELECT COUNT(*) FROM pi.u')" "0 u 3" "one table of it, by its index"
like "$(cat "$T/said")" ' 3 rows, 0 failed' "and nothing else was read"
porter export "out=$T/file.sql" quiet
ask 'DROP DATABASE pi'
porter import "$T/file.sql" db=pi threads=2
is "$STATUS $(sum pi)" "0 $want" "from a file"
ask 'DROP DATABASE pi'
porter import - db=pi <"$T/file.sql"
is "$STATUS $(sum pi)" "0 $want" "from standard input"

porter import db=pi
is "$STATUS" 2 "no dump: wrong words"
porter import "$T/file.sql" bogus=1
like "$STATUS $(cat "$T/said")" "2 .*no word 'bogus'" "an unknown word is named"
porter import "$T/nope.sql"
is "$STATUS" 1 "no such file"
porter import "$T/file.sql" db=pi
like "$STATUS $(cat "$T/said")" "1 .*table 't' exists in 'pi'" "a table that exists: nothing is changed"
is "$(sum pi)" "$want" "indeed"
head -c 100000 "$T/file.sql" >"$T/cut.sql"
porter import "$T/cut.sql" db=pi2
like "$STATUS $(cat "$T/said")" '1 .*TRUNCATED' "a dump that was cut"
is "$(ask "SHOW DATABASES LIKE 'pi2'")" '' "and nothing was made"

# a signal in the middle; the same command goes on
{
	echo 'CREATE TABLE w (id INT PRIMARY KEY);'
	echo 'INSERT INTO w VALUES (1);'
	echo 'DO SLEEP(20);'
	echo 'INSERT INTO w VALUES (2);'
} >"$T/slow.sql"
env -i PATH="$PATH" HOME="$T" "$PORTER" import --env-file "$T/.env" "$T/slow.sql" db=pi job=slow \
	>"$T/out" 2>"$T/said" &
pid=$!
wait_for 20 bash -c "mariadb --defaults-file='$TEST_MYSQL_A/client.cnf' -N -e 'SHOW PROCESSLIST' | grep -q SLEEP"
kill -TERM "$pid"
status=0
wait "$pid" || status=$?
like "$status $(cat "$T/said")" '1 .*goes on from here.*cancelled' "SIGTERM ends it with a sentence"
is "$(ask 'SELECT * FROM pi.w')" 1 "what was committed is there"
sed -i 's/SLEEP(20)/SLEEP( 0)/' "$T/slow.sql"
porter import "$T/slow.sql" db=pi job=slow
like "$STATUS $(cat "$T/said")" '1 .*another version' "a file that was changed is another dump"
ask 'DROP DATABASE porter_import'

ask 'DROP DATABASE pi; DROP DATABASE pi_src'
