/* SPDX-License-Identifier: MIT */
#include "key.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* key_join() gives that key, or NULL: that errno. */
static void joins(const char *dir, const char *name, const char *expected,
                  int status)
{
	char *key = NULL;

	assert_int_equal(key_join(dir, name, &key), status);
	if (expected)
		assert_string_equal(key, expected);
	else
		assert_null(key);
	free(key);
}

static void a_key_is_its_path(void **state)
{
	(void)state;
	joins("", "a", "a", 0);
	joins("a", "b", "a/b", 0);
	joins("a/b", "c d%\n\x01", "a/b/c d%\n\x01", 0);
	joins("a", "%x2F", "a/%x2F", 0);
	joins("", "...", "...", 0);
	joins("", ".a", ".a", 0);
}

static void names_that_cannot_be_are_invalid(void **state)
{
	(void)state;
	joins("", "", NULL, -EINVAL);
	joins("a", ".", NULL, -EINVAL);
	joins("a", "..", NULL, -EINVAL);
	joins("a", "b/c", NULL, -EINVAL);
	joins("a", "b\xff", NULL, -EILSEQ);
	joins("a", "%x41", NULL, -EINVAL);
}

static void new_files_have_no_name_that_is_no_key_of_theirs(void **state)
{
	(void)state;
	assert_int_equal(key_check_new("a", false), 0);
	assert_int_equal(key_check_new("%x2E", false), 0);
	assert_int_equal(key_check_new("%x2F", false), -EINVAL);
	assert_int_equal(key_check_new("%x2F", true), 0);
	assert_int_equal(key_check_new("a%x00", false), -EINVAL);
	assert_int_equal(key_check_new("a%x00", true), -EINVAL);
}

static void a_key_has_at_most_1024_bytes(void **state)
{
	char name[1100];
	char *key;

	(void)state;
	memset(name, 'n', sizeof(name));
	name[1024] = 0;
	assert_int_equal(key_join("", name, &key), 0);
	assert_int_equal(strlen(key), 1024);
	free(key);
	joins("a", name, NULL, -ENAMETOOLONG);
	name[1024] = 'n';
	name[1025] = 0;
	joins("", name, NULL, -ENAMETOOLONG);
}

static void a_directory_has_a_slash_but_the_root_has_none(void **state)
{
	char *a = key_as_dir("a/b");
	char *root = key_as_dir("");

	(void)state;
	assert_string_equal(a, "a/b/");
	assert_string_equal(root, "");
	free(a);
	free(root);
}

static void parents_and_last_components(void **state)
{
	char *parent = key_parent("a/b/c");
	char *top = key_parent("a");

	(void)state;
	assert_string_equal(parent, "a/b");
	assert_string_equal(top, "");
	assert_string_equal(key_base("a/b/c"), "c");
	assert_string_equal(key_base("a"), "a");
	assert_int_equal(key_parent_len("a/b/c"), 3);
	assert_int_equal(key_parent_len("a"), 0);
	free(parent);
	free(top);
}

static void below_is_not_a_common_beginning(void **state)
{
	(void)state;
	assert_true(key_below("a/b", "a"));
	assert_true(key_below("a/b/c", "a"));
	assert_true(key_below("a", ""));
	assert_false(key_below("ab", "a"));
	assert_false(key_below("a", "a"));
	assert_false(key_below("a", "a/b"));
}

static void what_a_listing_shows(void **state)
{
	static const struct {
		const char *key;
		size_t len;
		const char *name; /* NULL = not shown */
	} rows[] = {
		{"d/a", 3, "a"},
		{"d/a/", 4, "a"},
		{"d/a b", 5, "a b"},
		{"d/", 2, NULL}, /* the directory's own object */
		{"d/%x2F/", 7, "%x2F"},
		{"d/...", 5, "..."},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const char *name = NULL;
		size_t len = 0;
		bool shown = key_name(2, rows[i].key, rows[i].len, &name, &len);

		assert_int_equal(shown, rows[i].name != NULL);
		if (shown) {
			assert_int_equal(len, strlen(rows[i].name));
			assert_memory_equal(name, rows[i].name, len);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_is_its_path),
		cmocka_unit_test(names_that_cannot_be_are_invalid),
		cmocka_unit_test(a_key_has_at_most_1024_bytes),
		cmocka_unit_test(
			new_files_have_no_name_that_is_no_key_of_theirs),
		cmocka_unit_test(a_directory_has_a_slash_but_the_root_has_none),
		cmocka_unit_test(parents_and_last_components),
		cmocka_unit_test(below_is_not_a_common_beginning),
		cmocka_unit_test(what_a_listing_shows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
