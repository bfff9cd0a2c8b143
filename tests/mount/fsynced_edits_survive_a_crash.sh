#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What an fsync of an edited file has acknowledged is there after SIGKILL of the
# daemon, without a close; where somebody else wrote the name meanwhile, it waits
# as a kept upload.
. "$(dirname "$0")/lib.sh"

edit() { # NAME: patch 3 places, fsync, patch one more without; then wait
	python3 - "$MNT/primary/$1" "$T/$1.synced" <<-'PY' &
	import os, sys, time
	f = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o640)
	os.pwrite(f, b"first" * 1000, 0)
	os.pwrite(f, b"middle" * 1000, 5000000)
	os.pwrite(f, b"end" * 1000, 11000000)
	os.fsync(f)
	open(sys.argv[2], "w").close()
	time.sleep(60)
	PY
	WRITER=$!
	wait_for 20 test -e "$T/$1.synced" || fail "$1: fsync did not return"
}
expect() { # FILE: what an edit makes of it
	python3 - "$1" <<-'PY'
	import sys
	f = open(sys.argv[1], "r+b")
	for at, what in (0, b"first"), (5000000, b"middle"), (11000000, b"end"):
	    f.seek(at)
	    f.write(what * 1000)
	PY
}
crash() {
	kill -KILL "$DAEMON"
	wait "$DAEMON" 2>/dev/null || true
	DAEMON=
	umount -l "$MNT"
	kill -KILL "$WRITER" 2>/dev/null || true
	wait "$WRITER" 2>/dev/null || true
}

head -c 10000000 /dev/urandom >"$T/old"
cp "$T/old" "$T/changed"
cp "$T/old" "$T/raced"
: >"$T/new"
expect "$T/changed"
expect "$T/new"

mount_porterfs
cp "$T/old" "$MNT/primary/changed"
edit changed
is "$(stored primary/changed | sha256sum)" "$(sha256sum <"$T/old")" "an fsync publishes nothing"
crash
mount_porterfs
is "$(sha256sum <"$MNT/primary/changed")" "$(sha256sum <"$T/changed")" "an edit is completed after SIGKILL"
is "$(uploads primary)" 0 "nothing is left at the store"
is "$(find "$T/state/staging" -type f 2>/dev/null | wc -l)" 0 "nor in state_dir"

edit new
crash
mount_porterfs
is "$(sha256sum <"$MNT/primary/new")" "$(sha256sum <"$T/new")" "so is a new file, holes and all"
is "$(stat -c %a "$MNT/primary/new")" 640 "with its mode"

cp "$T/old" "$MNT/primary/raced"
edit raced
crash
echo theirs | put_elsewhere primary/raced
mount_porterfs
is "$(cat "$MNT/primary/raced")" theirs "what somebody else wrote stays"
like "$(cat "$LOG")" "the edit of 'primary/raced' .staging file '[0-9]+'. is not finished: .*changed" "and the log says where the edit is"
is "$(find "$T/state/staging" -type f | wc -l)" 1 "which keeps what was written"
umount_porterfs
: >"$T/state/staging/12345"
mount_porterfs
is "$(find "$T/state/staging" -name 12345 | wc -l)" 0 "a staging file that no record names is removed"

edit closed
kill -KILL "$WRITER" # dies: on_killed_writer = keep
wait "$WRITER" 2>/dev/null || true
wait_for 20 grep -q "'closed'.*upload stays open" "$LOG" || fail "the killed editor's file was not kept"
umount_porterfs
is "$(find "$T/state/staging" -type f | wc -l)" 1 "a kept upload needs no staging file"
