/* SPDX-License-Identifier: MIT */
/*
 * One reserved range of addresses cut into slabs, a stack of the free ones, and
 * three queues of those who wait.
 *
 *   free_slabs:  | warm, used before |   taken   | cold, no memory behind |
 *                0 ------------> warm             size - cold ------> size
 *
 * The stack has room for all slabs, so its two ends never meet.  Taking prefers
 * the warm end, last in first out: those bytes are likely in the processor's
 * caches.  Trimming moves warm slabs to the cold end.
 *
 * A request that must wait goes through these states:
 *
 *   NEW --> ASKING --------> WAITING --------> NEW, granted() called
 *             |  reclaimers      |
 *             v  gave enough     +-- cancel --> NEW
 *          GRANTED --> NEW, pool_take() returns true
 *
 * It is queued before reclaimers are asked, so what they free is its own and no
 * other thread can snatch it; while ASKING, a grant is only noted, for its
 * taker is still inside pool_take().
 *
 * One thread at a time talks to reclaimers.  Whoever finds another at it leaves
 * word (ask_again) and that one does another round.
 */
#include "base/pool.h"

#include "base/lock.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, size)   ((void)(at))
#define ASAN_UNPOISON_MEMORY_REGION(at, size) ((void)(at))
#endif

#define SLABS_MIN  16
#define TRIM_BATCH 32 /* slabs handed back without letting the lock go */

/* Batches of one idle trim: 32 MiB, some milliseconds. */
#define IDLE_BATCHES 16

enum {
	NEW, /* not the pool's: what a zeroed request is */
	ASKING,
	GRANTED,
	WAITING,
};

struct pool {
	uint8_t *base; /* size slabs */
	size_t size;   /* slabs */
	size_t limit[POOL_CLASSES];
	atomic_size_t waiting[POOL_CLASSES]; /* lock to write; requests */

	pthread_mutex_t lock;
	uint32_t *free_slabs;            /* lock; numbers, see above */
	bool *taken;                     /* lock; by number */
	size_t warm;                     /* lock; slabs */
	size_t cold;                     /* lock; slabs */
	size_t held[POOL_CLASSES];       /* lock; slabs */
	size_t peak;                     /* lock; slabs */
	uint64_t waits;                  /* lock; requests ever */
	struct list queue[POOL_CLASSES]; /* lock; struct pool_wait */
	struct list reclaimers;          /* lock */
	struct pool_reclaimer *asked;    /* lock; in its callback */
	pthread_cond_t answered;         /* asked has changed */
	bool asking;                     /* lock; a thread asks reclaimers */
	bool ask_again;                  /* lock; and shall go round again */
	bool press;                      /* lock; pressure is to be told */
	bool touched; /* lock; slabs came or went since the last idle trim */
};

/* Reserve the addresses, and nothing else, of size slabs. */
static int reserve(size_t size, uint8_t **ret)
{
	void *base = mmap(NULL, size * POOL_SLAB_SIZE, PROT_READ | PROT_WRITE,
	                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (base == MAP_FAILED)
		return -errno;

	/* People's data belongs into no core file; an old kernel may refuse. */
	(void)madvise(base, size * POOL_SLAB_SIZE, MADV_DONTDUMP);
	ASAN_POISON_MEMORY_REGION(base, size * POOL_SLAB_SIZE);
	*ret = base;
	return 0;
}

int pool_new(uint64_t budget, struct pool **ret)
{
	cleanup(pool_freep) struct pool *pool = NULL;
	uint64_t size = budget / POOL_SLAB_SIZE;

	if (size < SLABS_MIN || size > UINT32_MAX)
		return -EINVAL;

	pool = calloc(1, sizeof(*pool));
	if (!pool)
		return -ENOMEM;
	(void)pthread_mutex_init(&pool->lock, NULL); /* cannot fail on Linux */
	(void)pthread_cond_init(&pool->answered, NULL);
	list_init(&pool->reclaimers);
	for (unsigned i = 0; i < POOL_CLASSES; i++)
		list_init(&pool->queue[i]);

	pool->size = (size_t)size;
	pool->cold = pool->size;
	pool->limit[POOL_READ] = pool->size;
	pool->limit[POOL_WRITE] = pool->size / 4 * 3;
	pool->limit[POOL_PREFETCH] = pool->size / 2;
	pool->taken = calloc(pool->size, sizeof(pool->taken[0]));
	pool->free_slabs = calloc(pool->size, sizeof(pool->free_slabs[0]));
	if (!pool->taken || !pool->free_slabs)
		return -ENOMEM;
	for (size_t i = 0; i < pool->size; i++)
		pool->free_slabs[i] = (uint32_t)i;

	int r = reserve(pool->size, &pool->base);

	if (r < 0)
		return r;

	*ret = take(&pool);
	return 0;
}

void pool_free(struct pool *pool)
{
	if (!pool)
		return;

	for (unsigned i = 0; i < POOL_CLASSES; i++)
		assert(pool->held[i] == 0 && list_empty(&pool->queue[i]));
	assert(list_empty(&pool->reclaimers));

	if (pool->base) {
		ASAN_UNPOISON_MEMORY_REGION(pool->base,
		                            pool->size * POOL_SLAB_SIZE);
		(void)munmap(pool->base, pool->size * POOL_SLAB_SIZE);
	}
	free(pool->free_slabs);
	free(pool->taken);
	(void)pthread_cond_destroy(&pool->answered);
	(void)pthread_mutex_destroy(&pool->lock);
	free(pool);
}

/* Slabs held in all classes. */
static size_t held_locked(const struct pool *pool)
{
	return pool->size - pool->warm - pool->cold;
}

/* Slabs the class may still have, were they there. */
static size_t room_locked(const struct pool *pool, enum pool_class class)
{
	/* pool_move() may have put a class over its limit. */
	return pool->held[class] < pool->limit[class]
	               ? pool->limit[class] - pool->held[class]
	               : 0;
}

/* Who waits longest in a class, or NULL. */
static struct pool_wait *head_locked(const struct pool *pool,
                                     enum pool_class class)
{
	return list_first(&pool->queue[class], struct pool_wait, link);
}

/*
 * Whether count slabs may go to the class now, past nobody of a higher one: who
 * waits there for slabs goes first, and who waits for room in its own class
 * must find its slabs when that comes.
 */
static bool may_have_locked(const struct pool *pool, enum pool_class class,
                            size_t count)
{
	size_t promised = 0;

	if (count > room_locked(pool, class))
		return false;

	for (unsigned i = 0; i < class; i++) {
		const struct pool_wait *head = head_locked(pool, i);

		if (head && head->count <= room_locked(pool, i))
			return false;
		if (head)
			promised += head->count;
	}
	return count + promised <= pool->warm + pool->cold;
}

/* Fill slabs; it is known that they fit. */
static void grab_locked(struct pool *pool, enum pool_class class,
                        uint8_t **slabs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint32_t number =
			pool->warm > 0
				? pool->free_slabs[--pool->warm]
				: pool->free_slabs[pool->size - pool->cold--];

		pool->taken[number] = true;
		slabs[i] = pool->base + number * POOL_SLAB_SIZE;
		ASAN_UNPOISON_MEMORY_REGION(slabs[i], POOL_SLAB_SIZE);
	}
	pool->held[class] += count;
	pool->touched = true;
	if (held_locked(pool) > pool->peak)
		pool->peak = held_locked(pool);
}

/* Queue and unqueue a request, and keep the count that others look at. */
static void queue_locked(struct pool *pool, struct pool_wait *wait)
{
	list_append(&pool->queue[wait->class], &wait->link);
	atomic_fetch_add_explicit(&pool->waiting[wait->class], 1,
	                          memory_order_relaxed);
}

static void unqueue_locked(struct pool *pool, struct pool_wait *wait)
{
	list_remove(&wait->link);
	atomic_fetch_sub_explicit(&pool->waiting[wait->class], 1,
	                          memory_order_relaxed);
}

/* Grant the request; who does not stand in pool_take() goes to *granted. */
static void grant_locked(struct pool *pool, struct pool_wait *wait,
                         struct list *granted)
{
	unqueue_locked(pool, wait);
	grab_locked(pool, wait->class, wait->slabs, wait->count);
	if (wait->state == ASKING) {
		wait->state = GRANTED;
	} else {
		wait->state = NEW;
		list_append(granted, &wait->link);
	}
}

/* Grant, in order, what can be granted. */
static void serve_locked(struct pool *pool, struct list *granted)
{
	for (unsigned i = 0; i < POOL_CLASSES; i++) {
		struct pool_wait *head;

		while ((head = head_locked(pool, i)) &&
		       may_have_locked(pool, i, head->count))
			grant_locked(pool, head, granted);
	}
}

/* Tell those who were granted; each may free its request. No lock is held. */
static void tell_granted(struct list *granted)
{
	while (!list_empty(granted)) {
		struct pool_wait *wait =
			list_first(granted, struct pool_wait, link);

		list_remove(&wait->link);
		wait->granted(wait);
	}
}

/*
 * Slabs that waiters miss and reclaiming can bring: not those for which a class
 * has no room.
 */
static size_t missing_locked(const struct pool *pool)
{
	size_t free_slabs = pool->warm + pool->cold;
	size_t want = 0;

	for (unsigned i = 0; i < POOL_CLASSES; i++) {
		size_t room = room_locked(pool, i);
		size_t sum = 0;

		list_for_each(pos, &pool->queue[i])
			sum += container_of(pos, struct pool_wait, link)->count;

		/* What READ holds may be just what comes back. */
		want += sum < room || i == POOL_READ ? sum : room;
	}
	return want > free_slabs ? want - free_slabs : 0;
}

/* Call one callback of every reclaimer. Returns how many slabs were freed. */
static size_t ask_all_locked(struct pool *pool, bool press)
{
	size_t freed = 0;

	list_for_each(pos, &pool->reclaimers) {
		struct pool_reclaimer *r =
			container_of(pos, struct pool_reclaimer, link);
		size_t want = missing_locked(pool);

		if (press ? !r->pressure : want == 0)
			continue;

		pool->asked = r; /* keeps it in the list meanwhile */
		(void)pthread_mutex_unlock(&pool->lock);
		if (press)
			r->pressure(r);
		else
			freed += r->reclaim(r, want);
		(void)pthread_mutex_lock(&pool->lock);
		pool->asked = NULL;
		(void)pthread_cond_broadcast(&pool->answered);
	}
	return freed;
}

/* Ask reclaimers until nobody misses anything or nothing more comes. */
static void ask_locked(struct pool *pool)
{
	if (pool->asking) {
		pool->ask_again = true;
		return;
	}

	pool->asking = true;
	for (;;) {
		pool->ask_again = false;

		size_t freed = ask_all_locked(pool, false);
		bool press =
			pool->press && !list_empty(&pool->queue[POOL_WRITE]);

		if (freed > 0 && missing_locked(pool) > 0)
			continue;
		pool->press = false;
		if (press)
			(void)ask_all_locked(pool, true);
		if (!pool->ask_again)
			break;
	}
	pool->asking = false;
}

bool pool_take(struct pool *pool, struct pool_wait *wait)
{
	assert(wait->count > 0 && wait->count <= pool->limit[wait->class]);

	WITH_LOCK(&pool->lock);
	wait->state = NEW;
	if (!head_locked(pool, wait->class) &&
	    may_have_locked(pool, wait->class, wait->count)) {
		grab_locked(pool, wait->class, wait->slabs, wait->count);
		return true;
	}

	wait->state = ASKING;
	queue_locked(pool, wait);
	if (wait->class == POOL_WRITE)
		pool->press = true;
	ask_locked(pool);

	bool is_granted = wait->state == GRANTED;

	wait->state = is_granted ? NEW : WAITING;
	if (!is_granted)
		pool->waits++;
	return is_granted;
}

bool pool_try(struct pool *pool, enum pool_class class, uint8_t **slabs,
              size_t count)
{
	WITH_LOCK(&pool->lock);

	if (head_locked(pool, class) || !may_have_locked(pool, class, count))
		return false;
	grab_locked(pool, class, slabs, count);
	return true;
}

bool pool_cancel(struct pool *pool, struct pool_wait *wait)
{
	struct list granted;

	list_init(&granted);
	{
		WITH_LOCK(&pool->lock);
		if (wait->state != WAITING)
			return false;
		wait->state = NEW;
		unqueue_locked(pool, wait);
		serve_locked(pool, &granted); /* it may have been in the way */
	}
	tell_granted(&granted);
	return true;
}

/* The number of a slab that is taken. */
static uint32_t slab_number(const struct pool *pool, const uint8_t *slab)
{
	size_t offset = (size_t)(slab - pool->base);
	size_t number = offset / POOL_SLAB_SIZE;

	assert(offset % POOL_SLAB_SIZE == 0 && number < pool->size);
	assert(pool->taken[number]);
	return (uint32_t)number;
}

void pool_give(struct pool *pool, enum pool_class class, uint8_t *const *slabs,
               size_t count)
{
	struct list granted;

	list_init(&granted);
	{
		WITH_LOCK(&pool->lock);
		assert(pool->held[class] >= count);
		for (size_t i = 0; i < count; i++) {
			uint32_t number = slab_number(pool, slabs[i]);

			ASAN_POISON_MEMORY_REGION(slabs[i], POOL_SLAB_SIZE);
			pool->taken[number] = false;
			pool->free_slabs[pool->warm++] = number;
		}
		pool->held[class] -= count;
		pool->touched = true;
		serve_locked(pool, &granted);
	}
	tell_granted(&granted);
}

void pool_move(struct pool *pool, enum pool_class from, enum pool_class to,
               size_t count)
{
	struct list granted;

	list_init(&granted);
	{
		WITH_LOCK(&pool->lock);
		assert(pool->held[from] >= count);
		pool->held[from] -= count;
		pool->held[to] += count;
		serve_locked(pool, &granted); /* one class has room again */
	}
	tell_granted(&granted);
}

/* Requests of a class that wait, seen without the lock. */
static size_t waiting(const struct pool *pool, enum pool_class class)
{
	return atomic_load_explicit(&pool->waiting[class],
	                            memory_order_relaxed);
}

void pool_nudge(struct pool *pool)
{
	if (waiting(pool, POOL_READ) + waiting(pool, POOL_WRITE) +
	            waiting(pool, POOL_PREFETCH) ==
	    0)
		return;

	WITH_LOCK(&pool->lock);
	ask_locked(pool);
}

bool pool_pressed(const struct pool *pool)
{
	return waiting(pool, POOL_WRITE) > 0;
}

void pool_add_reclaimer(struct pool *pool, struct pool_reclaimer *reclaimer)
{
	WITH_LOCK(&pool->lock);

	list_append(&pool->reclaimers, &reclaimer->link);
}

void pool_remove_reclaimer(struct pool *pool, struct pool_reclaimer *reclaimer)
{
	WITH_LOCK(&pool->lock);

	while (pool->asked == reclaimer)
		(void)pthread_cond_wait(&pool->answered, &pool->lock);
	list_remove(&reclaimer->link);
}

/* Hand back up to TRIM_BATCH warm slabs; false when there are no more. */
static bool trim_some(struct pool *pool)
{
	WITH_LOCK(&pool->lock);

	for (unsigned i = 0; i < TRIM_BATCH; i++) {
		if (pool->warm == 0)
			return false;

		uint32_t number = pool->free_slabs[--pool->warm];

		(void)madvise(pool->base + number * POOL_SLAB_SIZE,
		              POOL_SLAB_SIZE, MADV_DONTNEED);
		pool->free_slabs[pool->size - ++pool->cold] = number;
	}
	return true;
}

void pool_trim(struct pool *pool)
{
	while (trim_some(pool))
		;
}

/* Whether nobody used the pool since the last time. */
static bool was_idle(struct pool *pool)
{
	WITH_LOCK(&pool->lock);
	bool idle = !pool->touched;

	pool->touched = false;
	return idle;
}

void pool_trim_idle(struct pool *pool)
{
	if (!was_idle(pool))
		return;
	for (unsigned i = 0; i < IDLE_BATCHES && trim_some(pool); i++)
		;
}

void pool_get_stats(struct pool *pool, struct pool_stats *ret)
{
	WITH_LOCK(&pool->lock);

	*ret = (struct pool_stats){
		.budget = (uint64_t)pool->size * POOL_SLAB_SIZE,
		.peak = (uint64_t)pool->peak * POOL_SLAB_SIZE,
		.kept = (uint64_t)pool->warm * POOL_SLAB_SIZE,
		.waits = pool->waits,
	};
	for (unsigned i = 0; i < POOL_CLASSES; i++) {
		ret->held[i] = (uint64_t)pool->held[i] * POOL_SLAB_SIZE;
		ret->waiting += waiting(pool, i);
	}
}
