# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What the scripts of the suite mysql start with: two servers (tests/mysql/run),
# an export, and what is said about it.
: "${TEST_MYSQL_A:?servers: start this by tests/mysql/run}"
: "${DUMP_TOOL:?the export under test: run this with meson test --suite mysql}"
set -euo pipefail

# shellcheck disable=SC2034 # for the tests
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck disable=SC2034 # for the tests
A=$TEST_MYSQL_A/client.cnf
# shellcheck disable=SC2034 # for the tests
B=$TEST_MYSQL_B/client.cnf
T=$(mktemp -d "${TMPDIR:-/tmp}/porterfs-mysql.XXXXXX")
trap 'rm -rf "$T"' EXIT

# shellcheck source=../checks.sh
. "$here/../checks.sh"

# sql CNF [OPTION...]: statements from standard input
sql() {
	local cnf=$1
	shift
	mariadb --defaults-file="$cnf" --comments --max-allowed-packet=256M \
		--default-character-set=utf8mb4 -N "$@"
}

# ask CNF STATEMENT
ask() { sql "$1" -e "$2"; }

# dump SERVER_DIR WORD...: as root; what it says is in $T/said
dump() {
	local dir=$1
	shift
	"$DUMP_TOOL" -s "$dir/socket" -u root "$@" 2>"$T/said"
}

# dump_as USER SERVER_DIR WORD...
dump_as() {
	local user=$1 dir=$2
	shift 2
	"$DUMP_TOOL" -s "$dir/socket" -u "$user" -p "$user" "$@" 2>"$T/said"
}

# What differs between two dumps of equal databases: nothing but dates.
undated() { grep -avE '^-- (Server|Snapshot|Dump completed|\(what was)' "$1"; }

finish() {
	[ "$FAILED" -eq 0 ]
	exit
}
