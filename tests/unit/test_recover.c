/* SPDX-License-Identifier: MIT */
/*
 * A run ended while it wrote or committed: what the next one makes of it, for
 * every state of the store and each of its habits.
 */
#include "recover_rig.h"
#include "recover_rule.h"

/* ---- open ---- */

static void
a_stream_that_was_never_closed_stays_and_replaces_nothing(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 0);
	assert_int_equal(fake_store_put_text(w.fake, "f", "before"), 0);
	make_upload(&w);
	make_record(&w, &(struct upload_record){.state = UPLOAD_OPEN});
	start(&w);
	assert_uploads(&w, "kept 5242980: porterfs ended while it was "
	                   "written\n");
	assert_object(&w, 6);
	assert_int_equal(fake_store_open_uploads(w.fake), 1);
	end(&w);
}

static void an_open_upload_that_is_gone_is_forgotten(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 0);
	make_upload(&w);
	make_record(&w, &(struct upload_record){.state = UPLOAD_OPEN});
	complete(&w); /* by somebody with another tool */
	start(&w);
	assert_forgotten(&w);
	end(&w);
}

static void one_whose_bytes_are_elsewhere_is_aborted(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 0);
	make_upload(&w);
	make_record(&w, &(struct upload_record){.state = UPLOAD_OPEN,
	                                        .remade = true});
	start(&w);
	assert_forgotten(&w);
	assert_int_equal(fake_store_open_uploads(w.fake), 0);
	end(&w);
}

/* ---- finishing, by habit ---- */

static void a_complete_that_was_applied_is_seen(void **state)
{
	(void)state;
	for (unsigned habit = 0; habit < 3; habit++) {
		struct world w;

		begin(&w, habit);
		make_upload(&w);
		make_record(&w,
		            &(struct upload_record){.state = UPLOAD_FINISHING,
		                                    .expect = UPLOAD_ABSENT,
		                                    .whole = true});
		complete(&w);
		start(&w);
		assert_transcript(&w, "HEAD f\n");
		assert_forgotten(&w);
		assert_object(&w, PART + 100);
		end(&w);
	}
}

static void a_complete_that_was_not_sent_is_sent(void **state)
{
	static const char *const transcripts[] = {
		"HEAD f\nMPU_COMPLETE f 2 parts if-none-match=*\nHEAD f\n",
		"HEAD f\nMPU_COMPLETE f 2 parts\nHEAD f\n",
		"HEAD f\nMPU_COMPLETE f 2 parts\nHEAD f\n",
	};

	(void)state;
	for (unsigned habit = 0; habit < 3; habit++) {
		struct world w;

		begin(&w, habit);
		make_upload(&w);
		make_record(&w,
		            &(struct upload_record){.state = UPLOAD_FINISHING,
		                                    .expect = UPLOAD_ABSENT,
		                                    .whole = true});
		start(&w);
		assert_transcript(&w, transcripts[habit]);
		assert_forgotten(&w);
		assert_object(&w, PART + 100);
		assert_int_equal(fake_store_open_uploads(w.fake), 0);
		end(&w);
	}
}

static void what_somebody_else_wrote_meanwhile_is_not_replaced(void **state)
{
	static const uint8_t expects[] = {UPLOAD_ABSENT, UPLOAD_ETAG};

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		struct world w;

		begin(&w, i / 2);
		make_upload(&w);
		make_record(&w,
		            &(struct upload_record){.state = UPLOAD_FINISHING,
		                                    .expect = expects[i % 2],
		                                    .etag = "\"gone\"",
		                                    .whole = true});
		assert_int_equal(fake_store_put_text(w.fake, "f", "theirs"), 0);
		start(&w);
		assert_uploads(&w, "kept 5242980 whole: it was written by "
		                   "somebody else meanwhile\n");
		assert_object(&w, 6);
		assert_int_equal(fake_store_open_uploads(w.fake), 1);
		end(&w);
	}
}

static void a_version_that_still_is_there_is_replaced(void **state)
{
	(void)state;
	for (unsigned habit = 0; habit < 3; habit++) {
		struct object_info info;
		struct world w;

		begin(&w, habit);
		assert_int_equal(fake_store_put_text(w.fake, "f", "before"), 0);
		assert_int_equal(fake_store_stat(w.fake, "f", &info), 0);
		make_upload(&w);
		make_record(&w,
		            &(struct upload_record){.state = UPLOAD_FINISHING,
		                                    .expect = UPLOAD_ETAG,
		                                    .etag = info.etag,
		                                    .whole = true});
		start(&w);
		assert_forgotten(&w);
		assert_object(&w, PART + 100);
		end(&w);
	}
}

static void a_lost_reply_of_the_second_complete_is_settled_too(void **state)
{
	const struct fault_rule lost = {.action = FAULT_LOSE_REPLY,
	                                .verbs =
	                                        FAULT_VERB(STORE_MPU_COMPLETE)};
	struct world w;

	(void)state;
	begin(&w, 0);
	make_upload(&w);
	make_record(&w, &(struct upload_record){.state = UPLOAD_FINISHING,
	                                        .expect = UPLOAD_ABSENT,
	                                        .whole = true});
	fault_store_add(w.fault, &lost);
	start(&w);
	/* not known yet: the record stays */
	assert_uploads(&w, "finishing 5242980 whole: \n");
	fake_clock_advance(&w.clock, w.timers, 60000);
	assert_forgotten(&w);
	assert_object(&w, PART + 100);
	end(&w);
}

/* ---- the rule ---- */

static void the_rule_for_a_doubt(void **state)
{
	const struct upload_record record = {.size = 5,
	                                     .nonce = NONCE,
	                                     .expect = UPLOAD_ETAG,
	                                     .etag = "\"old\""};
	struct recover_head head = {.size = 5, .etag = "\"new\""};

	(void)state;
	(void)str_copy(head.nonce, sizeof(head.nonce), NONCE);
	assert_true(recover_is_ours(&record, &head));
	head.nonce[0] = '9'; /* a late self-copy */
	assert_true(recover_is_ours(&record, &head));
	head.nonce[1] = '9';
	assert_false(recover_is_ours(&record, &head));
	assert_int_equal(recover_finishing(&record, &head, false),
	                 RECOVER_KEEP);
	assert_int_equal(recover_finishing(&record, &head, true),
	                 RECOVER_COMPLETE);
	(void)str_copy(head.etag, sizeof(head.etag), "\"old\"");
	assert_int_equal(recover_finishing(&record, &head, false),
	                 RECOVER_COMPLETE);
	head.status = -ENOENT;
	assert_int_equal(recover_finishing(&record, &head, false),
	                 RECOVER_KEEP);
	head.status = -EIO;
	assert_int_equal(recover_finishing(&record, &head, true),
	                 RECOVER_LATER);
	head.status = 0;
	(void)str_copy(head.nonce, sizeof(head.nonce), NONCE);
	head.size = 6; /* the nonce alone proves nothing */
	assert_false(recover_is_ours(&record, &head));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test(f)
		T(a_stream_that_was_never_closed_stays_and_replaces_nothing),
		T(an_open_upload_that_is_gone_is_forgotten),
		T(one_whose_bytes_are_elsewhere_is_aborted),
		T(a_complete_that_was_applied_is_seen),
		T(a_complete_that_was_not_sent_is_sent),
		T(what_somebody_else_wrote_meanwhile_is_not_replaced),
		T(a_version_that_still_is_there_is_replaced),
		T(a_lost_reply_of_the_second_complete_is_settled_too),
		T(the_rule_for_a_doubt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
