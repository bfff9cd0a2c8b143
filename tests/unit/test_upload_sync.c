/* SPDX-License-Identifier: MIT */
/* Bytes at the store that are not published: fsync, and uploads kept open. */
#include "upload_rig.h"

#define CREATED "MPU_CREATE big\n"

struct rig_sync {
	struct upload_sync sync;
	bool done;
};

static void rig_sync_done(struct upload_sync *sync)
{
	((struct rig_sync *)sync)->done = true;
}

static int sync_now(struct upload *up)
{
	struct rig_sync s = {.sync.done = rig_sync_done};

	upload_sync(up, &s.sync);
	assert_true(s.done);
	return s.sync.status;
}

static void sync_sends_the_tail_and_replaces_it_when_it_grew(void **state)
{
	struct rig_finish f = {0};
	struct rig rig;
	struct upload *up;

	(void)state;
	rig_init(&rig, NULL);
	up = rig_upload(&rig);
	assert_int_equal(sync_now(up), 0);
	assert_int_equal(rig_append(up, 0, 100), 0);
	assert_int_equal(sync_now(up), 0);
	assert_int_equal(sync_now(up), 0);
	rig_transcript(&rig, CREATED "MPU_PART big 1 100\n");
	assert_int_equal(rig_append(up, 100, 100), 0);
	assert_int_equal(sync_now(up), 0);
	rig_transcript(&rig, "MPU_PART big 1 200\n");
	rig_finish_start(up, &f);
	assert_int_equal(f.finish.status, 0);
	upload_free(up);
	rig_transcript(&rig, "MPU_COMPLETE big 1 parts\n");
	rig_check(&rig, "big", 200);
	rig_end(&rig);
}

static void sync_waits_for_the_parts_that_are_on_their_way(void **state)
{
	struct rig_config config = {.mode = FAKE_QUEUE};
	struct rig_sync s = {.sync.done = rig_sync_done};
	struct rig_finish f = {0};
	struct rig rig;
	struct upload *up;

	(void)state;
	rig_init(&rig, &config);
	up = rig_upload(&rig);
	assert_int_equal(rig_append(up, 0, 11 * MIB), 0);
	upload_sync(up, &s.sync);
	assert_int_equal(fake_store_run_one(rig.fake), 1);
	assert_int_equal(fake_store_waiting(rig.fake), 3);
	assert_int_equal(fake_store_run_nth(rig.fake, 2), 1);
	assert_int_equal(fake_store_run_nth(rig.fake, 0), 1);
	assert_false(s.done);
	assert_int_equal(fake_store_run_one(rig.fake), 1);
	assert_true(s.done);
	assert_int_equal(s.sync.status, 0);

	/* Bytes that come while a provisional part flies go with the next. */
	assert_int_equal(rig_append(up, 11 * MIB, MIB), 0);
	rig_finish_start(up, &f);
	fake_store_run(rig.fake);
	assert_int_equal(f.finish.status, 0);
	upload_free(up);
	rig_check(&rig, "big", 12 * MIB);
	rig_end(&rig);
}

static void a_part_is_never_on_the_wire_twice(void **state)
{
	struct rig_config config = {.mode = FAKE_QUEUE};
	struct rig_sync s = {.sync.done = rig_sync_done};
	struct rig_finish f = {0};
	struct rig rig;
	struct upload *up;

	(void)state;
	rig_init(&rig, &config);
	up = rig_upload(&rig);
	assert_int_equal(rig_append(up, 0, 100), 0);
	upload_sync(up, &s.sync);
	fake_store_run_one(rig.fake);
	rig_transcript(&rig, CREATED "MPU_PART big 1 100\n");
	assert_int_equal(rig_append(up, 100, 6 * MIB), 0);
	rig_transcript(&rig, "");
	assert_false(s.done);
	fake_store_run_one(rig.fake);
	assert_true(s.done);
	rig_transcript(&rig, "MPU_PART big 1 5242880\n");
	rig_finish_start(up, &f);
	fake_store_run(rig.fake);
	assert_int_equal(f.finish.status, 0);
	upload_free(up);
	rig_check(&rig, "big", 6 * MIB + 100);
	rig_end(&rig);
}

static void a_failing_sync_says_so(void **state)
{
	static const unsigned verbs[] = {STORE_MPU_CREATE, STORE_MPU_PART};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		const struct fault_rule rule = {.verbs = FAULT_VERB(verbs[i]),
		                                .code = -EACCES};
		struct rig rig;
		struct upload *up;

		rig_init(&rig, NULL);
		fault_store_add(rig.fault, &rule);
		up = rig_upload(&rig);
		assert_int_equal(rig_append(up, 0, 100), 0);
		assert_int_equal(sync_now(up), -EACCES);
		assert_int_equal(sync_now(up), -EACCES);
		upload_free(up);
		assert_int_equal(fake_store_open_uploads(rig.fake), 0);
		rig_end(&rig);
	}
}

static void a_kept_upload_has_all_bytes_and_stays_open(void **state)
{
	static const uint64_t sizes[] = {100, 7 * MIB};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct rig rig;
		struct upload *up;

		rig_init(&rig, NULL);
		up = rig_upload(&rig);
		assert_int_equal(rig_append(up, 0, sizes[i]), 0);
		upload_keep(up, "its writer was killed");
		assert_int_equal(fake_store_open_uploads(rig.fake), 1);
		assert_int_equal(fake_store_open_parts(rig.fake, "big"), i + 1);
		assert_int_equal(fake_store_count(rig.fake), 0);
		assert_int_equal(rig.released, 1);
		rig_end(&rig);
	}
}

static void nothing_is_kept_of_nothing(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	upload_keep(rig_upload(&rig), "its writer was killed");
	rig_transcript(&rig, "");
	rig_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			sync_sends_the_tail_and_replaces_it_when_it_grew),
		cmocka_unit_test(
			sync_waits_for_the_parts_that_are_on_their_way),
		cmocka_unit_test(a_part_is_never_on_the_wire_twice),
		cmocka_unit_test(a_failing_sync_says_so),
		cmocka_unit_test(a_kept_upload_has_all_bytes_and_stays_open),
		cmocka_unit_test(nothing_is_kept_of_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
