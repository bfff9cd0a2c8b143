#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# mv of directories: all that is below goes along, on the server; open files,
# too; what is larger than rename_dir_max is moved by mv itself.
. "$(dirname "$0")/lib.sh"

mount_porterfs -o rename_dir_max=300
p=$MNT/primary
mkdir -p "$p/tree/sub/deep" "$p/tree/empty"
for i in $(seq 120); do
	echo "file $i" >"$p/tree/f$i"
	echo "deep $i" >"$p/tree/sub/deep/g$i"
done
ln -s deep/g1 "$p/tree/sub/link"
chmod 700 "$p/tree/sub"
(cd "$p/tree" && find . | sort) >"$T/names"
(cd "$p/tree" && find . -type f -exec cat {} + | sort | sha256sum) >"$T/sum"

exec 5<"$p/tree/sub/deep/g7"
exec 6>"$p/tree/being-written"
echo begun >&6
mv "$p/tree" "$p/moved"
echo finished >&6
exec 6>&-
is "$(tr '\n' ' ' <"$p/moved/being-written")" "begun finished " "a file that is being written goes along"
is "$(cat <&5)" "deep 7" "a reader goes on"
exec 5<&-
rm "$p/moved/being-written"
ok "every name went along" diff "$T/names" <(cd "$p/moved" && find . | sort)
ok "with its bytes" diff "$T/sum" <(cd "$p/moved" && find . -type f -exec cat {} + | sort | sha256sum)
is "$(readlink "$p/moved/sub/link")" deep/g1 "a symlink, too"
is "$(stat -c %a "$p/moved/sub")" 700 "and a directory's mode"
refused "No such file" "the old name is gone" ls "$p/tree"
is "$(objects primary)" 241 "and nothing of it is left in the store"

mkdir "$p/tree"
is "$(find "$p/tree" -mindepth 1)" "" "a new directory of the old name is empty"
ok "over an empty one" mv -T "$p/moved" "$p/tree"
refused "not empty|File exists" "not over a full one" sh -c "mkdir '$p/full' && touch '$p/full/x' && mv -T '$p/tree' '$p/full'"
ok "into another directory" mv "$p/tree" "$p/full"
is "$(cat "$p/full/tree/sub/deep/g120")" "deep 120" "where it is read"

for i in $(seq 80); do echo "more $i" >"$p/full/tree/h$i"; done
ok "beyond rename_dir_max mv moves it itself" mv "$p/full/tree" "$p/large"
is "$(find "$p/large" -type f | wc -l)" 320 "all of it"
ok "and between buckets" mv "$p/large" "$MNT/source/large"
is "$(find "$MNT/source/large" -type f | wc -l)" 320 "all of it, too"
[ ! -e "$p/large" ] || fail "something is left in the first bucket"
