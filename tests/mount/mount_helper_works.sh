#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# mount.porterfs takes mount(8)'s words, also as mount -t porterfs and fstab
# lines give them; /dev/fd/N is a mount point, too.
. "$(dirname "$0")/lib.sh"

cat >"$T/porterfs.conf" <<-CONF
	[bucket.primary]
	endpoint = file://$STORE
	bucket = b-primary
CONF
chmod 600 "$T/porterfs.conf"
ln -s "$PORTERFS" "$T/mount.porterfs"
helper() { env -i PATH="$PATH" HOME="$T" ASAN_OPTIONS="log_path=$T/asan" "$T/mount.porterfs" "$@"; }
options="rw,noatime,_netdev,x-systemd.automount,state_dir=$T/state,cache_dir=$T/cache"

helper "$T/porterfs.conf" "$MNT" -o "$options"
ok "mounted from a configuration file" is_mounted
echo x >"$MNT/primary/f"
is "$(stored primary/f)" x "and works"
umount "$MNT"
helper "$T/porterfs.conf" "$MNT" -o "$options,ro"
refused "Read-only" "ro" touch "$MNT/primary/g"
umount "$MNT"
refused "[Nn]o bucket|AWS_BUCKET" "none without a bucket" helper none "$MNT" -o "$options"

if [ "$(id -u)" -eq 0 ] && [ ! -e /sbin/mount.porterfs ]; then
	ln -s "$PORTERFS" /sbin/mount.porterfs
	echo "$T/porterfs.conf $MNT porterfs $options 0 0" >"$T/fstab"
	env -i PATH="$PATH" HOME="$T" mount -T "$T/fstab" "$MNT"
	ok "mounted by a line of fstab" is_mounted
	is "$(cat "$MNT/primary/f")" x "and works"
	umount "$MNT"
	rm /sbin/mount.porterfs
fi

cat >"$T/fd.py" <<-'PY'
import os, subprocess, sys, ctypes
fd = os.open("/dev/fuse", os.O_RDWR)
os.set_inheritable(fd, True)
libc = ctypes.CDLL(None, use_errno=True)
options = f"fd={fd},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()}"
if libc.mount(b"porterfs", sys.argv[1].encode(), b"fuse.porterfs", 6, options.encode()) != 0:
    sys.exit(f"mount: {os.strerror(ctypes.get_errno())}")
sys.exit(subprocess.call(sys.argv[2:] + [f"/dev/fd/{fd}"], close_fds=False))
PY
env -i PATH="$PATH" HOME="$T" ASAN_OPTIONS="log_path=$T/asan" python3 "$T/fd.py" "$MNT" \
	"$PORTERFS" -c "$T/porterfs.conf" -o "state_dir=$T/state,cache_dir=$T/cache"
is "$(cat "$MNT/primary/f")" x "mounted on /dev/fd/N"
umount "$MNT"
compgen -G "$T/asan*" >/dev/null && fail "a sanitizer's report: $(cat "$T"/asan*)"
is "$FAILED" 0 "clean"
