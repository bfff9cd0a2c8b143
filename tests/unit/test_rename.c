/* SPDX-License-Identifier: MIT */
/* Renaming: copy, check, delete; what is left after each failure. */
#include "names_rig.h"
#include "turn.h"

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
static int move(struct rig *rig, const char *from, const char *to,
                unsigned flags)
{
	return rig_rename(rig, rig->top, from, rig->top, to, flags);
}

static void a_stored_file_is_copied_and_then_deleted(void **state)
{
	struct fs_attr attr;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(fake_store_put_text(rig.fake, "a", "text"), 0);
	uint64_t a = rig_walk(&rig, "a");

	rig_forget_asked(&rig);
	assert_int_equal(move(&rig, "a", "b", 0), 0);
	rig_asked(&rig, "COPY b from a source-if-match=E\n"
	                "DELETE a if-match=E\n");
	stored(&rig, "b 4\n");

	/* The inode went along; both names are known. */
	assert_int_equal(rig_walk(&rig, "b"), a);
	assert_int_equal(rig_walk(&rig, "a"), 0);
	assert_int_equal(rig_getattr(&rig, a, &attr), 0);
	assert_int_equal(attr.size, 4);
	rig_asked(&rig, "");
	rig_pass(&rig, 5000);
	assert_int_equal(rig_walk(&rig, "b"), a);
	rig_end(&rig);
}

static void a_store_that_cannot_pin_is_asked_before(void **state)
{
	const struct rig_config config = {.old_store = true};
	struct rig rig;

	(void)state;
	rig_init(&rig, &config);
	assert_int_equal(fake_store_put_text(rig.fake, "a", "text"), 0);
	assert_int_not_equal(rig_walk(&rig, "a"), 0);
	rig_forget_asked(&rig);
	assert_int_equal(move(&rig, "a", "b", 0), 0);
	rig_asked(&rig, "HEAD a\nCOPY b from a source-if-match=E\nDELETE a\n");
	stored(&rig, "b 4\n");
	rig_end(&rig);
}

static void the_metadata_goes_along(void **state)
{
	const struct store_meta meta[] = {{"mode", "33024"}, {"color", "blue"}};
	const struct store_headers headers = {.meta = meta, .meta_count = 2};
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(fake_store_put(rig.fake, "a", "x", 1, &headers), 0);
	assert_int_not_equal(rig_walk(&rig, "a"), 0);
	assert_int_equal(move(&rig, "a", "b", 0), 0);
	char *color = fake_store_header(rig.fake, "b", "color");

	assert_string_equal(color, "blue");
	free(color);
	rig_end(&rig);
}

static void a_file_that_only_is_here_just_gets_another_name(void **state)
{
	struct inode *inode;
	struct rig rig;
	int status;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(rig_create(&rig, rig.top, "a", &inode), 0);
	rig_write(inode, "text");
	assert_int_equal(move(&rig, "a", "b", 0), 0);
	assert_int_equal(rig_walk(&rig, "b"), inode->nodeid);
	rig_asked(&rig, "");
	char *names = rig_ls(&rig, rig.top, &status);

	assert_string_equal(names, "b\n");
	free(names);
	rig_forget_asked(&rig);
	assert_int_equal(rig_walk(&rig, "a"), 0);
	rig_forget_asked(&rig);
	assert_int_equal(rig_commit(&rig, inode, "text"), 0);
	rig_asked(&rig, "PUT b 4 if-none-match=*\n");
	rig_close(inode);
	stored(&rig, "b 4\n");
	rig_end(&rig);
}

static void a_file_whose_parts_are_sent_cannot_be_renamed(void **state)
{
	struct inode *inode;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(rig_create(&rig, rig.top, "a", &inode), 0);
	rig_refuse_rename(-EBUSY);
	assert_int_equal(move(&rig, "a", "b", 0), -EBUSY);
	assert_int_equal(rig_walk(&rig, "a"), inode->nodeid);
	inode_reverted(inode);
	rig_close(inode);
	rig_end(&rig);
}

static void
a_local_file_renamed_over_a_stored_one_replaces_it_at_its_commit(void **state)
{
	struct inode *inode;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(fake_store_put_text(rig.fake, "b", "old"), 0);
	uint64_t b = rig_walk(&rig, "b");

	assert_int_equal(rig_create(&rig, rig.top, "a", &inode), 0);
	rig_write(inode, "text");
	assert_int_equal(move(&rig, "a", "b", 0), 0);
	assert_int_equal(rig_walk(&rig, "b"), inode->nodeid);
	assert_int_equal(rig_getattr(&rig, b, NULL), -ESTALE);
	stored(&rig, "b 3\n");
	rig_forget_asked(&rig);
	assert_int_equal(rig_commit(&rig, inode, "text"), 0);
	rig_asked(&rig, "PUT b 4 if-match=E\n");
	rig_close(inode);
	stored(&rig, "b 4\n");
	rig_end(&rig);
}

static void if_that_commit_fails_the_old_one_is_still_there(void **state)
{
	struct inode *inode;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(fake_store_put_text(rig.fake, "b", "old"), 0);
	assert_int_not_equal(rig_walk(&rig, "b"), 0);
	assert_int_equal(rig_create(&rig, rig.top, "a", &inode), 0);
	assert_int_equal(move(&rig, "a", "b", 0), 0);
	inode_reverted(inode);
	rig_close(inode);
	stored(&rig, "b 3\n");
	assert_int_not_equal(rig_walk(&rig, "b"), 0);
	rig_end(&rig);
}

static void
a_local_file_on_a_hidden_name_that_moves_away_leaves_the_delete(void **state)
{
	struct inode *inode;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(fake_store_put_text(rig.fake, "a", "old"), 0);
	struct inode *open = rig_open(&rig, rig_walk(&rig, "a"));

	assert_int_equal(rig_unlink(&rig, rig.top, "a"), 0);
	assert_int_equal(rig_create(&rig, rig.top, "a", &inode), 0);
	assert_int_equal(move(&rig, "a", "b", 0), 0);
	rig_close(open);
	stored(&rig, "");
	assert_int_equal(rig_walk(&rig, "a"), 0);
	assert_int_equal(rig_commit(&rig, inode, "text"), 0);
	rig_close(inode);
	stored(&rig, "b 4\n");
	assert_int_equal(rig.busy, 0);
	rig_end(&rig);
}

static void an_existing_target_is_replaced(void **state)
{
	unsigned abandoned = rig_abandoned();
	struct fs_attr attr;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(fake_store_put_text(rig.fake, "a", "text"), 0);
	assert_int_equal(fake_store_put_text(rig.fake, "b", "old"), 0);
	uint64_t a = rig_walk(&rig, "a");
	struct inode *b = rig_open(&rig, rig_walk(&rig, "b"));

	assert_int_equal(move(&rig, "a", "b", 0), 0);
	assert_int_equal(rig_walk(&rig, "b"), a);
	assert_int_equal(rig_getattr(&rig, b->nodeid, &attr), 0);
	assert_int_equal(attr.nlink, 0);
	assert_int_equal(attr.size, 3);
	assert_int_equal(rig_abandoned(), abandoned + 1);
	rig_close(b);
	stored(&rig, "b 4\n");
	assert_int_equal(rig.busy, 0);
	rig_end(&rig);
}

static void a_hidden_target_needs_no_delete_any_more(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(fake_store_put_text(rig.fake, "a", "text"), 0);
	assert_int_equal(fake_store_put_text(rig.fake, "b", "old"), 0);
	assert_int_not_equal(rig_walk(&rig, "a"), 0);
	struct inode *b = rig_open(&rig, rig_walk(&rig, "b"));

	assert_int_equal(rig_unlink(&rig, rig.top, "b"), 0);
	assert_int_equal(move(&rig, "a", "b", 0), 0);
	rig_forget_asked(&rig);
	rig_close(b);
	rig_asked(&rig, "");
	stored(&rig, "b 4\n");
	assert_int_equal(rig.busy, 0);
	rig_end(&rig);
}

static void noreplace_is_honoured(void **state)
{
	struct inode *local;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(fake_store_put_text(rig.fake, "a", "text"), 0);
	assert_int_equal(fake_store_put_text(rig.fake, "b", "old"), 0);
	assert_int_not_equal(rig_walk(&rig, "a"), 0);
	assert_int_equal(move(&rig, "a", "b", RENAME_NOREPLACE), -EEXIST);
	assert_int_equal(rig_create(&rig, rig.top, "c", &local), 0);
	assert_int_equal(move(&rig, "a", "c", RENAME_NOREPLACE), -EEXIST);
	assert_int_equal(move(&rig, "a", "d", RENAME_NOREPLACE), 0);
	stored(&rig, "b 3\nd 4\n");
	inode_reverted(local);
	rig_close(local);
	rig_end(&rig);
}

static void other_flags_are_invalid(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(move(&rig, "a", "b", RENAME_EXCHANGE), -EINVAL);
	rig_end(&rig);
}

static void the_same_name_is_nothing_to_do(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(fake_store_put_text(rig.fake, "a", "text"), 0);
	assert_int_not_equal(rig_walk(&rig, "a"), 0);
	rig_forget_asked(&rig);
	assert_int_equal(move(&rig, "a", "a", 0), 0);
	rig_asked(&rig, "");
	rig_end(&rig);
}

static void what_cannot_be_renamed_here_is_another_device(void **state)
{
	const struct rig_config config = {.copy_max = 3};
	struct fs_entry broken;
	struct rig rig;

	(void)state;
	rig_init(&rig, &config);
	assert_int_equal(fake_store_put_text(rig.fake, "a", "text"), 0);
	assert_int_equal(fake_store_put_text(rig.fake, "d/f", "x"), 0);
	assert_int_not_equal(rig_walk(&rig, "a"), 0);
	assert_int_not_equal(rig_walk(&rig, "d"), 0);
	assert_int_equal(rig_lookup(&rig, FS_ROOT_ID, "broken", &broken), 0);
	rig_forget_asked(&rig);
	assert_int_equal(move(&rig, "a", "b", 0), -EXDEV); /* too large */
	assert_int_equal(rig_rename(&rig, rig.top, "d", broken.nodeid, "d", 0),
	                 -EXDEV);
	assert_int_equal(rig_rename(&rig, rig.top, "a", broken.nodeid, "a", 0),
	                 -EXDEV);
	assert_int_equal(rig_rename(&rig, FS_ROOT_ID, "b", rig.top, "x", 0),
	                 -EPERM);
	rig_asked(&rig, "");
	rig_end(&rig);
}

static void a_source_changed_elsewhere_is_not_moved(void **state)
{
	for (unsigned old = 0; old < 2; old++) {
		const struct rig_config config = {.old_store = old};
		struct rig rig;

		(void)state;
		rig_init(&rig, &config);
		assert_int_equal(fake_store_put_text(rig.fake, "a", "text"), 0);
		assert_int_not_equal(rig_walk(&rig, "a"), 0);
		assert_int_equal(fake_store_put_text(rig.fake, "a", "new"), 0);
		assert_int_equal(move(&rig, "a", "b", 0), -ESTALE);
		stored(&rig, "a 3\n");
		rig_end(&rig);
	}
}

static void a_delete_that_fails_leaves_both_names_and_says_so(void **state)
{
	const struct fs_rename rename = {.name = "a", .new_name = "b"};
	struct fs_rename here = rename;
	struct rig_call call;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(fake_store_put_text(rig.fake, "a", "text"), 0);
	assert_int_not_equal(rig_walk(&rig, "a"), 0);
	(void)fault_store_add(rig.fault,
	                      &(struct fault_rule){
				      .verbs = FAULT_VERB(STORE_DELETE),
				      .nth = 1,
			      });
	here.parent = rig.top;
	here.new_parent = rig.top;
	rig_call_init(&rig, &call);
	fs_rename(rig.fs, &call.call, &here);
	assert_int_equal(rig_wait(&call), -EIO);
	assert_non_null(strstr(call.call.err.text, "there are both"));
	stored(&rig, "a 4\nb 4\n");
	assert_int_not_equal(rig_walk(&rig, "a"), 0);
	assert_int_not_equal(rig_walk(&rig, "b"), 0);

	/* Again, and it works. */
	assert_int_equal(move(&rig, "a", "b", 0), 0);
	stored(&rig, "b 4\n");
	rig_end(&rig);
}

static void a_lost_reply_of_the_copy_is_checked(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(fake_store_put_text(rig.fake, "a", "text"), 0);
	assert_int_not_equal(rig_walk(&rig, "a"), 0);
	rig_forget_asked(&rig);
	(void)fault_store_add(rig.fault,
	                      &(struct fault_rule){
				      .action = FAULT_LOSE_REPLY,
				      .verbs = FAULT_VERB(STORE_COPY),
				      .nth = 1,
			      });
	assert_int_equal(move(&rig, "a", "b", 0), 0);
	rig_asked(&rig, "COPY b from a source-if-match=E\nHEAD b\n"
	                "DELETE a if-match=E\n");
	stored(&rig, "b 4\n");
	rig_end(&rig);
}

static void an_implicit_directory_that_lost_its_file_stays(void **state)
{
	struct rig rig;
	uint64_t d;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(fake_store_put_text(rig.fake, "d/f", "x"), 0);
	d = rig_walk(&rig, "d");
	assert_int_not_equal(rig_walk(&rig, "d/f"), 0);
	assert_int_equal(rig_rename(&rig, d, "f", rig.top, "f", 0), 0);
	rig_pass(&rig, 5000);
	assert_int_equal(rig_walk(&rig, "d"), d);
	assert_int_equal(rig_rmdir(&rig, rig.top, "d"), 0);
	rig_end(&rig);
}

static void two_renames_across_each_other_do_not_lock_up(void **state)
{
	const struct rig_config config = {.mode = FAKE_QUEUE};
	struct rig_call calls[2];
	struct fs_rename there = {.name = "a", .new_name = "b"};
	struct fs_rename back = {.name = "b", .new_name = "a"};
	struct rig rig;

	(void)state;
	rig_init(&rig, &config);
	assert_int_equal(fake_store_put_text(rig.fake, "a", "text"), 0);
	assert_int_equal(fake_store_put_text(rig.fake, "b", "other"), 0);
	assert_int_not_equal(rig_walk(&rig, "a"), 0);
	assert_int_not_equal(rig_walk(&rig, "b"), 0);
	there.parent = there.new_parent = rig.top;
	back.parent = back.new_parent = rig.top;
	rig_call_init(&rig, &calls[0]);
	rig_call_init(&rig, &calls[1]);
	fs_rename(rig.fs, &calls[0].call, &there);
	fs_rename(rig.fs, &calls[1].call, &back);
	assert_int_equal(rig_wait(&calls[0]), 0);
	/* What was b is replaced: that cannot be moved back. */
	assert_int_equal(rig_wait(&calls[1]), -ESTALE);
	stored(&rig, "b 4\n");
	rig_end(&rig);
}

static void a_rename_that_waits_for_a_turn_can_be_interrupted(void **state)
{
	struct fs_rename there = {.name = "a", .new_name = "b"};
	struct turn turn = {0};
	struct rig_call call;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(fake_store_put_text(rig.fake, "a", "text"), 0);
	assert_int_not_equal(rig_walk(&rig, "a"), 0);
	assert_true(turn_take(&rig.fs->buckets[0], "b", &turn));
	there.parent = there.new_parent = rig.top;
	rig_call_init(&rig, &call);
	fs_rename(rig.fs, &call.call, &there);
	assert_false(call.done);
	fs_cancel(rig.fs, &call.call);
	assert_true(call.done);
	assert_int_equal(call.call.status, -EINTR);
	turn_end(&turn);
	stored(&rig, "a 4\n");
	rig_end(&rig);
}

/* mv a b; touch a: who compares st_ino must not take them for one file. */
static void the_old_name_gets_another_number(void **state)
{
	struct fs_attr a;
	struct fs_attr b;
	struct rig rig;
	uint64_t ino;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(fake_store_put_text(rig.fake, "a", "text"), 0);
	assert_int_equal(rig_getattr(&rig, rig_walk(&rig, "a"), &a), 0);
	ino = a.ino;
	assert_int_equal(move(&rig, "a", "b", 0), 0);
	assert_int_equal(fake_store_put_text(rig.fake, "a", "new"), 0);
	rig_pass(&rig, 5000000);
	assert_int_equal(rig_getattr(&rig, rig_walk(&rig, "b"), &b), 0);
	assert_int_equal(b.ino, ino); /* it is the same file */
	assert_int_equal(rig_getattr(&rig, rig_walk(&rig, "a"), &a), 0);
	assert_true(a.ino != b.ino);
	assert_int_equal(move(&rig, "a", "c", 0), 0);
	assert_int_equal(move(&rig, "b", "a", 0), 0);
	assert_int_equal(rig_getattr(&rig, rig_walk(&rig, "c"), &b), 0);
	assert_int_equal(b.ino, a.ino);
	assert_int_equal(rig_getattr(&rig, rig_walk(&rig, "a"), &a), 0);
	assert_int_equal(a.ino, ino);
	rig_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stored_file_is_copied_and_then_deleted),
		cmocka_unit_test(a_store_that_cannot_pin_is_asked_before),
		cmocka_unit_test(the_metadata_goes_along),
		cmocka_unit_test(the_old_name_gets_another_number),
		cmocka_unit_test(
			a_file_that_only_is_here_just_gets_another_name),
		cmocka_unit_test(a_file_whose_parts_are_sent_cannot_be_renamed),
		cmocka_unit_test(
			a_local_file_renamed_over_a_stored_one_replaces_it_at_its_commit),
		cmocka_unit_test(
			if_that_commit_fails_the_old_one_is_still_there),
		cmocka_unit_test(
			a_local_file_on_a_hidden_name_that_moves_away_leaves_the_delete),
		cmocka_unit_test(an_existing_target_is_replaced),
		cmocka_unit_test(a_hidden_target_needs_no_delete_any_more),
		cmocka_unit_test(noreplace_is_honoured),
		cmocka_unit_test(other_flags_are_invalid),
		cmocka_unit_test(the_same_name_is_nothing_to_do),
		cmocka_unit_test(what_cannot_be_renamed_here_is_another_device),
		cmocka_unit_test(a_source_changed_elsewhere_is_not_moved),
		cmocka_unit_test(
			a_delete_that_fails_leaves_both_names_and_says_so),
		cmocka_unit_test(a_lost_reply_of_the_copy_is_checked),
		cmocka_unit_test(
			an_implicit_directory_that_lost_its_file_stays),
		cmocka_unit_test(two_renames_across_each_other_do_not_lock_up),
		cmocka_unit_test(
			a_rename_that_waits_for_a_turn_can_be_interrupted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
