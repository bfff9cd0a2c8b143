/* SPDX-License-Identifier: MIT */
#include "tell.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void answers_are_no_failures(void **state)
{
	(void)state;
	assert_false(tell_is_failure(0, ""));
	assert_false(tell_is_failure(-ENOENT, "no such key"));
	assert_false(tell_is_failure(-EEXIST, "it is there"));
	assert_false(tell_is_failure(-EINTR, "interrupted"));
	assert_false(tell_is_failure(-EINVAL, ""));
}

static void what_a_store_refused_is_a_failure(void **state)
{
	(void)state;
	assert_true(tell_is_failure(-EACCES, "access denied"));
	assert_true(tell_is_failure(-ETIMEDOUT, "not done"));
	assert_true(tell_is_failure(-ESTALE, "changed by somebody else"));
	assert_true(tell_is_failure(-EIO, ""));
	assert_true(tell_is_failure(-ENOMEM, ""));
}

static void the_same_is_said_once_in_a_while(void **state)
{
	struct tell tell = {.lock = PTHREAD_MUTEX_INITIALIZER};
	unsigned left_out = 7;

	(void)state;
	assert_true(tell_now(&tell, 5000, "a", &left_out));
	assert_int_equal(left_out, 0);
	assert_false(tell_now(&tell, 5001, "a", &left_out));
	assert_false(tell_now(&tell, 5000 + TELL_SAME_MS - 1, "a", &left_out));
	assert_true(tell_now(&tell, 5000 + TELL_SAME_MS, "a", &left_out));
	assert_int_equal(left_out, 2);
	assert_true(tell_now(&tell, 5000 + TELL_SAME_MS, "b", &left_out));
	assert_int_equal(left_out, 0);
}

static void a_storm_is_told_in_part_and_counted(void **state)
{
	struct tell tell = {.lock = PTHREAD_MUTEX_INITIALIZER};
	uint64_t now = UINT64_C(1) << 40;
	unsigned left_out = 0, told = 0;

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		char text[16];

		(void)snprintf(text, sizeof(text), "request %u", i);
		told += tell_now(&tell, now, text, &left_out);
	}
	assert_int_equal(told, TELL_BURST);
	assert_false(tell_now(&tell, now + TELL_LINE_MS - 1, "x", &left_out));
	assert_true(tell_now(&tell, now + TELL_LINE_MS, "x", &left_out));
	assert_int_equal(left_out, 100 - TELL_BURST + 1);
	assert_false(tell_now(&tell, now + TELL_LINE_MS, "y", &left_out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_are_no_failures),
		cmocka_unit_test(what_a_store_refused_is_a_failure),
		cmocka_unit_test(the_same_is_said_once_in_a_while),
		cmocka_unit_test(a_storm_is_told_in_part_and_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
