#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The public promise: a dump restored into an empty server makes an equal one,
# and a dump of that is the same but for its date.
# shellcheck source=lib.sh disable=SC2016,SC2034
. "$(dirname "$0")/lib.sh"

dbs='db=nasty,`na``s.ty db%é`'
drop='set foreign_key_checks=0; drop database if exists nasty; drop database if exists `na``s.ty db%é`'

sql "$A" <"$here/torture.sql" >/dev/null
ask "$B" "$drop"

dump "$TEST_MYSQL_A" "$dbs" threads=1 out="$T/a.sql" || fail "export: $(cat "$T/said")"
like "$(cat "$T/said")" 'view `nasty`.`v_broken` is broken' "the broken view is told"
like "$(tail -n 1 "$T/a.sql")" '^-- Dump completed on ' "the dump says that it is complete"
is "$(grep -ac 'sandbox' "$T/a.sql" || true)" 0 "no sandbox line"

sql "$B" <"$T/a.sql" || fail "restore"
dump "$TEST_MYSQL_B" "$dbs" threads=1 out="$T/b.sql" || fail "second export: $(cat "$T/said")"
# The broken view is not there any more; its comment stands between two blanks.
undated "$T/a.sql" | sed '/^-- This view does not work/,/^$/d' >"$T/a"
undated "$T/b.sql" >"$T/b"
is "$(cmp "$T/a" "$T/b" 2>&1)" '' "a dump of the copy is the same but for the date"
is "$("$here/compare.sh" "$A" "$B" 2>&1)" '' "the copy is equal"

# Onto what is there: plain CREATE refuses, drop-if-exists replaces.
is "$(sql "$B" <"$T/a.sql" 2>&1 | grep -c 'database exists')" 1 "plain CREATE refuses what is there"
dump "$TEST_MYSQL_A" "$dbs" threads=4 drop-if-exists out="$T/c.sql.zst" || fail "export: $(cat "$T/said")"
zstd -dc "$T/c.sql.zst" | sql "$B" || fail "restore of four readers, compressed"
# The sequences of A went on by what the first comparison took from them.
is "$("$here/compare.sh" "$A" "$B" 2>&1)" '' "four readers, zstd, onto what is there: equal"
dump "$TEST_MYSQL_A" "$dbs" threads=3 keep-if-exists data=off out="$T/d.sql.gz" || fail "export: $(cat "$T/said")"
zcat "$T/d.sql.gz" | sql "$B" || fail "keep-if-exists onto what is there"
is "$("$here/compare.sh" "$A" "$B" 2>&1)" '' "keep-if-exists changes nothing"

ask "$A" "$drop"
ask "$B" "$drop"
finish
