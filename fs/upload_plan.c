/* SPDX-License-Identifier: MIT */
#include "upload_plan.h"

#include "s3/store.h"

#include <assert.h>

/* Calm stretches that are tried: all parts, 63 of 64, ... 1 of 64. */
#define CALM_SHARES 64

/* What of the utmost is given up where only parts of one size would reach it. */
#define LOST_SHARE 8

static uint64_t clamp(uint64_t value, uint64_t least, uint64_t most)
{
	if (value > most)
		value = most;
	return value < least ? least : value;
}

/* How often size doubles until it is at least most. */
static unsigned doublings(uint64_t size, uint64_t most)
{
	unsigned n = 0;

	while (n < 63 && size < most >> n)
		n++;
	if (n > 0 && size << (n - 1) >= most)
		n--;
	return n;
}

/* size doubled n times, but no more than most. */
static uint64_t doubled(uint64_t size, unsigned n, uint64_t most)
{
	return n >= 63 || size > most >> n ? most : size << n;
}

/* Bytes that could be held if every part had the largest size. */
static uint64_t utmost(const struct upload_plan *plan)
{
	uint64_t all;

	if (__builtin_mul_overflow(plan->largest, plan->parts_max, &all))
		return plan->object_max;
	return all < plan->object_max ? all : plan->object_max;
}

/* The last part number before the size changes, or somewhat before that. */
static unsigned run_end(const struct upload_plan *plan, unsigned number)
{
	unsigned calm = plan->calm;
	uint64_t size = upload_plan_part(plan, number);
	uint64_t end;

	if (number <= calm) {
		end = ((uint64_t)(number - 1) / plan->step + 1) * plan->step;
		return end > calm || size == plan->held ? calm : (unsigned)end;
	}
	end = ((uint64_t)(number - calm - 1) / plan->ramp + 1) * plan->ramp +
	      calm;
	return end > plan->parts_max || size == plan->largest ? plan->parts_max
	                                                      : (unsigned)end;
}

/* Bytes of the parts from number on, cut at the object's largest size. */
static uint64_t sum_from(const struct upload_plan *plan, unsigned number)
{
	uint64_t sum = 0;

	while (number <= plan->parts_max && sum < plan->object_max) {
		uint64_t size = upload_plan_part(plan, number);
		unsigned last = run_end(plan, number);
		uint64_t bytes;

		if (__builtin_mul_overflow(size, last - number + 1, &bytes) ||
		    __builtin_add_overflow(sum, bytes, &sum))
			return plan->object_max;
		number = last + 1;
	}
	return sum < plan->object_max ? sum : plan->object_max;
}

/* Let the first parts be calm, and the sizes double evenly over both. */
static void set_calm(struct upload_plan *plan, unsigned calm)
{
	unsigned slow = 2 * doublings(plan->first, plan->held);
	unsigned fast = 2 * doublings(plan->held, plan->largest);

	plan->calm = calm > 0 ? calm : 1;
	plan->step = slow > 0 && calm > slow ? calm / slow : 1;
	plan->ramp = fast > 0 && calm > fast ? calm / fast : 1;
	if (slow == 0)
		plan->step = plan->parts_max;
}

void upload_plan_init(struct upload_plan *plan,
                      const struct store_limits *limits,
                      const struct upload_sizes *sizes)
{
	uint64_t most =
		clamp(sizes->held_max > sizes->staged_max ? sizes->held_max
	                                                  : sizes->staged_max,
	              limits->part_min, limits->part_max);
	uint64_t wanted;

	*plan = (struct upload_plan){
		.object_max = limits->object_max,
		.parts_max = limits->parts_max,
		.equal = limits->equal_parts,
		.largest = most,
	};
	plan->first = clamp(sizes->part_size, limits->part_min, most);
	if (plan->first > limits->put_max)
		plan->first = limits->put_max;
	plan->held = clamp(sizes->held_max, plan->first, most);
	set_calm(plan, plan->parts_max);
	if (plan->equal) {
		plan->step = plan->parts_max;
		plan->held = plan->first;
		plan->largest = plan->first;
		return;
	}

	wanted = utmost(plan);
	if (wanted < plan->object_max ||
	    plan->largest * plan->parts_max < wanted + wanted / LOST_SHARE)
		wanted -= wanted / LOST_SHARE;
	for (unsigned share = CALM_SHARES; share > 0; share--) {
		set_calm(plan, (unsigned)((uint64_t)plan->parts_max * share /
		                          CALM_SHARES));
		if (sum_from(plan, 1) >= wanted)
			return;
	}
}

uint64_t upload_plan_part(const struct upload_plan *plan, unsigned number)
{
	assert(number > 0);
	if (number <= plan->calm)
		return doubled(plan->first, (number - 1) / plan->step,
		               plan->held);
	return doubled(plan->held, (number - plan->calm - 1) / plan->ramp + 1,
	               plan->largest);
}

uint64_t upload_plan_reach(const struct upload_plan *plan, unsigned number,
                           uint64_t offset)
{
	uint64_t sum = sum_from(plan, number);

	if (offset > plan->object_max || sum > plan->object_max - offset)
		return plan->object_max;
	return offset + sum;
}
