/* SPDX-License-Identifier: MIT */
/* Keys that POSIX cannot name, through every call: see escape.h. */
#include "names_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

static void put(struct rig *rig, const char *key)
{
	assert_int_equal(fake_store_put_text(rig->fake, key, key), 0);
}

/* A directory's whole listing. */
static void lists(struct rig *rig, const char *path, const char *expected)
{
	uint64_t nodeid = path[0] ? rig_walk(rig, path) : rig->top;
	int status;
	char *names = rig_ls(rig, nodeid, &status);

	assert_int_equal(status, 0);
	assert_string_equal(names, expected);
	free(names);
}

/* The store's objects. */
static void stored(struct rig *rig, const char *expected)
{
	char *text = fake_store_list(rig->fake);

	assert_string_equal(text, expected);
	free(text);
}

/* stat of a path: its size, or a negative errno. */
static long size_of(struct rig *rig, const char *path)
{
	struct fs_attr attr;
	uint64_t nodeid = rig_walk(rig, path);

	if (nodeid == 0)
		return -ENOENT;
	assert_int_equal(rig_getattr(rig, nodeid, &attr), 0);
	return (long)attr.size;
}

static void every_key_is_found_under_its_name(void **state)
{
	static const char *const rows[][2] = {
		{"a//b", "a/%x2F/b"},      {"..", "%x2E%x2E"},
		{"d/./e", "d/%x2E/e"},     {"/top", "%x2F/top"},
		{"caf\xe9", "caf%xE9"},    {"100%.txt", "100%.txt"},
		{"x%2Fy", "x%2Fy"},        {"%x2F", "%x25x2F"},
		{"ctl\x01", "ctl\x01"},    {"a/both", "a/both%x00"},
		{"a/both/x", "a/both/x"},  {".//..", "%x2E/%x2F/%x2E%x2E"},
		{"q/w%x00", "q/w%x25x00"},
	};

	(void)state;
	/* By a lookup of nothing but that name, and out of a listing. */
	for (unsigned attrs = 0; attrs < 2; attrs++) {
		const struct rig_config config = {
			.attrs = attrs ? FS_ATTRS_LIST : FS_ATTRS_HEAD,
		};
		struct rig rig;

		rig_init(&rig, &config);
		for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
			put(&rig, rows[i][0]);
		for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
			assert_int_equal(size_of(&rig, rows[i][1]),
			                 strlen(rows[i][0]));
		lists(&rig, "a", "%x2F/\nboth%x00\nboth/\n");
		rig_end(&rig);
	}
}

static void names_that_are_no_keys_are_absent(void **state)
{
	static const char *const paths[] = {
		"a/%x2F/c", "%x2E",  "%x41", "a%x00",      "a/%x2F%x00",
		"b%x00",    "b\xff", "%x00", "a/%x2F%x2F", "%x25x41",
	};
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	put(&rig, "a/");
	put(&rig, "a//b");
	put(&rig, "b");
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		assert_int_equal(size_of(&rig, paths[i]), -ENOENT);
	rig_end(&rig);
}

static void what_is_made_has_the_key_of_its_name(void **state)
{
	struct inode *inode;
	struct rig rig;
	uint64_t dir;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(rig_create(&rig, rig.top, "%x2E%x2E", &inode), 0);
	lists(&rig, "", "%x2E%x2E\n");
	assert_int_equal(rig_commit(&rig, inode, "up"), 0);
	rig_close(inode);
	assert_int_equal(rig_mkdir(&rig, rig.top, "%x2F", &dir), 0);
	assert_int_equal(rig_create(&rig, dir, "f", &inode), 0);
	assert_int_equal(rig_commit(&rig, inode, "x"), 0);
	rig_close(inode);
	stored(&rig, ".. 2\n/ 0\n/f 1\n");
	lists(&rig, "", "%x2E%x2E\n%x2F/\n");
	rig_end(&rig);
}

static void what_no_key_has_is_not_made(void **state)
{
	struct inode *inode;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(rig_create(&rig, rig.top, "\xe9", &inode), -EILSEQ);
	assert_int_equal(rig_create(&rig, rig.top, "%x41", &inode), -EINVAL);
	assert_int_equal(rig_create(&rig, rig.top, "%x2F", &inode), -EINVAL);
	assert_int_equal(rig_create(&rig, rig.top, "a%x00", &inode), -EINVAL);
	assert_int_equal(rig_mkdir(&rig, rig.top, "a%x00", NULL), -EINVAL);
	assert_int_equal(rig_symlink(&rig, rig.top, "%x2F", "t"), -EINVAL);
	stored(&rig, "");
	rig_end(&rig);
}

static void odd_names_are_renamed_and_removed(void **state)
{
	struct rig rig;
	uint64_t dir;

	(void)state;
	rig_init(&rig, NULL);
	put(&rig, "..");
	put(&rig, "a//b");
	assert_true(rig_walk(&rig, "%x2E%x2E") > 0);
	dir = rig_walk(&rig, "a/%x2F");
	assert_int_equal(
		rig_rename(&rig, rig.top, "%x2E%x2E", dir, "caf%xE9", 0), 0);
	stored(&rig, "a//b 4\na//caf\xe9 2\n");
	assert_int_equal(size_of(&rig, "%x2E%x2E"), -ENOENT);
	assert_int_equal(size_of(&rig, "a/%x2F/caf%xE9"), 2);
	assert_int_equal(rig_rename(&rig, dir, "caf%xE9", rig.top, "n%x00", 0),
	                 -EINVAL);
	assert_int_equal(rig_unlink(&rig, dir, "caf%xE9"), 0);
	assert_true(rig_walk(&rig, "a/%x2F/b") > 0);
	assert_int_equal(rig_unlink(&rig, dir, "b"), 0);
	stored(&rig, "");
	assert_int_equal(rig_rmdir(&rig, rig_walk(&rig, "a"), "%x2F"), 0);
	assert_int_equal(rig_rmdir(&rig, rig.top, "a"), 0);
	rig_end(&rig);
}

static void a_file_beside_a_directory_goes_alone(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	put(&rig, "n");
	put(&rig, "n/x");
	assert_int_equal(size_of(&rig, "n%x00"), 1);
	assert_int_equal(rig_unlink(&rig, rig.top, "n%x00"), 0);
	stored(&rig, "n/x 3\n");
	assert_int_equal(size_of(&rig, "n%x00"), -ENOENT);
	assert_int_equal(size_of(&rig, "n/x"), 3);
	rig_end(&rig);
}

static void without_the_directory_the_file_has_its_name_again(void **state)
{
	struct rig rig;
	uint64_t dir;

	(void)state;
	rig_init(&rig, NULL);
	put(&rig, "n");
	put(&rig, "n/x");
	lists(&rig, "", "n%x00\nn/\n");
	dir = rig_walk(&rig, "n");
	assert_true(rig_walk(&rig, "n/x") > 0);
	assert_int_equal(rig_unlink(&rig, dir, "x"), 0);
	lists(&rig, "", "n%x00\nn/\n");
	assert_int_equal(rig_rmdir(&rig, rig.top, "n"), 0);
	assert_int_equal(size_of(&rig, "n%x00"), -ENOENT);
	assert_int_equal(size_of(&rig, "n"), 1);
	lists(&rig, "", "n\n");
	rig_end(&rig);
}

static void a_key_of_1024_bytes_is_a_file(void **state)
{
	char key[1025];
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	memset(key, 'k', 1024);
	key[1024] = 0;
	put(&rig, key);
	rig_forget_asked(&rig);
	assert_int_equal(size_of(&rig, key), 1024);
	assert_int_equal(rig_count(&rig, STORE_LIST), 0);
	assert_int_equal(rig_unlink(&rig, rig.top, key), 0);
	stored(&rig, "");
	rig_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_is_found_under_its_name),
		cmocka_unit_test(names_that_are_no_keys_are_absent),
		cmocka_unit_test(what_is_made_has_the_key_of_its_name),
		cmocka_unit_test(what_no_key_has_is_not_made),
		cmocka_unit_test(odd_names_are_renamed_and_removed),
		cmocka_unit_test(a_file_beside_a_directory_goes_alone),
		cmocka_unit_test(
			without_the_directory_the_file_has_its_name_again),
		cmocka_unit_test(a_key_of_1024_bytes_is_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
