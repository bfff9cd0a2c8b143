/* SPDX-License-Identifier: MIT */
/* Reading stored objects: what is asked of the store, and what comes back. */
#include "fake_store.h"
#include "fault_store.h"
#include "reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)

struct rig {
	struct fake_store *fake;
	struct fault_store *fault;
	struct pool *pool;
	struct block_cache *cache;
	struct stored *stored;
	struct reader reader;
	struct object_info info;
	uint64_t size;
};

static uint8_t byte_at(uint64_t offset)
{
	return (uint8_t)(offset * 11 + (offset >> 12) * 5 + (offset >> 19));
}

static void put_object(struct rig *rig, uint64_t size)
{
	uint8_t *data = malloc(size ? size : 1);

	assert_non_null(data);
	for (uint64_t i = 0; i < size; i++)
		data[i] = byte_at(i);
	assert_int_equal(fake_store_put(rig->fake, "f", data, size, NULL), 0);
	free(data);
	rig->size = size;
}

static void rig_init(struct rig *rig, enum fake_mode mode, uint64_t size,
                     uint64_t budget, uint64_t window_max)
{
	struct fake_store_config config = {.mode = mode};

	memset(rig, 0, sizeof(*rig));
	rig->fake = fake_store_new(&config);
	assert_non_null(rig->fake);
	rig->fault = fault_store_new(fake_store_object_store(rig->fake), NULL);
	assert_non_null(rig->fault);
	put_object(rig, size);
	assert_int_equal(fake_store_stat(rig->fake, "f", &rig->info), 0);
	assert_int_equal(pool_new(budget, &rig->pool), 0);
	assert_int_equal(block_cache_new(rig->pool, &rig->cache), 0);
	rig->stored =
		stored_new(rig->cache, fault_store_object_store(rig->fault),
	                   "f", rig->info.etag, size);
	assert_non_null(rig->stored);
	stored_begin(rig->stored);
	reader_init(&rig->reader, window_max);
}

static void rig_end(struct rig *rig)
{
	stored_end(rig->stored);
	(void)fault_store_release(rig->fault, -EIO);
	(void)fake_store_run(rig->fake);
	stored_unref(rig->stored);
	reader_release(&rig->reader);
	block_cache_free(rig->cache);
	pool_free(rig->pool);
	fault_store_free(rig->fault);
	fake_store_free(rig->fake);
}

struct rig_read {
	struct reader_read read;
	bool done;
	uint64_t got; /* bytes, all checked */
};

static void read_done(struct reader_read *read)
{
	struct rig_read *r = (struct rig_read *)read;
	uint64_t at = read->offset;

	assert_false(r->done);
	for (size_t i = 0; read->status == 0 && i < read->data.count; i++) {
		for (size_t j = 0; j < read->data.slices[i].len; j++, at++)
			if (read->data.slices[i].data[j] != byte_at(at))
				fail_msg("byte %llu differs",
				         (unsigned long long)at);
	}
	r->got = at - read->offset;
	r->done = true;
}

static void start(struct rig *rig, struct rig_read *r, uint64_t offset,
                  size_t size)
{
	memset(r, 0, sizeof(*r));
	r->read.offset = offset;
	r->read.size = size;
	r->read.done = read_done;
	reader_read(&rig->reader, rig->stored, &r->read);
}

/* A read that must be answered at once; returns its status or bytes. */
static int64_t read_now(struct rig *rig, uint64_t offset, size_t size)
{
	struct rig_read r;

	start(rig, &r, offset, size);
	assert_true(r.done);
	return r.read.status < 0 ? r.read.status : (int64_t)r.got;
}

/* The transcript so far, without If-Match, which every line must have. */
static void transcript(struct rig *rig, const char *expected)
{
	char *text = fake_store_take_transcript(rig->fake);
	char want[STORE_ETAG_MAX + 16];
	char *at;

	(void)snprintf(want, sizeof(want), " if-match=%s", rig->info.etag);
	for (char *line = text; *line; line = strchr(line, '\n') + 1) {
		at = strstr(line, want);
		assert_non_null(at);
		memmove(at, at + strlen(want), strlen(at + strlen(want)) + 1);
	}
	assert_string_equal(text, expected);
	free(text);
}

static void a_small_file_is_one_get(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, FAKE_INLINE, 5000, 16 * MIB, 64 * MIB);
	assert_int_equal(read_now(&rig, 0, 128 * KIB), 5000);
	transcript(&rig, "GET f 0-4999\n");
	assert_int_equal(read_now(&rig, 5000, 128 * KIB), 0);
	assert_int_equal(read_now(&rig, 9000, 10), 0);
	assert_int_equal(read_now(&rig, 0, 0), 0);
	transcript(&rig, "");
	rig_end(&rig);
}

static void random_reads_are_one_exact_get_each(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, FAKE_INLINE, 8 * MIB, 16 * MIB, 64 * MIB);
	assert_int_equal(read_now(&rig, 3 * MIB + 70 * KIB, 4096), 4096);
	transcript(&rig, "GET f 3145728-3276799\n");
	assert_int_equal(read_now(&rig, 6 * MIB - 10, 20), 20);
	transcript(&rig, "GET f 6160384-6422527\n");
	/* What is there is not fetched again. */
	assert_int_equal(read_now(&rig, 3 * MIB, 128 * KIB), 128 * KIB);
	transcript(&rig, "");
	rig_end(&rig);
}

static void a_sequential_reader_is_ahead_of_its_reads(void **state)
{
	struct fake_stats stats;
	struct rig rig;

	(void)state;
	rig_init(&rig, FAKE_INLINE, 40 * MIB + 5, 64 * MIB, 16 * MIB);
	for (uint64_t at = 0; at < rig.size; at += 128 * KIB) {
		uint64_t left = rig.size - at;
		uint64_t want = left < 128 * KIB ? left : 128 * KIB;

		assert_int_equal(read_now(&rig, at, 128 * KIB), want);
	}
	fake_store_get_stats(rig.fake, &stats);
	assert_int_equal(stats.bytes_out, rig.size); /* no byte twice */
	assert_true(stats.requests[STORE_GET] < 35);
	rig_end(&rig);
}

static void blocks_behind_a_run_are_given_back(void **state)
{
	struct pool_stats stats;
	struct rig rig;

	(void)state;
	rig_init(&rig, FAKE_INLINE, 32 * MIB, 64 * MIB, 4 * MIB);
	for (uint64_t at = 0; at < 24 * MIB; at += MIB)
		assert_int_equal(read_now(&rig, at, MIB), MIB);
	pool_get_stats(rig.pool, &stats);
	assert_int_equal(stats.held[POOL_READ], 0);
	assert_true(stats.held[POOL_PREFETCH] <= 4 * MIB);
	assert_true(stats.peak <= 7 * MIB);
	rig_end(&rig);
}

static void several_gets_are_in_flight_at_once(void **state)
{
	struct rig_read *reads = calloc(64, sizeof(*reads));
	struct rig rig;
	size_t most = 0;

	(void)state;
	rig_init(&rig, FAKE_QUEUE, 64 * MIB, 128 * MIB, 32 * MIB);
	for (unsigned i = 0; i < 64; i++) {
		start(&rig, &reads[i], i * MIB, MIB);
		while (!reads[i].done)
			assert_int_equal(fake_store_run_one(rig.fake), 1);
		assert_int_equal(reads[i].got, MIB);
		if (fake_store_waiting(rig.fake) > most)
			most = fake_store_waiting(rig.fake);
	}
	assert_true(most >= 4);
	rig_end(&rig);
	free(reads);
}

static void readers_of_one_range_share_one_get(void **state)
{
	struct rig_read a;
	struct rig_read b;
	struct rig_read c;
	struct rig rig;

	(void)state;
	rig_init(&rig, FAKE_QUEUE, 8 * MIB, 16 * MIB, 0);
	start(&rig, &a, 4 * MIB, 128 * KIB);
	start(&rig, &b, 4 * MIB, 128 * KIB);
	start(&rig, &c, 4 * MIB + 100 * KIB, 100 * KIB);
	assert_int_equal(fake_store_run_one(rig.fake), 1);
	assert_true(a.done && b.done && !c.done);
	assert_int_equal(fake_store_run(rig.fake), 1);
	assert_int_equal(c.got, 100 * KIB);
	transcript(&rig, "GET f 4194304-4325375\nGET f 4325376-4456447\n");
	rig_end(&rig);
}

/* Bytes that had come when the answer was given; see the next test. */
static uint64_t watched_at;

static void note_progress(struct reader_read *read)
{
	struct flight *flight =
		list_first(&read->pins.stored->flights, struct flight, link);

	watched_at = flight ? flight->received : UINT64_MAX;
	read_done(read);
}

static void a_read_is_answered_before_its_get_ends(void **state)
{
	struct rig_read r = {0};
	struct rig rig;

	(void)state;
	rig_init(&rig, FAKE_QUEUE, 8 * MIB, 16 * MIB, 8 * MIB);
	/* The first GET is for more than the read. */
	r.read.offset = 0;
	r.read.size = 4096;
	r.read.done = note_progress;
	reader_read(&rig.reader, rig.stored, &r.read);
	assert_int_equal(fake_store_run_one(rig.fake), 1);
	assert_true(r.done);
	assert_true(watched_at >= 4096 && watched_at <= 128 * KIB);
	rig_end(&rig);
}

static void another_version_is_estale_and_never_a_mixture(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, FAKE_INLINE, 8 * MIB, 16 * MIB, 0);
	assert_int_equal(read_now(&rig, 0, 4096), 4096);
	fake_store_put_text(rig.fake, "f", "new");
	assert_int_equal(read_now(&rig, 0, 4096), 4096); /* is there */
	assert_int_equal(read_now(&rig, 4 * MIB, 4096), -ESTALE);
	fake_store_delete(rig.fake, "f");
	assert_int_equal(read_now(&rig, 5 * MIB, 4096), -ESTALE);
	rig_end(&rig);
}

static void a_cut_get_keeps_whole_blocks_and_fails_the_rest(void **state)
{
	const struct fault_rule rule = {.action = FAULT_CUT,
	                                .nth = 1,
	                                .code = -EIO,
	                                .bytes = 100 * KIB};
	struct rig rig;

	(void)state;
	rig_init(&rig, FAKE_INLINE, 8 * MIB, 16 * MIB, 0);
	assert_int_equal(fault_store_add(rig.fault, &rule), 0);
	assert_int_equal(read_now(&rig, 0, 128 * KIB), -EIO);
	assert_int_equal(read_now(&rig, 0, 64 * KIB), 64 * KIB);
	assert_int_equal(read_now(&rig, 0, 128 * KIB), 128 * KIB);
	rig_end(&rig);
}

static void a_failed_get_fails_its_reads_only(void **state)
{
	static const int codes[] = {-EIO, -EACCES, -ETIMEDOUT};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		const struct fault_rule rule = {.nth = 1, .code = codes[i]};
		struct rig rig;

		rig_init(&rig, FAKE_INLINE, 8 * MIB, 16 * MIB, 0);
		assert_int_equal(fault_store_add(rig.fault, &rule), 0);
		assert_int_equal(read_now(&rig, 0, 4096), codes[i]);
		assert_int_equal(read_now(&rig, 0, 4096), 4096);
		rig_end(&rig);
	}
}

static void a_short_reply_is_an_error(void **state)
{
	const struct fault_rule rule = {
		.action = FAULT_CUT, .nth = 1, .code = -EIO, .bytes = 0};
	struct rig rig;

	(void)state;
	rig_init(&rig, FAKE_INLINE, MIB, 16 * MIB, 0);
	assert_int_equal(fault_store_add(rig.fault, &rule), 0);
	assert_int_equal(read_now(&rig, 0, MIB), -EIO);
	rig_end(&rig);
}

static void a_seek_cancels_what_was_fetched_ahead(void **state)
{
	struct rig_read r;
	struct rig_read s;
	struct pool_stats stats;
	struct rig rig;

	(void)state;
	rig_init(&rig, FAKE_QUEUE, 64 * MIB, 64 * MIB, 16 * MIB);
	start(&rig, &r, 0, MIB);
	assert_int_equal(fake_store_waiting(rig.fake), 3);
	assert_int_equal(fake_store_run_one(rig.fake), 1);
	assert_true(r.done);
	start(&rig, &s, 32 * MIB, 4096);
	fake_store_run(rig.fake);
	assert_true(s.done);
	assert_int_equal(s.got, 4096);
	pool_get_stats(rig.pool, &stats);
	assert_int_equal(stats.held[POOL_PREFETCH], 0);
	rig_end(&rig);
}

static void a_read_into_a_cancelled_get_begins_another(void **state)
{
	struct rig_read r;
	struct rig_read s;
	struct rig_read t;
	struct rig rig;

	(void)state;
	rig_init(&rig, FAKE_QUEUE, 64 * MIB, 64 * MIB, 16 * MIB);
	start(&rig, &r, 0, MIB);
	assert_int_equal(fake_store_run_one(rig.fake), 1);
	start(&rig, &s, 32 * MIB, 4096);
	start(&rig, &t, MIB, 4096);
	fake_store_run(rig.fake);
	assert_true(t.done);
	assert_int_equal(t.read.status, 0);
	assert_int_equal(t.got, 4096);
	rig_end(&rig);
}

static void without_a_reader_everything_is_cancelled(void **state)
{
	struct rig_read r;
	struct rig rig;

	(void)state;
	rig_init(&rig, FAKE_QUEUE, 64 * MIB, 64 * MIB, 16 * MIB);
	start(&rig, &r, 0, MIB);
	stored_end(rig.stored);
	fake_store_run(rig.fake);
	assert_true(r.done);
	assert_int_equal(r.read.status, -EINTR);
	stored_begin(rig.stored);
	rig_end(&rig);
}

static void clean_blocks_make_room_for_others(void **state)
{
	struct pool_stats stats;
	struct rig rig;
	uint8_t *slabs[64];

	(void)state;
	rig_init(&rig, FAKE_INLINE, 32 * MIB, 8 * MIB, 0);
	for (uint64_t at = 0; at < 32 * MIB; at += 2 * MIB)
		assert_int_equal(read_now(&rig, at, MIB), MIB);
	pool_get_stats(rig.pool, &stats);
	assert_int_equal(stats.held[POOL_READ], 8 * MIB);
	assert_int_equal(stats.waits, 0);

	struct pool_wait wait = {
		.class = POOL_WRITE, .count = 64, .slabs = slabs};

	assert_true(pool_take(rig.pool, &wait));
	pool_give(rig.pool, POOL_WRITE, slabs, 64);
	rig_end(&rig);
}

static void reads_wait_for_memory_and_get_it(void **state)
{
	struct rig_read r;
	struct rig rig;
	uint8_t *writing[96];
	uint8_t *reading[20];

	(void)state;
	rig_init(&rig, FAKE_QUEUE, 32 * MIB, 8 * MIB, 0);
	assert_true(pool_try(rig.pool, POOL_WRITE, writing, 96));
	assert_true(pool_try(rig.pool, POOL_READ, reading, 20));
	start(&rig, &r, 0, MIB);
	assert_false(r.done);
	assert_int_equal(fake_store_waiting(rig.fake), 0);
	pool_give(rig.pool, POOL_READ, reading, 20);
	assert_int_equal(fake_store_run(rig.fake), 1);
	assert_true(r.done);
	assert_int_equal(r.got, MIB);
	pool_give(rig.pool, POOL_WRITE, writing, 96);
	rig_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_small_file_is_one_get),
		cmocka_unit_test(random_reads_are_one_exact_get_each),
		cmocka_unit_test(a_sequential_reader_is_ahead_of_its_reads),
		cmocka_unit_test(blocks_behind_a_run_are_given_back),
		cmocka_unit_test(several_gets_are_in_flight_at_once),
		cmocka_unit_test(readers_of_one_range_share_one_get),
		cmocka_unit_test(a_read_is_answered_before_its_get_ends),
		cmocka_unit_test(another_version_is_estale_and_never_a_mixture),
		cmocka_unit_test(
			a_cut_get_keeps_whole_blocks_and_fails_the_rest),
		cmocka_unit_test(a_failed_get_fails_its_reads_only),
		cmocka_unit_test(a_short_reply_is_an_error),
		cmocka_unit_test(a_seek_cancels_what_was_fetched_ahead),
		cmocka_unit_test(a_read_into_a_cancelled_get_begins_another),
		cmocka_unit_test(without_a_reader_everything_is_cancelled),
		cmocka_unit_test(clean_blocks_make_room_for_others),
		cmocka_unit_test(reads_wait_for_memory_and_get_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
