#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Somebody else writes what the mount is writing: the later close is refused, the
# other's bytes stay, and a new name is made by exactly one.
. "$(dirname "$0")/lib.sh"

mount_porterfs
p=$MNT/primary

# write_slowly FILE BYTES THEIRS: write BYTES into FILE; before the close another
# client makes THEIRS the object. Prints the error of the close.
write_slowly() {
	python3 - "$1" "$2" "$T/go" <<-'PY' 2>&1 &
	import os, sys, time
	fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
	left = int(sys.argv[2])
	while left > 0:
	    left -= os.write(fd, b"x" * min(left, 1 << 20))
	open(sys.argv[3], "w").close()
	while os.path.exists(sys.argv[3]):
	    time.sleep(0.01)
	try:
	    os.close(fd)
	except OSError as e:
	    print(e.strerror)
	PY
	local writer=$!
	wait_for 30 test -e "$T/go"
	put_elsewhere "primary/${1##*/}" <<<"$3"
	rm "$T/go"
	wait "$writer"
}

for size in 1000 20000000; do
	echo old >"$p/f$size"
	is "$(write_slowly "$p/f$size" $size "theirs $size")" "Stale file handle" "an overwrite of $size bytes is refused"
	is "$(stored "primary/f$size")" "theirs $size" "theirs stays"
	is "$(cat "$p/f$size")" "theirs $size" "and is what we see"
	is "$(write_slowly "$p/n$size" $size "theirs new $size")" "Stale file handle" "a new name of $size bytes, too"
	is "$(stored "primary/n$size")" "theirs new $size" "theirs stays, too"
done

put_elsewhere primary/taken <<<taken
refused "File exists|cannot overwrite" "noclobber on a name that is there" \
	bash -c "set -C; echo mine >'$p/taken'"
is "$(stored primary/taken)" taken "it is untouched"
made=0
for i in 1 2 3 4; do
	if bash -c "set -C; echo $i >'$p/lock'" 2>/dev/null; then made=$((made + 1)); fi
done
is "$made" 1 "of four that lock, one gets the lock"
