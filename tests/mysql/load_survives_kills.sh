#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# An import whose server, or itself, is killed at any moment: going on makes
# exactly what one run without interruption makes.
#
# usage: load_survives_kills.sh LOAD_TOOL [KILLS]
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
tool=$1
kills=${2:-6}

dir=$(mktemp -d)
# shellcheck disable=SC2317 # the trap calls it
finish() {
	"$top/scripts/mariadb" stop "$dir/db" || true
	rm -rf "$dir"
}
trap finish EXIT

# What is committed must be there after a crash: that is the promise tested.
serve() {
	"$top/scripts/mariadb" start "$dir/db" \
		--innodb-flush-log-at-trx-commit=1 >/dev/null
}
client() {
	mariadb --defaults-file="$dir/db/client.cnf" "$@"
}
# Of c, which counts by itself, the rows and their order: a transaction that was
# rolled back leaves a gap in its numbers.
sums() { # SCHEMA
	client -N -e "CHECKSUM TABLE $1.a, $1.b, $1.d;
		SELECT COUNT(*), COUNT(DISTINCT t), SUM(MD5(t) < '8'), SUM(late) FROM (SELECT t,
			SUBSTRING_INDEX(t, ' ', 1) + 0 < LAG(SUBSTRING_INDEX(t, ' ', 1) + 0)
			OVER (ORDER BY id) late FROM $1.c) x;
		SELECT COUNT(*) FROM $1.v;
		SHOW CREATE TABLE $1.a; SELECT TRIGGER_NAME FROM information_schema.TRIGGERS
		WHERE TRIGGER_SCHEMA='$1'; SELECT GROUP_CONCAT(n) FROM $1.b;
		SELECT SUM(n), COUNT(*) FROM $1.d" | sed "s/$1/X/g"
}

make_dump() {
	awk 'BEGIN {
		print "SET NAMES utf8mb4;"
		pad = sprintf("%600s", ""); gsub(/ /, "x", pad)
		print "CREATE TABLE a (id INT PRIMARY KEY, n INT, t TEXT);"
		for (i = 0; i < 24000; i++)
			printf "%s(%d,%d,\"%s\")%s\n", i % 40 ? "," : "INSERT INTO a VALUES ", i, i * 7 % 1000, pad, i % 40 == 39 ? ";" : ""
		print "CREATE TABLE b (n INT);"
		for (i = 0; i < 300; i++) printf "INSERT INTO b VALUES (%d);\n", i
		print "ALTER TABLE a ADD KEY (n);"
		print "CREATE TABLE c (id INT AUTO_INCREMENT PRIMARY KEY, t TEXT);"
		for (i = 0; i < 8000; i++) printf "INSERT INTO c (t) VALUES (\"%d %s\");\n", i, pad
		print "UPDATE a SET n = n + 1;"
		print "CREATE TABLE d (id INT PRIMARY KEY, n INT);"
		for (i = 0; i < 4000; i++) printf "INSERT INTO d VALUES (%d, %d);\n", i, i
		print "UPDATE d SET n = n * 2 + 1;"
		print "CREATE VIEW v AS SELECT * FROM d;"
		print "CREATE TRIGGER g BEFORE INSERT ON a FOR EACH ROW SET @x = 1;"
	}' >"$dir/dump.sql"
}

# Kill the server or the import somewhere in the first two seconds; a server
# comes back after a moment, and the import waits for it or is begun again.
interrupt() { # IMPORT'S PROCESS
	sleep "0.$((RANDOM % 90 + 10))"
	[ $((RANDOM % 3)) -gt 0 ] || sleep 1
	if [ $((RANDOM % 2)) -eq 0 ]; then
		kill -9 "$1" 2>/dev/null || true
		victims="$victims import"
	else
		kill -9 "$(cat "$dir/db/server.pid")"
		victims="$victims server"
		sleep 0.3
		serve
	fi
}

serve
export DB_SOCKET=$dir/db/socket DB_USERNAME=root
make_dump
client -e 'CREATE DATABASE want'
client want <"$dir/dump.sql"
sums want >"$dir/want"
victims='' runs=0 done=0
until [ "$done" = 1 ]; do
	"$tool" "$dir/dump.sql" db=got job=killed commit=1000000 threads=3 \
		>"$dir/out" 2>"$dir/notes" &
	import=$!
	runs=$((runs + 1))
	[ "$(wc -w <<<"$victims")" -ge "$kills" ] || interrupt "$import"
	if wait "$import" 2>/dev/null; then
		sums got >"$dir/got"
		diff "$dir/want" "$dir/got"
		[ "$(wc -w <<<"$victims")" -lt "$kills" ] || done=1
		[ "$done" = 1 ] || client -e 'DROP DATABASE got'
	elif [ -s "$dir/out" ] && ! grep -q 'can_resume=1' "$dir/out"; then
		cat "$dir/out" "$dir/notes"
		exit 1
	fi
	[ "$runs" -lt $((kills * 4 + 8)) ] || { cat "$dir/out"; exit 1; }
done
[ "$(client -N -e "SHOW DATABASES LIKE 'porter_import'")" = '' ]
echo "equal after $(wc -w <<<"$victims") kills ($victims ) in $runs runs"
