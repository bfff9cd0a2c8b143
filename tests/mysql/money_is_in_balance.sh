#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# One moment: writers move money between accounts of two tables while four
# readers dump them, in steps, 50 times; no dump has a coin more or less.  On
# both servers: by equal binlog positions, and by a lock of all commits.
# shellcheck source=lib.sh disable=SC2016,SC2034
. "$(dirname "$0")/lib.sh"

ACCOUNTS=60000 # more than a step has, so that tables are shared

setup() { # CNF
	sql "$1" <<-SQL
	CREATE OR REPLACE DATABASE money;
	USE money;
	CREATE TABLE a (id INT PRIMARY KEY, coins BIGINT NOT NULL, note CHAR(100) NOT NULL DEFAULT '');
	CREATE TABLE b LIKE a;
	INSERT INTO a SELECT seq, 100, '' FROM seq_1_to_$ACCOUNTS;
	INSERT INTO b SELECT seq, 100, '' FROM seq_1_to_$ACCOUNTS;
	DELIMITER \$\$
	CREATE PROCEDURE move(n INT) BEGIN
	 WHILE n > 0 DO
	  START TRANSACTION;
	  SET @f = 1 + FLOOR(RAND() * $ACCOUNTS), @t = 1 + FLOOR(RAND() * $ACCOUNTS), @c = FLOOR(RAND() * 50);
	  UPDATE a SET coins = coins - @c WHERE id = @f;
	  UPDATE b SET coins = coins + @c WHERE id = @t;
	  COMMIT;
	  SET n = n - 1;
	 END WHILE;
	END\$\$
	SQL
}

# dumps DIR CNF COUNT
dumps() {
	local i sum writers=() bad=0
	for i in 1 2; do
		while ask "$2" 'CALL money.move(2000)'; do :; done 2>/dev/null &
		writers+=($!)
	done
	for ((i = 0; i < $3; i++)); do
		dump "$1" db=money routines=off threads=4 out="$T/m.sql" || fail "$(cat "$T/said")"
		sum=$(awk -F'[(,]' '/^\(/ { n++; sum += $3 } END { print n, sum }' "$T/m.sql")
		[ "$sum" = "$((2 * ACCOUNTS)) $((200 * ACCOUNTS))" ] || bad=$((bad + 1))
	done
	ask "$2" 'DROP PROCEDURE money.move'
	for i in "${writers[@]}"; do wait "$i" || true; done
	is "$bad" 0 "$3 of $3 dumps are in balance ($(grep -o 'rung.*' "$T/said"))"
	sum=$(ask "$2" "SELECT COUNT(*) > 0 FROM money.a WHERE coins <> 100")
	is "$sum" 1 "money did move"
	ask "$2" 'DROP DATABASE money'
}

setup "$A"
setup "$B"
dumps "$TEST_MYSQL_A" "$A" 50
dumps "$TEST_MYSQL_B" "$B" 10
finish
