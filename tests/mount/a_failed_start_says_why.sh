#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every failure to mount is one clear sentence and a non-zero exit, before the
# command returns; nothing stays mounted.
. "$(dirname "$0")/lib.sh"

try() { # STATUS PATTERN WHAT -- ARGUMENT...: with the variables of $ENVIRONMENT
	local wanted=$1 pattern=$2 what=$3 status=0 text
	shift 4
	text=$(timeout 60 env -i PATH="$PATH" HOME="$T" ASAN_OPTIONS="${ASAN_OPTIONS:-}" \
		"${ENVIRONMENT[@]}" "$PORTERFS" \
		-o "state_dir=$T/state,cache_dir=$T/cache" "$@" 2>&1) || status=$?
	is "$status" "$wanted" "$what: exit status"
	like "$text" "$pattern" "$what: sentence"
	if is_mounted; then
		fail "$what: something is mounted"
		umount -l "$MNT"
	fi
}

: >"$T/conf.txt"
good=(AWS_ENDPOINT="file://$STORE" AWS_BUCKET=b-primary)
ENVIRONMENT=()
try 1 "there is no bucket: .*AWS_BUCKET" "no bucket" -- "$MNT"
ENVIRONMENT=(AWS_ENDPOINT="file://$STORE" AWS_BUCKET=absent)
try 1 "primary: .*absent" "no such bucket" -- "$MNT"
ENVIRONMENT=(AWS_ENDPOINT="file://$T/nowhere" AWS_BUCKET=b-primary)
try 1 "primary: .*nowhere" "no such store" -- "$MNT"
ENVIRONMENT=(AWS_ENDPOINT=http://127.0.0.1:1 AWS_BUCKET=bucket AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=s)
try 1 "primary: .*(refused|connect)" "endpoint down" -- -o op_deadline=2s "$MNT"
ENVIRONMENT=("${good[@]}")
try 1 "does not exist|No such file" "no mount point" -- "$T/absent"
try 1 "not a directory" "mount point is a file" -- "$T/conf.txt"
try 2 "mount point" "no argument" --
try 2 "frobnicate" "unknown option" -- -o frobnicate=1 "$MNT"
try 2 "part_size.*5M" "part size too small" -- -o part_size=1M "$MNT"
printf 'part_size = 8M\nnonsense\n' >"$T/bad.conf"
try 1 "bad.conf:[12]: " "a bad configuration file" -- -c "$T/bad.conf" "$MNT"
printf 'AWS_BUCKET=b-primary\n' >"$T/open.env"
chmod 644 "$T/open.env"
try 1 "chmod 600 .*open.env" "a .env that others can read" -- --env-file "$T/open.env" "$MNT"

mkdir -m 755 "$T/open"
try 1 "state_dir .*chmod 700 " "a state_dir that others can read" -- -o "state_dir=$T/open" "$MNT"
try 1 "state_dir .*cannot be made: Not a directory" "a state_dir below a file" -- -o "state_dir=$T/conf.txt/x" "$MNT"
ln -s "$T/conf.txt" "$T/link"
try 1 "state_dir .*symbolic link" "a state_dir that is a link" -- -o "state_dir=$T/link" "$MNT"
try 1 "state_dir .*inside the mount" "a state_dir inside the mount" -- -o "state_dir=$MNT/state" "$MNT"
is "$(ls -A "$MNT")" "" "nothing was made there"

mount_porterfs
mkdir "$T/mnt2"
refused "state_dir '$T/state' is in use by process $DAEMON$" "a second daemon on one state_dir" \
	"$PORTERFS" -f --env-file "$T/.env" -o "state_dir=$T/state,cache_dir=$T/cache" "$T/mnt2"
is "$(stat -c %a "$T/state")" 700 "state_dir is made for us alone"
if text=$("$PORTERFS" --env-file "$T/.env" "$MNT" 2>&1); then
	fail "mounted twice"
fi
like "$text" "busy" "a busy mount point"
umount_porterfs

ENVIRONMENT=("${good[@]}" AWS_SOURCE_ENDPOINT="file://$STORE" AWS_SOURCE_BUCKET=absent)
try 1 "strict_start" "strict_start" -- -o strict_start=on "$MNT"
