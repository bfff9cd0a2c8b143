/* SPDX-License-Identifier: MIT */
/*
 * What the journal says of an upload at every moment: never less than the next
 * start needs.  journal_sync() is the tests' clock: when it returns, whatever
 * waited for the journal has gone on.
 */
#include "fs/journal.h"
#include "temp_dir.h"
#include "upload_record.h"
#include "upload_rig.h"

struct world {
	char *dir;
	char *path;
	struct journal *journal;
	struct rig rig;
};

static void begin(struct world *w, uint64_t journal_size,
                  struct rig_config *rig)
{
	struct rig_config preset = {0};
	struct journal_config config = {.size_max = journal_size};

	if (!rig)
		rig = &preset;
	w->dir = temp_dir_new();
	w->path = str_printf("%s/journal", w->dir);
	config.dir = w->path;
	assert_int_equal(journal_open(&config, &w->journal, NULL), 0);
	rig->journal = w->journal;
	rig_init(&w->rig, rig);
}

static void end(struct world *w)
{
	rig_end(&w->rig);
	journal_close(w->journal);
	temp_dir_free(w->dir);
	free(w->path);
}

/* Let the journal answer, and what that brings on. */
static void settle(struct world *w)
{
	for (unsigned i = 0; i < 4; i++)
		(void)journal_sync(w->journal);
}

/* "STATE key id size [whole] [why]" of every record, one a line. */
static int add_head(void *ctx, uint64_t id, struct slice value)
{
	struct str *s = ctx;
	struct upload_record record;

	assert_true(id > 0);
	assert_int_equal(upload_record_read(value, &record), 0);
	assert_string_equal(record.bucket, "primary");
	assert_string_equal(record.identity, "here/bucket/");
	assert_string_equal(record.nonce, "00000000000000000000000000000001");
	assert_true(record.began_s > 1000000000);
	str_addf(s, "%s %s %s %llu%s%s%s%s\n", upload_state_name(record.state),
	         record.key, record.upload_id[0] ? "id" : "-",
	         (unsigned long long)record.size, record.whole ? " whole" : "",
	         record.stray ? " stray" : "", record.why[0] ? ": " : "",
	         record.why);
	return 0;
}

static void assert_heads(struct world *w, const char *expected)
{
	cleanup(str_release) struct str s = {0};

	settle(w);
	assert_int_equal(journal_each(w->journal, JOURNAL_UPLOAD, add_head, &s),
	                 0);
	assert_string_equal(str_text(&s), expected);
}

/* "number size " of every part. */
static int add_parts(void *ctx, uint64_t id, struct slice value)
{
	struct store_part_info parts[UPLOAD_PARTS_CHUNK];
	struct str *s = ctx;

	assert_int_equal(
		upload_parts_read(value, upload_parts_first(id), parts), 0);
	for (unsigned i = 0; i < UPLOAD_PARTS_CHUNK; i++) {
		if (parts[i].number == 0)
			continue;
		assert_int_equal(strlen(parts[i].etag), 34);
		str_addf(s, "%u:%llu ", parts[i].number,
		         (unsigned long long)parts[i].size);
	}
	return 0;
}

static void assert_parts(struct world *w, const char *expected)
{
	cleanup(str_release) struct str s = {0};

	settle(w);
	assert_int_equal(journal_each(w->journal, JOURNAL_PARTS, add_parts, &s),
	                 0);
	assert_string_equal(str_text(&s), expected);
}

struct sync {
	struct upload_sync sync;
	atomic_bool done;
};

static void sync_done(struct upload_sync *sync)
{
	atomic_store(&((struct sync *)sync)->done, true);
}

static int sync_now(struct world *w, struct upload *up)
{
	struct sync s = {.sync.done = sync_done};

	upload_sync(up, &s.sync);
	settle(w);
	assert_true(atomic_load(&s.done));
	return s.sync.status;
}

static int finish_now(struct world *w, struct upload *up, struct rig_finish *f)
{
	rig_finish_start(up, f);
	settle(w);
	assert_true(atomic_load(&f->done));
	return f->finish.status;
}

/* ---- a life ---- */

static void the_intent_is_on_disk_while_create_is_on_its_way(void **state)
{
	const struct fault_rule hold = {.action = FAULT_HOLD,
	                                .verbs = FAULT_VERB(STORE_MPU_CREATE)};
	struct rig_finish f = {0};
	struct world w;
	struct upload *up;

	(void)state;
	begin(&w, 16 * MIB, NULL);
	fault_store_add(w.rig.fault, &hold);
	up = rig_upload(&w.rig);
	assert_int_equal(rig_append(up, 0, 6 * MIB), 0);
	assert_heads(&w, "intent big - 0\n");
	assert_int_equal(fault_store_held(w.rig.fault), 1);
	fault_store_release(w.rig.fault, 0);
	assert_heads(&w, "open big id 0\n"); /* the head says its last news */
	assert_parts(&w, "1:5242880 ");
	assert_int_equal(finish_now(&w, up, &f), 0);
	assert_heads(&w, "");
	assert_parts(&w, "");
	upload_free(up);
	rig_check(&w.rig, "big", 6 * MIB);
	end(&w);
}

static void without_a_record_no_create_is_sent(void **state)
{
	struct rig_finish f = {0};
	struct world w;
	struct upload *up;
	char *key = malloc(1000);

	(void)state;
	assert_non_null(key);
	memset(key, 'k', 999);
	key[999] = '\0';
	begin(&w, 64 << 10, NULL);
	w.rig.key = key;
	/* as full as it gets */
	for (unsigned i = 1; i < 40; i++) {
		static uint8_t block[4000];

		journal_note(w.journal, JOURNAL_JOB, i,
		             (struct slice){.data = block,
		                            .len = sizeof(block)});
	}
	assert_int_equal(journal_sync(w.journal), -ENOSPC);
	up = rig_upload(&w.rig);
	(void)rig_append(up, 0, 6 * MIB); /* it may hear of it already */
	settle(&w);
	rig_transcript(&w.rig, "");
	assert_int_equal(finish_now(&w, up, &f), -ENOSPC);
	assert_non_null(strstr(f.finish.err.text, "journal in state_dir"));
	upload_free(up);
	rig_transcript(&w.rig, "");
	end(&w);
	free(key);
}

static void an_object_of_one_put_has_no_record(void **state)
{
	struct rig_finish f = {0};
	struct world w;
	struct upload *up;

	(void)state;
	begin(&w, 16 * MIB, NULL);
	up = rig_upload(&w.rig);
	assert_int_equal(rig_append(up, 0, 1000), 0);
	rig_finish_start(up, &f);
	assert_true(f.done); /* it waits for no disk */
	upload_free(up);
	assert_int_equal(journal_id(w.journal), 1); /* none was taken */
	end(&w);
}

static void fsync_answers_when_id_and_parts_are_on_disk(void **state)
{
	struct world w;
	struct upload *up;

	(void)state;
	begin(&w, 16 * MIB, NULL);
	up = rig_upload(&w.rig);
	assert_int_equal(rig_append(up, 0, 11 * MIB), 0);
	assert_int_equal(sync_now(&w, up), 0);
	assert_heads(&w, "open big id 11534336\n");
	assert_parts(&w, "1:5242880 2:5242880 3:1048576 ");
	/* the provisional tail is replaced when it has grown */
	assert_int_equal(rig_append(up, 11 * MIB, 100), 0);
	assert_int_equal(sync_now(&w, up), 0);
	assert_heads(&w, "open big id 11534436\n");
	assert_parts(&w, "1:5242880 2:5242880 3:1048676 ");
	upload_free(up);
	settle(&w);
	assert_heads(&w, "");
	assert_int_equal(fake_store_open_uploads(w.rig.fake), 0);
	end(&w);
}

static void finishing_is_on_disk_before_complete_is_sent(void **state)
{
	const struct fault_rule hold = {
		.action = FAULT_HOLD, .verbs = FAULT_VERB(STORE_MPU_COMPLETE)};
	struct rig_finish f = {.finish = {.expect = UPLOAD_ABSENT}};
	struct world w;
	struct upload *up;

	(void)state;
	begin(&w, 16 * MIB, NULL);
	fault_store_add(w.rig.fault, &hold);
	up = rig_upload(&w.rig);
	assert_int_equal(rig_append(up, 0, 6 * MIB), 0);
	rig_finish_start(up, &f);
	assert_heads(&w, "finishing big id 6291456 whole\n");
	assert_parts(&w, "1:5242880 2:1048576 ");
	assert_int_equal(fault_store_held(w.rig.fault), 1);
	fault_store_release(w.rig.fault, 0);
	settle(&w);
	assert_true(f.done);
	assert_heads(&w, "");
	upload_free(up);
	end(&w);
}

static void many_parts_are_in_records_of_32(void **state)
{
	struct rig_config config = {.part_size = 5 * MIB};
	struct world w;
	struct upload *up;
	struct str expected = {0};

	(void)state;
	begin(&w, 16 * MIB, &config);
	up = rig_upload(&w.rig);
	for (unsigned i = 0; i < 40; i++) {
		assert_int_equal(rig_append(up, i * 5 * MIB, 5 * MIB), 0);
		str_addf(&expected, "%u:5242880 ", i + 1);
		settle(&w);
	}
	assert_int_equal(sync_now(&w, up), 0);
	assert_parts(&w, str_text(&expected));
	upload_free(up);
	assert_parts(&w, "");
	str_release(&expected);
	end(&w);
}

/* ---- ends ---- */

static void a_kept_upload_is_a_record_with_its_reason(void **state)
{
	struct world w;
	struct upload *up;

	(void)state;
	begin(&w, 16 * MIB, NULL);
	up = rig_upload(&w.rig);
	assert_int_equal(rig_append(up, 0, 100), 0);
	upload_keep(up, "its writer was killed");
	assert_heads(&w, "kept big id 100 whole: its writer was killed\n");
	assert_parts(&w, "1:100 ");
	assert_int_equal(fake_store_open_uploads(w.rig.fake), 1);
	end(&w);
}

static void what_was_overtaken_is_kept_with_its_reason(void **state)
{
	struct rig_finish f = {.finish = {.expect = UPLOAD_ABSENT}};
	struct world w;
	struct upload *up;

	(void)state;
	begin(&w, 16 * MIB, NULL);
	up = rig_upload(&w.rig);
	assert_int_equal(rig_append(up, 0, 6 * MIB), 0);
	settle(&w);
	assert_int_equal(fake_store_put_text(w.rig.fake, "big", "theirs"), 0);
	assert_int_equal(finish_now(&w, up, &f), -ESTALE);
	upload_free(up);
	settle(&w);
	{
		cleanup(str_release) struct str s = {0};

		assert_int_equal(journal_each(w.journal, JOURNAL_UPLOAD,
		                              add_head, &s),
		                 0);
		assert_true(str_starts(str_text(&s),
		                       "kept big id 6291456 whole: "));
	}
	assert_int_equal(fake_store_open_uploads(w.rig.fake), 1);
	end(&w);
}

static void a_cancelled_one_with_parts_is_kept(void **state)
{
	struct world w;
	struct upload *up;

	(void)state;
	begin(&w, 16 * MIB, NULL);
	up = rig_upload(&w.rig);
	assert_int_equal(rig_append(up, 0, 6 * MIB), 0);
	settle(&w);
	uploads_cancel(w.rig.uploads);
	upload_free(up);
	assert_heads(&w, "kept big id 5242880: porterfs was stopped while it "
	                 "was written\n");
	assert_int_equal(fake_store_open_uploads(w.rig.fake), 1);
	end(&w);
}

static void an_abort_that_failed_is_remembered(void **state)
{
	const struct fault_rule fails = {.verbs = FAULT_VERB(STORE_MPU_ABORT),
	                                 .code = -EIO};
	struct world w;
	struct upload *up;

	(void)state;
	begin(&w, 16 * MIB, NULL);
	fault_store_add(w.rig.fault, &fails);
	up = rig_upload(&w.rig);
	assert_int_equal(rig_append(up, 0, 6 * MIB), 0);
	settle(&w);
	upload_free(up);
	assert_heads(&w, "aborting big id 5242880\n");
	end(&w);
}

static void
a_doubt_that_cannot_be_settled_is_left_to_the_next_start(void **state)
{
	const struct fault_rule lost = {.action = FAULT_LOSE_REPLY,
	                                .verbs =
	                                        FAULT_VERB(STORE_MPU_COMPLETE)};
	const struct fault_rule deaf = {.verbs = FAULT_VERB(STORE_HEAD),
	                                .count = 100,
	                                .nth = 1,
	                                .code = -ETIMEDOUT};
	struct rig_finish f = {0};
	struct world w;
	struct upload *up;

	(void)state;
	begin(&w, 16 * MIB, NULL);
	fault_store_add(w.rig.fault, &lost);
	fault_store_add(w.rig.fault, &deaf);
	up = rig_upload(&w.rig);
	assert_int_equal(rig_append(up, 0, 6 * MIB), 0);
	assert_int_equal(finish_now(&w, up, &f), -EIO);
	upload_free(up);
	assert_heads(&w, "finishing big id 6291456 whole\n");
	{
		char *transcript = fake_store_take_transcript(w.rig.fake);

		assert_null(strstr(transcript, "MPU_ABORT"));
		free(transcript);
	}
	rig_check(&w.rig, "big", 6 * MIB);
	end(&w);
}

/* ---- a Create whose reply got lost ---- */

static const struct fault_rule lost_create = {
	.action = FAULT_LOSE_REPLY,
	.verbs = FAULT_VERB(STORE_MPU_CREATE)};

/* An upload of another tool; fake uploads begin now, by the fake's clock. */
static void begin_theirs(struct world *w, const char *key, bool with_part)
{
	struct store_req req = {.verb = STORE_MPU_CREATE, .key = key};
	uint8_t byte = 1;
	struct slice slice = {&byte, 1};
	char id[STORE_UPLOAD_ID_MAX];
	struct object_store *store = fake_store_object_store(w->rig.fake);

	assert_int_equal(store_call(store, &req), 0);
	(void)str_copy(id, sizeof(id), req.create.upload_id);
	if (!with_part)
		return;
	req = (struct store_req){
		.verb = STORE_MPU_PART,
		.key = key,
		.part = {.upload_id = id, .number = 1, .body = {&slice, 1}}};
	assert_int_equal(store_call(store, &req), 0);
}

static void a_lost_create_leaves_no_orphan(void **state)
{
	struct rig_finish f = {0};
	struct world w;
	struct upload *up;

	(void)state;
	begin(&w, 16 * MIB, NULL);
	fault_store_add(w.rig.fault, &lost_create);
	begin_theirs(&w, "bigger", false); /* not this key */
	begin_theirs(&w, "big", true);     /* somebody sends parts to it */
	up = rig_upload(&w.rig);
	(void)rig_append(up, 0, 6 * MIB); /* it may hear of it already */
	settle(&w);
	assert_int_equal(finish_now(&w, up, &f), -EIO);
	upload_free(up);
	assert_heads(&w, "");
	assert_int_equal(fake_store_open_uploads(w.rig.fake), 2);
	assert_int_equal(fake_store_open_parts(w.rig.fake, "big"), 1);
	end(&w);
}

static void what_cannot_be_told_apart_is_not_touched(void **state)
{
	struct rig_finish f = {0};
	struct world w;
	struct upload *up;

	(void)state;
	begin(&w, 16 * MIB, NULL);
	fault_store_add(w.rig.fault, &lost_create);
	begin_theirs(&w, "big", false);
	up = rig_upload(&w.rig);
	(void)rig_append(up, 0, 6 * MIB); /* it may hear of it already */
	settle(&w);
	assert_int_equal(finish_now(&w, up, &f), -EIO);
	upload_free(up);
	assert_heads(&w, "intent big - 0 stray\n");
	assert_int_equal(fake_store_open_uploads(w.rig.fake), 2);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			the_intent_is_on_disk_while_create_is_on_its_way),
		cmocka_unit_test(without_a_record_no_create_is_sent),
		cmocka_unit_test(an_object_of_one_put_has_no_record),
		cmocka_unit_test(fsync_answers_when_id_and_parts_are_on_disk),
		cmocka_unit_test(finishing_is_on_disk_before_complete_is_sent),
		cmocka_unit_test(many_parts_are_in_records_of_32),
		cmocka_unit_test(a_kept_upload_is_a_record_with_its_reason),
		cmocka_unit_test(what_was_overtaken_is_kept_with_its_reason),
		cmocka_unit_test(a_cancelled_one_with_parts_is_kept),
		cmocka_unit_test(an_abort_that_failed_is_remembered),
		cmocka_unit_test(
			a_doubt_that_cannot_be_settled_is_left_to_the_next_start),
		cmocka_unit_test(a_lost_create_leaves_no_orphan),
		cmocka_unit_test(what_cannot_be_told_apart_is_not_touched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
