/* SPDX-License-Identifier: MIT */
/*
 * The cache in memory: a table of records per bucket, one order of last use,
 * and a table of directories.
 *
 * A sequence number stands for time among events.  Every own change, and every
 * record that is lost, notes the present number in a small array at the hash
 * of its name (or of its directory); two names that share a place only cost a
 * needless question: an answer refused for that reason counts as a loss.
 */
#include "base/clock.h"
#include "base/lock.h"
#include "meta_cache_impl.h"

#include <assert.h>

int meta_cache_new(const struct meta_cache_config *config,
                   struct meta_cache **ret)
{
	cleanup(freep) struct meta_cache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return -ENOMEM;
	cache->tables = calloc(config->buckets + 1, sizeof(*cache->tables));
	cache->policies = calloc(config->buckets + 1, sizeof(*cache->policies));
	if (!cache->tables || !cache->policies) {
		free(cache->tables);
		free(cache->policies);
		return -ENOMEM;
	}
	cache->disk = config->disk;
	cache->started = config->started;
	cache->clock = config->clock;
	cache->buckets = config->buckets;
	cache->records_max = config->records_max;
	cache->seq = 1;
	(void)pthread_mutex_init(&cache->lock, NULL);
	list_init(&cache->used);
	list_init(&cache->dirs_used);
	*ret = take(&cache);
	return 0;
}

void meta_release(struct meta *meta)
{
	attr_release(&meta->attr);
	*meta = (struct meta){0};
}

/* The array entry of a key's directory. */
static uint64_t *lost_of(struct meta_cache *cache, unsigned bucket,
                         const char *key)
{
	return &cache->lost[meta_place(bucket, key, key_parent_len(key))];
}

/* Take a record out and free it. */
static void drop_locked(struct meta_cache *cache, struct record *record)
{
	HASH_DEL(cache->tables[record->bucket].records, record);
	list_remove(&record->used);
	meta_release(&record->meta);
	free(record);
	cache->records--;
}

/* The same, as a loss: its directory is no longer known whole. */
static void lose_locked(struct meta_cache *cache, struct record *record)
{
	*lost_of(cache, record->bucket, record->key) = ++cache->seq;
	drop_locked(cache, record);
}

/* Take a directory's record out and free it. */
static void drop_dir_locked(struct meta_cache *cache, struct dir_record *dir)
{
	HASH_DEL(cache->tables[dir->bucket].dirs, dir);
	list_remove(&dir->used);
	free(dir);
	cache->dirs--;
}

void meta_cache_free(struct meta_cache *cache)
{
	if (!cache)
		return;
	while (!list_empty(&cache->used))
		drop_locked(cache,
		            list_first(&cache->used, struct record, used));
	while (!list_empty(&cache->dirs_used))
		drop_dir_locked(cache, list_first(&cache->dirs_used,
		                                  struct dir_record, used));
	(void)pthread_mutex_destroy(&cache->lock);
	free(cache->policies);
	free(cache->tables);
	free(cache);
}

void meta_cache_set_policy(struct meta_cache *cache, unsigned bucket,
                           const struct meta_policy *policy)
{
	assert(bucket < cache->buckets);
	cache->policies[bucket] = *policy;
}

/* Find a record and note its use; NULL: none. */
static struct record *find_locked(struct meta_cache *cache,
                                  const struct meta_name *name)
{
	struct record *record;

	assert(name->bucket < cache->buckets);
	HASH_FIND_STR(cache->tables[name->bucket].records, name->key, record);
	if (record) {
		list_remove(&record->used);
		list_append(&cache->used, &record->used);
	}
	return record;
}

/* Find a record or make an empty one; NULL: out of memory. */
static struct record *make_locked(struct meta_cache *cache,
                                  const struct meta_name *name)
{
	struct record *record = find_locked(cache, name);
	size_t len = strlen(name->key);

	if (record)
		return record;

	record = calloc(1, sizeof(*record) + len + 1);
	if (!record)
		return NULL;
	memcpy(record->key, name->key, len);
	record->bucket = name->bucket;
	HASH_ADD_KEYPTR(hh, cache->tables[name->bucket].records, record->key,
	                len, record);
	if (!record->hh.tbl) {
		free(record);
		return NULL;
	}
	list_append(&cache->used, &record->used);
	if (++cache->records > cache->records_max)
		lose_locked(cache,
		            list_first(&cache->used, struct record, used));
	return record;
}

/* The directory record of the first len bytes of key, or NULL. */
static struct dir_record *find_dir_locked(struct meta_cache *cache,
                                          unsigned bucket, const char *key,
                                          size_t len)
{
	struct dir_record *dir;

	assert(bucket < cache->buckets);
	HASH_FIND(hh, cache->tables[bucket].dirs, key, len, dir);
	return dir;
}

/* Find a directory's record or make one; NULL: out of memory. */
static struct dir_record *make_dir_locked(struct meta_cache *cache,
                                          const struct meta_name *name)
{
	size_t len = strlen(name->key);
	struct dir_record *dir =
		find_dir_locked(cache, name->bucket, name->key, len);

	if (dir) {
		list_remove(&dir->used);
		list_append(&cache->dirs_used, &dir->used);
		return dir;
	}

	dir = calloc(1, sizeof(*dir) + len + 1);
	if (!dir)
		return NULL;
	memcpy(dir->key, name->key, len);
	dir->bucket = name->bucket;
	HASH_ADD_KEYPTR(hh, cache->tables[name->bucket].dirs, dir->key, len,
	                dir);
	if (!dir->hh.tbl) {
		free(dir);
		return NULL;
	}
	list_append(&cache->dirs_used, &dir->used);
	if (++cache->dirs > cache->records_max / DIRS_PART + 1)
		drop_dir_locked(cache, list_first(&cache->dirs_used,
		                                  struct dir_record, used));
	return dir;
}

/* The directory of a key if it is known whole now, or NULL. */
static struct dir_record *whole_parent_locked(struct meta_cache *cache,
                                              const struct meta_name *name,
                                              uint64_t now)
{
	struct dir_record *dir = find_dir_locked(cache, name->bucket, name->key,
	                                         key_parent_len(name->key));

	if (!dir || dir->whole.moment == 0 || now >= dir->whole.fresh_ms)
		return NULL;
	if (*lost_of(cache, name->bucket, name->key) > dir->whole.moment)
		return NULL;
	return dir;
}

/* Copy a record out, without what is too old of a directory's attributes. */
static void copy_out(const struct record *record, uint64_t now,
                     struct meta *ret)
{
	ret->kind = record->meta.kind;
	ret->fresh_ms = record->meta.fresh_ms;
	ret->attr_ms = record->meta.attr_ms;
	attr_copy(&ret->attr, &record->meta.attr);
	if (ret->kind == META_DIR && now >= ret->attr_ms)
		ret->attr.known &= ~(unsigned)ATTR_FROM_HEAD;
}

int meta_get_locked(struct meta_cache *cache, const struct meta_name *name,
                    struct meta *ret)
{
	uint64_t now = clock_ms(cache->clock);
	struct record *record = find_locked(cache, name);
	struct dir_record *dir;

	*ret = (struct meta){0};
	if (record) {
		copy_out(record, now, ret);
		if (now < record->meta.fresh_ms)
			return record->meta.kind == META_ABSENT ? -ENOENT : 0;
	}
	dir = whole_parent_locked(cache, name, now);
	if (!dir || (record && record->moment >= dir->whole.moment &&
	             record->meta.kind != META_ABSENT))
		return -ENODATA;
	meta_release(ret);
	ret->kind = META_ABSENT;
	ret->fresh_ms = dir->whole.fresh_ms;
	return -ENOENT;
}

/* Whether what is in memory can be all that is wanted. */
static bool is_enough(const struct meta_cache *cache,
                      const struct meta_name *name, int status,
                      const struct meta *meta)
{
	return !cache->disk || status == -ENOENT ||
	       (status == 0 && (!cache->policies[name->bucket].attrs_head ||
	                        meta->attr.known & ATTR_FROM_HEAD));
}

int meta_cache_get(struct meta_cache *cache, const struct meta_name *name,
                   struct meta *ret)
{
	int r;

	(void)pthread_mutex_lock(&cache->lock);
	r = meta_get_locked(cache, name, ret);
	(void)pthread_mutex_unlock(&cache->lock);
	return is_enough(cache, name, r, ret)
	               ? r
	               : meta_disk_fill(cache, name, r, ret);
}

uint64_t meta_cache_moment(struct meta_cache *cache)
{
	WITH_LOCK(&cache->lock);

	return cache->seq;
}

bool meta_changed_locked(struct meta_cache *cache, const struct meta_name *name,
                         uint64_t moment)
{
	return cache->changed[meta_name_place(name)] > moment ||
	       cache->floor > moment;
}

bool meta_cache_changed(struct meta_cache *cache, const struct meta_name *name,
                        uint64_t moment)
{
	WITH_LOCK(&cache->lock);

	return meta_changed_locked(cache, name, moment);
}

/* Complete what a listing says by what a HEAD once taught of that object. */
static void complete(struct meta *meta, const struct meta *old)
{
	struct attr seen = meta->attr;

	if (meta->attr.known & ATTR_FROM_HEAD || meta->kind != old->kind ||
	    !(old->attr.known & ATTR_FROM_HEAD))
		return;
	if (meta->kind == META_DIR) {
		attr_copy(&meta->attr, &old->attr);
		meta->attr_ms = old->attr_ms;
		return;
	}
	if (meta->kind != META_FILE || !attr_same_object(&seen, &old->attr))
		return;
	attr_copy(&meta->attr, &old->attr);
	meta->attr.modified = seen.modified;
	meta->attr.known &= ~(unsigned)ATTR_GUESSED;
}

/* Store meta in a record. */
static void store(struct record *record, const struct meta *meta,
                  uint64_t moment)
{
	struct meta old = record->meta;

	record->moment = moment;
	record->meta = *meta;
	record->meta.attr.meta = attr_meta_ref(meta->attr.meta);
	attr_meta_unref(old.attr.meta);
}

/*
 * An answer asked at moment is not taken.  Unless the name's own record is
 * younger, that may be for the sake of another name at the same place; the
 * directory is not known whole then, or this name would count as absent.
 */
static void refused_locked(struct meta_cache *cache,
                           const struct meta_name *name, uint64_t moment)
{
	const struct record *record = find_locked(cache, name);

	if (!record || record->moment <= moment)
		*lost_of(cache, name->bucket, name->key) = ++cache->seq;
}

void meta_store_locked(struct meta_cache *cache, const struct meta_name *name,
                       uint64_t moment, struct meta *meta)
{
	struct record *record = make_locked(cache, name);

	if (!record) {
		*lost_of(cache, name->bucket, name->key) = ++cache->seq;
		return;
	}
	complete(meta, &record->meta);
	if (record->moment <= moment)
		store(record, meta, moment);
	else /* a younger answer was faster: a late HEAD only teaches it */
		complete(&record->meta, meta);
}

bool meta_cache_put_line(struct meta_cache *cache, const struct meta_name *name,
                         uint64_t moment, struct meta *meta)
{
	WITH_LOCK(&cache->lock);

	if (meta_changed_locked(cache, name, moment)) {
		refused_locked(cache, name, moment);
		return false;
	}
	meta_store_locked(cache, name, moment, meta);
	return true;
}

bool meta_cache_put(struct meta_cache *cache, const struct meta_name *name,
                    uint64_t moment, struct meta *meta)
{
	WITH_LOCK(&cache->lock);
	const struct record *record;

	if (meta_changed_locked(cache, name, moment)) {
		refused_locked(cache, name, moment);
		return false;
	}
	meta_store_locked(cache, name, moment, meta);
	record = find_locked(cache, name); /* perhaps a younger answer's */
	meta_tell_learnt_locked(cache, name, record ? &record->meta : meta);
	return true;
}

void meta_cache_change(struct meta_cache *cache, const struct meta_name *name,
                       const struct meta *meta)
{
	WITH_LOCK(&cache->lock);
	struct record *record;

	cache->changed[meta_name_place(name)] = ++cache->seq;
	cache->dir_changed[meta_parent_place(name)] = cache->seq;
	record = meta ? make_locked(cache, name) : find_locked(cache, name);
	if (meta && record)
		store(record, meta, cache->seq);
	else if (record)
		lose_locked(cache, record);
	else
		*lost_of(cache, name->bucket, name->key) = ++cache->seq;
	meta_tell_changed_locked(cache, name, meta);
}

void meta_cache_forget(struct meta_cache *cache, const struct meta_name *name)
{
	WITH_LOCK(&cache->lock);
	struct record *record = find_locked(cache, name);

	if (record)
		record->meta.fresh_ms = 0;
	*lost_of(cache, name->bucket, name->key) = ++cache->seq;
	meta_tell_changed_locked(cache, name, NULL);
}

/* Forget what the tables of a bucket hold of key and below dir. */
static void forget_below_locked(struct meta_cache *cache,
                                const struct meta_name *dir, bool below)
{
	struct tables *tables = &cache->tables[dir->bucket];
	size_t len = strlen(dir->key);

	for (struct record *r = tables->records; r; r = r->hh.next)
		if (key_below(r->key, dir->key) &&
		    (below || key_parent_len(r->key) == len))
			r->meta.fresh_ms = 0;
	for (struct dir_record *d = tables->dirs; d; d = d->hh.next)
		if (strcmp(d->key, dir->key) == 0 ||
		    (below && key_below(d->key, dir->key)))
			d->whole.fresh_ms = 0;
}

void meta_cache_forget_tree(struct meta_cache *cache,
                            const struct meta_name *name, bool below)
{
	WITH_LOCK(&cache->lock);
	struct record *record = find_locked(cache, name);

	if (record)
		record->meta.fresh_ms = 0;
	*lost_of(cache, name->bucket, name->key) = ++cache->seq;
	cache->floor = ++cache->seq;
	forget_below_locked(cache, name, below);
	meta_tell_forgotten_locked(cache, name, below);
}

void meta_cache_whole(struct meta_cache *cache, const struct meta_name *dir,
                      const struct meta_whole *whole)
{
	WITH_LOCK(&cache->lock);
	struct dir_record *record = make_dir_locked(cache, dir);

	if (!record || whole->moment < record->whole.moment)
		return;
	record->whole = *whole;
	record->big_ms = 0;
}

void meta_cache_big(struct meta_cache *cache, const struct meta_name *dir,
                    uint64_t until_ms)
{
	WITH_LOCK(&cache->lock);
	struct dir_record *record = make_dir_locked(cache, dir);

	if (record)
		record->big_ms = until_ms;
}

bool meta_cache_is_big(struct meta_cache *cache, const struct meta_name *dir)
{
	WITH_LOCK(&cache->lock);
	struct dir_record *record =
		find_dir_locked(cache, dir->bucket, dir->key, strlen(dir->key));

	return record && clock_ms(cache->clock) < record->big_ms;
}

uint64_t meta_cache_asked(struct meta_cache *cache, const struct meta_name *dir)
{
	WITH_LOCK(&cache->lock);
	struct dir_record *record = make_dir_locked(cache, dir);
	uint64_t before = 0;

	if (record) {
		before = record->asked_ms;
		record->asked_ms = clock_ms(cache->clock);
	}
	return before;
}
