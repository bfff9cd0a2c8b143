/* SPDX-License-Identifier: MIT */
#include "rename_local.h"

#include "base/lock.h"
#include "content.h"
#include "doomed.h"
#include "key.h"
#include "overlay.h"

#include <string.h>

bool rename_replace_target(struct bucket *bucket, const char *key,
                           const struct inode *mover, char *etag)
{
	cleanup(inode_unrefp) struct inode *target = inode_of_key(bucket, key);
	bool deleted = false;

	if (!target || target == mover)
		return false;
	(void)pthread_mutex_lock(&target->lock);
	target->unlinked = target->content || target->local;
	if (target->extra && target->extra->replaces_deleted) {
		memcpy(etag, target->extra->replaces, STORE_ETAG_MAX);
		target->extra->replaces_deleted = false;
		deleted = true;
	}
	overlay_clear(bucket->overlay, key, OVERLAY_LOCAL);
	(void)pthread_mutex_unlock(&target->lock);
	inode_take_off(target);
	content_abandon(target);
	return deleted;
}

void rename_keep_directory(struct bucket *bucket, const char *key)
{
	cleanup(freep) char *dir = key_parent(key);

	if (dir)
		(void)overlay_keep_dir(bucket->overlay, dir);
}

void rename_known_version(struct bucket *bucket, const char *key,
                          char ret[STORE_ETAG_MAX])
{
	const struct meta_name name = inode_name(bucket, key);
	cleanup(inode_unrefp) struct inode *target = inode_of_key(bucket, key);
	struct meta meta;

	ret[0] = 0;
	if (target) {
		WITH_LOCK(&target->lock);

		memcpy(ret, target->attr.etag, STORE_ETAG_MAX);
		if (!ret[0] && target->extra) /* which it would replace */
			memcpy(ret, target->extra->replaces, STORE_ETAG_MAX);
		return;
	}
	if (meta_cache_get(bucket->fs->cache, &name, &meta) == 0)
		memcpy(ret, meta.attr.etag, STORE_ETAG_MAX);
	meta_release(&meta);
}

/* A version that a file's commit would replace. */
struct stood {
	char etag[STORE_ETAG_MAX]; /* "" = none */
	bool deleted;              /* its DELETE counts as pending */
};

/* What the inode's commit is to replace from now on; what it was before. */
static int stand_on(struct inode *inode, const struct stood *stood,
                    struct stood *ret_old)
{
	WITH_LOCK(&inode->lock);
	struct inode_extra *extra = inode_extra_locked(inode);

	if (!extra)
		return -ENOMEM;
	memcpy(ret_old->etag, extra->replaces, STORE_ETAG_MAX);
	ret_old->deleted = extra->replaces_deleted;
	memcpy(extra->replaces, stood->etag, STORE_ETAG_MAX);
	extra->replaces_deleted = stood->deleted;
	return 0;
}

/* What the old name had before the file was renamed over it goes for good. */
static void delete_replaced(struct bucket *bucket, const char *key,
                            const struct stood *old)
{
	if (!old->etag[0])
		return;
	if (!old->deleted)
		fs_pend(bucket->fs);
	(void)overlay_set(bucket->overlay, key, OVERLAY_HIDDEN);
	doomed_delete_key(bucket, key, old->etag);
}

/* Show the new name in listings, unless it is gone already. */
static void show_local(struct inode *inode)
{
	WITH_LOCK(&inode->lock);

	if (inode->local && !inode->unlinked)
		(void)overlay_set(inode->bucket->overlay, inode->key,
		                  OVERLAY_LOCAL);
}

int rename_local(struct inode *inode, const char *from, const char *to,
                 struct err *reterr)
{
	struct bucket *bucket = inode->bucket;
	const struct meta_name old_name = inode_name(bucket, from);
	const struct meta_name new_name = inode_name(bucket, to);
	struct stood old = {0};
	struct stood stood;
	int r = content_may_rename(inode, reterr);

	if (r < 0)
		return r;
	rename_known_version(bucket, to, stood.etag);
	stood.deleted = rename_replace_target(bucket, to, inode, stood.etag) ||
	                doomed_take(bucket, to, stood.etag);
	r = stand_on(inode, &stood, &old);
	if (r == 0)
		r = inode_rekey(inode, to);
	if (r < 0)
		return r;
	rename_keep_directory(bucket, from);
	overlay_clear(bucket->overlay, from, OVERLAY_LOCAL);
	show_local(inode);
	meta_cache_change(bucket->fs->cache, &old_name, NULL);
	meta_cache_change(bucket->fs->cache, &new_name, NULL);
	delete_replaced(bucket, from, &old);
	return 0;
}
