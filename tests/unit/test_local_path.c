/* SPDX-License-Identifier: MIT */
#include "base/digest.h"
#include "local_path.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void names_are_as_the_manual_says(void **state)
{
	static const char *const table[][2] = {
		{"a", "a"},
		{"a/b.txt", "a/b.txt"},
		{"a/", "a/%"},
		{"a//b", "a/%/b"},
		{"/", "%/%"},
		{"/a", "%/a"},
		{"..", "%2E%2E"},
		{"../../etc/passwd", "%2E%2E/%2E%2E/etc/passwd"},
		{"./x", "%2E/x"},
		{"...", "..."},
		{".hidden", ".hidden"},
		{"100%.txt", "100%25.txt"},
		{"x%2Fy", "x%252Fy"},
		{"%", "%25"},
		{"%+", "%25+"},
		{"a\nb", "a\nb"},
		{"\xff\x01", "\xff\x01"},
	};
	char path[LOCAL_PATH_MAX];
	char key[STORE_KEY_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_int_equal(local_path_of_key(table[i][0], path), 0);
		assert_string_equal(path, table[i][1]);
		assert_int_equal(local_path_to_key(path, key), 0);
		assert_string_equal(key, table[i][0]);
	}
}

static void prefixes_name_directories(void **state)
{
	char path[LOCAL_PATH_MAX];

	(void)state;
	assert_int_equal(local_path_of_dir("", path), 0);
	assert_string_equal(path, ".");
	assert_int_equal(local_path_of_dir("a/b/", path), 0);
	assert_string_equal(path, "a/b");
	assert_int_equal(local_path_of_dir("/", path), 0);
	assert_string_equal(path, "%");
}

static void keys_have_1_to_1024_bytes(void **state)
{
	char key[STORE_KEY_MAX + 2];
	char path[LOCAL_PATH_MAX];

	(void)state;
	assert_int_equal(local_path_of_key("", path), -EINVAL);
	memset(key, 'k', sizeof(key));
	key[STORE_KEY_MAX + 1] = '\0';
	assert_int_equal(local_path_of_key(key, path), -ENAMETOOLONG);
	key[STORE_KEY_MAX] = '\0';
	assert_int_equal(local_path_of_key(key, path), 0);
}

static void other_spellings_are_nobodys_path(void **state)
{
	static const char *const table[] = {
		"",    ".",     "..",   "a/..", "a/./b",   "a//b",
		"/a",  "%41",   "a%2E", "%2e",  "100%.js", "%+",
		"a%+", "a%+/b", "a/",   "%%%",  "a%%",     "%25%%",
	};
	char key[STORE_KEY_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_int_equal(local_path_to_key(table[i], key), -EINVAL);
	}
}

static void a_file_can_lie_aside_its_directory(void **state)
{
	static const char *const table[][2] = {
		{"a%", "a"},         {"%%", NULL},  {"a/%%", "a/"},
		{"100%25%", "100%"}, {"%2E%", "."}, {"%2E%2E%", ".."},
	};
	char key[STORE_KEY_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		int r = local_path_to_key(table[i][0], key);

		assert_int_equal(r, table[i][1] ? 0 : -EINVAL);
		if (r == 0)
			assert_string_equal(key, table[i][1]);
	}
}

/* Whether every name of a path is one that POSIX takes. */
static void assert_names(const char *path)
{
	while (path) {
		const char *slash = strchr(path, '/');
		size_t len = slash ? (size_t)(slash - path) : strlen(path);

		assert_in_range(len, 1, LOCAL_NAME_MAX - 1);
		assert_false(len == 1 && path[0] == '.');
		assert_false(len == 2 && memcmp(path, "..", 2) == 0);
		path = slash ? slash + 1 : NULL;
	}
}

/* Whether a key comes back from its path, and that one stays inside. */
static void assert_round_trip(const char *key)
{
	char path[LOCAL_PATH_MAX];
	char back[STORE_KEY_MAX + 1];

	assert_int_equal(local_path_of_key(key, path), 0);
	assert_names(path);
	assert_int_equal(local_path_to_key(path, back), 0);
	assert_string_equal(back, key);
}

static void long_components_are_cut_and_come_back(void **state)
{
	char key[STORE_KEY_MAX + 1];

	(void)state;
	for (size_t len = 240; len <= STORE_KEY_MAX; len++) {
		memset(key, 'x', len);
		key[len] = '\0';
		assert_round_trip(key);
		memset(key, '%', len);
		assert_round_trip(key);
		memset(key, '.', len);
		assert_round_trip(key);
		memset(key, '/', len);
		assert_round_trip(key);
		for (size_t i = 0; i < len; i++)
			key[i] = "a%./"[(i * 7 + len) % 4];
		assert_round_trip(key);
	}
}

static void a_cut_leaves_five_bytes_or_more(void **state)
{
	char key[STORE_KEY_MAX + 1];
	char path[LOCAL_PATH_MAX];

	(void)state;
	memset(key, 'x', 500);
	memcpy(key + 500, "..", 3);
	/* 502 = 250 + 252: the rest is whole. */
	assert_round_trip(key);
	memset(key, 'x', 750);
	memcpy(key + 254, ".", 2);
	assert_int_equal(local_path_of_key(key, path), 0);
	assert_string_equal(path + 250, "%+/xxxx.");
}

static void random_keys_come_back(void **state)
{
	static const char alphabet[] = "a%./2E5+\xc3\x9f\n";
	char key[STORE_KEY_MAX + 1];
	uint8_t random[STORE_KEY_MAX];
	uint64_t seed = 1;

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		size_t len = digest_xxh64(&round, sizeof(round), seed) %
		                     (round % 16 ? 12 : STORE_KEY_MAX) +
		             1;

		for (size_t i = 0; i < len; i++) {
			random[i] = (uint8_t)digest_xxh64(&i, sizeof(i), round);
			key[i] = alphabet[random[i] % (sizeof(alphabet) - 1)];
		}
		key[len] = '\0';
		assert_round_trip(key);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_as_the_manual_says),
		cmocka_unit_test(prefixes_name_directories),
		cmocka_unit_test(keys_have_1_to_1024_bytes),
		cmocka_unit_test(other_spellings_are_nobodys_path),
		cmocka_unit_test(a_file_can_lie_aside_its_directory),
		cmocka_unit_test(long_components_are_cut_and_come_back),
		cmocka_unit_test(a_cut_leaves_five_bytes_or_more),
		cmocka_unit_test(random_keys_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
