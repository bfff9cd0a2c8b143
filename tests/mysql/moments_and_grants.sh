#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# How one moment is made depends on server and grants, and what an account cannot
# see is told: each rung of the ladder, each privilege.
# shellcheck source=lib.sh disable=SC2016,SC2034
. "$(dirname "$0")/lib.sh"

setup() { # CNF
	sql "$1" <<-'SQL'
	CREATE OR REPLACE DATABASE rungs;
	USE rungs;
	CREATE TABLE t (id INT PRIMARY KEY, v INT);
	INSERT INTO t VALUES (1, 1), (2, 2);
	CREATE TABLE m (id INT PRIMARY KEY) ENGINE=MyISAM;
	CREATE VIEW v AS SELECT id FROM t;
	CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET @x = 1;
	CREATE PROCEDURE p() SELECT 1;
	CREATE EVENT e ON SCHEDULE EVERY 1 YEAR DISABLE DO SET @x = 1;
	CREATE USER IF NOT EXISTS locker@localhost IDENTIFIED BY 'locker';
	GRANT SELECT, LOCK TABLES, TRIGGER, EVENT, SHOW VIEW ON rungs.* TO locker@localhost;
	GRANT SELECT ON mysql.proc TO locker@localhost;
	CREATE USER IF NOT EXISTS reader@localhost IDENTIFIED BY 'reader';
	GRANT SELECT ON rungs.* TO reader@localhost;
	CREATE USER IF NOT EXISTS viewer@localhost IDENTIFIED BY 'viewer';
	GRANT SELECT, SHOW VIEW, TRIGGER, EVENT, EXECUTE ON rungs.* TO viewer@localhost;
	SQL
}
setup "$A"
setup "$B"
all='db=rungs threads=3 out='

# shellcheck disable=SC2086 # words
dump "$TEST_MYSQL_A" $all"$T/1.sql" || fail "$(cat "$T/said")"
like "$(cat "$T/said")" 'rung 1: binlog position .*, the same in 3 sessions' "a binary log: equal positions"
like "$(cat "$T/said")" '1 tables are not transactional' "MyISAM is told"
like "$(sed -n 4,5p "$T/1.sql" | tr '\n' ' ')" 'Snapshot: binlog position .* Complete: yes' "the header has the proof"

# shellcheck disable=SC2086
dump "$TEST_MYSQL_B" $all"$T/3.sql" || fail "$(cat "$T/said")"
like "$(cat "$T/said")" 'rung 3: 3 snapshots under BACKUP STAGE' "RELOAD: commits are blocked"

# shellcheck disable=SC2086
dump_as locker "$TEST_MYSQL_B" $all"$T/4.sql" || fail "$(cat "$T/said")"
like "$(cat "$T/said")" 'rung 4: 3 snapshots under LOCK TABLES' "LOCK TABLES: tables are locked"
is "$(grep -c incomplete "$T/said" || true)" 0 "its grants see everything"

# shellcheck disable=SC2086
dump_as reader "$TEST_MYSQL_B" $all"$T/5.sql" && fail "SELECT alone passes for everything"
for what in triggers events views routines; do
	like "$(cat "$T/said")" "note: $what of .rungs. cannot" "SELECT alone: $what are told"
done
like "$(cat "$T/said")" 'does not see everything' "and it is no dump"
is "$(ls "$T"/5.sql* 2>/dev/null)" '' "no file either"

# shellcheck disable=SC2086
dump_as reader "$TEST_MYSQL_B" $all"$T/5.sql" allow-partial triggers=off events=off views=off routines=off ||
	fail "$(cat "$T/said")"
like "$(cat "$T/said")" 'rung 5: one session$' "classes off: complete, in one session"
# shellcheck disable=SC2086
dump_as reader "$TEST_MYSQL_B" $all"$T/5.sql" allow-partial views=off || fail "$(cat "$T/said")"
like "$(cat "$T/said")" 'incomplete' "allow-partial is told"
like "$(sed -n 5p "$T/5.sql")" 'Complete: no' "and said in the dump"

# shellcheck disable=SC2086
dump_as viewer "$TEST_MYSQL_B" $all"$T/6.sql" && fail "a routine without its text passes"
like "$(cat "$T/said")" 'routines of' "a routine whose text is hidden is told"

# shellcheck disable=SC2086
dump "$TEST_MYSQL_A" $all"$T/0.sql" consistent=0 || fail "$(cat "$T/said")"
like "$(cat "$T/said")" 'rung 0: none: consistent=0' "consistent=0 is said"

dump "$TEST_MYSQL_A" db=nowhere out="$T/x.sql" && fail "a database that is not there passes"
like "$(cat "$T/said")" "Unknown database 'nowhere'" "a database that is not there"
dump "$TEST_MYSQL_A" db=rungs tables='t,nope' out="$T/x.sql" && fail "a table that is not there passes"
like "$(cat "$T/said")" "no table is called 'nope'" "a table that is not there"
dump "$TEST_MYSQL_A" out="$T/x.sql" && fail "no database passes"
like "$(cat "$T/said")" "no database is named" "no database at all"
dump "$TEST_MYSQL_A" db=rungs tables='t' where.t='id > 1' out="$T/w.sql" || fail "$(cat "$T/said")"
is "$(grep -c '^(' "$T/w.sql")$(grep -c '^CREATE TABLE' "$T/w.sql")" 11 "where and tables choose"
is "$(ls "$T"/x.sql* 2>/dev/null)" '' "what failed left nothing"

for cnf in "$A" "$B"; do
	ask "$cnf" 'DROP DATABASE rungs; DROP USER locker@localhost, reader@localhost, viewer@localhost'
done
finish
