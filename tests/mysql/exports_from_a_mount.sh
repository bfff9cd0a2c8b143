#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# .porter/export: a database becomes an object, with its progress, its end, its
# stamp; what cannot begin is the errno of echo; a cancelled one leaves nothing.
: "${TEST_MYSQL_A:?servers: start this by tests/mysql/run}"
# shellcheck source=../mount/lib.sh
. "$(dirname "$0")/../mount/lib.sh"
command -v jq >/dev/null || skip "no jq here"

ask() { mariadb --defaults-file="$TEST_MYSQL_A/client.cnf" -N -e "$1"; }
ask "CREATE OR REPLACE DATABASE shop; USE shop;
CREATE TABLE orders (id INT PRIMARY KEY, t VARCHAR(200));
INSERT INTO orders SELECT seq, REPEAT('x', 150) FROM mysql.seq_1_to_100000"

guide_env=$(declare -f porter_env)
eval "guide_${guide_env}"
porter_env() {
	guide_porter_env
	cat <<-ENV
	DB_CONNECTION=mysql
	DB_SOCKET=$TEST_MYSQL_A/socket
	DB_USERNAME=root
	DB_DATABASE=shop
	ENV
}
mount_porterfs -o "mysql.other.socket=$TEST_MYSQL_B/socket,mysql.other.username=root" \
	-o "mysql.gone.socket=/nowhere/socket,mysql.pg.driver=pgsql"
P=$MNT/.porter

# conn/NAME
is "$(jq -r '.ok, .user' "$P/conn/default" | tr '\n' ' ')" 'true root@localhost ' "the connection of the environment works"
like "$(jq -r .server "$P/conn/other")" MariaDB "a named one works"
refused 'refused' "one that does not says so" cat "$P/conn/gone"
refused 'No such file' "one that is not there" cat "$P/conn/nope"

# last_error: what the last line of errors says
last_error() { tail -n 1 "$P/errors" | jq -r '.errno + ": " + .msg'; }
# no WHAT PATTERN COMMAND
no() {
	(echo "$3" >"$P/export") 2>/dev/null && fail "$1: accepted"
	like "$(last_error)" "$2" "$1"
}
no 'no target' 'EINVAL: where to' 'db=shop'
no 'no such bucket' 'ENOENT: .*nobucket' 'db=shop out=nobucket/x.sql'
no 'no such database' "ENOENT: .*Unknown database 'nope'" 'db=nope out=primary/x.sql'
no 'no such connection' 'ENOENT: there is no connection' 'conn=nope out=primary/x.sql'
no 'a server that is not there' 'ECONNREFUSED' 'conn=gone db=a out=primary/x.sql'
no 'another kind of database' 'EOPNOTSUPP: .*pgsql' 'conn=pg db=a out=primary/x.sql'
no 'an unknown word' 'EINVAL: there is no key .theads' 'theads=4 out=primary/x.sql'
no 'out of range' 'EDOM' 'threads=99 out=primary/x.sql'
no 'words that exclude each other' 'EINVAL: .*exclude' 'out=primary/x.sql --drop-if-exists --keep-if-exists'

# the classic form, waited for
ok "the classic form" bash -c "echo 's3://primary/db/shop.sql --drop-if-exists --no-expiration id=one' >'$P/export'"
ok "its end can be waited for" bash -c "cat '$P/jobs/one/wait' >'$T/one'"
is "$(jq -r '.state, .result' "$T/one" | tr '\n' ' ')" 'done primary/db/shop.sql ' "it is done, and says where"
is "$(jq -r '.rows' "$T/one")" 100000 "rows are counted"
is "$(tail -n 1 "$MNT/primary/db/shop.sql" | cut -c 1-20)" '-- Dump completed on' "the object is whole"
is "$(grep -c '^DROP TABLE IF EXISTS' "$MNT/primary/db/shop.sql")" 1 "its words were heard"
is "$(jq -r 'select(.end).bytes' "$MNT/primary/db/shop.sql.idx")" "$(stat -c %s "$MNT/primary/db/shop.sql")" "the index is of it"
like "$(cat "$P/jobs/one/log")" 'of one moment: binlog position' "the log has the proof"
is "$(getfattr --only-values -n user.porter-expires "$MNT/primary/db/shop.sql" 2>/dev/null)" '' "no expiration, no stamp"

# synchronous, compressed, to the default bucket, with its stamp
now=$(date +%s)
ok "sync=1 comes back when it is done" bash -c "echo 'out=shop.sql.zst db=shop expires=2h sync=1' >'$P/export'"
is "$(zstd -dc "$MNT/alt-export/shop.sql.zst" | tail -n 1 | cut -c 1-20)" '-- Dump completed on' "zstd by its name, in alt-export"
stamp=$(getfattr --only-values -n user.porter-expires "$MNT/alt-export/shop.sql.zst")
ok "it expires in two hours ($stamp)" test "$((stamp - now))" -ge 7195 -a "$((stamp - now))" -le 7260

# dryrun reads nothing and makes nothing
exec 5<>"$P/dryrun"
echo 'export db=shop out=primary/dry.sql' >&5
is "$(jq -r '.objects' <&5)" 2 "dryrun: the object and its index"
exec 5>&-
ok "and there is none" test ! -e "$MNT/primary/dry.sql"

# cancelled: nothing is there
ask "USE shop; INSERT INTO orders SELECT seq + 100000, REPEAT('y', 150) FROM mysql.seq_1_to_900000"
echo 'db=shop out=primary/big.sql.gz compress=gzip:9 id=two' >"$P/export"
wait_for 20 bash -c "[ \"\$(jq .rows '$P/jobs/two/status.json')\" -gt 0 ]"
echo cancel >"$P/jobs/two/ctl"
cat "$P/jobs/two/wait" >/dev/null 2>&1 || true
is "$(cat "$P/jobs/two/state")" cancelled "a cancelled one says so"
ok "and its object is not there" test ! -e "$MNT/primary/big.sql.gz"
is "$(uploads primary)" 0 "nor an upload"

ask 'DROP DATABASE shop'
