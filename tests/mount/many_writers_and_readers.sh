#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Thirty processes write, read, rename and remove at once; every byte is right.
. "$(dirname "$0")/lib.sh"

mount_porterfs -o memory_limit=32M
worker() {
	local id=$1 i
	mkdir -p "$MNT/primary/w$id"
	for i in $(seq 5); do
		head -c $((id * i * 30011)) /dev/urandom >"$T/w$id.$i"
		cat "$T/w$id.$i" >"$MNT/primary/w$id/f$i" || return 1
		cmp "$T/w$id.$i" "$MNT/primary/w$id/f$i" || return 1
		mv "$MNT/primary/w$id/f$i" "$MNT/primary/w$id/g$i" || return 1
		cmp "$T/w$id.$i" "$MNT/primary/w$id/g$i" || return 1
		rm "$T/w$id.$i"
	done
	rm "$MNT/primary/w$id/g1" || return 1
}
pids=()
for id in $(seq 30); do
	worker "$id" &
	pids+=($!)
done
for pid in "${pids[@]}"; do
	wait "$pid" || fail "worker $pid"
done
is "$(find "$MNT/primary" -name 'g*' -type f | wc -l)" 120 "what is left is right"
is "$(objects primary)" 120 "nothing is left under an old name"
