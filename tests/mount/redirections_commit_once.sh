#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A shell's redirection is one commit, when its last descriptor is closed.
. "$(dirname "$0")/lib.sh"

mount_porterfs
f=$MNT/primary/f

{ date; has_object primary/f && echo early; date; has_object primary/f && echo early; } >"$f" || true
is "$(wc -l <"$f")" 2 "two commands, one file"
is "$(grep -c early "$f" || true)" 0 "nothing was published before the end"

for shell in bash dash; do
	# A commit before the last would make the object, and the next line early.
	$shell -c "{ for i in \$(seq 500); do date; [ ! -e $STORE/b-primary/$shell ] || echo early; done; } >$MNT/primary/$shell"
	is "$(wc -l <"$MNT/primary/$shell")" 500 "500 children in $shell"
	is "$(grep -c early "$MNT/primary/$shell" || true)" 0 "make one commit"
	is "$(stored "primary/$shell" | wc -l)" 500 "are in the store"
done

(echo one; (echo two); bash -c 'echo three') >"$MNT/primary/sub"
is "$(tr '\n' ' ' <"$MNT/primary/sub")" "one two three " "subshells"

exec 7>"$MNT/primary/fd"
echo a >&7
bash -c 'echo b >&7'
! has_object primary/fd || fail "published while descriptor 7 is open"
echo c >&7
exec 7>&-
is "$(tr '\n' ' ' <"$MNT/primary/fd")" "a b c " "a descriptor used by children"

python3 - "$MNT/primary/dup" <<'PY'
import os, sys
a = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT, 0o644)
b = os.dup(a)
os.write(a, b"1")
os.close(a)
os.write(b, b"2")
os.close(b)
PY
is "$(cat "$MNT/primary/dup")" 12 "dup"

python3 - "$MNT/primary/fork" <<'PY'
import os, sys, time
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT, 0o644)
os.write(fd, b"parent ")
if os.fork() == 0:
    os.write(fd, b"child")
    os._exit(0)
os.wait()
PY
is "$(cat "$MNT/primary/fork")" "parent child" "a child that writes, and ends before its parent"

(true) >"$MNT/primary/empty"
is "$(stored primary/empty | wc -c)" 0 "no byte: an empty object"
cat "$f" "$f" | tee "$MNT/primary/tee" | wc -l >"$MNT/primary/count"
is "$(cat "$MNT/primary/count")" 4 "a pipeline into two files"
