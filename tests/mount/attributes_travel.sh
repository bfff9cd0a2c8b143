#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Mode, owner, mtime, symlinks and extended attributes, also after a remount.
. "$(dirname "$0")/lib.sh"

mount_porterfs
p=$MNT/primary
echo x >"$T/f"
chmod 640 "$T/f"
touch -d '2020-02-03 04:05:06.5' "$T/f"
chown 12:34 "$T/f"
cp -p "$T/f" "$p/copied"
facts() { stat -c '%a %u %g %y' "$@"; }
is "$(facts "$p/copied")" "$(facts "$T/f")" "cp -p"

echo y >"$p/later"
chmod 600 "$p/later"
chown 7:8 "$p/later"
touch -d '2019-01-02 03:04:05' "$p/later"
is "$(stat -c '%a %u %g %Y' "$p/later")" "600 7 8 $(date -d '2019-01-02 03:04:05' +%s)" "set after the commit"
is "$(cat "$p/later")" y "and the bytes are the same"

ln -s ../some/where "$p/link"
is "$(readlink "$p/link")" ../some/where "a symlink"
mkdir -m 750 "$p/dir"
is "$(stat -c %a "$p/dir")" 750 "mkdir -m"
setfattr -n user.colour -v blue "$p/later"
is "$(getfattr --only-values -n user.colour "$p/later")" blue "an extended attribute"

head -c 20000000 /dev/zero >"$T/big"
touch -d '2018-01-01' "$T/big"
cp -p "$T/big" "$p/big"
is "$(facts "$p/big")" "$(facts "$T/big")" "cp -p of a multipart file"

umount_porterfs
mount_porterfs
is "$(facts "$p/copied")" "$(facts "$T/f")" "cp -p, after a remount"
is "$(facts "$p/big")" "$(facts "$T/big")" "the multipart file, too"
is "$(stat -c '%a %u %g' "$p/later")" "600 7 8" "what was set later"
is "$(readlink "$p/link")" ../some/where "the symlink"
is "$(stat -c %a "$p/dir")" 750 "the directory"
is "$(getfattr --only-values -n user.colour "$p/later")" blue "the extended attribute"
is "$(getfattr -d "$p/later" 2>/dev/null | grep -c '^user')" 1 "and no other is shown"
setfattr -x user.colour "$p/later"
refused "No such attribute" "removed" getfattr -n user.colour "$p/later"
is "$(stat -c '%i' "$p/big")" "$(stat -c '%i' "$p/big")" "inode numbers are stable"
is "$(stat -c '%b %o' "$p/big")" "$(((20000000 + 511) / 512)) 1048576" "blocks are never sparse"
refused "not permitted" "hard links" ln "$p/big" "$p/hard"
refused "not permitted" "fifos" mkfifo "$p/fifo"
