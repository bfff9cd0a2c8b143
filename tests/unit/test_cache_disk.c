/* SPDX-License-Identifier: MIT */
/* What the cache on disk saves, across mounts, and what it never gets wrong. */
#include "meta_disk.h"
#include "names_rig.h"
#include "temp_dir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct place {
	char *dir;
	struct rig rig;
};

static void place_init(struct place *place, enum fs_attrs attrs)
{
	struct rig_config config = {
		.attrs = attrs,
		.ttl_ms = 3600000,
		.negative_ms = 60000,
	};

	place->dir = temp_dir_new();
	config.cache_dir = place->dir;
	rig_init(&place->rig, &config);
}

static void place_end(struct place *place)
{
	rig_end(&place->rig);
	temp_dir_free(place->dir);
}

static void put(struct place *place, const char *key)
{
	assert_int_equal(fake_store_put_text(place->rig.fake, key, key), 0);
}

/* What is learnt is on disk. */
static void settle(struct place *place)
{
	meta_disk_drain(place->rig.fs->disk);
}

static void lists(struct place *place, const char *path, const char *expected)
{
	uint64_t nodeid =
		path[0] ? rig_walk(&place->rig, path) : place->rig.top;
	int status;
	char *names = rig_ls(&place->rig, nodeid, &status);

	assert_int_equal(status, 0);
	assert_string_equal(names, expected);
	free(names);
}

static void a_known_tree_costs_nothing_after_a_remount(void **state)
{
	struct fs_attr attr;
	struct place place;
	struct rig *rig = &place.rig;

	(void)state;
	place_init(&place, FS_ATTRS_HEAD);
	put(&place, "d/a");
	put(&place, "d/b");
	put(&place, "d/sub/c");
	lists(&place, "", "d/\n");
	lists(&place, "d", "a\nb\nsub/\n");
	lists(&place, "d/sub", "c\n");
	assert_int_equal(rig_getattr(rig, rig_walk(rig, "d/a"), NULL), 0);
	settle(&place);
	rig_forget_asked(rig);

	/* Also at once, in the same mount. */
	lists(&place, "d", "a\nb\nsub/\n");
	rig_asked(rig, "");
	rig_remount(rig);
	lists(&place, "", "d/\n");
	lists(&place, "d", "a\nb\nsub/\n");
	lists(&place, "d/sub", "c\n");
	assert_int_equal(rig_getattr(rig, rig_walk(rig, "d/a"), &attr), 0);
	assert_int_equal(attr.size, 3);
	assert_int_equal(rig_walk(rig, "d/nothing"), 0);
	assert_int_equal(rig_walk(rig, "d/sub/nothing"), 0);
	rig_asked(rig, "");

	/* What no HEAD has taught costs one. */
	assert_int_equal(rig_getattr(rig, rig_walk(rig, "d/b"), NULL), 0);
	rig_asked(rig, "HEAD d/b\n");
	place_end(&place);
}

static void what_a_head_taught_is_kept_for_ever(void **state)
{
	struct place place;
	struct rig *rig = &place.rig;

	(void)state;
	place_init(&place, FS_ATTRS_HEAD);
	put(&place, "d/a");
	put(&place, "d/b");
	lists(&place, "d", "a\nb\n");
	assert_true(rig_walk(rig, "d/a") > 0);
	assert_true(rig_walk(rig, "d/b") > 0);
	settle(&place);
	rig_remount(rig);
	rig_pass(rig, 3600000);
	assert_int_equal(fake_store_put_text(rig->fake, "d/b", "new"), 0);
	rig_forget_asked(rig);
	lists(&place, "d", "a\nb\n");
	rig_forget_asked(rig);
	assert_true(rig_walk(rig, "d/a") > 0);
	assert_true(rig_walk(rig, "d/b") > 0);
	rig_asked(rig, "HEAD d/b\n"); /* of a new version */
	place_end(&place);
}

static void own_changes_are_seen_after_a_remount(void **state)
{
	struct inode *inode;
	struct place place;
	struct rig *rig = &place.rig;
	uint64_t d;

	(void)state;
	place_init(&place, FS_ATTRS_HEAD);
	put(&place, "d/a");
	put(&place, "d/b");
	lists(&place, "d", "a\nb\n");
	d = rig_walk(rig, "d");
	settle(&place);
	assert_int_equal(rig_create(rig, d, "c", &inode), 0);
	assert_int_equal(rig_commit(rig, inode, "cc"), 0);
	rig_close(inode);
	assert_true(rig_walk(rig, "d/b") > 0);
	assert_int_equal(rig_unlink(rig, d, "b"), 0);
	assert_int_equal(rig_mkdir(rig, d, "e", NULL), 0);
	assert_int_equal(rig_symlink(rig, d, "l", "a"), 0);

	/* At once, whatever is on disk already. */
	lists(&place, "d", "a\nc\ne/\nl@\n");
	settle(&place);
	lists(&place, "d", "a\nc\ne/\nl@\n");
	rig_remount(rig);
	rig_forget_asked(rig);
	lists(&place, "d", "a\nc\ne/\nl@\n");
	assert_int_equal(rig_walk(rig, "d/b"), 0);
	assert_true(rig_walk(rig, "d/c") > 0);
	assert_true(rig_walk(rig, "d/e") > 0);
	rig_asked(rig, "");
	place_end(&place);
}

static void a_changed_symlink_is_known_after_a_remount(void **state)
{
	struct fs_attr attr = {.mtime = {.tv_sec = 5}};
	struct fs_entry entry;
	struct rig_call call;
	struct place place;
	struct rig *rig = &place.rig;

	(void)state;
	place_init(&place, FS_ATTRS_HEAD);
	assert_int_equal(rig_symlink(rig, rig->top, "l", "to/there"), 0);
	assert_int_equal(rig_lookup(rig, rig->top, "l", &entry), 0);
	assert_int_equal(rig_setattr(rig, entry.nodeid, FS_SET_MTIME, &attr),
	                 0);
	lists(&place, "", "l@\n");
	settle(&place);
	rig_remount(rig);
	rig_forget_asked(rig);
	lists(&place, "", "l@\n");
	assert_int_equal(rig_lookup(rig, rig->top, "l", &entry), 0);
	assert_int_equal(entry.attr.mtime.tv_sec, 5);
	rig_call_init(rig, &call);
	call.data_len = SIZE_MAX;
	fs_readlink(rig->fs, &call.call, entry.nodeid);
	assert_int_equal(rig_wait(&call), 0);
	assert_string_equal(call.data, "to/there");
	rig_call_end(&call);
	rig_asked(rig, "");
	place_end(&place);
}

/* Others change a tree that is known; the mount is told. */
static void what_is_invalidated_is_asked_again(void **state)
{
	struct bucket *bucket;
	struct place place;
	struct rig *rig = &place.rig;
	char *told;

	(void)state;
	place_init(&place, FS_ATTRS_HEAD);
	put(&place, "d/a");
	put(&place, "d/sub/b");
	lists(&place, "d", "a\nsub/\n");
	lists(&place, "d/sub", "b\n");
	assert_int_equal(rig_walk(rig, "d/new"), 0);
	assert_true(rig_walk(rig, "d/sub/b") > 0);
	settle(&place);
	put(&place, "d/new");
	put(&place, "d/sub/new");
	assert_int_equal(fake_store_delete(rig->fake, "d/sub/b"), 0);
	bucket = &rig->fs->buckets[0];

	/* The directory alone. */
	free(rig_told(rig));
	fs_invalidate(bucket, "d", false);
	told = rig_told(rig);
	assert_non_null(strstr(told, "entry 2 d\n"));
	free(told);
	lists(&place, "d", "a\nnew\nsub/\n");
	assert_true(rig_walk(rig, "d/new") > 0);

	/* And below, also when it was only on disk. */
	settle(&place);
	rig_remount(rig);
	bucket = &rig->fs->buckets[0];
	fs_invalidate(bucket, "d", true);
	lists(&place, "d/sub", "new\n");
	assert_int_equal(rig_walk(rig, "d/sub/b"), 0);
	settle(&place);
	rig_remount(rig);
	lists(&place, "d/sub", "new\n");
	place_end(&place);
}

/* A listing is under way while the mount makes and removes names. */
static void a_listing_that_is_overtaken_proves_nothing(void **state)
{
	struct inode *inode;
	struct rig_call call;
	struct place place;
	struct rig *rig = &place.rig;
	uint64_t d;

	(void)state;
	place_init(&place, FS_ATTRS_LIST);
	put(&place, "d/a");
	d = rig_walk(rig, "d");
	fs_invalidate(&rig->fs->buckets[0], "d", true);
	settle(&place);
	fake_store_set_mode(rig->fake, FAKE_QUEUE);
	rig_call_init(rig, &call);
	fs_lookup(rig->fs, &call.call, d, "x"); /* asks for the page */
	assert_true(fake_store_waiting(rig->fake) > 0);
	assert_int_equal(rig_create(rig, d, "made", &inode), 0);

	/* The page is answered as of before the file was made. */
	(void)fake_store_run_one(rig->fake);
	assert_int_equal(rig_commit(rig, inode, "x"), 0);
	rig_close(inode);
	assert_int_equal(rig_wait(&call), -ENOENT);
	settle(&place);
	rig_remount(rig);
	assert_true(rig_walk(rig, "d/made") > 0);
	lists(&place, "d", "a\nmade\n");
	place_end(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_known_tree_costs_nothing_after_a_remount),
		cmocka_unit_test(what_a_head_taught_is_kept_for_ever),
		cmocka_unit_test(own_changes_are_seen_after_a_remount),
		cmocka_unit_test(a_changed_symlink_is_known_after_a_remount),
		cmocka_unit_test(what_is_invalidated_is_asked_again),
		cmocka_unit_test(a_listing_that_is_overtaken_proves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
