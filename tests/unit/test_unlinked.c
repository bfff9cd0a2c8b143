/* SPDX-License-Identifier: MIT */
/*
 * A content that others get at: unlinked while open, its writes interrupted,
 * its commit overtaken.
 */
#include "content_rig.h"
#include "turn.h"

#define RW (O_RDWR | O_CREAT)
#define WR (O_WRONLY | O_CREAT)

/* Unlink, as far as the writing side is told. */
static void abandon_last(struct rig *rig)
{
	struct inode *inode =
		inode_get(rig->fs->inodes, rig->fs->inodes->last_id);

	content_abandon(inode);
	inode_unref(inode);
}

static void an_unlinked_file_is_written_and_read_on(void **state)
{
	struct fs_handle *handle;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(rig_create(&rig, "f", RW, 1, &handle), 0);
	assert_int_equal(rig_write(&rig, handle, 0, 1000), 0);
	abandon_last(&rig);
	assert_int_equal(rig_read(&rig, handle, 0, 2000), 1000);
	assert_int_equal(rig_write(&rig, handle, 1000, 500), 0);
	assert_int_equal(rig_read(&rig, handle, 0, 2000), 1500);
	assert_int_equal(rig_close(&rig, handle), 0);
	rig_transcript(&rig, "");
	rig_end(&rig);
}

static void bytes_of_an_unlinked_file_stay_for_the_last_reader(void **state)
{
	struct fs_handle *writer;
	struct rig_call reader;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(rig_create(&rig, "f", WR, 1, &writer), 0);
	assert_int_equal(
		rig_open(&rig, rig.fs->inodes->last_id, O_RDONLY, &reader), 0);
	assert_int_equal(rig_write(&rig, writer, 0, 1000), 0);
	abandon_last(&rig);
	assert_int_equal(rig_close(&rig, writer), 0);
	assert_int_equal(rig_read(&rig, reader.call.handle, 0, 2000), 1000);
	assert_int_equal(rig_close(&rig, reader.call.handle), 0);
	rig_transcript(&rig, "");
	rig_end(&rig);
}

static void an_unlinked_file_can_be_cut(void **state)
{
	struct fs_handle *handle;
	struct rig rig;
	uint64_t nodeid;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(rig_create(&rig, "f", RW, 1, &handle), 0);
	nodeid = rig.fs->inodes->last_id;
	assert_int_equal(rig_write(&rig, handle, 0, 1000), 0);
	abandon_last(&rig);
	assert_int_equal(rig_truncate(&rig, nodeid, handle, 0), 0);
	assert_int_equal(rig_read(&rig, handle, 0, 2000), 0);
	assert_int_equal(rig_write(&rig, handle, 0, 10), 0);
	assert_int_equal(rig_read(&rig, handle, 0, 2000), 10);
	assert_int_equal(rig_close(&rig, handle), 0);
	rig_transcript(&rig, "");
	rig_end(&rig);
}

static void dropped_bytes_are_never_an_end_of_file(void **state)
{
	struct fs_handle *writer;
	struct rig_call reader;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(rig_create(&rig, "f", WR, 1, &writer), 0);
	assert_int_equal(rig_write(&rig, writer, 0, 1000), 0);
	abandon_last(&rig);
	/* By /proc/PID/fd: nobody could read when the bytes were dropped. */
	assert_int_equal(
		rig_open(&rig, rig.fs->inodes->last_id, O_RDONLY, &reader), 0);
	assert_int_equal(rig_read(&rig, reader.call.handle, 0, 2000), -EIO);
	assert_int_equal(rig_write(&rig, writer, 1000, 10), 0);
	assert_int_equal(rig_read(&rig, reader.call.handle, 0, 2000), -EIO);
	assert_int_equal(rig_close(&rig, reader.call.handle), 0);
	assert_int_equal(rig_close(&rig, writer), 0);
	rig_end(&rig);
}

/* A turn that only is in the way. */
static void never_granted(struct turn *turn)
{
	(void)turn;
	fail_msg("the turn was not free");
}

static void a_commit_that_is_overtaken_by_unlink_publishes_nothing(void **state)
{
	struct turn turn = {.granted = never_granted};
	struct rig_call flush = rig_call(1);
	struct fs_handle *handle;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(rig_create(&rig, "f", WR, 1, &handle), 0);
	assert_int_equal(rig_write(&rig, handle, 0, 1000), 0);
	assert_true(turn_take(&rig.fs->buckets[0], "f", &turn));
	fs_flush(rig.fs, &flush.call, handle);
	assert_false(atomic_load(&flush.done));
	abandon_last(&rig); /* say, another file was renamed over it */
	turn_end(&turn);
	assert_int_equal(rig_status(&flush), 0);
	fs_release(rig.fs, handle);
	rig_transcript(&rig, "");
	assert_int_equal(fs_settle(rig.fs), 0);
	rig_end(&rig);
}

static void what_is_not_written_yet_is_not_read_yet(void **state)
{
	const struct rig_config config = {.mode = FAKE_QUEUE,
	                                  .budget = 8 * MIB};
	struct fs_handle *handle;
	struct rig_call write;
	struct rig_call open;
	struct rig rig;

	(void)state;
	rig_init(&rig, &config);
	assert_int_equal(rig_create(&rig, "f", WR, 1, &handle), 0);
	assert_int_equal(
		rig_open(&rig, rig.fs->inodes->last_id, O_RDONLY, &open), 0);
	assert_int_equal(rig_write(&rig, handle, 0, 4 * MIB), 0);
	rig_write_start(&rig, &write, handle, 4 * MIB, 8 * MIB);
	assert_false(atomic_load(&write.done)); /* waits for memory */
	assert_int_equal(rig_read(&rig, open.call.handle, 12 * MIB - 1, 10), 0);
	fs_release(rig.fs, open.call.handle);
	fake_store_run(rig.fake);
	assert_int_equal(rig_status(&write), 0);
	free(write.data);
	fs_abort(rig.fs);
	fs_release(rig.fs, handle);
	fake_store_run(rig.fake);
	rig_end(&rig);
}

static void bytes_never_move_into_an_interrupted_writes_place(void **state)
{
	const struct rig_config config = {.mode = FAKE_QUEUE,
	                                  .budget = 8 * MIB};
	struct rig_call writes[4]; /* the first takes all memory */
	struct rig_call flush = rig_call(1);
	struct fs_handle *handle;
	struct str bytes = {0};
	struct rig rig;

	(void)state;
	rig_init(&rig, &config);
	assert_int_equal(rig_create(&rig, "f", WR, 1, &handle), 0);
	assert_int_equal(rig_write(&rig, handle, 0, 4 * MIB), 0);
	for (unsigned i = 0; i < 4; i++) {
		rig_write_start(&rig, &writes[i], handle, (4 + 8 * i) * MIB,
		                8 * MIB);
		if (i == 2) /* and the second is interrupted */
			fs_cancel(rig.fs, &writes[1].call);
	}
	fs_flush(rig.fs, &flush.call, handle);
	fake_store_run(rig.fake);
	for (unsigned i = 0; i < 4; i++) {
		(void)rig_status(&writes[i]);
		free(writes[i].data);
	}
	assert_int_equal(rig_status(&writes[1]), -EINTR);
	assert_int_equal(rig_status(&flush), -EIO);
	fs_release(rig.fs, handle);
	fake_store_run(rig.fake);
	assert_int_equal(fake_store_get(rig.fake, "f", &bytes), -ENOENT);
	str_release(&bytes);
	rig_end(&rig);
}

static void who_only_writes_passes_the_page_cache_by(void **state)
{
	struct rig_call open;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	rig_put(&rig, "f", 10);
	assert_int_equal(rig_open(&rig, rig_lookup(&rig, "f"), O_WRONLY, &open),
	                 0);
	assert_true(open.call.direct_io);
	assert_int_equal(rig_close(&rig, open.call.handle), 0);
	assert_int_equal(rig_open(&rig, rig_lookup(&rig, "f"), O_RDWR, &open),
	                 0);
	assert_false(open.call.direct_io);
	assert_int_equal(rig_close(&rig, open.call.handle), 0);
	assert_int_equal(rig_open(&rig, rig_lookup(&rig, "f"), O_RDONLY, &open),
	                 0);
	assert_false(open.call.direct_io);
	assert_int_equal(rig_close(&rig, open.call.handle), 0);
	rig_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_unlinked_file_is_written_and_read_on),
		cmocka_unit_test(
			bytes_of_an_unlinked_file_stay_for_the_last_reader),
		cmocka_unit_test(an_unlinked_file_can_be_cut),
		cmocka_unit_test(dropped_bytes_are_never_an_end_of_file),
		cmocka_unit_test(
			a_commit_that_is_overtaken_by_unlink_publishes_nothing),
		cmocka_unit_test(what_is_not_written_yet_is_not_read_yet),
		cmocka_unit_test(
			bytes_never_move_into_an_interrupted_writes_place),
		cmocka_unit_test(who_only_writes_passes_the_page_cache_by),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
