/* SPDX-License-Identifier: MIT */
/*
 * What the tests of recovery share: a journal and a store as an ended run left
 * them, and the next run.
 */
#ifndef PORTER_TEST_RECOVER_RIG_H
#define PORTER_TEST_RECOVER_RIG_H

#include "base/exec.h"
#include "base/pool.h"
#include "base/str.h"
#include "base/timer.h"
#include "fake_clock.h"
#include "fake_store.h"
#include "fault_store.h"
#include "fs/fs.h"
#include "fs/journal.h"
#include "fs/recover.h"
#include "temp_dir.h"
#include "upload.h"
#include "upload_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Not inlined, so that a test's frame stays small with sanitizers too. */
#define rig_fn static __attribute__((noinline, unused))

#define MIB   (UINT64_C(1) << 20)
#define PART  (5 * MIB)
#define NONCE "0123456789abcdef0123456789abcdef"
#define NOW   1795500000

/* Three habits: conditions heeded, ignored, and ignored with RGW's replies. */
static const struct store_limits habits[] = {
	{.profile = "aws",
         .parts_max = 10000,
         .part_min = PART,
         .part_max = 1ull << 32,
         .put_max = 1ull << 32,
         .copy_max = 1ull << 32,
         .object_max = 1ull << 42,
         .meta_max = 2048,
         .put_if_none_match = true,
         .put_if_match = true,
         .complete_conditions = true,
         .complete_gives_etag = true},
	{.profile = "plain",
         .parts_max = 10000,
         .part_min = PART,
         .part_max = 1ull << 32,
         .put_max = 1ull << 32,
         .copy_max = 1ull << 32,
         .object_max = 1ull << 42,
         .meta_max = 2048,
         .complete_gives_etag = true},
	{.profile = "rgw",
         .parts_max = 10000,
         .part_min = PART,
         .part_max = 1ull << 32,
         .put_max = 1ull << 32,
         .copy_max = 1ull << 32,
         .object_max = 1ull << 42,
         .meta_max = 2048,
         .put_if_none_match = true},
};

struct world {
	char *dir;
	char *path;
	struct journal *journal;
	struct fake_clock clock;
	struct timers *timers;
	struct pool *pool;
	struct fake_store *fake;
	struct fault_store *fault;
	struct fs *fs;
	uint64_t id; /* of the upload's record */
	char upload_id[STORE_UPLOAD_ID_MAX];
	char etags[3][STORE_ETAG_MAX];
};

rig_fn void open_journal(struct world *w)
{
	struct journal_config config = {.dir = w->path, .size_max = 16 * MIB};

	assert_int_equal(journal_open(&config, &w->journal, NULL), 0);
}

rig_fn void begin(struct world *w, unsigned habit)
{
	const struct fake_store_config store = {.limits = &habits[habit],
	                                        .clock = &w->clock.clock};

	memset(w, 0, sizeof(*w));
	fake_clock_init(&w->clock);
	fake_clock_set_wall(&w->clock, NOW);
	w->dir = temp_dir_new();
	w->path = str_printf("%s/journal", w->dir);
	open_journal(w);
	assert_int_equal(timers_new_manual(&w->clock.clock, &w->timers), 0);
	assert_int_equal(pool_new(64 * MIB, &w->pool), 0);
	w->fake = fake_store_new(&store);
	w->fault = fault_store_new(fake_store_object_store(w->fake), NULL);
	assert_true(w->fake && w->fault);
}

/* The next run begins. */
rig_fn void start(struct world *w)
{
	const struct fs_bucket_config bucket = {
		.name = "primary",
		.store = fault_store_object_store(w->fault),
		.identity = "here/bucket/",
	};
	const struct fs_config config = {.buckets = &bucket,
	                                 .bucket_count = 1,
	                                 .part_size = PART,
	                                 .seed = 1};
	const struct fs_parts parts = {.clock = &w->clock.clock,
	                               .timers = w->timers,
	                               .pool = w->pool,
	                               .exec = exec_inline(),
	                               .journal = w->journal};

	assert_int_equal(journal_sync(w->journal), 0);
	free(fake_store_take_transcript(w->fake));
	assert_int_equal(fs_new(&config, &parts, &w->fs, NULL), 0);
	fs_recover(w->fs);
}

rig_fn void end(struct world *w)
{
	fs_free(w->fs);
	journal_close(w->journal);
	fault_store_free(w->fault);
	fake_store_free(w->fake);
	pool_free(w->pool);
	timers_free(w->timers);
	temp_dir_free(w->dir);
	free(w->path);
}

rig_fn int ask(struct world *w, struct store_req *req)
{
	return store_call(fake_store_object_store(w->fake), req);
}

/* What the ended run did at the store: an upload of two parts. */
rig_fn void make_upload(struct world *w)
{
	const struct store_meta meta = {"porter-commit", NONCE};
	struct store_req req = {
		.verb = STORE_MPU_CREATE,
		.key = "f",
		.create = {.headers = {.meta = &meta, .meta_count = 1}}};
	uint8_t *bytes = calloc(1, PART);
	const struct slice slice = {bytes, PART};
	const struct slice tail = {bytes, 100};

	assert_non_null(bytes);
	assert_int_equal(ask(w, &req), 0);
	(void)str_copy(w->upload_id, sizeof(w->upload_id),
	               req.create.upload_id);
	for (unsigned n = 1; n <= 2; n++) {
		req = (struct store_req){
			.verb = STORE_MPU_PART,
			.key = "f",
			.part = {.upload_id = w->upload_id,
		                 .number = n,
		                 .body = {n == 1 ? &slice : &tail, 1}}};
		assert_int_equal(ask(w, &req), 0);
		(void)str_copy(w->etags[n], STORE_ETAG_MAX, req.info.etag);
	}
	free(bytes);
}

rig_fn void complete(struct world *w)
{
	struct store_part_info parts[2] = {{.number = 1, .size = PART},
	                                   {.number = 2, .size = 100}};
	struct store_req req = {.verb = STORE_MPU_COMPLETE,
	                        .key = "f",
	                        .complete = {.upload_id = w->upload_id,
	                                     .parts = parts,
	                                     .count = 2}};

	(void)str_copy(parts[0].etag, STORE_ETAG_MAX, w->etags[1]);
	(void)str_copy(parts[1].etag, STORE_ETAG_MAX, w->etags[2]);
	assert_int_equal(ask(w, &req), 0);
}

/* The record it left, and those of its parts. */
rig_fn void make_record(struct world *w, const struct upload_record *given)
{
	struct upload_record record = *given;
	struct store_part_info parts[2] = {{.number = 1, .size = PART},
	                                   {.number = 2, .size = 100}};
	struct str head = {0};
	struct str list = {0};

	w->id = journal_id(w->journal);
	record.bucket = "primary";
	record.identity = record.identity ? record.identity : "here/bucket/";
	record.key = "f";
	record.nonce = NONCE;
	record.upload_id = record.state == UPLOAD_INTENT ? "" : w->upload_id;
	record.began_s = NOW;
	record.parts = record.state == UPLOAD_INTENT ? 0 : 2;
	record.size = record.state == UPLOAD_INTENT ? 0 : PART + 100;
	upload_record_write(&record, &head);
	journal_note(w->journal, JOURNAL_UPLOAD, w->id,
	             (struct slice){(uint8_t *)head.data, head.len});
	if (record.parts > 0) {
		(void)str_copy(parts[0].etag, STORE_ETAG_MAX, w->etags[1]);
		(void)str_copy(parts[1].etag, STORE_ETAG_MAX, w->etags[2]);
		upload_parts_write(parts, 2, &list);
		journal_note(w->journal, JOURNAL_PARTS,
		             upload_parts_id(w->id, 1),
		             (struct slice){(uint8_t *)list.data, list.len});
	}
	str_release(&head);
	str_release(&list);
}

/* "STATE size [whole]: why" of each. */
rig_fn int add_upload(void *ctx, const struct fs_upload *upload)
{
	assert_string_equal(upload->key, "f");
	str_addf(ctx, "%s %llu%s: %s\n", upload->state,
	         (unsigned long long)upload->size,
	         upload->whole ? " whole" : "", upload->why);
	return 0;
}

rig_fn void assert_uploads(struct world *w, const char *expected)
{
	cleanup(str_release) struct str s = {0};

	assert_int_equal(journal_sync(w->journal), 0);
	assert_int_equal(fs_uploads_each(w->journal, add_upload, &s), 0);
	assert_string_equal(str_text(&s), expected);
}

rig_fn int count_one(void *ctx, uint64_t id, struct slice value)
{
	(void)id;
	(void)value;
	(*(unsigned *)ctx)++;
	return 0;
}

/* Nothing is left of it in the journal, parts included. */
rig_fn void assert_forgotten(struct world *w)
{
	unsigned parts = 0;

	assert_uploads(w, "");
	assert_int_equal(
		journal_each(w->journal, JOURNAL_PARTS, count_one, &parts), 0);
	assert_int_equal(parts, 0);
}

rig_fn void assert_transcript(struct world *w, const char *expected)
{
	char *transcript = fake_store_take_transcript(w->fake);

	assert_string_equal(transcript, expected);
	free(transcript);
}

rig_fn void assert_object(struct world *w, uint64_t size)
{
	struct object_info info;

	assert_int_equal(fake_store_stat(w->fake, "f", &info), 0);
	assert_int_equal(info.size, size);
}

#endif
