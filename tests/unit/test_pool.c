/* SPDX-License-Identifier: MIT */
#include "pool_fixture.h"

#include <string.h>
#include <sys/mman.h>

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

static void an_idle_pool_is_trimmed_bit_by_bit(void **state)
{
	struct bench *b = *state;
	struct pool_stats stats;
	struct want w;

	want_init(&w, POOL_READ, SLABS, &b->turns);
	assert_true(pool_take(b->pool, &w.wait));
	memset(w.slabs[0], 1, POOL_SLAB_SIZE);
	pool_trim_idle(b->pool); /* something was taken */
	pool_get_stats(b->pool, &stats);
	assert_int_equal(stats.kept, 0);
	give(b, &w);
	pool_trim_idle(b->pool); /* and given */
	pool_get_stats(b->pool, &stats);
	assert_int_equal(stats.kept, SLABS * POOL_SLAB_SIZE);
	assert_true(resident_pages(w.slabs[0]) > 0);
	pool_trim_idle(b->pool);
	pool_get_stats(b->pool, &stats);
	assert_int_equal(stats.kept, 0);
	assert_int_equal(resident_pages(w.slabs[0]), 0);
}

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
		bench_test(granted_may_ask_for_more),
		bench_test(trimming_hands_memory_back_and_slabs_stay_usable),
		bench_test(an_idle_pool_is_trimmed_bit_by_bit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
