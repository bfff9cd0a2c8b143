#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# mode = ro: EROFS for every change; mode = wo: new keys only.
. "$(dirname "$0")/lib.sh"

mkdir -p "$STORE"/{b-ro,b-wo}
echo old | tee "$STORE/b-ro/f" >"$STORE/b-wo/f"
cat >"$T/conf" <<-CONF
	[bucket.ro]
	endpoint = file://$STORE
	bucket = b-ro
	mode = ro
	[bucket.wo]
	endpoint = file://$STORE
	bucket = b-wo
	mode = wo
CONF
chmod 600 "$T/conf"
mount_porterfs -c "$T/conf"
is "$(cat "$MNT/ro/f")" old "ro: read"
refused "Read-only" "ro: create" touch "$MNT/ro/new"
refused "Read-only" "ro: overwrite" bash -c "echo x >'$MNT/ro/f'"
refused "Read-only" "ro: remove" rm "$MNT/ro/f"
refused "Read-only" "ro: rename" mv "$MNT/ro/f" "$MNT/ro/g"
refused "Read-only" "ro: mkdir" mkdir "$MNT/ro/d"
refused "Read-only" "ro: chmod" chmod 600 "$MNT/ro/f"
is "$(cat "$MNT/wo/f")" old "wo: read"
echo new >"$MNT/wo/new"
is "$(cat "$MNT/wo/new")" new "wo: a new key"
refused "not permitted" "wo: overwrite" bash -c "echo x >'$MNT/wo/f'"
refused "not permitted" "wo: remove" rm "$MNT/wo/f"
refused "not permitted" "wo: rename" mv "$MNT/wo/f" "$MNT/wo/g"
is "$(cat "$STORE/b-ro/f" "$STORE/b-wo/f" | sort -u)" old "both are as they were"
