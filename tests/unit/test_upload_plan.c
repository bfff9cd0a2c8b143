/* SPDX-License-Identifier: MIT */
#include "s3/store.h"
#include "upload_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define TIB (UINT64_C(1) << 40)

/* What a store takes, in parts_max, part_min, part_max, put_max, object_max. */
struct shape {
	unsigned parts_max;
	uint64_t part_min;
	uint64_t part_max;
	uint64_t put_max;
	uint64_t object_max;
};

static const struct shape aws = {10000, 5 * MIB, 5 * GIB, 5 * GIB,
                                 10000 * (5 * GIB)};
static const struct shape plain = {10000, 5 * MIB, 5 * GIB, 5 * GIB, 5 * TIB};
static const struct shape scaleway = {1000, 5 * MIB, 5 * GIB, 5 * GIB, 5 * TIB};
static const struct shape tiny = {3, 2 * MIB, 4 * MIB, 4 * MIB, 11 * MIB};

/* first, held and staged: bytes, as struct upload_sizes has them. */
static struct upload_plan plan_of(const struct shape *shape, uint64_t first,
                                  uint64_t held, uint64_t staged)
{
	const struct store_limits limits = {
		.parts_max = shape->parts_max,
		.part_min = shape->part_min,
		.part_max = shape->part_max,
		.put_max = shape->put_max,
		.object_max = shape->object_max,
	};
	const struct upload_sizes sizes = {
		.part_size = first,
		.held_max = held,
		.staged_max = staged,
	};
	struct upload_plan plan;

	upload_plan_init(&plan, &limits, &sizes);
	return plan;
}

/* The reach, added up part by part. */
static uint64_t add_up(const struct upload_plan *plan, unsigned number,
                       uint64_t offset)
{
	for (unsigned n = number; n <= plan->parts_max; n++) {
		offset += upload_plan_part(plan, n);
		if (offset >= plan->object_max)
			return plan->object_max;
	}
	return offset;
}

/* Sizes never shrink, and grow by doubling up to held, then to largest. */
static void check_growth(const struct upload_plan *plan)
{
	uint64_t last = 0;

	for (unsigned n = 1; n <= plan->parts_max; n++) {
		uint64_t size = upload_plan_part(plan, n);

		assert_true(size >= last && size <= plan->largest);
		assert_true(n > plan->calm || size <= plan->held);
		assert_true(last == 0 || size == last || size == 2 * last ||
		            size == plan->held || size == plan->largest ||
		            (n == plan->calm + 1 && size == 2 * plan->held));
		last = size;
	}
	assert_int_equal(upload_plan_part(plan, 1), plan->first);
}

static void parts_start_small_and_never_shrink(void **state)
{
	struct upload_plan plan = plan_of(&plain, 8 * MIB, 64 * MIB, 5 * GIB);

	(void)state;
	assert_int_equal(upload_plan_part(&plan, 1), 8 * MIB);
	assert_int_equal(upload_plan_part(&plan, 1000), 8 * MIB);
	check_growth(&plan);
	plan = plan_of(&aws, 8 * MIB, 64 * MIB, 5 * GIB);
	check_growth(&plan);
	plan = plan_of(&scaleway, 8 * MIB, 16 * MIB, 5 * GIB);
	check_growth(&plan);
}

/* Bytes of the calm parts. */
static uint64_t calm_bytes(const struct upload_plan *plan)
{
	uint64_t sum = 0;

	for (unsigned n = 1; n <= plan->calm; n++)
		sum += upload_plan_part(plan, n);
	return sum;
}

static void ten_thousand_parts_reach_five_tebibytes(void **state)
{
	static const uint64_t held[] = {16 * MIB, 64 * MIB, 512 * MIB};
	static const uint64_t staged[] = {700 * MIB, GIB, 5 * GIB, 500 * GIB};

	(void)state;
	for (unsigned i = 0; i < 12; i++) {
		struct upload_plan plan =
			plan_of(&plain, 8 * MIB, held[i % 3], staged[i / 3]);

		assert_int_equal(upload_plan_reach(&plan, 1, 0), 5 * TIB);
		check_growth(&plan);
	}
	/* And slowly: the first hundreds of GiB go through memory. */
	struct upload_plan plan = plan_of(&plain, 8 * MIB, 64 * MIB, 5 * GIB);

	assert_true(calm_bytes(&plan) >= 270 * GIB);
}

static void the_largest_objects_are_reached_but_for_an_eighth(void **state)
{
	struct upload_plan plan = plan_of(&aws, 8 * MIB, 64 * MIB, 5 * GIB);
	uint64_t reach = upload_plan_reach(&plan, 1, 0);

	(void)state;
	assert_true(reach >= aws.object_max - aws.object_max / 8);
	assert_true(reach < aws.object_max);
	assert_true(calm_bytes(&plan) >= 37 * GIB);
	assert_int_equal(upload_plan_part(&plan, 156), 8 * MIB);
	assert_int_equal(upload_plan_part(&plan, 157), 16 * MIB);

	/* Wholly by who wants that. */
	plan = plan_of(&aws, 5 * GIB, 64 * MIB, 5 * GIB);
	assert_int_equal(upload_plan_reach(&plan, 1, 0), aws.object_max);
	plan = plan_of(&aws, 5 * GIB - 1, 64 * MIB, 5 * GIB);
	reach = upload_plan_reach(&plan, 1, 0);
	assert_true(reach < aws.object_max && reach > 48 * TIB);
}

static void without_staging_memory_is_the_limit(void **state)
{
	struct upload_plan plan = plan_of(&plain, 8 * MIB, 64 * MIB, 0);

	(void)state;
	assert_int_equal(plan.largest, 64 * MIB);
	assert_true(upload_plan_reach(&plan, 1, 0) >= 547 * GIB);
	assert_int_equal(upload_plan_part(&plan, 10000), 64 * MIB);
	check_growth(&plan);
}

static void few_parts_grow_sooner(void **state)
{
	struct upload_plan plan =
		plan_of(&scaleway, 8 * MIB, 64 * MIB, 5 * GIB);

	(void)state;
	assert_true(upload_plan_reach(&plan, 1, 0) >= 1000 * (5 * GIB) / 8 * 7);
}

static void sizes_are_bent_to_what_the_store_takes(void **state)
{
	static const struct {
		uint64_t part_size;
		uint64_t held_max;
		uint64_t staged_max;
		uint64_t first;
		uint64_t held;
		uint64_t largest;
	} rows[] = {
		{2 * MIB - 1, 4 * MIB, 0, 2 * MIB, 4 * MIB, 4 * MIB},
		{2 * MIB, 4 * MIB, 0, 2 * MIB, 4 * MIB, 4 * MIB},
		{2 * MIB + 1, 4 * MIB, 0, 2 * MIB + 1, 4 * MIB, 4 * MIB},
		{4 * MIB - 1, 4 * MIB, 0, 4 * MIB - 1, 4 * MIB, 4 * MIB},
		{4 * MIB + 1, 9 * MIB, 0, 4 * MIB, 4 * MIB, 4 * MIB},
		{8 * MIB, MIB, 0, 2 * MIB, 2 * MIB, 2 * MIB},
		{8 * MIB, 2 * MIB + 1, 0, 2 * MIB + 1, 2 * MIB + 1,
	         2 * MIB + 1},
		{2 * MIB, 3 * MIB, 3 * MIB - 1, 2 * MIB, 3 * MIB, 3 * MIB},
		{2 * MIB, 3 * MIB, 3 * MIB + 1, 2 * MIB, 3 * MIB, 3 * MIB + 1},
		{2 * MIB, 3 * MIB, 4 * MIB + 1, 2 * MIB, 3 * MIB, 4 * MIB},
		{4 * MIB, 2 * MIB, 4 * MIB, 4 * MIB, 4 * MIB, 4 * MIB},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct upload_plan plan =
			plan_of(&tiny, rows[i].part_size, rows[i].held_max,
		                rows[i].staged_max);

		assert_int_equal(plan.first, rows[i].first);
		assert_int_equal(plan.held, rows[i].held);
		assert_int_equal(plan.largest, rows[i].largest);
		check_growth(&plan);
	}
}

static void sizes_change_at_their_numbers_and_nowhere_else(void **state)
{
	struct upload_plan plan = plan_of(&plain, 8 * MIB, 64 * MIB, 5 * GIB);
	unsigned changes = 0;

	(void)state;
	assert_int_equal(upload_plan_part(&plan, plan.step), 8 * MIB);
	assert_int_equal(upload_plan_part(&plan, plan.step + 1), 16 * MIB);
	assert_int_equal(upload_plan_part(&plan, 2 * plan.step), 16 * MIB);
	assert_int_equal(upload_plan_part(&plan, 2 * plan.step + 1), 32 * MIB);
	assert_int_equal(upload_plan_part(&plan, 3 * plan.step), 32 * MIB);
	assert_int_equal(upload_plan_part(&plan, 3 * plan.step + 1), 64 * MIB);
	assert_int_equal(upload_plan_part(&plan, plan.calm), 64 * MIB);
	assert_int_equal(upload_plan_part(&plan, plan.calm + 1), 128 * MIB);
	assert_int_equal(upload_plan_part(&plan, plan.calm + plan.ramp),
	                 128 * MIB);
	assert_int_equal(upload_plan_part(&plan, plan.calm + plan.ramp + 1),
	                 256 * MIB);
	assert_int_equal(upload_plan_part(&plan, plan.calm + 5 * plan.ramp),
	                 2 * GIB);
	assert_int_equal(upload_plan_part(&plan, plan.calm + 6 * plan.ramp),
	                 4 * GIB);
	assert_int_equal(upload_plan_part(&plan, plan.calm + 6 * plan.ramp + 1),
	                 5 * GIB);
	for (unsigned n = 2; n <= plan.parts_max; n++)
		changes += upload_plan_part(&plan, n) !=
		           upload_plan_part(&plan, n - 1);
	assert_int_equal(changes, 10);
}

static void the_last_part_is_as_far_as_it_goes(void **state)
{
	struct upload_plan plan = plan_of(&tiny, 4 * MIB, 4 * MIB, 0);

	(void)state;
	assert_int_equal(upload_plan_reach(&plan, 1, 0), 11 * MIB);
	assert_int_equal(upload_plan_reach(&plan, 3, 6 * MIB), 10 * MIB);
	assert_int_equal(upload_plan_reach(&plan, 3, 7 * MIB - 1),
	                 11 * MIB - 1);
	assert_int_equal(upload_plan_reach(&plan, 3, 7 * MIB), 11 * MIB);
	assert_int_equal(upload_plan_reach(&plan, 3, 8 * MIB), 11 * MIB);
	assert_int_equal(upload_plan_reach(&plan, 4, 8 * MIB), 8 * MIB);
	assert_int_equal(upload_plan_reach(&plan, 4, 11 * MIB), 11 * MIB);
	assert_int_equal(upload_plan_reach(&plan, 4, 11 * MIB + 1), 11 * MIB);
}

/* Numbers at which something may change, and their neighbours. */
static unsigned near_border(const struct upload_plan *plan, unsigned i)
{
	const unsigned borders[] = {
		2,
		plan->step,
		2 * plan->step,
		plan->calm,
		plan->calm + plan->ramp,
		plan->calm + 2 * plan->ramp,
		plan->calm + 7 * plan->ramp,
		plan->parts_max - 1,
	};
	unsigned n = borders[i / 3 % 8] + i % 3 - 1;

	return n < 1 || n > plan->parts_max ? 1 : n;
}

static void the_reach_is_the_sum_of_the_parts(void **state)
{
	static const struct shape *const shapes[] = {&aws, &plain, &scaleway,
	                                             &tiny};
	static const uint64_t held[] = {MIB, 16 * MIB, 64 * MIB, 100 * GIB};
	static const uint64_t staged[] = {0, GIB, 5 * GIB};

	(void)state;
	for (unsigned i = 0; i < 4 * 4 * 3; i++) {
		struct upload_plan plan =
			plan_of(shapes[i % 4], 8 * MIB, held[i / 4 % 4],
		                staged[i / 16]);

		for (unsigned j = 0; j < 24; j++) {
			unsigned n = near_border(&plan, j);

			assert_int_equal(upload_plan_reach(&plan, n, MIB),
			                 add_up(&plan, n, MIB));
		}
		check_growth(&plan);
	}
}

static void a_store_that_wants_equal_parts_gets_them(void **state)
{
	struct store_limits limits = {
		.parts_max = 10000,
		.part_min = 5 * MIB,
		.part_max = 5 * GIB,
		.put_max = 5 * GIB,
		.object_max = 5 * TIB,
		.equal_parts = true,
	};
	const struct upload_sizes sizes = {8 * MIB, 64 * MIB, 5 * GIB};
	struct upload_plan plan;

	(void)state;
	upload_plan_init(&plan, &limits, &sizes);
	assert_true(plan.equal);
	assert_int_equal(upload_plan_part(&plan, 10000), 8 * MIB);
	assert_int_equal(upload_plan_reach(&plan, 1, 0), 80000 * MIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_start_small_and_never_shrink),
		cmocka_unit_test(ten_thousand_parts_reach_five_tebibytes),
		cmocka_unit_test(
			the_largest_objects_are_reached_but_for_an_eighth),
		cmocka_unit_test(without_staging_memory_is_the_limit),
		cmocka_unit_test(few_parts_grow_sooner),
		cmocka_unit_test(sizes_are_bent_to_what_the_store_takes),
		cmocka_unit_test(
			sizes_change_at_their_numbers_and_nowhere_else),
		cmocka_unit_test(the_last_part_is_as_far_as_it_goes),
		cmocka_unit_test(the_reach_is_the_sum_of_the_parts),
		cmocka_unit_test(a_store_that_wants_equal_parts_gets_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
