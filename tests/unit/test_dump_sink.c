/* SPDX-License-Identifier: MIT */
/* Where dumps go: objects whole or not at all, whatever the store does. */
#include "base/digest.h"
#include "base/json.h"
#include "base/str.h"
#include "dumper/sink.h"
#include "fake_store.h"
#include "fault_store.h"
#include "outlet.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define MIB ((size_t)1 << 20)

/* Bytes that are no period of anything. */
static void fill(uint8_t *data, size_t len, uint32_t seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * 1664525 + 1013904223;
		data[i] = (uint8_t)(seed >> 24);
	}
}

static struct dump_sink *sink_on(struct object_store *store)
{
	const struct dump_store_config config = {.store = store,
	                                         .key = "db/x.sql",
	                                         .content_type =
	                                                 "application/sql",
	                                         .expires = "1700000000",
	                                         .part_size = 5 * MIB,
	                                         .in_flight = 2};
	struct dump_sink *sink = NULL;

	assert_int_equal(dump_sink_store(&config, &sink, NULL), 0);
	return sink;
}

/* Write len bytes in writes of step, then finish or else abort. */
static int send_all(struct dump_sink *sink, const uint8_t *data, size_t len,
                    size_t step, struct err *reterr)
{
	int r = 0;

	for (size_t at = 0; at < len && r == 0; at += step)
		r = sink->ops->write(sink, data + at,
		                     len - at < step ? len - at : step, reterr);
	if (r == 0)
		r = sink->ops->finish(sink, reterr);
	if (r < 0)
		sink->ops->abort(sink);
	dump_sink_free(sink);
	return r;
}

static void assert_object(struct fake_store *fake, const uint8_t *data,
                          size_t len)
{
	cleanup(str_release) struct str got = {0};

	assert_int_equal(fake_store_get(fake, "db/x.sql", &got), 0);
	assert_int_equal(got.len, len);
	if (len > 0)
		assert_memory_equal(got.data, data, len);
}

static void a_small_dump_is_one_put_with_its_stamp(void **state)
{
	(void)state;
	cleanup(fake_store_freep) struct fake_store *fake =
		fake_store_new(NULL);
	cleanup(freep) char *transcript = NULL;
	cleanup(freep) char *expires = NULL;
	cleanup(freep) char *type = NULL;
	const uint8_t text[] = "-- a dump\n";

	assert_int_equal(send_all(sink_on(fake_store_object_store(fake)), text,
	                          10, 3, NULL),
	                 0);
	transcript = fake_store_transcript(fake);
	assert_string_equal(transcript, "PUT db/x.sql 10\nHEAD db/x.sql\n");
	assert_object(fake, text, 10);
	expires = fake_store_header(fake, "db/x.sql", "porter-expires");
	assert_string_equal(expires, "1700000000");
	type = fake_store_header(fake, "db/x.sql", "content-type");
	assert_string_equal(type, "application/sql");
}

static void a_dump_of_just_one_part_is_one_put(void **state)
{
	(void)state;
	cleanup(fake_store_freep) struct fake_store *fake =
		fake_store_new(NULL);
	cleanup(freep) uint8_t *data = malloc(5 * MIB);
	cleanup(freep) char *transcript = NULL;

	fill(data, 5 * MIB, 1);
	assert_int_equal(send_all(sink_on(fake_store_object_store(fake)), data,
	                          5 * MIB, MIB, NULL),
	                 0);
	transcript = fake_store_transcript(fake);
	assert_string_equal(transcript,
	                    "PUT db/x.sql 5242880\nHEAD db/x.sql\n");
}

static void a_large_dump_is_one_upload_of_equal_parts(void **state)
{
	(void)state;
	const size_t len = 12 * MIB + 7;
	cleanup(fake_store_freep) struct fake_store *fake =
		fake_store_new(NULL);
	cleanup(freep) uint8_t *data = malloc(len);
	cleanup(freep) char *transcript = NULL;

	fill(data, len, 2);
	assert_int_equal(send_all(sink_on(fake_store_object_store(fake)), data,
	                          len, 700001, NULL),
	                 0);
	transcript = fake_store_transcript(fake);
	assert_string_equal(transcript, "MPU_CREATE db/x.sql\n"
	                                "MPU_PART db/x.sql 1 5242880\n"
	                                "MPU_PART db/x.sql 2 5242880\n"
	                                "MPU_PART db/x.sql 3 2097159\n"
	                                "MPU_COMPLETE db/x.sql 3 parts\n"
	                                "HEAD db/x.sql\n");
	assert_object(fake, data, len);
}

static void parts_that_come_late_keep_their_places(void **state)
{
	(void)state;
	const struct fake_store_config config = {.mode = FAKE_THREAD,
	                                         .latency_ms = 3};
	const size_t len = 41 * MIB;
	cleanup(fake_store_freep) struct fake_store *fake =
		fake_store_new(&config);
	cleanup(freep) uint8_t *data = malloc(len);
	struct fake_stats stats;

	fill(data, len, 3);
	assert_int_equal(send_all(sink_on(fake_store_object_store(fake)), data,
	                          len, 3 * MIB, NULL),
	                 0);
	assert_object(fake, data, len);
	fake_store_get_stats(fake, &stats);
	/* Two on their way while one is filled: memory has its bound. */
	assert_true(stats.waiting_peak <= 3);
}

static void an_aborted_dump_leaves_nothing(void **state)
{
	(void)state;
	cleanup(fake_store_freep) struct fake_store *fake =
		fake_store_new(NULL);
	cleanup(freep) uint8_t *data = malloc(11 * MIB);
	struct dump_sink *sink = sink_on(fake_store_object_store(fake));

	fill(data, 11 * MIB, 4);
	assert_int_equal(sink->ops->write(sink, data, 11 * MIB, NULL), 0);
	assert_int_equal(fake_store_open_uploads(fake), 1);
	sink->ops->abort(sink);
	dump_sink_free(sink);
	assert_int_equal(fake_store_open_uploads(fake), 0);
	assert_int_equal(fake_store_count(fake), 0);
}

static void every_request_can_fail(void **state)
{
	(void)state;
	const size_t len = 12 * MIB;
	cleanup(freep) uint8_t *data = malloc(len);
	unsigned n = 1;

	fill(data, len, 5);
	for (;; n++) {
		cleanup(fake_store_freep) struct fake_store *fake =
			fake_store_new(NULL);
		struct fault_store *fault =
			fault_store_new(fake_store_object_store(fake), NULL);
		const struct fault_rule rule = {
			.action = FAULT_FAIL, .nth = n, .code = -EACCES};
		struct err err = {0};
		int r;

		fault_store_add(fault, &rule);
		r = send_all(sink_on(fault_store_object_store(fault)), data,
		             len, MIB, &err);
		bool fired = fault_store_fired(fault) > 0;

		fault_store_free(fault);
		if (!fired) {
			assert_int_equal(r, 0);
			break;
		}
		assert_int_equal(r, -EACCES);
		assert_true(err.text[0] != '\0');
		assert_int_equal(fake_store_open_uploads(fake), 0);
		/* The HEAD comes last: then the object is there. */
		if (n < 6)
			assert_int_equal(fake_store_count(fake), 0);
	}
	assert_int_equal(n, 7);
}

static void a_lost_answer_to_complete_is_looked_up(void **state)
{
	(void)state;
	const struct fault_rule rule = {.action = FAULT_LOSE_REPLY,
	                                .verbs = FAULT_VERB(STORE_MPU_COMPLETE),
	                                .nth = 1};
	cleanup(fake_store_freep) struct fake_store *fake =
		fake_store_new(NULL);
	cleanup(freep) uint8_t *data = malloc(6 * MIB);
	struct fault_store *fault =
		fault_store_new(fake_store_object_store(fake), NULL);

	fill(data, 6 * MIB, 6);
	fault_store_add(fault, &rule);
	assert_int_equal(send_all(sink_on(fault_store_object_store(fault)),
	                          data, 6 * MIB, MIB, NULL),
	                 0);
	assert_int_equal(fault_store_fired(fault), 1);
	assert_object(fake, data, 6 * MIB);
	fault_store_free(fault);
}

static void files_appear_when_they_are_whole(void **state)
{
	(void)state;
	char dir[] = "/tmp/porterfs-sink.XXXXXX";
	cleanup(freep) char *path = NULL;
	struct dump_sink *sink = NULL;
	struct stat st;

	assert_non_null(mkdtemp(dir));
	path = str_printf("%s/x.sql", dir);
	assert_int_equal(dump_sink_file(path, &sink, NULL), 0);
	assert_int_equal(sink->ops->write(sink, "abc", 3, NULL), 0);
	assert_int_equal(stat(path, &st), -1);
	assert_int_equal(sink->ops->finish(sink, NULL), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 3);
	assert_int_equal(st.st_mode & 0777, 0600);
	dump_sink_free(sink);
	assert_int_equal(unlink(path), 0);

	assert_int_equal(dump_sink_file(path, &sink, NULL), 0);
	sink->ops->abort(sink);
	dump_sink_free(sink);
	assert_int_equal(rmdir(dir), 0); /* nothing is in it */
}

/* ---- the outlet ---- */

/* Members of a line that a test looks at. */
static uint64_t number(const char *line, size_t len, const char *name)
{
	cleanup(jval_freep) struct jval *v = NULL;
	uint64_t value = UINT64_MAX;

	assert_int_equal(jval_parse(line, len, &v, NULL), 0);
	(void)jval_get_u64(v, name, &value);
	return value;
}

static struct dump_sink *memory_sink(struct fake_store *fake, const char *key)
{
	const struct dump_store_config config = {
		.store = fake_store_object_store(fake), .key = key};
	struct dump_sink *sink = NULL;

	assert_int_equal(dump_sink_store(&config, &sink, NULL), 0);
	return sink;
}

struct crew {
	struct outlet *outlet;
	unsigned number;
};

/* Writes blocks of lines that say whose they are. */
static void *write_lines(void *arg)
{
	struct crew *crew = arg;
	struct outlet_writer *writer = NULL;
	char table[8];

	(void)snprintf(table, sizeof(table), "t%u", crew->number);
	const struct outlet_label label = {
		.part = "rows", .db = "d", .table = table};

	if (outlet_writer_new(crew->outlet, &writer) < 0)
		return arg;
	(void)outlet_label(writer, &label);
	for (unsigned i = 0; i < 200; i++) {
		str_addf(outlet_text(writer), "%s begin %u\n", table, i);
		if (i % 3 == 0)
			(void)outlet_hold(writer);
		str_addf(outlet_text(writer), "%s end %u\n", table, i);
		outlet_rows(writer, 2, NULL, NULL);
		(void)outlet_flush(writer);
	}
	outlet_writer_free(writer);
	return NULL;
}

/* Every "begin" is followed by its own "end". */
static void assert_whole_blocks(const char *text)
{
	while (*text) {
		const char *end = strchr(text, '\n');
		cleanup(freep) char *line = strndup(text, (size_t)(end - text));
		char *word = strstr(line, "begin");
		cleanup(freep) char *wanted = NULL;

		assert_non_null(word);
		*word = '\0';
		wanted = str_printf("%send%s\n", line, word + 5);
		assert_true(str_starts(end + 1, wanted));
		text = end + 1 + strlen(wanted);
	}
}

static void many_writers_never_mix_their_blocks(void **state)
{
	(void)state;
	cleanup(fake_store_freep) struct fake_store *fake =
		fake_store_new(NULL);
	cleanup(outlet_freep) struct outlet *outlet = NULL;
	cleanup(str_release) struct str got = {0};
	struct dump_sink *sink = memory_sink(fake, "x.sql");
	struct outlet_config config = {.sink = sink};
	struct crew crews[4];
	pthread_t threads[4];
	bool indexed = false;

	assert_int_equal(outlet_new(&config, &outlet), 0);
	for (unsigned i = 0; i < 4; i++) {
		crews[i] = (struct crew){outlet, i};
		assert_int_equal(pthread_create(&threads[i], NULL, write_lines,
		                                &crews[i]),
		                 0);
	}
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(outlet_finish(outlet, &indexed, NULL), 0);
	dump_sink_free(sink);
	assert_int_equal(fake_store_get(fake, "x.sql", &got), 0);
	assert_whole_blocks(str_text(&got));
}

/* A block cut out by its line of the index, as text. */
static void unpack(const struct str *object, const char *line, size_t len,
                   struct str *ret)
{
	cleanup(codec_freep) struct codec *codec = NULL;
	uint64_t offset = number(line, len, "offset");
	uint64_t plain = number(line, len, "plain");
	struct codec_io io = {.in = (const uint8_t *)object->data + offset,
	                      .in_len = number(line, len, "length")};

	assert_true(offset + io.in_len <= object->len);
	assert_int_equal(codec_decoder_new(CODEC_ZSTD, &codec), 0);
	assert_int_equal(str_reserve(ret, plain + 1), 0);
	io.out = (uint8_t *)ret->data + ret->len;
	io.out_len = plain + 1;
	assert_int_equal(codec_step(codec, &io, false), 1);
	ret->len += plain + 1 - io.out_len;
	ret->data[ret->len] = '\0';
}

static void the_index_finds_every_block(void **state)
{
	(void)state;
	cleanup(fake_store_freep) struct fake_store *fake =
		fake_store_new(NULL);
	cleanup(outlet_freep) struct outlet *outlet = NULL;
	cleanup(str_release) struct str object = {0};
	cleanup(str_release) struct str index = {0};
	cleanup(str_release) struct str all = {0};
	struct dump_sink *sink = memory_sink(fake, "x.sql.zst");
	struct dump_sink *beside = memory_sink(fake, "x.sql.zst.idx");
	struct outlet_config config = {
		.sink = sink, .index = beside, .codec = CODEC_ZSTD};
	struct outlet_writer *writer = NULL;
	bool indexed = false;
	size_t blocks = 0;

	assert_int_equal(outlet_new(&config, &outlet), 0);
	assert_int_equal(outlet_writer_new(outlet, &writer), 0);
	for (unsigned i = 0; i < 5; i++) {
		const struct outlet_label label = {
			.part = "rows", .db = "na`me\n", .table = "é"};

		assert_int_equal(outlet_label(writer, &label), 0);
		for (unsigned j = 0; j < 1000 * i; j++)
			str_addf(outlet_text(writer), "(%u,%u)\n", i, j);
		outlet_rows(writer, 1000 * i, "1,'a'", "2,'\"'");
	}
	assert_int_equal(outlet_flush(writer), 0);
	outlet_writer_free(writer);
	assert_int_equal(outlet_finish(outlet, &indexed, NULL), 0);
	assert_true(indexed);
	dump_sink_free(sink);
	dump_sink_free(beside);

	assert_int_equal(fake_store_get(fake, "x.sql.zst", &object), 0);
	assert_int_equal(fake_store_get(fake, "x.sql.zst.idx", &index), 0);
	for (const char *at = index.data; *at;) {
		const char *end = strchr(at, '\n');
		size_t len = (size_t)(end - at);

		if (number(at, len, "offset") != UINT64_MAX) {
			unpack(&object, at, len, &all);
			blocks++;
		} else if (number(at, len, "blocks") != UINT64_MAX) {
			assert_int_equal(number(at, len, "blocks"), blocks);
			assert_int_equal(number(at, len, "bytes"), object.len);
			assert_int_equal(number(at, len, "plain"), all.len);
		}
		at = end + 1;
	}
	assert_int_equal(blocks, 4); /* the first had no text */
	assert_true(str_starts(all.data, "(1,0)\n"));
	assert_true(str_ends(all.data, "(4,3999)\n"));
}

static void a_failure_stays_and_is_everybodys(void **state)
{
	(void)state;
	cleanup(outlet_freep) struct outlet *outlet = NULL;
	struct dump_sink *sink = NULL;
	struct outlet_config config = {0};
	struct outlet_writer *writer = NULL;
	const struct err first = {.text = "the first"};
	const struct err second = {.text = "the second"};
	const struct outlet_label label = {.part = "rows"};
	struct err err = {0};
	bool indexed;

	assert_int_equal(dump_sink_null(&sink), 0);
	config.sink = sink;
	assert_int_equal(outlet_new(&config, &outlet), 0);
	assert_int_equal(outlet_writer_new(outlet, &writer), 0);
	assert_int_equal(outlet_label(writer, &label), 0);
	assert_int_equal(outlet_fail(outlet, -ESTALE, &first), -ESTALE);
	assert_int_equal(outlet_fail(outlet, -EIO, &second), -ESTALE);
	str_add(outlet_text(writer), "x");
	assert_int_equal(outlet_flush(writer), -ESTALE);
	outlet_writer_free(writer);
	assert_int_equal(outlet_finish(outlet, &indexed, &err), -ESTALE);
	assert_string_equal(err.text, "the first");
	dump_sink_free(sink);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_small_dump_is_one_put_with_its_stamp),
		cmocka_unit_test(a_dump_of_just_one_part_is_one_put),
		cmocka_unit_test(a_large_dump_is_one_upload_of_equal_parts),
		cmocka_unit_test(parts_that_come_late_keep_their_places),
		cmocka_unit_test(an_aborted_dump_leaves_nothing),
		cmocka_unit_test(every_request_can_fail),
		cmocka_unit_test(a_lost_answer_to_complete_is_looked_up),
		cmocka_unit_test(files_appear_when_they_are_whole),
		cmocka_unit_test(many_writers_never_mix_their_blocks),
		cmocka_unit_test(the_index_finds_every_block),
		cmocka_unit_test(a_failure_stays_and_is_everybodys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
