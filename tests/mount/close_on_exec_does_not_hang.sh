#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A descriptor that execve(2) closes is flushed while the process holds its exec
# lock: the daemon must not wait for it.
. "$(dirname "$0")/lib.sh"

mount_porterfs
cat >"$T/exec.py" <<-'PY'
import os, sys
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
os.write(fd, b"before exec\n")
os.execvp("true", ["true"])
PY
for i in $(seq 20); do
	timeout -s KILL 20 python3 "$T/exec.py" "$MNT/primary/f$i" ||
		fail "round $i: execve did not come back"
done
is "$(cat "$MNT"/primary/f* | sort | uniq -c | tr -s ' ')" " 20 before exec" \
	"what was written is published"

cat >"$T/output.py" <<-'PY'
import os, sys
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
os.write(fd, b"before ")
os.dup2(fd, 1)
os.execvp("echo", ["echo", "and after"])
PY
ok "a program with the file as its output" \
	timeout -s KILL 20 python3 "$T/output.py" "$MNT/primary/output"
is "$(cat "$MNT/primary/output")" "before and after" "goes on where the other left it"
