/* SPDX-License-Identifier: MIT */
/*
 * The life of a flight:
 *
 *   new: its blocks are in the table, others may wait for them
 *   submitted: the store fills the slabs and tells how far it has come
 *   done: whole blocks stay, the rest goes; everybody who waits is told
 *
 * The store reads and writes the request until done(); so a flight is touched
 * under the lock only, and freed by done().  A cancel comes from under the
 * lock while the flight is still listed: done() has not got past its beginning.
 */
#include "fetch.h"

#include "base/err.h"

#include <assert.h>
#include <string.h>

/* Bytes of the flight's range before the end of block number's first len. */
static uint64_t bytes_until(const struct flight *flight, uint64_t number,
                            uint64_t len)
{
	return (number - flight->first) * BLOCK_SIZE + len;
}

bool fetch_has_locked(const struct flight *flight, uint64_t number,
                      uint64_t len)
{
	return flight->received >= bytes_until(flight, number, len);
}

void fetch_wait_locked(struct flight *flight, struct fetch_wait *wait,
                       uint64_t number, uint64_t len)
{
	wait->status = 0;
	wait->err.code = 0;
	wait->until = bytes_until(flight, number, len);
	list_append(&flight->waits, &wait->link);
}

void fetch_cancel_locked(struct flight *flight)
{
	if (flight->unwanted)
		return;
	flight->unwanted = true;
	if (flight->submitted)
		store_cancel(flight->stored->store, &flight->req);
}

/* Move who need wait no longer, or everybody, to ready. */
static void collect_locked(struct flight *flight, bool everybody,
                           struct list *ready)
{
	list_for_each_safe(node, &flight->waits) {
		struct fetch_wait *wait =
			container_of(node, struct fetch_wait, link);

		if (!everybody &&
		    (!flight->answered || wait->until > flight->received))
			continue;
		list_remove(node);
		list_append(ready, node);
	}
}

/* Tell them; each may free its wait. */
static void tell(struct list *ready)
{
	while (!list_empty(ready)) {
		struct fetch_wait *wait =
			list_first(ready, struct fetch_wait, link);

		list_remove(&wait->link);
		wait->ready(wait);
	}
}

/* Whether a reply is for the version that was asked for. */
static int check_headers(struct flight *flight)
{
	const struct stored *stored = flight->stored;
	const struct object_info *info = &flight->req.info;

	if (info->etag[0] != '\0' && strcmp(info->etag, stored->etag) != 0)
		return -ESTALE;
	return info->size == stored->size ? 0 : -ESTALE;
}

/* progress() of a GET. */
static void fetch_progress(struct store_req *req)
{
	struct flight *flight = req->owner;
	struct block_cache *cache = flight->stored->cache;
	struct list ready;

	list_init(&ready);
	{
		WITH_LOCK(&cache->lock);
		if (!flight->answered && flight->status == 0) {
			flight->status = check_headers(flight);
			flight->answered = flight->status == 0;
			if (flight->status < 0)
				fetch_cancel_locked(flight);
		}
		if (flight->answered) {
			flight->received = req->get.received;
			collect_locked(flight, false, &ready);
		}
	}
	tell(&ready);
}

/* The outcome of a GET: its own status, or what was wrong with its bytes. */
static int outcome(struct flight *flight, struct err *reterr)
{
	struct store_req *req = &flight->req;
	int status = flight->status;

	if (status == 0 && req->status == 0)
		status = check_headers(flight);
	if (status < 0)
		return err_set(reterr, status,
		               "'%s' is another version now than the one that "
		               "was opened",
		               req->key);
	if (req->status == -ENOENT)
		return err_set(reterr, -ESTALE, "'%s' is gone", req->key);
	if (req->status < 0) {
		*reterr = req->err;
		return req->status;
	}
	if (req->get.received != req->get.length)
		return err_set(reterr, -EIO, "'%s': %llu of %llu bytes came",
		               req->key, (unsigned long long)req->get.received,
		               (unsigned long long)req->get.length);
	return 0;
}

/* What becomes of a block when its flight ends; came: with all its bytes. */
static void land_block_locked(struct block *block, bool came,
                              struct slab_list *slabs)
{
	if (came && !(block->finished && block->pins == 0))
		block_arrived_locked(block);
	else if (block->pins == 0)
		block_drop_locked(block, slabs);
	else
		block_orphan_locked(block);
}

/* Keep the blocks that came whole, drop the others, as far as slabs has room. */
static void land_locked(struct flight *flight, uint64_t received,
                        struct slab_list *slabs)
{
	for (size_t i = 0; i < flight->count; i++) {
		if (!flight->blocks[i])
			continue;
		if (slab_list_full(slabs))
			return; /* the caller comes again */
		land_block_locked(flight->blocks[i],
		                  i * BLOCK_SIZE + flight->slices[i].len <=
		                          received,
		                  slabs);
		flight->blocks[i] = NULL;
	}
	flight->landed = true;
}

static void flight_free(struct flight *flight)
{
	free(flight->blocks);
	free(flight->slices);
	free(flight);
}

/* done() of a GET. */
static void fetch_done(struct store_req *req)
{
	struct flight *flight = req->owner;
	struct stored *stored = flight->stored;
	struct err err = {0};
	struct list ready;
	int status = outcome(flight, &err);
	bool bytes_right = flight->status == 0 && status != -ESTALE;

	list_init(&ready);
	if (flight->ended)
		flight->ended(flight->ctx, status == 0 ? &req->info : NULL);
	do {
		struct slab_list slabs;

		slab_list_init(&slabs);
		{
			WITH_LOCK(&stored->cache->lock);
			list_remove(&flight->link);
			land_locked(flight, bytes_right ? req->get.received : 0,
			            &slabs);
		}
		slab_list_give(stored->cache, &slabs);
	} while (!flight->landed);

	{
		WITH_LOCK(&stored->cache->lock);
		collect_locked(flight, true, &ready);
	}
	list_for_each(node, &ready) {
		struct fetch_wait *wait =
			container_of(node, struct fetch_wait, link);

		if (status == 0 || (bytes_right && flight->answered &&
		                    wait->until <= req->get.received))
			continue; /* its bytes came */
		wait->status = flight->unwanted && status == -ECANCELED
		                       ? -EAGAIN
		                       : status;
		wait->err = err;
	}
	flight_free(flight);
	tell(&ready);
	pool_nudge(stored->cache->pool);
	stored_unref(stored);
}

/* The memory of a flight. */
static struct flight *flight_alloc(size_t count)
{
	struct flight *flight = calloc(1, sizeof(*flight));

	if (!flight)
		return NULL;
	flight->blocks = calloc(count, sizeof(flight->blocks[0]));
	flight->slices = calloc(count, sizeof(flight->slices[0]));
	if (!flight->blocks || !flight->slices) {
		flight_free(flight);
		return NULL;
	}
	return flight;
}

/* Take back the blocks of a flight that could not be made; not their slabs. */
static void undo_locked(struct flight *flight)
{
	for (size_t i = 0; i < flight->count; i++) {
		struct slab_list ignored;

		slab_list_init(&ignored);
		if (flight->blocks[i])
			block_drop_locked(flight->blocks[i], &ignored);
	}
	flight_free(flight);
}

/* The request for count blocks, into their slabs. */
static void prepare(struct flight *flight, uint8_t *const *slabs)
{
	const struct stored *stored = flight->stored;
	uint64_t offset = flight->first * BLOCK_SIZE;
	uint64_t left = stored->size - offset;

	if (left > flight->count * BLOCK_SIZE)
		left = flight->count * BLOCK_SIZE;
	flight->req = (struct store_req){
		.verb = STORE_GET,
		.key = stored->key,
		.if_match = stored->etag,
		.get = {.offset = offset,
	                .length = left,
	                .into = {.slices = flight->slices,
	                         .count = flight->count},
	                .progress = fetch_progress},
		.done = fetch_done,
		.owner = flight,
	};
	for (size_t i = 0; i < flight->count; i++) {
		flight->slices[i].data = slabs[i];
		flight->slices[i].len =
			left < BLOCK_SIZE ? (size_t)left : (size_t)BLOCK_SIZE;
		left -= flight->slices[i].len;
	}
}

struct flight *fetch_new_locked(struct stored *stored, uint64_t first,
                                uint8_t *const *slabs, size_t count,
                                enum pool_class class)
{
	struct flight *flight = flight_alloc(count);

	if (!flight)
		return NULL;
	assert(count > 0 && first + count <= stored_blocks(stored));

	flight->stored = stored;
	flight->first = first;
	flight->count = count;
	flight->ahead = class == POOL_PREFETCH;
	list_init(&flight->waits);
	prepare(flight, slabs);
	for (size_t i = 0; i < count; i++) {
		flight->blocks[i] =
			block_new_locked(stored, first + i, slabs[i], class);
		if (!flight->blocks[i]) {
			undo_locked(flight);
			return NULL;
		}
		flight->blocks[i]->flight = flight;
	}
	list_append(&stored->flights, &flight->link);
	stored->refs++;
	return flight;
}

void fetch_submit(struct flight *flight)
{
	struct stored *stored = flight->stored;
	struct block_cache *cache = stored->cache;
	uint64_t serial;

	/* done() may free the flight before submit() returns. */
	(void)stored_ref(stored);
	{
		WITH_LOCK(&cache->lock);
		serial = ++cache->last_serial;
		flight->serial = serial;
	}
	store_submit(stored->store, &flight->req);
	{
		WITH_LOCK(&cache->lock);
		list_for_each(node, &stored->flights) {
			struct flight *other =
				container_of(node, struct flight, link);

			if (other != flight || other->serial != serial)
				continue;
			flight->submitted = true;
			if (flight->unwanted)
				store_cancel(stored->store, &flight->req);
			break;
		}
	}
	stored_unref(stored);
}
