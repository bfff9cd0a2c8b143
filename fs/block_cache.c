/* SPDX-License-Identifier: MIT */
#include "block_cache.h"

#include "base/str.h"
#include "fetch.h"

#include <assert.h>
#include <string.h>

/* ---- slabs to give back ---- */

void slab_list_init(struct slab_list *slabs)
{
	memset(slabs->count, 0, sizeof(slabs->count));
}

bool slab_list_full(const struct slab_list *slabs)
{
	const size_t room =
		sizeof(slabs->slabs[0]) / sizeof(slabs->slabs[0][0]);

	for (unsigned i = 0; i < POOL_CLASSES; i++) {
		if (slabs->count[i] == room)
			return true;
	}
	return false;
}

void slab_list_give(struct block_cache *cache, struct slab_list *slabs)
{
	for (unsigned i = 0; i < POOL_CLASSES; i++) {
		if (slabs->count[i] > 0)
			pool_give(cache->pool, i, slabs->slabs[i],
			          slabs->count[i]);
		slabs->count[i] = 0;
	}
}

/* ---- blocks ---- */

struct block *block_find_locked(const struct stored *stored, uint64_t number)
{
	struct block_key key;
	struct block *block;

	memset(&key, 0, sizeof(key));
	key.stored = (struct stored *)(uintptr_t)stored;
	key.number = number;
	HASH_FIND(hh, stored->cache->table, &key, sizeof(key), block);
	return block;
}

struct block *block_new_locked(struct stored *stored, uint64_t number,
                               uint8_t *slab, enum pool_class class)
{
	struct block_cache *cache = stored->cache;
	struct block *block = calloc(1, sizeof(*block));

	if (!block)
		return NULL;

	block->key.stored = stored;
	block->key.number = number;
	block->slab = slab;
	block->class = class;
	block->read = class == POOL_READ;
	list_init(&block->link);
	HASH_ADD(hh, cache->table, key, sizeof(block->key), block);
	if (!block->hh.tbl) {
		free(block);
		return NULL;
	}
	list_append(&stored->blocks, &block->of_stored);
	return block;
}

/* Put a block that is there and not pinned into its list. */
static void shelve_locked(struct block *block)
{
	struct block_cache *cache = block->key.stored->cache;

	list_append(block->read ? &cache->used : &cache->unread, &block->link);
}

void block_orphan_locked(struct block *block)
{
	struct block_cache *cache = block->key.stored->cache;

	HASH_DELETE(hh, cache->table, block);
	list_remove(&block->of_stored);
	block->flight = NULL;
	block->orphan = true;
}

void block_drop_locked(struct block *block, struct slab_list *slabs)
{
	enum pool_class class = block->class;

	assert(block->pins == 0);
	if (!block->orphan)
		block_orphan_locked(block);
	list_remove(&block->link);
	slabs->slabs[class][slabs->count[class]++] = block->slab;
	free(block);
}

void block_pin_locked(struct block *block)
{
	block->pins++;
	block->read = true;
	block->finished = false;
	list_remove(&block->link);
}

void block_unpin_locked(struct block *block, bool drop, struct slab_list *slabs)
{
	assert(block->pins > 0);
	if (--block->pins > 0)
		return;
	if (block->flight) {
		block->finished = drop;
		return;
	}
	if (block->orphan || (drop && !slab_list_full(slabs)))
		block_drop_locked(block, slabs);
	else
		shelve_locked(block);
}

void block_arrived_locked(struct block *block)
{
	block->flight = NULL;
	if (block->pins == 0)
		shelve_locked(block);
}

/* ---- reclaiming ---- */

/* Drop up to want blocks from the front of a list. */
static size_t drop_from_locked(struct list *list, size_t want,
                               struct slab_list *slabs)
{
	size_t count = 0;

	while (count < want && !list_empty(list) && !slab_list_full(slabs)) {
		block_drop_locked(list_first(list, struct block, link), slabs);
		count++;
	}
	return count;
}

/* reclaim() of the pool. */
static size_t reclaim(struct pool_reclaimer *reclaimer, size_t want)
{
	struct block_cache *cache =
		container_of(reclaimer, struct block_cache, reclaimer);
	size_t total = 0;
	size_t count;

	do {
		struct slab_list slabs;

		slab_list_init(&slabs);
		{
			WITH_LOCK(&cache->lock);
			count = drop_from_locked(&cache->used, want - total,
			                         &slabs);
			count += drop_from_locked(&cache->unread,
			                          want - total - count, &slabs);
		}
		slab_list_give(cache, &slabs);
		total += count;
	} while (count > 0 && total < want);
	return total;
}

bool block_cache_try(struct block_cache *cache, enum pool_class class,
                     uint8_t **slabs, size_t count)
{
	size_t dropped = 0;

	if (pool_try(cache->pool, class, slabs, count))
		return true;

	while (dropped < count) {
		struct slab_list old;
		size_t n;

		slab_list_init(&old);
		{
			WITH_LOCK(&cache->lock);
			n = drop_from_locked(&cache->used, count - dropped,
			                     &old);
		}
		slab_list_give(cache, &old);
		dropped += n;
		if (n == 0)
			break;
	}
	return dropped > 0 && pool_try(cache->pool, class, slabs, count);
}

/* ---- stored versions ---- */

struct stored *stored_new(struct block_cache *cache, struct object_store *store,
                          const char *key, const char *etag, uint64_t size)
{
	struct stored *stored = calloc(1, sizeof(*stored));

	if (!stored)
		return NULL;

	stored->cache = cache;
	stored->store = store;
	stored->key = strdup(key);
	stored->size = size;
	stored->refs = 1;
	list_init(&stored->flights);
	list_init(&stored->blocks);
	if (!stored->key ||
	    !str_copy(stored->etag, sizeof(stored->etag), etag)) {
		free(stored->key);
		free(stored);
		return NULL;
	}
	WITH_LOCK(&cache->lock);
	cache->stored_count++;
	return stored;
}

struct stored *stored_ref(struct stored *stored)
{
	WITH_LOCK(&stored->cache->lock);
	stored->refs++;
	return stored;
}

/* Drop a stored's blocks, as many as fit into slabs; false: all are gone. */
static bool drop_some(struct stored *stored, struct slab_list *slabs)
{
	WITH_LOCK(&stored->cache->lock);
	while (!list_empty(&stored->blocks) && !slab_list_full(slabs))
		block_drop_locked(list_first(&stored->blocks, struct block,
		                             of_stored),
		                  slabs);
	return !list_empty(&stored->blocks);
}

void stored_unref(struct stored *stored)
{
	struct block_cache *cache;
	bool more = true;
	bool last;

	if (!stored)
		return;
	cache = stored->cache;
	{
		WITH_LOCK(&stored->cache->lock);
		last = --stored->refs == 0;
	}
	if (!last)
		return;

	while (more) {
		struct slab_list slabs;

		slab_list_init(&slabs);
		more = drop_some(stored, &slabs);
		slab_list_give(stored->cache, &slabs);
	}
	free(stored->key);
	free(stored);

	WITH_LOCK(&cache->lock);
	if (--cache->stored_count == 0)
		(void)pthread_cond_broadcast(&cache->empty);
}

void stored_drop_unread_locked(struct stored *stored, struct slab_list *slabs)
{
	list_for_each(node, &stored->flights) {
		struct flight *flight = container_of(node, struct flight, link);

		if (flight->ahead && list_empty(&flight->waits))
			fetch_cancel_locked(flight);
	}
	list_for_each_safe(node, &stored->blocks) {
		struct block *block =
			container_of(node, struct block, of_stored);

		if (!block->read && !block->flight && !slab_list_full(slabs))
			block_drop_locked(block, slabs);
	}
}

void stored_begin(struct stored *stored)
{
	WITH_LOCK(&stored->cache->lock);
	stored->readers++;
}

void stored_end(struct stored *stored)
{
	struct slab_list slabs;

	slab_list_init(&slabs);
	{
		WITH_LOCK(&stored->cache->lock);
		if (--stored->readers == 0) {
			list_for_each(node, &stored->flights)
				fetch_cancel_locked(container_of(
					node, struct flight, link));
			stored_drop_unread_locked(stored, &slabs);
		}
	}
	slab_list_give(stored->cache, &slabs);
}

/* ---- the cache ---- */

int block_cache_new(struct pool *pool, struct block_cache **ret)
{
	struct block_cache *cache = calloc(1, sizeof(*cache));
	struct pool_stats stats;

	if (!cache)
		return -ENOMEM;

	pool_get_stats(pool, &stats);
	cache->pool = pool;
	cache->take_max = (size_t)(stats.budget / POOL_SLAB_SIZE);
	(void)pthread_mutex_init(&cache->lock, NULL);
	(void)pthread_cond_init(&cache->empty, NULL);
	list_init(&cache->used);
	list_init(&cache->unread);
	cache->reclaimer.reclaim = reclaim;
	pool_add_reclaimer(pool, &cache->reclaimer);
	*ret = cache;
	return 0;
}

void block_cache_settle(struct block_cache *cache)
{
	WITH_LOCK(&cache->lock);
	while (cache->stored_count > 0)
		(void)pthread_cond_wait(&cache->empty, &cache->lock);
}

void block_cache_free(struct block_cache *cache)
{
	if (!cache)
		return;

	pool_remove_reclaimer(cache->pool, &cache->reclaimer);
	assert(!cache->table);
	(void)pthread_cond_destroy(&cache->empty);
	(void)pthread_mutex_destroy(&cache->lock);
	free(cache);
}
