/* SPDX-License-Identifier: MIT */
#include "prefetch_policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define KIB  (UINT64_C(1) << 10)
#define MIB  (UINT64_C(1) << 20)
#define SIZE (1024 * MIB)
#define MAX  (64 * MIB)

static struct prefetch_advice read_at(struct prefetch_policy *policy,
                                      uint64_t offset, uint64_t length)
{
	return prefetch_read(policy, offset, length, SIZE, MAX);
}

static void the_first_read_at_the_beginning_starts_a_run(void **state)
{
	struct prefetch_policy policy = {0};
	struct prefetch_advice a = read_at(&policy, 0, 128 * KIB);

	(void)state;
	assert_true(a.run);
	assert_false(a.seek);
	assert_int_equal(a.from, 0);
	assert_int_equal(a.to, 128 * KIB);
	/* The read rounded up to 1 MiB and 1 MiB more, in whole GETs. */
	assert_int_equal(policy.window, 2 * MIB);
	assert_int_equal(a.get, MIB);
	assert_int_equal(a.ahead_from, 128 * KIB);
	assert_int_equal(a.ahead_to, 128 * KIB + 2 * MIB);
}

static void what_open_has_begun_is_not_asked_for_again(void **state)
{
	struct prefetch_policy policy = {0};
	struct prefetch_advice a;

	(void)state;
	prefetch_begun(&policy, MIB);
	a = read_at(&policy, 0, 128 * KIB);
	assert_int_equal(a.ahead_from, MIB);
	assert_int_equal(a.ahead_to, 2 * MIB);
}

static void the_window_doubles_when_half_of_it_was_read(void **state)
{
	struct prefetch_policy policy = {0};
	uint64_t offset = 0;
	uint64_t windows[7];
	unsigned n = 0;

	(void)state;
	while (n < 7 && offset < SIZE) {
		uint64_t before = policy.window;
		struct prefetch_advice a = read_at(&policy, offset, MIB / 2);

		prefetch_begun(&policy, a.ahead_to);
		if (policy.window != before)
			windows[n++] = policy.window;
		else if (policy.window == MAX)
			break;
		offset += MIB / 2;
	}
	assert_int_equal(n, 6);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(windows[i], (2 * MIB) << i);
	/* 1 + 2 + 4 + 8 + 16 MiB were read until then, and the first read. */
	assert_true(offset <= 32 * MIB);
}

static void large_windows_are_fetched_by_gets_of_eight_mebibytes(void **state)
{
	struct prefetch_policy policy = {0};
	uint64_t upto = 0;
	struct prefetch_advice a = {0};

	(void)state;
	for (uint64_t offset = 0; offset < 100 * MIB; offset += MIB) {
		a = read_at(&policy, offset, MIB);
		assert_true(a.ahead_to <= offset + MIB + MAX);
		assert_true(a.ahead_from >= upto);
		if (offset > 90 * MIB)
			assert_int_equal(
				(a.ahead_to - a.ahead_from) % (8 * MIB), 0);
		upto = a.ahead_to;
		prefetch_begun(&policy, a.ahead_to);
	}
	assert_int_equal(a.get, 8 * MIB);
	assert_true(upto > 150 * MIB);
}

static void a_run_stays_one_when_the_kernel_sends_it_out_of_order(void **state)
{
	static const unsigned order[] = {0, 2, 1, 3, 5, 4, 7, 6, 9, 8};
	struct prefetch_policy policy = {0};

	(void)state;
	for (unsigned i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		struct prefetch_advice a =
			read_at(&policy, order[i] * 128 * KIB, 128 * KIB);

		assert_true(a.run);
		assert_false(a.seek);
	}
	assert_int_equal(policy.next, 10 * 128 * KIB);
}

static void a_random_read_fetches_only_what_it_needs(void **state)
{
	struct prefetch_policy policy = {0};
	struct prefetch_advice a = read_at(&policy, 500 * MIB + 5000, 4096);

	(void)state;
	assert_false(a.run);
	assert_int_equal(a.from, 500 * MIB);
	assert_int_equal(a.to, 500 * MIB + 128 * KIB);
	assert_int_equal(a.ahead_from, a.ahead_to);
	assert_int_equal(policy.window, 0);

	a = read_at(&policy, 500 * MIB + 128 * KIB - 1, 2);
	assert_int_equal(a.from, 500 * MIB);
	assert_int_equal(a.to, 500 * MIB + 256 * KIB);
}

static void a_seek_ends_a_run_and_three_reads_begin_one(void **state)
{
	struct prefetch_policy policy = {0};
	struct prefetch_advice a;

	(void)state;
	(void)read_at(&policy, 0, MIB);
	a = read_at(&policy, 700 * MIB, 128 * KIB);
	assert_true(a.seek);
	assert_false(a.run);
	assert_int_equal(policy.window, 0);
	a = read_at(&policy, 700 * MIB + 128 * KIB, 128 * KIB);
	assert_false(a.seek);
	assert_false(a.run);
	a = read_at(&policy, 700 * MIB + 256 * KIB, 128 * KIB);
	assert_true(a.run);
	assert_int_equal(policy.window, 2 * MIB);
	assert_true(a.ahead_to > a.ahead_from);
	assert_true(a.ahead_from >= 700 * MIB);
}

static void jumping_about_never_begins_a_run(void **state)
{
	struct prefetch_policy policy = {0};
	uint64_t x = 12345;

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		uint64_t offset;
		struct prefetch_advice a;

		x = x * UINT64_C(6364136223846793005) + 1442695040888963407;
		offset = 64 * MIB + (x >> 33) % (900 * MIB);
		a = read_at(&policy, offset, 4096);
		assert_int_equal(a.ahead_from, a.ahead_to);
		assert_true(a.to - a.from <= 256 * KIB);
	}
}

static void nothing_goes_beyond_the_end_of_the_file(void **state)
{
	struct prefetch_policy policy = {0};
	struct prefetch_advice a;

	(void)state;
	a = prefetch_read(&policy, 0, 100, 100, MAX);
	assert_int_equal(a.to, 100);
	assert_int_equal(a.ahead_to, 100);
	assert_int_equal(a.ahead_from, 100);

	policy = (struct prefetch_policy){0};
	a = prefetch_read(&policy, 0, 128 * KIB, MIB + 77, MAX);
	assert_int_equal(a.ahead_to, MIB + 77);
}

static void no_window_means_no_reading_ahead(void **state)
{
	struct prefetch_policy policy = {0};

	(void)state;
	for (uint64_t offset = 0; offset < 10 * MIB; offset += MIB) {
		struct prefetch_advice a =
			prefetch_read(&policy, offset, MIB, SIZE, 0);

		assert_int_equal(a.ahead_from, a.ahead_to);
		assert_false(a.run);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_read_at_the_beginning_starts_a_run),
		cmocka_unit_test(what_open_has_begun_is_not_asked_for_again),
		cmocka_unit_test(the_window_doubles_when_half_of_it_was_read),
		cmocka_unit_test(
			large_windows_are_fetched_by_gets_of_eight_mebibytes),
		cmocka_unit_test(
			a_run_stays_one_when_the_kernel_sends_it_out_of_order),
		cmocka_unit_test(a_random_read_fetches_only_what_it_needs),
		cmocka_unit_test(a_seek_ends_a_run_and_three_reads_begin_one),
		cmocka_unit_test(jumping_about_never_begins_a_run),
		cmocka_unit_test(nothing_goes_beyond_the_end_of_the_file),
		cmocka_unit_test(no_window_means_no_reading_ahead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
