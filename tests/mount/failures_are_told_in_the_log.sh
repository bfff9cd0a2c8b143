#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Whoever got an errno finds its story in the log, once: what was asked, what the
# server said, how often it was tried.  Deadlines end what a silent server holds.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/peer.sh"

start_peer
mount_s3 -o op_deadline=2s,write_deadline=2s,retry_attempts=3,cache_ttl=0,negative_ttl=0
cd "$MNT/primary"
head -c 100000 /dev/urandom >f
mkdir d
told() { # WHAT PATTERN: the newest line
	like "$(grep ' error: ' "$LOG" | tail -1)" "$2" "$1"
}
tries() { requests "$1" | wc -l; }

rules 'request=GET action=status:503:SlowDown'
: >"$T/requests"
refused "Input/output" "a read from a busy server" cat f
told "its story" "EIO: .*'f'.*SlowDown, request [0-9a-f]+, 3 attempts"
is "$(tries GET)" 3 "retry_attempts = 3"

rules 'request=GET action=stall'
SECONDS=0
refused "timed out" "a read from a silent server" cat f
ok "op_deadline ends it" test $SECONDS -le 4
told "its story" "ETIMEDOUT: .*'f'.*(19[0-9][0-9]|2000) ms"

rules 'request=LIST action=status:403:AccessDenied'
refused "Permission denied" "a listing that is denied" ls .
told "its story" "EACCES: .*AccessDenied.*ListBucket"

rules 'request=HEAD action=status:500:InternalError'
refused "Input/output" "a lookup" stat g
told "its story" "EIO: .*'g'.*HTTP 500"

rules 'request=PUT action=status:403:AccessDenied'
refused "Permission denied" "a small file" dd if=/dev/zero of=g bs=10 count=1 status=none
told "its story" "EACCES: .*'g'.*AccessDenied.*PutObject"
refused "Permission denied" "a directory" mkdir e
told "its story" "EACCES: .*'e/'.*AccessDenied"

rules 'request=MPU_PART action=stall'
SECONDS=0
refused "timed out" "a stream to a silent server" dd if=/dev/zero of=g bs=1M count=40 status=none
ok "write_deadline ends it" test $SECONDS -le 5
told "its story" "ETIMEDOUT: .*'g'.*not done within"

rules 'request=DELETE action=status:403:AccessDenied'
refused "Permission denied" "a delete" rm f
told "its story" "EACCES: .*'f'.*AccessDenied.*DeleteObject"
refused "Permission denied" "a rename" mv f h
told "its story" "EACCES: .*'f'.*AccessDenied"

rules
is "$(stat -c %s f)" 100000 "all is well again, and f is what it was"
[ ! -e g ] || fail "an unfinished file was published"
lines=$(grep -c ' error: ' "$LOG")
refused "No such file" "what is no failure" cat absent
refused "exists" "nor this" mkdir d
is "$(grep -c ' error: ' "$LOG")" "$lines" "is not told"

rules 'request=GET action=status:404:NoSuchKey'
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do cat f; done >/dev/null 2>&1 || true
rules 'request=GET action=status:403:AccessDenied'
for _ in $(seq 40); do cat f; done >/dev/null 2>&1 || true
rules
ok "a storm is not told line by line" test "$(grep -c ' error: ' "$LOG")" -lt $((lines + 25))
cd /
umount_porterfs
