/* SPDX-License-Identifier: MIT */
/* When a file is committed, and who is told how it went. */
#include "base/log.h"
#include "content_rig.h"

#include <signal.h>

#define WR (O_WRONLY | O_CREAT)

static const struct rig_config with_callers = {
	.callers = true,
	.killed = FS_FATE_KEEP,
	.failed = FS_FATE_PUBLISH,
};

/* The inode that was made last, with a reference. */
static struct inode *last_inode(struct rig *rig)
{
	struct inode *inode =
		inode_get(rig->fs->inodes, rig->fs->inodes->last_id);

	assert_non_null(inode);
	return inode;
}

/* { for i in 1 2 3; do date; done; } > f */
static void children_that_close_their_copies_commit_nothing(void **state)
{
	struct fs_handle *handle;
	struct rig rig;

	(void)state;
	rig_init(&rig, &with_callers);
	assert_int_equal(rig_create(&rig, "f", WR, 1, &handle), 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(rig_flush(&rig, handle, 2), 0); /* at exec */
		assert_int_equal(rig_write(&rig, handle, i * 100, 100), 0);
		rig.callers.exit_code[2] = i << 8;
		assert_int_equal(rig_flush(&rig, handle, 3), 0); /* at exit */
	}
	rig_transcript(&rig, "");
	assert_int_equal(rig_flush(&rig, handle, 1), 0);
	rig_transcript(&rig, "PUT f 300 if-none-match=*\n");
	fs_release(rig.fs, handle);
	rig_transcript(&rig, "");
	rig_check(&rig, "f", 300);
	rig_end(&rig);
}

static void a_copy_of_the_openers_own_keeps_the_file_open(void **state)
{
	struct fs_handle *handle;
	struct rig rig;

	(void)state;
	rig_init(&rig, &with_callers);
	assert_int_equal(rig_create(&rig, "f", WR, 1, &handle), 0);
	assert_int_equal(rig_write(&rig, handle, 0, 100), 0);
	rig.callers.descriptors[0] = 1;
	assert_int_equal(rig_flush(&rig, handle, 1), 0);
	rig_transcript(&rig, "");
	assert_int_equal(rig_write(&rig, handle, 100, 100), 0);
	rig.callers.descriptors[0] = 0;
	assert_int_equal(rig_flush(&rig, handle, 1), 0);
	rig_transcript(&rig, "PUT f 200 if-none-match=*\n");
	fs_release(rig.fs, handle);
	rig_end(&rig);
}

static void who_inherits_from_a_dead_opener_commits(void **state)
{
	struct fs_handle *handle;
	struct rig rig;

	(void)state;
	rig_init(&rig, &with_callers);
	assert_int_equal(rig_create(&rig, "f", WR, 1, &handle), 0);
	assert_int_equal(rig_write(&rig, handle, 0, 100), 0);
	rig.callers.dead[0] = true;
	assert_int_equal(rig_flush(&rig, handle, 2), 0);
	rig_transcript(&rig, "PUT f 100 if-none-match=*\n");
	fs_release(rig.fs, handle);
	rig_end(&rig);
}

static void release_commits_what_no_flush_did(void **state)
{
	struct fs_handle *handle;
	struct rig rig;

	(void)state;
	rig_init(&rig, &with_callers);
	assert_int_equal(rig_create(&rig, "f", WR, 1, &handle), 0);
	assert_int_equal(rig_write(&rig, handle, 0, 100), 0);
	assert_int_equal(rig_flush(&rig, handle, 2), 0);
	rig_transcript(&rig, "");
	fs_release(rig.fs, handle);
	rig_transcript(&rig, "PUT f 100 if-none-match=*\n");
	assert_int_equal(fs_settle(rig.fs), 0);
	rig_end(&rig);
}

static void a_flush_with_nothing_new_asks_nobody(void **state)
{
	struct rig_call c;
	struct rig rig;

	(void)state;
	rig_init(&rig, &with_callers);
	rig_put(&rig, "f", 100);
	assert_int_equal(rig_open(&rig, rig_lookup(&rig, "f"), O_RDWR, &c), 0);
	rig_transcript(&rig, "HEAD f\n");
	assert_int_equal(rig_close(&rig, c.call.handle), 0);
	rig_transcript(&rig, "");
	rig_end(&rig);
}

/* Kill the writer of size bytes; what is left at the store? */
static void kill_writer(enum fs_fate fate, uint64_t size, unsigned uploads,
                        bool published)
{
	struct rig_config config = with_callers;
	struct fs_handle *handle;
	struct inode *inode;
	struct rig rig;

	config.killed = fate;
	rig_init(&rig, &config);
	assert_int_equal(rig_create(&rig, "f", WR, 1, &handle), 0);
	inode = last_inode(&rig);
	assert_int_equal(rig_write(&rig, handle, 0, size), 0);
	rig.callers.exit_code[0] = SIGKILL;
	assert_int_equal(rig_flush(&rig, handle, 1), published ? 0 : -EIO);
	if (!published)
		assert_int_equal(rig_write(&rig, handle, size, 1), -EIO);
	fs_release(rig.fs, handle);
	assert_int_equal(fs_settle(rig.fs), 0);
	assert_int_equal(fake_store_count(rig.fake), published);
	assert_int_equal(fake_store_open_uploads(rig.fake), uploads);
	assert_int_equal(inode_linked(inode), published);
	inode_unref(inode);
	rig_end(&rig);
}

static void a_killed_writer_publishes_nothing_unless_told_to(void **state)
{
	(void)state;
	kill_writer(FS_FATE_KEEP, 7 * MIB, 1, false);
	kill_writer(FS_FATE_KEEP, 100, 1, false);
	kill_writer(FS_FATE_ABORT, 7 * MIB, 0, false);
	kill_writer(FS_FATE_ABORT, 100, 0, false);
	kill_writer(FS_FATE_PUBLISH, 7 * MIB, 0, true);
	kill_writer(FS_FATE_PUBLISH, 100, 0, true);
}

static void a_failed_commit_is_what_close_returns(void **state)
{
	static const int codes[] = {-EACCES, -EDQUOT, -EIO};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		const struct fault_rule rule = {.verbs = FAULT_VERB(STORE_PUT),
		                                .nth = 1,
		                                .code = codes[i]};
		struct fs_handle *handle;
		struct inode *inode;
		struct rig rig;

		rig_init(&rig, NULL);
		assert_int_equal(fault_store_add(rig.fault, &rule), 0);
		assert_int_equal(rig_create(&rig, "f", WR, 1, &handle), 0);
		inode = last_inode(&rig);
		assert_int_equal(rig_write(&rig, handle, 0, 100), 0);
		assert_int_equal(rig_flush(&rig, handle, 1), codes[i]);
		/* It stays so: for all who have the file open. */
		assert_int_equal(rig_flush(&rig, handle, 1), codes[i]);
		assert_int_equal(rig_fsync(&rig, handle), codes[i]);
		assert_int_equal(rig_write(&rig, handle, 100, 1), codes[i]);
		assert_true(content_busy(inode));
		fs_release(rig.fs, handle);
		assert_false(content_busy(inode));
		assert_false(inode_linked(inode));
		assert_int_equal(fake_store_count(rig.fake), 0);

		/* And after that the name can be made anew. */
		assert_int_equal(rig_create(&rig, "f", WR, 1, &handle), 0);
		assert_int_equal(rig_close(&rig, handle), 0);
		assert_int_equal(fake_store_count(rig.fake), 1);
		inode_unref(inode);
		rig_end(&rig);
	}
}

static void a_failed_overwrite_leaves_the_old_file(void **state)
{
	const struct fault_rule rule = {.verbs = FAULT_VERB(STORE_PUT),
	                                .code = -EACCES};
	struct rig_call c;
	struct rig rig;
	uint64_t id;

	(void)state;
	rig_init(&rig, NULL);
	rig_put(&rig, "f", 1000);
	id = rig_lookup(&rig, "f");
	assert_int_equal(fault_store_add(rig.fault, &rule), 0);
	assert_int_equal(rig_open(&rig, id, O_WRONLY | O_TRUNC, &c), 0);
	assert_int_equal(rig_write(&rig, c.call.handle, 0, 10), 0);
	assert_int_equal(rig_close(&rig, c.call.handle), -EACCES);
	assert_int_equal(rig_open(&rig, id, O_RDONLY, &c), 0);
	assert_int_equal(rig_read(&rig, c.call.handle, 0, 4096), 1000);
	assert_int_equal(rig_close(&rig, c.call.handle), 0);
	rig_end(&rig);
}

/* The log's error lines. */
struct lines {
	unsigned errors;
	char last[512];
};

static void take_line(void *ctx, enum log_level level, const char *line)
{
	struct lines *lines = ctx;

	if (level != LOG_LEVEL_ERROR)
		return;
	lines->errors++;
	(void)snprintf(lines->last, sizeof(lines->last), "%s", line);
}

static void a_failure_that_nobody_can_be_told_is_logged(void **state)
{
	const struct fault_rule rule = {
		.verbs = FAULT_VERB(STORE_PUT), .nth = 1, .code = -EACCES};
	struct lines lines = {0};
	struct fs_handle *handle;
	struct rig rig;

	(void)state;
	log_to_sink(take_line, &lines);
	rig_init(&rig, &with_callers);
	assert_int_equal(fault_store_add(rig.fault, &rule), 0);
	assert_int_equal(rig_create(&rig, "f", WR, 1, &handle), 0);
	assert_int_equal(rig_write(&rig, handle, 0, 100), 0);
	assert_int_equal(rig_flush(&rig, handle, 2), 0);
	fs_release(rig.fs, handle);
	assert_int_equal(lines.errors, 1);
	assert_non_null(strstr(lines.last, "'f'"));
	assert_int_equal(fs_settle(rig.fs), -EIO);
	assert_int_equal(fs_settle(rig.fs), 0);

	/* Told by close, it is not logged. */
	assert_int_equal(rig_create(&rig, "g", WR, 1, &handle), 0);
	assert_int_equal(rig_write(&rig, handle, 0, 100), 0);
	assert_int_equal(fault_store_add(rig.fault, &rule), 0);
	assert_int_equal(rig_flush(&rig, handle, 1), -EACCES);
	fs_release(rig.fs, handle);
	assert_int_equal(lines.errors, 1);
	log_to_sink(NULL, NULL);
	rig_end(&rig);
}

static void others_wait_for_a_commit_and_go_on_after_it(void **state)
{
	struct rig_config config = {.mode = FAKE_QUEUE};
	struct fs_handle *handle;
	struct rig_call flush = rig_call(1);
	struct rig_call again = rig_call(1);
	struct rig_call sync = rig_call(1);
	struct rig_call open = rig_call(1);
	struct rig_call read;
	struct rig_call write;
	struct rig rig;
	uint64_t id;

	(void)state;
	rig_init(&rig, &config);
	assert_int_equal(rig_create(&rig, "f", O_RDWR | O_CREAT, 1, &handle),
	                 0);
	id = rig.fs->inodes->last_id;
	assert_int_equal(rig_write(&rig, handle, 0, 100), 0);
	fs_flush(rig.fs, &flush.call, handle);
	fs_flush(rig.fs, &again.call, handle);
	fs_fsync(rig.fs, &sync.call, handle);
	fs_open(rig.fs, &open.call, id, O_WRONLY | O_TRUNC);
	rig_read_start(&rig, &read, handle, 0, 100);
	rig_write_start(&rig, &write, handle, 100, 10);
	assert_false(flush.done || again.done || sync.done || open.done ||
	             read.done || write.done);
	assert_int_equal(fs_writing(rig.fs), 1);
	assert_int_equal(fake_store_run_one(rig.fake), 1);
	assert_int_equal(rig_status(&flush), 0);
	assert_int_equal(rig_status(&again), 0);
	assert_int_equal(rig_status(&sync), 0);
	assert_int_equal(rig_status(&open), 0);
	/* The open has cut the file before the read and the write came. */
	assert_int_equal(rig_status(&read), 0);
	assert_int_equal(read.got, 0);
	assert_int_equal(rig_status(&write), 0);
	free(read.data);
	free(write.data);
	fake_store_run(rig.fake);
	fs_release(rig.fs, handle);
	fs_release(rig.fs, open.call.handle);
	fake_store_run(rig.fake);
	rig_check_pieces(&rig, "f", 110, (struct rig_piece[]){{100, 10}}, 1);
	rig_end(&rig);
}

static void an_interrupted_close_lets_the_commit_go_on(void **state)
{
	struct rig_config config = {.mode = FAKE_QUEUE};
	struct fs_handle *handle;
	struct rig_call flush = rig_call(1);
	struct rig rig;

	(void)state;
	rig_init(&rig, &config);
	assert_int_equal(rig_create(&rig, "f", WR, 1, &handle), 0);
	assert_int_equal(rig_write(&rig, handle, 0, 100), 0);
	fs_flush(rig.fs, &flush.call, handle);
	assert_int_equal(atomic_load(&rig.unsettled), 1);
	fs_cancel(rig.fs, &flush.call);
	assert_int_equal(rig_status(&flush), -EINTR);
	fs_release(rig.fs, handle);
	assert_int_equal(fake_store_run(rig.fake), 1);
	assert_int_equal(atomic_load(&rig.unsettled), 0);
	rig_check(&rig, "f", 100);
	rig_end(&rig);
}

/* A process that is killed sends its FLUSH and interrupts it at once. */
static void
a_killed_writer_that_interrupts_its_flush_publishes_nothing(void **state)
{
	struct rig_config config = with_callers;
	struct fs_handle *handle;
	struct rig_call flush = rig_call(1);
	struct rig rig;

	(void)state;
	config.killed = FS_FATE_ABORT;
	rig_init(&rig, &config);
	assert_int_equal(rig_create(&rig, "f", WR, 1, &handle), 0);
	assert_int_equal(rig_write(&rig, handle, 0, 100), 0);
	rig.callers.exit_code[0] = SIGTERM;
	fs_cancel(rig.fs, &flush.call);
	fs_flush(rig.fs, &flush.call, handle);
	assert_int_equal(rig_status(&flush), -EIO);
	fs_release(rig.fs, handle);
	assert_int_equal(fs_settle(rig.fs), 0);
	assert_int_equal(fake_store_count(rig.fake), 0);
	rig_end(&rig);
}

static void an_interrupted_write_may_be_repeated(void **state)
{
	struct rig_config config = {.mode = FAKE_QUEUE, .budget = 8 * MIB};
	struct fs_handle *handle;
	struct rig_call write;
	struct rig_call again;
	struct rig_call flush = rig_call(1);
	struct rig rig;

	(void)state;
	rig_init(&rig, &config);
	assert_int_equal(rig_create(&rig, "f", WR, 1, &handle), 0);
	assert_int_equal(rig_write(&rig, handle, 0, 6 * MIB), 0);
	rig_write_start(&rig, &write, handle, 6 * MIB, MIB);
	assert_false(write.done);
	fs_cancel(rig.fs, &write.call);
	assert_int_equal(rig_status(&write), -EINTR);
	free(write.data); /* nobody looks at it any more */
	rig_write_start(&rig, &again, handle, 6 * MIB, MIB);
	assert_false(again.done);
	fake_store_run(rig.fake);
	assert_int_equal(rig_status(&again), 0);
	free(again.data);
	fs_flush(rig.fs, &flush.call, handle);
	fake_store_run(rig.fake);
	assert_int_equal(rig_status(&flush), 0);
	fs_release(rig.fs, handle);
	rig_check(&rig, "f", 7 * MIB);
	rig_end(&rig);
}

/* A guarded file, 6 MiB of it taken, and another MiB that waits for memory. */
static void begin_guarded(struct rig *rig, struct fs_handle **ret,
                          struct rig_call *write)
{
	static const struct fs_guard guard = {"*", "min_ratio=0.5"};
	const struct rig_config config = {
		.mode = FAKE_QUEUE, .budget = 8 * MIB, .guard = &guard};

	rig_init(rig, &config);
	assert_int_equal(rig_create(rig, "f", WR, 1, ret), 0);
	assert_int_equal(rig_write(rig, *ret, 0, 6 * MIB), 0);
	rig_write_start(rig, write, *ret, 6 * MIB, MIB);
	assert_false(write->done);
}

static void a_guarded_commit_hears_of_a_write_that_fails(void **state)
{
	struct fs_handle *handle;
	struct rig_call write;
	struct rig_call flush = rig_call(1);
	struct rig rig;

	(void)state;
	begin_guarded(&rig, &handle, &write);
	fs_cancel(rig.fs, &write.call);
	assert_int_equal(rig_status(&write), -EINTR);
	free(write.data);
	(void)fault_store_add(
		rig.fault,
		&(struct fault_rule){.verbs = FAULT_VERB(STORE_MPU_PART),
	                             .code = -EACCES,
	                             .nth = 1,
	                             .count = 100});
	fs_flush(rig.fs, &flush.call, handle);
	fake_store_run(rig.fake);
	assert_int_equal(rig_status(&flush), -EACCES);
	fs_release(rig.fs, handle);
	fake_store_run(rig.fake);
	assert_int_equal(fake_store_count(rig.fake), 0);
	rig_end(&rig);
}

static void a_guarded_commit_hears_of_a_write_that_goes(void **state)
{
	struct fs_handle *handle;
	struct rig_call write;
	struct rig_call later;
	struct rig_call flush = rig_call(1);
	struct rig rig;

	(void)state;
	begin_guarded(&rig, &handle, &write);
	fs_cancel(rig.fs, &write.call);
	free(write.data);
	fs_flush(rig.fs, &flush.call, handle);
	/* Another writer comes, and takes the cancelled one out. */
	rig_write_start(&rig, &later, handle, 6 * MIB, MIB);
	fake_store_run(rig.fake);
	assert_int_equal(rig_status(&flush), 0);
	assert_int_equal(rig_status(&later), 0);
	free(later.data);
	flush = rig_call(1);
	fs_flush(rig.fs, &flush.call, handle);
	fake_store_run(rig.fake);
	assert_int_equal(rig_status(&flush), 0);
	fs_release(rig.fs, handle);
	rig_check(&rig, "f", 7 * MIB);
	rig_end(&rig);
}

/* Parts were sent as "f" when the name became another one: nothing is published
 * under either, and what was sent is kept. */
static void an_upload_under_another_name_is_not_published(void **state)
{
	struct fs_handle *handle;
	struct inode *inode;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(rig_create(&rig, "f", WR, 1, &handle), 0);
	assert_int_equal(rig_write(&rig, handle, 0, 11 * MIB), 0);
	inode = inode_of_key(&rig.fs->buckets[0], "f");
	assert_non_null(inode);
	assert_int_equal(inode_rekey(inode, "g"), 0);
	inode_unref(inode);
	assert_int_equal(rig_close(&rig, handle), -EBUSY);
	assert_int_equal(fake_store_count(rig.fake), 0);
	assert_int_equal(fake_store_open_uploads(rig.fake), 1);
	rig_end(&rig);
}

static void giving_up_ends_what_is_under_way(void **state)
{
	struct rig_config config = {.mode = FAKE_QUEUE};
	struct fs_handle *handle;
	struct fs_handle *other;
	struct rig_call flush = rig_call(1);
	struct rig rig;

	(void)state;
	rig_init(&rig, &config);
	assert_int_equal(rig_create(&rig, "f", WR, 1, &handle), 0);
	assert_int_equal(rig_write(&rig, handle, 0, 100), 0);
	assert_int_equal(rig_create(&rig, "g", WR, 1, &other), 0);
	assert_int_equal(rig_write(&rig, other, 0, 11 * MIB), 0);
	fs_flush(rig.fs, &flush.call, handle);
	fake_store_run_one(rig.fake); /* the Create of g */
	fs_abort(rig.fs);
	assert_int_equal(rig_status(&flush), -ECANCELED);
	assert_int_equal(rig_write(&rig, other, 11 * MIB, 1), -ECANCELED);
	fake_store_run(rig.fake);
	fs_release(rig.fs, handle);
	fs_release(rig.fs, other);
	fake_store_run(rig.fake);
	assert_int_equal(fake_store_count(rig.fake), 0);
	assert_int_equal(fake_store_open_uploads(rig.fake), 0);
	rig_end(&rig);
}

static void late_times_travel_before_close_returns(void **state)
{
	struct fs_handle *handle;
	struct inode *inode;
	struct rig rig;
	char *mtime;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(rig_create(&rig, "f", WR, 1, &handle), 0);
	inode = last_inode(&rig);
	assert_int_equal(rig_write(&rig, handle, 0, 6 * MIB), 0);
	{
		const struct fs_attr attr = {.mtime = {.tv_sec = 1000}};
		struct rig_call c = rig_call(1);

		fs_setattr(rig.fs, &c.call, inode->nodeid, handle, FS_SET_MTIME,
		           &attr);
		assert_int_equal(rig_status(&c), 0);
	}
	assert_int_equal(rig_close(&rig, handle), 0);
	rig_transcript(&rig, "MPU_CREATE f\n"
	                     "MPU_PART f 1 5242880\n"
	                     "MPU_PART f 2 1048576\n"
	                     "MPU_COMPLETE f 2 parts if-none-match=*\n"
	                     "COPY f from f source-if-match=E "
	                     "replace-headers\n");
	mtime = fake_store_header(rig.fake, "f", "mtime");
	assert_string_equal(mtime, "1000");
	free(mtime);
	assert_int_equal(rig_open(&rig, inode->nodeid, O_RDONLY,
	                          &(struct rig_call){0}),
	                 0);
	inode_unref(inode);
	rig_end(&rig);
}

static void handles_left_open_are_dropped_with_the_mount(void **state)
{
	struct fs_handle *handle;
	struct rig_call c;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	rig_put(&rig, "g", 100);
	assert_int_equal(rig_create(&rig, "f", WR, 1, &handle), 0);
	assert_int_equal(rig_write(&rig, handle, 0, 6 * MIB), 0);
	assert_int_equal(rig_open(&rig, rig_lookup(&rig, "g"), O_RDONLY, &c),
	                 0);
	rig_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			children_that_close_their_copies_commit_nothing),
		cmocka_unit_test(a_copy_of_the_openers_own_keeps_the_file_open),
		cmocka_unit_test(who_inherits_from_a_dead_opener_commits),
		cmocka_unit_test(release_commits_what_no_flush_did),
		cmocka_unit_test(a_flush_with_nothing_new_asks_nobody),
		cmocka_unit_test(
			a_killed_writer_publishes_nothing_unless_told_to),
		cmocka_unit_test(
			a_killed_writer_that_interrupts_its_flush_publishes_nothing),
		cmocka_unit_test(a_failed_commit_is_what_close_returns),
		cmocka_unit_test(a_failed_overwrite_leaves_the_old_file),
		cmocka_unit_test(a_failure_that_nobody_can_be_told_is_logged),
		cmocka_unit_test(others_wait_for_a_commit_and_go_on_after_it),
		cmocka_unit_test(an_interrupted_close_lets_the_commit_go_on),
		cmocka_unit_test(an_interrupted_write_may_be_repeated),
		cmocka_unit_test(a_guarded_commit_hears_of_a_write_that_fails),
		cmocka_unit_test(a_guarded_commit_hears_of_a_write_that_goes),
		cmocka_unit_test(an_upload_under_another_name_is_not_published),
		cmocka_unit_test(giving_up_ends_what_is_under_way),
		cmocka_unit_test(late_times_travel_before_close_returns),
		cmocka_unit_test(handles_left_open_are_dropped_with_the_mount),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
