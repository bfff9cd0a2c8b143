# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Behind lib.sh: the daemon on a scripted S3 server in memory (s3peer), where it
# matters what goes over the wire or what the server does.
#
#   start_peer [option of s3peer]...   with the bucket b-primary
#   mount_s3 [option of porterfs]...
#   rules 'request=GET action=stall'   (no word: none)
#
# Given by the runner: S3PEER.

: "${S3PEER:?the scripted server: run this with meson test --suite mount}"
PEER=
PEER_KEY=AKPEER
PEER_SECRET=SKPEER

start_peer() {
	"$S3PEER" --memory --bucket b-primary --secret-key "$PEER_SECRET" \
		--port-file "$T/port" --log "$T/requests" "$@" &
	PEER=$!
	wait_for 10 test -s "$T/port" || { echo "not ok - no s3peer"; exit 1; }
	PEER_URL=http://127.0.0.1:$(cat "$T/port")
}

stop_peer() {
	[ -z "$PEER" ] || kill "$PEER" 2>/dev/null
	wait "$PEER" 2>/dev/null || true
	PEER=
}
# The peer must be there until the mount is gone, and must not outlive the test.
finish_with_peer() {
	local status=$?
	set +e
	[ "$status" -eq 0 ] || FAILED=$((FAILED + 1))
	[ -z "$PEER" ] || rules
	if [ -n "$DAEMON" ] && is_mounted; then umount_porterfs; fi
	stop_peer
	true
	finish
}
trap finish_with_peer EXIT

# New rules in place of the old, one per word.
rules() { printf '%s\n' "$@" | curl -sS -X PUT --data-binary @- "$PEER_URL/.s3peer/rules"; }

# The environment of the guide, for the peer; more of it as words.
s3_env() {
	cat <<-ENV
	AWS_ENDPOINT=$PEER_URL
	AWS_BUCKET=b-primary
	AWS_ACCESS_KEY_ID=$PEER_KEY
	AWS_SECRET_ACCESS_KEY=$PEER_SECRET
	ENV
}

mount_s3() {
	# shellcheck disable=SC2317 # lib.sh calls it
	porter_env() { s3_env; }
	mount_porterfs "$@"
}

# What a jq-less reader needs: the requests of VERB, one line of JSON each.
requests() { grep "\"verb\":\"$1\"" "$T/requests" || true; }

# How many requests of VERB (or all) were at the server at once.
at_once() {
	python3 - "$T/requests" "${1:-}" <<-'PY'
	import json, sys
	ends = []
	for line in open(sys.argv[1]):
	    r = json.loads(line)
	    if sys.argv[2] in ("", r["verb"]):
	        ends += [(r["start_us"], 1), (r["start_us"] + r["took_us"], -1)]
	now = most = 0
	for _, step in sorted(ends):
	    now += step
	    most = max(most, now)
	print(most)
	PY
}
