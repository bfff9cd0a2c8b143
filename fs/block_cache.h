/* SPDX-License-Identifier: MIT */
/*
 * Bytes of stored objects in memory: blocks of one slab each.
 *
 * A struct stored is one version of an object (key and ETag) that is being
 * read; its blocks are numbered from 0.  A block is on its way (a flight fills
 * it), unread (fetched ahead, nobody has asked for it yet) or used.
 *
 *   (none) --> FLYING --> UNREAD --> USED --> (none)
 *                 |  \________________^  |
 *                 +--> (none): failed    +-- pinned while a reply borrows it
 *
 * Blocks that nobody pins are the pool's reserve: when memory is short it
 * takes used ones, longest unused first, then unread ones.
 *
 * One lock for all of it; each holds it for microseconds.  It comes after
 * content's and before the pool's, and is held across no submit, no pool_take,
 * no pool_give and no callback.  store_cancel() may be called under it.
 */
#ifndef PORTER_FS_BLOCK_CACHE_H
#define PORTER_FS_BLOCK_CACHE_H

#include "base/hash.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/pool.h"
#include "s3/store.h"

#include <stdbool.h>
#include <stdint.h>

#define BLOCK_SIZE ((uint64_t)POOL_SLAB_SIZE) /* bytes */

struct flight;

struct block_cache {
	struct pool *pool;
	size_t take_max; /* slabs that may be asked for at once, READ class */
	struct pool_reclaimer reclaimer;

	pthread_mutex_t lock;
	struct block *table;  /* lock: by stored and number */
	uint64_t last_serial; /* lock: of flights */
	struct list used;     /* lock: unpinned, longest unused first */
	struct list unread;   /* lock: unpinned, oldest first */
	size_t stored_count;  /* lock */
	pthread_cond_t empty; /* stored_count went to 0 */
};

struct stored {
	struct block_cache *cache;
	struct object_store *store; /* borrowed */
	char *key;
	char etag[STORE_ETAG_MAX];
	uint64_t size; /* bytes */

	unsigned refs;       /* cache->lock */
	unsigned readers;    /* cache->lock: handles that may still read */
	struct list flights; /* cache->lock */
	struct list blocks;  /* cache->lock */
};

struct block_key {
	struct stored *stored;
	uint64_t number;
};

struct block {
	struct block_key key;
	UT_hash_handle hh;
	uint8_t *slab;
	enum pool_class class;
	unsigned pins;         /* cache->lock */
	bool read;             /* cache->lock: it has been asked for */
	bool finished;         /* cache->lock: not needed when it arrives */
	bool orphan;           /* cache->lock: in no table any more */
	struct flight *flight; /* cache->lock: NULL = it is there */
	struct list link;      /* cache->lock: used or unread; else empty */
	struct list of_stored; /* cache->lock */
};

/* Slabs to give back once the lock is dropped. */
struct slab_list {
	uint8_t *slabs[POOL_CLASSES][32];
	size_t count[POOL_CLASSES];
};

/* Borrows the pool. Returns 0 or -ENOMEM. */
int block_cache_new(struct pool *pool, struct block_cache **ret);
/* Wait until every stored is gone: their owners and flights have let go. */
void block_cache_settle(struct block_cache *cache);
/* Every stored must be gone. */
void block_cache_free(struct block_cache *cache);
DEFINE_CLEANUP(struct block_cache *, block_cache_free);

/* A version to read from; borrows store, copies the rest. Or NULL. */
struct stored *stored_new(struct block_cache *cache, struct object_store *store,
                          const char *key, const char *etag, uint64_t size);
struct stored *stored_ref(struct stored *stored);
/* The last one drops its blocks. Hold no lock. */
void stored_unref(struct stored *stored);

/*
 * Somebody reads it from now on, and no longer.  When nobody does, what was
 * fetched ahead and not read is dropped and its GETs are cancelled.
 */
void stored_begin(struct stored *stored);
void stored_end(struct stored *stored);

/* Blocks that hold the object's bytes. */
static inline uint64_t stored_blocks(const struct stored *stored)
{
	return (stored->size + BLOCK_SIZE - 1) / BLOCK_SIZE;
}

/* The block, or NULL. */
struct block *block_find_locked(const struct stored *stored, uint64_t number);

/* A block that a flight fills; takes the slab. NULL: out of memory. */
struct block *block_new_locked(struct stored *stored, uint64_t number,
                               uint8_t *slab, enum pool_class class);

/* Keep it where it is, and let it go again; dropping it when drop says so. */
void block_pin_locked(struct block *block);
void block_unpin_locked(struct block *block, bool drop,
                        struct slab_list *slabs);

/* It is there with all its bytes: the flight lets go of it. */
void block_arrived_locked(struct block *block);

/*
 * Its flight failed while a reply borrows the part that came: nobody else may
 * find it, and the last pin frees it.
 */
void block_orphan_locked(struct block *block);

/* Forget a block without pins; its slab goes to slabs. */
void block_drop_locked(struct block *block, struct slab_list *slabs);

/* Forget what was fetched ahead and not read, and cancel such GETs. */
void stored_drop_unread_locked(struct stored *stored, struct slab_list *slabs);

/*
 * Count slabs that are free, or that used blocks give up for it, or nothing:
 * false.  Never waits. Hold no lock.
 */
bool block_cache_try(struct block_cache *cache, enum pool_class class,
                     uint8_t **slabs, size_t count);

void slab_list_init(struct slab_list *slabs);
/* Whether one more slab may not fit. */
bool slab_list_full(const struct slab_list *slabs);
void slab_list_give(struct block_cache *cache, struct slab_list *slabs);

#endif
