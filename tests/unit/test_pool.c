/* SPDX-License-Identifier: MIT */
#include "base/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#define SLABS  32u /* of the pool under test */
#define BUDGET (SLABS * POOL_SLAB_SIZE)

/* A request that notes when it was granted. */
struct want {
	struct pool_wait wait;
	uint8_t *slabs[SLABS];
	unsigned *turns;  /* grants so far, of all */
	unsigned granted; /* which of them this was; 0 = not yet */
};

static void note_grant(struct pool_wait *wait)
{
	struct want *w = container_of(wait, struct want, wait);

	assert_int_equal(w->granted, 0);
	w->granted = ++*w->turns;
}

static void want_init(struct want *w, enum pool_class class, size_t count,
                      unsigned *turns)
{
	*w = (struct want){
		.wait.class = class,
		.wait.count = count,
		.wait.slabs = w->slabs,
		.wait.granted = note_grant,
		.turns = turns,
	};
}

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

/* A pool, and a cache that holds count slabs of it. */
struct bench {
	struct pool *pool;
	struct cache cache;
	unsigned turns;
};

static void fill_cache(struct bench *b, size_t count)
{
	b->cache = (struct cache){
		.reclaimer.reclaim = cache_reclaim,
		.reclaimer.pressure = cache_pressure,
		.pool = b->pool,
		.count = count,
	};
	assert_true(pool_try(b->pool, POOL_READ, b->cache.slabs, count));
	pool_add_reclaimer(b->pool, &b->cache.reclaimer);
}

static void empty_cache(struct bench *b)
{
	pool_remove_reclaimer(b->pool, &b->cache.reclaimer);
	pool_give(b->pool, POOL_READ, b->cache.slabs, b->cache.count);
}

static void give(struct bench *b, struct want *w)
{
	pool_give(b->pool, w->wait.class, w->slabs, w->wait.count);
}

static struct pool_stats stats(struct bench *b)
{
	struct pool_stats s;

	pool_get_stats(b->pool, &s);
	return s;
}

static int set_up(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	*state = b;
	return b ? pool_new(BUDGET, &b->pool) : -1;
}

static int tear_down(void **state)
{
	struct bench *b = *state;

	pool_free(b->pool);
	free(b);
	return 0;
}

static void fewer_than_sixteen_slabs_make_no_pool(void **state)
{
	struct pool *pool = NULL;

	(void)state;
	assert_int_equal(pool_new(16 * POOL_SLAB_SIZE - 1, &pool), -EINVAL);
	assert_int_equal(pool_new(UINT64_MAX, &pool), -EINVAL);
	assert_null(pool);
}

static void slabs_are_whole_and_do_not_overlap(void **state)
{
	struct bench *b = *state;
	struct want w;

	want_init(&w, POOL_READ, SLABS, &b->turns);
	assert_true(pool_take(b->pool, &w.wait));
	for (unsigned i = 0; i < SLABS; i++) {
		assert_int_equal((uintptr_t)w.slabs[i] % 4096, 0);
		memset(w.slabs[i], (int)i, POOL_SLAB_SIZE);
	}
	for (unsigned i = 0; i < SLABS; i++) {
		assert_int_equal(w.slabs[i][0], i);
		assert_int_equal(w.slabs[i][POOL_SLAB_SIZE - 1], i);
	}
	give(b, &w);
	assert_int_equal(b->turns, 0);
}

static void what_was_given_last_is_taken_first(void **state)
{
	struct bench *b = *state;
	uint8_t *two[2];
	uint8_t *again[2];

	assert_true(pool_try(b->pool, POOL_WRITE, two, 2));
	pool_give(b->pool, POOL_WRITE, &two[0], 1);
	pool_give(b->pool, POOL_WRITE, &two[1], 1);
	assert_true(pool_try(b->pool, POOL_WRITE, again, 2));
	assert_ptr_equal(again[0], two[1]);
	assert_ptr_equal(again[1], two[0]);
	pool_give(b->pool, POOL_WRITE, again, 2);
}

static void writes_have_three_quarters_and_prefetch_half(void **state)
{
	struct bench *b = *state;
	uint8_t *write[SLABS];
	uint8_t *prefetch[SLABS];

	assert_false(pool_try(b->pool, POOL_WRITE, write, 25));
	assert_true(pool_try(b->pool, POOL_WRITE, write, 24));
	pool_give(b->pool, POOL_WRITE, write, 24);
	assert_false(pool_try(b->pool, POOL_PREFETCH, prefetch, 17));
	assert_true(pool_try(b->pool, POOL_PREFETCH, prefetch, 16));
	assert_true(pool_try(b->pool, POOL_WRITE, write, 16));
	assert_false(pool_try(b->pool, POOL_READ, write, 1));
	pool_give(b->pool, POOL_PREFETCH, prefetch, 16);
	pool_give(b->pool, POOL_WRITE, write, 16);
}

static void the_figures_tell_who_holds_what(void **state)
{
	struct bench *b = *state;
	uint8_t *slabs[12];

	assert_true(pool_try(b->pool, POOL_PREFETCH, slabs, 12));
	pool_move(b->pool, POOL_PREFETCH, POOL_READ, 5);

	struct pool_stats s = stats(b);

	assert_int_equal(s.budget, BUDGET);
	assert_int_equal(s.held[POOL_READ], 5 * POOL_SLAB_SIZE);
	assert_int_equal(s.held[POOL_PREFETCH], 7 * POOL_SLAB_SIZE);
	assert_int_equal(s.held[POOL_WRITE], 0);
	pool_give(b->pool, POOL_READ, slabs, 5);
	pool_give(b->pool, POOL_PREFETCH, slabs + 5, 7);

	s = stats(b);
	assert_int_equal(s.held[POOL_READ] + s.held[POOL_PREFETCH], 0);
	assert_int_equal(s.peak, 12 * POOL_SLAB_SIZE);
	assert_int_equal(s.waits, 0);
}

static void waiters_are_served_by_class_then_by_turn(void **state)
{
	struct bench *b = *state;
	static const enum pool_class classes[] = {
		POOL_PREFETCH, POOL_WRITE, POOL_READ, POOL_READ, POOL_WRITE,
	};
	static const unsigned turns[] = {5, 3, 1, 2, 4};
	struct want holder;
	struct want w[5];

	want_init(&holder, POOL_READ, SLABS, &b->turns);
	assert_true(pool_take(b->pool, &holder.wait));
	for (unsigned i = 0; i < 5; i++) {
		want_init(&w[i], classes[i], 4, &b->turns);
		assert_false(pool_take(b->pool, &w[i].wait));
	}
	assert_int_equal(stats(b).waiting, 5);
	assert_int_equal(stats(b).waits, 5);

	for (unsigned i = 0; i < SLABS; i += 4) /* one request's worth each */
		pool_give(b->pool, POOL_READ, &holder.slabs[i], 4);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(w[i].granted, turns[i]);
		give(b, &w[i]);
	}
	assert_int_equal(stats(b).waiting, 0);
}

static void one_gift_serves_all_it_suffices_for(void **state)
{
	struct bench *b = *state;
	struct want holder;
	struct want w[3];

	want_init(&holder, POOL_READ, SLABS, &b->turns);
	assert_true(pool_take(b->pool, &holder.wait));
	for (unsigned i = 0; i < 3; i++) {
		want_init(&w[i], POOL_WRITE, 8, &b->turns);
		assert_false(pool_take(b->pool, &w[i].wait));
	}
	pool_give(b->pool, POOL_READ, holder.slabs, 23);
	assert_int_equal(b->turns, 2);
	assert_int_equal(w[2].granted, 0);
	pool_give(b->pool, POOL_READ, holder.slabs + 23, 9);
	assert_int_equal(w[2].granted, 3);
	for (unsigned i = 0; i < 3; i++)
		give(b, &w[i]);
}

static void small_ones_do_not_overtake_a_big_one(void **state)
{
	struct bench *b = *state;
	struct want holder;
	struct want big;
	struct want small;
	uint8_t *slab[1];

	want_init(&holder, POOL_READ, SLABS, &b->turns);
	want_init(&big, POOL_READ, 20, &b->turns);
	want_init(&small, POOL_READ, 1, &b->turns);
	assert_true(pool_take(b->pool, &holder.wait));
	assert_false(pool_take(b->pool, &big.wait));
	pool_give(b->pool, POOL_READ, holder.slabs, 10);

	assert_false(pool_take(b->pool, &small.wait));
	assert_false(pool_try(b->pool, POOL_READ, slab, 1));
	assert_false(pool_try(b->pool, POOL_WRITE, slab, 1));
	assert_int_equal(b->turns, 0);

	pool_give(b->pool, POOL_READ, holder.slabs + 10, 22);
	assert_int_equal(big.granted, 1);
	assert_int_equal(small.granted, 2);
	give(b, &big);
	give(b, &small);
}

static void readers_pass_waiting_writers(void **state)
{
	struct bench *b = *state;
	struct want writer;
	struct want more;
	struct want reader;

	want_init(&writer, POOL_WRITE, 24, &b->turns);
	want_init(&more, POOL_WRITE, 1, &b->turns);
	want_init(&reader, POOL_READ, 4, &b->turns);
	assert_true(pool_take(b->pool, &writer.wait));
	assert_false(pool_take(b->pool, &more.wait));
	assert_true(pool_take(b->pool, &reader.wait));
	give(b, &reader);
	give(b, &writer);
	assert_int_equal(more.granted, 1);
	give(b, &more);
}

static void prefetch_leaves_what_a_full_class_will_need(void **state)
{
	struct bench *b = *state;
	struct want writer;
	struct want more;
	uint8_t *prefetch[8];

	want_init(&writer, POOL_WRITE, 24, &b->turns);
	want_init(&more, POOL_WRITE, 5, &b->turns);
	assert_true(pool_take(b->pool, &writer.wait));
	assert_false(pool_take(b->pool, &more.wait)); /* the class is full */
	assert_false(pool_try(b->pool, POOL_PREFETCH, prefetch, 4));
	assert_true(pool_try(b->pool, POOL_PREFETCH, prefetch, 3));

	pool_give(b->pool, POOL_WRITE, writer.slabs, 5);
	assert_int_equal(more.granted, 1);
	pool_give(b->pool, POOL_PREFETCH, prefetch, 3);
	pool_give(b->pool, POOL_WRITE, writer.slabs + 5, 19);
	give(b, &more);
}

static void moving_slabs_makes_room_in_their_class(void **state)
{
	struct bench *b = *state;
	struct want first;
	struct want second;

	want_init(&first, POOL_PREFETCH, 16, &b->turns);
	want_init(&second, POOL_PREFETCH, 2, &b->turns);
	assert_true(pool_take(b->pool, &first.wait));
	assert_false(pool_take(b->pool, &second.wait));
	pool_move(b->pool, POOL_PREFETCH, POOL_READ, 1);
	assert_int_equal(second.granted, 0);
	pool_move(b->pool, POOL_PREFETCH, POOL_READ, 1);
	assert_int_equal(second.granted, 1);
	pool_give(b->pool, POOL_READ, first.slabs, 2);
	pool_give(b->pool, POOL_PREFETCH, first.slabs + 2, 14);
	give(b, &second);
}

static void who_cancels_is_never_granted_and_frees_the_way(void **state)
{
	struct bench *b = *state;
	struct want holder;
	struct want big;
	struct want small;

	want_init(&holder, POOL_READ, SLABS - 1, &b->turns);
	want_init(&big, POOL_READ, 20, &b->turns);
	want_init(&small, POOL_WRITE, 1, &b->turns);
	assert_true(pool_take(b->pool, &holder.wait));
	assert_false(pool_cancel(b->pool, &holder.wait));
	assert_false(pool_take(b->pool, &big.wait));
	assert_false(pool_take(b->pool, &small.wait));

	assert_true(pool_cancel(b->pool, &big.wait));
	assert_int_equal(small.granted, 1);
	assert_false(pool_cancel(b->pool, &big.wait));
	assert_false(pool_cancel(b->pool, &small.wait));
	give(b, &holder);
	give(b, &small);
	assert_int_equal(big.granted, 0);
	assert_int_equal(b->turns, 1);
}

static void clean_bytes_are_reclaimed_before_anyone_waits(void **state)
{
	struct bench *b = *state;
	struct want w;

	fill_cache(b, 30);
	want_init(&w, POOL_WRITE, 8, &b->turns);
	assert_true(pool_take(b->pool, &w.wait));
	assert_int_equal(b->cache.asked, 6);
	assert_int_equal(b->cache.count, 24);
	assert_int_equal(b->cache.pressures, 0);
	assert_int_equal(b->turns, 0); /* it did not wait */
	assert_int_equal(stats(b).waits, 0);
	give(b, &w);
	empty_cache(b);
}

static void what_is_reclaimed_cannot_be_snatched(void **state)
{
	struct bench *b = *state;
	struct want intruder;
	struct want w;

	fill_cache(b, SLABS);
	want_init(&intruder, POOL_WRITE, 1, &b->turns);
	want_init(&w, POOL_WRITE, 4, &b->turns);
	b->cache.locked = SLABS - 2; /* half of what is wanted */
	b->cache.intruder = &intruder;
	assert_false(pool_take(b->pool, &w.wait));
	assert_false(b->cache.intruder_got_it);

	b->cache.locked = 0;
	pool_nudge(b->pool);
	assert_false(b->cache.intruder_got_it);
	assert_int_equal(w.granted, 1);
	give(b, &w);
	empty_cache(b);
}

static void every_reclaimer_is_asked_for_what_is_still_missing(void **state)
{
	struct bench *b = *state;
	struct bench other = {.pool = b->pool};
	struct want w;

	fill_cache(b, 20);
	fill_cache(&other, 12);
	want_init(&w, POOL_READ, 24, &b->turns);
	assert_true(pool_take(b->pool, &w.wait));
	assert_int_equal(b->cache.asked, 24);
	assert_int_equal(b->cache.count, 0);
	assert_int_equal(other.cache.asked, 4);
	give(b, &w);
	empty_cache(&other);
	empty_cache(b);
}

static void a_nudge_asks_again_for_those_who_wait(void **state)
{
	struct bench *b = *state;
	struct want w;

	fill_cache(b, SLABS);
	pool_nudge(b->pool);
	assert_int_equal(b->cache.calls, 0); /* nobody waits */

	b->cache.locked = SLABS;
	want_init(&w, POOL_READ, 3, &b->turns);
	assert_false(pool_take(b->pool, &w.wait));
	assert_int_equal(w.granted, 0);
	b->cache.locked = 0;
	pool_nudge(b->pool);
	assert_int_equal(w.granted, 1);
	assert_int_equal(b->cache.count, SLABS - 3);
	give(b, &w);
	empty_cache(b);
}

static void a_waiting_writer_is_pressure_and_a_reader_is_not(void **state)
{
	struct bench *b = *state;
	struct want reader;
	struct want writer;

	fill_cache(b, SLABS);
	b->cache.locked = SLABS;
	want_init(&reader, POOL_READ, 1, &b->turns);
	want_init(&writer, POOL_WRITE, 1, &b->turns);
	assert_false(pool_take(b->pool, &reader.wait));
	assert_int_equal(b->cache.pressures, 0);
	assert_false(pool_pressed(b->pool));

	assert_false(pool_take(b->pool, &writer.wait));
	assert_int_equal(b->cache.pressures, 1);
	assert_true(pool_pressed(b->pool));

	assert_true(pool_cancel(b->pool, &writer.wait));
	assert_true(pool_cancel(b->pool, &reader.wait));
	assert_false(pool_pressed(b->pool));
	empty_cache(b);
}

static void a_full_class_is_pressed_but_nothing_reclaimed_in_vain(void **state)
{
	struct bench *b = *state;
	struct want writer;
	struct want more;

	want_init(&writer, POOL_WRITE, 24, &b->turns);
	want_init(&more, POOL_WRITE, 4, &b->turns);
	assert_true(pool_take(b->pool, &writer.wait));
	fill_cache(b, 8);
	assert_false(pool_take(b->pool, &more.wait));
	assert_int_equal(b->cache.count, 8);
	assert_int_equal(b->cache.pressures, 1);
	give(b, &writer);
	assert_int_equal(more.granted, 1);
	give(b, &more);
	empty_cache(b);
}

/* A request that asks for more as soon as it is granted. */
struct greedy {
	struct want want;
	struct pool *pool;
	struct want next;
	bool next_taken;
};

static void take_next(struct pool_wait *wait)
{
	struct greedy *g = container_of(wait, struct greedy, want.wait);

	g->next_taken = pool_take(g->pool, &g->next.wait);
}

static void granted_may_ask_for_more(void **state)
{
	struct bench *b = *state;
	struct greedy g = {.pool = b->pool};
	struct want holder;

	want_init(&holder, POOL_READ, SLABS, &b->turns);
	want_init(&g.want, POOL_READ, 4, &b->turns);
	want_init(&g.next, POOL_READ, 4, &b->turns);
	g.want.wait.granted = take_next;
	assert_true(pool_take(b->pool, &holder.wait));
	assert_false(pool_take(b->pool, &g.want.wait));
	pool_give(b->pool, POOL_READ, holder.slabs, 4);
	assert_false(g.next_taken);
	pool_give(b->pool, POOL_READ, holder.slabs + 4, SLABS - 4);
	assert_int_equal(g.next.granted, 1);
	give(b, &g.want);
	give(b, &g.next);
}

/* Pages of the slab that are in memory. */
static unsigned resident_pages(uint8_t *slab)
{
	unsigned char pages[POOL_SLAB_SIZE / 4096];
	unsigned n = 0;

	assert_int_equal(mincore(slab, POOL_SLAB_SIZE, pages), 0);
	for (unsigned i = 0; i < sizeof(pages); i++)
		n += pages[i] & 1;
	return n;
}

static void trimming_hands_memory_back_and_slabs_stay_usable(void **state)
{
	struct bench *b = *state;
	struct want w;

	want_init(&w, POOL_READ, SLABS, &b->turns);
	assert_true(pool_take(b->pool, &w.wait));
	for (unsigned i = 0; i < SLABS; i++)
		memset(w.slabs[i], 0xee, POOL_SLAB_SIZE);
	pool_give(b->pool, POOL_READ, w.slabs + 1, SLABS - 1);
	pool_trim(b->pool);
	assert_int_equal(resident_pages(w.slabs[0]), POOL_SLAB_SIZE / 4096);
	assert_int_equal(w.slabs[0][4711], 0xee);
	for (unsigned i = 1; i < SLABS; i++)
		assert_int_equal(resident_pages(w.slabs[i]), 0);

	assert_true(pool_try(b->pool, POOL_READ, w.slabs + 1, SLABS - 1));
	for (unsigned i = 1; i < SLABS; i++)
		memset(w.slabs[i], (int)i, POOL_SLAB_SIZE);
	assert_int_equal(w.slabs[0][4711], 0xee);
	give(b, &w);
}

#define bench_test(name) \
	cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fewer_than_sixteen_slabs_make_no_pool),
		bench_test(slabs_are_whole_and_do_not_overlap),
		bench_test(what_was_given_last_is_taken_first),
		bench_test(writes_have_three_quarters_and_prefetch_half),
		bench_test(the_figures_tell_who_holds_what),
		bench_test(waiters_are_served_by_class_then_by_turn),
		bench_test(one_gift_serves_all_it_suffices_for),
		bench_test(small_ones_do_not_overtake_a_big_one),
		bench_test(readers_pass_waiting_writers),
		bench_test(prefetch_leaves_what_a_full_class_will_need),
		bench_test(moving_slabs_makes_room_in_their_class),
		bench_test(who_cancels_is_never_granted_and_frees_the_way),
		bench_test(clean_bytes_are_reclaimed_before_anyone_waits),
		bench_test(what_is_reclaimed_cannot_be_snatched),
		bench_test(every_reclaimer_is_asked_for_what_is_still_missing),
		bench_test(a_nudge_asks_again_for_those_who_wait),
		bench_test(a_waiting_writer_is_pressure_and_a_reader_is_not),
		bench_test(
			a_full_class_is_pressed_but_nothing_reclaimed_in_vain),
		bench_test(granted_may_ask_for_more),
		bench_test(trimming_hands_memory_back_and_slabs_stay_usable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
