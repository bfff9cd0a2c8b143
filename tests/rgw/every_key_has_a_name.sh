#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Keys that POSIX cannot name, written by botocore, are found, read, renamed and
# removed under the names of SPEC.md's table; each body shows up once.
. "$(dirname "$0")/lib.sh"

# write_keys BUCKET: each key's body is the key in JSON, a line
write_keys() {
	AWS_ACCESS_KEY_ID=$RGW_KEY AWS_SECRET_ACCESS_KEY=$RGW_SECRET \
		python3 - "$RGW_URL" "$RGW_BUCKETS-$1" <<-'PY'
		import json, sys
		import botocore.session
		from botocore.config import Config
		s3 = botocore.session.get_session().create_client(
		    "s3", region_name="us-east-1", endpoint_url=sys.argv[1],
		    config=Config(s3={"addressing_style": "path"}))
		keys = ["a//b", "..", "dots/../.", "x%2Fy", "100%.txt", "a%20b", "both", "both/under",
		        "ctl\x01", "n" * 900, "k" * 1024, "/top", "//", "%x2F", "gr\u00fc\u00df", "d/", "d/plain",
		        "m", *(f"m-{i:04}" for i in range(1100)), "m/under"]
		for key in keys:
		    s3.put_object(Bucket=sys.argv[2], Key=key, Body=json.dumps(key).encode() + b"\n")
		print("\n".join(sorted(json.dumps(key) for key in keys if key not in ("d/", "//"))))
	PY
}

write_keys primary >"$T/wanted"
LC_ALL=C sort -o "$T/wanted" "$T/wanted"

mount_porterfs
p=$MNT/primary
find "$p" -type f -print0 | LC_ALL=C sort -z >"$T/names"
xargs -0 cat <"$T/names" | LC_ALL=C sort >"$T/got"
ok "find and cat yield each body once" diff "$T/wanted" "$T/got"
is "$(cat "$p/a/%x2F/b")" '"a//b"' "an empty component"
is "$(cat "$p/%x2E%x2E")" '".."' "two dots"
is "$(cat "$p/dots/%x2E%x2E/%x2E")" '"dots/../."' "dots in the middle"
is "$(cat "$p/x%2Fy")" '"x%2Fy"' "a percent sign is itself"
is "$(cat "$p/%x25x2F")" '"%x2F"' "unless it looks like an escape"
is "$(cat "$p/both%x00" "$p/both/under")" $'"both"\n"both/under"' "a file beside a directory"
is "$(cat "$p/m%x00" "$p/m/under")" $'"m"\n"m/under"' "also when a page lies between"
is "$(wc -c <"$p/$(printf 'n%.0s' $(seq 900))")" 903 "900 bytes"
is "$(wc -c <"$p/$(printf 'k%.0s' $(seq 1024))")" 1027 "1,024 bytes"

mv "$p/%x2E%x2E" "$p/d/%x2E"
is "$(buckets objects primary | grep -x 'd/\.')" d/. "renamed at the store"
echo new >"$p/%x2E"
is "$(buckets objects primary | grep -x '\.')" . "written"
refused 'Invalid or incomplete' "a name that is no UTF-8" touch "$p/"$'caf\xe9'
refused 'Invalid argument' "a name with an escape that nothing asks for" touch "$p/%x41"

find "$p" -mindepth 1 -delete
is "$(buckets objects primary | wc -l)" 0 "find -delete leaves nothing"
