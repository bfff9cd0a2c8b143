#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Parts that memory has no room for are filled on disk; when that is full too, a
# write says ENOSPC, and those that had room are not harmed.
. "$(dirname "$0")/lib.sh"

metric() { awk -v name="$1" '$1 == name { print $2 }' "$MNT/.porter/metrics"; }

mount_porterfs -o memory_limit=32M,part_size=64M
peak=0
yes 'a line of a long file' | head -c 300M >"$MNT/primary/long" &
writer=$!
while kill -0 $writer 2>/dev/null; do
	now=$(awk '/RssAnon/ { print $2 }' "/proc/$DAEMON/status")
	[ "$now" -le "$peak" ] || peak=$now
	sleep 0.1
done
ok "a long file is written" wait $writer
ok "and is whole" cmp "$STORE/b-primary/long" <(yes 'a line of a long file' | head -c 300M)
say "peak RssAnon $peak KiB, $(metric porterfs_spilled_bytes_total) bytes by way of disk"
ok "most of it went by way of disk" [ "$(metric porterfs_spilled_bytes_total)" -gt $((200 << 20)) ]
# a sanitizer keeps freed memory aside
if ! grep -q __asan_init "$PORTERFS"; then
	ok "memory stays within its limit" [ "$peak" -le $(((32 + 50) << 10)) ]
fi
is "$(metric porterfs_staging_bytes)" 0 "no bytes are left on disk"
umount_porterfs

# Twelve half-filled parts of 4 MiB, for which there are 24 MiB and one.
mount_porterfs -o memory_limit=32M,staging_max=1M
python3 - "$MNT/primary" >"$T/full" <<'END'
import errno
import os
import sys

failed = 0
files = []
for i in range(12):
    fd = os.open(f"{sys.argv[1]}/full{i}", os.O_WRONLY | os.O_CREAT, 0o644)
    files.append(fd)
    try:
        for _ in range(64):
            os.write(fd, bytes([65 + i]) * 65536)
    except OSError as error:
        assert error.errno == errno.ENOSPC, error
        failed += 1
        files[i] = -fd
kept = [i for i, fd in enumerate(files) if fd > 0]
for i, fd in enumerate(files):
    try:
        os.close(abs(fd))
        assert fd > 0, "a broken file was closed as if it were whole"
    except OSError as error:
        assert fd < 0 and error.errno == errno.ENOSPC, error
print(failed, *kept)
END
read -r failed kept <"$T/full"
say "$failed of 12 had no room"
ok "some writes say ENOSPC" [ "$failed" -ge 4 ]
is $((failed + $(wc -w <<<"$kept"))) 12 "and the others none"
letters=ABCDEFGHIJKL
for i in $kept; do
	ok "file $i is whole" cmp "$STORE/b-primary/full$i" <(head -c 4M /dev/zero | tr '\0' "${letters:i:1}")
done
is "$(objects primary)" $((1 + $(wc -w <<<"$kept"))) "a broken file is not published"
like "$(cat "$LOG")" 'staging is full too' "the log says why"
ok "there is room again" cp "$STORE/b-primary/long" "$MNT/primary/again"
