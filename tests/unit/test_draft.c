/* SPDX-License-Identifier: MIT */
/*
 * Files changed in any order: what is read meanwhile, and what the store has in
 * the end, both compared with an array.
 */
#include "image_rig.h"

static void the_middle_of_a_stored_file_is_changed(void **state)
{
	struct image image;
	struct rig_call c;
	struct rig rig;
	uint64_t id;

	(void)state;
	rig_init(&rig, NULL);
	id = begin(&rig, &image, 10000);
	assert_int_equal(rig_open(&rig, id, O_RDWR, &c), 0);
	assert_int_equal(put(&rig, c.call.handle, &image,
	                     (struct rig_piece){4000, 100}, 7),
	                 0);
	look(&rig, c.call.handle, &image, (struct rig_piece){0, 20000});
	look(&rig, c.call.handle, &image, (struct rig_piece){4050, 1000});
	free(fake_store_take_transcript(rig.fake));
	assert_int_equal(rig_close(&rig, c.call.handle), 0);
	rig_transcript(&rig, "PUT f 10000 if-match=E\n");
	image_check(&rig, &image);
	image_release(&image);
	rig_end(&rig);
}

static void opening_for_both_and_changing_nothing_sends_nothing(void **state)
{
	struct image image;
	struct rig_call c;
	struct rig rig;
	uint64_t id;

	(void)state;
	rig_init(&rig, NULL);
	id = begin(&rig, &image, 10000);
	assert_int_equal(rig_open(&rig, id, O_RDWR, &c), 0);
	assert_false(c.call.direct_io); /* so that it can be mapped */
	assert_int_equal(rig_fsync(&rig, c.call.handle), 0);
	assert_int_equal(rig_truncate(&rig, id, c.call.handle, 10000), 0);
	assert_int_equal(allocate(&rig, c.call.handle, 0,
	                          (struct rig_piece){0, 10000}),
	                 0);
	assert_int_equal(rig_close(&rig, c.call.handle), 0);
	rig_transcript(&rig, "HEAD f\n");
	image_release(&image);
	rig_end(&rig);
}

static void a_gap_in_a_new_file_is_zeros(void **state)
{
	struct image image;
	struct fs_handle *handle;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	image_init(&image, 8 * MIB);
	assert_int_equal(rig_create(&rig, "f", WR, 1, &handle), 0);
	assert_int_equal(
		put(&rig, handle, &image, (struct rig_piece){5000, 10}, 1), 0);
	assert_int_equal(
		put(&rig, handle, &image, (struct rig_piece){9000, 10}, 2), 0);
	assert_int_equal(
		put(&rig, handle, &image, (struct rig_piece){100, 10}, 3), 0);
	assert_int_equal(rig_close(&rig, handle), 0);
	rig_transcript(&rig, "PUT f 9010 if-none-match=*\n");
	image_check(&rig, &image);
	image_release(&image);
	rig_end(&rig);
}

static void any_byte_of_a_file_open_for_both_can_be_read(void **state)
{
	struct image image;
	struct fs_handle *handle;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	image_init(&image, 16 * MIB);
	assert_int_equal(rig_create(&rig, "f", RW | O_EXCL, 1, &handle), 0);
	for (unsigned i = 0; i < 14; i++)
		assert_int_equal(put(&rig, handle, &image,
		                     (struct rig_piece){i * MIB, MIB},
		                     (uint8_t)(i + 1)),
		                 0);
	for (unsigned i = 0; i < 28; i++)
		look(&rig, handle, &image,
		     (struct rig_piece){i * MIB / 2, MIB});
	assert_int_equal(put(&rig, handle, &image,
	                     (struct rig_piece){2 * MIB, 5}, 99),
	                 0);
	assert_int_equal(rig_fsync(&rig, handle), 0);
	rig_transcript(&rig, "");
	assert_int_equal(rig_close(&rig, handle), 0);
	image_check(&rig, &image);
	image_release(&image);
	rig_end(&rig);
}

static void a_small_new_file_open_for_both_costs_one_put(void **state)
{
	struct image image;
	struct fs_handle *handle;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	image_init(&image, MIB);
	assert_int_equal(rig_create(&rig, "f", RW | O_EXCL, 1, &handle), 0);
	assert_int_equal(
		put(&rig, handle, &image, (struct rig_piece){0, 300}, 5), 0);
	look(&rig, handle, &image, (struct rig_piece){0, 300});
	assert_int_equal(rig_close(&rig, handle), 0);
	rig_transcript(&rig, "PUT f 300 if-none-match=*\n");
	image_release(&image);
	rig_end(&rig);
}

static void two_that_append_overwrite_nothing(void **state)
{
	static const int modes[] = {O_WRONLY, O_RDWR};

	(void)state;
	for (unsigned m = 0; m < 2; m++) {
		struct image image;
		struct rig_call a;
		struct rig_call b;
		struct rig rig;
		uint64_t id;

		rig_init(&rig, NULL);
		id = begin(&rig, &image, 1000);
		assert_int_equal(rig_open(&rig, id, modes[m] | O_APPEND, &a),
		                 0);
		assert_int_equal(rig_open(&rig, id, modes[m] | O_APPEND, &b),
		                 0);
		for (unsigned i = 0; i < 10; i++) {
			struct rig_call c;
			struct fs_handle *handle =
				i % 2 ? a.call.handle : b.call.handle;

			/* Where the kernel thinks the end is. */
			rig_write_start(&rig, &c, handle, 1000, 10);
			assert_int_equal(rig_status(&c), 0);
			image_resize(&image, image.size + 10);
			memcpy(image.bytes + image.size - 10, c.data, 10);
			free(c.data);
		}
		assert_int_equal(rig_close(&rig, a.call.handle), 0);
		assert_int_equal(rig_close(&rig, b.call.handle), 0);
		image_check(&rig, &image);
		image_release(&image);
		rig_end(&rig);
	}
}

static void a_mapped_page_goes_to_its_place_also_when_appending(void **state)
{
	struct image image;
	struct rig_call c;
	struct rig_call w = rig_call(1);
	struct rig rig;
	uint8_t page[100];
	uint64_t id;

	(void)state;
	rig_init(&rig, NULL);
	id = begin(&rig, &image, 1000);
	assert_int_equal(rig_open(&rig, id, O_RDWR | O_APPEND, &c), 0);
	memset(page, 3, sizeof(page));
	memset(image.bytes + 200, 3, sizeof(page));
	w.call.page_back = true;
	fs_write(rig.fs, &w.call, c.call.handle, 200,
	         (struct slice){page, sizeof(page)});
	assert_int_equal(rig_status(&w), 0);
	assert_int_equal(rig_close(&rig, c.call.handle), 0);
	image_check(&rig, &image);
	image_release(&image);
	rig_end(&rig);
}

static void a_file_gets_any_size(void **state)
{
	static const uint64_t sizes[] = {500, 3000, 2999, 1, 100000, 0, 4096};
	struct image image;
	struct rig_call c;
	struct rig rig;
	uint64_t id;

	(void)state;
	rig_init(&rig, NULL);
	id = begin(&rig, &image, 1000);
	for (unsigned i = 0; i < 7; i++) {
		assert_int_equal(rig_truncate(&rig, id, NULL, sizes[i]), 0);
		image_resize(&image, sizes[i]);
		image_check(&rig, &image); /* by name: at once */
	}
	assert_int_equal(rig_open(&rig, id, O_WRONLY, &c), 0);
	for (unsigned i = 0; i < 7; i++) {
		assert_int_equal(
			rig_truncate(&rig, id, c.call.handle, sizes[i]), 0);
		image_resize(&image, sizes[i]);
		if (i == 3)
			assert_int_equal(put(&rig, c.call.handle, &image,
			                     (struct rig_piece){0, 700}, 8),
			                 0);
	}
	assert_int_equal(rig_close(&rig, c.call.handle), 0);
	image_check(&rig, &image);
	image_release(&image);
	rig_end(&rig);
}

static void a_cut_stream_goes_on(void **state)
{
	struct image image;
	struct fs_handle *handle;
	struct rig rig;
	uint64_t id;

	(void)state;
	rig_init(&rig, NULL);
	image_init(&image, MIB);
	assert_int_equal(rig_create(&rig, "f", WR, 1, &handle), 0);
	id = rig.fs->inodes->last_id;
	assert_int_equal(
		put(&rig, handle, &image, (struct rig_piece){0, 1000}, 1), 0);
	assert_int_equal(rig_truncate(&rig, id, handle, 300), 0);
	image_resize(&image, 300);
	assert_int_equal(
		put(&rig, handle, &image, (struct rig_piece){300, 100}, 2), 0);
	assert_int_equal(rig_truncate(&rig, id, handle, 5000), 0);
	image_resize(&image, 5000);
	assert_int_equal(rig_close(&rig, handle), 0);
	image_check(&rig, &image);
	image_release(&image);
	rig_end(&rig);
}

static void holes_are_made_and_found(void **state)
{
	const int punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	struct image image;
	struct rig_call c;
	struct fs_handle *h;
	struct rig rig;
	uint64_t id;

	(void)state;
	rig_init(&rig, NULL);
	id = begin(&rig, &image, 10000);
	assert_int_equal(rig_open(&rig, id, O_RDWR, &c), 0);
	h = c.call.handle;
	assert_int_equal(seek(&rig, h, 0, SEEK_HOLE), 10000);
	assert_int_equal(allocate(&rig, h, punch, (struct rig_piece){100, 50}),
	                 0);
	memset(image.bytes + 100, 0, 50);
	assert_int_equal(
		allocate(&rig, h, punch, (struct rig_piece){9990, 500}), 0);
	memset(image.bytes + 9990, 0, 10);
	assert_int_equal(seek(&rig, h, 0, SEEK_HOLE), 100);
	assert_int_equal(seek(&rig, h, 120, SEEK_DATA), 150);
	assert_int_equal(seek(&rig, h, 9995, SEEK_DATA), -ENXIO);
	assert_int_equal(put(&rig, h, &image, (struct rig_piece){120, 10}, 4),
	                 0);
	assert_int_equal(seek(&rig, h, 100, SEEK_DATA), 120);
	assert_int_equal(seek(&rig, h, 120, SEEK_HOLE), 130);
	assert_int_equal(allocate(&rig, h, FALLOC_FL_ZERO_RANGE,
	                          (struct rig_piece){9000, 3000}),
	                 0);
	memset(image.bytes + 9000, 0, 1000);
	image_resize(&image, 12000);
	assert_int_equal(allocate(&rig, h, 0, (struct rig_piece){12000, 10}),
	                 0);
	image_resize(&image, 12010);
	look(&rig, h, &image, (struct rig_piece){0, 20000});
	assert_int_equal(rig_close(&rig, h), 0);
	image_check(&rig, &image);
	image_release(&image);
	rig_end(&rig);
}

static void what_was_sent_is_published_before_it_is_changed(void **state)
{
	struct image image;
	struct fs_handle *handle;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	image_init(&image, 8 * MIB);
	assert_int_equal(rig_create(&rig, "f", WR, 1, &handle), 0);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(put(&rig, handle, &image,
		                     (struct rig_piece){i * MIB, MIB}, 1),
		                 0);
	assert_int_equal(fake_store_count(rig.fake), 0);
	assert_int_equal(
		put(&rig, handle, &image, (struct rig_piece){MIB, 10}, 2), 0);
	assert_int_equal(fake_store_count(rig.fake), 1); /* the checkpoint */
	assert_int_equal(rig_truncate(&rig, rig.fs->inodes->last_id, handle,
	                              2 * MIB),
	                 0);
	image_resize(&image, 2 * MIB);
	assert_int_equal(rig_close(&rig, handle), 0);
	image_check(&rig, &image);
	image_release(&image);
	rig_end(&rig);
}

static void without_checkpoints_what_was_sent_stays(void **state)
{
	const struct rig_config config = {.no_checkpoint = true};
	struct image image;
	struct fs_handle *handle;
	struct rig rig;

	(void)state;
	rig_init(&rig, &config);
	image_init(&image, 8 * MIB);
	assert_int_equal(rig_create(&rig, "f", WR, 1, &handle), 0);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(put(&rig, handle, &image,
		                     (struct rig_piece){i * MIB, MIB}, 1),
		                 0);
	assert_int_equal(put(&rig, handle, &image, (struct rig_piece){MIB, 10},
	                     2),
	                 -EOPNOTSUPP);
	assert_int_equal(fake_store_count(rig.fake), 0);
	assert_int_equal(rig_close(&rig, handle), 0);
	image_check(&rig, &image);
	image_release(&image);
	rig_end(&rig);
}

static void a_change_of_another_version_is_refused(void **state)
{
	struct image image;
	struct rig_call c;
	struct rig rig;
	uint64_t id;

	(void)state;
	rig_init(&rig, NULL);
	id = begin(&rig, &image, 10000);
	assert_int_equal(rig_open(&rig, id, O_RDWR, &c), 0);
	assert_int_equal(put(&rig, c.call.handle, &image,
	                     (struct rig_piece){10, 10}, 2),
	                 0);
	rig_put(&rig, "f", 500);
	assert_int_equal(rig_close(&rig, c.call.handle), -ESTALE);
	rig_check(&rig, "f", 500);

	/* And a version that is not there any more is not even opened. */
	id = rig_lookup(&rig, "f");
	rig_put(&rig, "f", 600);
	assert_int_equal(rig_open(&rig, id, O_WRONLY, &c), -ESTALE);
	rig_check(&rig, "f", 600);
	image_release(&image);
	rig_end(&rig);
}

static void an_unlinked_file_is_changed_for_its_readers_only(void **state)
{
	struct image image;
	struct fs_handle *handle;
	struct inode *inode;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	image_init(&image, 4 * MIB);
	assert_int_equal(rig_create(&rig, "f", RW, 1, &handle), 0);
	inode = inode_get(rig.fs->inodes, rig.fs->inodes->last_id);
	assert_int_equal(
		put(&rig, handle, &image, (struct rig_piece){0, 100}, 1), 0);
	content_abandon(inode);
	inode_unref(inode);
	for (unsigned i = 3; i > 0; i--)
		assert_int_equal(put(&rig, handle, &image,
		                     (struct rig_piece){i * MIB - 5, MIB},
		                     (uint8_t)i),
		                 0);
	look(&rig, handle, &image, (struct rig_piece){0, MIB});
	look(&rig, handle, &image, (struct rig_piece){2 * MIB, MIB});
	assert_int_equal(rig_flush(&rig, handle, 1), 0);
	look(&rig, handle, &image, (struct rig_piece){3 * MIB, MIB});
	fs_release(rig.fs, handle);
	rig_transcript(&rig, "");
	image_release(&image);
	rig_end(&rig);
}

static void holes_beyond_sparse_max_are_efbig_with_the_figure(void **state)
{
	struct rig_call c;
	struct fs_handle *handle;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(rig_create(&rig, "f", RW, 1, &handle), 0);
	rig_write_start(&rig, &c, handle, 64 * MIB + 1, 1);
	assert_int_equal(rig_status(&c), -EFBIG);
	assert_non_null(strstr(c.call.err.text, "67108864"));
	free(c.data);
	assert_int_equal(rig_truncate(&rig, rig.fs->inodes->last_id, handle,
	                              64 * MIB),
	                 0);
	assert_int_equal(allocate(&rig, handle, 0,
	                          (struct rig_piece){64 * MIB, 1}),
	                 -EFBIG);
	assert_int_equal(rig_truncate(&rig, rig.fs->inodes->last_id, handle, 5),
	                 0);
	assert_int_equal(rig_close(&rig, handle), 0);
	rig_check_pieces(&rig, "f", 5, NULL, 0);
	rig_end(&rig);
}

static int move(struct rig *rig, const char *from, const char *to)
{
	const struct fs_rename rename = {.parent = rig->root,
	                                 .name = from,
	                                 .new_parent = rig->root,
	                                 .new_name = to};
	struct rig_call c = rig_call(1);

	fs_rename(rig->fs, &c.call, &rename);
	return rig_status(&c);
}

static void a_file_is_renamed_while_it_is_rewritten(void **state)
{
	static const int flags[] = {O_RDWR, O_WRONLY | O_TRUNC};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct str bytes = {0};
		struct image image;
		struct rig_call c;
		struct rig rig;
		uint64_t id;

		rig_init(&rig, NULL);
		id = begin(&rig, &image, 7 * MIB);
		assert_int_equal(rig_open(&rig, id, flags[i], &c), 0);
		if (flags[i] & O_TRUNC)
			image_resize(&image, 0);
		assert_int_equal(put(&rig, c.call.handle, &image,
		                     (struct rig_piece){0, 1000}, 7),
		                 0);
		assert_int_equal(move(&rig, "f", "g"), 0);
		rig_check(&rig, "g", 7 * MIB); /* the old bytes, until close */
		assert_int_equal(fake_store_get(rig.fake, "f", &bytes),
		                 -ENOENT);
		if (i == 0)
			look(&rig, c.call.handle, &image,
			     (struct rig_piece){500, 2000});
		assert_int_equal(put(&rig, c.call.handle, &image,
		                     (struct rig_piece){1000, 50}, 8),
		                 0);
		assert_int_equal(rig_close(&rig, c.call.handle), 0);
		assert_int_equal(fake_store_get(rig.fake, "g", &bytes), 0);
		assert_int_equal(bytes.len, image.size);
		assert_memory_equal(bytes.data, image.bytes, image.size);
		str_release(&bytes);
		assert_int_equal(fake_store_count(rig.fake), 1);
		image_release(&image);
		rig_end(&rig);
	}
}

static void what_was_sent_under_its_name_keeps_it(void **state)
{
	struct image image;
	struct rig_call c;
	struct rig rig;
	uint64_t id;

	(void)state;
	rig_init(&rig, NULL);
	id = begin(&rig, &image, 1000);
	image_resize(&image, 0);
	assert_int_equal(rig_open(&rig, id, O_WRONLY | O_TRUNC, &c), 0);
	for (unsigned i = 0; i < 7; i++)
		assert_int_equal(put(&rig, c.call.handle, &image,
		                     (struct rig_piece){i * MIB, MIB}, 7),
		                 0);
	assert_int_equal(move(&rig, "f", "g"), -EBUSY);
	assert_int_equal(rig_close(&rig, c.call.handle), 0);
	image_check(&rig, &image);
	image_release(&image);
	rig_end(&rig);
}

static void what_a_killed_editor_changed_is_kept_not_published(void **state)
{
	static const uint64_t sizes[] = {10000, 7 * MIB};
	const struct rig_config config = {.callers = true,
	                                  .killed = FS_FATE_KEEP};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct image image;
		struct rig_call c;
		struct rig rig;
		uint64_t id;

		rig_init(&rig, &config);
		id = begin(&rig, &image, sizes[i]);
		assert_int_equal(rig_open(&rig, id, O_RDWR, &c), 0);
		rig.callers.exit_code[0] = 9;
		assert_int_equal(put(&rig, c.call.handle, &image,
		                     (struct rig_piece){1000, 10}, 7),
		                 0);
		assert_int_equal(rig_close(&rig, c.call.handle), -EIO);
		assert_int_equal(fs_settle(rig.fs), 0);
		assert_int_equal(fake_store_open_uploads(rig.fake), 1);
		rig_check(&rig, "f", sizes[i]);
		image_release(&image);
		rig_end(&rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_middle_of_a_stored_file_is_changed),
		cmocka_unit_test(
			opening_for_both_and_changing_nothing_sends_nothing),
		cmocka_unit_test(a_gap_in_a_new_file_is_zeros),
		cmocka_unit_test(any_byte_of_a_file_open_for_both_can_be_read),
		cmocka_unit_test(a_small_new_file_open_for_both_costs_one_put),
		cmocka_unit_test(two_that_append_overwrite_nothing),
		cmocka_unit_test(
			a_mapped_page_goes_to_its_place_also_when_appending),
		cmocka_unit_test(a_file_gets_any_size),
		cmocka_unit_test(a_cut_stream_goes_on),
		cmocka_unit_test(holes_are_made_and_found),
		cmocka_unit_test(
			what_was_sent_is_published_before_it_is_changed),
		cmocka_unit_test(without_checkpoints_what_was_sent_stays),
		cmocka_unit_test(a_change_of_another_version_is_refused),
		cmocka_unit_test(
			an_unlinked_file_is_changed_for_its_readers_only),
		cmocka_unit_test(a_file_is_renamed_while_it_is_rewritten),
		cmocka_unit_test(what_was_sent_under_its_name_keeps_it),
		cmocka_unit_test(
			what_a_killed_editor_changed_is_kept_not_published),
		cmocka_unit_test(
			holes_beyond_sparse_max_are_efbig_with_the_figure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
