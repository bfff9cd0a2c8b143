#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# An import loads the torture schema as the mariadb client does, and an export
# of it, plain and packed, in other hands: strict sql_mode, another time zone.
# shellcheck source=lib.sh disable=SC2016
. "$(dirname "$0")/lib.sh"
: "${LOAD_TOOL:?the import under test}"

dbs='db=nasty,`na``s.ty db%é`'
drop='set foreign_key_checks=0; drop database if exists nasty; drop database if exists `na``s.ty db%é`'

load() { # FILE WORD...
	DB_SOCKET=$TEST_MYSQL_B/socket DB_USERNAME=root "$LOAD_TOOL" "$@" >"$T/said" 2>&1 ||
		fail "import of $1: $(cat "$T/said")"
}

sql "$A" <"$here/torture.sql" >/dev/null
ask "$B" "$drop"
load "$here/torture.sql"
is "$("$here/compare.sh" "$A" "$B" 2>&1)" '' "the text itself, loaded as the client loads it"

for name in own.sql own.sql.zst own.sql.gz; do
	dump "$TEST_MYSQL_A" "$dbs" threads=2 out="$T/$name" || fail "export: $(cat "$T/said")"
	ask "$B" "$drop"
	load "$T/$name"
	is "$("$here/compare.sh" "$A" "$B" 2>&1)" '' "$name makes an equal copy"
	rm "$T/$name"
done
is "$(ask "$B" "show databases like 'porter_import'")" '' "no notes are left"

ask "$A" "$drop"
ask "$B" "$drop"
finish
