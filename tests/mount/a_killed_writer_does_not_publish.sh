#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A dump whose writer was killed is not published; on_killed_writer says what
# becomes of it, on_failed_writer of one that exits with an error.
. "$(dirname "$0")/lib.sh"

writer() { # NAME HOW: writes 20 MB itself, then dies
	python3 - "$MNT/primary/$1" "$2" <<-'PY' || true
	import os, signal, sys
	f = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT, 0o644)
	for _ in range(20):
	    os.write(f, bytes(1000000))
	if sys.argv[2] == "exit":
	    os._exit(3)
	os.kill(os.getpid(), getattr(signal, sys.argv[2]))
	PY
}

mount_porterfs -o on_killed_writer=abort
for sig in SIGKILL SIGTERM SIGSEGV; do
	writer "$sig" "$sig" 2>/dev/null
	sleep 0.3
	! has_object "primary/$sig" || fail "$sig: published"
	[ ! -e "$MNT/primary/$sig" ] || fail "$sig: the name is there"
done
is "$(uploads primary)" 0 "aborted uploads leave nothing"
writer exit exit
is "$(stored primary/exit | wc -c)" 20000000 "an exit status alone is published"
umount_porterfs

mount_porterfs -o on_failed_writer=keep
writer kept SIGKILL
sleep 0.3
! has_object primary/kept || fail "keep: published"
is "$(uploads primary)" 1 "keep (the default): the upload stays open"
like "$(cat "$LOG")" "kept.*" "and the log says so"
writer failed exit
sleep 0.3
! has_object primary/failed || fail "on_failed_writer=keep: published"
