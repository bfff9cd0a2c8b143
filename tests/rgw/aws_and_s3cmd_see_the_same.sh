#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# aws and s3cmd see the objects of the mount with their types and metadata; what
# they write is read right, and at the next open.
. "$(dirname "$0")/lib.sh"

host=${RGW_URL#http://}
s3cmd() {
	command s3cmd -q --no-ssl --host="$host" --host-bucket="$host" \
		-c <(printf '[default]\naccess_key = %s\nsecret_key = %s\n' "$RGW_KEY" "$RGW_SECRET") "$@"
}

mount_porterfs -o cache_ttl=2s,negative_ttl=1s
p=$MNT/primary
stream 3 20000000 >"$T/big"
echo '{"a":1}' >"$p/x.json"
echo page >"$p/index.html"
cp "$T/big" "$p/big.bin"
chmod 640 "$p/x.json"
touch -d '2020-01-02 03:04:05 UTC' "$p/x.json"

is "$(aws s3 ls "$(s3url primary/)" | awk '{ print $4, $3 }' | sort | tr '\n' ' ')" \
	"big.bin 20000000 index.html 5 x.json 8 " "aws s3 ls"
is "$(header primary/x.json content-type)" application/json "a type by the name"
is "$(header primary/index.html content-type)" text/html "and another"
is "$(header primary/x.json x-amz-meta-mode)" 33184 "the mode"
is "$(header primary/x.json x-amz-meta-mtime)" 1577934245 "the time"
ok "aws s3 cp, from the bucket" aws s3 cp --quiet "$(s3url primary/big.bin)" "$T/got"
ok "is what was written" cmp "$T/big" "$T/got"
ok "s3cmd get" s3cmd get --force "$(s3url primary/x.json)" "$T/x.json"
is "$(cat "$T/x.json")" '{"a":1}' "is what was written"

ok "aws s3 cp, into the bucket" aws s3 cp --quiet "$T/big" "$(s3url primary/aws.bin)"
ok "s3cmd put" s3cmd put "$T/big" "$(s3url primary/s3cmd.bin)"
ok "its name is seen" wait_for 5 test -e "$p/s3cmd.bin"
ok "aws's object is read right" cmp "$T/big" "$p/aws.bin"
ok "s3cmd's, too" cmp "$T/big" "$p/s3cmd.bin"
for text in 'longer by another client than it was' s; do
	aws s3 cp --quiet - "$(s3url primary/x.json)" <<<"$text"
	is "$(cat "$p/x.json")" "$text" "an overwrite is seen at the next open"
	is "$(stat -c %s "$p/x.json")" $((${#text} + 1)) "with its size"
done
