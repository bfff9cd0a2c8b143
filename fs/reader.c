/* SPDX-License-Identifier: MIT */
/*
 * One read, from its first look to its answer:
 *
 *   look: pin the blocks that are there, in order
 *     a block is on its way  --> wait at its flight, look again
 *     blocks are missing     --> get memory, begin a flight, look again
 *     all are pinned         --> answer, unpin
 *
 * Memory that is not free is waited for without a pin, so that reads cannot
 * hold what each other needs; who had to wait once and finds more missing than
 * before asks for all of it at once.
 */
#include "reader.h"

#include "prefetch.h"

#include <assert.h>
#include <string.h>

void reader_init(struct reader *reader, uint64_t window_max)
{
	memset(reader, 0, sizeof(*reader));
	reader->window_max = window_max;
	(void)pthread_mutex_init(&reader->lock, NULL);
}

void reader_release(struct reader *reader)
{
	(void)pthread_mutex_destroy(&reader->lock);
}

void reader_opened(struct reader *reader, uint64_t upto)
{
	WITH_LOCK(&reader->lock);
	prefetch_begun(&reader->policy, upto);
}

void reader_reset(struct reader *reader)
{
	WITH_LOCK(&reader->lock);
	reader->policy = (struct prefetch_policy){0};
}

/* ---- the end of a read ---- */

/* Unpin from block i on, as far as slabs has room. Returns where it stopped. */
static size_t unpin_some(struct reader_pins *pins, size_t i, bool drop,
                         struct slab_list *slabs)
{
	struct stored *stored = pins->stored;

	WITH_LOCK(&stored->cache->lock);
	drop = drop && stored->readers <= 1;
	for (; i < pins->have && !slab_list_full(slabs); i++) {
		uint64_t last = (pins->first + i + 1) * BLOCK_SIZE;

		if (last > stored->size)
			last = stored->size;
		block_unpin_locked(pins->blocks[i], drop && last <= pins->end,
		                   slabs);
	}
	return i;
}

/* Unpin what is pinned; blocks that end within the read go when drop. */
static void unpin_all(struct reader_pins *pins, bool drop)
{
	size_t i = 0;

	while (i < pins->have) {
		struct slab_list slabs;

		slab_list_init(&slabs);
		i = unpin_some(pins, i, drop, &slabs);
		slab_list_give(pins->stored->cache, &slabs);
	}
	pins->have = 0;
}

/* Give slabs back that were not needed. */
static void give_spare(struct reader_read *read)
{
	if (read->spare_count > 0)
		pool_give(read->pins.stored->cache->pool, POOL_READ,
		          read->spare, read->spare_count);
	read->spare_count = 0;
}

/* Answer; read is the caller's again. */
static void end_read(struct reader_read *read, int status)
{
	struct reader_pins pins = read->pins;
	struct block_cache *cache = pins.stored->cache;
	struct slice *slices = read->slices;
	uint8_t **spare = read->spare;
	bool drop = read->drop && status == 0;

	read->status = status;
	give_spare(read);
	if (status < 0)
		read->data = (struct chain){0};
	read->done(read);

	/* The caller may have freed read: all that is left is in pins. */
	unpin_all(&pins, drop);
	free(pins.blocks);
	free(slices);
	free(spare);
	pool_nudge(cache->pool);
	stored_unref(pins.stored);
}

/* Point the chain at the pinned blocks. */
static void make_chain(struct reader_read *read)
{
	uint64_t at = read->offset - read->pins.first * BLOCK_SIZE;
	uint64_t left = read->size;

	for (size_t i = 0; i < read->count; i++) {
		uint64_t n = BLOCK_SIZE - at;

		if (n > left)
			n = left;
		read->slices[i].data = read->pins.blocks[i]->slab + at;
		read->slices[i].len = (size_t)n;
		left -= n;
		at = 0;
	}
	read->data.slices = read->slices;
	read->data.count = read->count;
}

/* ---- looking ---- */

enum look {
	LOOK_ALL,    /* every block is pinned */
	LOOK_WAIT,   /* it waits at a flight */
	LOOK_MEMORY, /* slabs are needed: read->memory.count */
	LOOK_FLIGHT, /* it waits at a new one, which must be submitted */
	LOOK_AGAIN,  /* after blocks have changed class */
	LOOK_ALONE,  /* nobody reads the object any more */
	LOOK_NOMEM,
};

/* Bytes of block number that the read needs, from the block's beginning. */
static uint64_t need_of(const struct reader_read *read, uint64_t number)
{
	uint64_t end = read->offset + read->size - number * BLOCK_SIZE;

	return end < BLOCK_SIZE ? end : BLOCK_SIZE;
}

/* How many blocks from number on are missing, within the advice. */
static size_t missing_locked(const struct reader_read *read, uint64_t number)
{
	uint64_t end = (read->advice.to + BLOCK_SIZE - 1) / BLOCK_SIZE;
	size_t count = 0;

	while (number + count < end &&
	       !block_find_locked(read->pins.stored, number + count))
		count++;
	return count;
}

/* Pin it; a block that was fetched ahead changes its class if it is to stay. */
static void pin_locked(struct reader_read *read, struct block *block,
                       size_t *moved)
{
	block_pin_locked(block);
	read->pins.blocks[read->pins.have++] = block;
	if (block->class == POOL_PREFETCH && !read->drop) {
		block->class = POOL_READ;
		(*moved)++;
	}
}

/* Where a random read begins to fetch: up to 128 KiB before it. */
static uint64_t gap_start_locked(const struct reader_read *read,
                                 uint64_t number)
{
	uint64_t from = read->advice.from / BLOCK_SIZE;

	while (number > from &&
	       !block_find_locked(read->pins.stored, number - 1))
		number--;
	return number;
}

static enum look look_locked(struct reader_read *read, size_t *moved,
                             struct flight **ret)
{
	struct stored *stored = read->pins.stored;

	while (read->pins.have < read->count) {
		uint64_t number = read->pins.first + read->pins.have;
		struct block *block = block_find_locked(stored, number);
		uint64_t need = need_of(read, number);
		size_t count;

		if (block && (!block->flight ||
		              fetch_has_locked(block->flight, number, need))) {
			pin_locked(read, block, moved);
			continue;
		}
		if (*moved > 0)
			return LOOK_AGAIN;
		if (stored->readers == 0)
			return LOOK_ALONE;
		if (block) {
			block->read = true;
			fetch_wait_locked(block->flight, &read->wait, number,
			                  need);
			return LOOK_WAIT;
		}

		number = gap_start_locked(read, number);
		count = missing_locked(read, number);
		if (count > read->spare_max)
			count = read->spare_max;
		if (count > read->spare_count) {
			read->memory.count = count;
			return LOOK_MEMORY;
		}
		read->spare_count -= count;
		*ret = fetch_new_locked(stored, number,
		                        read->spare + read->spare_count, count,
		                        POOL_READ);
		if (!*ret) {
			read->spare_count += count;
			return LOOK_NOMEM;
		}
		number = read->pins.first + read->pins.have;
		fetch_wait_locked(*ret, &read->wait, number, need);
		return LOOK_FLIGHT;
	}
	return LOOK_ALL;
}

static void go_on(struct reader_read *read);

/* granted() of a read's memory. */
static void granted(struct pool_wait *wait)
{
	struct reader_read *read =
		container_of(wait, struct reader_read, memory);

	read->spare_count = wait->count;
	go_on(read);
}

/* Get memory; false: granted() goes on. */
static bool get_memory(struct reader_read *read)
{
	size_t count = read->memory.count;

	give_spare(read);
	if (pool_try(read->pins.stored->cache->pool, POOL_READ, read->spare,
	             count)) {
		read->spare_count = count;
		return true;
	}

	/* Ask the pool, and its reclaimers, with nothing in hand. */
	unpin_all(&read->pins, false);
	read->memory.count = read->waited ? read->spare_max : count;
	read->waited = true;
	if (!pool_take(read->pins.stored->cache->pool, &read->memory))
		return false;
	read->spare_count = read->memory.count;
	return true;
}

/* ready() of a flight. */
static void arrived(struct fetch_wait *wait)
{
	struct reader_read *read = container_of(wait, struct reader_read, wait);

	if (wait->status < 0 && wait->status != -EAGAIN) {
		read->err = wait->err.code ? &wait->err : NULL;
		end_read(read, wait->status);
		return;
	}
	go_on(read);
}

/* Look until the read is answered or waits. */
static void go_on(struct reader_read *read)
{
	struct block_cache *cache = read->pins.stored->cache;

	for (;;) {
		struct flight *flight = NULL;
		size_t moved = 0;
		enum look look;

		{
			WITH_LOCK(&cache->lock);
			look = look_locked(read, &moved, &flight);
		}
		if (moved > 0)
			pool_move(cache->pool, POOL_PREFETCH, POOL_READ, moved);
		switch (look) {
		case LOOK_WAIT:
			return;
		case LOOK_ALL:
			make_chain(read);
			end_read(read, 0);
			return;
		case LOOK_AGAIN:
			break;
		case LOOK_ALONE:
			end_read(read, -EINTR);
			return;
		case LOOK_NOMEM:
			end_read(read, -ENOMEM);
			return;
		case LOOK_FLIGHT:
			fetch_submit(flight);
			return;
		case LOOK_MEMORY:
			if (!get_memory(read))
				return;
			break;
		}
	}
}

/* ---- the beginning ---- */

/* Cut the read at the object's end and make room for its blocks. */
static int prepare(struct reader_read *read)
{
	struct stored *stored = read->pins.stored;
	uint64_t last = read->offset + read->size - 1;
	uint64_t fetch_end = (read->advice.to + BLOCK_SIZE - 1) / BLOCK_SIZE;

	read->pins.first = read->offset / BLOCK_SIZE;
	read->count = (size_t)(last / BLOCK_SIZE - read->pins.first + 1);
	read->spare_max = (size_t)(fetch_end - read->advice.from / BLOCK_SIZE);
	if (read->spare_max > stored->cache->take_max) {
		if (read->count > stored->cache->take_max)
			return -ENOMEM;
		read->spare_max = stored->cache->take_max;
	}
	read->pins.blocks = calloc(read->count, sizeof(read->pins.blocks[0]));
	read->slices = calloc(read->count, sizeof(read->slices[0]));
	read->spare = calloc(read->spare_max, sizeof(read->spare[0]));
	if (!read->pins.blocks || !read->slices || !read->spare)
		return -ENOMEM;
	read->memory.class = POOL_READ;
	read->memory.slabs = read->spare;
	read->memory.granted = granted;
	read->wait.ready = arrived;
	return 0;
}

/* Ask the policy; reading ahead is begun after the read itself. */
static struct prefetch_advice consult(struct reader *reader,
                                      const struct reader_read *read)
{
	WITH_LOCK(&reader->lock);
	return prefetch_read(&reader->policy, read->offset, read->size,
	                     read->pins.stored->size, reader->window_max);
}

/* A run ended: what was fetched ahead for it will not be read. */
static void forget_ahead(struct stored *stored)
{
	struct slab_list slabs;

	slab_list_init(&slabs);
	{
		WITH_LOCK(&stored->cache->lock);
		if (stored->readers == 1)
			stored_drop_unread_locked(stored, &slabs);
	}
	slab_list_give(stored->cache, &slabs);
}

void reader_read(struct reader *reader, struct stored *stored,
                 struct reader_read *read)
{
	struct prefetch_advice advice;
	uint64_t upto;
	int r;

	read->data = (struct chain){0};
	read->err = NULL;
	if (read->offset >= stored->size || read->size == 0) {
		read->status = 0;
		read->done(read);
		return;
	}
	if (read->size > stored->size - read->offset)
		read->size = (size_t)(stored->size - read->offset);

	read->pins = (struct reader_pins){
		.stored = stored_ref(stored),
		.end = read->offset + read->size,
	};
	read->spare_count = 0;
	read->waited = false;
	read->slices = NULL;
	read->spare = NULL;
	advice = consult(reader, read);
	read->advice = advice;
	read->drop = advice.run;
	if (advice.seek)
		forget_ahead(stored);

	/* The read may be answered, and its memory gone, inside go_on(). */
	(void)stored_ref(stored);
	r = prepare(read);
	if (r < 0)
		end_read(read, r);
	else
		go_on(read);
	if (r == 0 && advice.ahead_to > advice.ahead_from) {
		upto = prefetch_start(stored, advice.ahead_from,
		                      advice.ahead_to, advice.get);
		reader_opened(reader, upto);
	}
	stored_unref(stored);
}
