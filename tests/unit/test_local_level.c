/* SPDX-License-Identifier: MIT */
/* The names in one directory: order, cut components, and what is kept. */
#include "contract.h"
#include "fake_clock.h"
#include "local_store.h"
#include "temp_dir.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

/* A store whose clock is far ahead of all files. */
struct rig {
	char *root;
	struct fake_clock clock;
	struct object_store *store;
	struct local_store *local;
};

static int set_up(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	rig->root = temp_dir_new();
	fake_clock_init(&rig->clock);
	fake_clock_set_wall(&rig->clock, INT64_C(4000000000));
	assert_int_equal(local_store_new(
				 &(struct local_store_config){
					 .root = rig->root,
					 .bucket = "b",
					 .create_bucket = true,
					 .exec = exec_inline(),
					 .clock = &rig->clock.clock,
				 },
				 &rig->store, NULL),
	                 0);
	rig->local = container_of(rig->store, struct local_store, store);
	*state = rig;
	return 0;
}

static int tear_down(void **state)
{
	struct rig *rig = *state;

	store_destroy(rig->store);
	temp_dir_free(rig->root);
	free(rig);
	return 0;
}

/* Puts count objects "d/0000" and so on. */
static void fill(struct rig *rig, unsigned count)
{
	char key[32];

	for (unsigned i = 0; i < count; i++) {
		(void)snprintf(key, sizeof(key), "d/%04u", i);
		assert_int_equal(contract_put(rig->store, key, "", 0), 0);
	}
}

/* The entries of a directory as text, each on a line. */
static char *read_level(struct rig *rig, const char *path)
{
	cleanup(local_level_unrefp) struct local_level *level = NULL;
	struct str text = {0};

	assert_int_equal(local_level_read(rig->local, path, &level), 0);
	str_add(&text, "");
	for (size_t i = 0; i < level->count; i++) {
		str_add_mem(&text, local_entry_text(level, &level->entries[i]),
		            level->entries[i].len);
		str_add_char(&text, '\n');
	}
	return str_take(&text);
}

/* Asserts the entries of a directory. */
static void assert_level(struct rig *rig, const char *path,
                         const char *expected)
{
	char *text = read_level(rig, path);

	assert_string_equal(text, expected);
	free(text);
}

static void directories_sort_by_their_slash(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(contract_put_text(rig->store, "a/x", ""), 0);
	assert_int_equal(contract_put_text(rig->store, "a", ""), 0);
	assert_int_equal(contract_put_text(rig->store, "a-", ""), 0);
	assert_int_equal(contract_put_text(rig->store, "a0", ""), 0);
	assert_level(rig, ".", "a\na-\na/\na0\n");
}

static void an_absent_directory_is_empty(void **state)
{
	assert_level(*state, "no/such", "");
}

static void cut_components_are_put_together(void **state)
{
	struct rig *rig = *state;
	char key[400];
	struct str expected = {0};

	memset(key, 'k', sizeof(key));
	key[300] = '\0';
	assert_int_equal(contract_put_text(rig->store, key, "x"), 0);
	str_addf(&expected, "%s\n", key);
	key[250] = 'l';
	key[251] = '\0'; /* between the two, and not cut */
	assert_int_equal(contract_put_text(rig->store, key, "x"), 0);
	str_addf(&expected, "%s\n", key);
	key[250] = 'm';
	key[251] = 'k';
	key[350] = '/';
	key[360] = '\0';
	assert_int_equal(contract_put_text(rig->store, key, "x"), 0);
	str_addf(&expected, "%.351s\n", key);
	assert_level(rig, ".", str_text(&expected));
	str_release(&expected);
}

static void a_cut_of_another_length_is_no_key(void **state)
{
	struct rig *rig = *state;
	char path[600];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/b/%0249d%%+", rig->root, 0);
	assert_int_equal(mkdir(path, 0755), 0);
	(void)snprintf(path, sizeof(path), "%s/b/%0249d%%+/xxxxxxxx", rig->root,
	               0);
	file = fopen(path, "w");
	assert_non_null(file);
	(void)fclose(file);
	assert_level(rig, ".", "");
}

static void a_small_directory_is_not_kept(void **state)
{
	struct rig *rig = *state;

	fill(rig, 20);
	free(read_level(rig, "d"));
	assert_null(rig->local->last_level);
}

static void a_large_directory_is_kept_while_it_rests(void **state)
{
	struct rig *rig = *state;
	const struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
	struct local_level *first;
	char *before;
	char *after;
	char path[512];

	fill(rig, 600);
	before = read_level(rig, "d");
	first = rig->local->last_level;
	assert_non_null(first);
	after = read_level(rig, "d");
	assert_ptr_equal(rig->local->last_level, first);
	assert_string_equal(before, after);
	free(after);

	/* What a change does to its times. */
	assert_int_equal(contract_delete(rig->store, "d/0000"), 0);
	(void)snprintf(path, sizeof(path), "%s/b/d", rig->root);
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	after = read_level(rig, "d");
	assert_string_equal(after, before + strlen("0000\n"));
	free(after);
	free(before);
}

static void a_directory_that_just_changed_is_not_kept(void **state)
{
	struct rig *rig = *state;

	fake_clock_set_wall(&rig->clock, time(NULL));
	fill(rig, 600);
	free(read_level(rig, "d"));
	assert_null(rig->local->last_level);
}

static void pages_of_a_kept_directory_miss_nothing(void **state)
{
	struct rig *rig = *state;
	struct str expected = {0};

	fill(rig, 700);
	for (unsigned i = 0; i < 700; i++)
		str_addf(&expected, "d/%04u 0\n", i);
	contract_lists(rig->store,
	               &(struct store_list){.prefix = "d/",
	                                    .delimiter = "/",
	                                    .max_keys = 37},
	               str_text(&expected));
	assert_non_null(rig->local->last_level);
	str_release(&expected);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(directories_sort_by_their_slash),
		T(an_absent_directory_is_empty),
		T(cut_components_are_put_together),
		T(a_cut_of_another_length_is_no_key),
		T(a_small_directory_is_not_kept),
		T(a_large_directory_is_kept_while_it_rests),
		T(a_directory_that_just_changed_is_not_kept),
		T(pages_of_a_kept_directory_miss_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
