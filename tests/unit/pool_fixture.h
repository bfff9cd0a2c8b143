/* SPDX-License-Identifier: MIT */
/* A small pool and requests to it, for the pool's tests. */
#ifndef PORTER_TEST_POOL_FIXTURE_H
#define PORTER_TEST_POOL_FIXTURE_H

#include "base/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

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

static inline void note_grant(struct pool_wait *wait)
{
	struct want *w = container_of(wait, struct want, wait);

	assert_int_equal(w->granted, 0);
	w->granted = ++*w->turns;
}

static inline void want_init(struct want *w, enum pool_class class,
                             size_t count, unsigned *turns)
{
	*w = (struct want){
		.wait.class = class,
		.wait.count = count,
		.wait.slabs = w->slabs,
		.wait.granted = note_grant,
		.turns = turns,
	};
}

struct bench {
	struct pool *pool;
	unsigned turns; /* for want_init() */
};

static inline void give(struct bench *b, struct want *w)
{
	pool_give(b->pool, w->wait.class, w->slabs, w->wait.count);
}

static inline struct pool_stats stats(struct bench *b)
{
	struct pool_stats s;

	pool_get_stats(b->pool, &s);
	return s;
}

static inline int set_up(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	*state = b;
	return b ? pool_new(BUDGET, &b->pool) : -1;
}

static inline int tear_down(void **state)
{
	struct bench *b = *state;

	pool_free(b->pool);
	free(b);
	return 0;
}

#define bench_test(name) \
	cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
