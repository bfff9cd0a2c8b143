#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# [guard]: a dump that is cut is not published, also inside gzip, and its close
# says so; what was there before stays, and what came is kept as an upload.
. "$(dirname "$0")/lib.sh"

cat >"$T/porterfs.conf" <<-'END'
	[guard]
	*.sql = mysqldump
	*.sql.gz = mysqldump gzip
	*.sql.zst = mysqldump
	*.tar = tar
	*.bin = min_ratio=0.5
	primary/only/* = gzip
END
chmod 600 "$T/porterfs.conf"
mount_porterfs -c "$T/porterfs.conf"
p=$MNT/primary

{
	seq -f 'INSERT INTO t VALUES (%.0f);' 300000
	echo '-- Dump completed on 2026-11-24 12:00:00'
} >"$T/whole.sql"
head -c 4000000 "$T/whole.sql" >"$T/cut.sql"
gzip -k "$T/whole.sql" "$T/cut.sql"
zstd -q "$T/cut.sql"

# publishes FILE NAME, keeps_out FILE NAME
publishes() {
	ok "$2 is published" cp "$1" "$p/$2"
	ok "with its bytes" cmp "$1" "$p/$2"
}
keeps_out() {
	refused "Input/output error" "$2 is refused by its close" cp "$1" "$p/$2"
	! has_object "primary/$2" || fail "$2 was published"
}

publishes "$T/whole.sql" a.sql
keeps_out "$T/cut.sql" b.sql
publishes "$T/whole.sql.gz" a.sql.gz
keeps_out "$T/cut.sql.gz" b.sql.gz
keeps_out "$T/cut.sql.zst" b.sql.zst
publishes "$T/cut.sql" a.text
mkdir "$p/only"
publishes "$T/whole.sql.gz" only/x
keeps_out "$T/cut.sql" only/y
like "$(cat "$LOG")" 'guard.*says.*Dump completed' "the log says what is missing"
is "$(uploads primary)" 4 "what came is kept at the store"

refused "Input/output error" "an overwrite, too" cp "$T/cut.sql" "$p/a.sql"
ok "what was there stays" cmp "$T/whole.sql" "$p/a.sql"
ok "a copy of a published dump is one" cp "$p/a.sql" "$p/c.sql"
ok "with its bytes, too" cmp "$T/whole.sql" "$p/c.sql"

# mysqldump | gzip, and mysqldump was killed: gzip ends well.
sh -c 'cat "$1"; kill -9 $$' sh "$T/cut.sql" | gzip >"$p/killed.sql.gz" || true
! has_object primary/killed.sql.gz || fail "gzip hid a killed dump"
tar -C "$T" -cf "$T/x.tar" whole.sql
publishes "$T/x.tar" x.tar
head -c 1000000 "$T/x.tar" >"$T/y.tar"
keeps_out "$T/y.tar" y.tar

head -c 1000 /dev/zero >"$p/f.bin"
head -c 400 /dev/zero >"$T/f400"
head -c 600 /dev/zero >"$T/f600"
refused "Input/output error" "much less than before" cp "$T/f400" "$p/f.bin"
is "$(stored primary/f.bin | wc -c)" 1000 "the larger one stays"
ok "nearly as much" cp "$T/f600" "$p/f.bin"

mkdir "$T/mnt2"
printf '[guard]\n*.sql = mysql\n' >"$T/bad.conf"
chmod 600 "$T/bad.conf"
(umask 077 && porter_env >"$T/.env2")
refused "\[guard\] \*.sql: there is no check 'mysql'" "a check that is none" \
	env -i PATH="$PATH" HOME="$T" "$PORTERFS" --env-file "$T/.env2" -c "$T/bad.conf" \
	-o "state_dir=$T/state2,cache_dir=$T/cache2" "$T/mnt2"
