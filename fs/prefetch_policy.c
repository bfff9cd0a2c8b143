/* SPDX-License-Identifier: MIT */
#include "prefetch_policy.h"

/* Reads in a row that make a run in the middle of a file. */
#define RUN_READS 3

/* A read this many lengths early or late still belongs to the run. */
#define DISORDER 4

static uint64_t round_down(uint64_t value, uint64_t unit)
{
	return value - value % unit;
}

static uint64_t round_up(uint64_t value, uint64_t unit)
{
	return round_down(value + unit - 1, unit);
}

static uint64_t lesser(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Whether a read goes on where the last ones were. */
static bool follows(const struct prefetch_policy *policy, uint64_t offset,
                    uint64_t length)
{
	uint64_t slack = DISORDER * length;

	return offset <= policy->next + slack && offset + slack >= policy->next;
}

/* Begin a run with this read. */
static void start_run(struct prefetch_policy *policy, uint64_t length,
                      uint64_t window_max)
{
	policy->window = lesser(round_up(length, PREFETCH_STEP) + PREFETCH_STEP,
	                        window_max);
	policy->consumed = 0;
}

/* Note the read; true: it broke a run. */
static bool note(struct prefetch_policy *policy, uint64_t offset,
                 uint64_t length, uint64_t window_max)
{
	bool first = !policy->started;
	bool in_row = !first && follows(policy, offset, length);
	bool seek = !first && !in_row && policy->window > 0;

	policy->started = true;
	policy->in_row = in_row ? policy->in_row + 1 : 1;
	if (!in_row) {
		policy->window = 0;
		policy->next = 0;
		policy->planned = first ? policy->planned : 0;
	}
	if (offset + length > policy->next)
		policy->next = offset + length;

	if (policy->window > 0) {
		policy->consumed += length;
		if (policy->consumed >= policy->window / 2) {
			policy->window = lesser(policy->window * 2, window_max);
			policy->consumed = 0;
		}
	} else if ((first && offset == 0) || policy->in_row >= RUN_READS) {
		start_run(policy, length, window_max);
	}
	return seek;
}

/* How large the GETs of a window are: 8 of them, within bounds. */
static uint64_t get_size(uint64_t window)
{
	uint64_t size = round_down(window / 8, PREFETCH_STEP);

	if (size < PREFETCH_STEP)
		return PREFETCH_STEP;
	return lesser(size, PREFETCH_GET);
}

struct prefetch_advice prefetch_read(struct prefetch_policy *policy,
                                     uint64_t offset, uint64_t length,
                                     uint64_t size, uint64_t window_max)
{
	bool seek = note(policy, offset, length, window_max);
	struct prefetch_advice advice = {
		.seek = seek,
		.from = offset,
		.to = lesser(round_up(offset + length, PREFETCH_ROUND), size),
		.run = policy->window > 0,
	};
	uint64_t end;

	advice.ahead_from = advice.to;
	advice.ahead_to = advice.to;
	if (policy->window == 0) {
		advice.from = round_down(offset, PREFETCH_ROUND);
		return advice;
	}

	if (policy->planned > advice.ahead_from)
		advice.ahead_from = policy->planned;
	advice.ahead_to = advice.ahead_from;
	advice.get = get_size(policy->window);

	/* Whole GETs only, but for the file's end. */
	end = lesser(policy->next + policy->window, size);
	if (end <= advice.ahead_from)
		return advice;
	advice.ahead_to = end == size
	                          ? end
	                          : advice.ahead_from +
	                                    round_down(end - advice.ahead_from,
	                                               advice.get);
	return advice;
}

void prefetch_begun(struct prefetch_policy *policy, uint64_t upto)
{
	if (upto > policy->planned)
		policy->planned = upto;
}
