#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# s3fs reads the modes, times, owners and symlinks that the mount stores, and the
# mount reads those of s3fs.
. "$(dirname "$0")/lib.sh"

OTHER=$T/s3fs
unmount_s3fs() { ! mountpoint -q "$OTHER" || umount -l "$OTHER"; }
finish_with_s3fs() {
	local status=$?
	unmount_s3fs
	(exit "$status")
	finish
}
trap finish_with_s3fs EXIT

mkdir "$OTHER"
(umask 077 && echo "$RGW_KEY:$RGW_SECRET" >"$T/passwd-s3fs")
s3fs "$RGW_BUCKETS-primary" "$OTHER" -o "passwd_file=$T/passwd-s3fs" -o "url=$RGW_URL" \
	-o use_path_request_style -o stat_cache_expire=1 -o complement_stat
wait_for 10 mountpoint -q "$OTHER"
mount_porterfs -o cache_ttl=2s,negative_ttl=1s
p=$MNT/primary

# look FILE: what stat says of it
look() { stat -c '%n %F %a %u %g %s %Y' "$1"; }

echo ours >"$p/ours"
chmod 640 "$p/ours"
chown 1234:4321 "$p/ours"
touch -d '2020-01-02 03:04:05 UTC' "$p/ours"
ln -s some/where "$p/link"
cd "$p"
ours=$(look ours)
cd "$OTHER"
is "$(look ours)" "$ours" "s3fs shows our file's mode, owner and time"
is "$(cat ours)" ours "and its bytes"
is "$(readlink link)" some/where "and our symlink"

echo theirs of s3fs >theirs
chmod 604 theirs
chown 55:66 theirs
touch -d '2019-08-07 06:05:04 UTC' theirs
ln -s else/where theirlink
theirs=$(look theirs)
cd "$p"
wait_for 5 test -e theirs || fail "their file was not seen"
is "$(look theirs)" "$theirs" "we show what s3fs stored"
is "$(cat theirs)" "theirs of s3fs" "and its bytes"
is "$(readlink theirlink)" else/where "and its symlink"
cd "$T"
