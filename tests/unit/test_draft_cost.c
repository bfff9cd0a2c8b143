/* SPDX-License-Identifier: MIT */
/*
 * What changing large objects costs: bytes sent, bytes received, requests; and
 * that the store's copies are put together right.
 */
#include "image_rig.h"
#include "size_store.h"

#define GIB (UINT64_C(1) << 30)

/* A mount whose store has "f" of size bytes; its nodeid. */
static uint64_t begin_sized(struct rig *rig, struct size_store *store,
                            uint64_t size)
{
	const struct rig_config config = {.store = &store->store};
	struct attr attr = {.known = ATTR_FROM_LIST | ATTR_FROM_HEAD,
	                    .mode = S_IFREG | 0644,
	                    .size = size};
	struct inode_seen seen = {
		.key = "f",
		.kind = INODE_FILE,
		.attr = &attr,
		.fresh_ms = UINT64_MAX,
	};
	struct inode *inode;
	uint64_t id;

	size_store_init(store, size);
	rig_init(rig, &config);
	size_store_etag(store, attr.etag);
	seen.bucket = &rig->fs->buckets[0];
	seen.moment = meta_cache_moment(rig->fs->cache);
	assert_int_equal(inode_see(&seen, &inode), 0);
	inode_add_lookup(inode);
	id = inode->nodeid;
	inode_unref(inode);
	return id;
}

/* Write zeros. */
static void zeros(struct rig *rig, struct fs_handle *handle, uint64_t offset,
                  size_t size)
{
	struct rig_call c = rig_call(1);
	uint8_t *data = calloc(1, size);

	assert_non_null(data);
	fs_write(rig->fs, &c.call, handle, offset, (struct slice){data, size});
	assert_int_equal(rig_status(&c), 0);
	free(data);
}

static void assert_cost(const struct size_store *store, uint64_t sent,
                        uint64_t received, unsigned requests)
{
	if (store->sent > sent || store->received > received ||
	    store->requests > requests)
		fail_msg("%llu bytes sent, %llu received, %u requests",
		         (unsigned long long)store->sent,
		         (unsigned long long)store->received, store->requests);
}

static void appending_1_mib_to_1_gib_sends_at_most_6(void **state)
{
	static struct size_store store;
	struct rig_call c;
	struct rig rig;
	uint64_t id;

	(void)state;
	id = begin_sized(&rig, &store, GIB);
	assert_int_equal(rig_open(&rig, id, O_WRONLY | O_APPEND, &c), 0);
	for (unsigned i = 0; i < 8; i++)
		zeros(&rig, c.call.handle, 0, MIB / 8);
	assert_int_equal(rig_close(&rig, c.call.handle), 0);
	assert_int_equal(store.size, GIB + MIB);
	/* HEAD, Create, copies of 256 MiB, a part, Complete, HEAD. */
	assert_cost(&store, MIB, 0, 9);
	rig_end(&rig);
}

static void overwriting_4_kib_in_1_gib_sends_at_most_11_mib(void **state)
{
	static struct size_store store;
	struct rig_call c;
	struct rig rig;
	uint64_t id;

	(void)state;
	id = begin_sized(&rig, &store, GIB);
	assert_int_equal(rig_open(&rig, id, O_RDWR, &c), 0);
	zeros(&rig, c.call.handle, GIB / 2 + 12345, 4096);
	assert_int_equal(rig_close(&rig, c.call.handle), 0);
	assert_int_equal(store.size, GIB);
	assert_cost(&store, 11 * MIB, 11 * MIB, 20);
	rig_end(&rig);
}

static void cutting_1_gib_to_half_sends_at_most_5_mib(void **state)
{
	static struct size_store store;
	struct rig rig;
	uint64_t id;

	(void)state;
	id = begin_sized(&rig, &store, GIB);
	assert_int_equal(rig_truncate(&rig, id, NULL, GIB / 2), 0);
	assert_int_equal(store.size, GIB / 2);
	assert_cost(&store, 5 * MIB, 5 * MIB, 6);
	/* Also where the cut is not that of a part. */
	size_store_reset(&store);
	assert_int_equal(rig_truncate(&rig, id, NULL, GIB / 4 + 1), 0);
	assert_int_equal(store.size, GIB / 4 + 1);
	assert_cost(&store, 5 * MIB, 5 * MIB, 6);
	rig_end(&rig);
}

static void reading_what_did_not_change_moves_only_that(void **state)
{
	static struct size_store store;
	struct rig_call c;
	struct rig rig;
	uint64_t id;

	(void)state;
	id = begin_sized(&rig, &store, GIB);
	assert_int_equal(rig_open(&rig, id, O_RDWR, &c), 0);
	zeros(&rig, c.call.handle, 0, 4096);
	for (unsigned i = 1; i < 9; i++) {
		struct rig_call read;

		rig_read_start(&rig, &read, c.call.handle, i * 100 * MIB, 4096);
		assert_int_equal(rig_status(&read), 0);
		assert_int_equal(read.got, 4096);
		free(read.data);
	}
	assert_cost(&store, 0, 8 * MIB, 10);
	assert_int_equal(rig_flush(&rig, c.call.handle, 1), 0);
	fs_release(rig.fs, c.call.handle);
	rig_end(&rig);
}

static void twenty_changes_of_1_tib_are_a_few_parts_each(void **state)
{
	static struct size_store store;
	struct rig_call c;
	struct rig rig;
	uint64_t id;

	(void)state;
	id = begin_sized(&rig, &store, 1024 * GIB);
	assert_int_equal(rig_open(&rig, id, O_RDWR, &c), 0);
	for (unsigned i = 0; i < 20; i++)
		zeros(&rig, c.call.handle, i * 50 * GIB + 999, 4096);
	assert_int_equal(rig_close(&rig, c.call.handle), 0);
	assert_int_equal(store.size, 1024 * GIB);
	assert_cost(&store, 20 * 11 * MIB, 20 * 11 * MIB, 10000);
	rig_end(&rig);
}

static void what_is_copied_and_what_is_sent_is_put_together_right(void **state)
{
	static const struct rig_piece pieces[] = {
		{10 * MIB + 5, 100},
		{13 * MIB, 6 * MIB},
		{30 * MIB, 1},
		{46 * MIB - 3, 700},
	};
	struct image image;
	struct rig_call c;
	struct rig rig;
	char *transcript;
	uint64_t id;

	(void)state;
	rig_init(&rig, NULL);
	image_init(&image, 64 * MIB);
	image_resize(&image, 46 * MIB);
	for (uint64_t i = 0; i < image.size; i++)
		image.bytes[i] = rig_byte(i);
	image_put(&rig, &image);
	id = rig_lookup(&rig, "f");
	assert_int_equal(rig_open(&rig, id, O_RDWR, &c), 0);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(put(&rig, c.call.handle, &image, pieces[i],
		                     (uint8_t)(0xa0 + i)),
		                 0);
	assert_int_equal(rig_close(&rig, c.call.handle), 0);
	image_check(&rig, &image);
	transcript = fake_store_take_transcript(rig.fake);
	assert_non_null(strstr(transcript, "MPU_PART_COPY f"));
	free(transcript);
	/* And once more, on what came of it. */
	assert_int_equal(rig_open(&rig, id, O_RDWR, &c), 0);
	assert_int_equal(put(&rig, c.call.handle, &image,
	                     (struct rig_piece){12 * MIB, MIB}, 3),
	                 0);
	look(&rig, c.call.handle, &image, (struct rig_piece){11 * MIB, MIB});
	look(&rig, c.call.handle, &image,
	     (struct rig_piece){12 * MIB + MIB / 2, MIB});
	assert_int_equal(rig_truncate(&rig, id, c.call.handle, 23 * MIB + 17),
	                 0);
	image_resize(&image, 23 * MIB + 17);
	assert_int_equal(rig_close(&rig, c.call.handle), 0);
	image_check(&rig, &image);
	image_release(&image);
	rig_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appending_1_mib_to_1_gib_sends_at_most_6),
		cmocka_unit_test(
			overwriting_4_kib_in_1_gib_sends_at_most_11_mib),
		cmocka_unit_test(cutting_1_gib_to_half_sends_at_most_5_mib),
		cmocka_unit_test(reading_what_did_not_change_moves_only_that),
		cmocka_unit_test(twenty_changes_of_1_tib_are_a_few_parts_each),
		cmocka_unit_test(
			what_is_copied_and_what_is_sent_is_put_together_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
