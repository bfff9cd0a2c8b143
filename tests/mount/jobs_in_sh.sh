#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Jobs driven by a shell: started by echo, waited for by cat, ids read back on
# the same descriptor, paused, cancelled, tried again; and the daemon killed.
. "$(dirname "$0")/lib.sh"
command -v jq >/dev/null || skip "no jq here"

mount_porterfs
P=$MNT/.porter
mkdir -p "$MNT/source/img/sub"
for i in 1 2 3; do echo "jpg $i" >"$MNT/source/img/$i.jpg"; done
echo png >"$MNT/source/img/sub/4.png"

# the block of the manual: start, wait, look
echo 'id=pics src=source/img/ dst=primary/img/' >"$P/clone"
ok "wait ends with 0 for a job that is done" cat "$P/jobs/pics/wait"
is "$(cat "$P/jobs/pics/state")" "done" "its state"
is "$(jq -r '.objects, .bytes' "$P/jobs/pics/status.json" | tr '\n' ' ')" "6 22 " "what it did: four files and two directories"
is "$(cat "$MNT/primary/img/sub/4.png")" png "the copy is there at once"
is "$(stored primary/img/1.jpg)" "jpg 1" "and at the store"
is "$(jq -r .command.dst "$P/jobs/pics/spec.json")" primary/img/ "spec.json"
is "$(cat "$P/jobs/pics/type")" clone "type"
like "$(tail -1 "$P/jobs/pics/progress.stream")" '"state":"done"' "progress.stream ends"
refused "File exists" "an id is taken once" bash -c "echo 'id=pics src=source dst=primary' >'$P/clone'"
refused "No such file" "a bucket that is not there" bash -c "echo 'src=nowhere/ dst=primary/' >'$P/clone'"
refused "Invalid argument" "a key that is not there" bash -c "echo 'src=source/ dst=primary/ what=1' >'$P/clone'"
refused "Invalid argument" "nothing to copy to" bash -c "echo 'source/img/' >'$P/copy'"

# sync=1: write returns at the end, with the job's errno
ok "sync=1" bash -c "echo 'src=source/img/ dst=alt-export/img/ include=*.jpg sync=1' >'$P/clone'"
is "$(cd "$MNT/alt-export/img" && echo *)" "1.jpg 2.jpg 3.jpg" "only what include takes"
ok "the form of the guide" bash -c "echo 's3://b-source/img/ s3://primary/guide/ sync=1' >'$P/clone'"
is "$(objects primary)" 8 "it has all four"
ok "JSON" bash -c "echo '{\"src\":\"source/img/1.jpg\",\"dst\":\"primary/one/\",\"sync\":true}' >'$P/copy'"
is "$(cat "$MNT/primary/one/1.jpg")" "jpg 1" "one object"
refused "No such file" "sync=1 of a job that fails" bash -c "echo 'src=source/img/ dst=primary/empty/ sync=1 id=ver' >'$P/verify'"
is "$(tail -1 "$P/errors" | jq -r .errno)" ENOENT "with the job's errno in errors"
status=0
cat "$P/jobs/ver/wait" >"$T/wait" 2>"$T/told" || status=$?
is "$status" 1 "cat of wait fails as the job did"
is "$(jq -r .state "$T/wait")" failed "after its last line"
is "$(jq -r 'select(.path) | .errno' "$P/jobs/ver/log" | sort | uniq -c | tr -s ' ')" " 6 ENOENT" "the log has each failure"

# the id is read back on the same descriptor
exec 5<>"$P/clone"
echo 'src=source/img/ dst=primary/back/' >&5
read -r id <&5
exec 5>&-
like "$id" '^[0-9]{8}T[0-9]{6}Z-[0-9a-z]{6}$' "a made id is read back"
ok "and can be waited for" cat "$P/jobs/$id/wait"

# twenty scripts at once get their own
for i in $(seq 20); do
	(
		exec 5<>"$P/copy"
		echo "src=source/img/$((i % 3 + 1)).jpg dst=primary/many/$i" >&5
		read -r id <&5
		cat "$P/jobs/$id/wait" >/dev/null
		jq -r .command.dst "$P/jobs/$id/spec.json" >"$T/own.$i"
	) &
	pids[i]=$!
done
wait "${pids[@]}"
wrong=0
for i in $(seq 20); do [ "$(cat "$T/own.$i")" = "primary/many/$i" ] || wrong=$((wrong + 1)); done
is "$wrong" 0 "twenty concurrent scripts read their own ids"
is "$(find "$MNT/primary/many" -type f | wc -l)" 20 "and all of it was done"

# dry run, move, delete
exec 5<>"$P/dryrun"
echo 'move src=source/img/ dst=primary/moved/' >&5
is "$(jq -r '.objects, .bytes, .deleted, .dryrun' <&5 | tr '\n' ' ')" "6 22 6 true " "dryrun replies with counts"
exec 5>&-
[ ! -e "$MNT/primary/moved" ] || fail "dryrun did something"
ok "move" bash -c "echo 'src=source/img/ dst=primary/moved/ sync=1' >'$P/move'"
is "$(objects source)" 0 "the source is empty"
is "$(cat "$MNT/primary/moved/2.jpg")" "jpg 2" "the target has it"
ok "delete" bash -c "echo 'primary/moved/ sync=1' >'$P/delete'"
wait_for 5 [ ! -e "$MNT/primary/moved/2.jpg" ] || fail "deleted and still seen"
refused "Invalid argument" "never a whole bucket by mistake" bash -c "echo primary >'$P/delete'"

# a job that takes a while: paused, and the daemon killed meanwhile
for i in $(seq 3000); do echo "$i" >"$STORE/b-source/n$i"; done
echo 'id=long src=source/ dst=alt-export/long/ paused=1' >"$P/clone"
refused "Device or resource busy" "two jobs with one target" bash -c "echo 'src=primary/ dst=alt-export/long/' >'$P/clone'"
like "$(cat "$P/jobs/long/status.json")" '"paused":true' "paused"
echo resume >"$P/jobs/long/ctl"
kill -KILL "$DAEMON"
wait "$DAEMON" 2>/dev/null || true
DAEMON=
umount -l "$MNT"
mount_porterfs
ok "after a kill it is begun again" cat "$P/jobs/long/wait"
is "$(find "$MNT/alt-export/long" -type f | wc -l)" 3000 "and done"
refused "File exists" "its id is known still" bash -c "echo 'id=long src=source dst=primary/x/' >'$P/clone'"
is "$(cat "$P/jobs/pics/state")" "done" "so are jobs of before"
echo forget >"$P/jobs/pics/ctl"
refused "No such file" "until they are forgotten" cat "$P/jobs/pics/state"

# cancel
echo 'id=stop src=source/ dst=primary/stop/' >"$P/clone"
echo cancel >"$P/jobs/stop/ctl" 2>/dev/null || true # it may be done already
cat "$P/jobs/stop/wait" >/dev/null 2>&1 || true
like "$(cat "$P/jobs/stop/state")" '^(cancelled|done)$' "cancelled, or done before"
like "$(grep ^porterfs_jobs "$P/metrics" | tr '\n' ' ')" 'state="done"' "metrics count jobs"
umount_porterfs
