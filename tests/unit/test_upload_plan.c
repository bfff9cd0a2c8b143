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

static struct upload_plan plan_of(const struct shape *shape, uint64_t part_size,
                                  uint64_t held_max)
{
	struct store_limits limits = {
		.parts_max = shape->parts_max,
		.part_min = shape->part_min,
		.part_max = shape->part_max,
		.put_max = shape->put_max,
		.object_max = shape->object_max,
	};
	struct upload_plan plan;

	upload_plan_init(&plan, &limits, part_size, held_max);
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

static void parts_start_small_and_never_shrink(void **state)
{
	struct upload_plan plan = plan_of(&plain, 8 * MIB, 5 * GIB);
	uint64_t last = 0;

	(void)state;
	assert_int_equal(upload_plan_part(&plan, 1), 8 * MIB);
	assert_int_equal(upload_plan_part(&plan, 100), 8 * MIB);
	for (unsigned n = 1; n <= plan.parts_max; n++) {
		uint64_t size = upload_plan_part(&plan, n);

		assert_true(size >= last && size <= 5 * GIB);
		assert_true(last == 0 || size == last || size == 2 * last ||
		            size == plan.largest);
		last = size;
	}
}

static void ten_thousand_parts_reach_five_tebibytes(void **state)
{
	struct upload_plan plan = plan_of(&plain, 8 * MIB, 5 * GIB);

	(void)state;
	assert_int_equal(upload_plan_reach(&plan, 1, 0), 5 * TIB);
	/* And slowly: the first 8 GiB go by small parts. */
	assert_int_equal(upload_plan_part(&plan, 1000), 8 * MIB);
	assert_int_equal(upload_plan_part(&plan, 1001), 16 * MIB);
}

static void the_largest_objects_are_reached_but_for_a_little(void **state)
{
	struct upload_plan plan = plan_of(&aws, 8 * MIB, 5 * GIB);
	uint64_t reach = upload_plan_reach(&plan, 1, 0);

	(void)state;
	assert_true(reach >= aws.object_max - aws.object_max / 32);
	assert_true(reach <= aws.object_max);
}

static void a_quarter_of_the_budget_reaches_hundreds_of_gibibytes(void **state)
{
	struct upload_plan plan = plan_of(&plain, 8 * MIB, 64 * MIB);

	(void)state;
	assert_int_equal(plan.largest, 64 * MIB);
	assert_true(upload_plan_reach(&plan, 1, 0) >= 605 * GIB);
	assert_int_equal(upload_plan_part(&plan, 10000), 64 * MIB);
	assert_int_equal(upload_plan_part(&plan, 100), 8 * MIB);
}

static void few_parts_grow_sooner(void **state)
{
	struct upload_plan plan = plan_of(&scaleway, 8 * MIB, 5 * GIB);
	uint64_t reach = upload_plan_reach(&plan, 1, 0);

	(void)state;
	assert_true(reach >= 1000 * (5 * GIB) / 32 * 31);
}

static void sizes_are_bent_to_what_the_store_takes(void **state)
{
	struct upload_plan plan;

	(void)state;
	plan = plan_of(&tiny, 2 * MIB - 1, 100 * MIB);
	assert_int_equal(plan.first, 2 * MIB);
	plan = plan_of(&tiny, 2 * MIB, 100 * MIB);
	assert_int_equal(plan.first, 2 * MIB);
	plan = plan_of(&tiny, 2 * MIB + 1, 100 * MIB);
	assert_int_equal(plan.first, 2 * MIB + 1);
	plan = plan_of(&tiny, 4 * MIB + 1, 100 * MIB);
	assert_int_equal(plan.first, 4 * MIB);
	assert_int_equal(plan.largest, 4 * MIB);
	plan = plan_of(&tiny, 8 * MIB, MIB);
	assert_int_equal(plan.largest, 2 * MIB); /* the least a part can be */
	assert_int_equal(plan.first, 2 * MIB);
}

static void the_last_part_is_as_far_as_it_goes(void **state)
{
	struct upload_plan plan = plan_of(&tiny, 4 * MIB, 4 * MIB);

	(void)state;
	assert_int_equal(upload_plan_reach(&plan, 1, 0), 11 * MIB);
	assert_int_equal(upload_plan_reach(&plan, 3, 6 * MIB), 10 * MIB);
	assert_int_equal(upload_plan_reach(&plan, 3, 7 * MIB), 11 * MIB);
	assert_int_equal(upload_plan_reach(&plan, 3, 8 * MIB), 11 * MIB);
	assert_int_equal(upload_plan_reach(&plan, 4, 8 * MIB), 8 * MIB);
	assert_int_equal(upload_plan_reach(&plan, 4, 11 * MIB), 11 * MIB);
}

static void the_reach_is_the_sum_of_the_parts(void **state)
{
	static const struct shape *const shapes[] = {&aws, &plain, &scaleway,
	                                             &tiny};
	static const uint64_t held[] = {MIB, 16 * MIB, 64 * MIB, 100 * GIB};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		for (unsigned j = 0; j < 4; j++) {
			struct upload_plan plan =
				plan_of(shapes[i], 8 * MIB, held[j]);

			for (unsigned n = 1; n <= plan.parts_max;
			     n += n < 20 ? 1 : 397)
				assert_int_equal(upload_plan_reach(&plan, n,
				                                   MIB),
				                 add_up(&plan, n, MIB));
		}
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
	struct upload_plan plan;

	(void)state;
	upload_plan_init(&plan, &limits, 8 * MIB, 5 * GIB);
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
			the_largest_objects_are_reached_but_for_a_little),
		cmocka_unit_test(
			a_quarter_of_the_budget_reaches_hundreds_of_gibibytes),
		cmocka_unit_test(few_parts_grow_sooner),
		cmocka_unit_test(sizes_are_bent_to_what_the_store_takes),
		cmocka_unit_test(the_last_part_is_as_far_as_it_goes),
		cmocka_unit_test(the_reach_is_the_sum_of_the_parts),
		cmocka_unit_test(a_store_that_wants_equal_parts_gets_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
