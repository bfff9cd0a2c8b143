#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# cat > file and dd of 2 GiB each: every byte is stored and read back, in bounded
# memory, and nothing is left behind.
. "$(dirname "$0")/lib.sh"

size=$((2 << 30))
want=$(stream 1 $size | sum)
mount_porterfs
f=$MNT/primary/stream
by_cat() { stream 1 $size | cat >"$f"; }
by_dd() { stream 1 $size | dd of="$f" bs=1M iflag=fullblock status=none; }

for how in by_cat by_dd; do
	watch_memory
	ok "$how ends well" $how
	memory_stayed_within 306 "$how, written"
	like "$(header primary/stream etag)" '-[0-9]+"$' "$how: it was a multipart upload"
	is "$(header primary/stream content-length)" $size "$how: the store has all of it"
	watch_memory
	is "$(sum <"$f")" "$want" "$how: read back"
	memory_stayed_within 306 "$how, read"
	rm "$f"
done
is "$(uploads primary)" 0 "no upload is left"
