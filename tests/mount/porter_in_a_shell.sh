#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# porter: jobs of a mount and without one, their exit status, tables and JSON.
. "$(dirname "$0")/lib.sh"
: "${PORTER:?the tool under test}"
command -v jq >/dev/null || skip "no jq here"

# exits STATUS WHAT COMMAND...
exits() {
	local wanted=$1 what=$2 got=0
	shift 2
	"$@" >"$T/out" 2>"$T/err" || got=$?
	is "$got" "$wanted" "$what"
}
# At the mount under test; and without one, on the buckets that the mount has.
at() { "$PORTER" "$1" --mount "$MNT" "${@:2}"; }
bare() {
	env -i PATH="$PATH" HOME="$T" ASAN_OPTIONS="${ASAN_OPTIONS:-}" \
		"$PORTER" "$1" --env-file "$T/.env" "${@:2}"
}

mount_porterfs
mkdir "$MNT/source/d"
for i in 1 2 3; do echo "$i" >"$MNT/source/d/$i"; done

exits 0 "clone without a word, as the guide has it" at clone
is "$(cat "$MNT/primary/d/2")" 2 "from source to primary"
like "$(cat "$T/out")" '^clone  \[####################\] 100%|^clone  4 objects' "it says what it did"
exits 0 "copy" at copy source/d/1 primary/one
exits 0 "verify" at verify source/ primary/
exits 3 "verify finds what is missing" at verify source/d/ primary/x/
like "$(cat "$T/err")" "it is missing" "and says so"
exits 2 "a wrong key" at copy source/d/ primary/e/ what=1
like "$(cat "$T/err")" "there is no key 'what'" "the daemon's sentence"
exits 3 "a bucket that is not there" at copy nowhere/ primary/
exits 2 "a command that is not there" "$PORTER" nonsense
exits 0 "JSON lines" at copy --json source/d/1 primary/two id=j2
is "$(tail -1 "$T/out" | jq -r '.id + " " + .state')" "j2 done" "the last one is the end"
exits 0 "start and leave" at copy --detach source/d/1 primary/three
id=$(cat "$T/out")
exits 0 "jobs wait" at jobs wait "$id"
exits 0 "jobs" at jobs
like "$(cat "$T/out")" 'ID +TYPE +STATE' "a table"
like "$(grep j2 "$T/out")" 'copy +done' "with the job"
exits 0 "jobs forget" at jobs forget j2
exits 3 "it is forgotten" at jobs log j2
exits 0 "status" at status
like "$(cat "$T/out")" '^health: ok' "health first"
exits 0 "sync" at sync
exits 0 "invalidate" at invalidate primary/d recursive=1
exits 1 "presign where there are no URLs" at presign get primary/one
exits 2 "presign beyond seven days" at presign get primary/one ttl=8d

# without a mount, on the same library
exits 0 "clone without a mount" bare clone source/ primary/bare/
is "$(stored primary/bare/d/3)" 3 "it is at the store"
exits 0 "move" bare move primary/bare/d/3 alt-export/
ok "it moved" has_object alt/3
exits 0 "delete" bare delete primary/bare/
is "$(find "$STORE/b-primary" -path '*bare*' -type f ! -name % | wc -l)" 0 "it is gone"
exits 2 "never a whole bucket by mistake" bare delete primary
if [ "$(id -u)" -eq 0 ]; then
	exits 4 "nothing into a bucket that is read-only" bare copy source/d/1 primary/ro -o bucket.primary.mode=ro
fi

# umount waits for what is being written
(exec 7>"$MNT/primary/slow"; echo x >&7; sleep 1) &
slow=$!
sleep 0.3
exits 0 "porter umount" "$PORTER" umount "$MNT"
wait "$slow"
is "$(stored primary/slow)" x "what was being written is there"
status=0
wait "$DAEMON" || status=$?
DAEMON=
is "$status" 0 "the daemon ended well"
exits 1 "no mount there any more" "$PORTER" status --mount "$MNT"
