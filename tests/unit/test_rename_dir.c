/* SPDX-License-Identifier: MIT */
/* Renaming directories: all that is below goes along, or is under both names. */
#include "names_rig.h"
#include "overlay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the store holds. */
static void stored(struct rig *rig, const char *expected)
{
	char *list = fake_store_list(rig->fake);

	assert_string_equal(list, expected);
	free(list);
}

/* Rename in the bucket's directory. */
static int move(struct rig *rig, const char *from, const char *to)
{
	return rig_rename(rig, rig->top, from, rig->top, to, 0);
}

/* Names in a directory of the bucket. */
static void names(struct rig *rig, const char *path, const char *expected)
{
	int status = 0;
	char *got =
		rig_ls(rig, path[0] ? rig_walk(rig, path) : rig->top, &status);

	assert_int_equal(status, 0);
	assert_string_equal(got, expected);
	free(got);
}

static bool has(struct rig *rig, const char *key)
{
	struct object_info info;

	return fake_store_stat(rig->fake, key, &info) == 0;
}

static void put(struct rig *rig, const char *key)
{
	assert_int_equal(fake_store_put_text(rig->fake, key, key), 0);
}

static void everything_below_is_copied_then_deleted(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	put(&rig, "d/a");
	put(&rig, "d/sub/b");
	put(&rig, "da");
	uint64_t d = rig_walk(&rig, "d");
	uint64_t b = rig_walk(&rig, "d/sub/b");

	assert_int_equal(rig_walk(&rig, "e"), 0);
	rig_forget_asked(&rig);
	assert_int_equal(move(&rig, "d", "e"), 0);
	rig_asked(&rig, "LIST prefix=d/\n"
	                "COPY e/a from d/a source-if-match=E\n"
	                "COPY e/sub/b from d/sub/b source-if-match=E\n"
	                "LIST prefix=d/\n"
	                "DELETE_MANY d/a d/sub/b\n");
	stored(&rig, "da 2\ne/a 3\ne/sub/b 7\n");
	assert_int_equal(rig_walk(&rig, "e"), d);
	assert_int_equal(rig_walk(&rig, "e/sub/b"), b);
	assert_int_equal(rig_walk(&rig, "d"), 0);
	names(&rig, "", "da\ne/\n");
	names(&rig, "e", "a\nsub/\n");
	rig_pass(&rig, 5000);
	assert_int_equal(rig_walk(&rig, "e/sub/b"), b);
	assert_int_equal(rig_walk(&rig, "d"), 0);
	rig_end(&rig);
}

static void a_store_without_conditions_gives_the_same(void **state)
{
	const struct rig_config config = {.old_store = true};
	struct rig rig;

	(void)state;
	rig_init(&rig, &config);
	put(&rig, "d/a");
	assert_int_not_equal(rig_walk(&rig, "d"), 0);
	assert_int_equal(move(&rig, "d", "e"), 0);
	stored(&rig, "e/a 3\n");
	rig_end(&rig);
}

static void a_directorys_object_and_empty_ones_go_along(void **state)
{
	uint64_t made;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(rig_mkdir(&rig, rig.top, "d", &made), 0);
	assert_int_equal(rig_mkdir(&rig, made, "in", &made), 0);
	assert_int_equal(move(&rig, "d", "e"), 0);
	stored(&rig, "e/ 0\ne/in/ 0\n");
	names(&rig, "e", "in/\n");
	assert_int_equal(rig_walk(&rig, "d"), 0);
	rig_end(&rig);
}

static void a_directory_that_is_only_remembered_is_renamed_too(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	put(&rig, "d/a");
	assert_int_not_equal(rig_walk(&rig, "d/a"), 0);
	assert_int_equal(rig_unlink(&rig, rig_walk(&rig, "d"), "a"), 0);
	assert_int_equal(move(&rig, "d", "e"), 0);
	assert_int_not_equal(rig_walk(&rig, "e"), 0);
	assert_int_equal(rig_walk(&rig, "d"), 0);
	names(&rig, "", "e/\n");
	rig_end(&rig);
}

static void a_file_being_written_below_is_published_there(void **state)
{
	struct inode *inode;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	put(&rig, "d/a");
	assert_int_equal(rig_create(&rig, rig_walk(&rig, "d"), "new", &inode),
	                 0);
	rig_write(inode, "text");
	assert_int_equal(move(&rig, "d", "e"), 0);
	names(&rig, "e", "a\nnew\n");
	assert_int_equal(rig_walk(&rig, "e/new"), inode->nodeid);
	assert_int_equal(rig_commit(&rig, inode, "text"), 0);
	rig_close(inode);
	stored(&rig, "e/a 3\ne/new 4\n");
	rig_end(&rig);
}

static void one_that_cannot_be_renamed_makes_it_busy(void **state)
{
	struct inode *inode;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	put(&rig, "d/a");
	assert_int_equal(rig_create(&rig, rig_walk(&rig, "d"), "new", &inode),
	                 0);
	rig_write(inode, "text");
	rig_refuse_rename(-EBUSY);
	assert_int_equal(move(&rig, "d", "e"), -EBUSY);
	rig_refuse_rename(0);
	stored(&rig, "d/a 3\n");
	assert_int_equal(rig_commit(&rig, inode, "text"), 0);
	rig_close(inode);
	stored(&rig, "d/a 3\nd/new 4\n");
	rig_end(&rig);
}

static void a_file_deleted_while_open_stays_behind_and_goes(void **state)
{
	struct inode *inode;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	put(&rig, "d/a");
	put(&rig, "d/b");
	inode = rig_open(&rig, rig_walk(&rig, "d/a"));
	assert_int_equal(rig_unlink(&rig, rig_walk(&rig, "d"), "a"), 0);
	assert_int_equal(move(&rig, "d", "e"), 0);
	stored(&rig, "d/a 3\ne/b 3\n");
	names(&rig, "e", "b\n");
	rig_close(inode);
	(void)fake_store_run(rig.fake);
	stored(&rig, "e/b 3\n");
	rig_end(&rig);
}

static void an_empty_target_is_taken_any_other_refused(void **state)
{
	uint64_t made;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	put(&rig, "d/a");
	put(&rig, "full/x");
	put(&rig, "file");
	assert_int_not_equal(rig_walk(&rig, "d"), 0);
	assert_int_equal(rig_mkdir(&rig, rig.top, "empty", &made), 0);
	assert_int_equal(move(&rig, "d", "full"), -ENOTEMPTY);
	assert_int_equal(move(&rig, "d", "file"), -ENOTDIR);
	assert_int_equal(rig_rename(&rig, rig.top, "d", rig.top, "empty",
	                            RENAME_NOREPLACE),
	                 -EEXIST);
	assert_int_equal(rig_rename(&rig, rig.top, "d", rig_walk(&rig, "d"),
	                            "in", 0),
	                 -EINVAL);
	stored(&rig, "d/a 3\nempty/ 0\nfile 4\nfull/x 6\n");
	assert_int_equal(move(&rig, "d", "empty"), 0);
	stored(&rig, "empty/ 0\nempty/a 3\nfile 4\nfull/x 6\n");
	rig_end(&rig);
}

static void beyond_the_limit_it_is_another_device(void **state)
{
	const struct rig_config config = {.copy_max = 8};
	char key[32];
	struct rig rig;

	(void)state;
	rig_init(&rig, &config);
	for (unsigned i = 0; i < 51; i++) {
		(void)snprintf(key, sizeof(key), "d/%02u", i);
		put(&rig, key);
	}
	put(&rig, "l/larger-than-8");
	assert_int_not_equal(rig_walk(&rig, "d"), 0);
	assert_int_not_equal(rig_walk(&rig, "l"), 0);
	assert_int_equal(move(&rig, "d", "e"), -EXDEV);
	assert_int_equal(move(&rig, "l", "m"), -EXDEV);
	assert_int_equal(rig_count(&rig, STORE_COPY), 0);
	assert_int_equal(fake_store_delete(rig.fake, "d/50"), 0);
	assert_int_equal(move(&rig, "d", "e"), 0);
	assert_int_equal(rig_count(&rig, STORE_COPY), 50);
	assert_int_equal(rig_count(&rig, STORE_DELETE_MANY), 1);
	assert_int_not_equal(rig_walk(&rig, "e/49"), 0);
	assert_int_equal(rig_walk(&rig, "d/00"), 0);
	rig_end(&rig);
}

/* Another client writes d/b when the first copies have been asked for. */
static void what_somebody_changes_meanwhile_goes_along(void **state)
{
	const struct rig_config config = {.mode = FAKE_QUEUE};
	const struct fs_rename rename = {.name = "d", .new_name = "e"};
	struct fs_rename here = rename;
	struct rig_call call;
	struct rig rig;

	(void)state;
	rig_init(&rig, &config);
	put(&rig, "d/a");
	put(&rig, "d/b");
	assert_int_not_equal(rig_walk(&rig, "d"), 0);
	assert_int_equal(rig_walk(&rig, "e"), 0);
	here.parent = rig.top;
	here.new_parent = rig.top;
	rig_call_init(&rig, &call);
	fs_rename(rig.fs, &call.call, &here);
	while (rig_count(&rig, STORE_COPY) < 2)
		assert_int_equal(fake_store_run_one(rig.fake), 1);
	assert_int_equal(fake_store_put_text(rig.fake, "d/b", "newer"), 0);
	put(&rig, "d/c");
	assert_int_equal(rig_wait(&call), 0);
	stored(&rig, "e/a 3\ne/b 5\ne/c 3\n");
	rig_call_end(&call);
	rig_end(&rig);
}

static void a_caller_who_leaves_is_answered_and_it_stops(void **state)
{
	const struct rig_config config = {.mode = FAKE_QUEUE};
	struct fs_rename here = {.name = "d", .new_name = "e"};
	struct rig_call call;
	struct rig rig;
	char *told;

	(void)state;
	rig_init(&rig, &config);
	put(&rig, "d/a");
	assert_int_not_equal(rig_walk(&rig, "d"), 0);
	assert_int_equal(rig_walk(&rig, "e"), 0);
	here.parent = rig.top;
	here.new_parent = rig.top;
	free(rig_told(&rig));
	rig_call_init(&rig, &call);
	fs_rename(rig.fs, &call.call, &here);
	while (rig_count(&rig, STORE_COPY) < 1)
		assert_int_equal(fake_store_run_one(rig.fake), 1);
	fs_cancel(rig.fs, &call.call);
	assert_true(atomic_load(&call.done));
	assert_int_equal(call.call.status, -EINTR);
	(void)fake_store_run(rig.fake);
	stored(&rig, "d/a 3\ne/a 3\n");
	told = rig_told(&rig);
	assert_non_null(strstr(told, " d\n"));
	assert_non_null(strstr(told, " e\n"));
	free(told);
	assert_int_not_equal(rig_walk(&rig, "e/a"), 0);
	assert_int_not_equal(rig_walk(&rig, "d/a"), 0);
	rig_call_end(&call);
	rig_end(&rig);
}

/* A file that is begun below while the copies are made, and is sent under its
 * old name at once: it stays there, and nothing of it shows under the new one. */
static void what_is_sent_under_the_old_name_stays_there(void **state)
{
	const struct rig_config config = {.mode = FAKE_QUEUE};
	struct fs_rename here = {.name = "d", .new_name = "e"};
	struct inode *inode;
	struct rig_call call;
	struct rig rig;
	uint64_t d;

	(void)state;
	rig_init(&rig, &config);
	put(&rig, "d/a");
	d = rig_walk(&rig, "d");
	assert_int_equal(rig_walk(&rig, "e"), 0);
	here.parent = rig.top;
	here.new_parent = rig.top;
	rig_call_init(&rig, &call);
	fs_rename(rig.fs, &call.call, &here);
	while (rig_count(&rig, STORE_COPY) < 1)
		assert_int_equal(fake_store_run_one(rig.fake), 1);
	assert_int_equal(rig_create(&rig, d, "new", &inode), 0);
	rig_write(inode, "text");
	rig_refuse_rename(-EBUSY);
	assert_int_equal(rig_wait(&call), 0);
	rig_refuse_rename(0);
	names(&rig, "e", "a\n");
	names(&rig, "", "d/\ne/\n");
	assert_int_equal(rig_commit(&rig, inode, "text"), 0);
	(void)fake_store_run(rig.fake);
	stored(&rig, "d/new 4\ne/a 3\n");
	assert_int_equal(rig_walk(&rig, "d/new"), inode->nodeid);
	rig_close(inode);
	names(&rig, "d", "new\n");
	names(&rig, "e", "a\n");
	rig_call_end(&call);
	rig_end(&rig);
}

/* The last answer finishes it, whether or not anybody waits for that. */
static void a_caller_who_leaves_at_the_end_finds_it_done(void **state)
{
	const struct rig_config config = {.mode = FAKE_QUEUE};
	struct fs_rename here = {.name = "d", .new_name = "e"};
	struct rig_call call;
	struct rig rig;
	uint64_t d;
	char *told;

	(void)state;
	rig_init(&rig, &config);
	put(&rig, "d/a");
	d = rig_walk(&rig, "d");
	assert_int_equal(rig_walk(&rig, "e"), 0);
	here.parent = rig.top;
	here.new_parent = rig.top;
	free(rig_told(&rig));
	rig_call_init(&rig, &call);
	fs_rename(rig.fs, &call.call, &here);
	while (rig_count(&rig, STORE_DELETE_MANY) < 1)
		assert_int_equal(fake_store_run_one(rig.fake), 1);
	fs_cancel(rig.fs, &call.call);
	assert_int_equal(call.call.status, -EINTR);
	(void)fake_store_run(rig.fake);
	stored(&rig, "e/a 3\n");
	told = rig_told(&rig);
	assert_non_null(strstr(told, " d\n"));
	assert_non_null(strstr(told, " e\n"));
	free(told);
	assert_int_equal(rig_walk(&rig, "e"), d);
	assert_int_equal(rig_walk(&rig, "d"), 0);
	rig_call_end(&call);
	rig_end(&rig);
}

/* rm -r e while a file of it is open; mv d e must not lose d to that DELETE. */
static void a_target_whose_files_are_still_open_is_busy(void **state)
{
	struct inode *inode;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	put(&rig, "d/x");
	assert_int_equal(fake_store_put_text(rig.fake, "e/x", "d/x"), 0);
	assert_int_not_equal(rig_walk(&rig, "d"), 0);
	inode = rig_open(&rig, rig_walk(&rig, "e/x"));
	assert_int_equal(rig_unlink(&rig, rig_walk(&rig, "e"), "x"), 0);
	assert_int_equal(rig_rmdir(&rig, rig.top, "e"), 0);
	assert_int_equal(move(&rig, "d", "e"), -EBUSY);
	rig_close(inode);
	(void)fake_store_run(rig.fake);
	stored(&rig, "d/x 3\n");
	assert_int_equal(move(&rig, "d", "e"), 0);
	stored(&rig, "e/x 3\n");
	rig_end(&rig);
}

/* After a failure every object is somewhere, and a second rename finishes. */
static void check_nothing_lost(struct rig *rig, int r)
{
	static const char *const rest[] = {"a", "b", "s/c"};
	char old[16];
	char new[16];

	for (size_t i = 0; i < 3; i++) {
		(void)snprintf(old, sizeof(old), "d/%s", rest[i]);
		(void)snprintf(new, sizeof(new), "e/%s", rest[i]);
		bool at_old = has(rig, old);
		bool at_new = has(rig, new);

		assert_true(at_old || at_new);
		assert_true(r != 0 || (at_new && !at_old));
		assert_true(!at_old || rig_walk(rig, old) != 0);
		assert_true(!at_new || rig_walk(rig, new) != 0);
	}
}

static void it_may_fail_at_every_request(void **state)
{
	static const enum fault_action actions[] = {FAULT_FAIL,
	                                            FAULT_LOSE_REPLY};

	(void)state;
	for (unsigned a = 0; a < 2; a++) {
		unsigned fired = 1;

		for (unsigned n = 1; fired > 0; n++) {
			struct rig rig;
			int r;

			rig_init(&rig, NULL);
			put(&rig, "d/a");
			put(&rig, "d/b");
			put(&rig, "d/s/c");
			assert_int_not_equal(rig_walk(&rig, "d/s/c"), 0);
			(void)fault_store_add(
				rig.fault,
				&(struct fault_rule){.action = actions[a],
			                             .nth = n});
			r = move(&rig, "d", "e");
			fired = fault_store_fired(rig.fault);
			fault_store_clear(rig.fault);
			assert_true(r == 0 || r == -EIO);
			assert_true(fired > 0 || r == 0);
			check_nothing_lost(&rig, r);
			assert_true(n < 100);
			rig_end(&rig);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_below_is_copied_then_deleted),
		cmocka_unit_test(a_store_without_conditions_gives_the_same),
		cmocka_unit_test(a_directorys_object_and_empty_ones_go_along),
		cmocka_unit_test(
			a_directory_that_is_only_remembered_is_renamed_too),
		cmocka_unit_test(a_file_being_written_below_is_published_there),
		cmocka_unit_test(one_that_cannot_be_renamed_makes_it_busy),
		cmocka_unit_test(
			a_file_deleted_while_open_stays_behind_and_goes),
		cmocka_unit_test(an_empty_target_is_taken_any_other_refused),
		cmocka_unit_test(beyond_the_limit_it_is_another_device),
		cmocka_unit_test(what_somebody_changes_meanwhile_goes_along),
		cmocka_unit_test(a_caller_who_leaves_is_answered_and_it_stops),
		cmocka_unit_test(what_is_sent_under_the_old_name_stays_there),
		cmocka_unit_test(a_caller_who_leaves_at_the_end_finds_it_done),
		cmocka_unit_test(a_target_whose_files_are_still_open_is_busy),
		cmocka_unit_test(it_may_fail_at_every_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
