#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Other descriptors of the writer that can only read, of this version or of one
# that is gone, do not put off the commit; unlinked files stay readable.
. "$(dirname "$0")/lib.sh"

mount_porterfs

ok "close commits" python3 - "$MNT/primary" "$STORE/b-primary" <<'PY'
import os, sys
mnt, store = sys.argv[1:]

def write(name, data):
    with open(f"{mnt}/{name}", "wb") as f:
        f.write(data)
    with open(f"{store}/{name}", "rb") as f:
        assert f.read() == data, f"{name}: not published by close"

held = []
for i in range(20):
    write("over", b"%d" % i)
    held.append(os.open(f"{mnt}/over", os.O_RDONLY))
for i in range(20):
    write("again", b"%d" % i)
    held.append(os.open(f"{mnt}/again", os.O_RDONLY))
    os.unlink(f"{mnt}/again")
for fd in held:
    os.close(fd)
PY

ok "a temporary file without a name" python3 - "$MNT/primary/t" <<'PY'
import os, sys
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
os.write(fd, b"before ")
os.unlink(sys.argv[1])
os.write(fd, b"after")
assert os.pread(fd, 100, 0) == b"before after"
assert os.fstat(fd).st_size == 12
os.ftruncate(fd, 0)
assert os.pread(fd, 100, 0) == b""
os.close(fd)
PY
[ ! -e "$STORE/b-primary/t" ] || fail "the temporary file was published"
