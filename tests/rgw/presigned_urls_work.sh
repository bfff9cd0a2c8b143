#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# presign: curl reads and writes with nothing but the URL; one that has expired
# is refused by the gateway; AWS_URL stands for the address.
. "$(dirname "$0")/lib.sh"

mount_porterfs -o cache_ttl=1s,negative_ttl=1s
P=$MNT/.porter
mkdir -p "$MNT/primary/dir"
echo content >"$MNT/primary/dir/a b+c%.txt"
get() { curl -q -sS --max-time 60 -o "$T/got" -w '%{http_code}' "$@"; }

url=$(cat "$P/presign/get/1h/primary/dir/a b+c%.txt")
is "$(get "$url")" 200 "GET by a URL"
is "$(cat "$T/got")" content "has the bytes"
is "$(get "$(cat "$P/presign/get/15m/primary/dir%2Fa b+c%25.txt")")" 200 "the coded form"
exec 5<>"$P/presign/new"
echo "get 'primary/dir/a b+c%.txt' ttl=1h" >&5
read -r url <&5
exec 5>&-
is "$(get "$url")" 200 "the URL that a command replied with"

stream 3 100000 >"$T/in.bin"
is "$(get -T "$T/in.bin" "$(cat "$P/presign/put/1h/primary/in.bin")")" 200 "PUT of a key yet to be made"
is "$(sum <"$T/in.bin")" "$(stored primary/in.bin | sum)" "it is there"
wait_for 10 [ -e "$MNT/primary/in.bin" ] || fail "and the mount never sees it"
is "$(get -T "$T/in.bin" "$(cat "$P/presign/put/1h/primary/new%2Fdeep")")" 200 "below a directory that is not there"
ok "it is there too" has_object primary/new/deep
is "$(get "$(cat "$P/presign/get/1h/primary/in.bin")" -X DELETE)" 403 "a URL to GET does nothing else"
url=$(cat "$P/presign/get/1s/primary/in.bin")
sleep 2
is "$(get "$url")" 403 "an expired one is refused"
like "$(cat "$T/got")" "AccessDenied|expired" "by the gateway"
umount_porterfs

mount_porterfs -o "bucket.primary.url=https://files.example.org/x"
like "$(cat "$MNT/.porter/presign/get/1h/primary/in.bin")" '^https://files.example.org/x/in.bin\?X-Amz-Algorithm' "AWS_URL stands for the address"
