/* SPDX-License-Identifier: MIT */
/* Unlinking what is open, new or being sent: what is deleted, and when. */
#include "names_rig.h"

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

static void unlink_is_one_delete(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(fake_store_put_text(rig.fake, "f", "x"), 0);
	uint64_t f = rig_walk(&rig, "f");

	rig_forget_asked(&rig);
	assert_int_equal(rig_unlink(&rig, rig.top, "f"), 0);
	rig_asked(&rig, "DELETE f\n");
	assert_int_equal(rig_walk(&rig, "f"), 0);
	assert_int_equal(rig_getattr(&rig, f, NULL), -ESTALE);
	rig_asked(&rig, "");
	stored(&rig, "");
	rig_end(&rig);
}

static void a_file_that_only_is_here_goes_without_a_request(void **state)
{
	unsigned abandoned = rig_abandoned();
	struct inode *inode;
	struct fs_attr attr;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(rig_create(&rig, rig.top, "f", &inode), 0);
	rig_write(inode, "text");
	assert_int_equal(rig_walk(&rig, "f"), inode->nodeid);
	assert_int_equal(rig_unlink(&rig, rig.top, "f"), 0);
	assert_int_equal(rig_abandoned(), abandoned + 1);
	rig_asked(&rig, "");
	assert_int_equal(rig_getattr(&rig, inode->nodeid, &attr), 0);
	assert_int_equal(attr.nlink, 0);
	assert_int_equal(rig_walk(&rig, "f"), 0);
	rig_close(inode);
	rig_end(&rig);
}

static void an_open_file_is_hidden_and_deleted_at_its_last_release(void **state)
{
	struct fs_attr attr;
	struct rig rig;
	int status;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(fake_store_put_text(rig.fake, "f", "x"), 0);
	uint64_t f = rig_walk(&rig, "f");
	struct inode *open = rig_open(&rig, f);

	rig_forget_asked(&rig);
	assert_int_equal(rig_unlink(&rig, rig.top, "f"), 0);
	assert_int_equal(rig.busy, 1);
	assert_int_equal(rig_walk(&rig, "f"), 0);
	assert_int_equal(rig_getattr(&rig, f, &attr), 0);
	assert_int_equal(attr.nlink, 0);
	rig_asked(&rig, "");
	stored(&rig, "f 1\n");

	/* It is in no listing, and a listing does not bring it back. */
	char *names = rig_ls(&rig, rig.top, &status);

	assert_string_equal(names, "");
	free(names);
	rig_pass(&rig, 5000);
	assert_int_equal(rig_walk(&rig, "f"), 0);
	assert_int_equal(fs_settle(rig.fs), 0); /* does not wait for it */

	rig_forget_asked(&rig);
	rig_close(open);
	rig_asked(&rig, "DELETE f if-match=E\n");
	stored(&rig, "");
	assert_int_equal(rig.busy, 0);
	rig_end(&rig);
}

static void
a_store_without_conditions_is_asked_before_the_late_delete(void **state)
{
	const struct rig_config config = {.old_store = true};
	struct rig rig;

	(void)state;
	rig_init(&rig, &config);
	assert_int_equal(fake_store_put_text(rig.fake, "f", "x"), 0);
	struct inode *open = rig_open(&rig, rig_walk(&rig, "f"));

	assert_int_equal(rig_unlink(&rig, rig.top, "f"), 0);
	rig_forget_asked(&rig);
	rig_close(open);
	rig_asked(&rig, "HEAD f\nDELETE f\n");
	rig_end(&rig);
}

static void a_late_delete_spares_what_somebody_else_put_there(void **state)
{
	for (unsigned old = 0; old < 2; old++) {
		const struct rig_config config = {.old_store = old};
		struct rig rig;

		(void)state;
		rig_init(&rig, &config);
		assert_int_equal(fake_store_put_text(rig.fake, "f", "x"), 0);
		struct inode *open = rig_open(&rig, rig_walk(&rig, "f"));

		assert_int_equal(rig_unlink(&rig, rig.top, "f"), 0);
		assert_int_equal(fake_store_put_text(rig.fake, "f", "new"), 0);
		rig_close(open);
		stored(&rig, "f 3\n");
		assert_int_equal(fs_settle(rig.fs), 0);
		assert_int_equal(rig.busy, 0);
		assert_int_not_equal(rig_walk(&rig, "f"), 0);
		rig_end(&rig);
	}
}

static void a_late_delete_that_fails_shows_the_name_again(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(fake_store_put_text(rig.fake, "f", "x"), 0);
	struct inode *open = rig_open(&rig, rig_walk(&rig, "f"));

	assert_int_equal(rig_unlink(&rig, rig.top, "f"), 0);
	(void)fault_store_add(rig.fault,
	                      &(struct fault_rule){
				      .verbs = FAULT_VERB(STORE_DELETE),
			      });
	rig_close(open);
	assert_int_equal(fs_settle(rig.fs), -EIO);
	assert_int_equal(fs_settle(rig.fs), 0);
	assert_int_equal(rig.busy, 0);
	assert_int_not_equal(rig_walk(&rig, "f"), 0);
	rig_end(&rig);
}

static void
a_new_file_on_a_hidden_name_replaces_it_instead_of_a_delete(void **state)
{
	struct inode *fresh;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(fake_store_put_text(rig.fake, "f", "x"), 0);
	struct inode *open = rig_open(&rig, rig_walk(&rig, "f"));

	assert_int_equal(rig_unlink(&rig, rig.top, "f"), 0);
	assert_int_equal(rig_create(&rig, rig.top, "f", &fresh), 0);
	rig_close(open);
	rig_forget_asked(&rig);
	assert_int_equal(rig.busy, 1);
	assert_int_equal(rig_commit(&rig, fresh, "other"), 0);
	rig_asked(&rig, "PUT f 5 if-match=E\n");
	assert_int_equal(rig.busy, 0);
	rig_close(fresh);
	stored(&rig, "f 5\n");
	rig_end(&rig);
}

static void a_new_file_that_fails_leaves_the_delete_to_be_sent(void **state)
{
	struct inode *fresh;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(fake_store_put_text(rig.fake, "f", "x"), 0);
	struct inode *open = rig_open(&rig, rig_walk(&rig, "f"));

	assert_int_equal(rig_unlink(&rig, rig.top, "f"), 0);
	assert_int_equal(rig_create(&rig, rig.top, "f", &fresh), 0);
	rig_close(open);
	(void)fault_store_add(rig.fault, &(struct fault_rule){
						 .verbs = FAULT_VERB(STORE_PUT),
					 });
	assert_int_equal(rig_commit(&rig, fresh, "other"), -EIO);
	assert_int_equal(rig.busy, 1);
	rig_close(fresh);
	stored(&rig, "");
	assert_int_equal(rig.busy, 0);
	rig_end(&rig);
}

static void a_commit_that_lands_after_the_unlink_is_deleted(void **state)
{
	struct inode *inode;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(rig_create(&rig, rig.top, "f", &inode), 0);
	rig_write(inode, "x");
	assert_int_equal(rig_unlink(&rig, rig.top, "f"), 0);
	assert_int_equal(rig_commit_late(&rig, inode, "x"), 0);
	stored(&rig, "f 1\n");
	assert_int_equal(rig_walk(&rig, "f"), 0);
	rig_close(inode);
	stored(&rig, "");
	assert_int_equal(rig.busy, 0);
	rig_end(&rig);
}

static void a_failed_overwrite_shows_the_old_version_again(void **state)
{
	struct fs_attr attr;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(fake_store_put_text(rig.fake, "f", "four"), 0);
	uint64_t f = rig_walk(&rig, "f");
	struct inode *open = rig_open(&rig, f);

	rig_write(open, "");
	assert_int_equal(rig_getattr(&rig, f, &attr), 0);
	assert_int_equal(attr.size, 0);
	inode_reverted(open);
	assert_int_equal(rig_getattr(&rig, f, &attr), 0);
	assert_int_equal(attr.size, 4);
	rig_close(open);
	rig_end(&rig);
}

static void a_new_file_that_fails_disappears(void **state)
{
	struct inode *inode;
	struct rig rig;
	int status;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(rig_create(&rig, rig.top, "f", &inode), 0);
	char *names = rig_ls(&rig, rig.top, &status);

	assert_string_equal(names, "f\n");
	free(names);
	inode_reverted(inode);
	char *told = rig_told(&rig);

	assert_non_null(strstr(told, "entry 2 f\n"));
	free(told);
	assert_int_equal(rig_walk(&rig, "f"), 0);
	names = rig_ls(&rig, rig.top, &status);
	assert_string_equal(names, "");
	free(names);
	rig_close(inode);
	rig_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unlink_is_one_delete),
		cmocka_unit_test(
			a_file_that_only_is_here_goes_without_a_request),
		cmocka_unit_test(
			an_open_file_is_hidden_and_deleted_at_its_last_release),
		cmocka_unit_test(
			a_store_without_conditions_is_asked_before_the_late_delete),
		cmocka_unit_test(
			a_late_delete_spares_what_somebody_else_put_there),
		cmocka_unit_test(a_late_delete_that_fails_shows_the_name_again),
		cmocka_unit_test(
			a_new_file_on_a_hidden_name_replaces_it_instead_of_a_delete),
		cmocka_unit_test(
			a_new_file_that_fails_leaves_the_delete_to_be_sent),
		cmocka_unit_test(
			a_commit_that_lands_after_the_unlink_is_deleted),
		cmocka_unit_test(
			a_failed_overwrite_shows_the_old_version_again),
		cmocka_unit_test(a_new_file_that_fails_disappears),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
