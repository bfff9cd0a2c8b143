/* SPDX-License-Identifier: MIT */
/* Looking names up: what is asked of the store, and what is answered. */
#include "names_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

/* A directory "d" with a file and a sub-directory, made by somebody else. */
static void fill(struct rig *rig)
{
	assert_int_equal(fake_store_put_text(rig->fake, "d/f", "four"), 0);
	assert_int_equal(fake_store_put_text(rig->fake, "d/s/x", ""), 0);
	assert_int_equal(fake_store_put_text(rig->fake, "top", "text"), 0);
}

static void the_root_lists_its_buckets_and_asks_nothing(void **state)
{
	struct rig rig;
	int status;

	(void)state;
	rig_init(&rig, NULL);
	char *names = rig_ls(&rig, FS_ROOT_ID, &status);

	assert_string_equal(names, "b/\nbroken/\n");
	free(names);
	assert_int_equal(rig_lookup(&rig, FS_ROOT_ID, "b", NULL), 0);
	assert_int_equal(rig_lookup(&rig, FS_ROOT_ID, "x", NULL), -ENOENT);
	rig_asked(&rig, "");
	rig_end(&rig);
}

static void a_broken_bucket_answers_its_errno(void **state)
{
	struct fs_entry entry;
	struct rig rig;
	int status;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(rig_lookup(&rig, FS_ROOT_ID, "broken", &entry), 0);
	assert_int_equal(rig_lookup(&rig, entry.nodeid, "x", NULL), -EACCES);
	assert_null(rig_ls(&rig, entry.nodeid, &status));
	assert_int_equal(status, -EACCES);
	assert_int_equal(rig_mkdir(&rig, entry.nodeid, "x", NULL), -EACCES);
	rig_end(&rig);
}

static void a_file_costs_a_head_beside_a_list(void **state)
{
	struct fs_entry entry;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	fill(&rig);
	assert_int_equal(rig_lookup(&rig, rig.top, "top", &entry), 0);
	rig_asked(&rig, "HEAD top\nLIST delimiter=/\n");
	assert_int_equal(entry.attr.size, 4);
	assert_int_equal(entry.attr.mode, S_IFREG | 0644);
	assert_int_equal(entry.attr.uid, 1000);
	assert_int_equal(entry.attr.gid, 1001);
	assert_int_equal(entry.attr_ms, 2000);
	rig_end(&rig);
}

static void both_questions_are_one_round_trip(void **state)
{
	const struct rig_config config = {.mode = FAKE_QUEUE};
	struct rig_call call;
	struct rig rig;

	(void)state;
	rig_init(&rig, &config);
	fill(&rig);
	rig_call_init(&rig, &call);
	fs_lookup(rig.fs, &call.call, rig.top, "top");
	assert_int_equal(fake_store_waiting(rig.fake), 2);
	assert_int_equal(rig_wait(&call), 0);
	rig_end(&rig);
}

static void a_fresh_name_costs_nothing(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	fill(&rig);
	uint64_t first = rig_walk(&rig, "top");

	rig_forget_asked(&rig);
	assert_int_equal(rig_walk(&rig, "top"), first);
	assert_int_equal(rig_getattr(&rig, first, NULL), 0);
	rig_asked(&rig, "");
	rig_end(&rig);
}

static void
a_stale_file_whose_version_is_listed_costs_no_second_head(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	fill(&rig);
	uint64_t first = rig_walk(&rig, "top");
	int status;

	rig_pass(&rig, 2000);
	rig_forget_asked(&rig);
	free(rig_ls(&rig, rig.top, &status));
	assert_int_equal(rig_walk(&rig, "top"), first);
	rig_asked(&rig, "LIST delimiter=/\n");
	rig_end(&rig);
}

static void a_burst_of_lookups_in_a_directory_costs_one_list(void **state)
{
	const struct rig_config config = {.mode = FAKE_QUEUE};
	struct rig_call calls[8];
	struct rig rig;

	(void)state;
	rig_init(&rig, &config);
	for (unsigned i = 0; i < 8; i++) {
		char key[8] = "f0";

		key[1] = (char)('0' + i);
		assert_int_equal(fake_store_put_text(rig.fake, key, key), 0);
		rig_call_init(&rig, &calls[i]);
		fs_lookup(rig.fs, &calls[i].call, rig.top, key);
	}
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(rig_wait(&calls[i]), 0);
	assert_int_equal(rig_count(&rig, STORE_LIST), 1);
	assert_int_equal(rig_count(&rig, STORE_HEAD), 8);
	rig_end(&rig);
}

static void lookups_of_one_name_join(void **state)
{
	const struct rig_config config = {.mode = FAKE_QUEUE};
	struct rig_call calls[3];
	struct rig rig;

	(void)state;
	rig_init(&rig, &config);
	fill(&rig);
	for (unsigned i = 0; i < 3; i++) {
		rig_call_init(&rig, &calls[i]);
		fs_lookup(rig.fs, &calls[i].call, rig.top, "top");
	}
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(rig_wait(&calls[i]), 0);
		assert_int_equal(calls[i].call.entry.nodeid,
		                 calls[0].call.entry.nodeid);
	}
	rig_asked(&rig, "HEAD top\nLIST delimiter=/\n");
	rig_end(&rig);
}

static void an_absent_name_is_cached_for_a_second(void **state)
{
	struct fs_entry entry;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(rig_lookup(&rig, rig.top, "no", &entry), -ENOENT);
	assert_int_equal(entry.nodeid, 0);
	assert_int_equal(entry.entry_ms, 1000);
	rig_asked(&rig, "HEAD no\nLIST delimiter=/\n");
	rig_pass(&rig, 999);
	assert_int_equal(rig_lookup(&rig, rig.top, "no", &entry), -ENOENT);
	assert_int_equal(entry.entry_ms, 1);
	rig_asked(&rig, "");
	rig_end(&rig);
}

static void a_whole_listing_proves_absence(void **state)
{
	struct rig rig;
	int status;

	(void)state;
	rig_init(&rig, NULL);
	fill(&rig);
	free(rig_ls(&rig, rig.top, &status));
	rig_forget_asked(&rig);
	assert_int_equal(rig_lookup(&rig, rig.top, "no", NULL), -ENOENT);
	assert_int_equal(rig_lookup(&rig, rig.top, "never", NULL), -ENOENT);
	rig_asked(&rig, "");
	rig_pass(&rig, 2000);
	assert_int_equal(rig_lookup(&rig, rig.top, "no", NULL), -ENOENT);
	rig_asked(&rig, "HEAD no\nLIST delimiter=/\n");
	rig_end(&rig);
}

static void an_implicit_directory_is_seen_in_the_listing(void **state)
{
	struct fs_entry entry;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	fill(&rig);
	assert_int_equal(rig_lookup(&rig, rig.top, "d", &entry), 0);
	assert_int_equal(entry.attr.mode, S_IFDIR | 0755);
	rig_asked(&rig, "HEAD d\nLIST delimiter=/\nHEAD d/\n");

	rig_pass(&rig, 2000);
	assert_int_equal(rig_lookup(&rig, rig.top, "d", &entry), 0);
	rig_asked(&rig, "LIST delimiter=/\nHEAD d/\n");
	rig_end(&rig);
}

static void an_explicit_directory_has_its_own_attributes(void **state)
{
	const struct store_meta meta[] = {
		{"mode", "16832"}, {"uid", "5"}, {"mtime", "99.5"}};
	const struct store_headers headers = {.meta = meta, .meta_count = 3};
	struct fs_entry entry;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(fake_store_put(rig.fake, "d/", "", 0, &headers), 0);
	assert_int_equal(rig_lookup(&rig, rig.top, "d", &entry), 0);
	assert_int_equal(entry.attr.mode, S_IFDIR | 0700);
	assert_int_equal(entry.attr.uid, 5);
	assert_int_equal(entry.attr.gid, 1001);
	assert_int_equal(entry.attr.mtime.tv_sec, 99);
	assert_int_equal(entry.attr.mtime.tv_nsec, 500000000);
	rig_end(&rig);
}

static void a_key_that_is_both_is_the_directory(void **state)
{
	struct fs_entry entry;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(fake_store_put_text(rig.fake, "a", "file"), 0);
	assert_int_equal(fake_store_put_text(rig.fake, "a/b", "below"), 0);
	assert_int_equal(rig_lookup(&rig, rig.top, "a", &entry), 0);
	assert_true(S_ISDIR(entry.attr.mode));
	rig_end(&rig);
}

static void in_a_big_directory_one_prefix_is_asked(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	for (unsigned i = 0; i < 1500; i++) {
		char key[16];

		(void)snprintf(key, sizeof(key), "f%04u", i);
		assert_int_equal(fake_store_put_text(rig.fake, key, ""), 0);
	}
	assert_int_equal(fake_store_put_text(rig.fake, "z/x", ""), 0);

	/* The first page ends before it. */
	assert_int_not_equal(rig_walk(&rig, "z"), 0);
	rig_asked(&rig, "HEAD z\nLIST delimiter=/\n"
	                "LIST prefix=z/ max-keys=1\nHEAD z/\n");
	/* Now that is known. */
	assert_int_equal(rig_walk(&rig, "y"), 0);
	rig_asked(&rig, "HEAD y\nLIST prefix=y/ max-keys=1\n");
	/* A file is one when HEAD says so. */
	assert_int_not_equal(rig_walk(&rig, "f1400"), 0);
	rig_asked(&rig, "HEAD f1400\nLIST prefix=f1400/ max-keys=1\n");
	rig_end(&rig);
}

static void without_a_ttl_every_lookup_asks(void **state)
{
	const struct rig_config config = {.no_ttl = true};
	struct fs_entry entry;
	struct rig rig;

	(void)state;
	rig_init(&rig, &config);
	fill(&rig);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(rig_lookup(&rig, rig.top, "top", &entry), 0);
		assert_int_equal(entry.attr_ms, 0);
		assert_int_equal(entry.entry_ms, 0);
		/* what a HEAD taught of the version stays true */
		rig_asked(&rig, i == 0 ? "HEAD top\nLIST delimiter=/\n"
		                       : "LIST delimiter=/\n");
	}
	rig_end(&rig);
}

static void with_attrs_list_no_head_is_asked(void **state)
{
	const struct rig_config config = {.attrs = FS_ATTRS_LIST};
	struct rig rig;

	(void)state;
	rig_init(&rig, &config);
	fill(&rig);
	assert_int_not_equal(rig_walk(&rig, "d/f"), 0);
	rig_asked(&rig, "LIST delimiter=/\nLIST prefix=d/ delimiter=/\n");
	rig_end(&rig);
}

static void
a_version_made_elsewhere_is_a_new_nodeid_with_the_same_ino(void **state)
{
	struct fs_entry before;
	struct fs_entry after;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	fill(&rig);
	assert_int_equal(rig_lookup(&rig, rig.top, "top", &before), 0);
	assert_int_equal(fake_store_put_text(rig.fake, "top", "longer"), 0);
	rig_pass(&rig, 2000);

	/* The old one says so, and the kernel drops the name. */
	assert_int_equal(rig_getattr(&rig, before.nodeid, NULL), -ESTALE);
	char *told = rig_told(&rig);

	assert_non_null(strstr(told, "entry 2 top\n"));
	free(told);
	assert_int_equal(rig_lookup(&rig, rig.top, "top", &after), 0);
	assert_int_not_equal(after.nodeid, before.nodeid);
	assert_int_equal(after.attr.ino, before.attr.ino);
	assert_int_equal(after.attr.size, 6);
	rig_end(&rig);
}

static void whoever_has_an_old_version_open_goes_on_seeing_it(void **state)
{
	struct fs_attr attr;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	fill(&rig);
	uint64_t old = rig_walk(&rig, "top");
	struct inode *open = rig_open(&rig, old);

	assert_int_equal(fake_store_put_text(rig.fake, "top", "longer"), 0);
	rig_pass(&rig, 2000);
	assert_int_equal(rig_getattr(&rig, old, &attr), 0);
	assert_int_equal(attr.size, 4);
	assert_int_equal(rig_getattr(&rig, old, &attr), 0);
	rig_close(open);
	assert_int_equal(rig_getattr(&rig, old, &attr), -ESTALE);
	rig_end(&rig);
}

static void the_same_bytes_with_other_metadata_keep_the_nodeid(void **state)
{
	const struct store_meta meta[] = {{"mode", "33216"}};
	const struct store_headers headers = {.meta = meta, .meta_count = 1};
	struct fs_attr attr;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	fill(&rig);
	uint64_t nodeid = rig_walk(&rig, "top");

	assert_int_equal(fake_store_put(rig.fake, "top", "text", 4, &headers),
	                 0);
	rig_pass(&rig, 2000);
	assert_int_equal(rig_walk(&rig, "top"), nodeid);
	assert_int_equal(rig_getattr(&rig, nodeid, &attr), 0);
	assert_int_equal(attr.mode, S_IFREG | 0700);
	rig_end(&rig);
}

static void a_name_deleted_elsewhere_is_absent_to_getattr(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	fill(&rig);
	uint64_t nodeid = rig_walk(&rig, "top");

	assert_int_equal(fake_store_delete(rig.fake, "top"), 0);
	rig_pass(&rig, 2000);
	assert_int_equal(rig_getattr(&rig, nodeid, NULL), -ENOENT);
	assert_int_equal(rig_walk(&rig, "top"), 0);
	rig_end(&rig);
}

static void one_stale_file_costs_a_head_and_the_second_a_list(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	for (char c = 'a'; c < 'f'; c++)
		assert_int_equal(
			fake_store_put_text(rig.fake, (char[]){c, 0}, ""), 0);
	uint64_t ids[5];

	for (unsigned i = 0; i < 5; i++)
		ids[i] = rig_walk(&rig, (char[]){(char)('a' + i), 0});
	rig_pass(&rig, 5000);
	rig_forget_asked(&rig);
	assert_int_equal(rig_getattr(&rig, ids[0], NULL), 0);
	rig_asked(&rig, "HEAD a\n");
	assert_int_equal(rig_getattr(&rig, ids[1], NULL), 0);
	rig_asked(&rig, "LIST delimiter=/\n");
	for (unsigned i = 2; i < 5; i++)
		assert_int_equal(rig_getattr(&rig, ids[i], NULL), 0);
	rig_asked(&rig, "");
	rig_end(&rig);
}

static void names_that_cannot_be_are_refused_without_a_request(void **state)
{
	char name[1100];
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = 0;
	assert_int_equal(rig_lookup(&rig, rig.top, name, NULL), -ENAMETOOLONG);
	assert_int_equal(rig_mkdir(&rig, rig.top, name, NULL), -ENAMETOOLONG);
	assert_int_equal(rig_mkdir(&rig, FS_ROOT_ID, "x", NULL), -EPERM);
	assert_int_equal(rig_unlink(&rig, FS_ROOT_ID, "b"), -EPERM);
	assert_int_equal(rig_rmdir(&rig, FS_ROOT_ID, "b"), -EPERM);
	rig_asked(&rig, "");
	rig_end(&rig);
}

static void an_interrupted_lookup_ends_at_once_and_counts_nothing(void **state)
{
	const struct rig_config config = {.mode = FAKE_QUEUE};
	struct rig_call call;
	struct rig rig;

	(void)state;
	rig_init(&rig, &config);
	fill(&rig);
	rig_call_init(&rig, &call);
	fs_lookup(rig.fs, &call.call, rig.top, "top");
	assert_false(call.done);
	fs_cancel(rig.fs, &call.call);
	assert_true(call.done);
	assert_int_equal(call.call.status, -EINTR);

	/* The answer comes later and is cached. */
	(void)fake_store_run(rig.fake);
	rig_forget_asked(&rig);
	assert_int_not_equal(rig_walk(&rig, "top"), 0);
	rig_asked(&rig, "");
	rig_end(&rig);
}

static void a_cancelled_call_begins_nothing(void **state)
{
	struct rig_call call;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	rig_call_init(&rig, &call);
	fs_cancel(rig.fs, &call.call);
	fs_mkdir(rig.fs, &call.call, rig.top, "d", 0755);
	assert_int_equal(rig_wait(&call), -EINTR);
	rig_asked(&rig, "");
	rig_end(&rig);
}

static void
forgetting_frees_the_inode_and_its_number_is_not_used_again(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	fill(&rig);
	uint64_t first = rig_walk(&rig, "top");

	fs_forget(rig.fs, first, 1);
	assert_int_equal(rig_getattr(&rig, first, NULL), -ESTALE);
	assert_true(rig_walk(&rig, "top") > first);
	rig_end(&rig);
}

static void statfs_shows_a_pebibyte(void **state)
{
	struct statvfs st;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	fs_statfs(rig.fs, &st);
	assert_true((uint64_t)st.f_bavail * st.f_frsize == UINT64_C(1) << 50);
	rig_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_root_lists_its_buckets_and_asks_nothing),
		cmocka_unit_test(a_broken_bucket_answers_its_errno),
		cmocka_unit_test(a_file_costs_a_head_beside_a_list),
		cmocka_unit_test(both_questions_are_one_round_trip),
		cmocka_unit_test(a_fresh_name_costs_nothing),
		cmocka_unit_test(
			a_stale_file_whose_version_is_listed_costs_no_second_head),
		cmocka_unit_test(
			a_burst_of_lookups_in_a_directory_costs_one_list),
		cmocka_unit_test(lookups_of_one_name_join),
		cmocka_unit_test(an_absent_name_is_cached_for_a_second),
		cmocka_unit_test(a_whole_listing_proves_absence),
		cmocka_unit_test(an_implicit_directory_is_seen_in_the_listing),
		cmocka_unit_test(an_explicit_directory_has_its_own_attributes),
		cmocka_unit_test(a_key_that_is_both_is_the_directory),
		cmocka_unit_test(in_a_big_directory_one_prefix_is_asked),
		cmocka_unit_test(without_a_ttl_every_lookup_asks),
		cmocka_unit_test(with_attrs_list_no_head_is_asked),
		cmocka_unit_test(
			a_version_made_elsewhere_is_a_new_nodeid_with_the_same_ino),
		cmocka_unit_test(
			whoever_has_an_old_version_open_goes_on_seeing_it),
		cmocka_unit_test(
			the_same_bytes_with_other_metadata_keep_the_nodeid),
		cmocka_unit_test(a_name_deleted_elsewhere_is_absent_to_getattr),
		cmocka_unit_test(
			one_stale_file_costs_a_head_and_the_second_a_list),
		cmocka_unit_test(
			names_that_cannot_be_are_refused_without_a_request),
		cmocka_unit_test(
			an_interrupted_lookup_ends_at_once_and_counts_nothing),
		cmocka_unit_test(a_cancelled_call_begins_nothing),
		cmocka_unit_test(
			forgetting_frees_the_inode_and_its_number_is_not_used_again),
		cmocka_unit_test(statfs_shows_a_pebibyte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
