/* SPDX-License-Identifier: MIT */
/* Planned parts and parts that the store copies, on a fake store. */
#include "commit_plan.h"
#include "upload_rig.h"

#define CREATED "MPU_CREATE big\n"
#define MATCH   " source-if-match=@\n"

/* Copy a range of a stored object to the same place. */
static int copy(struct rig *rig, struct upload *up, const char *key,
                const struct object_info *info, uint64_t offset,
                uint64_t length)
{
	const struct upload_source source = {
		.store = rig->store,
		.key = key,
		.etag = info->etag,
		.offset = offset,
		.length = length,
	};

	return upload_append_copy(up, &source);
}

/* Send a part with exactly this border. */
static int send_part(struct upload *up, uint64_t offset, uint64_t length)
{
	int r = upload_expect_part(up, length);

	if (r == 0)
		r = rig_append(up, offset, length);
	return r == 0 ? upload_cut(up) : r;
}

/* Finish as an edit of the version of info does, and free. */
static int finish(struct upload *up, const struct object_info *info,
                  struct rig_finish *f)
{
	f->finish.expect = info ? UPLOAD_ETAG : UPLOAD_ANY;
	if (info)
		(void)str_copy(f->finish.etag, sizeof(f->finish.etag),
		               info->etag);
	rig_finish_start(up, f);
	assert_true(f->done);
	upload_free(up);
	return f->finish.status;
}

/* Begin what replaces "big", of 20 MiB, by itself. */
static int edit_begin(struct rig *rig, struct upload *up,
                      const struct object_info *info)
{
	int r = copy(rig, up, "big", info, 0, 6 * MIB);

	if (r == 0)
		r = send_part(up, 6 * MIB, 5 * MIB + 1);
	if (r == 0)
		r = copy(rig, up, "big", info, 11 * MIB + 1, 7 * MIB);
	if (r == 0)
		r = send_part(up, 18 * MIB + 1, 2 * MIB - 1);
	return r;
}

static int edit(struct rig *rig, const struct object_info *info,
                struct rig_finish *f)
{
	struct upload *up = rig_upload(rig);
	int r = edit_begin(rig, up, info);

	if (r == 0)
		return finish(up, info, f);
	upload_free(up);
	return r;
}

static void copied_and_sent_parts_make_one_object(void **state)
{
	struct rig_finish f = {0};
	struct object_info info;
	struct fake_stats stats;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	rig_store_object(&rig, "big", 20 * MIB, &info);
	assert_int_equal(edit(&rig, &info, &f), 0);
	rig_transcript_of(&rig,
	                  CREATED
	                  "MPU_PART_COPY big 1 from big 0-6291455" MATCH
	                  "MPU_PART big 2 5242881\n"
	                  "MPU_PART_COPY big 3 from big 11534337-18874368" MATCH
	                  "MPU_PART big 4 2097151\n"
	                  "MPU_COMPLETE big 4 parts if-match=@\n",
	                  info.etag);
	rig_check(&rig, "big", 20 * MIB);
	fake_store_get_stats(rig.fake, &stats);
	assert_int_equal(stats.bytes_in, 7 * MIB);
	assert_int_equal(f.finish.info.size, 20 * MIB);
	rig_end(&rig);
}

static void a_store_that_ignores_the_source_is_asked_by_heads(void **state)
{
	struct store_limits limits = rig_limits;
	struct rig_config config = {.limits = &limits};
	struct rig_finish f = {0};
	struct object_info info;
	struct rig rig;

	(void)state;
	limits.copy_source_match = false;
	rig_init(&rig, &config);
	rig_store_object(&rig, "big", 20 * MIB, &info);
	assert_int_equal(edit(&rig, &info, &f), 0);
	rig_transcript_of(&rig,
	                  "HEAD big\n" CREATED
	                  "MPU_PART_COPY big 1 from big 0-6291455\n"
	                  "MPU_PART big 2 5242881\n"
	                  "MPU_PART_COPY big 3 from big 11534337-18874368\n"
	                  "MPU_PART big 4 2097151\n"
	                  "HEAD big\n"
	                  "MPU_COMPLETE big 4 parts if-match=@\n",
	                  info.etag);
	rig_check(&rig, "big", 20 * MIB);
	rig_end(&rig);
}

static void one_head_serves_condition_and_source(void **state)
{
	struct store_limits limits = rig_limits;
	struct rig_config config = {.limits = &limits};
	struct rig_finish f = {0};
	struct object_info info;
	struct rig rig;
	char *text;

	(void)state;
	limits.copy_source_match = false;
	limits.complete_conditions = false;
	rig_init(&rig, &config);
	rig_store_object(&rig, "big", 20 * MIB, &info);
	assert_int_equal(edit(&rig, &info, &f), 0);
	text = fake_store_take_transcript(rig.fake);
	assert_non_null(strstr(text, "2097151\nHEAD big\nMPU_COMPLETE"));
	free(text);
	rig_end(&rig);
}

static void every_source_is_looked_at_before_and_after(void **state)
{
	struct store_limits limits = rig_limits;
	struct rig_config config = {.limits = &limits};
	struct rig_finish f = {0};
	struct object_info a;
	struct object_info b;
	struct upload *up;
	struct rig rig;

	(void)state;
	limits.copy_source_match = false;
	rig_init(&rig, &config);
	rig_store_object(&rig, "a", 10 * MIB, &a);
	rig_store_object(&rig, "b", 20 * MIB, &b);
	up = rig_upload(&rig);
	assert_int_equal(copy(&rig, up, "a", &a, 0, 5 * MIB), 0);
	assert_int_equal(copy(&rig, up, "b", &b, 5 * MIB, 6 * MIB), 0);
	assert_int_equal(copy(&rig, up, "b", &b, 11 * MIB, 5 * MIB), 0);
	assert_int_equal(finish(up, NULL, &f), 0);
	rig_transcript(&rig, "HEAD a\n" CREATED
	                     "MPU_PART_COPY big 1 from a 0-5242879\n"
	                     "HEAD b\n"
	                     "MPU_PART_COPY big 2 from b 5242880-11534335\n"
	                     "MPU_PART_COPY big 3 from b 11534336-16777215\n"
	                     "HEAD a\nHEAD b\n"
	                     "MPU_COMPLETE big 3 parts\n");
	rig_check(&rig, "big", 16 * MIB);
	rig_end(&rig);
}

/* The source is replaced when all parts are copied, or before the first. */
static void change_source(bool heeded, bool late)
{
	struct store_limits limits = rig_limits;
	struct rig_config config = {.limits = &limits};
	struct rig_finish f = {0};
	struct object_info info;
	struct err err;
	struct rig rig;
	struct upload *up;
	char *left;

	limits.copy_source_match = heeded;
	rig_init(&rig, &config);
	rig_store_object(&rig, "src", 12 * MIB, &info);
	up = rig_upload(&rig);
	if (!late)
		fake_store_put_text(rig.fake, "src", "other");
	(void)copy(&rig, up, "src", &info, 0, 12 * MIB);
	if (late)
		fake_store_put_text(rig.fake, "src", "other");
	rig_finish_start(up, &f);
	assert_true(f.done);
	if (heeded && late) {
		assert_int_equal(f.finish.status, 0);
	} else {
		assert_int_equal(f.finish.status, -ESTALE);
		assert_int_equal(upload_status(up, &err), -ESTALE);
		assert_non_null(strstr(err.text, heeded ? "big" : "src"));
	}
	upload_free(up);
	left = fake_store_list(rig.fake);
	assert_string_equal(left, heeded && late ? "big 12582912\nsrc 5\n"
	                                         : "src 5\n");
	free(left);
	assert_int_equal(fake_store_open_uploads(rig.fake), 0);
	rig_end(&rig);
}

static void a_source_that_changed_publishes_nothing(void **state)
{
	(void)state;
	change_source(true, false);
	change_source(true, true); /* then the copy was the right one */
	change_source(false, false);
	change_source(false, true);
}

static void a_source_that_is_gone_is_stale(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct store_limits limits = rig_limits;
		struct rig_config config = {.limits = &limits};
		struct rig_finish f = {0};
		struct object_info info;
		struct upload *up;
		struct rig rig;

		limits.copy_source_match = i == 0;
		rig_init(&rig, &config);
		rig_store_object(&rig, "src", 6 * MIB, &info);
		assert_int_equal(fake_store_delete(rig.fake, "src"), 0);
		up = rig_upload(&rig);
		(void)copy(&rig, up, "src", &info, 0, 6 * MIB);
		assert_int_equal(finish(up, NULL, &f), -ESTALE);
		assert_int_equal(fake_store_open_uploads(rig.fake), 0);
		rig_end(&rig);
	}
}

/* Every request of the edit fails in turn. */
static void fail_everywhere(bool heeded, unsigned requests)
{
	for (unsigned n = 1;; n++) {
		const struct fault_rule rule = {
			.nth = n, .code = -EACCES, .action = FAULT_FAIL};
		struct store_limits limits = rig_limits;
		struct rig_config config = {.limits = &limits};
		struct rig_finish f = {0};
		struct object_info info;
		struct object_info now;
		struct rig rig;
		int r;

		limits.copy_source_match = heeded;
		rig_init(&rig, &config);
		rig_store_object(&rig, "big", 20 * MIB, &info);
		fault_store_add(rig.fault, &rule);
		r = edit(&rig, &info, &f);
		assert_int_equal(fake_store_stat(rig.fake, "big", &now), 0);
		if (fault_store_fired(rig.fault) == 0) {
			assert_int_equal(n, requests + 1);
			assert_int_equal(r, 0);
			rig_end(&rig);
			return;
		}
		assert_int_equal(r, -EACCES);
		assert_string_equal(now.etag, info.etag);
		assert_int_equal(fake_store_open_uploads(rig.fake), 0);
		assert_int_equal(rig.released, 1);
		rig_end(&rig);
	}
}

static void a_failure_of_any_request_changes_nothing(void **state)
{
	(void)state;
	fail_everywhere(true, 6);
	fail_everywhere(false, 8);
}

static void an_upload_given_up_at_any_moment_leaves_nothing_behind(void **state)
{
	(void)state;
	for (size_t n = 0; n < 14; n++) {
		struct store_limits limits = rig_limits;
		struct rig_config config = {.mode = FAKE_QUEUE,
		                            .limits = &limits};
		struct object_info info;
		struct upload *up;
		struct rig rig;

		limits.copy_source_match = n % 2;
		rig_init(&rig, &config);
		rig_store_object(&rig, "big", 20 * MIB, &info);
		up = rig_upload(&rig);
		assert_int_equal(edit_begin(&rig, up, &info), 0);
		for (size_t i = 0; i < n / 2; i++)
			(void)fake_store_run_one(rig.fake);
		if (n % 3 == 0)
			uploads_cancel(rig.uploads);
		upload_free(up);
		(void)fake_store_run(rig.fake);
		assert_int_equal(fake_store_open_uploads(rig.fake), 0);
		assert_int_equal(uploads_count(rig.uploads), 0);
		rig_end(&rig);
	}
}

static void copies_fly_together_but_no_more_than_allowed(void **state)
{
	struct rig_config config = {.mode = FAKE_QUEUE, .inflight = 3};
	struct rig_finish f = {0};
	struct object_info info;
	struct upload *up;
	struct rig rig;

	(void)state;
	rig_init(&rig, &config);
	rig_store_object(&rig, "big", 25 * MIB, &info);
	up = rig_upload(&rig);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(
			copy(&rig, up, "big", &info, i * 5 * MIB, 5 * MIB), 0);
	assert_int_equal(upload_size(up), 25 * MIB);
	assert_int_equal(fake_store_run_one(rig.fake), 1);
	assert_int_equal(fake_store_waiting(rig.fake), 3);
	rig_finish_start(up, &f);
	(void)fake_store_run(rig.fake);
	assert_true(f.done);
	assert_int_equal(f.finish.status, 0);
	upload_free(up);
	rig_check(&rig, "big", 25 * MIB);
	rig_end(&rig);
}

static void a_stream_goes_on_after_copied_parts(void **state)
{
	struct rig_finish f = {0};
	struct object_info info;
	struct upload *up;
	struct rig rig;
	uint8_t byte;

	(void)state;
	rig_init(&rig, NULL);
	rig_store_object(&rig, "big", 13 * MIB, &info);
	up = rig_upload(&rig);
	assert_int_equal(copy(&rig, up, "big", &info, 0, 12 * MIB), 0);
	assert_int_equal(rig_append(up, 12 * MIB, 11 * MIB), 0);
	assert_int_equal(upload_read(up, 12 * MIB - 1, &byte, 1), -EBUSY);
	assert_int_equal(upload_read(up, 23 * MIB - 1, &byte, 1), 0);
	assert_int_equal(byte, rig_byte(23 * MIB - 1));
	assert_int_equal(finish(up, &info, &f), 0);
	rig_transcript_of(&rig,
	                  CREATED
	                  "MPU_PART_COPY big 1 from big 0-12582911" MATCH
	                  "MPU_PART big 2 5242880\n"
	                  "MPU_PART big 3 5242880\n"
	                  "MPU_PART big 4 1048576\n"
	                  "MPU_COMPLETE big 4 parts if-match=@\n",
	                  info.etag);
	rig_check(&rig, "big", 23 * MIB);
	rig_end(&rig);
}

static void a_cut_makes_a_border_and_plan_sizes_come_back(void **state)
{
	struct rig_finish f = {0};
	struct upload *up;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	up = rig_upload(&rig);
	assert_int_equal(upload_cut(up), 0); /* nothing to cut */
	assert_int_equal(send_part(up, 0, 7 * MIB), 0);
	assert_int_equal(upload_cut(up), 0);
	assert_int_equal(rig_append(up, 7 * MIB, 10 * MIB), 0);
	assert_int_equal(upload_expect_part(up, 9 * MIB), 0); /* cuts too */
	assert_int_equal(rig_append(up, 17 * MIB, 9 * MIB + 5), 0);
	assert_int_equal(finish(up, NULL, &f), 0);
	rig_transcript(&rig, CREATED "MPU_PART big 1 7340032\n"
	                             "MPU_PART big 2 5242880\n"
	                             "MPU_PART big 3 5242880\n"
	                             "MPU_PART big 4 9437184\n"
	                             "MPU_PART big 5 5\n"
	                             "MPU_COMPLETE big 5 parts\n");
	rig_end(&rig);
}

static void no_part_is_copied_beyond_the_last(void **state)
{
	struct store_limits limits = rig_limits;
	struct rig_config config = {.limits = &limits};
	struct object_info info;
	struct err err;
	struct upload *up;
	struct rig rig;

	(void)state;
	limits.parts_max = 2;
	rig_init(&rig, &config);
	rig_store_object(&rig, "big", 20 * MIB, &info);
	up = rig_upload(&rig);
	assert_int_equal(copy(&rig, up, "big", &info, 0, 5 * MIB), 0);
	assert_int_equal(upload_expect_part(up, 5 * MIB), 0);
	assert_int_equal(rig_append(up, 0, 5 * MIB), 0);
	assert_int_equal(upload_expect_part(up, 1), -EFBIG);
	assert_int_equal(upload_status(up, &err), -EFBIG);
	assert_non_null(strstr(err.text, "more than the 2 parts"));
	upload_free(up);

	limits.parts_max = 3;
	limits.object_max = 11 * MIB;
	rig_end(&rig);
	rig_init(&rig, &config);
	rig_store_object(&rig, "big", 20 * MIB, &info);
	up = rig_upload(&rig);
	assert_int_equal(copy(&rig, up, "big", &info, 0, 6 * MIB), 0);
	assert_int_equal(copy(&rig, up, "big", &info, 0, 5 * MIB), 0);
	assert_int_equal(copy(&rig, up, "big", &info, 0, 1), -EFBIG);
	assert_int_equal(upload_status(up, &err), -EFBIG);
	assert_non_null(strstr(err.text, "would get 11534337 bytes"));
	upload_free(up);
	assert_int_equal(fake_store_open_uploads(rig.fake), 0);
	rig_end(&rig);
}

struct synced {
	struct upload_sync sync;
	bool done;
};

static void sync_done(struct upload_sync *sync)
{
	container_of(sync, struct synced, sync)->done = true;
}

static void a_sync_waits_for_copies_too(void **state)
{
	struct rig_config config = {.mode = FAKE_QUEUE};
	struct synced s = {.sync = {.done = sync_done}};
	struct object_info info;
	struct upload *up;
	struct rig rig;

	(void)state;
	rig_init(&rig, &config);
	rig_store_object(&rig, "big", 6 * MIB, &info);
	up = rig_upload(&rig);
	assert_int_equal(copy(&rig, up, "big", &info, 0, 6 * MIB), 0);
	upload_sync(up, &s.sync);
	(void)fake_store_run_one(rig.fake);
	assert_false(s.done);
	(void)fake_store_run_one(rig.fake);
	assert_true(s.done);
	assert_int_equal(s.sync.status, 0);
	upload_keep(up, "test");
	(void)fake_store_run(rig.fake);
	assert_int_equal(fake_store_open_parts(rig.fake, "big"), 1);
	rig_end(&rig);
}

static void a_short_of_memory_upload_keeps_its_planned_borders(void **state)
{
	struct rig_config config = {.budget = 16 * MIB, .threads = true};
	struct rig_finish f = {0};
	struct rig_write w[2];
	struct upload *up[2];
	struct rig rig;
	char *text;

	/* 12 MiB for writers, and each wants 9 in a part. */
	(void)state;
	rig_init(&rig, &config);
	up[0] = rig_upload(&rig);
	up[1] = rig_upload(&rig);
	assert_int_equal(upload_expect_part(up[0], 9 * MIB), 0);
	rig_append_start(up[0], &w[0], 0, 8 * MIB);
	rig_append_start(up[1], &w[1], 0, 9 * MIB);
	while (!atomic_load(&w[0].done) || !atomic_load(&w[1].done))
		sched_yield();
	free(w[0].data);
	free(w[1].data);
	upload_free(up[1]);
	rig_append_start(up[0], &w[0], 8 * MIB, MIB);
	while (!atomic_load(&w[0].done))
		sched_yield();
	free(w[0].data);
	assert_int_equal(upload_cut(up[0]), 0);
	assert_int_equal(finish(up[0], NULL, &f), 0);
	text = fake_store_take_transcript(rig.fake);
	assert_non_null(strstr(text, "MPU_PART big 1 9437184\n"
	                             "MPU_COMPLETE big 1 parts\n"));
	free(text);
	rig_check(&rig, "big", 9 * MIB);
	rig_end(&rig);
}

static void commits_are_planned_by_the_uploads_sizes(void **state)
{
	struct commit_plan_config plan = {0};
	struct rig_config config = {.budget = 64 * MIB, .part_size = 8 * MIB};
	struct rig rig;

	(void)state;
	rig_init(&rig, &config);
	uploads_commit_config(rig.uploads, rig.store, &plan);
	assert_int_equal(plan.part_size, 8 * MIB);
	assert_true(plan.part_held >= 16 * MIB);
	assert_int_equal(plan.copy_part, 256 * MIB);
	assert_int_equal(plan.limits->parts_max, 10000);
	assert_null(plan.copies);
	rig_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copied_and_sent_parts_make_one_object),
		cmocka_unit_test(
			a_store_that_ignores_the_source_is_asked_by_heads),
		cmocka_unit_test(one_head_serves_condition_and_source),
		cmocka_unit_test(every_source_is_looked_at_before_and_after),
		cmocka_unit_test(a_source_that_changed_publishes_nothing),
		cmocka_unit_test(a_source_that_is_gone_is_stale),
		cmocka_unit_test(a_failure_of_any_request_changes_nothing),
		cmocka_unit_test(
			an_upload_given_up_at_any_moment_leaves_nothing_behind),
		cmocka_unit_test(copies_fly_together_but_no_more_than_allowed),
		cmocka_unit_test(a_stream_goes_on_after_copied_parts),
		cmocka_unit_test(a_cut_makes_a_border_and_plan_sizes_come_back),
		cmocka_unit_test(no_part_is_copied_beyond_the_last),
		cmocka_unit_test(a_sync_waits_for_copies_too),
		cmocka_unit_test(
			a_short_of_memory_upload_keeps_its_planned_borders),
		cmocka_unit_test(commits_are_planned_by_the_uploads_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
