#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Dumps of others are loaded as their own tools load them: mariadb-dump (plain,
# packed, with hexadecimal blobs), mydumper, phpMyAdmin's style; a statement of
# 128 MB; CRLF and UTF-16.  Run it by tests/mysql/run.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
tool=${LOAD_TOOL:?the import under test}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export DB_SOCKET=$TEST_MYSQL_A/socket DB_USERNAME=root

client() {
	mariadb --defaults-file="$TEST_MYSQL_A/client.cnf" --max-allowed-packet=1G "$@"
}
fresh() { # SCHEMA...
	local name
	for name; do client -e "DROP DATABASE IF EXISTS $name; CREATE DATABASE $name"; done
}
load() { # FILE WORD...
	"$tool" "$@" >"$dir/out" 2>"$dir/notes" || { cat "$dir/out" "$dir/notes"; exit 1; }
}

# Everything of a schema that a dump can carry, its name left out.
describe() { # SCHEMA
	client -N -e "SELECT table_name, table_type, engine, table_collation, table_comment,
			auto_increment FROM information_schema.tables WHERE table_schema='$1' ORDER BY 1;
		SELECT table_name, ordinal_position, column_name, column_default, column_type,
			collation_name, column_key, extra, column_comment
			FROM information_schema.columns WHERE table_schema='$1' ORDER BY 1, 2;
		SELECT table_name, index_name, seq_in_index, column_name, non_unique
			FROM information_schema.statistics WHERE table_schema='$1' ORDER BY 1, 2, 3;
		SELECT trigger_name, event_object_table, action_statement, sql_mode
			FROM information_schema.triggers WHERE trigger_schema='$1' ORDER BY 1;
		SELECT routine_name, routine_definition, sql_mode
			FROM information_schema.routines WHERE routine_schema='$1' ORDER BY 1;
		SELECT table_name, view_definition FROM information_schema.views
			WHERE table_schema='$1' ORDER BY 1" | sed "s/\`$1\`/X/g"
	local table
	for table in $(client -N -e "SELECT table_name FROM information_schema.tables
			WHERE table_schema='$1' AND table_type='BASE TABLE' ORDER BY 1"); do
		client -N -e "CHECKSUM TABLE \`$1\`.\`$table\` EXTENDED" | sed "s/$1/X/"
	done
}
same() { # WHAT, after both were made
	describe lo_want >"$dir/want"
	describe lo_got | tr -d '\r' >"$dir/got"
	diff "$dir/want" "$dir/got" || { echo "not the same: $1"; exit 1; }
	[ -s "$dir/want" ] || { echo "nothing to compare: $1"; exit 1; }
	echo "ok $1"
}

fresh lo_src
client --comments lo_src <<'SQL'
CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, s VARCHAR(200) COMMENT 'it''s;', b LONGBLOB,
	d DECIMAL(20,5), f DOUBLE, e ENUM('a;','b'), j JSON, ts TIMESTAMP NULL, UNIQUE KEY (s));
INSERT INTO t (s, b, d, f, e, j, ts) VALUES ('a;\'"`\\', UNHEX('00FF5C270A0D1A22'), -1.5, 1e-300,
	'a;', '{"k": "v;\\"x"}', '2026-01-01 00:00:00'), ('-- x\n/* y */', '', 0, -0e0, 'b', '[]', NULL);
CREATE TABLE many (id INT PRIMARY KEY, t TEXT, KEY (t(20)));
INSERT INTO many SELECT seq, CONCAT('row ', seq, ' it''s ', REPEAT('é;', seq % 50)) FROM seq_1_to_30000;
CREATE TABLE nokey (n INT, l LONGTEXT CHARACTER SET gbk);
INSERT INTO nokey VALUES (1, _gbk 0xBF5C), (2, NULL), (1, _gbk 0x8160);
CREATE TABLE old (n INT) ENGINE=MyISAM;
INSERT INTO old VALUES (1), (2);
CREATE VIEW v AS SELECT id, s FROM t;
DELIMITER ;;
CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW BEGIN
	SET @x = 'a;'; -- it's; kept
END;;
CREATE FUNCTION fn() RETURNS INT DETERMINISTIC BEGIN
	RETURN 1; /* kept; */
END;;
DELIMITER ;
SQL

from_mariadb_dump() { # WORDS
	mariadb-dump --defaults-file="$TEST_MYSQL_A/client.cnf" --routines "$@" \
		lo_src >"$dir/dump.sql"
	fresh lo_want lo_got
	client --comments lo_want <"$dir/dump.sql"
	load "$dir/dump.sql" db=lo_got
	same "mariadb-dump $*"
}
from_mariadb_dump
from_mariadb_dump --hex-blob --single-transaction --skip-extended-insert
from_mariadb_dump --compatible=ansi --complete-insert --skip-routines --skip-triggers
from_mariadb_dump --skip-comments --skip-opt

gzip -k "$dir/dump.sql"
fresh lo_got
load "$dir/dump.sql.gz" db=lo_got
same 'gzip'
xz -k "$dir/dump.sql"
fresh lo_got
load "$dir/dump.sql.xz" db=lo_got
same 'xz'

if command -v mydumper >/dev/null; then
	# Not its triggers and routines: those files have no DELIMITER, and only
	# its own myloader guesses where their bodies end.
	mydumper --socket "$TEST_MYSQL_A/socket" --user root --database lo_src \
		--outputdir "$dir/my" >"$dir/my.log" 2>&1 || { cat "$dir/my.log"; exit 1; }
	fresh lo_got
	for file in "$dir"/my/*-schema.sql "$dir"/my/*-schema-view.sql "$dir"/my/lo_src.*.sql; do
		case $file in *-schema-view.sql | *-schema.sql) [ ! -e "$file.loaded" ] || continue ;; esac
		: >"$file.loaded"
		load "$file" db=lo_got
	done
	fresh lo_want
	client --comments lo_want <"$dir/dump.sql"
	for table in t many nokey old; do
		[ "$(client -N -e "CHECKSUM TABLE lo_want.$table" | cut -f 2)" = \
			"$(client -N -e "CHECKSUM TABLE lo_got.$table" | cut -f 2)" ] ||
			{ echo "not the same: mydumper's $table"; exit 1; }
	done
	echo 'ok mydumper'
fi

fresh lo_want lo_got
client --comments lo_want <"$top/tests/mysql/data/phpmyadmin.sql"
load "$top/tests/mysql/data/phpmyadmin.sql" db=lo_got
same 'phpMyAdmin'

# With CRLF and a byte order mark, as editors on Windows leave it. The client
# drops the CRs of code, we keep what is written.
{ printf '\xEF\xBB\xBF' && sed 's/$/\r/' "$top/tests/mysql/data/phpmyadmin.sql"; } >"$dir/crlf.sql"
sed 's/$/\r/' "$top/tests/mysql/data/phpmyadmin.sql" >"$dir/crlf-plain.sql"
fresh lo_want lo_got
client --comments lo_want <"$dir/crlf-plain.sql"
load "$dir/crlf.sql" db=lo_got
same 'CRLF and a byte order mark'

{ printf '\xFF\xFE' && iconv -f UTF-8 -t UTF-16LE "$top/tests/mysql/data/phpmyadmin.sql"; } >"$dir/wide.sql"
fresh lo_want lo_got
client --comments lo_want <"$top/tests/mysql/data/phpmyadmin.sql"
load "$dir/wide.sql" db=lo_got
same 'UTF-16'

fresh lo_got
{
	echo "CREATE TABLE big (id INT PRIMARY KEY, b LONGTEXT);"
	printf "INSERT INTO big VALUES (1,'"
	head -c 134217728 /dev/zero | tr '\0' x
	echo "');"
	echo "INSERT INTO big VALUES (2,'y');"
} >"$dir/big.sql"
load "$dir/big.sql" db=lo_got
[ "$(client -N -e 'SELECT GROUP_CONCAT(LENGTH(b) ORDER BY id) FROM lo_got.big')" = 134217728,1 ]
echo 'ok a statement of 128 MB'

client -e 'DROP DATABASE lo_src; DROP DATABASE lo_want; DROP DATABASE lo_got'
