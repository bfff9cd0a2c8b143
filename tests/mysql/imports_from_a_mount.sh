#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# .porter/import: an object becomes a database, with its progress and its end;
# what cannot begin is the errno of echo; a failed one goes on by retry.
: "${TEST_MYSQL_A:?servers: start this by tests/mysql/run}"
# shellcheck source=../mount/lib.sh
. "$(dirname "$0")/../mount/lib.sh"
command -v jq >/dev/null || skip "no jq here"

ask() { mariadb --defaults-file="$TEST_MYSQL_A/client.cnf" -N -e "$1"; }
ask "CREATE OR REPLACE DATABASE imp; USE imp;
CREATE TABLE orders (id INT PRIMARY KEY, t VARCHAR(200));
INSERT INTO orders SELECT seq, REPEAT('x', 150) FROM mysql.seq_1_to_50000;
DROP DATABASE IF EXISTS imp2; CREATE OR REPLACE DATABASE imp3"

guide_env=$(declare -f porter_env)
eval "guide_${guide_env}"
porter_env() {
	guide_porter_env
	cat <<-ENV
	DB_CONNECTION=mysql
	DB_SOCKET=$TEST_MYSQL_A/socket
	DB_USERNAME=root
	DB_DATABASE=imp
	ENV
}
mount_porterfs -o "mysql.gone.socket=/nowhere/socket,mysql.gone.username=root"
P=$MNT/.porter

last_error() { tail -n 1 "$P/errors" | jq -r '.errno + ": " + .msg'; }
# no WHAT PATTERN COMMAND
no() {
	(echo "$3" >"$P/import") 2>/dev/null && fail "$1: accepted"
	like "$(last_error)" "$2" "$1"
}
echo 'SELECT 1;' >"$MNT/primary/one.sql"
no 'nothing named' 'EINVAL: what' 'db=x'
no 'an object that is not there' 'ENOENT' 'from=primary/nope.sql'
no 'a server that is not there' 'ECONNREFUSED' 'from=primary/one.sql conn=gone'
no 'an unknown word' 'EINVAL: there is no key' 'from=primary/one.sql tabels=x'
no 'out of range' 'EDOM' 'from=primary/one.sql threads=99'
no 'neither stop nor skip' 'EINVAL: on-error' 'from=primary/one.sql on-error=go'

# there and back, and waited for
ok "an export" bash -c "echo 'db=imp out=primary/imp.sql.zst sync=1' >'$P/export'"
ok "the classic form" bash -c "echo 's3://primary/imp.sql.zst db=imp2 id=back' >'$P/import'"
ok "its end can be waited for" bash -c "cat '$P/jobs/back/wait' >'$T/back'"
is "$(jq -r '.state' "$T/back")" 'done' "it is done"
is "$(jq -r '.rows' "$T/back")" 50000 "rows are counted"
is "$(ask 'CHECKSUM TABLE imp2.orders EXTENDED' | cut -f 2)" \
	"$(ask 'CHECKSUM TABLE imp.orders EXTENDED' | cut -f 2)" "the copy is equal"

# what fails is told with all that is known, and retry goes on
cat >"$MNT/primary/bad.sql" <<'SQL'
CREATE TABLE t (id INT PRIMARY KEY, n TINYINT);
INSERT INTO t VALUES (1, 1);
SET sql_mode='STRICT_ALL_TABLES';
CREATE TABLE u (id INT);
INSERT INTO t VALUES (2, 2),
(3, 300);
SQL
echo 'from=primary/bad.sql db=imp3 id=bad' >"$P/import"
refused 'Numerical result|Invalid argument|Input/output' "its end is an error" cat "$P/jobs/bad/wait"
is "$(jq -r 'select(.stmt) | [.stmt, .line, .errno, .sqlstate, .table, .row] | @text' "$P/jobs/bad/log")" \
	'[5,5,1264,"22003","t",2]' "the failed statement is in the log"
ask 'ALTER TABLE imp3.t MODIFY n INT'
echo retry >"$P/jobs/bad/ctl"
ok "retry goes on" bash -c "cat '$P/jobs/bad/wait' >'$T/bad'"
is "$(ask 'SELECT GROUP_CONCAT(n ORDER BY id) FROM imp3.t')" 1,2,300 "each row once"

# a dump that was cut changes nothing
{ echo '-- MariaDB dump 10'; echo 'CREATE TABLE v (id INT);'; } >"$MNT/primary/cut.sql"
echo 'from=primary/cut.sql db=imp3 id=cut' >"$P/import"
cat "$P/jobs/cut/wait" >"$T/cut" 2>/dev/null && fail "a dump that was cut is loaded"
like "$(jq -r .error "$P/jobs/cut/status.json")" 'TRUNCATED' "a dump that was cut says so"
is "$(ask "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema='imp3'")" 2 "and nothing was changed"

is "$(ask "SHOW DATABASES LIKE 'porter_import'")" '' "no notes are left"
ask 'DROP DATABASE imp; DROP DATABASE imp2; DROP DATABASE imp3'
