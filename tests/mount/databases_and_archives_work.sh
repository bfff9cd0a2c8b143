#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# sqlite with two connections, zip, tar with append, editors' ways to save, dd,
# fio: programs that do more than stream, checked by their own checkers.
. "$(dirname "$0")/lib.sh"

mount_porterfs
p=$MNT/primary
for tool in sqlite3 zip unzip fio; do
	command -v "$tool" >/dev/null || skip "no $tool here"
done

# ---- sqlite: two processes write into one database ----
for mode in delete wal; do
	db=$p/$mode.db
	sqlite3 "$db" "PRAGMA journal_mode=$mode; CREATE TABLE t(who, i, text);" >/dev/null
	writer() {
		local who=$1 i
		for i in $(seq 25); do
			printf 'PRAGMA busy_timeout=20000;\nINSERT INTO t VALUES(%d, %d, hex(randomblob(500)));\n' "$who" "$i"
		done | sqlite3 "$db" >/dev/null
	}
	writer 1 &
	one=$!
	writer 2 &
	two=$!
	ok "sqlite, $mode: the first writer" wait "$one"
	ok "sqlite, $mode: the second writer" wait "$two"
	is "$(sqlite3 "$db" 'SELECT count(*), count(DISTINCT who) FROM t')" "50|2" "sqlite, $mode: all rows are there"
	is "$(sqlite3 "$db" 'PRAGMA integrity_check')" ok "sqlite, $mode: the database is sound"
	sqlite3 "$db" 'DELETE FROM t WHERE i > 5; VACUUM;'
	is "$(sqlite3 "$db" 'PRAGMA integrity_check')" ok "sqlite, $mode: also after VACUUM"
done

# ---- archives ----
mkdir "$T/tree"
for i in $(seq 40); do seq "$i" $((i * 300)) >"$T/tree/f$i"; done
cp -r "$T/tree" "$p/tree"
(cd "$p" && zip -qr tree.zip tree)
ok "zip -r" unzip -tq "$p/tree.zip"
seq 1000 >"$p/tree/new"
(cd "$p" && zip -qr tree.zip tree/new && zip -qd tree.zip tree/f1)
ok "zip: added to and deleted from" unzip -tq "$p/tree.zip"
tar -C "$p" -cf "$p/t.tar" tree/f2
tar -C "$p" -rf "$p/t.tar" tree/f3 tree/f4
is "$(tar -tf "$p/t.tar" | tr '\n' ' ')" "tree/f2 tree/f3 tree/f4 " "tar -r"
ok "its members are right" tar -C "$p" -df "$p/t.tar"

# ---- editors ----
echo one >"$p/text"
python3 - "$p" <<'PY'
import os, sys
p = sys.argv[1]
# vim: backup by rename, a new file, then the backup goes
os.rename(f"{p}/text", f"{p}/text~")
with open(f"{p}/text", "w") as f:
    f.write("two\n"); f.flush(); os.fsync(f.fileno())
os.unlink(f"{p}/text~")
assert open(f"{p}/text").read() == "two\n"
# gedit, VS Code: temporary file, rename over it
with open(f"{p}/.text.tmp", "w") as f:
    f.write("three\n"); f.flush(); os.fsync(f.fileno())
os.rename(f"{p}/.text.tmp", f"{p}/text")
assert open(f"{p}/text").read() == "three\n"
# nano: in place, cut to nothing and written
with open(f"{p}/text", "r+") as f:
    f.truncate(0); f.write("four\n")
assert open(f"{p}/text").read() == "four\n"
# in place, shorter
with open(f"{p}/text", "r+") as f:
    f.write("5\n"); f.truncate()
assert open(f"{p}/text").read() == "5\n"
# temporary file renamed while it is still open for reading and writing
f = open(f"{p}/late.tmp", "w+")
f.write("six\n"); f.flush()
os.rename(f"{p}/late.tmp", f"{p}/late")
f.write("seven\n"); f.close()
assert open(f"{p}/late").read() == "six\nseven\n"
PY
is "$(stored primary/text)" 5 "an editor's ways to save"
is "$(stored primary/late | tr '\n' ' ')" "six seven " "renamed before it was closed"
sed -i s/5/6/ "$p/text"
is "$(cat "$p/text")" 6 "sed -i"

# ---- fio ----
fio_job() {
	fio --name=v --filename="$p/fio" --size=24M --rw=randwrite --bs=4k-64k --ioengine=psync \
		--verify=crc32c --verify_fatal=1 --verify_state_save=0 --randseed=7 --allrandrepeat=1 --output-format=terse "$@" >"$T/fio.log" 2>&1
}
ok "fio writes at random and verifies" fio_job
cp "$p/fio" "$T/fio"
umount_porterfs
mount_porterfs
ok "after a remount it is the same" cmp "$T/fio" "$p/fio"
ok "fio verifies it once more" fio_job --verify_only
is "$(sqlite3 "$p/wal.db" 'PRAGMA integrity_check; SELECT count(*) FROM t' | tr '\n' ' ')" "ok 10 " "the database, too"
