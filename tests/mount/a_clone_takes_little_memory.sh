#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A clone of ten times as many objects takes no more memory: two listings are
# walked page by page, and the server copies.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/peer.sh"

mkdir -p "$T/objects/b-primary"
"$S3PEER" --store "file://$T/objects" --bucket b-primary --secret-key "$PEER_SECRET" \
	--port-file "$T/port" &
PEER=$!
wait_for 10 test -s "$T/port"
PEER_URL=http://127.0.0.1:$(cat "$T/port")
mount_s3

# peak COUNT: the daemon's anonymous memory while it clones so many, in KiB
peak() {
	mkdir "$T/objects/b-primary/from$1"
	(cd "$T/objects/b-primary/from$1" && seq -f 'an-object-with-a-name-%.0f' "$1" | xargs touch)
	: >"$T/memory"
	while grep RssAnon "/proc/$DAEMON/status" >>"$T/memory"; do sleep 0.05; done &
	local watch=$!
	echo "src=primary/from$1/ dst=primary/to$1/ sync=1" >"$MNT/.porter/clone"
	kill "$watch"
	awk '$2 > peak { peak = $2 } END { print peak }' "$T/memory"
}
few=$(peak 3000)
many=$(peak 30000)
is "$(find "$T/objects/b-primary/to30000" -type f | wc -l)" 30000 "all were cloned"
say "peak RssAnon with 3,000 objects: $few KiB, with 30,000: $many KiB"
# a sanitizer keeps freed memory aside
grep -q __asan_init "$PORTERFS" || [ "$many" -le $((few + 10240)) ] || fail "it took $((many - few)) KiB more"
