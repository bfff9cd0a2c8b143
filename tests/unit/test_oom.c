/* SPDX-License-Identifier: MIT */
/*
 * Memory runs out: at the first allocation, at the second, and so on.  The
 * linker leads malloc() and its kin in base to the ones here (--wrap), so
 * libraries are not concerned.
 */
#include "base/digest.h"
#include "base/exec.h"
#include "base/json.h"
#include "base/metrics.h"
#include "base/pool.h"
#include "base/str.h"
#include "base/timer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Allocations until the one that fails; negative = none will. */
static int until_failure = -1;

static bool is_time_to_fail(void)
{
	return until_failure >= 0 && until_failure-- == 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);

void *__wrap_malloc(size_t size)
{
	return is_time_to_fail() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return is_time_to_fail() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return is_time_to_fail() ? NULL : __real_realloc(p, size);
}

/* Makes something and frees it again: 0, or why it could not be made. */
typedef int attempt_fn(void);

static int attempt_exec(void)
{
	struct exec *exec = NULL;
	int r = exec_new("work", 2, &exec);

	assert_true((r < 0) == (exec == NULL));
	exec_free(exec);
	return r;
}

static int attempt_timers(void)
{
	struct timers *timers = NULL;
	int r = timers_new(clock_system(), &timers);

	assert_true((r < 0) == (timers == NULL));
	timers_free(timers);
	return r;
}

static int attempt_pool(void)
{
	struct pool *pool = NULL;
	int r = pool_new(16 * POOL_SLAB_SIZE, &pool);

	assert_true((r < 0) == (pool == NULL));
	pool_free(pool);
	return r;
}

static int attempt_metrics(void)
{
	struct metrics *metrics = NULL;
	int r = metrics_new(&metrics);

	assert_true((r < 0) == (metrics == NULL));
	metrics_free(metrics);
	return r;
}

static int attempt_digest(void)
{
	struct digest *digest = NULL;
	int r = digest_new(DIGEST_SHA256, &digest);

	assert_true((r < 0) == (digest == NULL));
	digest_free(digest);
	return r;
}

static int attempt_text(void)
{
	struct str s = {0};

	str_add(&s, "short");
	str_addf(&s, "%0100d", 1);
	str_add_uri(&s, "a b", 3, false);

	int r = str_status(&s);
	char *text = str_take(&s);

	assert_true((r < 0) == (text == NULL));
	assert_null(s.data);
	free(text);
	return r;
}

static int attempt_decoding(void)
{
	struct str s = {0};
	int r = str_uri_decode("%41", 3, false, &s);

	str_release(&s);
	return r;
}

static int attempt_dump(void)
{
	struct jval *v = jval_new_object();
	struct str s = {0};

	assert_int_equal(jval_set_u64(v, "n", 1), 0);

	int r = jval_dump(v, &s);

	jval_free(v);
	str_release(&s);
	return r;
}

static void each_says_that_memory_ran_out_and_leaks_nothing(void **state)
{
	static const struct {
		attempt_fn *attempt;
		int allocations; /* at least */
	} cases[] = {
		{attempt_exec, 1},     {attempt_timers, 1}, {attempt_pool, 3},
		{attempt_metrics, 1},  {attempt_digest, 1}, {attempt_text, 2},
		{attempt_decoding, 1}, {attempt_dump, 1},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int n = 0;
		int r;

		do {
			until_failure = n;
			r = cases[i].attempt();
			if (r < 0)
				n++;
			assert_true(r == 0 || r == -ENOMEM);
		} while (r < 0);
		until_failure = -1;
		assert_true(n >= cases[i].allocations);
	}
}

static void text_that_was_there_stays_and_nothing_half_is_added(void **state)
{
	struct str s = {0};

	(void)state;
	str_add(&s, "kept");
	until_failure = 0;
	str_addf(&s, "%0100d", 1);
	until_failure = -1;
	assert_int_equal(str_status(&s), -ENOMEM);
	assert_string_equal(str_text(&s), "kept");
	assert_int_equal(s.len, 4);
	str_release(&s);
}

static void a_printf_without_memory_is_null(void **state)
{
	(void)state;
	until_failure = 0;
	assert_null(str_printf("%d", 1));
	until_failure = -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			each_says_that_memory_ran_out_and_leaks_nothing),
		cmocka_unit_test(
			text_that_was_there_stays_and_nothing_half_is_added),
		cmocka_unit_test(a_printf_without_memory_is_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
