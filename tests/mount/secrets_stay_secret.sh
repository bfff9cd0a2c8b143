#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A canary for a key: after errors of all kinds, with all that can be logged, it
# is nowhere but in the .env it came from.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/peer.sh"

PEER_SECRET=CanarySecretKey0123456789
TOKEN=CanaryToken0123456789
start_peer
mount_s3 -o log=debug,op_deadline=2s,retry_attempts=2,cache_ttl=0
cd "$MNT/primary"
echo x >f
head -c 20000000 /dev/zero >big
for fault in status:403:SignatureDoesNotMatch status:400:InvalidToken status:500 junk reset redirect:http://127.0.0.1:1/x; do
	rules "request=* action=$fault"
	cat f big >/dev/null 2>&1 || true
	ls . >/dev/null 2>&1 || true
	(echo y >g) 2>/dev/null || true
	rm f 2>/dev/null || true
done
rules
like "$(cat "$LOG")" "SignatureDoesNotMatch" "the log tells of the wrong key"

hidden() { # WHAT FILE...: neither the key nor the token
	local what=$1
	shift
	if grep -qaiE 'canary' "$@" 2>/dev/null; then
		fail "$what: $(grep -laiE 'canary' "$@" | tr '\n' ' ')"
	else
		printf 'ok - %s\n' "$what"
	fi
}
hidden "not in the log" "$LOG"
hidden "not in the process title" "/proc/$DAEMON/cmdline"
hidden "not in the environment" "/proc/$DAEMON/environ"
hidden "not in state and cache" -r "$T/state" "$T/cache" "$T/requests"
if ! ldd "$PORTERFS" | grep -qE 'lib[at]san'; then
	is "$(awk '/^Max core file size/ {print $5 $6}' "/proc/$DAEMON/limits")" 00 "no core file"
fi
is "$(awk '/^Umask/ {print $2}' "/proc/$DAEMON/status")" 0077 "umask 077"
inherited=$(python3 - "$DAEMON" <<-'PY'
	import os, sys
	base = f"/proc/{sys.argv[1]}/fdinfo"
	for fd in sorted(os.listdir(base), key=int):
	    flags = [l for l in open(f"{base}/{fd}") if l.startswith("flags")][0].split()[1]
	    if int(fd) > 2 and not int(flags, 8) & os.O_CLOEXEC:
	        print(fd, os.readlink(f"/proc/{sys.argv[1]}/fd/{fd}"))
PY
)
is "$inherited" "" "no descriptor would be inherited"
cd /
umount_porterfs

# The environment, seen from outside while it runs; all ways to be told no.
porterfs_env() {
	env -i PATH="$PATH" HOME="$T" ASAN_OPTIONS="${ASAN_OPTIONS:-}" AWS_BUCKET=b-primary \
		AWS_ENDPOINT="$PEER_URL" AWS_ACCESS_KEY_ID=AKPEER \
		AWS_SECRET_ACCESS_KEY="$PEER_SECRET" "$@"
}
porterfs_env "$PORTERFS" -f "$MNT" -o "state_dir=$T/state,cache_dir=$T/cache" >>"$LOG" 2>&1 &
DAEMON=$!
wait_for 20 is_mounted
hidden "not in an environment it was in" "/proc/$DAEMON/environ"
umount_porterfs
out=$T/out
{
	porterfs_env "$PORTERFS" --print-config
	porterfs_env AWS_SESSION_TOKEN="$TOKEN" PORTERFS_PROXY="http://u:$TOKEN@127.0.0.1:1" "$PORTERFS" --print-config
	porterfs_env AWS_SECRET_ACCESS_KEY="$PEER_SECRET wrong" "$PORTERFS" "$MNT"
	porterfs_env AWS_SECRET_ACCESS_KEY="${PEER_SECRET}x" "$PORTERFS" -d "$MNT"
	porterfs_env AWS_SESSION_TOKEN="$TOKEN" "$PORTERFS" -d -o frobnicate=1 "$MNT"
	porterfs_env AWS_ENDPOINT="http://u:$TOKEN@127.0.0.1:1" "$PORTERFS" -d "$MNT"
	porterfs_env "$PORTERFS" -o "secret_access_key=$TOKEN" "$MNT"
	porterfs_env "$PORTERFS" -o "bucket.primary.session_token=$TOKEN" "$MNT"
} >"$out" 2>&1 </dev/null || true
like "$(cat "$out")" "secret_access_key" "there were sentences"
hidden "not in --print-config and sentences" "$out"
! is_mounted || fail "something is mounted"
