#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# By hand: tests/rgw/run tests/rgw/soak_100000_names.sh. One directory with NAMES
# names (100,000): ls -f within its memory, and again out of the cache, without
# a request and after a remount.
. "$(dirname "$0")/lib.sh"
NAMES=${NAMES:-100000}

AWS_ACCESS_KEY_ID=$RGW_KEY AWS_SECRET_ACCESS_KEY=$RGW_SECRET /usr/bin/python3 - \
	"$RGW_URL" "$RGW_BUCKETS-primary" "$NAMES" <<-'PY'
	import concurrent.futures, sys
	import botocore.session
	from botocore.config import Config
	s3 = botocore.session.get_session().create_client(
	    "s3", region_name="us-east-1", endpoint_url=sys.argv[1],
	    config=Config(s3={"addressing_style": "path"}, max_pool_connections=16))
	with concurrent.futures.ThreadPoolExecutor(16) as pool:
	    list(pool.map(lambda i: s3.put_object(Bucket=sys.argv[2], Key=f"d/f{i:07}", Body=b""),
	                  range(int(sys.argv[3]))))
PY

# list WHAT: ls -f, its time and the memory it took over idle
list() {
	local idle begin=${EPOCHREALTIME/./}
	idle=$(awk '/RssAnon/ { print int($2 / 1024) }' "/proc/$DAEMON/status")
	watch_memory
	is "$(find "$MNT/primary/d" -mindepth 1 -name 'f*' | wc -l)" "$NAMES" "$1"
	say "$1: $(((${EPOCHREALTIME/./} - begin) / 1000)) ms"
	sleep 1.2
	memory_stayed_within $((idle + 150)) "$1"
}

mount_porterfs
list "from the gateway"
sleep 1
list "out of the cache"
umount_porterfs
say "$(du -k "$T/cache/data.mdb" | cut -f 1) KiB on disk"
mount_porterfs
list "after a remount"
