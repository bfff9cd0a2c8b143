/* SPDX-License-Identifier: MIT */
/* What the tests of uploads share: a fake store, a pool, one upload. */
#ifndef PORTER_TEST_UPLOAD_RIG_H
#define PORTER_TEST_UPLOAD_RIG_H

#include "base/clock.h"
#include "base/exec.h"
#include "base/pool.h"
#include "base/str.h"
#include "fake_store.h"
#include "fault_store.h"
#include "staging.h"
#include "upload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Not inlined, so that a test's frame stays small with sanitizers too. */
#define rig_fn static __attribute__((noinline, unused))

#define MIB (UINT64_C(1) << 20)

struct rig {
	struct fake_store *fake;
	struct fault_store *fault;
	struct object_store *store; /* fault over fake */
	struct pool *pool;
	struct exec *exec; /* owned, or NULL for the inline one */
	struct staging_room staging;
	struct uploads *uploads;
	const char *key;
	const char *mtime; /* NULL = none */
	int describe_status;
	unsigned released;
	unsigned busy;
};

struct rig_config {
	enum fake_mode mode;
	unsigned latency_ms;
	const struct store_limits *limits;
	uint64_t budget;    /* 0 = 64 MiB */
	uint64_t part_size; /* 0 = 5 MiB */
	unsigned inflight;  /* 0 = 4 */
	uint64_t staging;   /* most bytes there; 0 = no limit */
	bool threads;       /* a real executor */
	struct journal *journal;
};

static const struct store_limits rig_limits = {
	.profile = "rig",
	.parts_max = 10000,
	.part_min = 5 << 20,
	.part_max = UINT64_C(5) << 30,
	.put_max = UINT64_C(5) << 30,
	.copy_max = UINT64_C(5) << 30,
	.object_max = UINT64_C(5) << 40,
	.meta_max = 2048,
	.put_if_none_match = true,
	.put_if_match = true,
	.complete_conditions = true,
	.copy_conditions = true,
	.copy_source_match = true,
	.delete_if_match = true,
	.complete_gives_etag = true,
};

rig_fn void rig_busy(void *ctx, bool busy)
{
	struct rig *rig = ctx;

	assert_int_equal(rig->busy, !busy);
	rig->busy = busy;
}

rig_fn void rig_init(struct rig *rig, const struct rig_config *config)
{
	static const struct rig_config preset;
	struct fake_store_config store = {0};
	struct uploads_config uploads = {0};

	if (!config)
		config = &preset;
	memset(rig, 0, sizeof(*rig));
	rig->key = "big";
	store.mode = config->mode;
	store.latency_ms = config->latency_ms;
	store.clock = config->journal ? clock_system() : NULL;
	store.limits = config->limits ? config->limits : &rig_limits;
	rig->fake = fake_store_new(&store);
	assert_non_null(rig->fake);
	rig->fault = fault_store_new(fake_store_object_store(rig->fake), NULL);
	assert_non_null(rig->fault);
	rig->store = fault_store_object_store(rig->fault);
	assert_int_equal(pool_new(config->budget ? config->budget : 64 * MIB,
	                          &rig->pool),
	                 0);
	if (config->threads)
		assert_int_equal(exec_new("work", 1, &rig->exec), 0);
	assert_int_equal(staging_room_init(&rig->staging, NULL, config->staging,
	                                   NULL),
	                 0);
	uploads.pool = rig->pool;
	uploads.staging = &rig->staging;
	uploads.exec = rig->exec ? rig->exec : exec_inline();
	uploads.part_size = config->part_size ? config->part_size : 5 * MIB;
	uploads.max_inflight = config->inflight ? config->inflight : 4;
	uploads.busy = rig_busy;
	uploads.journal = config->journal;
	uploads.clock = clock_system();
	uploads.ctx = rig;
	assert_int_equal(uploads_new(&uploads, &rig->uploads), 0);
}

/* Everything must have ended, and every slab be back (pool_free asserts). */
rig_fn void rig_end(struct rig *rig)
{
	uploads_settle(rig->uploads);
	assert_int_equal(rig->busy, 0);
	exec_free(rig->exec);
	uploads_free(rig->uploads);
	assert_int_equal(metric_get(&rig->staging.used), 0);
	staging_room_release(&rig->staging);
	pool_free(rig->pool);
	fault_store_free(rig->fault);
	fake_store_free(rig->fake);
}

rig_fn int rig_describe(void *owner, const char *nonce, bool stream,
                        struct upload_target *ret)
{
	struct rig *rig = owner;
	struct attr_headers *headers = &ret->headers;
	size_t n = 0;

	(void)stream;

	if (rig->describe_status < 0)
		return rig->describe_status;
	ret->key = strdup(rig->key);
	assert_non_null(ret->key);
	(void)str_copy(headers->text, sizeof(headers->text), nonce);
	headers->meta[n++] =
		(struct store_meta){"porter-commit", headers->text};
	if (rig->mtime)
		headers->meta[n++] = (struct store_meta){"mtime", rig->mtime};
	headers->headers.meta = headers->meta;
	headers->headers.meta_count = n;
	return 0;
}

rig_fn void rig_released(void *owner)
{
	struct rig *rig = owner;

	rig->released++;
}

rig_fn struct upload *rig_upload(struct rig *rig)
{
	struct upload_config config = {
		.uploads = rig->uploads,
		.store = rig->store,
		.bucket = "primary",
		.identity = "here/bucket/",
		.describe = rig_describe,
		.released = rig_released,
		.owner = rig,
		.nonce = "00000000000000000000000000000001",
	};
	struct upload *up = NULL;

	assert_int_equal(upload_new(&config, &up), 0);
	return up;
}

/* The byte at an offset of every test file. */
rig_fn uint8_t rig_byte(uint64_t offset)
{
	return (uint8_t)(offset * 7 + (offset >> 13) * 31 + (offset >> 20));
}

struct rig_write {
	struct upload_write write;
	atomic_bool done;
	uint8_t *data;
};

rig_fn void rig_write_done(struct upload_write *write)
{
	struct rig_write *w = (struct rig_write *)write;

	atomic_store(&w->done, true);
}

/* Begin to append size bytes, whose first is that of offset. */
rig_fn void rig_append_start(struct upload *up, struct rig_write *w,
                             uint64_t offset, size_t size)
{
	w->data = malloc(size ? size : 1);
	assert_non_null(w->data);
	for (size_t i = 0; i < size; i++)
		w->data[i] = rig_byte(offset + i);
	atomic_store(&w->done, false);
	atomic_init(&w->write.hold, 0);
	w->write.data = (struct slice){w->data, size};
	w->write.done = rig_write_done;
	upload_append(up, &w->write);
}

/* Append from offset on in writes of 1 MiB; each must be done at once. */
rig_fn int rig_append(struct upload *up, uint64_t offset, uint64_t size)
{
	while (size > 0) {
		struct rig_write w;
		size_t n = size < MIB ? (size_t)size : (size_t)MIB;

		rig_append_start(up, &w, offset, n);
		assert_true(w.done);
		free(w.data);
		if (w.write.status < 0)
			return w.write.status;
		offset += n;
		size -= n;
	}
	return 0;
}

struct rig_finish {
	struct upload_finish finish;
	atomic_bool done;
};

rig_fn void rig_finish_done(struct upload_finish *finish)
{
	struct rig_finish *f = (struct rig_finish *)finish;

	atomic_store(&f->done, true);
}

rig_fn void rig_finish_start(struct upload *up, struct rig_finish *f)
{
	f->finish.done = rig_finish_done;
	atomic_store(&f->done, false);
	upload_finish(up, &f->finish);
}

/* The object must hold size of the test file's bytes. */
rig_fn void rig_check(struct rig *rig, const char *key, uint64_t size)
{
	struct str bytes = {0};

	assert_int_equal(fake_store_get(rig->fake, key, &bytes), 0);
	assert_int_equal(bytes.len, size);
	for (uint64_t i = 0; i < size; i++) {
		if ((uint8_t)bytes.data[i] != rig_byte(i))
			fail_msg("byte %llu differs", (unsigned long long)i);
	}
	str_release(&bytes);
}

/* Compare the transcript with text, and start a fresh page. */
rig_fn void rig_transcript(struct rig *rig, const char *text)
{
	char *transcript = fake_store_take_transcript(rig->fake);

	assert_string_equal(transcript, text);
	free(transcript);
}

/* Store an object of the test file's bytes from offset 0 on. */
rig_fn void rig_store_object(struct rig *rig, const char *key, uint64_t size,
                             struct object_info *ret)
{
	uint8_t *data = malloc(size);

	assert_non_null(data);
	for (uint64_t i = 0; i < size; i++)
		data[i] = rig_byte(i);
	assert_int_equal(fake_store_put(rig->fake, key, data, size, NULL), 0);
	free(data);
	assert_int_equal(fake_store_stat(rig->fake, key, ret), 0);
}

/* Compare the transcript with text, in which @ is an ETag. */
rig_fn void rig_transcript_of(struct rig *rig, const char *text,
                              const char *etag)
{
	struct str s = {0};

	for (; *text; text++) {
		if (*text == '@')
			str_add(&s, etag);
		else
			str_add_char(&s, *text);
	}
	rig_transcript(rig, str_text(&s));
	str_release(&s);
}

#endif
