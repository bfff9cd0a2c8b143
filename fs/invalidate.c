/* SPDX-License-Identifier: MIT */
/*
 * Somebody says that names changed elsewhere: the cache forgets them, in memory
 * and on disk, answers that are under way do not count, and the kernel drops
 * what it holds of them, also that a name was absent (those go with the
 * directory's own entry).
 */
#include "base/lock.h"
#include "core.h"
#include "inode.h"
#include "key.h"
#include "meta_cache.h"
#include "notify.h"

#include <string.h>

/* Let the kernel, and us, ask about an inode again. */
static void expire(struct inode *inode)
{
	struct fs *fs = inode->table->fs;

	(void)pthread_mutex_lock(&inode->lock);
	inode->fresh_ms = 0;
	(void)pthread_mutex_unlock(&inode->lock);
	if (inode->kind == INODE_BUCKET)
		notify_entry(fs->notify, FS_ROOT_ID, inode->bucket->name);
	else
		inode_tell_name(inode);
	notify_inode(fs->notify, inode->nodeid);
}

/* The inodes in the directory of that key, or below it. */
static void expire_below(struct bucket *bucket, const char *key, bool below)
{
	struct inode **inodes = NULL;
	int count = inodes_below(bucket, key, &inodes);

	for (int i = 0; i < count; i++) {
		cleanup(freep) char *name = inode_copy_key(inodes[i]);

		if (below || !name || key_parent_len(name) == strlen(key))
			expire(inodes[i]);
		inode_unref(inodes[i]);
	}
	free(inodes);
}

void fs_invalidate(struct bucket *bucket, const char *key, bool below)
{
	struct fs *fs = bucket->fs;
	const struct meta_name name = inode_name(bucket, key);
	cleanup(inode_unrefp) struct inode *inode = inode_of_key(bucket, key);

	meta_cache_forget_tree(fs->cache, &name, below);
	expire_below(bucket, key, below);
	if (inode)
		expire(inode);
}
