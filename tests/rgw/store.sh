# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# A test's three buckets on a real gateway, and how to look into them past the
# mount. Read by tests/mount/lib.sh when TEST_RGW_ENV is set; the functions have
# the names and the meaning they have there for the embedded store.

# rgw_env NAME: of the gateway's .env
rgw_env() { sed -n "s/^$1=//p" "$TEST_RGW_ENV"; }

RGW_URL=$(rgw_env AWS_ENDPOINT)
RGW_KEY=$(rgw_env AWS_ACCESS_KEY_ID)
RGW_SECRET=$(rgw_env AWS_SECRET_ACCESS_KEY)
RGW_HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
RGW_BUCKETS=p$$-$(tr -dc 'a-z0-9' <<<"${TEST:0:30}") # and "-primary" and so on

# s3 METHOD BUCKET[/KEY[?QUERY]] [curl option]...: one signed request
s3() {
	local method=$1 path=$2
	shift 2
	[ "$method" != HEAD ] || set -- -I "$@"
	[ "$method" = HEAD ] || set -- -X "$method" "$@"
	curl -q -sS --fail-with-body --max-time 120 --aws-sigv4 aws:amz:us-east-1:s3 \
		-K <(printf 'user = "%s:%s"\n' "$RGW_KEY" "$RGW_SECRET") \
		-H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' "$@" "$RGW_URL/$RGW_BUCKETS-$path"
}

# The environment of the guide, with the test's own buckets.
porter_env() {
	sed -E "s/^(AWS_(SOURCE_)?|EXPORT_ALT_AWS_)BUCKET=porter-/\1BUCKET=$RGW_BUCKETS-/
		s|^(.*_ENDPOINT)=http:.*|\1=${RGW_THROUGH:-$RGW_URL}|" "$TEST_RGW_ENV"
}

# What AWS's and s3cmd's programs need to know; the environment has the keys.
aws() {
	AWS_ACCESS_KEY_ID=$RGW_KEY AWS_SECRET_ACCESS_KEY=$RGW_SECRET \
		AWS_DEFAULT_REGION=us-east-1 AWS_EC2_METADATA_DISABLED=true \
		command aws --endpoint-url "$RGW_URL" "$@"
}

# s3url BUCKET[/KEY]: as those programs call it
s3url() { echo "s3://$RGW_BUCKETS-$1"; }

stored() { s3 GET "$1"; }

has_object() { s3 HEAD "$1" >/dev/null 2>&1; }

# The next three: BUCKET/KEY; the bytes are standard input.
put_elsewhere() {
	cat >"$T/.elsewhere"
	s3 PUT "$1" -T "$T/.elsewhere" >/dev/null
}

remove_elsewhere() { s3 DELETE "$1" >/dev/null; }

# buckets COMMAND BUCKET...: see buckets.py
buckets() {
	local command=$1
	shift
	AWS_ENDPOINT=$RGW_URL AWS_ACCESS_KEY_ID=$RGW_KEY AWS_SECRET_ACCESS_KEY=$RGW_SECRET \
		"$RGW_HERE/buckets.py" "$command" "${@/#/$RGW_BUCKETS-}"
}

# objects BUCKET: how many; an object "dir/" is none
objects() { buckets objects "$1" | grep -cv '/$' || true; }

# uploads BUCKET: how many multipart uploads are open
uploads() { buckets uploads "$1" | wc -l; }

# is_empty_bucket BUCKET: not even a directory's object is left
is_empty_bucket() { [ -z "$(buckets objects "$1")" ]; }

open_store() {
	local name
	for name in primary source alt; do
		s3 PUT "$name"
	done
}

# The store is memory, so nothing is left in it.
close_store() { buckets remove primary source alt || fail "the buckets cannot be removed"; }
