/* SPDX-License-Identifier: MIT */
/*
 * The memory budget: the only source of data memory and the only brake.
 *
 * All file bytes (written and not yet sent, fetched and not yet read) live in
 * slabs of one size.  A slab is asked for in a class; classes share the budget
 * so that the important never wait for the merely useful:
 *
 *   READ      somebody waits for these bytes     up to the whole budget
 *   WRITE     written, not yet at the store      up to 3/4 of it
 *   PREFETCH  perhaps somebody will want these   up to 1/2 of it
 *
 * Freed slabs go to waiters by class, READ first, first come first served
 * inside a class; nobody takes slabs that a waiter of the same or a higher
 * class could use, so a big request is not starved by small ones behind it.
 * Before anyone waits, the pool asks its reclaimers (caches of clean bytes) to
 * give slabs back; what they free goes to the one who asked, not to whoever
 * comes in between.  They are not asked for a WRITE or PREFETCH that waits
 * because of its class's limit: that ends when slabs of the class are given
 * back or moved.
 *
 * Address space for the whole budget is reserved at once, so taking a slab is a
 * pop from a stack and cannot fail; memory is used as slabs are first written
 * to, kept for reuse, and handed back to the system when idle (pool_trim_idle).
 *
 * Any thread.  The pool's lock is the last in the order (inode, content,
 * upload, pool); no callback runs under it.
 */
#ifndef PORTER_BASE_POOL_H
#define PORTER_BASE_POOL_H

#include "base/cleanup.h"
#include "base/list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POOL_SLAB_SIZE ((size_t)64 << 10) /* bytes */

enum pool_class {
	POOL_READ,
	POOL_WRITE,
	POOL_PREFETCH,
};
#define POOL_CLASSES 3

struct pool;

/* A request for slabs, the caller's memory until granted or cancelled. */
struct pool_wait {
	enum pool_class class;
	size_t count;    /* slabs wanted, > 0; all or nothing */
	uint8_t **slabs; /* room for count pointers, borrowed; filled on grant */

	/*
	 * Called once when a request that had to wait is granted, on the thread
	 * that gave slabs back or otherwise made room, without any lock of
	 * the pool.  Must not block.  The request is the caller's again on entry.
	 */
	void (*granted)(struct pool_wait *wait);

	struct list link; /* pool */
	int state;        /* pool; 0 at first */
};

/*
 * A source of slabs that can be had back.  reclaim() frees about want slabs by
 * pool_give() and returns how many it did free.  Called without the pool's
 * lock, never twice at a time; must not block and must not call pool_take().
 *
 * What cannot be freed now but can later (bytes being fetched or looked at) is
 * told by pool_nudge() when that time comes.
 */
struct pool_reclaimer {
	size_t (*reclaim)(struct pool_reclaimer *reclaimer, size_t want);

	/*
	 * Told (may be NULL) that a WRITE request has to wait: whoever holds
	 * half-filled buffers should send or spill them.  Must not block.
	 * Buffers begun later are their owner's to watch: pool_pressed().
	 */
	void (*pressure)(struct pool_reclaimer *reclaimer);
	struct list link; /* pool */
};

/* How much is held and wanted, in bytes. */
struct pool_stats {
	uint64_t budget;
	uint64_t held[POOL_CLASSES];
	uint64_t peak;    /* most ever held, all classes */
	uint64_t kept;    /* unused, but with memory behind */
	uint64_t waiting; /* requests waiting now */
	uint64_t waits;   /* requests that ever had to wait */
};

/* budget in bytes, at least 16 slabs. Returns 0, -EINVAL or -ENOMEM. */
int pool_new(uint64_t budget, struct pool **ret);

/* Every slab must be back and nobody waiting. */
void pool_free(struct pool *pool);
DEFINE_CLEANUP(struct pool *, pool_free);

/*
 * Take wait->count slabs now, true: wait->slabs is filled and granted() will
 * not be called; or false: queued, granted() comes later.  A count above what
 * the class may ever hold is a bug of the caller (assert).
 */
bool pool_take(struct pool *pool, struct pool_wait *wait);

/*
 * Take count slabs only if they are free now and nobody of the same or a higher
 * class waits for them; asks no reclaimer.  Returns whether it did.
 */
bool pool_try(struct pool *pool, enum pool_class class, uint8_t **slabs,
              size_t count);

/*
 * Stop waiting.  True: it had not been granted and never will be.  False:
 * granted() has run, is running or is about to, or it was never queued.  Not
 * while pool_take() of the same request has not returned.
 */
bool pool_cancel(struct pool *pool, struct pool_wait *wait);

/* Give slabs back; class is the one they were taken in. */
void pool_give(struct pool *pool, enum pool_class class, uint8_t *const *slabs,
               size_t count);

/* Count slabs under another class from now on (a prefetch that was read). */
void pool_move(struct pool *pool, enum pool_class from, enum pool_class to,
               size_t count);

/*
 * A reclaimer has slabs now that it could not free before: if anyone waits, it
 * is asked again.  Next to nothing when nobody waits.
 */
void pool_nudge(struct pool *pool);

/* Whether a WRITE request waits: do not sit on half-filled buffers now. */
bool pool_pressed(const struct pool *pool);

/*
 * The reclaimer must stay until removed; removing waits until its callbacks
 * have returned, so hold no lock they want and do not call it from one.
 */
void pool_add_reclaimer(struct pool *pool, struct pool_reclaimer *reclaimer);
void pool_remove_reclaimer(struct pool *pool, struct pool_reclaimer *reclaimer);

/* Hand unused memory back to the system. The next users pay page faults. */
void pool_trim(struct pool *pool);

/*
 * To be called every few seconds: when no slab was taken or given since the last
 * call, hand some unused memory back, in a few milliseconds.
 */
void pool_trim_idle(struct pool *pool);

void pool_get_stats(struct pool *pool, struct pool_stats *ret);

#endif
