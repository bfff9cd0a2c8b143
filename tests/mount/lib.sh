# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What every mounted test starts with: a directory of its own, an embedded
# store with three buckets, a mount, and a clean end that is checked.
#
#   . "$(dirname "$0")/lib.sh"
#   mount_porterfs
#   echo hello >"$MNT/primary/f"
#   is "$(cat "$MNT/primary/f")" hello "read back"
#
# Given by the runner (meson.build): PORTERFS, the daemon; TEST_RGW_ENV, an
# .env of a running gateway (tests/rgw/run): then the buckets are there instead,
# and tests/rgw/store.sh has other bodies for the functions about the store.

set -euo pipefail

TEST=$(basename "$0" .sh)
: "${PORTERFS:?the daemon under test: run this with meson test --suite mount}"

# A directory with user extended attributes, in memory where that has them.
pick_tmp() {
	local dir
	for dir in /dev/shm "${TMPDIR:-/tmp}" /var/tmp; do
		dir=$(mktemp -d "$dir/porterfs-$TEST.XXXXXX") || continue
		if setfattr -n user.test -v 1 "$dir" 2>/dev/null; then
			echo "$dir"
			return
		fi
		rmdir "$dir"
	done
	echo "no directory with user extended attributes" >&2
	return 1
}

T=$(pick_tmp)
MNT=$T/mnt
STORE=$T/store
LOG=$T/log
DAEMON=

mkdir -p "$MNT"

# shellcheck source=../checks.sh
. "$(dirname "${BASH_SOURCE[0]}")/../checks.sh"

# ok WHAT COMMAND...: the command succeeds
ok() {
	local what=$1
	shift
	if "$@"; then
		printf 'ok - %s\n' "$what"
	else
		fail "$what: '$*' ended with $?"
	fi
}

# refused ERRNO-TEXT WHAT COMMAND...: it fails, and says so
refused() {
	local wanted=$1 what=$2 text
	shift 2
	if text=$("$@" 2>&1); then
		fail "$what: '$*' succeeded"
	else
		like "$text" "$wanted" "$what"
	fi
}

skip() {
	printf 'SKIP: %s\n' "$*"
	rm -rf "$T"
	trap - EXIT
	exit 77
}

# wait_for SECONDS COMMAND...: until it succeeds
wait_for() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		((SECONDS < end)) || return 1
		sleep 0.02
	done
}

is_mounted() { mountpoint -q "$MNT"; }

# The daemon has decided: it serves, or it has ended.
mounted_or_gone() { is_mounted || ! kill -0 "$DAEMON" 2>/dev/null; }

# ---- the store past the mount: BUCKET is primary, source or alt ----

# Make the buckets; close_store removes them.
open_store() { mkdir -p "$STORE"/{b-primary,b-source,b-alt}; }
close_store() { :; }

# The environment of the guide for the store under test.
porter_env() {
	cat <<-ENV
	AWS_ENDPOINT=file://$STORE
	AWS_BUCKET=b-primary
	AWS_SOURCE_ENDPOINT=file://$STORE
	AWS_SOURCE_BUCKET=b-source
	EXPORT_ALT_AWS_ENABLED=true
	EXPORT_ALT_AWS_ENDPOINT=file://$STORE
	EXPORT_ALT_AWS_BUCKET=b-alt
	ENV
}

# stored BUCKET/KEY: its bytes
stored() { cat "$STORE/b-$1"; }

# has_object BUCKET/KEY
has_object() { [ -f "$STORE/b-$1" ]; }

# objects BUCKET: how many; an object "dir/", here "dir/%", is none
objects() { find "$STORE/b-$1" -type f ! -name % | wc -l; }

# is_empty_bucket BUCKET: not even a directory is left
is_empty_bucket() { [ -z "$(find "$STORE/b-$1" -mindepth 1)" ]; }

# uploads BUCKET: how many multipart uploads are open
uploads() { find "$STORE/.porterfs/b-$1" -mindepth 1 -maxdepth 1 -type d 2>/dev/null | wc -l; }

# put_elsewhere BUCKET/KEY: another client makes standard input that object
put_elsewhere() {
	cat >"$STORE/.new"
	mv "$STORE/.new" "$STORE/b-$1"
}

# remove_elsewhere BUCKET/KEY
remove_elsewhere() { rm "$STORE/b-$1"; }

# shellcheck source=../rgw/store.sh
[ -z "${TEST_RGW_ENV:-}" ] || . "$(dirname "${BASH_SOURCE[0]}")/../rgw/store.sh"

# ---- mounting ----

# mount_porterfs [option]...: in the foreground, its log in $LOG
mount_porterfs() {
	(umask 077 && porter_env >"$T/.env")
	env -i PATH="$PATH" HOME="$T" \
		${PORTERFS_CRASH_AT:+PORTERFS_CRASH_AT="$PORTERFS_CRASH_AT"} \
		ASAN_OPTIONS="${ASAN_OPTIONS:-}" UBSAN_OPTIONS="${UBSAN_OPTIONS:-}" \
		TSAN_OPTIONS="${TSAN_OPTIONS:-}" \
		"$PORTERFS" -f --env-file "$T/.env" \
		-o "state_dir=$T/state,cache_dir=$T/cache" "$@" "$MNT" \
		>>"$LOG" 2>&1 &
	DAEMON=$!
	wait_for 20 mounted_or_gone || true
	if ! is_mounted; then
		cat "$LOG"
		echo "not ok - the mount did not come up"
		exit 1
	fi
}

# Unmount as a user would; the daemon must then end well.
umount_porterfs() {
	wait_for 30 umount "$MNT" 2>>"$T/umount.log" || {
		cat "$T/umount.log" "$LOG"
		fail "umount went on saying busy"
		return
	}
	local status=0
	wait "$DAEMON" || status=$?
	DAEMON=
	is "$status" 0 "the daemon ends with 0"
}

finish() {
	local status=$?
	set +e
	if [ -n "$DAEMON" ] && is_mounted; then
		umount_porterfs
	fi
	if [ -n "$DAEMON" ]; then
		kill -KILL "$DAEMON" 2>/dev/null
		wait "$DAEMON" 2>/dev/null
		umount -l "$MNT" 2>/dev/null
	fi
	close_store
	if grep -qE 'ERROR: (Address|Leak|Thread)Sanitizer|WARNING: ThreadSanitizer|runtime error:|Assertion' "$LOG" 2>/dev/null; then
		fail "the daemon's log has a sanitizer's report or a failed assertion"
	fi
	if [ "$FAILED" -gt 0 ] || [ "$status" -ne 0 ]; then
		say "the daemon's log:"
		sed 's/^/# /' "$LOG" 2>/dev/null | tail -60
		say "again: PORTERFS=$PORTERFS $0"
		if [ -n "${KEEP:-}" ]; then say "kept: $T"; else rm -rf "$T"; fi
		exit 1
	fi
	rm -rf "$T"
}
trap finish EXIT

[ -c /dev/fuse ] || skip "no /dev/fuse here"
open_store
