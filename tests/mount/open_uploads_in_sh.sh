#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# mpu/ of .porter: what a killed writer left is listed, published after all, or
# given up; what is being written is left alone.
. "$(dirname "$0")/lib.sh"
command -v jq >/dev/null || skip "no jq here"

# killed NAME: a writer of 12 MB that SIGKILL ends
killed() {
	python3 -c 'import os, signal, sys
f = open(sys.argv[1], "wb")
f.write(bytes(12000000))
f.flush()
os.kill(os.getpid(), signal.SIGKILL)' "$MNT/primary/$1" || true
}

mount_porterfs
P=$MNT/.porter
is "$(cat "$P/mpu/primary.jsonl")" "" "nothing is open"
killed one
killed two
wait_for 10 bash -c "[ \$(jq -r 'select(.state == \"kept\") | .key' '$P/mpu/primary.jsonl' | wc -l) = 2 ]" ||
	fail "the killed writers' uploads are not kept: $(cat "$P/mpu/primary.jsonl")"
is "$(jq -r .ours "$P/mpu/primary.jsonl" | sort -u)" true "they are ours"
id=$(jq -r 'select(.key == "one") | .upload_id' "$P/mpu/primary.jsonl")
[ ! -e "$MNT/primary/one" ] || fail "it was published"
ok "published after all" bash -c "echo 'bucket=primary upload_id=$id' >'$P/mpu/publish'"
is "$(stored primary/one | wc -c)" 12000000 "it is there"
refused "No such file" "only once" bash -c "echo 'bucket=primary upload_id=$id' >'$P/mpu/publish'"
refused "Invalid argument" "which one" bash -c "echo 'bucket=primary' >'$P/mpu/abort'"
exec 5<>"$P/mpu/abort"
echo 'bucket=primary older=1h' >&5
read -r count <&5
is "$count" 0 "none is an hour old"
exec 5>&-
exec 7>"$MNT/primary/three"
head -c 12000000 /dev/zero >&7
exec 5<>"$P/mpu/abort"
sleep 1
echo 'bucket=primary older=0 ours=1' >&5
read -r count <&5
is "$count" 1 "given up by age"
exec 5>&-
exec 7>&-
is "$(stored primary/three | wc -c)" 12000000 "but not what was being written"
is "$(uploads primary)" 0 "nothing is left open"
