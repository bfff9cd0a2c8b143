/* SPDX-License-Identifier: MIT */
/* mkdir, symlink, unlink, rmdir: what is asked of the store, what is left. */
#include "names_rig.h"
#include "turn.h"

#include <stdlib.h>
#include <string.h>

/* What the store holds. */
static void stored(struct rig *rig, const char *expected)
{
	char *list = fake_store_list(rig->fake);

	assert_string_equal(list, expected);
	free(list);
}

static void mkdir_is_one_put_of_an_empty_object(void **state)
{
	struct fs_attr attr;
	struct rig rig;
	uint64_t d;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(rig_mkdir(&rig, rig.top, "d", &d), 0);
	rig_asked(&rig, "PUT d/ 0 if-none-match=*\n");
	assert_int_equal(rig_getattr(&rig, d, &attr), 0);
	assert_int_equal(attr.mode, S_IFDIR | 0750);
	char *mode = fake_store_header(rig.fake, "d/", "mode");
	char *type = fake_store_header(rig.fake, "d/", "content-type");

	assert_string_equal(mode, "16872");
	assert_string_equal(type, "application/x-directory");
	free(mode);
	free(type);
	rig_end(&rig);
}

static void a_new_directory_is_known_to_be_empty(void **state)
{
	struct rig rig;
	uint64_t d;
	uint64_t s;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(rig_mkdir(&rig, rig.top, "d", &d), 0);
	rig_forget_asked(&rig);
	assert_int_equal(rig_lookup(&rig, d, "x", NULL), -ENOENT);
	assert_int_equal(rig_mkdir(&rig, d, "s", &s), 0);
	assert_int_equal(rig_lookup(&rig, s, "y", NULL), -ENOENT);
	rig_asked(&rig, "PUT d/s/ 0 if-none-match=*\n");
	rig_end(&rig);
}

static void files_made_one_after_the_other_cost_no_lookups(void **state)
{
	const struct rig_config config = {.ttl_ms = 3600000,
	                                  .negative_ms = 60000};
	struct rig rig;
	uint64_t d;

	(void)state;
	rig_init(&rig, &config);
	assert_int_equal(rig_mkdir(&rig, rig.top, "d", &d), 0);
	rig_forget_asked(&rig);
	for (unsigned i = 0; i < 30; i++) {
		char name[8] = {'f', (char)('a' + i / 10), (char)('0' + i % 10),
		                0};
		struct inode *inode;

		assert_int_equal(rig_lookup(&rig, d, name, NULL), -ENOENT);
		assert_int_equal(rig_create(&rig, d, name, &inode), 0);
		assert_int_equal(rig_commit(&rig, inode, "x"), 0);
		rig_close(inode);
		rig_pass(&rig, 1000);
	}
	assert_int_equal(rig_count(&rig, STORE_HEAD), 0);
	assert_int_equal(rig_count(&rig, STORE_LIST), 0);

	/* After negative_ttl the store is asked again. */
	rig_pass(&rig, 30000);
	assert_int_equal(rig_lookup(&rig, d, "new", NULL), -ENOENT);
	assert_int_equal(rig_count(&rig, STORE_LIST), 1);
	rig_end(&rig);
}

static void a_name_that_exists_is_not_made_again(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(rig_mkdir(&rig, rig.top, "d", NULL), 0);
	rig_forget_asked(&rig);
	assert_int_equal(rig_mkdir(&rig, rig.top, "d", NULL), -EEXIST);
	assert_int_equal(rig_symlink(&rig, rig.top, "d", "x"), -EEXIST);
	rig_asked(&rig, "");

	/* Somebody else was faster: the store says so. */
	assert_int_equal(fake_store_put_text(rig.fake, "e/", ""), 0);
	assert_int_equal(rig_mkdir(&rig, rig.top, "e", NULL), -EEXIST);
	rig_end(&rig);
}

static void a_lost_reply_of_mkdir_is_settled_by_the_nonce(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	(void)fault_store_add(rig.fault, &(struct fault_rule){
						 .action = FAULT_LOSE_REPLY,
						 .nth = 1,
						 .code = -ETIMEDOUT,
					 });
	assert_int_equal(rig_mkdir(&rig, rig.top, "d", NULL), 0);
	rig_asked(&rig, "PUT d/ 0 if-none-match=*\nHEAD d/\n");
	rig_end(&rig);
}

static void a_symlink_is_an_object_with_its_target_as_body(void **state)
{
	struct rig_call call;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(rig_symlink(&rig, rig.top, "l", "to/there"), 0);
	rig_asked(&rig, "PUT l 8 if-none-match=*\n");
	char *mode = fake_store_header(rig.fake, "l", "mode");

	assert_string_equal(mode, "41471");
	free(mode);

	uint64_t l = rig_walk(&rig, "l");

	rig_asked(&rig, "");
	rig_call_init(&rig, &call);
	call.data_len = SIZE_MAX; /* keep the data */
	fs_readlink(rig.fs, &call.call, l);
	assert_int_equal(rig_wait(&call), 0);
	assert_string_equal(call.data, "to/there");
	rig_call_end(&call);
	rig_asked(&rig, ""); /* we made it */
	rig_end(&rig);
}

static void a_symlink_made_by_s3fs_is_one_here(void **state)
{
	const struct store_meta meta[] = {{"mode", "41471"}};
	const struct store_headers headers = {.meta = meta, .meta_count = 1};
	struct fs_entry entry;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(fake_store_put(rig.fake, "l", "x", 1, &headers), 0);
	assert_int_equal(rig_lookup(&rig, rig.top, "l", &entry), 0);
	assert_int_equal(entry.attr.mode, S_IFLNK | 0777);
	rig_end(&rig);
}

static void rmdir_lists_and_deletes_the_object(void **state)
{
	struct rig rig;
	uint64_t d;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(rig_mkdir(&rig, rig.top, "d", &d), 0);
	rig_forget_asked(&rig);
	assert_int_equal(rig_rmdir(&rig, rig.top, "d"), 0);
	rig_asked(&rig, "LIST prefix=d/ max-keys=2\nDELETE d/\n");
	assert_int_equal(rig_walk(&rig, "d"), 0);
	stored(&rig, "");
	rig_end(&rig);
}

static void rmdir_of_what_is_not_empty_is_refused(void **state)
{
	struct inode *local;
	struct rig rig;
	uint64_t e;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(fake_store_put_text(rig.fake, "d/f", "x"), 0);
	assert_int_not_equal(rig_walk(&rig, "d"), 0);
	assert_int_equal(rig_rmdir(&rig, rig.top, "d"), -ENOTEMPTY);

	/* A file being written counts, without a request. */
	assert_int_equal(rig_mkdir(&rig, rig.top, "e", &e), 0);
	assert_int_equal(rig_create(&rig, e, "f", &local), 0);
	rig_forget_asked(&rig);
	assert_int_equal(rig_rmdir(&rig, rig.top, "e"), -ENOTEMPTY);
	rig_asked(&rig, "");
	inode_reverted(local);
	rig_close(local);
	rig_end(&rig);
}

static void rm_r_of_implicit_directories_works(void **state)
{
	struct rig rig;
	uint64_t a;
	uint64_t b;
	int status;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(fake_store_put_text(rig.fake, "a/b/f", "x"), 0);
	a = rig_walk(&rig, "a");
	b = rig_walk(&rig, "a/b");
	assert_int_equal(rig_unlink(&rig, b, "f"), 0);

	/* Nothing is left of them at the store, but they are still here. */
	rig_pass(&rig, 5000);
	assert_int_equal(rig_walk(&rig, "a/b"), b);
	char *names = rig_ls(&rig, a, &status);

	assert_string_equal(names, "b/\n");
	free(names);
	assert_int_equal(rig_rmdir(&rig, rig.top, "a"), -ENOTEMPTY);
	assert_int_equal(rig_rmdir(&rig, a, "b"), 0);
	assert_int_equal(rig_walk(&rig, "a/b"), 0);
	assert_int_equal(rig_walk(&rig, "a"), a);
	assert_int_equal(rig_rmdir(&rig, rig.top, "a"), 0);
	assert_int_equal(rig_walk(&rig, "a"), 0);
	rig_end(&rig);
}

static void rmdir_of_a_directory_that_vanished_says_so(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(fake_store_put_text(rig.fake, "d/f", "x"), 0);
	assert_int_not_equal(rig_walk(&rig, "d"), 0);
	assert_int_equal(fake_store_delete(rig.fake, "d/f"), 0);
	assert_int_equal(rig_rmdir(&rig, rig.top, "d"), -ENOENT);
	rig_end(&rig);
}

static void the_wrong_call_for_the_kind_is_refused(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(fake_store_put_text(rig.fake, "f", "x"), 0);
	assert_int_equal(rig_mkdir(&rig, rig.top, "d", NULL), 0);
	uint64_t f = rig_walk(&rig, "f");

	assert_int_equal(rig_unlink(&rig, rig.top, "d"), -EISDIR);
	assert_int_equal(rig_rmdir(&rig, rig.top, "f"), -ENOTDIR);
	assert_int_equal(rig_mkdir(&rig, f, "x", NULL), -ENOTDIR);
	rig_end(&rig);
}

static void a_read_only_bucket_changes_nothing(void **state)
{
	const struct rig_config config = {.bucket_mode = FS_BUCKET_RO};
	struct inode *inode;
	struct fs_attr attr = {.mode = 0600};
	struct rig rig;

	(void)state;
	rig_init(&rig, &config);
	assert_int_equal(fake_store_put_text(rig.fake, "f", "x"), 0);
	uint64_t f = rig_walk(&rig, "f");

	rig_forget_asked(&rig);
	assert_int_equal(rig_create(&rig, rig.top, "x", &inode), -EROFS);
	assert_int_equal(rig_mkdir(&rig, rig.top, "d", NULL), -EROFS);
	assert_int_equal(rig_symlink(&rig, rig.top, "l", "f"), -EROFS);
	assert_int_equal(rig_unlink(&rig, rig.top, "f"), -EROFS);
	assert_int_equal(rig_rmdir(&rig, rig.top, "f"), -EROFS);
	assert_int_equal(rig_rename(&rig, rig.top, "f", rig.top, "g", 0),
	                 -EROFS);
	assert_int_equal(rig_setattr(&rig, f, FS_SET_MODE, &attr), -EROFS);
	rig_asked(&rig, "");
	rig_end(&rig);
}

static void a_write_once_bucket_takes_new_names_only(void **state)
{
	const struct rig_config config = {.bucket_mode = FS_BUCKET_WO};
	struct inode *inode;
	struct fs_attr attr = {.mode = 0600};
	struct rig rig;

	(void)state;
	rig_init(&rig, &config);
	assert_int_equal(fake_store_put_text(rig.fake, "f", "x"), 0);
	uint64_t f = rig_walk(&rig, "f");

	assert_int_equal(rig_mkdir(&rig, rig.top, "d", NULL), 0);
	assert_int_equal(rig_symlink(&rig, rig.top, "l", "f"), 0);
	assert_int_equal(rig_unlink(&rig, rig.top, "f"), -EPERM);
	assert_int_equal(rig_rmdir(&rig, rig.top, "d"), -EPERM);
	assert_int_equal(rig_rename(&rig, rig.top, "f", rig.top, "g", 0),
	                 -EPERM);
	assert_int_equal(rig_setattr(&rig, f, FS_SET_MODE, &attr), -EPERM);

	/* What is not there yet may be changed until it is. */
	assert_int_equal(rig_create(&rig, rig.top, "n", &inode), 0);
	assert_int_equal(rig_setattr(&rig, inode->nodeid, FS_SET_MODE, &attr),
	                 0);
	assert_int_equal(rig_commit(&rig, inode, "x"), 0);
	assert_int_equal(rig_setattr(&rig, inode->nodeid, FS_SET_MODE, &attr),
	                 -EPERM);
	rig_close(inode);
	rig_end(&rig);
}

static void an_interrupted_unlink_leaves_no_delete_under_way(void **state)
{
	struct rig_call call;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(fake_store_put_text(rig.fake, "f", "x"), 0);
	assert_int_not_equal(rig_walk(&rig, "f"), 0);
	fake_store_set_mode(rig.fake, FAKE_QUEUE);
	rig_call_init(&rig, &call);
	fs_unlink(rig.fs, &call.call, rig.top, "f");
	fs_cancel(rig.fs, &call.call);
	assert_false(call.done); /* the store has to let go first */
	assert_int_equal(rig_wait(&call), -EINTR);
	stored(&rig, "f 1\n");
	assert_int_equal(rig.busy, 0);
	fake_store_set_mode(rig.fake, FAKE_INLINE);
	assert_int_not_equal(rig_walk(&rig, "f"), 0);
	rig_end(&rig);
}

static void an_unlink_that_waits_for_its_turn_can_be_interrupted(void **state)
{
	struct turn turn = {0};
	struct rig_call call;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(fake_store_put_text(rig.fake, "f", "x"), 0);
	assert_int_not_equal(rig_walk(&rig, "f"), 0);
	assert_true(turn_take(&rig.fs->buckets[0], "f", &turn));
	rig_call_init(&rig, &call);
	fs_unlink(rig.fs, &call.call, rig.top, "f");
	assert_false(call.done);
	fs_cancel(rig.fs, &call.call);
	assert_true(call.done);
	assert_int_equal(call.call.status, -EINTR);
	turn_end(&turn);
	stored(&rig, "f 1\n");
	assert_int_equal(rig.busy, 0);
	rig_end(&rig);
}

static void abort_ends_what_is_under_way(void **state)
{
	const struct rig_config config = {.mode = FAKE_QUEUE};
	struct rig_call call;
	struct rig rig;

	(void)state;
	rig_init(&rig, &config);
	rig_call_init(&rig, &call);
	fs_mkdir(rig.fs, &call.call, rig.top, "d", 0755);
	fs_abort(rig.fs);
	assert_int_equal(rig_wait(&call), -EINTR);
	rig_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mkdir_is_one_put_of_an_empty_object),
		cmocka_unit_test(a_new_directory_is_known_to_be_empty),
		cmocka_unit_test(
			files_made_one_after_the_other_cost_no_lookups),
		cmocka_unit_test(a_name_that_exists_is_not_made_again),
		cmocka_unit_test(a_lost_reply_of_mkdir_is_settled_by_the_nonce),
		cmocka_unit_test(
			a_symlink_is_an_object_with_its_target_as_body),
		cmocka_unit_test(a_symlink_made_by_s3fs_is_one_here),
		cmocka_unit_test(rmdir_lists_and_deletes_the_object),
		cmocka_unit_test(rmdir_of_what_is_not_empty_is_refused),
		cmocka_unit_test(rm_r_of_implicit_directories_works),
		cmocka_unit_test(rmdir_of_a_directory_that_vanished_says_so),
		cmocka_unit_test(the_wrong_call_for_the_kind_is_refused),
		cmocka_unit_test(a_read_only_bucket_changes_nothing),
		cmocka_unit_test(a_write_once_bucket_takes_new_names_only),
		cmocka_unit_test(
			an_interrupted_unlink_leaves_no_delete_under_way),
		cmocka_unit_test(
			an_unlink_that_waits_for_its_turn_can_be_interrupted),
		cmocka_unit_test(abort_ends_what_is_under_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
