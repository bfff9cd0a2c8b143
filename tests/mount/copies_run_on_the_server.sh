#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# cp within a bucket and between buckets of one server moves no byte through this
# machine: one CopyObject, copied parts where something is added, and the bytes
# are right.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/peer.sh"

start_peer --bucket b-source
s3_env_of_two() {
	s3_env
	cat <<-ENV
	AWS_SOURCE_ENDPOINT=$PEER_URL
	AWS_SOURCE_BUCKET=b-source
	AWS_SOURCE_ACCESS_KEY_ID=$PEER_KEY
	AWS_SOURCE_SECRET_ACCESS_KEY=$PEER_SECRET
	ENV
}
# shellcheck disable=SC2317 # lib.sh calls it
porter_env() { s3_env_of_two; }
mount_porterfs
p=$MNT/primary
head -c 70000000 /dev/urandom >"$T/large"
head -c 5000 /dev/urandom >"$T/small"
cat "$T/large" >"$p/large"
cat "$T/small" >"$p/small"

# costs WANTED WHAT COMMAND...: requests by verb, but LIST and HEAD
costs() {
	local wanted=$1 what=$2 before got
	shift 2
	before=$(wc -l <"$T/requests")
	ok "$what" "$@"
	sleep 0.1 # the log is written behind the reply
	got=$(tail -n "+$((before + 1))" "$T/requests" | python3 -c '
import collections, json, sys
verbs = collections.Counter(json.loads(line)["verb"] for line in sys.stdin)
print(*(f"{verb}:{count}" for verb, count in sorted(verbs.items())
        if verb not in ("LIST", "HEAD")))')
	is "$got" "$wanted" "$what: requests"
}

costs "COPY:1" "cp of a large file" cp "$p/large" "$p/large2"
ok "its bytes" cmp "$T/large" "$p/large2"
costs "COPY:1" "cp into another bucket" cp "$p/large" "$MNT/source/large"
ok "its bytes there" cmp "$T/large" "$MNT/source/large"
costs "COPY:1" "cp over an existing file" cp "$MNT/source/large" "$p/large2"
costs "COPY:1 DELETE:1" "mv into another bucket" mv "$p/large2" "$MNT/source/moved"
ok "its bytes, too" cmp "$T/large" "$MNT/source/moved"
costs "COPY:1 MPU_COMPLETE:1 MPU_CREATE:1 MPU_PART:1 MPU_PART_COPY:1" "a file and some more" \
	sh -c "cp '$p/large' '$p/more' && cat '$T/small' >>'$p/more'"
ok "both are in it" cmp <(cat "$T/large" "$T/small") "$p/more"
mkdir "$p/dir"
for i in 1 2 3; do cp "$T/small" "$p/dir/f$i"; done
ok "cp -a of a tree" cp -a "$p/dir" "$MNT/source/"
ok "its files" diff -r "$p/dir" "$MNT/source/dir"
is "$(stat -c %Y "$MNT/source/dir/f2")" "$(stat -c %Y "$p/dir/f2")" "with their times"
ok "install -m" install -m 751 "$p/small" "$p/installed"
is "$(stat -c %a "$p/installed") $(cmp "$T/small" "$p/installed" && echo same)" "751 same" "install's mode and bytes"

# Keys that may not read the other bucket: the bytes go through here.
head -c 20000000 "$T/large" >"$p/middle"
rules 'request=COPY action=status:403' 'request=MPU_PART_COPY action=status:403'
ok "where the server refuses, cp works all the same" cp "$p/middle" "$MNT/source/streamed"
rules
ok "with the right bytes" cmp "$p/middle" "$MNT/source/streamed"
like "$(cat "$LOG")" "does not copy from the other bucket" "and the log says how"

