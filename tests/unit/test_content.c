/* SPDX-License-Identifier: MIT */
/* Writing files: what is asked of the store, and what the caller is told. */
#include "content_rig.h"

#include <linux/falloc.h>
#include <unistd.h>

#define WR (O_WRONLY | O_CREAT)

static void a_small_new_file_is_one_put(void **state)
{
	struct fs_handle *handle;
	struct rig rig;
	char *mode;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(rig_create(&rig, "f", WR, 1, &handle), 0);
	assert_int_equal(rig_write(&rig, handle, 0, 5000), 0);
	rig_transcript(&rig, "");
	assert_int_equal(rig_close(&rig, handle), 0);
	rig_transcript(&rig, "PUT f 5000 if-none-match=*\n");
	rig_check(&rig, "f", 5000);
	mode = fake_store_header(rig.fake, "f", "mode");
	assert_string_equal(mode, "33188");
	free(mode);
	rig_end(&rig);
}

static void a_new_file_without_bytes_is_an_empty_put(void **state)
{
	struct fs_handle *handle;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(rig_create(&rig, "f", WR, 1, &handle), 0);
	assert_int_equal(rig_flush(&rig, handle, 1), 0);
	assert_int_equal(rig_flush(&rig, handle, 1), 0);
	fs_release(rig.fs, handle);
	rig_transcript(&rig, "PUT f 0 if-none-match=*\n");
	rig_end(&rig);
}

static void a_stream_is_sent_while_it_is_written(void **state)
{
	struct fs_handle *handle;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(rig_create(&rig, "f", WR, 1, &handle), 0);
	assert_int_equal(rig_write(&rig, handle, 0, 12 * MIB), 0);
	rig_transcript(&rig, "MPU_CREATE f\n"
	                     "MPU_PART f 1 5242880\n"
	                     "MPU_PART f 2 5242880\n");
	assert_int_equal(rig_close(&rig, handle), 0);
	rig_transcript(&rig, "MPU_PART f 3 2097152\n"
	                     "MPU_COMPLETE f 3 parts if-none-match=*\n");
	rig_check(&rig, "f", 12 * MIB);
	rig_end(&rig);
}

static void writes_of_any_size_make_the_same_object(void **state)
{
	static const size_t sizes[] = {1, 4096, 8192, 65535, 65537, 1000000};

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		uint64_t total = i == 0 ? 3000 : 6 * MIB + 123;
		struct fs_handle *handle;
		struct rig rig;

		rig_init(&rig, NULL);
		assert_int_equal(rig_create(&rig, "f", WR, 1, &handle), 0);
		for (uint64_t at = 0; at < total; at += sizes[i]) {
			uint64_t n =
				total - at < sizes[i] ? total - at : sizes[i];

			assert_int_equal(rig_write(&rig, handle, at, n), 0);
		}
		assert_int_equal(rig_close(&rig, handle), 0);
		rig_check(&rig, "f", total);
		rig_end(&rig);
	}
}

static void an_overwrite_compares_with_what_was_there(void **state)
{
	struct rig_call c;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	rig_put(&rig, "f", 100);
	assert_int_equal(rig_open(&rig, rig_lookup(&rig, "f"),
	                          O_WRONLY | O_TRUNC, &c),
	                 0);
	rig_transcript(&rig, "HEAD f\n");
	assert_int_equal(rig_write(&rig, c.call.handle, 0, 200), 0);
	/* Until the commit the old object is untouched. */
	rig_check(&rig, "f", 100);
	assert_int_equal(rig_close(&rig, c.call.handle), 0);
	rig_transcript(&rig, "PUT f 200 if-match=E\n");
	rig_check(&rig, "f", 200);
	rig_end(&rig);
}

static void a_second_overwrite_follows_the_first(void **state)
{
	struct rig_call c;
	struct rig rig;
	uint64_t id;

	(void)state;
	rig_init(&rig, NULL);
	rig_put(&rig, "f", 100);
	id = rig_lookup(&rig, "f");
	for (unsigned i = 1; i <= 3; i++) {
		assert_int_equal(rig_open(&rig, id, O_WRONLY | O_TRUNC, &c), 0);
		assert_int_equal(rig_write(&rig, c.call.handle, 0, 200 * i), 0);
		assert_int_equal(rig_close(&rig, c.call.handle), 0);
		rig_check(&rig, "f", 200 * i);
	}
	rig_end(&rig);
}

static void what_somebody_else_wrote_meanwhile_is_not_overwritten(void **state)
{
	static const uint64_t sizes[] = {200, 6 * MIB};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct store_limits limits = {
			.parts_max = 10000,
			.part_min = 5 * MIB,
			.part_max = 5120 * MIB,
			.put_max = 5120 * MIB,
			.copy_max = 5120 * MIB,
			.object_max = 5120 * MIB,
			.meta_max = 2048,
			.put_if_match = i < 2,
			.put_if_none_match = i < 2,
			.complete_conditions = i < 2,
			.complete_gives_etag = i < 2,
		};
		struct rig_config config = {.limits = &limits};
		struct rig_call c;
		struct rig rig;

		rig_init(&rig, &config);
		rig_put(&rig, "f", 100);
		assert_int_equal(rig_open(&rig, rig_lookup(&rig, "f"),
		                          O_WRONLY | O_TRUNC, &c),
		                 0);
		assert_int_equal(
			rig_write(&rig, c.call.handle, 0, sizes[i % 2]), 0);
		rig_put(&rig, "f", 300);
		assert_int_equal(rig_close(&rig, c.call.handle), -ESTALE);
		rig_check(&rig, "f", 300);
		rig_end(&rig);
	}
}

static void a_name_taken_by_somebody_else_is_eexist_for_o_excl(void **state)
{
	static const int flags[] = {WR | O_EXCL, WR};
	static const int errors[] = {-EEXIST, -ESTALE};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct fs_handle *handle;
		struct rig rig;

		rig_init(&rig, NULL);
		assert_int_equal(rig_create(&rig, "f", flags[i], 1, &handle),
		                 0);
		assert_int_equal(rig_write(&rig, handle, 0, 10), 0);
		rig_put(&rig, "f", 300);
		assert_int_equal(rig_close(&rig, handle), errors[i]);
		rig_check(&rig, "f", 300);
		rig_end(&rig);
	}
}

static void an_empty_stored_file_can_be_written_from_its_beginning(void **state)
{
	struct rig_call c;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	rig_put(&rig, "f", 0);
	assert_int_equal(rig_open(&rig, rig_lookup(&rig, "f"), O_WRONLY, &c),
	                 0);
	assert_int_equal(rig_write(&rig, c.call.handle, 0, 10), 0);
	assert_int_equal(rig_close(&rig, c.call.handle), 0);
	rig_check(&rig, "f", 10);
	rig_end(&rig);
}

static void
buffered_bytes_can_be_read_back_and_sent_ones_are_ebusy(void **state)
{
	struct fs_handle *handle;
	struct rig_call c;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(rig_create(&rig, "f", WR, 1, &handle), 0);
	assert_int_equal(rig_open(&rig, rig.fs->inodes->last_id, O_RDONLY, &c),
	                 0);
	assert_true(c.call.direct_io);
	assert_int_equal(rig_read(&rig, c.call.handle, 0, 100), 0);
	assert_int_equal(rig_write(&rig, handle, 0, 3000), 0);
	assert_int_equal(rig_read(&rig, c.call.handle, 0, 4096), 3000);
	assert_int_equal(rig_read(&rig, c.call.handle, 2000, 500), 500);
	assert_int_equal(rig_write(&rig, handle, 3000, 6 * MIB), 0);
	assert_int_equal(rig_read(&rig, c.call.handle, 0, 100), -EBUSY);
	assert_int_equal(rig_read(&rig, c.call.handle, 6 * MIB, 100), 100);
	assert_int_equal(fake_store_count(rig.fake), 0);
	fs_release(rig.fs, c.call.handle);
	assert_int_equal(rig_close(&rig, handle), 0);
	rig_check(&rig, "f", 6 * MIB + 3000);
	rig_end(&rig);
}

static void what_was_committed_is_read_by_the_same_descriptor(void **state)
{
	struct fs_handle *handle;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(rig_create(&rig, "f", O_RDWR | O_CREAT, 1, &handle),
	                 0);
	assert_int_equal(rig_write(&rig, handle, 0, 3000), 0);
	assert_int_equal(rig_flush(&rig, handle, 1), 0);
	rig_transcript(&rig, "PUT f 3000 if-none-match=*\n");
	assert_int_equal(rig_read(&rig, handle, 0, 4096), 3000);
	rig_transcript(&rig, "GET f 0-2999 if-match=E\n");
	assert_int_equal(rig_close(&rig, handle), 0);
	rig_transcript(&rig, "");
	rig_end(&rig);
}

static void truncating_to_nothing_begins_a_new_object(void **state)
{
	struct fs_handle *handle;
	struct rig_call c;
	struct rig rig;
	uint64_t id;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(rig_create(&rig, "f", WR, 1, &handle), 0);
	assert_int_equal(rig_write(&rig, handle, 0, 6 * MIB), 0);
	id = handle ? rig.fs->inodes->last_id : 0;
	assert_int_equal(rig_truncate(&rig, id, handle, 6 * MIB), 0);
	assert_int_equal(rig_truncate(&rig, id, handle, 0), 0);
	assert_int_equal(fake_store_open_uploads(rig.fake), 0);
	assert_int_equal(rig_write(&rig, handle, 0, 77), 0);
	assert_int_equal(rig_close(&rig, handle), 0);
	rig_check(&rig, "f", 77);

	/* By name it is committed at once. */
	(void)fake_store_take_transcript;
	assert_int_equal(rig_truncate(&rig, id, NULL, 77), 0);
	assert_int_equal(rig_truncate(&rig, id, NULL, 0), 0);
	rig_check(&rig, "f", 0);

	/* O_TRUNC of a file that is being written starts it over. */
	assert_int_equal(rig_open(&rig, id, O_WRONLY, &c), 0);
	assert_int_equal(rig_write(&rig, c.call.handle, 0, 50), 0);
	handle = c.call.handle;
	assert_int_equal(rig_open(&rig, id, O_WRONLY | O_TRUNC, &c), 0);
	assert_int_equal(rig_write(&rig, c.call.handle, 0, 20), 0);
	assert_int_equal(rig_close(&rig, c.call.handle), 0);
	assert_int_equal(rig_close(&rig, handle), 0);
	rig_check(&rig, "f", 20);
	rig_end(&rig);
}

static void fsync_brings_bytes_to_the_store_without_publishing(void **state)
{
	struct fs_handle *handle;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(rig_create(&rig, "f", WR, 1, &handle), 0);
	assert_int_equal(rig_fsync(&rig, handle), 0);
	rig_transcript(&rig, "");
	assert_int_equal(rig_write(&rig, handle, 0, 100), 0);
	assert_int_equal(rig_fsync(&rig, handle), 0);
	rig_transcript(&rig, "MPU_CREATE f\nMPU_PART f 1 100\n");
	assert_int_equal(fake_store_count(rig.fake), 0);
	assert_int_equal(rig_close(&rig, handle), 0);
	rig_transcript(&rig, "MPU_COMPLETE f 1 parts if-none-match=*\n");
	rig_check(&rig, "f", 100);
	rig_end(&rig);
}

static void an_unlinked_file_is_never_published(void **state)
{
	struct fs_handle *handle;
	struct inode *inode;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(rig_create(&rig, "f", WR, 1, &handle), 0);
	assert_int_equal(rig_write(&rig, handle, 0, 6 * MIB), 0);
	inode = inode_get(rig.fs->inodes, rig.fs->inodes->last_id);
	assert_true(content_busy(inode));
	content_abandon(inode);
	assert_int_equal(fake_store_open_uploads(rig.fake), 0);
	/* What is written on goes nowhere, and nobody minds. */
	assert_int_equal(rig_write(&rig, handle, 6 * MIB, MIB), 0);
	assert_int_equal(rig_fsync(&rig, handle), 0);
	assert_int_equal(rig_close(&rig, handle), 0);
	assert_false(content_busy(inode));
	inode_unref(inode);
	assert_int_equal(fake_store_count(rig.fake), 0);
	rig_end(&rig);
}

static void a_file_may_be_renamed_until_something_was_sent(void **state)
{
	struct fs_handle *handle;
	struct inode *inode;
	struct err err;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(rig_create(&rig, "f", WR, 1, &handle), 0);
	inode = inode_get(rig.fs->inodes, rig.fs->inodes->last_id);
	assert_int_equal(content_may_rename(inode, &err), 0);
	assert_int_equal(rig_write(&rig, handle, 0, 4 * MIB), 0);
	assert_int_equal(content_may_rename(inode, &err), 0);
	assert_int_equal(rig_write(&rig, handle, 4 * MIB, 2 * MIB), 0);
	assert_int_equal(content_may_rename(inode, &err), -EBUSY);
	inode_unref(inode);
	assert_int_equal(rig_close(&rig, handle), 0);
	rig_end(&rig);
}

static void read_only_buckets_refuse_to_be_written(void **state)
{
	struct rig_config config = {.bucket = FS_BUCKET_RO};
	struct rig_config once = {.bucket = FS_BUCKET_WO};
	struct fs_handle *handle;
	struct rig_call c;
	struct rig rig;

	(void)state;
	rig_init(&rig, &config);
	rig_put(&rig, "f", 10);
	assert_int_equal(rig_create(&rig, "g", WR, 1, &handle), -EROFS);
	assert_int_equal(rig_open(&rig, rig_lookup(&rig, "f"), O_WRONLY, &c),
	                 -EROFS);
	rig_end(&rig);

	rig_init(&rig, &once);
	rig_put(&rig, "f", 10);
	assert_int_equal(rig_open(&rig, rig_lookup(&rig, "f"), O_WRONLY, &c),
	                 -EPERM);
	assert_int_equal(rig_create(&rig, "g", WR, 1, &handle), 0);
	assert_int_equal(rig_write(&rig, handle, 0, 10), 0);
	assert_int_equal(rig_close(&rig, handle), 0);
	rig_check(&rig, "g", 10);
	rig_end(&rig);
}

static void room_and_holes_are_answered_honestly(void **state)
{
	struct fs_handle *handle;
	struct rig_call c;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(rig_create(&rig, "f", WR, 1, &handle), 0);
	assert_int_equal(rig_write(&rig, handle, 0, 100), 0);
	c = rig_call(1);
	fs_fallocate(rig.fs, &c.call, handle, 0, 0, 100);
	assert_int_equal(rig_status(&c), 0);
	c = rig_call(1);
	fs_fallocate(rig.fs, &c.call, handle, FALLOC_FL_COLLAPSE_RANGE, 0, 10);
	assert_int_equal(rig_status(&c), -EOPNOTSUPP);
	c = rig_call(1);
	fs_fallocate(rig.fs, &c.call, handle, FALLOC_FL_KEEP_SIZE, 0, MIB);
	assert_int_equal(rig_status(&c), 0);
	c = rig_call(1);
	fs_fallocate(rig.fs, &c.call, handle, 0, 0, UINT64_C(1) << 60);
	assert_int_equal(rig_status(&c), -EFBIG);
	c = rig_call(1);
	fs_lseek(rig.fs, &c.call, handle, 5, SEEK_DATA);
	assert_int_equal(rig_status(&c), 0);
	assert_int_equal(c.call.count, 5);
	c = rig_call(1);
	fs_lseek(rig.fs, &c.call, handle, 5, SEEK_HOLE);
	assert_int_equal(rig_status(&c), 0);
	assert_int_equal(c.call.count, 100);
	c = rig_call(1);
	fs_lseek(rig.fs, &c.call, handle, 100, SEEK_DATA);
	assert_int_equal(rig_status(&c), -ENXIO);
	assert_int_equal(rig_close(&rig, handle), 0);
	rig_end(&rig);
}

static void a_stream_too_long_is_efbig_with_the_figure(void **state)
{
	struct store_limits limits = {
		.parts_max = 3,
		.part_min = 5 * MIB,
		.part_max = 5 * MIB,
		.put_max = 5 * MIB,
		.object_max = 5120 * MIB,
		.meta_max = 2048,
		.complete_gives_etag = true,
	};
	struct rig_config config = {.limits = &limits, .budget = 20 * MIB};
	struct fs_handle *handle;
	struct rig_call c;
	struct rig rig;

	(void)state;
	rig_init(&rig, &config);
	assert_int_equal(rig_create(&rig, "f", WR, 1, &handle), 0);
	assert_int_equal(rig_write(&rig, handle, 0, 15 * MIB), 0);
	rig_write_start(&rig, &c, handle, 15 * MIB, 1);
	assert_int_equal(rig_status(&c), -EFBIG);
	assert_non_null(strstr(c.call.err.text, "15728640"));
	free(c.data);
	assert_int_equal(rig_close(&rig, handle), 0);
	rig_check(&rig, "f", 15 * MIB);
	rig_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_small_new_file_is_one_put),
		cmocka_unit_test(a_new_file_without_bytes_is_an_empty_put),
		cmocka_unit_test(a_stream_is_sent_while_it_is_written),
		cmocka_unit_test(writes_of_any_size_make_the_same_object),
		cmocka_unit_test(an_overwrite_compares_with_what_was_there),
		cmocka_unit_test(a_second_overwrite_follows_the_first),
		cmocka_unit_test(
			what_somebody_else_wrote_meanwhile_is_not_overwritten),
		cmocka_unit_test(
			a_name_taken_by_somebody_else_is_eexist_for_o_excl),
		cmocka_unit_test(
			an_empty_stored_file_can_be_written_from_its_beginning),
		cmocka_unit_test(
			buffered_bytes_can_be_read_back_and_sent_ones_are_ebusy),
		cmocka_unit_test(
			what_was_committed_is_read_by_the_same_descriptor),
		cmocka_unit_test(truncating_to_nothing_begins_a_new_object),
		cmocka_unit_test(
			fsync_brings_bytes_to_the_store_without_publishing),
		cmocka_unit_test(an_unlinked_file_is_never_published),
		cmocka_unit_test(
			a_file_may_be_renamed_until_something_was_sent),
		cmocka_unit_test(read_only_buckets_refuse_to_be_written),
		cmocka_unit_test(room_and_holes_are_answered_honestly),
		cmocka_unit_test(a_stream_too_long_is_efbig_with_the_figure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
