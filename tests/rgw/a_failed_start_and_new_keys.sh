#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What a real gateway says to wrong keys and names at start is one sentence; keys
# that change in .env are used without a remount.
. "$(dirname "$0")/lib.sh"

# try PATTERN WHAT SED-SCRIPT: start with the .env so changed
try() {
	local text status=0
	(umask 077 && porter_env | sed "$3" >"$T/bad.env")
	text=$(timeout 60 env -i PATH="$PATH" HOME="$T" "$PORTERFS" --env-file "$T/bad.env" \
		-o "state_dir=$T/state,cache_dir=$T/cache" "$MNT" 2>&1) || status=$?
	is "$status" 1 "$2: exit status"
	like "$text" "$1" "$2: a sentence"
	if is_mounted; then
		fail "$2: something is mounted"
		umount -l "$MNT"
	fi
}

only='/SOURCE/d;/ALT/d'
try 'primary: .*(secret|signature|Signature)' "a wrong secret" "$only;s/^\(AWS_SECRET_ACCESS_KEY=\).*/\1wrong/"
try 'primary: .*(key|Key)' "an unknown key" "$only;s/^\(AWS_ACCESS_KEY_ID=\).*/\1NOBODY/"
try 'primary: .*(absent-bucket|no such bucket|not exist)' "an absent bucket" "$only;s/^\(AWS_BUCKET=\).*/\1absent-bucket/"

admin() { radosgw-admin -c "$TEST_RGW_DIR/ceph.conf" "$@" >/dev/null; }

# new_key NAME: a key of the user, and a .env that has it
new_key() {
	local secret
	secret=$(od -An -tx1 -N20 /dev/urandom | tr -d ' \n')
	admin key create --uid=porter --key-type=s3 --access-key="$1" --secret="$secret"
	(umask 077 && rgw_porter_env | sed "s/^\(.*ACCESS_KEY_ID=\).*/\1$1/
		s/^\(.*SECRET_ACCESS_KEY=\).*/\1$secret/" >"$T/.env.new")
}
remove_key() { admin key rm --uid=porter --key-type=s3 --access-key="$1"; }

# The daemon starts with a key of this test's own...
eval "rgw_$(declare -f porter_env)"
new_key "FIRST$$"
mv "$T/.env.new" "$T/first.env"
porter_env() { cat "$T/first.env"; }
mount_porterfs
p=$MNT/primary
echo one >"$p/f"
is "$(stored primary/f)" one "the first key works"

# ...which is replaced, as a person would do it.
new_key "SECOND$$"
mv "$T/.env.new" "$T/.env"
remove_key "FIRST$$"
ok "the second one is taken up" wait_for 20 sh -c "echo two >'$p/f'"
is "$(stored primary/f)" two "without a remount"
umount_porterfs
remove_key "SECOND$$"
