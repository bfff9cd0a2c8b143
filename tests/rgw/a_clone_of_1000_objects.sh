#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# clone between two buckets of the gateway: copied there, not through here; a
# second one copies nothing; verify agrees; then a move, and a delete.
. "$(dirname "$0")/lib.sh"

count=${CLONE_COUNT:-1000}
mkdir "$T/tree"
for i in $(seq "$count"); do echo "object $i" >"$T/tree/$i"; done
mount_porterfs
P=$MNT/.porter
cp -r "$T/tree" "$MNT/source/tree"
stream 5 20M >"$MNT/source/tree/big"

begin=${EPOCHREALTIME/./}
ok "clone, as the guide has it: from source to primary" bash -c "echo 'sync=1 id=first' >'$P/clone'"
ms=$(((${EPOCHREALTIME/./} - begin) / 1000))
say "$((count + 1)) objects in $ms ms: $((count * 1000 / (ms + 1))) a second"
is "$(objects primary)" $((count + 1)) "all are there"
is "$(stored primary/tree/big | sum)" "$(stream 5 20M | sum)" "the large one too"
like "$(cat "$P/jobs/first/status.json")" "\"failures\":0" "without a failure"
if grep -q 'through this machine' "$P/jobs/first/log"; then fail "bytes went through here"; fi
ok "verify" bash -c "echo 'src=source dst=primary exact=1 sync=1' >'$P/verify'"
ok "clone again" bash -c "echo 'sync=1 id=second' >'$P/clone'"
is "$(jq .objects "$P/jobs/second/status.json")" 0 "nothing is copied twice"
echo other | put_elsewhere source/tree/7
ok "clone once more" bash -c "echo 'sync=1 id=third' >'$P/clone'"
is "$(jq .objects "$P/jobs/third/status.json")" 1 "but for what changed"
ok "move" bash -c "echo 'src=primary/tree/ dst=alt-export/moved/ sync=1' >'$P/move'"
is "$(objects primary)" 0 "the source is empty"
is "$(objects alt)" $((count + 1)) "the target has all"
ok "delete" bash -c "echo 'alt-export/moved/ sync=1' >'$P/delete'"
is "$(objects alt)" 0 "nothing is left"
