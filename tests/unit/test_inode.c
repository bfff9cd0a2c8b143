/* SPDX-License-Identifier: MIT */
/* Inodes: numbers, versions, counts, and what the writing side tells. */
#include "names_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The attributes of a stored file. */
static struct attr version(const char *etag, uint64_t size)
{
	struct attr attr = {
		.known = ATTR_FROM_LIST | ATTR_FROM_HEAD,
		.mode = S_IFREG | 0644,
		.size = size,
	};

	(void)strncpy(attr.etag, etag, sizeof(attr.etag) - 1);
	return attr;
}

/* See a version of "f" now. */
static struct inode *see(struct rig *rig, const struct attr *attr,
                         enum inode_kind kind)
{
	const struct inode_seen seen = {
		.bucket = &rig->fs->buckets[0],
		.key = "f",
		.kind = kind,
		.attr = attr,
		.fresh_ms = UINT64_MAX,
		.moment = meta_cache_moment(rig->fs->cache),
	};
	struct inode *inode = NULL;

	assert_int_equal(inode_see(&seen, &inode), 0);
	return inode;
}

static void the_same_version_is_the_same_inode(void **state)
{
	const struct attr attr = version("\"1\"", 4);
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	struct inode *a = see(&rig, &attr, INODE_FILE);
	struct inode *b = see(&rig, &attr, INODE_FILE);

	assert_ptr_equal(a, b);
	inode_unref(a);
	inode_unref(b);
	rig_end(&rig);
}

static void another_version_or_kind_takes_the_name(void **state)
{
	const struct attr first = version("\"1\"", 4);
	const struct attr second = version("\"2\"", 4);
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	struct inode *a = see(&rig, &first, INODE_FILE);
	struct inode *b = see(&rig, &second, INODE_FILE);
	struct inode *c = see(&rig, &second, INODE_SYMLINK);
	struct inode *d = see(&rig, &second, INODE_DIR);

	assert_true(a->nodeid < b->nodeid && b->nodeid < c->nodeid &&
	            c->nodeid < d->nodeid);
	assert_int_equal(a->ino, d->ino);
	assert_false(inode_linked(a));
	assert_true(inode_linked(d));
	inode_unref(a);
	inode_unref(b);
	inode_unref(c);
	inode_unref(d);
	rig_end(&rig);
}

static void an_old_answer_is_refused_after_a_change_of_ours(void **state)
{
	const struct attr attr = version("\"1\"", 4);
	const struct meta_name name = {0, "f"};
	struct inode_seen seen = {
		.key = "f",
		.kind = INODE_FILE,
		.attr = &attr,
	};
	struct inode *inode;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	seen.bucket = &rig.fs->buckets[0];
	seen.moment = meta_cache_moment(rig.fs->cache);
	meta_cache_change(rig.fs->cache, &name, NULL);
	assert_int_equal(inode_see(&seen, &inode), -EAGAIN);

	/* With an inode on the name too. */
	struct inode *there = see(&rig, &attr, INODE_FILE);

	assert_int_equal(inode_see(&seen, &inode), -EAGAIN);
	inode_unref(there);
	rig_end(&rig);
}

static void a_local_inode_is_not_moved_by_any_answer(void **state)
{
	const struct attr attr = version("\"1\"", 4);
	struct inode *local;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(rig_create(&rig, rig.top, "f", &local), 0);
	rig_write(local, "longer text");
	struct inode *seen = see(&rig, &attr, INODE_FILE);

	assert_ptr_equal(seen, local);
	assert_int_equal(local->attr.size, 11);
	inode_unref(seen);
	inode_reverted(local);
	rig_close(local);
	rig_end(&rig);
}

static void an_inode_stays_while_either_count_is_not_0(void **state)
{
	const struct attr attr = version("\"1\"", 4);
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	struct inode *inode = see(&rig, &attr, INODE_FILE);
	uint64_t id = inode->nodeid;

	inode_add_lookup(inode);
	inode_add_lookup(inode);
	inode_unref(inode);
	fs_forget(rig.fs, id, 1);
	inode = inode_get(rig.fs->inodes, id);
	assert_non_null(inode);
	fs_forget(rig.fs, id, 1);
	fs_forget(rig.fs, id,
	          5); /* more than there are: the kernel's business */
	inode_unref(inode);
	assert_null(inode_get(rig.fs->inodes, id));
	assert_null(inode_of_key(&rig.fs->buckets[0], "f"));
	rig_end(&rig);
}

static void numbers_are_stable_and_differ_by_bucket(void **state)
{
	struct rig rig;
	uint64_t first;

	(void)state;
	rig_init(&rig, NULL);
	first = inode_number(&rig.fs->buckets[0], "a/b");
	assert_int_not_equal(first, inode_number(&rig.fs->buckets[1], "a/b"));
	assert_int_not_equal(first, inode_number(&rig.fs->buckets[0], "a/c"));
	rig_end(&rig);
	rig_init(&rig, NULL);
	assert_int_equal(first, inode_number(&rig.fs->buckets[0], "a/b"));
	rig_end(&rig);
}

static void creating_what_is_known_gives_what_is_there(void **state)
{
	struct inode *first;
	struct inode *second = NULL;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(rig_create(&rig, rig.top, "f", &first), 0);
	assert_int_equal(rig_create(&rig, rig.top, "f", &second), -EEXIST);
	assert_ptr_equal(first, second);
	inode_unref(second);
	inode_reverted(first);
	rig_close(first);

	/* Known from a listing alone: the same. */
	assert_int_equal(fake_store_put_text(rig.fake, "g", "x"), 0);
	int status;

	free(rig_ls(&rig, rig.top, &status));
	assert_int_equal(rig_create(&rig, rig.top, "g", &second), -EEXIST);
	assert_int_equal(second->attr.size, 1);
	inode_unref(second);
	rig_end(&rig);
}

static void what_cannot_be_created_says_why(void **state)
{
	struct inode *inode = NULL;
	struct fs_entry broken;
	struct rig rig;
	uint64_t d;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(rig_create(&rig, FS_ROOT_ID, "x", &inode), -EPERM);
	assert_int_equal(rig_lookup(&rig, FS_ROOT_ID, "broken", &broken), 0);
	assert_int_equal(rig_create(&rig, broken.nodeid, "x", &inode), -EACCES);
	assert_int_equal(rig_create(&rig, rig.top, "a/b", &inode), -EINVAL);
	assert_int_equal(rig_mkdir(&rig, rig.top, "d", &d), 0);
	assert_int_equal(rig_rmdir(&rig, rig.top, "d"), 0);
	assert_int_equal(rig_create(&rig, d, "x", &inode), -ENOENT);
	assert_null(inode);
	rig_end(&rig);
}

static void a_commit_moves_the_version_and_tells_the_kernel(void **state)
{
	struct fs_attr attr;
	struct inode *inode;
	char line[64];
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(rig_create(&rig, rig.top, "f", &inode), 0);
	assert_int_equal(rig_commit(&rig, inode, "text"), 0);
	assert_false(inode->local);
	assert_string_equal(inode->attr.etag,
	                    "\"1cb251ec0d568de6a929b520c4aed8d1\"");
	char *told = rig_told(&rig);

	(void)snprintf(line, sizeof(line), "inode %llu\n",
	               (unsigned long long)inode->nodeid);
	assert_string_equal(told, line);
	free(told);

	/* It is known, as a listing sees it too. */
	rig_forget_asked(&rig);
	assert_int_equal(rig_walk(&rig, "f"), inode->nodeid);
	rig_asked(&rig, "");
	rig_pass(&rig, 5000);
	int status;

	free(rig_ls(&rig, rig.top, &status));
	rig_forget_asked(&rig);
	assert_int_equal(rig_getattr(&rig, inode->nodeid, &attr), 0);
	rig_asked(&rig, "");
	assert_int_equal(attr.mode, S_IFREG | 0640);
	rig_close(inode);
	rig_end(&rig);
}

static void a_checked_inode_is_fresh_or_outdated(void **state)
{
	struct object_info info;
	struct fs_entry entry;
	struct inode *inode;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(fake_store_put_text(rig.fake, "f", "x"), 0);
	inode = inode_get(rig.fs->inodes, rig_walk(&rig, "f"));
	rig_pass(&rig, 5000);
	uint64_t moment = meta_cache_moment(rig.fs->cache);

	assert_int_equal(fake_store_stat(rig.fake, "f", &info), 0);
	assert_int_equal(inode_checked(inode, &info, moment), 0);
	inode_entry(inode, &entry);
	assert_int_equal(entry.attr_ms, 2000);

	info.size = 9;
	assert_int_equal(inode_checked(inode, &info, moment), -ESTALE);
	assert_false(inode_linked(inode));
	char *told = rig_told(&rig);

	assert_non_null(strstr(told, "entry 2 f\n"));
	free(told);
	inode_unref(inode);
	rig_end(&rig);
}

static void an_answer_from_before_our_commit_outdates_nothing(void **state)
{
	struct object_info old;
	struct inode *inode;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(fake_store_put_text(rig.fake, "f", "x"), 0);
	inode = rig_open(&rig, rig_walk(&rig, "f"));
	uint64_t moment = meta_cache_moment(rig.fs->cache);

	assert_int_equal(fake_store_stat(rig.fake, "f", &old), 0);
	assert_int_equal(rig_commit(&rig, inode, "longer"), 0);
	assert_int_equal(inode_checked(inode, &old, moment), 0);
	assert_true(inode_linked(inode));
	assert_int_equal(inode->attr.size, 6);
	rig_close(inode);
	rig_end(&rig);
}

static void unsettled_is_told_once_each_way(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(rig.busy, -1);
	fs_begin(rig.fs);
	fs_pend(rig.fs);
	assert_int_equal(rig.busy, 1);
	fs_end(rig.fs, 0);
	assert_int_equal(rig.busy, 1);
	assert_int_equal(fs_settle(rig.fs), 0);
	fs_unpend(rig.fs);
	assert_int_equal(rig.busy, 0);
	rig_end(&rig);
}

static void nonces_differ_and_a_seed_repeats_them(void **state)
{
	char first[FS_NONCE_MAX];
	char second[FS_NONCE_MAX];
	char again[FS_NONCE_MAX];
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	fs_nonce(rig.fs, first);
	fs_nonce(rig.fs, second);
	assert_string_not_equal(first, second);
	assert_int_equal(strlen(first), 32);
	rig_end(&rig);
	rig_init(&rig, NULL);
	fs_nonce(rig.fs, again);
	assert_string_equal(first, again);
	rig_end(&rig);
}

static void two_buckets_of_one_name_are_refused(void **state)
{
	struct fake_clock clock;
	const struct fs_bucket_config buckets[] = {
		{.name = "x", .broken = -EIO},
		{.name = "x", .broken = -EIO},
	};
	const struct fs_config config = {
		.buckets = buckets,
		.bucket_count = 2,
	};
	const struct fs_parts parts = {.clock = &clock.clock};
	struct fs *fs = NULL;
	struct err err;

	(void)state;
	fake_clock_init(&clock);
	assert_int_equal(fs_new(&config, &parts, &fs, &err), -EINVAL);
	assert_null(fs);
	assert_string_equal(err.text, "two buckets are called \"x\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_version_is_the_same_inode),
		cmocka_unit_test(another_version_or_kind_takes_the_name),
		cmocka_unit_test(
			an_old_answer_is_refused_after_a_change_of_ours),
		cmocka_unit_test(a_local_inode_is_not_moved_by_any_answer),
		cmocka_unit_test(an_inode_stays_while_either_count_is_not_0),
		cmocka_unit_test(numbers_are_stable_and_differ_by_bucket),
		cmocka_unit_test(creating_what_is_known_gives_what_is_there),
		cmocka_unit_test(what_cannot_be_created_says_why),
		cmocka_unit_test(
			a_commit_moves_the_version_and_tells_the_kernel),
		cmocka_unit_test(a_checked_inode_is_fresh_or_outdated),
		cmocka_unit_test(
			an_answer_from_before_our_commit_outdates_nothing),
		cmocka_unit_test(unsettled_is_told_once_each_way),
		cmocka_unit_test(nonces_differ_and_a_seed_repeats_them),
		cmocka_unit_test(two_buckets_of_one_name_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
