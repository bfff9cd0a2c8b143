/* SPDX-License-Identifier: MIT */
#include "upload_plan.h"

#include "s3/store.h"

#include <assert.h>

/* Steps that are tried: parts_max divided by 10, 20, ... 10 << 9. */
#define STEP_DIVISOR 10
#define STEP_TRIES   10

static uint64_t clamp(uint64_t value, uint64_t least, uint64_t most)
{
	if (value > most)
		value = most;
	return value < least ? least : value;
}

/* Bytes that could be held if every part had the largest size. */
static uint64_t utmost(const struct upload_plan *plan)
{
	uint64_t all;

	if (__builtin_mul_overflow(plan->largest, plan->parts_max, &all))
		return plan->object_max;
	return all < plan->object_max ? all : plan->object_max;
}

/* Bytes of the parts from number on, cut at the object's largest size. */
static uint64_t sum_from(const struct upload_plan *plan, unsigned number)
{
	uint64_t sum = 0;

	while (number <= plan->parts_max && sum < plan->object_max) {
		uint64_t size = upload_plan_part(plan, number);
		unsigned last = ((number - 1) / plan->step + 1) * plan->step;
		uint64_t bytes;

		if (last > plan->parts_max || size == plan->largest)
			last = plan->parts_max;
		if (__builtin_mul_overflow(size, last - number + 1, &bytes) ||
		    __builtin_add_overflow(sum, bytes, &sum))
			return plan->object_max;
		number = last + 1;
	}
	return sum < plan->object_max ? sum : plan->object_max;
}

void upload_plan_init(struct upload_plan *plan,
                      const struct store_limits *limits, uint64_t part_size,
                      uint64_t held_max)
{
	uint64_t wanted;

	plan->largest = clamp(held_max, limits->part_min, limits->part_max);
	plan->first = clamp(part_size, limits->part_min, plan->largest);
	if (plan->first > limits->put_max)
		plan->first = limits->put_max;
	plan->object_max = limits->object_max;
	plan->parts_max = limits->parts_max;
	plan->equal = limits->equal_parts;
	if (plan->equal) {
		plan->step = plan->parts_max;
		return;
	}

	wanted = utmost(plan);
	if (wanted < plan->object_max)
		wanted -= wanted / 32;

	for (unsigned i = 0; i < STEP_TRIES; i++) {
		plan->step = plan->parts_max / (STEP_DIVISOR << i);
		if (plan->step == 0)
			plan->step = 1;
		if (sum_from(plan, 1) >= wanted)
			return;
	}
}

uint64_t upload_plan_part(const struct upload_plan *plan, unsigned number)
{
	unsigned doublings = (number - 1) / plan->step;

	assert(number > 0);
	if (doublings >= 63 || plan->first > plan->largest >> doublings)
		return plan->largest;
	return plan->first << doublings;
}

uint64_t upload_plan_reach(const struct upload_plan *plan, unsigned number,
                           uint64_t offset)
{
	uint64_t sum = sum_from(plan, number);

	if (offset > plan->object_max || sum > plan->object_max - offset)
		return plan->object_max;
	return offset + sum;
}
