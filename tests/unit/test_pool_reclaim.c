/* SPDX-License-Identifier: MIT */
#include "pool_fixture.h"

/* A cache: slabs of one class that can be had back. */
struct cache {
	struct pool_reclaimer reclaimer;
	struct pool *pool;
	uint8_t *slabs[SLABS];
	size_t count;   /* slabs it has */
	size_t locked;  /* of them, not to be freed now */
	size_t asked;   /* what reclaim() was asked for last */
	unsigned calls; /* of reclaim() */
	unsigned pressures;

	/* Inside reclaim(): somebody else comes along. NULL = nobody. */
	struct want *intruder;
	bool intruder_got_it;
};

static size_t cache_reclaim(struct pool_reclaimer *reclaimer, size_t want)
{
	struct cache *c = container_of(reclaimer, struct cache, reclaimer);
	size_t n = c->count - c->locked;

	n = n < want ? n : want;
	c->asked = want;
	c->calls++;
	c->count -= n;
	pool_give(c->pool, POOL_READ, &c->slabs[c->count], n);
	if (c->intruder)
		c->intruder_got_it =
			pool_try(c->pool, c->intruder->wait.class,
		                 c->intruder->slabs, c->intruder->wait.count);
	return n;
}

static void cache_pressure(struct pool_reclaimer *reclaimer)
{
	container_of(reclaimer, struct cache, reclaimer)->pressures++;
}

/* A cache that holds count slabs. */
static void fill_cache(struct cache *c, struct bench *b, size_t count)
{
	*c = (struct cache){
		.reclaimer.reclaim = cache_reclaim,
		.reclaimer.pressure = cache_pressure,
		.pool = b->pool,
		.count = count,
	};
	assert_true(pool_try(b->pool, POOL_READ, c->slabs, count));
	pool_add_reclaimer(b->pool, &c->reclaimer);
}

static void empty_cache(struct cache *c)
{
	pool_remove_reclaimer(c->pool, &c->reclaimer);
	pool_give(c->pool, POOL_READ, c->slabs, c->count);
}

static void clean_bytes_are_reclaimed_before_anyone_waits(void **state)
{
	struct bench *b = *state;
	struct cache cache;
	struct want w;

	fill_cache(&cache, b, 30);
	want_init(&w, POOL_WRITE, 8, &b->turns);
	assert_true(pool_take(b->pool, &w.wait));
	assert_int_equal(cache.asked, 6);
	assert_int_equal(cache.count, 24);
	assert_int_equal(cache.pressures, 0);
	assert_int_equal(b->turns, 0); /* it did not wait */
	assert_int_equal(stats(b).waits, 0);
	give(b, &w);
	empty_cache(&cache);
}

static void what_is_reclaimed_cannot_be_snatched(void **state)
{
	struct bench *b = *state;
	struct cache cache;
	struct want intruder;
	struct want w;

	fill_cache(&cache, b, SLABS);
	want_init(&intruder, POOL_WRITE, 1, &b->turns);
	want_init(&w, POOL_WRITE, 4, &b->turns);
	cache.locked = SLABS - 2; /* half of what is wanted */
	cache.intruder = &intruder;
	assert_false(pool_take(b->pool, &w.wait));
	assert_false(cache.intruder_got_it);

	cache.locked = 0;
	pool_nudge(b->pool);
	assert_false(cache.intruder_got_it);
	assert_int_equal(w.granted, 1);
	give(b, &w);
	empty_cache(&cache);
}

static void every_reclaimer_is_asked_for_what_is_still_missing(void **state)
{
	struct bench *b = *state;
	struct cache cache;
	struct cache other;
	struct want w;

	fill_cache(&cache, b, 20);
	fill_cache(&other, b, 12);
	want_init(&w, POOL_READ, 24, &b->turns);
	assert_true(pool_take(b->pool, &w.wait));
	assert_int_equal(cache.asked, 24);
	assert_int_equal(cache.count, 0);
	assert_int_equal(other.asked, 4);
	give(b, &w);
	empty_cache(&other);
	empty_cache(&cache);
}

static void a_nudge_asks_again_for_those_who_wait(void **state)
{
	struct bench *b = *state;
	struct cache cache;
	struct want w;

	fill_cache(&cache, b, SLABS);
	pool_nudge(b->pool);
	assert_int_equal(cache.calls, 0); /* nobody waits */

	cache.locked = SLABS;
	want_init(&w, POOL_READ, 3, &b->turns);
	assert_false(pool_take(b->pool, &w.wait));
	assert_int_equal(w.granted, 0);
	cache.locked = 0;
	pool_nudge(b->pool);
	assert_int_equal(w.granted, 1);
	assert_int_equal(cache.count, SLABS - 3);
	give(b, &w);
	empty_cache(&cache);
}

static void a_waiting_writer_is_pressure_and_a_reader_is_not(void **state)
{
	struct bench *b = *state;
	struct cache cache;
	struct want reader;
	struct want writer;

	fill_cache(&cache, b, SLABS);
	cache.locked = SLABS;
	want_init(&reader, POOL_READ, 1, &b->turns);
	want_init(&writer, POOL_WRITE, 1, &b->turns);
	assert_false(pool_take(b->pool, &reader.wait));
	assert_int_equal(cache.pressures, 0);
	assert_false(pool_pressed(b->pool));

	assert_false(pool_take(b->pool, &writer.wait));
	assert_int_equal(cache.pressures, 1);
	assert_true(pool_pressed(b->pool));

	assert_true(pool_cancel(b->pool, &writer.wait));
	assert_true(pool_cancel(b->pool, &reader.wait));
	assert_false(pool_pressed(b->pool));
	empty_cache(&cache);
}

static void a_full_class_is_pressed_but_nothing_reclaimed_in_vain(void **state)
{
	struct bench *b = *state;
	struct cache cache;
	struct want writer;
	struct want more;

	want_init(&writer, POOL_WRITE, 24, &b->turns);
	want_init(&more, POOL_WRITE, 4, &b->turns);
	assert_true(pool_take(b->pool, &writer.wait));
	fill_cache(&cache, b, 8);
	assert_false(pool_take(b->pool, &more.wait));
	assert_int_equal(cache.count, 8);
	assert_int_equal(cache.pressures, 1);
	give(b, &writer);
	assert_int_equal(more.granted, 1);
	give(b, &more);
	empty_cache(&cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(clean_bytes_are_reclaimed_before_anyone_waits),
		bench_test(what_is_reclaimed_cannot_be_snatched),
		bench_test(every_reclaimer_is_asked_for_what_is_still_missing),
		bench_test(a_nudge_asks_again_for_those_who_wait),
		bench_test(a_waiting_writer_is_pressure_and_a_reader_is_not),
		bench_test(
			a_full_class_is_pressed_but_nothing_reclaimed_in_vain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
