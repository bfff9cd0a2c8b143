#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Appending, patching, cutting, growing, punching, mapping: as on a disk, and
# the store has the same bytes after close.
# shellcheck disable=SC2016,SC2034 # commands as text, on purpose
. "$(dirname "$0")/lib.sh"

mount_porterfs
p=$MNT/primary
disk=$T/disk
mkdir "$disk"

is_stored() { cmp -s "$1" <(stored "primary/$2"); }

# both WHAT COMMAND: with $f the file on the disk, then the one in the mount
both() {
	local what=$1 f
	f=$disk/f eval "$2"
	f=$p/f eval "$2"
	ok "$what: as read" cmp "$disk/f" "$p/f"
	# What was mapped is committed when the mapping goes, after the command.
	ok "$what: as stored" wait_for 20 is_stored "$disk/f" f
}

both "a new file" 'seq 100000 >"$f"'
both "appending" 'echo more >>"$f"'
both "patching" 'dd if=/dev/zero of="$f" bs=1 count=5 seek=7 conv=notrunc status=none'
both "cutting" 'truncate -s 3000 "$f"'
both "growing" 'truncate -s 1M "$f"'
both "allocating" 'fallocate -l 2M "$f"'
both "punching" 'fallocate -p -o 1000 -l 500 "$f"'
both "a gap" 'dd if=/dev/urandom of="$f" bs=1k count=0 seek=5000 conv=notrunc status=none; echo x >>"$f"'
both "writing over all of it" 'seq 5 >"$f"'
both "reading and writing" 'exec 5<>"$f"; read -ru 5 x; echo "$x$x" >&5; exec 5>&-'
both "a mapping" 'python3 -c "
import mmap, os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
os.ftruncate(fd, 100000)
m = mmap.mmap(fd, 100000)
os.close(fd)
m[5:10] = b\"hello\"
m[90000:90005] = b\"there\"
assert m[0:1] == b\"1\"
m.close()
" "$f"'
rm "$p/f"

ok "two that append" bash -c '
	for i in 1 2; do
		(for j in $(seq 200); do echo "$i $j" >>"$1/log"; done) &
	done; wait
	for i in 1 2; do
		[ "$(grep -c "^$i " "$1/log")" = 200 ] || exit 1
	done' - "$p"
ok "two with the file open all the time" python3 - "$p/log2" <<'PY'
import os, sys
kids = []
for who in (b"a", b"b"):
    pid = os.fork()
    if pid == 0:
        fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for i in range(300):
            os.write(fd, who * 9 + b"\n")
        os.close(fd)
        os._exit(0)
    kids.append(pid)
assert all(os.waitpid(pid, 0)[1] == 0 for pid in kids)
lines = open(sys.argv[1], "rb").read().split(b"\n")
assert lines.count(b"a" * 9) == 300 and lines.count(b"b" * 9) == 300, len(lines)
PY
ok "what is mapped, written and read is one" python3 - "$p/one" "$T/one" <<'PY'
import mmap, os, sys
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT | os.O_EXCL)
os.write(fd, b"." * 3000000)
m = mmap.mmap(fd, 3000000)
other = os.open(sys.argv[1], os.O_RDONLY)
writer = os.open(sys.argv[1], os.O_WRONLY)
for i in range(0, 3000000, 100003):
    m[i:i + 3] = b"map"
    assert os.pread(fd, 3, i) == b"map"
    assert os.pread(other, 3, i) == b"map"
    os.pwrite(fd, b"one", i + 10)
    assert m[i + 10:i + 13] == b"one"
    assert os.pread(other, 3, i + 10) == b"one"
    m.flush()
    os.pwrite(writer, b"two", i + 20)
    assert m[i + 20:i + 23] == b"two"
    assert os.pread(fd, 3, i + 20) == b"two"
    assert os.pread(other, 3, i + 20) == b"two"
now = m[:]
os.ftruncate(fd, 2000000)
os.ftruncate(fd, 3000000)
assert m[1999990:2000010] == now[1999990:2000000] + bytes(10)
assert os.lseek(fd, 0, os.SEEK_HOLE) == 2000000
m.close()
for f in (writer, other, fd):
    os.close(f)
open(sys.argv[2], "wb").write(now[:2000000] + bytes(1000000))
PY
ok "and so it is stored" wait_for 20 is_stored "$T/one" one
umount_porterfs
mount_porterfs
is "$(sort "$p/log2" | uniq -c | tr -s ' \n' ' ')" " 300 aaaaaaaaa 300 bbbbbbbbb " "also after a remount"
