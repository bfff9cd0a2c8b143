# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# How the scripts of all suites say what holds: one line each, "ok" or "not ok".
# FAILED counts the latter; who sources this ends with it.
FAILED=0

say() { printf '# %s\n' "$*"; }

fail() {
	printf 'not ok - %s\n' "$*"
	FAILED=$((FAILED + 1))
}

# is GOT WANTED WHAT
is() {
	if [ "$1" = "$2" ]; then
		printf 'ok - %s\n' "$3"
	else
		fail "$3: got '$1', wanted '$2'"
	fi
}

# like GOT PATTERN WHAT (an extended regular expression)
like() {
	if [[ $1 =~ $2 ]]; then
		printf 'ok - %s\n' "$3"
	else
		fail "$3: '$1' does not match '$2'"
	fi
}
