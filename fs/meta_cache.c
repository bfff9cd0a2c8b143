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
#include "meta_cache.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/lock.h"
#include "key.h"

#include <assert.h>
#include <string.h>

#define PLACES    16384 /* of the arrays, a power of two */
#define DIRS_PART 8     /* one directory for so many records */

struct record {
	UT_hash_handle hh;
	struct list used; /* cache->used, oldest first */
	unsigned bucket;
	uint64_t moment; /* of the question, or of the own change */
	struct meta meta;
	char key[];
};

struct dir_record {
	UT_hash_handle hh;
	struct list used; /* cache->dirs_used, oldest first */
	unsigned bucket;
	struct meta_whole whole; /* moment 0 = not known whole */
	uint64_t big_ms;         /* big until then */
	uint64_t asked_ms;
	char key[];
};

/* The two tables of one bucket. */
struct tables {
	struct record *records;
	struct dir_record *dirs;
};

struct meta_cache {
	const struct clock *clock;
	unsigned buckets;
	size_t records_max;

	pthread_mutex_t lock;
	struct tables *tables;    /* lock */
	struct list used;         /* lock */
	struct list dirs_used;    /* lock */
	size_t records;           /* lock */
	size_t dirs;              /* lock */
	uint64_t seq;             /* lock */
	uint64_t changed[PLACES]; /* lock: last own change of such a name */
	uint64_t lost[PLACES];    /* lock: last loss in such a directory */
};

int meta_cache_new(const struct meta_cache_config *config,
                   struct meta_cache **ret)
{
	cleanup(freep) struct meta_cache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return -ENOMEM;
	cache->tables = calloc(config->buckets + 1, sizeof(*cache->tables));
	if (!cache->tables)
		return -ENOMEM;
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

/* Place of a name, or of a directory by its first len bytes, in an array. */
static size_t place(unsigned bucket, const char *key, size_t len)
{
	return digest_xxh64(key, len, bucket) & (PLACES - 1);
}

/* The array entry of a key's directory. */
static uint64_t *lost_of(struct meta_cache *cache, unsigned bucket,
                         const char *key)
{
	return &cache->lost[place(bucket, key, key_parent_len(key))];
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
	free(cache->tables);
	free(cache);
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

int meta_cache_get(struct meta_cache *cache, const struct meta_name *name,
                   struct meta *ret)
{
	WITH_LOCK(&cache->lock);
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

uint64_t meta_cache_moment(struct meta_cache *cache)
{
	WITH_LOCK(&cache->lock);

	return cache->seq;
}

/* meta_cache_changed() under the lock. */
static bool changed_locked(struct meta_cache *cache,
                           const struct meta_name *name, uint64_t moment)
{
	return cache->changed[place(name->bucket, name->key, strlen(name->key))] >
	       moment;
}

bool meta_cache_changed(struct meta_cache *cache, const struct meta_name *name,
                        uint64_t moment)
{
	WITH_LOCK(&cache->lock);

	return changed_locked(cache, name, moment);
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

bool meta_cache_put(struct meta_cache *cache, const struct meta_name *name,
                    uint64_t moment, struct meta *meta)
{
	WITH_LOCK(&cache->lock);
	struct record *record;

	if (changed_locked(cache, name, moment)) {
		refused_locked(cache, name, moment);
		return false;
	}
	record = make_locked(cache, name);
	if (!record) {
		*lost_of(cache, name->bucket, name->key) = ++cache->seq;
		return true;
	}
	complete(meta, &record->meta);
	if (record->moment <= moment)
		store(record, meta, moment);
	else /* a younger answer was faster: a late HEAD only teaches it */
		complete(&record->meta, meta);
	return true;
}

void meta_cache_change(struct meta_cache *cache, const struct meta_name *name,
                       const struct meta *meta)
{
	WITH_LOCK(&cache->lock);
	struct record *record;

	cache->changed[place(name->bucket, name->key, strlen(name->key))] =
		++cache->seq;
	record = meta ? make_locked(cache, name) : find_locked(cache, name);
	if (meta && record)
		store(record, meta, cache->seq);
	else if (record)
		lose_locked(cache, record);
	else
		*lost_of(cache, name->bucket, name->key) = ++cache->seq;
}

void meta_cache_forget(struct meta_cache *cache, const struct meta_name *name)
{
	WITH_LOCK(&cache->lock);
	struct record *record = find_locked(cache, name);

	if (record)
		record->meta.fresh_ms = 0;
	*lost_of(cache, name->bucket, name->key) = ++cache->seq;
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

void meta_cache_extend(struct meta_cache *cache, const struct meta_name *name,
                       uint64_t fresh_ms)
{
	WITH_LOCK(&cache->lock);
	struct dir_record *record = find_dir_locked(
		cache, name->bucket, name->key, key_parent_len(name->key));

	if (!record || clock_ms(cache->clock) >= record->whole.fresh_ms)
		return;
	if (fresh_ms > record->whole.limit_ms)
		fresh_ms = record->whole.limit_ms;
	if (fresh_ms > record->whole.fresh_ms)
		record->whole.fresh_ms = fresh_ms;
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
