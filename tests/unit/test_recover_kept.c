/* SPDX-License-Identifier: MIT */
/*
 * What an ended run left to be undone or decided, and stores that do not
 * answer.
 */
#include "recover_rig.h"

/* ---- intent ---- */

static void what_a_lost_create_left_is_aborted(void **state)
{
	struct store_req req = {.verb = STORE_MPU_CREATE, .key = "f"};
	struct world w;

	(void)state;
	begin(&w, 0);
	make_record(&w, &(struct upload_record){.state = UPLOAD_INTENT});
	assert_int_equal(ask(&w, &req), 0);
	start(&w);
	assert_forgotten(&w);
	assert_int_equal(fake_store_open_uploads(w.fake), 0);
	end(&w);
}

static void others_uploads_are_never_touched(void **state)
{
	struct store_req req = {.verb = STORE_MPU_CREATE, .key = "f"};
	struct world w;

	(void)state;
	begin(&w, 0);
	/* before us, with parts, and of another name */
	fake_clock_set_wall(&w.clock, NOW - 60);
	assert_int_equal(ask(&w, &req), 0);
	fake_clock_set_wall(&w.clock, NOW + 1);
	make_upload(&w);
	req = (struct store_req){.verb = STORE_MPU_CREATE, .key = "ff"};
	assert_int_equal(ask(&w, &req), 0);
	make_record(&w, &(struct upload_record){.state = UPLOAD_INTENT});
	start(&w);
	assert_forgotten(&w);
	assert_int_equal(fake_store_open_uploads(w.fake), 3);
	end(&w);
}

/* ---- aborting, kept ---- */

static void an_abort_under_way_is_finished(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 0);
	make_upload(&w);
	make_record(&w, &(struct upload_record){.state = UPLOAD_ABORTING});
	start(&w);
	assert_transcript(&w, "MPU_ABORT f\n");
	assert_forgotten(&w);
	end(&w);
}

static void a_kept_upload_is_published_when_a_person_says_so(void **state)
{
	struct err err = {0};
	struct world w;

	(void)state;
	begin(&w, 2);
	assert_int_equal(fake_store_put_text(w.fake, "f", "theirs"), 0);
	make_upload(&w);
	make_record(&w, &(struct upload_record){.state = UPLOAD_KEPT,
	                                        .whole = true,
	                                        .why = "its writer died"});
	start(&w);
	assert_uploads(&w, "kept 5242980 whole: its writer died\n");
	assert_int_equal(fs_upload_publish(w.fs, w.id + 7, &err), -ENOENT);
	assert_int_equal(fs_upload_publish(w.fs, w.id, &err), 0);
	assert_forgotten(&w);
	assert_object(&w, PART + 100);
	assert_int_equal(fs_upload_publish(w.fs, w.id, &err), -ENOENT);
	end(&w);
}

static void a_kept_upload_is_aborted_when_a_person_says_so(void **state)
{
	struct err err = {0};
	struct world w;

	(void)state;
	begin(&w, 0);
	make_upload(&w);
	make_record(&w, &(struct upload_record){.state = UPLOAD_KEPT});
	start(&w);
	assert_int_equal(fs_upload_abort(w.fs, w.id, &err), 0);
	assert_forgotten(&w);
	assert_int_equal(fake_store_open_uploads(w.fake), 0);
	end(&w);
}

/* ---- a store that does not answer ---- */

static void every_request_may_fail_and_the_next_round_settles_it(void **state)
{
	static const enum upload_state states[] = {
		UPLOAD_INTENT, UPLOAD_OPEN, UPLOAD_FINISHING, UPLOAD_ABORTING};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		for (unsigned n = 1;; n++) {
			const struct fault_rule rule = {.nth = n,
			                                .code = -ETIMEDOUT};
			bool fired;
			struct world w;

			begin(&w, 1);
			make_upload(&w);
			make_record(&w, &(struct upload_record){
						.state = states[i],
						.expect = UPLOAD_ABSENT,
						.whole = true});
			fault_store_add(w.fault, &rule);
			start(&w);
			fired = fault_store_fired(w.fault) > 0;
			fake_clock_advance(&w.clock, w.timers, 60000);
			if (states[i] == UPLOAD_OPEN)
				assert_uploads(&w,
				               "kept 5242980 whole: porterfs "
				               "ended while it was "
				               "written\n");
			else
				assert_forgotten(&w);
			if (states[i] == UPLOAD_FINISHING)
				assert_object(&w, PART + 100);
			end(&w);
			if (!fired)
				break;
		}
	}
}

static void a_bucket_that_is_not_configured_keeps_its_records(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 0);
	make_upload(&w);
	make_record(&w, &(struct upload_record){.state = UPLOAD_OPEN,
	                                        .identity = "elsewhere"});
	start(&w);
	assert_transcript(&w, "");
	assert_uploads(&w, "open 5242980: \n");
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test(f)
		T(what_a_lost_create_left_is_aborted),
		T(others_uploads_are_never_touched),
		T(an_abort_under_way_is_finished),
		T(a_kept_upload_is_published_when_a_person_says_so),
		T(a_kept_upload_is_aborted_when_a_person_says_so),
		T(every_request_may_fail_and_the_next_round_settles_it),
		T(a_bucket_that_is_not_configured_keeps_its_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
