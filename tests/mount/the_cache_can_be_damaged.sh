#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A cache that is cut while it is used, foreign, full, read-only or somebody
# else's: a sentence each time, and never a wrong name.
. "$(dirname "$0")/lib.sh"

p=$MNT/primary
for i in $(seq 300); do echo "$i" | put_elsewhere "primary/f$i"; done
trap 'umount -l "$T/small" 2>/dev/null || true; finish' EXIT
listed() { find "$p" -mindepth 1 -maxdepth 1 | wc -l; }

mount_porterfs
is "$(listed)" 300 "all names"
sleep 0.3
# Cut under the daemon: it says so and ends.
truncate -s 0 "$T/cache/data.mdb"
ls -l "$p" >/dev/null 2>&1 || true
ls -l "$p/nothing" >/dev/null 2>&1 || true
wait_for 10 sh -c "! kill -0 $DAEMON 2>/dev/null" || say "it did not look"
if ! kill -0 "$DAEMON" 2>/dev/null; then
	wait "$DAEMON" || is "$?" 1 "a cut file ends the daemon"
	ok "with a sentence" grep -q "data.mdb' cannot be read" "$LOG"
	ok "and a mark" test -e "$T/cache/data.mdb.damaged"
	DAEMON=
	umount -l "$MNT"
	mount_porterfs
fi
is "$(listed)" 300 "the next start begins anew"
echo new >"$p/new"
umount_porterfs

echo "this is no database" >"$T/cache/data.mdb"
mount_porterfs
is "$(listed)" 301 "a foreign file is replaced"
ok "with a sentence" grep -q "the cache begins anew" "$LOG"

# A second daemon.
mkdir -p "$T/mnt2"
(umask 077 && porter_env >"$T/.env2")
refused "in use by process $DAEMON" "a second daemon is refused" \
	env -i PATH="$PATH" HOME="$T" timeout 20 "$PORTERFS" -f --env-file "$T/.env2" \
	-o "state_dir=$T/state2,cache_dir=$T/cache" "$T/mnt2"
umount_porterfs

# Killed: names are asked again.
mount_porterfs
is "$(listed)" 301 "known"
kill -KILL "$DAEMON"
wait "$DAEMON" 2>/dev/null || true
DAEMON=
umount -l "$MNT"
echo other | put_elsewhere primary/other
mount_porterfs
is "$(listed)" 302 "after a kill names are asked again"
umount_porterfs

# A full disk: not even the first page fits.
mkdir "$T/small"
if mount -t tmpfs -o size=64k,mode=700 porterfs-test "$T/small" 2>/dev/null; then
	head -c 1000000 /dev/zero >"$T/small/fill" 2>/dev/null || true
	mv "$T/cache" "$T/cache.old"
	mount_porterfs -o "cache_dir=$T/small"
	is "$(listed)" 302 "a full disk costs nothing but time"
	echo more >"$p/more"
	is "$(cat "$p/more")" more "nor does writing"
	umount_porterfs
	rm "$T/small/fill"
	umount "$T/small"
	mount -t tmpfs -o size=400k,mode=700 porterfs-test "$T/small"
	mount_porterfs -o "cache_dir=$T/small"
	for i in $(seq 60); do mkdir "$p/d$i" && echo "$i" >"$p/d$i/f"; done
	is "$(find "$p" -type f | wc -l)" 363 "a disk that fills up is not noticed"
	umount_porterfs
	mount_porterfs -o "cache_dir=$T/small"
	is "$(find "$p" -type f | wc -l)" 363 "nor after a remount"
	umount_porterfs
	umount "$T/small"
	mount -t tmpfs -o size=1m,mode=700 porterfs-test "$T/small"
	mount -o remount,ro "$T/small"
	mount_porterfs -o "cache_dir=$T/small/sub"
	is "$(listed)" 363 "a read-only one costs nothing but time"
	ok "and a warning" grep -q "are not kept on disk" "$LOG"
	umount_porterfs
	umount "$T/small"
else
	say "no tmpfs here: full and read-only disks are not tried"
fi
