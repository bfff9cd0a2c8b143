#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Behind a gateway that answers nobody, a signal ends every process within a
# second; one that was killed and started again is used without a remount, and
# what was being written arrives whole.
. "$(dirname "$0")/lib.sh"

gateway() { cat "$TEST_RGW_DIR/run/client.rgw.pid"; }
thaw() {
	local status=$?
	kill -CONT "$(gateway)" 2>/dev/null || true
	(exit "$status")
	finish
}
trap thaw EXIT

stream 5 30000000 >"$T/bytes"
put_elsewhere primary/unseen <"$T/bytes"
mount_porterfs
p=$MNT/primary
cp "$T/bytes" "$p/bytes"

# ends_at_once SIGNAL WHAT COMMAND...: the stuck command ends within a second
ends_at_once() {
	local signal=$1 what=$2 pid begin ms
	shift 2
	"$@" >/dev/null 2>&1 &
	pid=$!
	sleep 0.5
	kill -0 "$pid" 2>/dev/null || fail "$what: '$*' did not wait for the gateway"
	begin=${EPOCHREALTIME/./}
	kill "-$signal" "$pid"
	wait "$pid" 2>/dev/null || true
	ms=$(((${EPOCHREALTIME/./} - begin) / 1000))
	if [ "$ms" -gt 1000 ]; then fail "$what: took $ms ms"; else printf 'ok - %s (%d ms)\n' "$what" "$ms"; fi
}

kill -STOP "$(gateway)"
ends_at_once KILL "a killed stat" stat "$MNT/alt-export/never-seen"
ends_at_once HUP "an ls whose terminal went" ls -l "$MNT/source"
ends_at_once KILL "a killed reader" cat "$p/unseen"
ends_at_once TERM "a writer at its close" sh -c "echo late >'$p/late'"
ends_at_once KILL "a killed rm" rm -f "$p/bytes"
kill -CONT "$(gateway)"
ok "afterwards all is well" wait_for 30 cmp "$T/bytes" "$p/unseen"

# A stream while the gateway is away.
{ stream 6 5000000; stream 7 25000000; } >"$T/wanted"
{
	stream 6 5000000
	sleep 1
	kill -KILL "$(gateway)"
	sleep 2
	stream 7 25000000
} >"$p/stream" &
writer=$!
sleep 4
"$(dirname "$0")/../../scripts/rgw" restart "$TEST_RGW_DIR"
ok "the writer ends well" wait "$writer"
ok "with its bytes" cmp "$T/wanted" "$p/stream"
ok "as the store has them" cmp "$T/wanted" <(stored primary/stream)
is "$(uploads primary)" 0 "no upload is left open"
