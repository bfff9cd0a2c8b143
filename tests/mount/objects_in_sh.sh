#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# head/, sum/ and presign/ of .porter: one object's metadata, digest and URL, by
# the same path as in the mount, or as one component with %2F.
. "$(dirname "$0")/lib.sh"
command -v jq >/dev/null || skip "no jq here"

mount_porterfs
P=$MNT/.porter
mkdir "$MNT/primary/d"
head -c 3000000 /dev/urandom >"$MNT/primary/d/f"
setfattr -n user.color -v red "$MNT/primary/d/f"
: >"$MNT/primary/empty"

is "$(jq -r '.key, .size, .meta.color' "$P/head/primary/d/f" | tr '\n' ' ')" "d/f 3000000 red " "head"
is "$(jq -r .key "$P/head/primary/d%2Ff")" d/f "the coded form"
refused "No such file" "head of nothing" cat "$P/head/primary/none"
refused "No such file" "a bucket that is not there" cat "$P/head/nowhere/x"
is "$(stat -c %F "$P/head/primary/d")" directory "directories are directories"

is "$(cat "$P/sum/sha256/primary/d/f")" "$(cd "$MNT/primary/d" && sha256sum f)" "sha256"
is "$(cat "$P/sum/md5/primary/d/f")" "$(cd "$MNT/primary/d" && md5sum f)" "md5"
cat "$P/sum/sha256/primary/d/f" >"$T/sums"
ok "it feeds sha256sum -c" bash -c "cd '$MNT/primary/d' && sha256sum -c '$T/sums' >/dev/null"
is "$(cut -d ' ' -f 1 "$P/sum/sha256/primary/empty")" e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 "of nothing"
is "$(printf 123456789 >"$MNT/primary/nine" && cat "$P/sum/crc32c/primary/nine")" "e3069283  nine" "crc32c"
is "$(cat "$P/sum/crc64nvme/primary/nine")" "ae8b14860a799888  nine" "crc64nvme"
refused "No such file" "an algorithm that is not there" cat "$P/sum/sha3/primary/d/f"

# a store of files has no URLs, and says so
refused "not supported" "presign of file://" cat "$P/presign/get/1h/primary/d/f"
refused "No such file" "a malformed time" cat "$P/presign/get/soon/primary/d/f"
refused "argument out of domain" "more than seven days" cat "$P/presign/get/8d/primary/d/f"
refused "out of domain" "the same as a command" bash -c "echo 'get primary/d/f ttl=8d' >'$P/presign/new'"
refused "Invalid argument" "neither get nor put" bash -c "echo 'take primary/d/f' >'$P/presign/new'"
refused "No such file" "get of what is not there" cat "$P/presign/get/1h/primary/none"
