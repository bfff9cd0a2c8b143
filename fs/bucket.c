/* SPDX-License-Identifier: MIT */
#include "base/digest.h"
#include "core.h"
#include "inode.h"
#include "named_store.h"
#include "overlay.h"
#include "walk.h"

#include <string.h>

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The bucket's root directory, always there. */
static int make_root(struct bucket *bucket)
{
	struct fs *fs = bucket->fs;
	struct attr attr;
	const struct inode_plan plan = {
		.bucket = bucket,
		.key = "",
		.kind = INODE_BUCKET,
		.attr = &attr,
	};

	attr_of_dir(&fs->config, &fs->started, &attr);
	return inode_make(fs->inodes, &plan, &bucket->root);
}

int bucket_init(struct bucket *bucket, struct fs *fs, unsigned number,
                const struct fs_bucket_config *config)
{
	const char *identity =
		config->identity ? config->identity : config->name;
	int r;

	*bucket = (struct bucket){
		.fs = fs,
		.number = number,
		.name = strdup(config->name),
		.identity = strdup(identity),
		.broken = config->store ? 0 : config->broken,
		.mode = config->mode,
		.attrs = config->attrs,
		.ttl_ms = config->cache_ttl_ms,
		.negative_ms = min_u64(config->cache_ttl_ms,
	                               fs->config.negative_ttl_ms),
		.seed = digest_xxh64(identity, strlen(identity), 0),
	};
	const struct meta_policy policy = {
		.seed = bucket->seed,
		.ttl_ms = bucket->ttl_ms,
		.negative_ms = bucket->negative_ms,
		.attrs_head = bucket->attrs == FS_ATTRS_HEAD,
	};

	meta_cache_set_policy(fs->cache, number, &policy);
	(void)pthread_mutex_init(&bucket->flights_lock, NULL);
	(void)pthread_mutex_init(&bucket->turns_lock, NULL);
	list_init(&bucket->pages);
	if (!config->store && config->broken >= 0)
		bucket->broken = -EIO;
	if (!bucket->name || !bucket->identity)
		return -ENOMEM;
	r = config->store ? named_store_new(config->store, &bucket->store) : 0;
	if (r == 0)
		r = overlay_new(&bucket->overlay);
	if (r == 0)
		r = walks_new(bucket, &bucket->walks);
	return r < 0 ? r : make_root(bucket);
}

/* The root inode went with the table. */
void bucket_release(struct bucket *bucket)
{
	walks_free(bucket->walks);
	overlay_free(bucket->overlay);
	store_destroy(bucket->store);
	(void)pthread_mutex_destroy(&bucket->turns_lock);
	(void)pthread_mutex_destroy(&bucket->flights_lock);
	free(bucket->identity);
	free(bucket->name);
}

struct bucket *bucket_find(struct fs *fs, const char *name)
{
	for (size_t i = 0; i < fs->bucket_count; i++)
		if (strcmp(fs->buckets[i].name, name) == 0)
			return &fs->buckets[i];
	return NULL;
}

int bucket_works(const struct bucket *bucket, struct err *reterr)
{
	if (!bucket->broken)
		return 0;
	return err_set(reterr, bucket->broken,
	               "bucket \"%s\" did not work when it was mounted",
	               bucket->name);
}

int bucket_may_change(const struct bucket *bucket, bool replaces,
                      struct err *reterr)
{
	int r = bucket_works(bucket, reterr);

	if (r < 0)
		return r;
	if (bucket->mode == FS_BUCKET_RO)
		return err_set(reterr, -EROFS,
		               "bucket \"%s\" is mounted read-only",
		               bucket->name);
	if (bucket->mode == FS_BUCKET_WO && replaces)
		return err_set(reterr, -EPERM,
		               "bucket \"%s\" takes new names only (mode = wo)",
		               bucket->name);
	return 0;
}
