/* SPDX-License-Identifier: MIT */
/*
 * What the writing side tells of an inode: it changed, it is committed, it is
 * given up, it is outdated.
 *
 *            inode_changed                inode_committed
 *   stored ----------------> local ------------------------> stored (moved on)
 *                              |  inode_reverted
 *                              +--> stored (as it was), or gone
 */
#include "base/lock.h"
#include "change.h"
#include "doomed.h"
#include "inode.h"
#include "key.h"
#include "notify.h"
#include "overlay.h"

#include <string.h>

/* How long what we just made is believed. */
static uint64_t fresh_from_now(const struct inode *inode)
{
	return clock_ms(inode->table->fs->parts.clock) + inode->bucket->ttl_ms;
}

/* Local from now on: keep what the store has; new bytes, new content type. */
static void begin_local_locked(struct inode *inode)
{
	struct inode_extra *extra = inode_extra_locked(inode);
	struct attr_meta *meta;

	inode->local = true;
	if (extra)
		attr_copy(&extra->stored, &inode->attr);
	if (attr_meta_for_new_bytes(inode->attr.meta, &meta) == 0) {
		attr_meta_unref(inode->attr.meta);
		inode->attr.meta = meta;
	}
}

void inode_changed(struct inode *inode, uint64_t size)
{
	WITH_LOCK(&inode->lock);
	struct timespec now = clock_wall(inode->table->fs->parts.clock);

	if (!inode->local)
		begin_local_locked(inode);
	inode->attr.size = size;
	inode->attr.mtime = now;
	inode->attr.modified = now;
}

int inode_headers(struct inode *inode, const char *nonce,
                  struct attr_headers *ret)
{
	WITH_LOCK(&inode->lock);

	if (inode->extra)
		inode->extra->sent = inode->extra->changes;
	return attr_to_headers(&inode->attr, key_base(inode->key), nonce,
	                       store_limits(inode->bucket->store), ret);
}

/* The version that the commit made. */
static void take_version_locked(struct inode *inode,
                                const struct object_info *info)
{
	struct attr *attr = &inode->attr;

	attr->known = ATTR_FROM_LIST | ATTR_FROM_HEAD;
	attr->size = info->size;
	memcpy(attr->etag, info->etag, sizeof(attr->etag));
	if (info->mtime.tv_sec != 0) {
		attr->modified = info->mtime;
	} else {
		attr->modified = clock_wall(inode->table->fs->parts.clock);
		attr->known |= ATTR_GUESSED;
	}
	inode->local = false;
	inode->fresh_ms = fresh_from_now(inode);
}

/* Tell the cache what the name is now; it may make more names whole. */
static void cache_locked(struct inode *inode)
{
	struct meta_cache *cache = inode->table->fs->cache;
	struct meta_name name = inode_name(inode->bucket, inode->key);
	struct meta meta = {
		.kind = META_FILE,
		.fresh_ms = inode->fresh_ms,
		.attr = inode->attr,
	};

	if (inode_linked(inode)) {
		meta_cache_change(cache, &name, &meta);
	} else {
		meta_cache_change(cache, &name, NULL);
	}
	overlay_clear(inode->bucket->overlay, inode->key, OVERLAY_LOCAL);
}

/* Throw the extra part away; whether setattr came after the headers went. */
static bool end_local_locked(struct inode *inode, bool *ret_replaced)
{
	struct inode_extra *extra = take(&inode->extra);
	bool later;

	*ret_replaced = false;
	if (!extra)
		return false;
	later = extra->changes != extra->sent;
	*ret_replaced = extra->replaces_deleted;
	attr_release(&extra->stored);
	free(extra);
	return later;
}

void inode_committed(struct inode *inode, const struct object_info *info)
{
	struct fs *fs = inode->table->fs;
	bool replaced = false;
	bool later = false;
	bool unlinked;

	(void)pthread_mutex_lock(&inode->lock);
	unlinked = inode->unlinked;
	take_version_locked(inode, info);
	if (!unlinked) {
		later = end_local_locked(inode, &replaced);
		cache_locked(inode);
	}
	(void)pthread_mutex_unlock(&inode->lock);

	if (unlinked)
		inode_doom(inode, info->etag);
	if (replaced)
		fs_unpend(fs);
	if (later)
		change_resend(inode);
	notify_inode(fs->notify, inode->nodeid);
}

/* A name that only was here goes; its predecessor's DELETE is due again. */
static void vanish(struct inode *inode, const char *replaces)
{
	struct fs *fs = inode->table->fs;

	inode_tell_name(inode);
	inode_take_off(inode);
	if (!replaces[0])
		return;
	inode_doom(inode, replaces);
	fs_unpend(fs); /* what the new file had taken over */
}

void inode_reverted(struct inode *inode)
{
	struct fs *fs = inode->table->fs;
	char replaces[STORE_ETAG_MAX] = "";
	bool only_here = false;

	(void)pthread_mutex_lock(&inode->lock);
	if (inode->local) {
		struct meta_name name = inode_name(inode->bucket, inode->key);
		struct inode_extra *extra = inode->extra;

		only_here = !inode->attr.etag[0];
		inode->unlinked = inode->unlinked || only_here;
		inode->local = false;
		inode->fresh_ms = 0;
		if (extra && extra->replaces_deleted) {
			memcpy(replaces, extra->replaces, sizeof(replaces));
			extra->replaces_deleted = false;
		}
		if (extra && extra->stored.known)
			attr_copy(&inode->attr, &extra->stored);
		meta_cache_forget(fs->cache, &name);
		if (only_here && inode_linked(inode))
			overlay_clear(inode->bucket->overlay, inode->key,
			              OVERLAY_LOCAL);
	}
	(void)pthread_mutex_unlock(&inode->lock);

	if (only_here)
		vanish(inode, replaces);
	else /* it may have failed because somebody else's is there */
		inode_tell_name(inode);
	notify_inode(fs->notify, inode->nodeid);
}

int inode_checked(struct inode *inode, const struct object_info *info,
                  uint64_t moment)
{
	struct fs *fs = inode->table->fs;
	struct meta meta = {.kind = META_FILE};
	bool same = true;
	int r = attr_from_info(&fs->config, info, S_IFREG, &meta.attr);

	if (r < 0)
		return r;

	(void)pthread_mutex_lock(&inode->lock);
	struct meta_name name = inode_name(inode->bucket, inode->key);

	if (!inode->local && !meta_cache_changed(fs->cache, &name, moment)) {
		same = attr_same_version(&inode->attr, &meta.attr);
		meta.fresh_ms = fresh_from_now(inode);
		if (same) {
			attr_copy(&inode->attr, &meta.attr);
			inode->fresh_ms = meta.fresh_ms;
			(void)meta_cache_put(fs->cache, &name, moment, &meta);
		}
	}
	(void)pthread_mutex_unlock(&inode->lock);

	meta_release(&meta);
	if (same)
		return 0;
	inode_outdated(inode);
	return -ESTALE;
}

void inode_outdated(struct inode *inode)
{
	(void)pthread_mutex_lock(&inode->lock);
	struct meta_name name = inode_name(inode->bucket, inode->key);

	inode->fresh_ms = 0;
	meta_cache_forget(inode->table->fs->cache, &name);
	(void)pthread_mutex_unlock(&inode->lock);

	inode_tell_name(inode);
	inode_take_off(inode);
}

/* Refuse what the directory, the bucket or the name does not allow. */
static int may_create(struct inode *parent, const char *name, char **ret_key)
{
	int r = inode_child_key(parent, name, ret_key);

	if (r == 0)
		r = key_check_new(name, false);
	if (r == 0)
		r = bucket_may_change(parent->bucket, false, NULL);
	if (r == 0 && parent->kind == INODE_DIR && !inode_linked(parent))
		r = -ENOENT;
	if (r < 0)
		free(take(ret_key));
	return r;
}

/* The inode of a name that is known to exist; -ENOENT: not known. */
static int known_inode(struct bucket *bucket, const char *key,
                       struct inode **ret)
{
	struct inode_seen seen = {.bucket = bucket, .key = key};
	struct meta_name name = inode_name(bucket, key);
	struct meta meta;
	int r;

	*ret = inode_of_key(bucket, key);
	if (*ret)
		return 0;
	if (overlay_get(bucket->overlay, key) == OVERLAY_HIDDEN)
		return -ENOENT;
	seen.moment = meta_cache_moment(bucket->fs->cache);
	if (meta_cache_get(bucket->fs->cache, &name, &meta) == 0) {
		seen.kind = meta.kind == META_DIR     ? INODE_DIR
		            : S_ISLNK(meta.attr.mode) ? INODE_SYMLINK
		                                      : INODE_FILE;
		seen.attr = &meta.attr;
		seen.fresh_ms = meta.fresh_ms;
		r = inode_see(&seen, ret);
	} else {
		r = -ENOENT;
	}
	meta_release(&meta);
	return r == -EAGAIN ? -ENOENT : r;
}

/* The new file stands on a version whose DELETE was not sent. */
static int inherit(struct inode *inode, const char *key)
{
	char etag[STORE_ETAG_MAX] = "";

	bool deleted = doomed_take(inode->bucket, key, etag);

	WITH_LOCK(&inode->lock);
	struct inode_extra *extra = inode_extra_locked(inode);

	if (!extra)
		return -ENOMEM;
	memcpy(extra->replaces, etag, sizeof(extra->replaces));
	extra->replaces_deleted = deleted;
	if (inode->unlinked)
		return 0; /* somebody was very fast */
	return overlay_set(inode->bucket->overlay, inode->key, OVERLAY_LOCAL);
}

/* The attributes of a new file. */
static struct attr new_attr(const struct fs *fs, uint32_t mode,
                            const struct fs_who *who)
{
	struct timespec now = clock_wall(fs->parts.clock);

	return (struct attr){
		.known = ATTR_FROM_LIST | ATTR_FROM_HEAD,
		.mode = S_IFREG | (mode & 07777),
		.uid = who->uid,
		.gid = who->gid,
		.mtime = now,
		.modified = now,
	};
}

int inode_create(struct inode *parent, const char *name, uint32_t mode,
                 const struct fs_who *who, struct inode **ret)
{
	struct bucket *bucket = parent->bucket;
	cleanup(freep) char *key = NULL;
	int r = may_create(parent, name, &key);

	if (r < 0)
		return r;

	struct attr attr = new_attr(bucket->fs, mode, who);
	const struct inode_plan plan = {
		.bucket = bucket,
		.key = key,
		.kind = INODE_FILE,
		.attr = &attr,
		.local = true,
	};
	struct inode *inode;

	do {
		if (known_inode(bucket, key, ret) == 0)
			return -EEXIST;
		r = inode_make(bucket->fs->inodes, &plan, &inode);
	} while (r == -EEXIST);
	if (r < 0)
		return r;
	r = inherit(inode, key);
	if (r < 0) {
		inode_take_off(inode);
		inode_unref(inode);
		return r;
	}
	*ret = inode;
	return 0;
}
