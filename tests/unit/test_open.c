/* SPDX-License-Identifier: MIT */
/* Opening and reading files: one request, one version. */
#include "content_rig.h"

/* Open for reading. */
static int open_read(struct rig *rig, uint64_t id, struct fs_handle **ret)
{
	struct rig_call c;
	int r = rig_open(rig, id, O_RDONLY, &c);

	*ret = c.call.handle;
	return r;
}

static void a_cold_small_file_costs_one_request(void **state)
{
	struct fs_handle *handle;
	struct rig rig;
	uint64_t id;

	(void)state;
	rig_init(&rig, NULL);
	rig_put(&rig, "f", 4096);
	id = rig_lookup(&rig, "f");
	assert_int_equal(open_read(&rig, id, &handle), 0);
	assert_int_equal(rig_read(&rig, handle, 0, 128 * KIB), 4096);
	assert_int_equal(rig_read(&rig, handle, 4096, 128 * KIB), 0);
	assert_int_equal(rig_close(&rig, handle), 0);
	rig_transcript(&rig, "GET f 0-4095 if-match=E\n");
	rig_end(&rig);
}

static void an_empty_file_costs_a_head(void **state)
{
	struct fs_handle *handle;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	rig_put(&rig, "f", 0);
	assert_int_equal(open_read(&rig, rig_lookup(&rig, "f"), &handle), 0);
	assert_int_equal(rig_read(&rig, handle, 0, 4096), 0);
	assert_int_equal(rig_close(&rig, handle), 0);
	rig_transcript(&rig, "HEAD f\n");
	rig_end(&rig);
}

static void open_is_answered_when_the_headers_come(void **state)
{
	struct rig_config config = {.mode = FAKE_QUEUE};
	struct rig_call c = rig_call(1);
	struct rig_call read;
	struct rig rig;

	(void)state;
	rig_init(&rig, &config);
	rig_put(&rig, "f", 5 * MIB);
	fs_open(rig.fs, &c.call, rig_lookup(&rig, "f"), O_RDONLY);
	assert_false(c.done);
	fake_store_run_one(rig.fake);
	assert_int_equal(rig_status(&c), 0);
	rig_transcript(&rig, "GET f 0-1048575 if-match=E\n");
	rig_read_start(&rig, &read, c.call.handle, 0, 4096);
	assert_int_equal(rig_status(&read), 0);
	assert_int_equal(read.got, 4096);
	free(read.data);
	fs_release(rig.fs, c.call.handle);
	fake_store_run(rig.fake);
	rig_end(&rig);
}

static void every_open_asks_whether_the_version_is_still_there(void **state)
{
	struct fs_handle *handle;
	struct rig rig;
	uint64_t id;

	(void)state;
	rig_init(&rig, NULL);
	rig_put(&rig, "small", 1000);
	rig_put(&rig, "large", 3 * MIB);
	id = rig_lookup(&rig, "small");
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(open_read(&rig, id, &handle), 0);
		assert_int_equal(rig_close(&rig, handle), 0);
		rig_transcript(&rig, "GET small 0-999 if-match=E\n");
	}
	id = rig_lookup(&rig, "large");
	assert_int_equal(open_read(&rig, id, &handle), 0);
	assert_int_equal(rig_close(&rig, handle), 0);
	rig_transcript(&rig, "GET large 0-1048575 if-match=E\n");
	/* The kernel may have all its pages by now. */
	assert_int_equal(open_read(&rig, id, &handle), 0);
	assert_int_equal(rig_close(&rig, handle), 0);
	rig_transcript(&rig, "HEAD large\n");
	rig_end(&rig);
}

static void a_version_that_is_gone_is_estale_and_looked_up_anew(void **state)
{
	static const uint64_t sizes[] = {1000, 0, 3 * MIB};

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		struct fs_handle *handle;
		struct inode *inode;
		struct rig rig;
		uint64_t id;

		rig_init(&rig, NULL);
		rig_put(&rig, "f", sizes[i % 3]);
		id = rig_lookup(&rig, "f");
		inode = inode_get(rig.fs->inodes, id);
		if (i < 3)
			rig_put(&rig, "f", 500);
		else
			fake_store_delete(rig.fake, "f");
		assert_int_equal(open_read(&rig, id, &handle), -ESTALE);
		assert_false(inode_linked(inode));
		inode_unref(inode);
		if (i < 3) {
			assert_int_not_equal(rig_lookup(&rig, "f"), id);
			assert_int_equal(open_read(&rig, rig_lookup(&rig, "f"),
			                           &handle),
			                 0);
			assert_int_equal(rig_read(&rig, handle, 0, 4096), 500);
			assert_int_equal(rig_close(&rig, handle), 0);
		}
		rig_end(&rig);
	}
}

static void a_file_replaced_while_it_is_read_is_estale(void **state)
{
	struct fs_handle *handle;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	rig_put(&rig, "f", 8 * MIB);
	assert_int_equal(open_read(&rig, rig_lookup(&rig, "f"), &handle), 0);
	assert_int_equal(rig_read(&rig, handle, 0, 4096), 4096);
	rig_put(&rig, "f", 9 * MIB);
	assert_int_equal(rig_read(&rig, handle, 6 * MIB, 4096), -ESTALE);
	assert_int_equal(rig_close(&rig, handle), 0);
	rig_end(&rig);
}

static void our_own_commit_moves_the_readers_along(void **state)
{
	struct fs_handle *handle;
	struct rig_call c;
	struct rig rig;
	uint64_t id;

	(void)state;
	rig_init(&rig, NULL);
	rig_put(&rig, "f", 1000);
	id = rig_lookup(&rig, "f");
	assert_int_equal(open_read(&rig, id, &handle), 0);
	assert_int_equal(rig_read(&rig, handle, 0, 4096), 1000);
	assert_int_equal(rig_open(&rig, id, O_WRONLY | O_TRUNC, &c), 0);
	assert_int_equal(rig_read(&rig, handle, 0, 4096), 0);
	assert_int_equal(rig_write(&rig, c.call.handle, 0, 2000), 0);
	assert_int_equal(rig_read(&rig, handle, 0, 4096), 2000);
	assert_int_equal(rig_close(&rig, c.call.handle), 0);
	assert_int_equal(rig_read(&rig, handle, 0, 4096), 2000);
	assert_int_equal(rig_close(&rig, handle), 0);
	rig_end(&rig);
}

static void our_own_self_copy_moves_the_readers_along(void **state)
{
	const struct fs_attr attr = {.mode = 0600};
	struct fs_handle *handle;
	struct rig_call c = rig_call(1);
	struct rig rig;
	uint64_t id;

	(void)state;
	rig_init(&rig, NULL);
	rig_put(&rig, "f", 3 * MIB);
	id = rig_lookup(&rig, "f");
	assert_int_equal(open_read(&rig, id, &handle), 0);
	fs_setattr(rig.fs, &c.call, id, NULL, FS_SET_MODE, &attr);
	assert_int_equal(rig_status(&c), 0);
	assert_int_equal(rig_read(&rig, handle, 2 * MIB, 4096), 4096);
	assert_int_equal(rig_close(&rig, handle), 0);
	rig_end(&rig);
}

static void read_write_opens_hear_first_what_is_there(void **state)
{
	struct rig_call c;
	struct rig rig;
	uint64_t id;

	(void)state;
	rig_init(&rig, NULL);
	rig_put(&rig, "f", 1000);
	id = rig_lookup(&rig, "f");
	assert_int_equal(rig_open(&rig, id, O_RDWR, &c), 0);
	rig_transcript(&rig, "HEAD f\n");
	assert_int_equal(rig_read(&rig, c.call.handle, 0, 4096), 1000);
	assert_int_equal(rig_close(&rig, c.call.handle), 0);
	rig_put(&rig, "f", 2000);
	assert_int_equal(rig_open(&rig, id, O_RDWR, &c), -ESTALE);
	fake_store_delete(rig.fake, "f");
	assert_int_equal(rig_open(&rig, id, O_RDWR, &c), -ESTALE);
	rig_end(&rig);
}

static void the_kernel_is_told_what_it_may_keep(void **state)
{
	struct fs_handle *handle;
	struct rig_call c;
	struct rig rig;
	uint64_t id;

	(void)state;
	rig_init(&rig, NULL);
	rig_put(&rig, "f", 1000);
	id = rig_lookup(&rig, "f");
	assert_int_equal(rig_open(&rig, id, O_RDONLY, &c), 0);
	assert_false(c.call.direct_io);
	fs_release(rig.fs, c.call.handle);
	assert_int_equal(rig_open(&rig, id, O_RDONLY, &c), 0);
	assert_true(c.call.keep_cache);
	fs_release(rig.fs, c.call.handle);

	/* Writers pass the pages by, and so does who reads meanwhile. */
	assert_int_equal(rig_open(&rig, id, O_WRONLY | O_TRUNC, &c), 0);
	assert_true(c.call.direct_io);
	handle = c.call.handle;
	assert_int_equal(rig_write(&rig, handle, 0, 10), 0);
	assert_int_equal(rig_open(&rig, id, O_RDONLY, &c), 0);
	assert_true(c.call.direct_io);
	fs_release(rig.fs, c.call.handle);
	assert_int_equal(rig_close(&rig, handle), 0);

	/* Our own new version: the old pages are wrong once. */
	assert_int_equal(rig_open(&rig, id, O_RDONLY, &c), 0);
	assert_false(c.call.keep_cache || c.call.direct_io);
	fs_release(rig.fs, c.call.handle);
	assert_int_equal(rig_open(&rig, id, O_RDONLY, &c), 0);
	assert_true(c.call.keep_cache);
	fs_release(rig.fs, c.call.handle);
	rig_end(&rig);
}

static void an_interrupted_open_or_read_ends_at_once(void **state)
{
	struct rig_config config = {.mode = FAKE_QUEUE};
	struct rig_call c = rig_call(1);
	struct rig_call d = rig_call(1);
	struct rig_call read;
	struct rig rig;
	uint64_t id;

	(void)state;
	rig_init(&rig, &config);
	rig_put(&rig, "f", 8 * MIB);
	id = rig_lookup(&rig, "f");
	fs_open(rig.fs, &c.call, id, O_RDONLY);
	fs_cancel(rig.fs, &c.call);
	assert_int_equal(rig_status(&c), -EINTR);
	fake_store_run(rig.fake);

	fs_open(rig.fs, &d.call, id, O_RDONLY);
	fake_store_run(rig.fake);
	assert_int_equal(rig_status(&d), 0);
	rig_read_start(&rig, &read, d.call.handle, 6 * MIB, 4096);
	assert_false(read.done);
	fs_cancel(rig.fs, &read.call);
	assert_int_equal(rig_status(&read), -EINTR);
	free(read.data);
	fs_release(rig.fs, d.call.handle);
	fake_store_run(rig.fake);
	rig_end(&rig);
}

static void a_write_only_descriptor_cannot_be_read(void **state)
{
	struct rig_call c;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	rig_put(&rig, "f", 0);
	assert_int_equal(rig_open(&rig, rig_lookup(&rig, "f"), O_WRONLY, &c),
	                 0);
	assert_int_equal(rig_read(&rig, c.call.handle, 0, 10), -EBADF);
	assert_int_equal(rig_close(&rig, c.call.handle), 0);
	assert_int_equal(rig_open(&rig, rig_lookup(&rig, "f"), O_RDONLY, &c),
	                 0);
	assert_int_equal(rig_write(&rig, c.call.handle, 0, 10), -EBADF);
	assert_int_equal(rig_close(&rig, c.call.handle), 0);
	assert_int_equal(rig_open(&rig, rig.root, O_RDONLY, &c), -EISDIR);
	assert_int_equal(rig_open(&rig, 4711, O_RDONLY, &c), -ESTALE);
	rig_end(&rig);
}

struct last_read {
	struct rig_call c;
	struct rig *rig;
	struct fs_handle *handle;
};

/* done() of a read whose reader closes as soon as it has the bytes. */
static void close_at_once(struct fs_call *call)
{
	struct last_read *last = (struct last_read *)call;

	atomic_store(&last->c.done, true);
	fs_release(last->rig->fs, last->handle);
}

static void
a_handle_may_be_released_as_soon_as_its_read_is_answered(void **state)
{
	struct last_read last;
	struct rig_call c;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	rig_put(&rig, "f", 8 * MIB);
	assert_int_equal(rig_open(&rig, rig_lookup(&rig, "f"), O_RDONLY, &c),
	                 0);
	last = (struct last_read){
		.c = rig_call(1), .rig = &rig, .handle = c.call.handle};
	last.c.call.done = close_at_once;
	fs_read(rig.fs, &last.c.call, last.handle, 0, MIB);
	assert_int_equal(rig_status(&last.c), 0);
	rig_end(&rig);
}

/* mv f g while cat f waits for bytes: it gets them, from g. */
static void a_rename_moves_the_readers_along(void **state)
{
	struct fs_rename rename = {.name = "f", .new_name = "g"};
	struct rig_call moved = rig_call(1);
	struct rig_call read;
	struct rig_call c;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	rig_put(&rig, "f", 40 * MIB);
	assert_int_equal(rig_open(&rig, rig_lookup(&rig, "f"), O_RDONLY, &c),
	                 0);
	(void)fault_store_add(
		rig.fault, &(struct fault_rule){.action = FAULT_HOLD,
	                                        .verbs = FAULT_VERB(STORE_GET),
	                                        .nth = 1});
	rig_read_start(&rig, &read, c.call.handle, 30 * MIB, 4096);
	assert_false(atomic_load(&read.done));
	rename.parent = rig.root;
	rename.new_parent = rig.root;
	fs_rename(rig.fs, &moved.call, &rename);
	assert_int_equal(rig_status(&moved), 0);
	(void)fault_store_release(rig.fault, 0); /* 404: f is gone */
	assert_int_equal(rig_status(&read), 0);
	assert_int_equal(read.got, 4096);
	assert_int_equal(read.data[1], rig_byte(30 * MIB + 1));
	free(read.data);
	assert_int_equal(rig_read(&rig, c.call.handle, 0, 4096), 4096);
	fs_release(rig.fs, c.call.handle);
	rig_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cold_small_file_costs_one_request),
		cmocka_unit_test(an_empty_file_costs_a_head),
		cmocka_unit_test(open_is_answered_when_the_headers_come),
		cmocka_unit_test(
			every_open_asks_whether_the_version_is_still_there),
		cmocka_unit_test(
			a_version_that_is_gone_is_estale_and_looked_up_anew),
		cmocka_unit_test(a_file_replaced_while_it_is_read_is_estale),
		cmocka_unit_test(our_own_commit_moves_the_readers_along),
		cmocka_unit_test(our_own_self_copy_moves_the_readers_along),
		cmocka_unit_test(a_rename_moves_the_readers_along),
		cmocka_unit_test(read_write_opens_hear_first_what_is_there),
		cmocka_unit_test(the_kernel_is_told_what_it_may_keep),
		cmocka_unit_test(an_interrupted_open_or_read_ends_at_once),
		cmocka_unit_test(a_write_only_descriptor_cannot_be_read),
		cmocka_unit_test(
			a_handle_may_be_released_as_soon_as_its_read_is_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
