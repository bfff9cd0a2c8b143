#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What was not published outlives restarts, SIGTERM twice and SIGKILL; it is
# listed, and published or aborted when a person says so.
. "$(dirname "$0")/lib.sh"
: "${PORTER:?the tool under test}"

porter() {
	env -i PATH="$PATH" HOME="$T" ASAN_OPTIONS="${ASAN_OPTIONS:-}" "$PORTER" "$@"
}
with_env() { porter "$@" --env-file "$T/.env" -o "state_dir=$T/state,cache_dir=$T/cache" --mount "$MNT"; }
list() { porter uploads list --state-dir "$T/state" "$@"; }
id_of() { list | awk -v name="primary/$1" '$0 ~ name "$" { print $1 }'; }
bytes_of() { list | awk -v name="primary/$1" '$0 ~ name "$" { print $3 }'; }
has_state() { list | grep -qE " $1 .*primary/$2\$"; }

# writer NAME: 20 MB of the source, then waits to be killed; its pid in $WRITER
head -c 20000000 /dev/urandom >"$T/source"
writer() {
	python3 - "$MNT/primary/$1" "$T/source" <<-'PY' &
	import os, sys, time
	f = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT, 0o644)
	data = open(sys.argv[2], "rb").read()
	for i in range(0, len(data), 1000000):
	    os.write(f, data[i:i + 1000000])
	time.sleep(60)
	PY
	WRITER=$!
}
two_parts_noted() { [ "$(bytes_of "$1")" = 16777216 ]; }
stop_writer() {
	kill -KILL "$WRITER" 2>/dev/null || true
	wait "$WRITER" 2>/dev/null || true
}

is "$(porter uploads --state-dir "$T" 2>&1)" "nothing is kept" "a state_dir without a journal keeps nothing"
refused "which mount" "some mount must be named" porter uploads
refused "uploads" "no word: the help" porter

mount_porterfs
writer killed
wait_for 20 has_state open killed || fail "a running upload is not listed"
ok "two parts are noted" wait_for 20 two_parts_noted killed
stop_writer
wait_for 20 has_state kept killed || fail "a killed writer's upload is not listed"
is "$(bytes_of killed)" 20000000 "with all its bytes"
like "$(list)" "its writer ended badly; every byte is there" "and the reason"
like "$(list --json)" '^\[\{"id":[0-9]+,"state":"kept","bucket":"primary","key":"killed",.*"bytes":20000000,"whole":true,' "as JSON too"
refused "in use by process $DAEMON: unmount it first" "nothing is decided beside a running daemon" \
	with_env uploads publish "$(id_of killed)"

writer stopped
wait_for 20 two_parts_noted stopped
kill -TERM "$DAEMON"
sleep 0.4
kill -TERM "$DAEMON"
status=0
wait "$DAEMON" || status=$?
DAEMON=
is "$status" 1 "a second SIGTERM: 1"
stop_writer
wait_for 5 has_state kept stopped || fail "SIGTERM twice: not listed"
has_state kept killed || fail "SIGTERM twice: the other is gone"

mount_porterfs
has_state kept killed || fail "a restart: the first is gone"
has_state kept stopped || fail "a restart: the second is gone"
writer crashed
wait_for 20 two_parts_noted crashed
kill -KILL "$DAEMON"
wait "$DAEMON" 2>/dev/null || true
DAEMON=
umount -l "$MNT"
stop_writer

mount_porterfs
has_state kept crashed || fail "SIGKILL: not listed"
like "$(list)" "porterfs ended while it was written; its end is missing" "and says why"
for name in killed stopped crashed; do
	! has_object "primary/$name" || fail "$name was published"
done
umount_porterfs

ok "one is published" with_env uploads publish "$(id_of killed)"
is "$(stored primary/killed | sha256sum)" "$(sha256sum <"$T/source")" "byte for byte"
refused "there is no upload" "once" with_env uploads publish 1000000
ok "one is aborted" with_env uploads abort "$(id_of stopped)"
ok "one without its end is published as far as it is there" with_env uploads publish "$(id_of crashed)"
is "$(stored primary/crashed | sha256sum)" "$(head -c "$(stored primary/crashed | wc -c)" "$T/source" | sha256sum)" "the beginning is right"
is "$(stored primary/crashed | wc -c)" 16777216 "two parts of 8 MiB"
is "$(list)" "nothing is kept" "nothing is left in the journal"
is "$(uploads primary)" 0 "nor at the store"
mount_porterfs
is "$(sha256sum <"$MNT/primary/killed")" "$(sha256sum <"$T/source")" "the mount reads it"
