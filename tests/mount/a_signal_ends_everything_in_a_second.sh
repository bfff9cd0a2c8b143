#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# With a server that has stopped answering, a fatal signal ends a process within
# a second, whatever call of ours it waits in; the mount lives on.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/peer.sh"

start_peer
mount_s3 -o memory_limit=32M,write_deadline=30s
p=$MNT/primary
mkdir "$p/dir"
for f in read patch append cut move gone trunc sync map seek commit over; do seq 100000 >"$p/$f"; done
head -c 20M /dev/urandom >"$p/large"
umount_porterfs
mount_s3 -o memory_limit=32M,write_deadline=30s
for f in read patch append cut move gone trunc sync map seek commit over large; do stat "$p/$f" >/dev/null; done
ls "$p/dir" >/dev/null

# What each process does; it says when it begins, and waits in a call then.
cat >"$T/wait.py" <<'PY'
import mmap, os, sys
what, p = sys.argv[1:]
def reads(name): return os.open(f"{p}/{name}", os.O_RDONLY)
def writes(name, flags=0): return os.open(f"{p}/{name}", os.O_WRONLY | flags)
def lookup(): os.stat(f"{p}/never-seen")
def listing(): os.listdir(p)
def read(): os.pread(reads("large"), 100, 9000000)
def both(): os.open(f"{p}/patch", os.O_RDWR)
def append(): os.write(writes("append", os.O_APPEND), b"more")
def patch(): os.pwrite(writes("patch"), b"new", 77)
def cut(): os.truncate(f"{p}/cut", 500)
def move(): os.rename(f"{p}/move", f"{p}/moved")
def gone(): os.unlink(f"{p}/gone")
def make(): os.mkdir(f"{p}/made")
def chmod(): os.chmod(f"{p}/seek", 0o600)
def close():
    fd = os.open(f"{p}/fresh", os.O_WRONLY | os.O_CREAT)
    os.write(fd, b"x" * 1000)
    os.close(fd)
def draft():
    fd = os.open(f"{p}/fresh2", os.O_RDWR | os.O_CREAT)
    os.pwrite(fd, b"x" * 1000, 100000)
    os.close(fd)
def over():
    fd = writes("over", os.O_TRUNC)
    os.write(fd, b"x")
    os.close(fd)
def sync():
    fd = os.open(f"{p}/fresh3", os.O_WRONLY | os.O_CREAT)
    os.write(fd, b"x" * 1000)
    os.fsync(fd)
def stream():
    fd = os.open(f"{p}/fresh4", os.O_WRONLY | os.O_CREAT)
    while True:
        os.write(fd, bytes(1 << 20))
def mapped():
    fd = os.open(f"{p}/map", os.O_RDONLY)
    mmap.mmap(fd, 100000, prot=mmap.PROT_READ)[50000]
os.close(1)
globals()[what]()
PY
all="lookup listing read both append patch cut move gone make chmod close draft over sync stream mapped"
kill -STOP "$PEER"
declare -A pid
for what in $all; do
	python3 "$T/wait.py" "$what" "$p" >/dev/null 2>&1 &
	pid[$what]=$!
done
sleep 2
dead() { [ ! -e "/proc/$1/stat" ] || [ "$(sed 's/.*) //; s/ .*//' "/proc/$1/stat")" = Z ]; }
waiting=0
for what in $all; do dead "${pid[$what]}" || waiting=$((waiting + 1)); done
like "$waiting" '^(1[4-9])$' "most of them wait"
for what in $all; do kill -KILL "${pid[$what]}" 2>/dev/null || true; done
# A second, and room for a machine that is busy; the server's deadlines are 30.
for what in $all; do
	ok "$what: gone" wait_for 5 dead "${pid[$what]}"
	wait "${pid[$what]}" 2>/dev/null || true
done
kill -CONT "$PEER"
echo alive >"$p/after"
is "$(cat "$p/after")" alive "the mount lives on"
is "$(head -n 1 "$p/read")" 1 "and what was there is there"
