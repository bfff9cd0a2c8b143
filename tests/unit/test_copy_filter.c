/* SPDX-License-Identifier: MIT */
/* Which objects a transfer is about, and which are due: tables. */
#include "copy_filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static bool takes(const char *words, const char *name, uint64_t size,
                  int64_t mtime, const char *class)
{
	struct command command = {0};
	struct copy_filter filter;
	const struct copy_entry entry = {name, size, mtime, "\"e\"", class};
	bool r;

	assert_int_equal(command_parse(words, strlen(words), &command, NULL),
	                 0);
	copy_filter_init(&filter, &command, 100000);
	r = copy_filter_takes(&filter, &entry);
	command_release(&command);
	return r;
}

static void names_are_held_against_patterns(void **state)
{
	(void)state;
	assert_true(takes("x=1", "a/b.jpg", 1, 0, ""));
	assert_true(takes("include=*.jpg", "a/b.jpg", 1, 0, ""));
	assert_false(takes("include=*.jpg", "a/b.png", 1, 0, ""));
	assert_true(takes("include=*.jpg include=*.png", "a/b.png", 1, 0, ""));
	assert_true(takes("include=a/*", "a/b/c.png", 1, 0, ""));
	assert_false(takes("include=a/*", "b/a/c.png", 1, 0, ""));
	assert_false(takes("include=*.jpg exclude=b.*", "a/b.jpg", 1, 0, ""));
	assert_true(takes("exclude=tmp/*", "a/tmp", 1, 0, ""));
	assert_false(takes("exclude=tmp/*", "tmp/a", 1, 0, ""));
	assert_true(takes("include=[ab].txt", "a.txt", 1, 0, ""));
}

static void sizes_times_and_classes(void **state)
{
	(void)state;
	assert_true(takes("min-size=10", "a", 10, 0, ""));
	assert_false(takes("min-size=10", "a", 9, 0, ""));
	assert_true(takes("max-size=1K", "a", 1024, 0, ""));
	assert_false(takes("max-size=1K", "a", 1025, 0, ""));
	assert_true(takes("newer-than=100s", "a", 1, 99900, ""));
	assert_false(takes("newer-than=100s", "a", 1, 99899, ""));
	assert_true(takes("older-than=100s", "a", 1, 99899, ""));
	assert_false(takes("older-than=100s", "a", 1, 99900, ""));
	assert_true(takes("newer-than=1970-01-02", "a", 1, 86400, ""));
	assert_false(takes("newer-than=1970-01-02", "a", 1, 86399, ""));
	assert_true(takes("storage-class=STANDARD", "a", 1, 0, ""));
	assert_false(takes("storage-class=GLACIER", "a", 1, 0, ""));
	assert_true(takes("storage-class=X storage-class=GLACIER", "a", 1, 0,
	                  "GLACIER"));
}

static const struct copy_entry source = {"k", 5, 100, "\"aa\"", ""};

static void what_is_the_same_is_not_copied(void **state)
{
	struct copy_entry same = source;
	struct copy_entry other = source;
	struct copy_entry multipart = source;

	(void)state;
	other.etag = "\"bb\"";
	multipart.etag = "\"cc-2\"";
	assert_int_equal(copy_compare(&source, &same), COPY_SAME_ETAG);
	assert_int_equal(copy_compare(&source, &other), COPY_OTHER);
	assert_int_equal(copy_compare(&source, &multipart), COPY_SAME_SIZE);
	assert_true(copy_is_due(COPY_DIFFERS, &source, NULL));
	assert_false(copy_is_due(COPY_DIFFERS, &source, &same));
	assert_true(copy_is_due(COPY_DIFFERS, &source, &other));
	multipart.mtime = 100;
	assert_false(copy_is_due(COPY_DIFFERS, &source, &multipart));
	multipart.mtime = 99;
	assert_true(copy_is_due(COPY_DIFFERS, &source, &multipart));
	same.size = 6;
	assert_int_equal(copy_compare(&source, &same), COPY_OTHER);
}

static void when_says_what_is_due(void **state)
{
	struct copy_entry older = source;
	struct copy_entry newer = source;

	(void)state;
	older.mtime = 99;
	older.size = 6;
	newer.mtime = 101;
	newer.size = 6;
	assert_true(copy_is_due(COPY_NEWER, &source, NULL));
	assert_true(copy_is_due(COPY_NEWER, &source, &older));
	assert_false(copy_is_due(COPY_NEWER, &source, &newer));
	assert_false(copy_is_due(COPY_NEWER, &source, &source));
	assert_true(copy_is_due(COPY_MISSING, &source, NULL));
	assert_false(copy_is_due(COPY_MISSING, &source, &older));
	assert_true(copy_is_due(COPY_ALWAYS, &source, &source));
	assert_int_equal(copy_when_of(NULL), COPY_DIFFERS);
	assert_int_equal(copy_when_of("differs"), COPY_DIFFERS);
	assert_int_equal(copy_when_of("newer"), COPY_NEWER);
	assert_int_equal(copy_when_of("missing"), COPY_MISSING);
	assert_int_equal(copy_when_of("always"), COPY_ALWAYS);
}

static void a_merge_goes_by_bytes(void **state)
{
	const struct copy_entry a = {.name = "a"};
	const struct copy_entry b = {.name = "b"};
	const struct copy_entry high = {.name = "\xff"};

	(void)state;
	assert_int_equal(copy_step(NULL, NULL), COPY_STEP_END);
	assert_int_equal(copy_step(&a, NULL), COPY_STEP_SOURCE);
	assert_int_equal(copy_step(NULL, &a), COPY_STEP_TARGET);
	assert_int_equal(copy_step(&a, &a), COPY_STEP_BOTH);
	assert_int_equal(copy_step(&a, &b), COPY_STEP_SOURCE);
	assert_int_equal(copy_step(&b, &a), COPY_STEP_TARGET);
	assert_int_equal(copy_step(&a, &high), COPY_STEP_SOURCE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_held_against_patterns),
		cmocka_unit_test(sizes_times_and_classes),
		cmocka_unit_test(what_is_the_same_is_not_copied),
		cmocka_unit_test(when_says_what_is_due),
		cmocka_unit_test(a_merge_goes_by_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
