/* SPDX-License-Identifier: MIT */
/* Uploads, one after the other, on a fake store: what is asked of the store. */
#include "upload_rig.h"

#define CREATED "MPU_CREATE big\n"

/* Append size bytes, finish and free. Returns the status of finishing. */
static int write_object(struct rig *rig, uint64_t size, struct rig_finish *f)
{
	struct upload *up = rig_upload(rig);
	int r = rig_append(up, 0, size);

	if (r == 0) {
		rig_finish_start(up, f);
		assert_true(f->done);
		r = f->finish.status;
	}
	upload_free(up);
	return r;
}

static void a_small_file_is_one_put(void **state)
{
	struct rig_finish f = {0};
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(write_object(&rig, 4096, &f), 0);
	rig_transcript(&rig, "PUT big 4096\n");
	rig_check(&rig, "big", 4096);
	assert_true(f.finish.published);
	assert_int_equal(f.finish.info.size, 4096);
	assert_true(f.finish.info.etag[0] == '"');
	assert_int_equal(rig.released, 1);
	rig_end(&rig);
}

static void an_empty_file_is_one_put(void **state)
{
	struct rig_finish f = {0};
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(write_object(&rig, 0, &f), 0);
	rig_transcript(&rig, "PUT big 0\n");
	rig_end(&rig);
}

static void exactly_one_part_still_is_one_put(void **state)
{
	struct rig_finish f = {0};
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(write_object(&rig, 5 * MIB, &f), 0);
	rig_transcript(&rig, "PUT big 5242880\n");
	rig_check(&rig, "big", 5 * MIB);
	rig_end(&rig);
}

static void one_byte_more_makes_two_parts(void **state)
{
	struct rig_finish f = {0};
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(write_object(&rig, 5 * MIB + 1, &f), 0);
	rig_transcript(&rig, CREATED "MPU_PART big 1 5242880\n"
	                             "MPU_PART big 2 1\n"
	                             "MPU_COMPLETE big 2 parts\n");
	rig_check(&rig, "big", 5 * MIB + 1);
	assert_int_equal(f.finish.info.size, 5 * MIB + 1);
	rig_end(&rig);
}

static void parts_are_sent_while_writing_goes_on(void **state)
{
	struct rig_finish f = {0};
	struct rig rig;
	struct upload *up;
	struct pool_stats stats;

	(void)state;
	rig_init(&rig, NULL);
	up = rig_upload(&rig);
	assert_int_equal(rig_append(up, 0, 12 * MIB), 0);
	rig_transcript(&rig, CREATED "MPU_PART big 1 5242880\n"
	                             "MPU_PART big 2 5242880\n");
	pool_get_stats(rig.pool, &stats);
	assert_int_equal(stats.held[POOL_WRITE], 2 * MIB);

	rig_finish_start(up, &f);
	assert_int_equal(f.finish.status, 0);
	upload_free(up);
	rig_transcript(&rig, "MPU_PART big 3 2097152\n"
	                     "MPU_COMPLETE big 3 parts\n");
	rig_check(&rig, "big", 12 * MIB);
	rig_end(&rig);
}

static void no_more_parts_fly_than_allowed(void **state)
{
	struct rig_config config = {.mode = FAKE_QUEUE, .inflight = 2};
	struct rig_finish f = {0};
	struct rig rig;
	struct upload *up;

	(void)state;
	rig_init(&rig, &config);
	up = rig_upload(&rig);
	assert_int_equal(rig_append(up, 0, 21 * MIB), 0);
	rig_transcript(&rig, CREATED);
	assert_int_equal(fake_store_run_one(rig.fake), 1);
	assert_int_equal(fake_store_waiting(rig.fake), 2);

	/* The second is acknowledged first; the third takes its place. */
	assert_int_equal(fake_store_run_nth(rig.fake, 1), 1);
	assert_int_equal(fake_store_waiting(rig.fake), 2);
	rig_finish_start(up, &f);
	fake_store_run(rig.fake);
	assert_true(f.done);
	assert_int_equal(f.finish.status, 0);
	upload_free(up);
	rig_transcript(&rig, "MPU_PART big 1 5242880\n"
	                     "MPU_PART big 2 5242880\n"
	                     "MPU_PART big 3 5242880\n"
	                     "MPU_PART big 4 5242880\n"
	                     "MPU_PART big 5 1048576\n"
	                     "MPU_COMPLETE big 5 parts\n");
	rig_check(&rig, "big", 21 * MIB);
	rig_end(&rig);
}

/* Every request of a write of size bytes fails in turn with code. */
static void fail_everywhere(uint64_t size, unsigned requests, int code)
{
	for (unsigned n = 1;; n++) {
		const struct fault_rule rule = {
			.nth = n, .code = code, .action = FAULT_FAIL};
		struct rig_finish f = {0};
		struct rig rig;
		int r;

		rig_init(&rig, NULL);
		fault_store_add(rig.fault, &rule);
		r = write_object(&rig, size, &f);
		if (fault_store_fired(rig.fault) == 0) {
			assert_int_equal(n, requests + 1);
			assert_int_equal(r, 0);
			rig_check(&rig, "big", size);
			rig_end(&rig);
			return;
		}
		assert_int_equal(r, code);
		assert_int_equal(fake_store_count(rig.fake), 0);
		assert_int_equal(fake_store_open_uploads(rig.fake), 0);
		assert_int_equal(rig.released, 1);
		rig_end(&rig);
	}
}

static void a_failure_of_any_request_publishes_nothing(void **state)
{
	(void)state;
	fail_everywhere(100, 1, -EACCES);
	fail_everywhere(17 * MIB, 6, -EACCES);
	fail_everywhere(17 * MIB, 6, -EDQUOT);
}

static void
the_first_failed_part_is_the_status_of_all_that_follows(void **state)
{
	const struct fault_rule rule = {
		.verbs = FAULT_VERB(STORE_MPU_PART), .nth = 2, .code = -EDQUOT};
	struct rig_finish f = {0};
	struct err err = {0};
	struct rig rig;
	struct upload *up;

	(void)state;
	rig_init(&rig, NULL);
	fault_store_add(rig.fault, &rule);
	up = rig_upload(&rig);
	assert_int_equal(rig_append(up, 0, 12 * MIB), -EDQUOT);
	assert_int_equal(upload_status(up, &err), -EDQUOT);
	assert_non_null(strstr(err.text, "part 2 of 'big'"));
	rig_finish_start(up, &f);
	assert_true(f.done);
	assert_int_equal(f.finish.status, -EDQUOT);
	assert_false(f.finish.published);
	upload_free(up);
	assert_int_equal(fake_store_open_uploads(rig.fake), 0);
	rig_end(&rig);
}

static void a_lost_reply_to_the_commit_is_settled_by_the_nonce(void **state)
{
	static const enum store_verb verbs[] = {STORE_PUT, STORE_MPU_COMPLETE};
	static const uint64_t sizes[] = {1000, 6 * MIB};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		const struct fault_rule rule = {.verbs = FAULT_VERB(verbs[i]),
		                                .nth = 1,
		                                .action = FAULT_LOSE_REPLY};
		struct rig_finish f = {0};
		struct rig rig;

		rig_init(&rig, NULL);
		fault_store_add(rig.fault, &rule);
		assert_int_equal(write_object(&rig, sizes[i], &f), 0);
		rig_check(&rig, "big", sizes[i]);
		assert_true(f.finish.published);
		assert_int_equal(f.finish.info.size, sizes[i]);
		assert_int_equal(f.finish.info.etag[0], '"');
		rig_end(&rig);
	}
}

static void a_commit_in_doubt_that_was_not_applied_fails(void **state)
{
	const struct fault_rule rule = {.verbs = FAULT_VERB(STORE_MPU_COMPLETE),
	                                .nth = 1};
	struct rig_finish f = {0};
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	fault_store_add(rig.fault, &rule);
	fake_store_put_text(rig.fake, "big", "old");
	assert_int_equal(write_object(&rig, 6 * MIB, &f), -EIO);
	rig_transcript(&rig, CREATED "MPU_PART big 1 5242880\n"
	                             "MPU_PART big 2 1048576\n"
	                             "HEAD big\n"
	                             "MPU_ABORT big\n");
	rig_end(&rig);
}

static void without_an_etag_in_the_reply_a_head_verifies(void **state)
{
	struct store_limits limits = rig_limits;
	struct rig_config config = {.limits = &limits};
	struct rig_finish f = {0};
	struct rig rig;

	(void)state;
	limits.complete_gives_etag = false;
	rig_init(&rig, &config);
	assert_int_equal(write_object(&rig, 6 * MIB, &f), 0);
	rig_transcript(&rig, CREATED "MPU_PART big 1 5242880\n"
	                             "MPU_PART big 2 1048576\n"
	                             "MPU_COMPLETE big 2 parts\n"
	                             "HEAD big\n");
	assert_int_equal(f.finish.info.etag[0], '"');
	rig_end(&rig);
}

/* Write size bytes under a condition, on a store with these limits. */
static int write_if(struct rig *rig, uint64_t size, enum upload_expect expect,
                    const char *etag, bool exclusive)
{
	struct rig_finish f = {
		.finish = {.expect = expect, .exclusive = exclusive}};

	(void)str_copy(f.finish.etag, sizeof(f.finish.etag), etag);
	return write_object(rig, size, &f);
}

static void conditions_hold_with_and_without_the_stores_help(void **state)
{
	static const uint64_t sizes[] = {10, 6 * MIB};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct store_limits limits = rig_limits;
		struct rig_config config = {.limits = &limits};
		uint64_t size = sizes[i % 2];
		struct object_info info;
		struct rig rig;

		limits.put_if_match = i < 2;
		limits.put_if_none_match = i < 2;
		limits.complete_conditions = i < 2;
		rig_init(&rig, &config);
		assert_int_equal(write_if(&rig, size, UPLOAD_ETAG, "\"x\"",
		                          false),
		                 -ESTALE);
		assert_int_equal(write_if(&rig, size, UPLOAD_ABSENT, "", true),
		                 0);
		assert_int_equal(write_if(&rig, size, UPLOAD_ABSENT, "", true),
		                 -EEXIST);
		assert_int_equal(write_if(&rig, size, UPLOAD_ABSENT, "", false),
		                 -ESTALE);
		assert_int_equal(write_if(&rig, size, UPLOAD_ETAG, "\"x\"",
		                          false),
		                 -ESTALE);
		assert_int_equal(fake_store_stat(rig.fake, "big", &info), 0);
		assert_int_equal(
			write_if(&rig, size, UPLOAD_ETAG, info.etag, false), 0);
		rig_check(&rig, "big", size);
		/* A stream whose condition failed stays open, for a person. */
		assert_int_equal(fake_store_open_uploads(rig.fake),
		                 i % 2 ? 3 : 0);
		rig_end(&rig);
	}
}

static void late_metadata_comes_by_one_copy(void **state)
{
	struct rig_finish f = {0};
	struct rig rig;
	struct upload *up;
	char *mtime;

	(void)state;
	rig_init(&rig, NULL);
	up = rig_upload(&rig);
	assert_int_equal(rig_append(up, 0, 6 * MIB), 0);
	rig.mtime = "1234";
	rig_finish_start(up, &f);
	assert_int_equal(f.finish.status, 0);
	upload_free(up);

	mtime = fake_store_header(rig.fake, "big", "mtime");
	assert_non_null(mtime);
	assert_string_equal(mtime, "1234");
	free(mtime);
	rig_check(&rig, "big", 6 * MIB);
	rig_end(&rig);
}

static void
late_metadata_that_fails_is_told_though_the_bytes_are_there(void **state)
{
	const struct fault_rule rule = {.verbs = FAULT_VERB(STORE_COPY),
	                                .code = -EACCES};
	struct rig_finish f = {0};
	struct rig rig;
	struct upload *up;

	(void)state;
	rig_init(&rig, NULL);
	fault_store_add(rig.fault, &rule);
	up = rig_upload(&rig);
	assert_int_equal(rig_append(up, 0, 6 * MIB), 0);
	rig.mtime = "1234";
	rig_finish_start(up, &f);
	assert_int_equal(f.finish.status, -EACCES);
	assert_true(f.finish.published);
	upload_free(up);
	rig_check(&rig, "big", 6 * MIB);
	rig_end(&rig);
}

static void a_small_file_takes_late_metadata_along(void **state)
{
	struct rig_finish f = {0};
	struct rig rig;
	struct upload *up;

	(void)state;
	rig_init(&rig, NULL);
	up = rig_upload(&rig);
	assert_int_equal(rig_append(up, 0, 10), 0);
	rig.mtime = "1";
	rig_finish_start(up, &f);
	assert_int_equal(f.finish.status, 0);
	upload_free(up);
	rig_transcript(&rig, "PUT big 10\n");
	rig_end(&rig);
}

static void what_is_given_up_is_aborted(void **state)
{
	struct rig_config config = {.mode = FAKE_QUEUE};
	struct rig rig;
	struct upload *up;

	(void)state;
	rig_init(&rig, &config);
	up = rig_upload(&rig);
	assert_int_equal(rig_append(up, 0, 12 * MIB), 0);
	upload_free(up); /* while Create is on the wire */
	fake_store_run(rig.fake);
	rig_transcript(&rig, CREATED "MPU_ABORT big\n");

	up = rig_upload(&rig);
	assert_int_equal(rig_append(up, 0, 12 * MIB), 0);
	fake_store_run_one(rig.fake);
	upload_free(up); /* while parts are */
	fake_store_run(rig.fake);
	rig_transcript(&rig, CREATED "MPU_PART big 1 5242880\n"
	                             "MPU_PART big 2 5242880\n"
	                             "MPU_ABORT big\n");
	assert_int_equal(fake_store_open_uploads(rig.fake), 0);
	rig_end(&rig);
}

static void cancelling_all_ends_commits_too(void **state)
{
	struct rig_config config = {.mode = FAKE_QUEUE};
	struct rig_finish f = {0};
	struct rig rig;
	struct upload *up;

	(void)state;
	rig_init(&rig, &config);
	up = rig_upload(&rig);
	assert_int_equal(rig_append(up, 0, 100), 0);
	rig_finish_start(up, &f);
	assert_int_equal(uploads_count(rig.uploads), 1);
	uploads_cancel(rig.uploads);
	assert_true(f.done);
	assert_int_equal(f.finish.status, -ECANCELED);
	upload_free(up);
	fake_store_run(rig.fake);
	assert_int_equal(fake_store_count(rig.fake), 0);
	assert_int_equal(uploads_count(rig.uploads), 0);
	rig_end(&rig);
}

static void bytes_in_buffers_can_be_read_back(void **state)
{
	struct rig rig;
	struct upload *up;
	uint8_t *back = malloc(2 * MIB);

	(void)state;
	rig_init(&rig, NULL);
	up = rig_upload(&rig);
	assert_int_equal(rig_append(up, 0, 7 * MIB), 0);
	assert_int_equal(upload_read(up, 5 * MIB + 77, back, MIB), 0);
	for (size_t i = 0; i < MIB; i++)
		assert_int_equal(back[i], rig_byte(5 * MIB + 77 + i));
	assert_int_equal(upload_read(up, 5 * MIB - 1, back, 2), -EBUSY);
	upload_free(up);
	free(back);
	rig_end(&rig);
}

static void an_owner_that_cannot_describe_fails_the_upload(void **state)
{
	static const uint64_t sizes[] = {100, 7 * MIB};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct rig_finish f = {0};
		struct rig rig;

		rig_init(&rig, NULL);
		rig.describe_status = -ENOSPC;
		assert_int_equal(write_object(&rig, sizes[i], &f), -ENOSPC);
		rig_transcript(&rig, "");
		rig_end(&rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_small_file_is_one_put),
		cmocka_unit_test(an_empty_file_is_one_put),
		cmocka_unit_test(exactly_one_part_still_is_one_put),
		cmocka_unit_test(one_byte_more_makes_two_parts),
		cmocka_unit_test(parts_are_sent_while_writing_goes_on),
		cmocka_unit_test(no_more_parts_fly_than_allowed),
		cmocka_unit_test(a_failure_of_any_request_publishes_nothing),
		cmocka_unit_test(
			the_first_failed_part_is_the_status_of_all_that_follows),
		cmocka_unit_test(
			a_lost_reply_to_the_commit_is_settled_by_the_nonce),
		cmocka_unit_test(a_commit_in_doubt_that_was_not_applied_fails),
		cmocka_unit_test(without_an_etag_in_the_reply_a_head_verifies),
		cmocka_unit_test(
			conditions_hold_with_and_without_the_stores_help),
		cmocka_unit_test(late_metadata_comes_by_one_copy),
		cmocka_unit_test(
			late_metadata_that_fails_is_told_though_the_bytes_are_there),
		cmocka_unit_test(a_small_file_takes_late_metadata_along),
		cmocka_unit_test(what_is_given_up_is_aborted),
		cmocka_unit_test(cancelling_all_ends_commits_too),
		cmocka_unit_test(bytes_in_buffers_can_be_read_back),
		cmocka_unit_test(
			an_owner_that_cannot_describe_fails_the_upload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
