#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What the configuration says is what the server sees: sizes of parts, how many
# at once, keys from ~/.aws, a region that was asked for, keys that rotate.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/peer.sh"

start_peer --region eu-west-3
mkdir "$T/.aws"
keys() {
	(
		umask 077
		printf '[other]\naws_access_key_id = x\naws_secret_access_key = y\n[mine]\naws_access_key_id = AKPEER\naws_secret_access_key = %s\n' "$1" >"$T/.aws/new"
	)
	mv "$T/.aws/new" "$T/.aws/credentials"
}
keys SKPEER
s3_env() { printf 'AWS_ENDPOINT=%s\nAWS_BUCKET=b-primary\nAWS_PROFILE=mine\n' "$PEER_URL"; }
mount_s3 -o part_size=5M,upload_concurrency=2
ok "a region that nobody named is found" test "$(requests LIST | grep -c '"status":400')" -eq 1
rules 'request=MPU_PART action=delay:100'
head -c $((22 << 20)) /dev/zero >"$MNT/primary/f"
is "$(requests MPU_PART | grep -c '"in":5242880')" 4 "part_size"
is "$(requests MPU_PART | grep -c '"in":2097152')" 1 "and the rest"
is "$(at_once MPU_PART)" 2 "upload_concurrency"
umount_porterfs

: >"$T/requests"
mount_s3 -o part_size=5M,max_connections=3
head -c $((60 << 20)) /dev/zero >"$MNT/primary/f"
is "$(at_once)" 3 "max_connections"
rules

stop_peer
export PEER_SECRET=SKROTATED
port=${PEER_URL##*:}
rm "$T/port"
start_peer --region eu-west-3 --port "$port"
keys SKROTATED
echo rotated >"$MNT/primary/g"
is "$(cat "$MNT/primary/g")" rotated "a key that rotates is picked up without a remount"
umount_porterfs
