/* SPDX-License-Identifier: MIT */
#include "escape.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *key;
	const char *path;
} pairs[] = {
	/* As they are. */
	{"a", "a"},
	{"a/b", "a/b"},
	{"a/", "a/"},
	{"", ""},
	{"100%.txt", "100%.txt"},
	{"%", "%"},
	{"50%/%%", "50%/%%"},
	{"a%20b", "a%20b"},
	{"x%2Fy", "x%2Fy"},
	{"caf%C3%A9", "caf%C3%A9"},
	{"%x", "%x"},
	{"%xg0", "%xg0"},
	{"%x2f", "%x2f"}, /* lower case is no escape */
	{"%X2F", "%X2F"},
	{"a\x01\n\x7f", "a\x01\n\x7f"},
	{"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
	{"...", "..."},
	{".a/..b", ".a/..b"},

	/* Empty components. */
	{"a//b", "a/%x2F/b"},
	{"a//", "a/%x2F/"},
	{"/", "%x2F/"},
	{"/b", "%x2F/b"},
	{"//", "%x2F/%x2F/"},
	{"a///b", "a/%x2F/%x2F/b"},

	/* Dots. */
	{".", "%x2E"},
	{"..", "%x2E%x2E"},
	{"a/./b", "a/%x2E/b"},
	{"../../etc/passwd", "%x2E%x2E/%x2E%x2E/etc/passwd"},
	{"../", "%x2E%x2E/"},

	/* What is no UTF-8. */
	{"caf\xe9", "caf%xE9"},
	{"\xff\xfe/a", "%xFF%xFE/a"},
	{"\xc3", "%xC3"},
	{"\xed\xa0\x80", "%xED%xA0%x80"}, /* a surrogate */
	{"\xc0\xaf", "%xC0%xAF"},         /* overlong */

	/* What looks like an escape. */
	{"%x2F", "%x25x2F"},
	{"%x25x2F", "%x25x25x2F"},
	{"%x2E", "%x25x2E"},
	{"a%x00", "a%x25x00"},
	{"%%x41%x4", "%%x25x41%x4"},
	{"%x\xe9", "%x%xE9"},
};

static void keys_have_paths_and_paths_have_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		const char *key = pairs[i].key;
		char path[ESCAPE_PATH_MAX + 1];
		char back[STORE_KEY_MAX + 1];
		bool odd = strcmp(key, pairs[i].path) != 0;

		assert_int_equal(escape_path(key, strlen(key), path), 0);
		assert_string_equal(path, pairs[i].path);
		assert_int_equal(escape_to_key(path, back), 0);
		assert_string_equal(back, key);
		assert_int_equal(escape_key_is_odd(key, strlen(key)), odd);
		if (odd)
			assert_true(escape_path_is_odd(path));
	}
}

static void what_no_key_has_is_no_path(void **state)
{
	static const char *const paths[] = {
		"%x41",   "a/%xC3%xA9", "%x2E%x2E%x2E", "a%x2F",
		"%x2Fa",  "%x2Ea",      "a%x00/b",      "a%x00/",
		"a/%x2F", "%x2F",       "%x25",         "%x25a",
		"%x00",   "a/%x00",     "a%x00%x00",    "%x2F%x00",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		char key[STORE_KEY_MAX + 1];

		assert_int_equal(escape_to_key(paths[i], key), -ENOENT);
	}
}

static void a_file_beside_a_directory_has_a_mark(void **state)
{
	char key[STORE_KEY_MAX + 1];

	(void)state;
	assert_true(escape_is_aside("a%x00"));
	assert_true(escape_is_aside("d/%x2E%x00"));
	assert_false(escape_is_aside("%x00"));
	assert_false(escape_is_aside("d/%x00"));
	assert_false(escape_is_aside("a%x00b"));
	assert_false(escape_is_aside("a"));
	assert_int_equal(escape_to_key("d/a%x00", key), 0);
	assert_string_equal(key, "d/a");
	assert_int_equal(escape_to_key("%x2E%x00", key), 0);
	assert_string_equal(key, ".");
}

static void names_are_checked(void **state)
{
	static const struct {
		const char *name;
		int status;
	} rows[] = {
		{"a", 0},           {"%", 0},          {"100%.txt", 0},
		{"%x2F", 0},        {"%x2E", 0},       {"%xE9", 0},
		{"a%x00", 0},       {"%x25x41", 0},    {"a\x01\n", 0},
		{"", -EINVAL},      {".", -EINVAL},    {"..", -EINVAL},
		{"a/b", -EINVAL},   {"%x41", -EINVAL}, {"%x2Fa", -EINVAL},
		{"%x00", -EINVAL},  {"%x25", -EINVAL}, {"\xe9", -EILSEQ},
		{"a\xc3", -EILSEQ},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(escape_check_name(rows[i].name),
		                 rows[i].status);
}

static void paths_have_at_most_1024_bytes(void **state)
{
	char path[ESCAPE_PATH_MAX + 1];
	char key[STORE_KEY_MAX + 1];

	(void)state;
	memset(key, 'k', STORE_KEY_MAX);
	key[STORE_KEY_MAX] = 0;
	assert_int_equal(escape_path(key, STORE_KEY_MAX, path), 0);
	assert_string_equal(path, key);
	memset(key, '\xff', STORE_KEY_MAX / 4);
	assert_int_equal(escape_path(key, STORE_KEY_MAX / 4, path), 0);
	assert_int_equal(strlen(path), 1024);
	assert_int_equal(escape_path(key, STORE_KEY_MAX / 4 + 1, path),
	                 -ENAMETOOLONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_have_paths_and_paths_have_keys),
		cmocka_unit_test(what_no_key_has_is_no_path),
		cmocka_unit_test(a_file_beside_a_directory_has_a_mark),
		cmocka_unit_test(names_are_checked),
		cmocka_unit_test(paths_have_at_most_1024_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
