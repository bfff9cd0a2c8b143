/* SPDX-License-Identifier: MIT */
/*
 * Many threads at one pool: readers, writers, prefetchers, cancellers, and a
 * cache whose slabs are reclaimed.  Each slab carries the mark of who has it,
 * so a slab given to two is seen; whoever is forgotten hangs the test.
 */
#include "base/lock.h"
#include "base/pool.h"
#include "base/thread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SLABS   32u /* of the pool under test */
#define THREADS 6u
#define ROUNDS  3000u
#define MOST    8u /* slabs of one request */

/* Clean bytes: slabs that a thread has read and does not need any more. */
struct cache {
	struct pool_reclaimer reclaimer;
	struct pool *pool;
	pthread_mutex_t lock;
	uint8_t *slabs[SLABS]; /* lock */
	size_t count;          /* lock */
};

/* One thread, and what it and the one that grants tell each other. */
struct user {
	struct cache *cache;
	uint8_t mark;
	uint32_t seed;
	struct pool_wait wait;
	uint8_t *slabs[MOST];
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool granted; /* lock */
	unsigned waited;
	unsigned cancelled;
	unsigned wrong; /* slabs that somebody else wrote to */
};

static size_t cache_reclaim(struct pool_reclaimer *reclaimer, size_t want)
{
	struct cache *c = container_of(reclaimer, struct cache, reclaimer);
	uint8_t *slabs[SLABS];
	size_t n;

	{
		WITH_LOCK(&c->lock);
		n = c->count < want ? c->count : want;
		c->count -= n;
		memcpy(slabs, &c->slabs[c->count], n * sizeof(slabs[0]));
	}
	pool_give(c->pool, POOL_READ, slabs, n);
	return n;
}

static void on_grant(struct pool_wait *wait)
{
	struct user *u = container_of(wait, struct user, wait);
	WITH_LOCK(&u->lock);

	u->granted = true;
	(void)pthread_cond_signal(&u->changed);
}

static uint32_t pseudo_random(struct user *u)
{
	u->seed = u->seed * 1664525 + 1013904223;
	return u->seed >> 8;
}

static void await_grant(struct user *u)
{
	WITH_LOCK(&u->lock);

	while (!u->granted)
		(void)pthread_cond_wait(&u->changed, &u->lock);
	u->granted = false;
}

/* Have the slabs, now or later, or change one's mind. */
static bool obtain(struct user *u)
{
	if (pool_take(u->cache->pool, &u->wait))
		return true;

	u->waited++;
	if (pseudo_random(u) % 8 == 0 &&
	    pool_cancel(u->cache->pool, &u->wait)) {
		u->cancelled++;
		return false;
	}
	await_grant(u);
	return true;
}

/* Write one's mark into each slab, and see that it stays. */
static void use(struct user *u)
{
	for (size_t i = 0; i < u->wait.count; i++)
		memset(u->slabs[i], u->mark, 64);
	if (pseudo_random(u) % 4 == 0)
		(void)sched_yield();
	for (size_t i = 0; i < u->wait.count; i++)
		u->wrong +=
			u->slabs[i][0] != u->mark || u->slabs[i][63] != u->mark;
}

/* Leave one slab in the cache, for somebody who waits to have it reclaimed. */
static size_t leave_in_cache(struct user *u, size_t count)
{
	struct cache *c = u->cache;
	{
		WITH_LOCK(&c->lock);
		if (c->count == SLABS / 2)
			return count;
		c->slabs[c->count++] = u->slabs[count - 1];
	}
	pool_nudge(c->pool);
	return count - 1;
}

static void *live(void *arg)
{
	struct user *u = arg;

	for (unsigned i = 0; i < ROUNDS; i++) {
		u->wait = (struct pool_wait){
			.class = pseudo_random(u) % POOL_CLASSES,
			.count = 1 + pseudo_random(u) % MOST,
			.slabs = u->slabs,
			.granted = on_grant,
		};

		size_t count = u->wait.count;
		enum pool_class class = u->wait.class;

		if (!obtain(u))
			continue;
		use(u);
		if (class == POOL_PREFETCH) {
			pool_move(u->cache->pool, class, POOL_READ, count);
			class = POOL_READ;
		}
		if (class == POOL_READ)
			count = leave_in_cache(u, count);
		pool_give(u->cache->pool, class, u->slabs, count);
		if (i % 512 == 0)
			pool_trim(u->cache->pool);
	}
	return NULL;
}

static void user_init(struct user *u, struct cache *cache, unsigned number)
{
	*u = (struct user){
		.cache = cache,
		.mark = (uint8_t)(number + 1),
		.seed = number,
	};
	(void)pthread_mutex_init(&u->lock, NULL);
	(void)pthread_cond_init(&u->changed, NULL);
}

static void nobody_is_forgotten_and_no_slab_is_had_by_two(void **state)
{
	struct cache cache = {.reclaimer.reclaim = cache_reclaim};
	struct user users[THREADS];
	pthread_t threads[THREADS];
	struct pool_stats stats;
	unsigned waited = 0;

	(void)state;
	(void)pthread_mutex_init(&cache.lock, NULL);
	assert_int_equal(pool_new(SLABS * POOL_SLAB_SIZE, &cache.pool), 0);
	pool_add_reclaimer(cache.pool, &cache.reclaimer);
	for (unsigned i = 0; i < THREADS; i++) {
		user_init(&users[i], &cache, i);
		assert_int_equal(
			thread_start("user", live, &users[i], &threads[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		(void)pthread_join(threads[i], NULL);
		assert_int_equal(users[i].wrong, 0);
		waited += users[i].waited;
	}
	print_message("%u of %u requests waited\n", waited, THREADS * ROUNDS);
	assert_true(waited > 0);

	pool_remove_reclaimer(cache.pool, &cache.reclaimer);
	pool_give(cache.pool, POOL_READ, cache.slabs, cache.count);
	pool_get_stats(cache.pool, &stats);
	for (unsigned i = 0; i < POOL_CLASSES; i++)
		assert_int_equal(stats.held[i], 0);
	assert_int_equal(stats.waiting, 0);
	assert_int_equal(stats.waits, waited);
	assert_true(stats.peak <= stats.budget);
	pool_free(cache.pool);
}

static atomic_bool inside;
static atomic_bool may_leave;

/* A reclaimer that takes its time. */
static size_t linger(struct pool_reclaimer *reclaimer, size_t want)
{
	(void)reclaimer;
	(void)want;
	atomic_store(&inside, true);
	while (!atomic_load(&may_leave))
		(void)sched_yield();
	atomic_store(&inside, false);
	return 0;
}

struct lingering {
	struct pool *pool;
	struct pool_wait wait;
	uint8_t *slabs[1];
};

static void *take_one(void *arg)
{
	struct lingering *l = arg;

	return pool_take(l->pool, &l->wait) ? arg : NULL;
}

static void *let_leave(void *arg)
{
	atomic_store(&may_leave, true);
	return arg;
}

static void a_removed_reclaimer_is_not_running_any_more(void **state)
{
	struct pool_reclaimer reclaimer = {.reclaim = linger};
	struct lingering l = {0};
	uint8_t *all[SLABS];
	pthread_t taker;
	pthread_t helper;
	void *taken;

	(void)state;
	l.wait = (struct pool_wait){.count = 1, .slabs = l.slabs};
	assert_int_equal(pool_new(SLABS * POOL_SLAB_SIZE, &l.pool), 0);
	assert_true(pool_try(l.pool, POOL_READ, all, SLABS));
	pool_add_reclaimer(l.pool, &reclaimer);
	assert_int_equal(thread_start("taker", take_one, &l, &taker), 0);
	while (!atomic_load(&inside))
		(void)sched_yield();
	assert_int_equal(thread_start("helper", let_leave, NULL, &helper), 0);
	pool_remove_reclaimer(l.pool, &reclaimer);
	assert_false(atomic_load(&inside));

	(void)pthread_join(taker, &taken);
	(void)pthread_join(helper, NULL);
	assert_null(taken);
	assert_true(pool_cancel(l.pool, &l.wait));
	pool_give(l.pool, POOL_READ, all, SLABS);
	pool_free(l.pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_is_forgotten_and_no_slab_is_had_by_two),
		cmocka_unit_test(a_removed_reclaimer_is_not_running_any_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
