/* SPDX-License-Identifier: MIT */
/*
 * Flights: ranged GETs that fill blocks, one per range however many wait.
 *
 * Every GET is pinned by If-Match to the version it is for, so bytes of two
 * versions never meet.  Whoever needs a byte of a flight waits at it and is
 * told as soon as the byte is there, not when the GET ends.  Of a GET that
 * failed, the blocks that came whole are kept.
 */
#ifndef PORTER_FS_FETCH_H
#define PORTER_FS_FETCH_H

#include "block_cache.h"

/* Waiting at a flight; the caller's memory until ready(). */
struct fetch_wait {
	uint64_t until; /* bytes of the flight that must be there; 0 = the
	                   reply's headers */
	int status;     /* 0, or why they will not come; -EAGAIN: the flight
	                   was unwanted, begin another */
	struct err err; /* its story */
	/* Once, any thread, no lock held; must not block. */
	void (*ready)(struct fetch_wait *wait);
	struct list link; /* flight */
};

struct flight {
	struct stored *stored; /* shares */
	uint64_t first;        /* block number */
	size_t count;          /* blocks */
	bool ahead;            /* nobody asked for it when it began */

	/* All under the cache's lock. */
	struct list link;  /* stored->flights */
	struct list waits; /* fetch_wait */
	uint64_t serial;   /* number of its submission */
	bool submitted;    /* submit() has returned */
	bool answered;     /* the headers came, and are right */
	bool unwanted;     /* cancel it */
	int status;        /* of wrong headers */
	bool landed;       /* done with all its blocks */
	uint64_t received; /* bytes */

	/*
	 * May be NULL: told once at the end, before the waiting; info is NULL
	 * when the GET failed. No lock held.
	 */
	void (*ended)(void *ctx, const struct object_info *info);
	void *ctx;

	struct store_req req;
	struct block **blocks;
	struct slice *slices;
};

/*
 * Begin a flight for count blocks from first on, none of which exists yet;
 * takes the slabs.  Must be submitted when the lock is dropped.  NULL: out of
 * memory, the slabs are still the caller's.
 */
struct flight *fetch_new_locked(struct stored *stored, uint64_t first,
                                uint8_t *const *slabs, size_t count,
                                enum pool_class class);
void fetch_submit(struct flight *flight);

/* Whether the first len bytes of block number are there. */
bool fetch_has_locked(const struct flight *flight, uint64_t number,
                      uint64_t len);

/* Wait until the first len bytes of block number are there. */
void fetch_wait_locked(struct flight *flight, struct fetch_wait *wait,
                       uint64_t number, uint64_t len);

/* End it soon, whoever waits. */
void fetch_cancel_locked(struct flight *flight);

#endif
