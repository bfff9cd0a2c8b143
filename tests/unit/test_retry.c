/* SPDX-License-Identifier: MIT */
#include "retry.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* A request after its first attempt, with all the time there is. */
static struct retry_state first(void)
{
	return (struct retry_state){
		.attempts = 1,
		.attempts_max = 8,
		.deadline_ms = 60000,
		.idempotent = true,
	};
}

static struct retry_budget full(void)
{
	struct retry_budget budget;

	retry_budget_init(&budget);
	return budget;
}

/* An answer with this advice. */
static struct reply_error answer(enum reply_advice advice)
{
	return (struct reply_error){
		.code = -EIO,
		.advice = advice,
		.status = 500,
	};
}

/* The longest and the shortest wait after that many attempts. */
static void assert_waits(enum reply_advice advice, unsigned attempts,
                         uint64_t longest)
{
	struct retry_budget budget = full();
	struct retry_state state = first();
	const struct reply_error error = answer(advice);

	state.attempts = attempts;
	state.attempts_max = 100;
	struct retry_decision d =
		retry_decide(&state, &error, &budget, UINT64_MAX);

	assert_true(d.again);
	assert_int_equal(d.wait_ms, longest);
	d = retry_decide(&state, &error, &budget, 0);
	assert_true(d.again);
	assert_int_equal(d.wait_ms, 0);
}

static void waits_are_jittered_doubled_and_capped(void **state)
{
	(void)state;
	assert_waits(REPLY_RETRY, 1, 100);
	assert_waits(REPLY_RETRY, 2, 200);
	assert_waits(REPLY_RETRY, 3, 400);
	assert_waits(REPLY_RETRY, 7, 6400);
	assert_waits(REPLY_RETRY, 8, 10000);
	assert_waits(REPLY_RETRY, 90, 10000);
	assert_waits(REPLY_SLOW_DOWN, 1, 400);
	assert_waits(REPLY_SLOW_DOWN, 2, 800);
	assert_waits(REPLY_SLOW_DOWN, 9, 10000);
}

/* Half of the random numbers are below half of the longest wait. */
static void jitter_is_uniform(void **state)
{
	struct retry_state s = first();
	const struct reply_error error = answer(REPLY_RETRY);

	(void)state;
	s.attempts = 8;
	s.attempts_max = 9;
	for (unsigned i = 0; i < 256; i++) {
		struct retry_budget budget = full();
		struct retry_decision d =
			retry_decide(&s, &error, &budget, (uint64_t)i << 56);

		assert_in_range(d.wait_ms, i * 10000 / 256,
		                i * 10001 / 256 + 1);
	}
}

static void assert_no(const struct retry_state *state,
                      const struct reply_error *error,
                      struct retry_budget *budget, const char *why_not)
{
	struct retry_budget before = *budget;
	struct retry_decision d = retry_decide(state, error, budget, 1);

	assert_false(d.again);
	assert_string_equal(d.why_not, why_not);
	assert_true(before.tokens >= budget->tokens &&
	            before.tokens <= budget->tokens);
}

static void what_is_final_is_final(void **state)
{
	struct retry_budget budget = full();
	struct retry_state s = first();
	const struct reply_error error = answer(REPLY_FINAL);

	(void)state;
	assert_no(&s, &error, &budget, "final");
	s.patience_ms = 60000;
	assert_no(&s, &error, &budget, "final");
}

static void attempts_and_deadline_end_it(void **state)
{
	struct retry_budget budget = full();
	struct retry_state s = first();
	const struct reply_error error = answer(REPLY_RETRY);

	(void)state;
	s.attempts = 8;
	assert_no(&s, &error, &budget, "attempts spent");
	s = first();
	s.elapsed_ms = 60000;
	assert_no(&s, &error, &budget, "deadline");

	/* A wait that would end behind the deadline is not begun. */
	s.elapsed_ms = 59950;
	struct retry_decision d = retry_decide(&s, &error, &budget, UINT64_MAX);

	assert_false(d.again);
	assert_string_equal(d.why_not, "deadline");
	d = retry_decide(&s, &error, &budget, UINT64_MAX / 4);
	assert_true(d.again);
}

static void what_can_be_repaired_is_tried_once_and_at_once(void **state)
{
	struct retry_budget budget = full();
	struct retry_state s = first();
	const struct reply_error clock = answer(REPLY_CLOCK);
	const struct reply_error keys = answer(REPLY_REFRESH_KEYS);
	const struct reply_error region = answer(REPLY_REGION);

	(void)state;
	assert_true(retry_decide(&s, &clock, &budget, UINT64_MAX).again);
	assert_int_equal(retry_decide(&s, &clock, &budget, UINT64_MAX).wait_ms,
	                 0);
	assert_true(retry_decide(&s, &keys, &budget, 0).again);
	assert_true(retry_decide(&s, &region, &budget, 0).again);
	assert_true(budget.tokens >= budget.max); /* these cost nothing */

	s.clock_corrected = true;
	s.keys_refreshed = true;
	s.regions_tried = 1;
	assert_no(&s, &clock, &budget, "the clock was corrected already");
	assert_no(&s, &keys, &budget, "the keys were read again already");
	assert_true(retry_decide(&s, &region, &budget, 0).again);
	s.regions_tried = 2;
	assert_no(&s, &region, &budget, "no region helped");
}

static void an_unsafe_request_is_repeated_only_if_it_never_arrived(void **state)
{
	struct retry_budget budget = full();
	struct retry_state s = first();
	struct reply_error error = answer(REPLY_RETRY);

	(void)state;
	s.idempotent = false;
	assert_no(&s, &error, &budget, "not safe to repeat");
	error = (struct reply_error){.code = -ECONNREFUSED,
	                             .advice = REPLY_RETRY};
	assert_true(retry_decide(&s, &error, &budget, 0).again);
	error.code = -ETIMEDOUT;
	assert_no(&s, &error, &budget, "not safe to repeat");
}

/* How many retries until the answer is no. */
static unsigned spend(struct retry_budget *budget)
{
	const struct retry_state s = first();
	const struct reply_error error = answer(REPLY_RETRY);
	unsigned count = 0;

	while (retry_decide(&s, &error, budget, 0).again)
		count++;
	return count;
}

static void a_failing_store_is_not_hammered(void **state)
{
	struct retry_budget budget = full();
	const struct retry_state s = first();
	const struct reply_error error = answer(REPLY_RETRY);

	(void)state;
	assert_int_equal(spend(&budget), 100);
	assert_no(&s, &error, &budget, "retry budget spent");

	/* Five successes pay for one retry. */
	for (unsigned i = 0; i < 15; i++)
		retry_budget_success(&budget);
	assert_int_equal(spend(&budget), 3);

	for (unsigned i = 0; i < 10000; i++)
		retry_budget_success(&budget);
	assert_int_equal(spend(&budget), 100);
}

static void a_write_waits_for_a_silent_store_until_its_deadline(void **state)
{
	struct retry_budget budget = full();
	struct retry_state s = first();
	const struct reply_error silent = {.code = -ECONNREFUSED,
	                                   .advice = REPLY_RETRY};
	const struct reply_error failing = answer(REPLY_RETRY);

	(void)state;
	(void)spend(&budget);
	s.patience_ms = 300000;
	s.attempts = 1000;
	s.deadline_ms = 300000;

	/* At the slowest pace, for a budget that is spent. */
	struct retry_decision d = retry_decide(&s, &silent, &budget, 0);

	assert_true(d.again);
	assert_int_equal(d.wait_ms, 5000);
	d = retry_decide(&s, &silent, &budget, UINT64_MAX);
	assert_true(d.again);
	assert_int_equal(d.wait_ms, 10000);

	s.elapsed_ms = 299000;
	assert_no(&s, &silent, &budget, "deadline");

	/* One that answers is another matter, and so is a read. */
	s.elapsed_ms = 0;
	assert_no(&s, &failing, &budget, "attempts spent");
	s.patience_ms = 0;
	assert_no(&s, &silent, &budget, "attempts spent");

	/* An answer that may take longer is not asked for any longer. */
	s.patience_ms = 300000;
	s.deadline_ms = 600000;
	s.elapsed_ms = 300000;
	assert_no(&s, &silent, &budget, "attempts spent");
}

static void a_window_halves_once_a_second(void **state)
{
	struct retry_window w;

	(void)state;
	retry_window_init(&w, 64);
	retry_window_slow_down(&w, 1000);
	assert_true(w.size > 31.9 && w.size < 32.1);
	retry_window_slow_down(&w, 1001);
	retry_window_slow_down(&w, 1999);
	assert_true(w.size > 31.9 && w.size < 32.1);
	retry_window_slow_down(&w, 2000);
	assert_true(w.size > 15.9 && w.size < 16.1);
	for (uint64_t t = 3000; t < 60000; t += 1000)
		retry_window_slow_down(&w, t);
	assert_true(w.size > 0.99 && w.size < 1.01);
}

static void a_window_grows_by_one_per_window(void **state)
{
	struct retry_window w;

	(void)state;
	retry_window_init(&w, 8);
	for (uint64_t t = 1000; t < 10000; t += 1000)
		retry_window_slow_down(&w, t);
	retry_window_success(&w);
	assert_true(w.size > 1.99 && w.size < 2.01);
	retry_window_success(&w);
	retry_window_success(&w);
	assert_true(w.size > 2.8 && w.size < 3.01);
	for (unsigned i = 0; i < 1000; i++)
		retry_window_success(&w);
	assert_true(w.size > 7.99 && w.size < 8.01);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_are_jittered_doubled_and_capped),
		cmocka_unit_test(jitter_is_uniform),
		cmocka_unit_test(what_is_final_is_final),
		cmocka_unit_test(attempts_and_deadline_end_it),
		cmocka_unit_test(
			what_can_be_repaired_is_tried_once_and_at_once),
		cmocka_unit_test(
			an_unsafe_request_is_repeated_only_if_it_never_arrived),
		cmocka_unit_test(a_failing_store_is_not_hammered),
		cmocka_unit_test(
			a_write_waits_for_a_silent_store_until_its_deadline),
		cmocka_unit_test(a_window_halves_once_a_second),
		cmocka_unit_test(a_window_grows_by_one_per_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
