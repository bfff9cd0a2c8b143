#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Names, attributes, symlinks and absence are kept on disk: after a remount a
# walk through a known tree asks nothing, and a second machine's first one costs
# LISTs, and one HEAD or GET of what a listing does not tell.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/peer.sh"

# asked: requests since the last time by verb, but for those at the start
asked() {
	sed "1,${seen}d" "$T/requests" | grep -o '"verb":"[A-Z_]*"' | cut -d '"' -f 4 | sort | uniq -c |
		awk '{ printf "%s%s %s", sep, $1, $2; sep = ", " }'
	[ -z "${DEBUG:-}" ] || sed "1,${seen}d" "$T/requests" >&2
	seen=$(wc -l <"$T/requests")
}
begin() { seen=$(wc -l <"$T/requests"); }

# the_second_time WHAT WANTED COMMAND...: what it asks of the server
costs() {
	local what=$1 wanted=$2
	shift 2
	begin
	"$@" >/dev/null || fail "$what: '$*' ended with $?"
	is "$(asked)" "$wanted" "$what"
}

start_peer
mkdir -p "$T/tree/d"/{a,b}
for i in $(seq 20); do echo "$i" >"$T/tree/d/a/f$i"; done
chmod 640 "$T/tree/d/a/f3"
touch -d '2020-02-02 02:02:02 UTC' "$T/tree/d/a/f4"
ln -s ../a/f1 "$T/tree/d/b/link"
tar -C "$T/tree" -cf "$T/tree.tar" d

mount_s3
p=$MNT/primary
ok "tar x" tar -C "$p" -xpf "$T/tree.tar"
ok "tar d" tar -C "$p" -df "$T/tree.tar"
is "$(rsync -ain "$T/tree/d/" "$p/d/")" "" "rsync -ain prints nothing"
umount_porterfs

mount_s3
costs "a walk through what we made, after a remount: a LIST per new directory" "3 LIST" ls -lR "$p"
sleep 1
costs "a name that is not there" "" sh -c "! ls '$p/d/a/nothing' 2>/dev/null"
costs "find by name" "" find "$p" -name 'f1*'
costs "readlink" "" readlink "$p/d/b/link"
is "$(readlink "$p/d/b/link")" ../a/f1 "the target"
is "$(stat -c %a "$p/d/a/f3")" 640 "a mode"
is "$(stat -c %Y "$p/d/a/f4")" 1580608922 "a time"
echo more >"$p/d/a/new"
rm "$p/d/a/f7"
sleep 1 # the cache writes a little later
costs "ls after own changes" "" ls "$p/d/a"
umount_porterfs
mount_s3
costs "also after a remount" "" ls "$p/d/a"
is "$(find "$p/d/a" -name new -o -name f7)" "$p/d/a/new" "what was made is there, what was removed is not"
umount_porterfs

# Another machine: a cache of its own.
mv "$T/cache" "$T/cache1"
mount_s3
costs "ls, find and globbing: a LIST per directory, a HEAD of its own object" "3 HEAD, 4 LIST" \
	sh -c "ls -R '$p'; sleep 1; find '$p' -name 'f*'; echo '$p'/*/*/f*"
rm "$p/d/a/new"
cp -p "$T/tree/d/a/f7" "$p/d/a/f7"
touch -r "$T/tree/d/a" "$p/d/a"
is "$(rsync -ain "$T/tree/d/" "$p/d/")" "" "rsync -ain prints nothing there"
ok "nor does tar d" tar -C "$p" -df "$T/tree.tar"
umount_porterfs
mount_s3
costs "a second run asks nothing" "" rsync -ain "$T/tree/d/" "$p/d/"
umount_porterfs

# The store is asked again after cache_ttl: LISTs only.
mount_s3 -o cache_ttl=1s
sleep 1.2
costs "when it is old, a LIST per directory and a HEAD of its object" "3 HEAD, 4 LIST" \
	rsync -ain "$T/tree/d/" "$p/d/"
umount_porterfs

# Off: nothing is kept.
rm -rf "$T/cache"
mount_s3 -o cache=off
ls -lR "$p" >/dev/null
umount_porterfs
ok "cache=off leaves no file" test ! -e "$T/cache"
