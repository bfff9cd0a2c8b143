/* SPDX-License-Identifier: MIT */
/* The mount's side of the control tree: buckets, names, writers. */
#include "fs/admin.h"

#include "base/lock.h"
#include "base/pool.h"
#include "call.h"
#include "content_state.h"
#include "core.h"
#include "inode.h"
#include "key.h"
#include "meta_cache.h"
#include "notify.h"

#include <string.h>

/* ---- buckets ---- */

size_t fs_bucket_count(const struct fs *fs)
{
	return fs->bucket_count;
}

void fs_bucket_at(const struct fs *fs, size_t index, struct fs_bucket_view *ret)
{
	const struct bucket *bucket = &fs->buckets[index];

	*ret = (struct fs_bucket_view){
		.name = bucket->name,
		.store = bucket->broken ? NULL : bucket->store,
		.broken = bucket->broken,
		.mode = bucket->mode,
		.number = bucket->number,
	};
}

int fs_bucket_named(const struct fs *fs, const char *name,
                    struct fs_bucket_view *ret)
{
	for (size_t i = 0; i < fs->bucket_count; i++) {
		if (strcmp(fs->buckets[i].name, name) != 0)
			continue;
		fs_bucket_at(fs, i, ret);
		return 0;
	}
	return -ENOENT;
}

int fs_bucket_may(const struct fs *fs, unsigned number, bool replaces,
                  struct err *reterr)
{
	return bucket_may_change(&fs->buckets[number], replaces, reterr);
}

uint64_t fs_memory_budget(const struct fs *fs)
{
	struct pool_stats stats = {0};

	if (fs->parts.pool)
		pool_get_stats(fs->parts.pool, &stats);
	return stats.budget;
}

/* ---- names ---- */

/* The kernel may believe that there is no such name in a directory it knows. */
static void tell_new_name(struct bucket *bucket, const char *key)
{
	cleanup(freep) char *dir = key_parent(key);
	cleanup(inode_unrefp) struct inode *parent =
		dir ? inode_of_key(bucket, dir) : NULL;

	if (parent)
		notify_entry(bucket->fs->notify, parent->nodeid, key_base(key));
}

/* One name: what is believed of it goes, here and in the kernel. */
static bool forget_name(struct bucket *bucket, const char *key)
{
	const struct meta_name name = {bucket->number, key};
	cleanup(inode_unrefp) struct inode *inode = inode_of_key(bucket, key);
	bool local = false;

	meta_cache_change(bucket->fs->cache, &name, NULL);
	if (!inode) {
		tell_new_name(bucket, key);
		return false;
	}
	{
		WITH_LOCK(&inode->lock);
		local = inode->local;
	}
	if (!local && inode->kind != INODE_DIR && inode->kind != INODE_BUCKET)
		inode_outdated(inode);
	return true;
}

/*
 * A name that comes makes directories come, one that goes may make them go: up
 * to the first directory that is known here.
 */
void fs_name_changed(struct fs *fs, unsigned number, const char *key)
{
	struct bucket *bucket = &fs->buckets[number];
	char *at = strdup(key);
	size_t len = at ? strlen(at) : 0;

	if (len > 0 && at[len - 1] == '/')
		at[len - 1] = '\0';
	if (at)
		(void)forget_name(bucket, at);
	while (at && at[0]) {
		char *dir = key_parent(at);

		free(at);
		at = dir;
		if (!at || !at[0] || forget_name(bucket, at))
			break;
	}
	free(at);
}

void fs_forget_names(struct fs *fs, const char *bucket, const char *key,
                     bool recursive)
{
	for (size_t i = 0; i < fs->bucket_count; i++) {
		struct bucket *one = &fs->buckets[i];

		if (!bucket || strcmp(bucket, one->name) == 0)
			fs_invalidate(one, key, recursive);
	}
}

/* ---- writers ---- */

/* The descriptors that can write now, each referenced; NULL-ended. */
static struct fs_handle **writing_handles(struct contents *all)
{
	WITH_LOCK(&all->lock);
	struct fs_handle **ret;
	size_t count = 0;

	list_for_each(pos, &all->handles)
		count++;
	ret = calloc(count + 1, sizeof(struct fs_handle *));
	count = 0;
	list_for_each(pos, &all->handles) {
		struct fs_handle *handle =
			container_of(pos, struct fs_handle, link);

		if (ret && handle->writes)
			ret[count++] = handle_ref(handle);
	}
	return ret;
}

/* One descriptor, as it is now. */
static void tell_writer(struct fs_handle *handle,
                        void (*each)(void *ctx, const struct fs_writer *writer),
                        void *ctx)
{
	static const char *const states[] = {"clean", "writing", "committing",
	                                     "failed"};
	cleanup(freep) char *key = inode_copy_key(handle->inode);
	struct fs_writer writer = {
		.bucket = handle->inode->bucket->name,
		.key = key ? key : "",
		.pid = handle->opener.tgid,
	};

	(void)pthread_mutex_lock(&handle->content->lock);
	writer.bytes = handle->content->size;
	writer.state = states[handle->content->step];
	(void)pthread_mutex_unlock(&handle->content->lock);
	each(ctx, &writer);
}

void fs_writers_each(struct fs *fs,
                     void (*each)(void *ctx, const struct fs_writer *writer),
                     void *ctx)
{
	struct fs_handle **handles = writing_handles(fs->contents);

	for (size_t i = 0; handles && handles[i]; i++) {
		tell_writer(handles[i], each, ctx);
		handle_unref(handles[i]);
	}
	free(handles);
}

/* ---- waiting ---- */

void fs_hold(struct fs *fs)
{
	fs_pend(fs);
}

void fs_let_go(struct fs *fs)
{
	fs_unpend(fs);
}
