/* SPDX-License-Identifier: MIT */
/* The inside of the cache: meta_cache.c holds records, meta_cache_disk.c talks
 * with the disk. */
#ifndef PORTER_FS_META_CACHE_IMPL_H
#define PORTER_FS_META_CACHE_IMPL_H

#include "base/digest.h"
#include "base/hash.h"
#include "base/list.h"
#include "key.h"
#include "meta_cache.h"

#include <pthread.h>
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

	struct meta_disk *disk;       /* NULL = none */
	struct meta_policy *policies; /* of buckets */
	struct timespec started;
	uint64_t floor; /* lock: older answers are not taken */

	/* lock: the last thing told to the disk about such a name, and the last
	 * own change in such a directory */
	uint64_t told[PLACES];
	uint64_t dir_changed[PLACES];
};

/* Place of a name, or of a directory by its first len bytes, in an array. */
static inline size_t meta_place(unsigned bucket, const char *key, size_t len)
{
	return digest_xxh64(key, len, bucket) & (PLACES - 1);
}

static inline size_t meta_name_place(const struct meta_name *name)
{
	return meta_place(name->bucket, name->key, strlen(name->key));
}

static inline size_t meta_parent_place(const struct meta_name *name)
{
	return meta_place(name->bucket, name->key, key_parent_len(name->key));
}

/* What is in memory: as meta_cache_get(). */
int meta_get_locked(struct meta_cache *cache, const struct meta_name *name,
                    struct meta *ret);
/* Keep it in memory; completes it. */
void meta_store_locked(struct meta_cache *cache, const struct meta_name *name,
                       uint64_t moment, struct meta *meta);
bool meta_changed_locked(struct meta_cache *cache, const struct meta_name *name,
                         uint64_t moment);

/* What memory does not have, from the disk; ret holds what memory had. */
int meta_disk_fill(struct meta_cache *cache, const struct meta_name *name,
                   int status, struct meta *ret);
/* Pass on what was learnt, changed (NULL: into it knows not what). */
void meta_tell_learnt_locked(struct meta_cache *cache,
                             const struct meta_name *name,
                             const struct meta *meta);
void meta_tell_changed_locked(struct meta_cache *cache,
                              const struct meta_name *name,
                              const struct meta *meta);
/* A name, and what is in the directory of that name or below it. */
void meta_tell_forgotten_locked(struct meta_cache *cache,
                                const struct meta_name *name, bool below);

#endif
