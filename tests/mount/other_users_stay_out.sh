#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Nobody but the mounting user gets in; with allow_other, modes decide.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" -eq 0 ] || skip "only root can become somebody else"

chmod 755 "$T"
mount_porterfs
echo secret >"$MNT/primary/f"
nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
refused "Permission denied" "another user" nobody ls "$MNT"
umount_porterfs

mount_porterfs -o allow_other
chmod 644 "$MNT/primary/f"
is "$(nobody cat "$MNT/primary/f")" secret "allow_other: what is readable for all"
chmod 600 "$MNT/primary/f"
refused "Permission denied" "allow_other: what is not" nobody cat "$MNT/primary/f"
refused "Permission denied" "allow_other: no writing" nobody touch "$MNT/primary/g"
like "$(grep " $MNT " /proc/mounts)" "nosuid,nodev" "nosuid and nodev"
