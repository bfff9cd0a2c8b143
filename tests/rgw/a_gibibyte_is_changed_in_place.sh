#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# An object of 1 GiB is appended to, patched and cut: the gateway copies what is
# left alone, and few bytes travel either way.
. "$(dirname "$0")/lib.sh"

size=$((1 << 30))
half=$((size / 2))
mib=$((1 << 20))
stream 1 $size >"$T/local"
mount_porterfs
f=$MNT/primary/f
cp "$T/local" "$f"

metric() { awk -v name="$1" '$1 == name { print $2 }' "$MNT/.porter/metrics"; }

# change SENT RECEIVED WHAT COMMAND...: of file and local copy; MiB at most
change() {
	local sent received most_sent=$1 most_received=$2 what=$3
	shift 3
	"$@" "$T/local"
	sent=$(metric porterfs_s3_sent_bytes_total)
	received=$(metric porterfs_s3_received_bytes_total)
	ok "$what" "$@" "$f"
	sent=$(($(metric porterfs_s3_sent_bytes_total) - sent))
	received=$(($(metric porterfs_s3_received_bytes_total) - received))
	say "$what: $sent bytes sent, $received received"
	ok "$what: at most $most_sent MiB are sent" [ $sent -le $((most_sent * mib)) ]
	ok "$what: at most $most_received MiB are read" [ $received -le $((most_received * mib)) ]
	is "$(stored primary/f | sum)" "$(sum <"$T/local")" "$what: the object is right"
}

append() { stream 2 $mib >>"$1"; }
patch() { stream 3 4096 | dd of="$1" bs=4096 seek=$((half / 4096)) conv=notrunc status=none; }
cut_half() { truncate -s $half "$1"; }

change 6 6 "appending 1 MiB" append
change 11 11 "overwriting 4 KiB in the middle" patch
change 5 5 "cutting it to half" cut_half
is "$(uploads primary)" 0 "no upload is left"
