/* SPDX-License-Identifier: MIT */
/*
 * When to try again.
 *
 * A token bucket bounds the retries of an endpoint: it is full at first, a
 * retry takes RETRY_COST, a success gives one back, so in the long run one
 * request in five may be tried twice.  Empty, it ends the retries of those
 * whom a failing store answered.  A store that does not answer at all is not
 * hammered by asking, so a write, whose bytes somebody waits to be rid of,
 * goes on then at the slowest pace until its patience ends.
 */
#include "retry.h"

#include <assert.h>
#include <errno.h>

#define BUDGET_MAX  500.0
#define RETRY_COST  5.0
#define REGIONS_MAX 2    /* times a request may move */
#define CUT_MS      1000 /* between two cuts of the window */

void retry_budget_init(struct retry_budget *budget)
{
	budget->max = BUDGET_MAX;
	budget->tokens = BUDGET_MAX;
}

void retry_budget_success(struct retry_budget *budget)
{
	if (budget->tokens < budget->max)
		budget->tokens += 1;
}

/* A uniform number in 0 … limit. */
static uint64_t scale(uint64_t random, uint64_t limit)
{
	return (uint64_t)(((unsigned __int128)random * (limit + 1)) >> 64);
}

/* Full jitter: 0 … min(cap, base * 2^n) for the retry after attempt n + 1. */
static uint64_t backoff(unsigned attempts, uint64_t base, uint64_t random)
{
	uint64_t limit = base;

	for (unsigned i = 1; i < attempts && limit < RETRY_CAP_MS; i++)
		limit *= 2;
	return scale(random, limit < RETRY_CAP_MS ? limit : RETRY_CAP_MS);
}

static struct retry_decision no(const char *why_not)
{
	return (struct retry_decision){.why_not = why_not};
}

/* Again after wait_ms, if that is before the deadline. */
static struct retry_decision again(const struct retry_state *state,
                                   uint64_t wait_ms)
{
	if (state->elapsed_ms >= state->deadline_ms ||
	    wait_ms >= state->deadline_ms - state->elapsed_ms)
		return no("deadline");
	return (struct retry_decision){.again = true, .wait_ms = wait_ms};
}

/* What can be put right at once: once. */
static struct retry_decision repaired(const struct retry_state *state,
                                      bool before, const char *why_not)
{
	return before ? no(why_not) : again(state, 0);
}

/* Failures that may pass by themselves. */
static struct retry_decision passing(const struct retry_state *state,
                                     const struct reply_error *error,
                                     struct retry_budget *budget,
                                     uint64_t random)
{
	bool silent = error->status == 0;
	bool patient = silent && state->elapsed_ms < state->patience_ms;
	uint64_t base = error->advice == REPLY_SLOW_DOWN ? 4 * RETRY_BASE_MS
	                                                 : RETRY_BASE_MS;

	/* A refused connection carried nothing: repeating is always safe. */
	if (!state->idempotent && error->code != -ECONNREFUSED &&
	    error->code != -EHOSTUNREACH)
		return no("not safe to repeat");
	if (!patient && state->attempts >= state->attempts_max)
		return no("attempts spent");

	if (budget->tokens < RETRY_COST) {
		if (!patient)
			return no("retry budget spent");
		return again(state, RETRY_CAP_MS / 2 +
		                            scale(random, RETRY_CAP_MS / 2));
	}

	struct retry_decision ret =
		again(state, backoff(state->attempts, base, random));

	if (ret.again)
		budget->tokens -= RETRY_COST;
	return ret;
}

struct retry_decision retry_decide(const struct retry_state *state,
                                   const struct reply_error *error,
                                   struct retry_budget *budget, uint64_t random)
{
	assert(state->attempts > 0);

	switch (error->advice) {
	case REPLY_RETRY:
	case REPLY_SLOW_DOWN:
		return passing(state, error, budget, random);
	case REPLY_REGION:
		return repaired(state, state->regions_tried >= REGIONS_MAX,
		                "no region helped");
	case REPLY_CLOCK:
		return repaired(state, state->clock_corrected,
		                "the clock was corrected already");
	case REPLY_REFRESH_KEYS:
		return repaired(state, state->keys_refreshed,
		                "the keys were read again already");
	case REPLY_FINAL:
		break;
	}
	return no("final");
}

void retry_window_init(struct retry_window *window, unsigned max)
{
	assert(max > 0);
	*window = (struct retry_window){.size = max, .max = max};
}

void retry_window_success(struct retry_window *window)
{
	window->size += 1 / window->size;
	if (window->size > window->max)
		window->size = window->max;
}

void retry_window_slow_down(struct retry_window *window, uint64_t now_ms)
{
	bool first = window->last_cut_ms == 0;

	if (!first && now_ms - window->last_cut_ms < CUT_MS)
		return;
	window->last_cut_ms = now_ms;
	window->size /= 2;
	if (window->size < 1)
		window->size = 1;
}
