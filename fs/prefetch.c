/* SPDX-License-Identifier: MIT */
#include "prefetch.h"

#include "fetch.h"
#include "prefetch_policy.h"

/* Most blocks of one GET ahead. */
#define GET_BLOCKS ((size_t)(PREFETCH_GET / BLOCK_SIZE))

/* A run of blocks that nobody has asked for. */
struct gap {
	uint64_t first;
	size_t count;
};

/* The first gap in [number, end), at most max blocks long; false: none. */
static bool find_gap_locked(const struct stored *stored, uint64_t number,
                            uint64_t end, size_t max, struct gap *ret)
{
	while (number < end && block_find_locked(stored, number))
		number++;
	ret->first = number;
	ret->count = 0;
	while (number < end && ret->count < max &&
	       !block_find_locked(stored, number)) {
		ret->count++;
		number++;
	}
	return ret->count > 0;
}

/* Fill (part of) a gap; false: no memory. */
static bool fill_gap(struct stored *stored, const struct gap *gap)
{
	struct block_cache *cache = stored->cache;
	uint8_t *slabs[GET_BLOCKS];
	struct flight *flight = NULL;
	struct gap now;
	bool open;

	if (!block_cache_try(cache, POOL_PREFETCH, slabs, gap->count))
		return false;
	{
		WITH_LOCK(&cache->lock);
		/* Only if it still is one, and somebody still reads. */
		open = find_gap_locked(stored, gap->first,
		                       gap->first + gap->count, gap->count,
		                       &now) &&
		       now.count == gap->count && stored->readers > 0;
		if (open)
			flight = fetch_new_locked(stored, gap->first, slabs,
			                          gap->count, POOL_PREFETCH);
	}
	if (!flight) {
		pool_give(cache->pool, POOL_PREFETCH, slabs, gap->count);
		return !open;
	}
	fetch_submit(flight);
	return true;
}

uint64_t prefetch_start(struct stored *stored, uint64_t from, uint64_t to,
                        uint64_t get)
{
	uint64_t number = from / BLOCK_SIZE;
	uint64_t end = (to + BLOCK_SIZE - 1) / BLOCK_SIZE;
	size_t max = (size_t)(get / BLOCK_SIZE);
	struct gap gap;

	if (max > GET_BLOCKS)
		max = GET_BLOCKS;
	while (number < end) {
		{
			WITH_LOCK(&stored->cache->lock);
			if (!find_gap_locked(stored, number, end, max, &gap))
				return to;
		}
		if (!fill_gap(stored, &gap))
			return gap.first * BLOCK_SIZE;
		number = gap.first + gap.count;
	}
	return to;
}
