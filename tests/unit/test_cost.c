/* SPDX-License-Identifier: MIT */
/*
 * What everyday work costs in requests: calls as the kernel makes them, against
 * the figures that SPEC.md promises.
 */
#include "content_rig.h"

#define WR    (O_WRONLY | O_CREAT)
#define FILES 300
#define NAMES 2500 /* three pages of a listing */

/* How often a verb begins a line of the transcript. */
static unsigned count_verb(const char *transcript, const char *verb)
{
	size_t len = strlen(verb);
	unsigned count = 0;

	for (const char *at = transcript; *at; at = strchr(at, '\n') + 1)
		count += strncmp(at, verb, len) == 0 && at[len] == ' ';
	return count;
}

/* Compare what was asked since the last time, by verb, with the expected. */
static void assert_cost(struct rig *rig, const char *expected)
{
	static const char *const verbs[] = {
		"LIST",       "HEAD",     "GET",          "PUT",
		"MPU_CREATE", "MPU_PART", "MPU_COMPLETE", "DELETE",
	};
	char *transcript = fake_store_take_transcript(rig->fake);
	struct str cost = {0};
	unsigned all = 0;
	unsigned lines = 0;

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		unsigned n = count_verb(transcript, verbs[i]);

		all += n;
		if (n > 0)
			str_addf(&cost, "%s%u %s", cost.len ? ", " : "", n,
			         verbs[i]);
	}
	for (const char *at = transcript; *at; at = strchr(at, '\n') + 1)
		lines++;
	assert_string_equal(str_text(&cost), expected);
	assert_int_equal(all, lines);
	str_release(&cost);
	free(transcript);
}

/* LOOKUP; 0 = absent. */
static uint64_t look_up(struct rig *rig, uint64_t parent, const char *name)
{
	struct rig_call c = rig_call(1);
	int r;

	fs_lookup(rig->fs, &c.call, parent, name);
	r = rig_status(&c);
	assert_true(r == 0 || r == -ENOENT);
	return r == 0 ? c.call.entry.nodeid : 0;
}

/* mkdir(1) of "d". */
static uint64_t make_dir(struct rig *rig)
{
	struct rig_call c = rig_call(1);

	assert_int_equal(look_up(rig, rig->root, "d"), 0);
	fs_mkdir(rig->fs, &c.call, rig->root, "d", 0755);
	assert_int_equal(rig_status(&c), 0);
	return c.call.entry.nodeid;
}

/* Objects "d/00000" and on, of a size, and "d" looked up. */
static uint64_t have_dir(struct rig *rig, unsigned count, uint64_t size)
{
	char key[16];
	uint64_t dir;

	for (unsigned i = 0; i < count; i++) {
		(void)snprintf(key, sizeof(key), "d/%05u", i);
		rig_put(rig, key, size);
	}
	dir = look_up(rig, rig->root, "d");
	assert_int_not_equal(dir, 0);
	free(fake_store_take_transcript(rig->fake));
	return dir;
}

/* echo > file: one new file. */
static void write_file(struct rig *rig, uint64_t dir, const char *name)
{
	const struct fs_create create = {
		.parent = dir, .name = name, .mode = 0644, .flags = WR};
	struct rig_call c = rig_call(1);

	assert_int_equal(look_up(rig, dir, name), 0);
	fs_create(rig->fs, &c.call, &create);
	assert_int_equal(rig_status(&c), 0);
	assert_int_equal(rig_write(rig, c.call.handle, 0, 4096), 0);
	assert_int_equal(rig_close(rig, c.call.handle), 0);
}

/* cat file: one small file. */
static void read_file(struct rig *rig, uint64_t dir, const char *name)
{
	struct rig_call c;

	assert_int_equal(rig_open(rig, look_up(rig, dir, name), O_RDONLY, &c),
	                 0);
	assert_int_equal(rig_read(rig, c.call.handle, 0, 131072), 4096);
	assert_int_equal(rig_close(rig, c.call.handle), 0);
}

struct names {
	char (*names)[16];
	size_t count;
	uint64_t next; /* offset to go on from */
	unsigned room; /* in the reply */
};

/* fs_fill_fn: one name, while there is room. */
static bool take_name(void *ctx, const struct fs_dirent *dirent)
{
	struct names *names = ctx;

	assert_null(dirent->entry);
	if (names->room == 0)
		return false;
	names->room--;
	names->next = dirent->next;
	if (dirent->name[0] == '.')
		return true;
	assert_true(names->count < NAMES);
	(void)snprintf(names->names[names->count++], sizeof(names->names[0]),
	               "%s", dirent->name);
	return true;
}

/* ls -U: the names of a directory, in their order. */
static void list_dir(struct rig *rig, uint64_t dir, struct names *ret)
{
	struct rig_call c = rig_call(1);
	struct fs_readdir read = {.fill = take_name, .ctx = ret};
	uint64_t before;

	ret->names = calloc(NAMES, sizeof(ret->names[0]));
	assert_non_null(ret->names);
	fs_opendir(rig->fs, &c.call, dir);
	assert_int_equal(rig_status(&c), 0);
	read.dir = c.call.dir;
	do {
		struct rig_call more = rig_call(1);

		before = ret->next;
		ret->room = 100;
		read.offset = ret->next;
		fs_readdir(rig->fs, &more.call, &read);
		assert_int_equal(rig_status(&more), 0);
	} while (ret->next > before);
	fs_releasedir(rig->fs, read.dir);
}

static void new_files_in_a_directory_made_here_are_one_put_each(void **state)
{
	struct rig rig;
	uint64_t dir;
	char name[16];

	(void)state;
	rig_init(&rig, NULL);
	dir = make_dir(&rig);
	free(fake_store_take_transcript(rig.fake));
	for (unsigned i = 0; i < FILES; i++) {
		(void)snprintf(name, sizeof(name), "%05u", i);
		write_file(&rig, dir, name);
	}
	assert_cost(&rig, "300 PUT");
	rig_end(&rig);
}

static void looking_at_them_afterwards_costs_nothing(void **state)
{
	struct rig rig;
	uint64_t dir;

	(void)state;
	rig_init(&rig, NULL);
	dir = make_dir(&rig);
	write_file(&rig, dir, "f");
	free(fake_store_take_transcript(rig.fake));
	assert_int_not_equal(look_up(&rig, dir, "f"), 0);
	assert_int_equal(look_up(&rig, dir, "g"), 0);
	assert_cost(&rig, "");
	read_file(&rig, dir, "f");
	assert_cost(&rig, "1 GET");
	rig_end(&rig);
}

static void ls_l_costs_its_pages_and_a_head_a_name(void **state)
{
	struct names names = {0};
	struct rig rig;
	uint64_t dir;

	(void)state;
	rig_init(&rig, NULL);
	dir = have_dir(&rig, NAMES, 1);
	list_dir(&rig, dir, &names);
	assert_int_equal(names.count, NAMES);
	assert_cost(&rig, "3 LIST");
	for (size_t i = 0; i < names.count; i++)
		assert_int_not_equal(look_up(&rig, dir, names.names[i]), 0);
	assert_cost(&rig, "2500 HEAD");
	for (size_t i = 0; i < names.count; i++)
		assert_int_not_equal(look_up(&rig, dir, names.names[i]), 0);
	assert_cost(&rig, "");
	free(names.names);
	rig_end(&rig);
}

static void listed_small_files_are_a_head_and_a_get_each(void **state)
{
	struct names names = {0};
	struct rig rig;
	uint64_t dir;

	(void)state;
	rig_init(&rig, NULL);
	dir = have_dir(&rig, FILES, 4096);
	list_dir(&rig, dir, &names);
	assert_int_equal(names.count, FILES);
	for (size_t i = 0; i < names.count; i++)
		read_file(&rig, dir, names.names[i]);
	assert_cost(&rig, "1 LIST, 300 HEAD, 300 GET");
	for (size_t i = 0; i < names.count; i++)
		read_file(&rig, dir, names.names[i]);
	assert_cost(&rig, "300 GET"); /* each open asks for the version */
	free(names.names);
	rig_end(&rig);
}

static void a_stream_is_its_parts_whatever_its_writes(void **state)
{
	static const uint64_t sizes[] = {8192, MIB};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct fs_handle *handle;
		struct rig rig;

		rig_init(&rig, NULL);
		assert_int_equal(rig_create(&rig, "f", WR, 1, &handle), 0);
		for (uint64_t at = 0; at < 40 * MIB; at += sizes[i])
			assert_int_equal(rig_write(&rig, handle, at, sizes[i]),
			                 0);
		assert_int_equal(rig_close(&rig, handle), 0);
		assert_cost(&rig, "1 MPU_CREATE, 8 MPU_PART, 1 MPU_COMPLETE");
		rig_end(&rig);
	}
}

static void a_sequential_read_is_few_large_gets(void **state)
{
	struct rig_call c;
	struct rig rig;
	char *transcript;
	unsigned gets;

	(void)state;
	rig_init(&rig, NULL);
	rig_put(&rig, "f", 48 * MIB);
	assert_int_equal(rig_open(&rig, rig_lookup(&rig, "f"), O_RDONLY, &c),
	                 0);
	for (uint64_t at = 0; at < 48 * MIB; at += MIB)
		assert_int_equal(rig_read(&rig, c.call.handle, at, MIB), MIB);
	assert_int_equal(rig_close(&rig, c.call.handle), 0);
	transcript = fake_store_take_transcript(rig.fake);
	gets = count_verb(transcript, "GET");
	/* 2 MiB each in the largest window here, and less until it has grown */
	assert_in_range(gets, 24, 32);
	assert_int_equal(count_verb(transcript, "HEAD"), 0);
	free(transcript);
	rig_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			new_files_in_a_directory_made_here_are_one_put_each),
		cmocka_unit_test(looking_at_them_afterwards_costs_nothing),
		cmocka_unit_test(ls_l_costs_its_pages_and_a_head_a_name),
		cmocka_unit_test(listed_small_files_are_a_head_and_a_get_each),
		cmocka_unit_test(a_stream_is_its_parts_whatever_its_writes),
		cmocka_unit_test(a_sequential_read_is_few_large_gets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
