#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# .porter: there but not listed, read with plain tools, driven with echo, whose
# status says what write(2) said; nobody else gets in; nothing of it hangs tools.
. "$(dirname "$0")/lib.sh"
command -v jq >/dev/null || skip "no jq here"

# shown DIRECTORY: what readdir tells, in order
shown() { find "$1" -mindepth 1 -maxdepth 1 -printf '%f\n' | LC_ALL=C sort | paste -sd ' '; }

chmod 755 "$T"
mount_porterfs -o allow_other
P=$MNT/.porter

# not listed, but there
is "$(shown "$MNT")" "alt-export primary source" "readdir does not tell of .porter"
is "$(find "$MNT" -name .porter)" "" "nor does find see it"
is "$(stat -c '%a %U %F' "$P")" "500 $(id -un) directory" "owner and mode of .porter"
like "$(cat "$P/version")" '^[0-9]+\.[0-9]+' "version"
is "$(cat "$P/pid")" "$DAEMON" "pid"
is "$(head -1 "$P/health")" ok "health"
like "$(cat "$P/README")" 'jobs/\*/wait' "README tells of the files"
is "$(jq -r .general.part_size.value "$P/config.json")" 8M "config.json is JSON"
like "$(jq -c keys "$P/stats.json")" porterfs_uptime_seconds "stats.json is JSON"
like "$(grep ^porterfs_memory_limit_bytes "$P/metrics")" ' [0-9]+$' "metrics has the budget"
is "$(stat -c %s "$P/metrics")" 0 "sizes are 0"
is "$(stat -c %i "$P/pid")" "$(stat -c %i "$P/pid")" "inode numbers stay"
if command -v promtool >/dev/null; then
	ok "promtool takes the metrics" bash -c "promtool check metrics <'$P/metrics' >'$T/promtool' 2>&1 || ! grep -i error '$T/promtool'"
fi

# commands: the status of echo is that of write(2), the sentence is in errors
status=0
(echo loud >"$P/loglevel") 2>"$T/told" || status=$?
is "$status" 1 "a bad command fails in the shell"
like "$(cat "$T/told")" "Invalid argument" "and the shell says why"
is "$(tail -1 "$P/errors" | jq -r '.errno + " " + .file + " " + .input')" "EINVAL loglevel loud" "errors has it"
ok "a good one" bash -c "echo debug >'$P/loglevel'"
is "$(cat "$P/loglevel")" debug "and it did something"
echo info >>"$P/loglevel"
is "$(cat "$P/loglevel")" info "appending is the same"
refused "No such file" "a file that is not there" bash -c "echo x >'$P/nothing'"
refused "not permitted" "nothing is made here" mkdir "$P/d"
refused "not permitted" "nor removed" rm "$P/pid"
refused "not permitted" "nor renamed" mv "$MNT/primary" "$P/d"
ok "touch and chmod are taken" bash -c "touch '$P/pid' && chmod 600 '$P/pid'"
refused "No such file" "a bucket that is not there" bash -c "echo nowhere/x >'$P/invalidate'"
echo "primary/x recursive=1" >"$P/invalidate"
echo '{"":"primary/x","recursive":true}' >"$P/invalidate"

# sync, and what is being written
echo one >"$MNT/primary/f"
ok "sync" bash -c "echo / >'$P/sync'"
exec 7>"$MNT/primary/g"
echo abc >&7
is "$(jq -r '.path + " " + (.bytes|tostring) + " " + .state' "$P/uploads.jsonl")" "primary/g 4 writing" "uploads.jsonl tells who writes"
exec 7>&-

# tools that read everything
ok "tar over .porter" timeout 20 tar cf /dev/null --warning=no-all -C "$P" README jobs config.json events.stream
ok "rsync over .porter" timeout 20 rsync -a --exclude '*.stream' "$P/" "$T/copy/"
ok "rsync over the mount" timeout 20 rsync -a "$MNT/" "$T/all/"
is "$(shown "$T/all")" "alt-export primary source" "which does not see .porter"
ok "grep -r over the mount" timeout 20 grep -rq one "$MNT"

# a reader that waits holds nothing up and can be stopped
timeout 1 cat "$P/events.stream" || status=$?
is "$status" 124 "a stream blocks"
for _ in 1 2 3 4 5 6 7 8; do cat "$P/events.stream" >/dev/null & done
is "$(timeout 5 cat "$P/loglevel")" info "eight waiting readers hold no thread"
# shellcheck disable=SC2046 # numbers
kill $(jobs -p | grep -v "^$DAEMON\$")

# another user, though the mount lets others in
if [ "$(id -u)" -eq 0 ]; then
	nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
	refused "Permission denied" "another user: listing" nobody ls "$P"
	refused "Permission denied" "another user: reading" nobody cat "$P/version"
	refused "Permission denied" "another user: writing" nobody bash -c "echo info >'$P/loglevel'"
fi
like "$(cat "$LOG")" 'command to "loglevel" by uid [0-9]+, pid [0-9]+ \(bash\): debug' "commands are logged with who gave them"
umount_porterfs

mount_porterfs -o control=visible
is "$(shown "$MNT")" ".porter alt-export primary source" "control = visible lists it"
umount_porterfs

mount_porterfs -o control=off
refused "No such file" "control = off" ls "$MNT/.porter"
umount_porterfs

if [ "$(id -u)" -eq 0 ]; then
	mount_porterfs -o allow_other,control_group=nogroup
	is "$(stat -c %a "$MNT/.porter")" 550 "control_group opens it to a group"
	ok "who is of the group" setpriv --reuid 65534 --regid 65534 --clear-groups cat "$MNT/.porter/version"
	refused "Permission denied" "who is not" setpriv --reuid 65534 --regid 1 --clear-groups cat "$MNT/.porter/version"
fi
