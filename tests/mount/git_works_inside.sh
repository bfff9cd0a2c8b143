#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# git inside the mount, with little memory: clone, work, gc, and fsck finds
# nothing wrong, also after a remount. GIT_PACK_MB (20) is the size of the pack.
. "$(dirname "$0")/lib.sh"

command -v git >/dev/null || skip "no git here"
export HOME=$T GIT_CONFIG_NOSYSTEM=1
git config --global user.name porter
git config --global user.email porter@example.invalid
git config --global init.defaultBranch main
git config --global advice.detachedHead false
git config --global safe.directory '*'

# A repository with a pack of that size, and many small files.
git init -q "$T/origin"
for i in $(seq "${GIT_PACK_MB:-20}"); do
	head -c 1M /dev/urandom >"$T/origin/blob$i"
done
mkdir "$T/origin/src"
for i in $(seq 150); do seq "$i" $((i + 40)) >"$T/origin/src/f$i.c"; done
git -C "$T/origin" add -A
git -C "$T/origin" commit -qm first
git -C "$T/origin" gc -q

mount_porterfs -o memory_limit=64M
r=$MNT/primary/clone
ok "git clone" git clone -q "file://$T/origin" "$r"
ok "git fsck" git -C "$r" fsck --full --no-progress
is "$(git -C "$r" status --porcelain)" "" "nothing differs"
for i in $(seq 5); do
	echo "line $i" >>"$r/src/f$i.c"
	git -C "$r" add -A
	git -C "$r" commit -qm "change $i"
done
git -C "$r" checkout -q -b topic HEAD~3
echo topic >"$r/src/topic.c"
git -C "$r" add -A
git -C "$r" commit -qm topic
git -C "$r" checkout -q main
ok "git merge" git -C "$r" merge -q -m merged topic
ok "git gc" git -C "$r" gc -q
ok "git fsck after all that" git -C "$r" fsck --full --no-progress
head=$(git -C "$r" rev-parse HEAD)
umount_porterfs
mount_porterfs -o memory_limit=64M
ok "git fsck after a remount" git -C "$r" fsck --full --no-progress
is "$(git -C "$r" rev-parse HEAD)" "$head" "the same commit"
is "$(git -C "$r" status --porcelain)" "" "the tree is that of the commit"
