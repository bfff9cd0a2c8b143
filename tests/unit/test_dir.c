/* SPDX-License-Identifier: MIT */
/* Listings: pages, offsets, what only is here, and HEADs ahead of a walker. */
#include "names_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* f0000 … in the bucket's directory, made by somebody else. */
static void fill(struct rig *rig, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		char key[16];

		(void)snprintf(key, sizeof(key), "f%05u", i);
		assert_int_equal(fake_store_put_text(rig->fake, key, "x"), 0);
	}
}

/* A directory's whole listing. */
static void lists(struct rig *rig, uint64_t nodeid, const char *expected)
{
	int status;
	char *names = rig_ls(rig, nodeid, &status);

	assert_int_equal(status, 0);
	assert_string_equal(names, expected);
	free(names);
}

/* ---- a reader that looks at single entries ---- */

struct reader {
	char names[64][16];
	uint64_t next[64];
	uint64_t nodeids[64]; /* of entries; 0 = none */
	uint64_t inos[64];
	unsigned count;
	unsigned room;
};

static bool take_entry(void *ctx, const struct fs_dirent *dirent)
{
	struct reader *reader = ctx;
	unsigned i = reader->count;

	if (i == reader->room)
		return false;
	(void)snprintf(reader->names[i], sizeof(reader->names[i]), "%s",
	               dirent->name);
	reader->next[i] = dirent->next;
	reader->inos[i] = dirent->ino;
	reader->nodeids[i] = dirent->entry ? dirent->entry->nodeid : 0;
	if (dirent->entry)
		assert_int_equal(dirent->entry->attr.ino, dirent->ino);
	reader->count++;
	return true;
}

static struct fs_dir *open_dir(struct rig *rig, uint64_t nodeid)
{
	struct rig_call call;

	rig_call_init(rig, &call);
	fs_opendir(rig->fs, &call.call, nodeid);
	assert_int_equal(rig_wait(&call), 0);
	return call.call.dir;
}

/* Read up to room names from offset on. */
static int read_some(struct rig *rig, struct fs_dir *dir, uint64_t offset,
                     bool plus, struct reader *reader)
{
	const struct fs_readdir read = {
		.dir = dir,
		.offset = offset,
		.plus = plus,
		.fill = take_entry,
		.ctx = reader,
	};
	struct rig_call call;

	reader->count = 0;
	rig_call_init(rig, &call);
	fs_readdir(rig->fs, &call.call, &read);
	return rig_wait(&call);
}

/* ---- names ---- */

static void names_come_in_order_with_their_kinds(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(fake_store_put_text(rig.fake, "b", ""), 0);
	assert_int_equal(fake_store_put_text(rig.fake, "a/x", ""), 0);
	assert_int_equal(fake_store_put_text(rig.fake, "c/", ""), 0);
	assert_int_equal(fake_store_put_text(rig.fake, "a b\nc%\xc3\xa9", ""),
	                 0);
	lists(&rig, rig.top, "a b\nc%\xc3\xa9\na/\nb\nc/\n");
	rig_asked(&rig, "LIST delimiter=/\n");
	lists(&rig, rig_walk(&rig, "c"), "");
	rig_end(&rig);
}

static void keys_that_posix_cannot_name_are_escaped(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(fake_store_put_text(rig.fake, "/x", ""), 0);
	assert_int_equal(fake_store_put_text(rig.fake, "./x", ""), 0);
	assert_int_equal(fake_store_put_text(rig.fake, "..", ""), 0);
	assert_int_equal(fake_store_put_text(rig.fake, "a//b", ""), 0);
	assert_int_equal(fake_store_put_text(rig.fake, "...", ""), 0);
	lists(&rig, rig.top, "%x2E%x2E\n...\n%x2E/\n%x2F/\na/\n");
	lists(&rig, rig_walk(&rig, "a"), "%x2F/\n");
	lists(&rig, rig_walk(&rig, "a/%x2F"), "b\n");
	rig_end(&rig);
}

static void a_file_that_is_a_directory_too_has_a_mark(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(fake_store_put_text(rig.fake, "n", ""), 0);
	assert_int_equal(fake_store_put_text(rig.fake, "n-1", ""), 0);
	assert_int_equal(fake_store_put_text(rig.fake, "n/x", ""), 0);
	lists(&rig, rig.top, "n%x00\nn-1\nn/\n");
	rig_end(&rig);
}

static void also_when_it_is_on_the_next_page(void **state)
{
	struct rig rig;
	int status;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(fake_store_put_text(rig.fake, "n", ""), 0);
	for (unsigned i = 0; i < 1200; i++) {
		char key[16];

		(void)snprintf(key, sizeof(key), "n-%04u", i);
		assert_int_equal(fake_store_put_text(rig.fake, key, ""), 0);
	}
	assert_int_equal(fake_store_put_text(rig.fake, "n/x", ""), 0);
	char *names = rig_ls(&rig, rig.top, &status);

	assert_true(strncmp(names, "n-0000\n", 7) == 0);
	assert_non_null(strstr(names, "\nn%x00\n"));
	assert_string_equal(names + 1200 * 7 + 6, "n/\n");
	free(names);

	/* Without the directory, the file comes a page late, but comes. */
	assert_int_equal(fake_store_delete(rig.fake, "n/x"), 0);
	names = rig_ls(&rig, rig.top, &status);
	assert_non_null(strstr(names, "\nn\n"));
	assert_int_equal(strlen(names), 1200 * 7 + 2);
	free(names);
	rig_end(&rig);
}

static void what_is_being_written_is_shown_in_its_place(void **state)
{
	struct inode *inodes[3];
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	fill(&rig, 3);
	assert_int_equal(rig_create(&rig, rig.top, "a", &inodes[0]), 0);
	assert_int_equal(rig_create(&rig, rig.top, "f00000x", &inodes[1]), 0);
	assert_int_equal(rig_create(&rig, rig.top, "z", &inodes[2]), 0);
	lists(&rig, rig.top, "a\nf00000\nf00000x\nf00001\nf00002\nz\n");

	/* Committed, each is there once. */
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(rig_commit(&rig, inodes[i], "x"), 0);
		rig_close(inodes[i]);
	}
	lists(&rig, rig.top, "a\nf00000\nf00000x\nf00001\nf00002\nz\n");
	rig_end(&rig);
}

static void a_file_committed_between_two_pages_is_shown_once(void **state)
{
	struct reader reader = {.room = 2};
	struct inode *inode;
	struct rig rig;
	unsigned seen = 0;

	(void)state;
	rig_init(&rig, NULL);
	fill(&rig, 2100);
	assert_int_equal(rig_create(&rig, rig.top, "g", &inode), 0);
	struct fs_dir *dir = open_dir(&rig, rig.top);

	assert_int_equal(read_some(&rig, dir, 0, false, &reader), 0);
	assert_int_equal(rig_commit(&rig, inode, "x"), 0);
	rig_close(inode);
	reader.room = 64;
	do {
		assert_int_equal(read_some(&rig, dir,
		                           reader.next[reader.count - 1], false,
		                           &reader),
		                 0);
		for (unsigned i = 0; i < reader.count; i++)
			seen += strcmp(reader.names[i], "g") == 0;
	} while (reader.count > 0);
	assert_int_equal(seen, 1);
	fs_releasedir(rig.fs, dir);
	rig_end(&rig);
}

/* ---- pages ---- */

static void ten_thousand_names_are_ten_lists_and_nothing_else(void **state)
{
	struct rig rig;
	int status;

	(void)state;
	rig_init(&rig, NULL);
	fill(&rig, 10000);
	char *names = rig_ls(&rig, rig.top, &status);

	assert_int_equal(strlen(names), 10000 * 7);
	free(names);
	assert_int_equal(rig_count(&rig, STORE_LIST), 10);
	assert_int_equal(rig_count(&rig, STORE_HEAD), 0);

	/* Seen whole, it proves absence. */
	assert_int_equal(rig_lookup(&rig, rig.top, "f00000x", NULL), -ENOENT);
	assert_int_equal(rig_count(&rig, STORE_HEAD), 0);
	rig_end(&rig);
}

static void the_next_page_is_asked_for_while_one_is_read(void **state)
{
	struct reader reader = {.room = 10};
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	fill(&rig, 5000);
	struct fs_dir *dir = open_dir(&rig, rig.top);

	rig_asked(&rig, "");
	assert_int_equal(read_some(&rig, dir, 0, false, &reader), 0);
	assert_int_equal(reader.count, 10);
	assert_int_equal(rig_count(&rig, STORE_LIST), 2);
	/* But only one. */
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(read_some(&rig, dir, reader.next[9], false,
		                           &reader),
		                 0);
	assert_int_equal(rig_count(&rig, STORE_LIST), 2);
	fs_releasedir(rig.fs, dir);
	rig_end(&rig);
}

static void offsets_are_stable_and_can_be_gone_back_to(void **state)
{
	static uint64_t offsets[8002];
	static char names[8002][8];
	struct reader reader = {.room = 64};
	uint64_t offset = 0;
	unsigned count = 0;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	fill(&rig, 8000);
	struct fs_dir *dir = open_dir(&rig, rig.top);

	do {
		assert_int_equal(read_some(&rig, dir, offset, false, &reader),
		                 0);
		for (unsigned i = 0; i < reader.count; i++, count++) {
			offsets[count] = offset;
			(void)snprintf(names[count], 8, "%.7s",
			               reader.names[i]);
			offset = reader.next[i];
		}
	} while (reader.count > 0);
	assert_int_equal(count, 8002);
	reader.room = 1;
	for (unsigned i = 1; i < count; i += 397) {
		unsigned back = count - i;

		assert_int_equal(
			read_some(&rig, dir, offsets[back], false, &reader), 0);
		assert_string_equal(reader.names[0], names[back]);
	}
	fs_releasedir(rig.fs, dir);
	rig_end(&rig);
}

static void rewinding_lists_anew(void **state)
{
	struct reader reader = {.room = 64};
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	fill(&rig, 3);
	struct fs_dir *dir = open_dir(&rig, rig.top);

	assert_int_equal(read_some(&rig, dir, 0, false, &reader), 0);
	assert_int_equal(reader.count, 5);
	assert_int_equal(fake_store_put_text(rig.fake, "new", ""), 0);
	assert_int_equal(read_some(&rig, dir, 0, false, &reader), 0);
	assert_int_equal(reader.count, 6);
	assert_string_equal(reader.names[0], ".");
	assert_string_equal(reader.names[1], "..");
	assert_string_equal(reader.names[5], "new");
	fs_releasedir(rig.fs, dir);
	rig_end(&rig);
}

static void a_failure_on_any_page_is_said_and_can_be_tried_again(void **state)
{
	struct rig rig;

	(void)state;
	for (unsigned page = 1; page <= 10; page++) {
		int status;

		rig_init(&rig, NULL);
		fill(&rig, 10000);
		(void)fault_store_add(rig.fault, &(struct fault_rule){
							 .nth = page,
							 .count = 2,
							 .code = -ETIMEDOUT,
						 });
		assert_null(rig_ls(&rig, rig.top, &status));
		assert_int_equal(status, -ETIMEDOUT);
		fault_store_clear(rig.fault);

		/* No absence was learnt from half a listing. */
		assert_int_not_equal(rig_walk(&rig, "f09999"), 0);
		char *names = rig_ls(&rig, rig.top, &status);

		assert_int_equal(strlen(names), 10000 * 7);
		free(names);
		rig_end(&rig);
	}
}

static void a_reader_goes_on_where_its_page_failed(void **state)
{
	struct reader reader = {.room = 64};
	uint64_t offset = 0;
	unsigned count = 0;
	unsigned failures = 0;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	fill(&rig, 3000);
	struct fs_dir *dir = open_dir(&rig, rig.top);

	/* The page read ahead fails, and so does the one asked for. */
	(void)fault_store_add(rig.fault,
	                      &(struct fault_rule){.nth = 2, .count = 20});
	for (;;) {
		int r = read_some(&rig, dir, offset, false, &reader);

		if (r < 0) {
			assert_int_equal(r, -EIO);
			failures++;
			fault_store_clear(rig.fault);
			continue;
		}
		if (reader.count == 0)
			break;
		count += reader.count;
		offset = reader.next[reader.count - 1];
	}
	assert_int_equal(failures, 1);
	assert_int_equal(count, 3002);
	fs_releasedir(rig.fs, dir);
	rig_end(&rig);
}

static void an_interrupted_reader_gets_no_names_later(void **state)
{
	const struct rig_config config = {.mode = FAKE_QUEUE};
	struct reader reader = {.room = 64};
	struct rig_call call;
	struct rig rig;

	(void)state;
	rig_init(&rig, &config);
	fill(&rig, 3);
	struct fs_dir *dir = open_dir(&rig, rig.top);
	const struct fs_readdir read = {
		.dir = dir,
		.fill = take_entry,
		.ctx = &reader,
	};

	rig_call_init(&rig, &call);
	fs_readdir(rig.fs, &call.call, &read);
	fs_cancel(rig.fs, &call.call);
	assert_int_equal(call.call.status, -EINTR);
	(void)fake_store_run(rig.fake);
	assert_int_equal(reader.count, 0);
	assert_int_equal(read_some(&rig, dir, 0, false, &reader), 0);
	assert_int_equal(reader.count, 5);
	fs_releasedir(rig.fs, dir);
	rig_end(&rig);
}

static void a_directory_closed_while_a_page_is_on_its_way_is_freed(void **state)
{
	const struct rig_config config = {.mode = FAKE_QUEUE};
	struct reader reader = {.room = 5};
	struct rig rig;

	(void)state;
	rig_init(&rig, &config);
	fill(&rig, 2000);
	struct fs_dir *dir = open_dir(&rig, rig.top);
	const struct fs_readdir read = {
		.dir = dir,
		.fill = take_entry,
		.ctx = &reader,
	};
	struct rig_call call;

	rig_call_init(&rig, &call);
	fs_readdir(rig.fs, &call.call, &read);
	assert_int_equal(fake_store_run_one(rig.fake), 1);
	assert_true(call.done);
	assert_int_equal(fake_store_waiting(rig.fake), 1);
	fs_releasedir(rig.fs, dir);
	(void)fake_store_run(rig.fake);
	rig_end(&rig);
}

static void what_is_still_open_goes_with_the_mount(void **state)
{
	struct reader reader = {.room = 5};
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	fill(&rig, 10);
	assert_int_equal(
		read_some(&rig, open_dir(&rig, rig.top), 0, false, &reader), 0);
	rig_end(&rig);
}

/* ---- attributes with the names ---- */

static void a_plus_reader_gets_what_is_known_and_asks_nothing(void **state)
{
	struct reader reader = {.room = 64};
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	fill(&rig, 3);
	uint64_t known = rig_walk(&rig, "f00001");
	struct fs_dir *dir = open_dir(&rig, rig.top);

	rig_forget_asked(&rig);
	assert_int_equal(read_some(&rig, dir, 0, true, &reader), 0);
	rig_asked(&rig, "LIST delimiter=/\n");
	assert_int_equal(reader.count, 5);
	assert_int_equal(reader.nodeids[0], 0);
	assert_int_equal(reader.nodeids[2], 0);
	assert_int_equal(reader.nodeids[3], known);

	/* It has two lookup counts now. */
	fs_forget(rig.fs, known, 1);
	assert_int_equal(rig_getattr(&rig, known, NULL), 0);
	fs_forget(rig.fs, known, 1);
	assert_int_equal(rig_getattr(&rig, known, NULL), -ESTALE);
	fs_releasedir(rig.fs, dir);
	rig_end(&rig);
}

static void an_entry_that_has_no_room_is_not_counted(void **state)
{
	const struct rig_config config = {.attrs = FS_ATTRS_LIST};
	struct reader reader = {.room = 3};
	struct rig rig;

	(void)state;
	rig_init(&rig, &config);
	fill(&rig, 3);
	struct fs_dir *dir = open_dir(&rig, rig.top);

	assert_int_equal(read_some(&rig, dir, 0, true, &reader), 0);
	assert_int_equal(reader.count, 3);
	assert_int_not_equal(reader.nodeids[2], 0);
	assert_null(inode_of_key(&rig.fs->buckets[0], "f00001"));
	fs_releasedir(rig.fs, dir);
	rig_end(&rig);
}

static void the_number_in_a_listing_is_that_of_stat(void **state)
{
	struct reader reader = {.room = 64};
	struct fs_entry entry;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	fill(&rig, 1);
	struct fs_dir *dir = open_dir(&rig, rig.top);

	assert_int_equal(read_some(&rig, dir, 0, false, &reader), 0);
	assert_int_equal(rig_lookup(&rig, rig.top, "f00000", &entry), 0);
	assert_int_equal(reader.inos[2], entry.attr.ino);
	fs_releasedir(rig.fs, dir);
	rig_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_come_in_order_with_their_kinds),
		cmocka_unit_test(keys_that_posix_cannot_name_are_escaped),
		cmocka_unit_test(a_file_that_is_a_directory_too_has_a_mark),
		cmocka_unit_test(also_when_it_is_on_the_next_page),
		cmocka_unit_test(what_is_being_written_is_shown_in_its_place),
		cmocka_unit_test(
			a_file_committed_between_two_pages_is_shown_once),
		cmocka_unit_test(
			ten_thousand_names_are_ten_lists_and_nothing_else),
		cmocka_unit_test(the_next_page_is_asked_for_while_one_is_read),
		cmocka_unit_test(offsets_are_stable_and_can_be_gone_back_to),
		cmocka_unit_test(rewinding_lists_anew),
		cmocka_unit_test(
			a_failure_on_any_page_is_said_and_can_be_tried_again),
		cmocka_unit_test(a_reader_goes_on_where_its_page_failed),
		cmocka_unit_test(an_interrupted_reader_gets_no_names_later),
		cmocka_unit_test(
			a_directory_closed_while_a_page_is_on_its_way_is_freed),
		cmocka_unit_test(what_is_still_open_goes_with_the_mount),
		cmocka_unit_test(
			a_plus_reader_gets_what_is_known_and_asks_nothing),
		cmocka_unit_test(an_entry_that_has_no_room_is_not_counted),
		cmocka_unit_test(the_number_in_a_listing_is_that_of_stat),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
