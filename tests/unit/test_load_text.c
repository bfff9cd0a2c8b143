/* SPDX-License-Identifier: MIT */
/* Sources, and the text of a dump out of them. */
#include "fake_store.h"
#include "load_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

/* A run of bytes that gives at most `bit` of them at a time. */
struct memory_source {
	struct load_source source;
	const uint8_t *data;
	size_t len, at, bit;
};

static ssize_t memory_read(struct load_source *source, void *buf, size_t len,
                           struct err *reterr)
{
	struct memory_source *m = (struct memory_source *)source;
	size_t n = m->len - m->at < len ? m->len - m->at : len;

	(void)reterr;
	if (n > m->bit)
		n = m->bit;
	memcpy(buf, m->data + m->at, n);
	m->at += n;
	return (ssize_t)n;
}

static int memory_read_at(struct load_source *source, uint64_t offset,
                          void *buf, size_t len, struct err *reterr)
{
	struct memory_source *m = (struct memory_source *)source;

	(void)reterr;
	assert_true(offset + len <= m->len);
	memcpy(buf, m->data + offset, len);
	return 0;
}

static const struct load_source_ops pipe_like = {.read = memory_read};
static const struct load_source_ops file_like = {.read = memory_read,
                                                 .read_at = memory_read_at};

static struct memory_source memory_of(const void *data, size_t len, size_t bit,
                                      bool file)
{
	return (struct memory_source){
		.source = {.ops = file ? &file_like : &pipe_like,
	                   .size = file ? len : LOAD_SIZE_UNKNOWN},
		.data = data,
		.len = len,
		.bit = bit,
	};
}

/* All statements, "|" behind each; the result of the last step. */
static int read_all(struct memory_source *m, struct str *out, struct err *err)
{
	struct load_text text;
	struct split_statement st;
	int r = load_text_open(&text, &m->source, err);

	while (r == 0 && (r = load_text_next(&text, &st, err)) == 1) {
		str_add_mem(out, st.text, st.len);
		str_add(out, "|");
		r = 0;
	}
	load_text_release(&text);
	return r;
}

/* The text compressed, in two frames. */
static size_t pack(enum codec_kind kind, const char *text, uint8_t *out,
                   size_t size)
{
	cleanup(codec_freep) struct codec *codec = NULL;
	size_t half = strlen(text) / 2;
	struct codec_io io = {.out = out, .out_len = size};

	assert_int_equal(codec_encoder_new(kind, 0, &codec), 0);
	io.in = (const uint8_t *)text;
	io.in_len = half;
	assert_int_equal(codec_step(codec, &io, true), 1);
	io.in_len = strlen(text) - half;
	assert_int_equal(codec_step(codec, &io, true), 1);
	return size - io.out_len;
}

static const char dump[] = "-- MariaDB dump 10\nSET NAMES utf8;\n"
			   "INSERT INTO t VALUES (1,'x;y');\n"
			   "-- Dump completed on 2026-01-01\n";
static const char want[] = "SET NAMES utf8|INSERT INTO t VALUES (1,'x;y')|";

static void what_it_is_packed_with_is_found_out(void **state)
{
	static const enum codec_kind packings[] = {CODEC_PLAIN, CODEC_ZSTD,
	                                           CODEC_GZIP};
	static const size_t bits[] = {1, 2, 7, 100000};

	(void)state;
	for (size_t i = 0; i < 3 * 4; i++) {
		uint8_t packed[2000];
		size_t len = strlen(dump);
		enum codec_kind kind = packings[i / 4];

		memcpy(packed, dump, len);
		if (kind != CODEC_PLAIN)
			len = pack(kind, dump, packed, sizeof(packed));

		struct memory_source m =
			memory_of(packed, len, bits[i % 4], i % 2);
		struct str out = {0};
		struct err err = {0};

		assert_int_equal(read_all(&m, &out, &err), 0);
		assert_string_equal(str_text(&out), want);
		str_release(&out);
	}
}

static void packed_data_that_end_early_are_truncated(void **state)
{
	uint8_t packed[2000];
	size_t len = pack(CODEC_ZSTD, dump, packed, sizeof(packed));
	unsigned between = 0;

	(void)state;
	for (size_t cut = 7; cut < len; cut++) {
		struct memory_source m = memory_of(packed, cut, 50, true);
		struct str out = {0};
		struct err err = {0};

		/* between the frames the text ends, inside of a statement */
		if (read_all(&m, &out, &err) == -EINVAL)
			between++;
		else
			assert_true(str_starts(err.text, "TRUNCATED"));
		assert_true(err.code == -EBADMSG || err.code == -EINVAL);
		str_release(&out);
	}
	assert_int_equal(between, 1);
	packed[len / 2] ^= 0x55; /* and a flipped bit is damage */

	struct memory_source m = memory_of(packed, len, 50, true);
	struct str out = {0};
	struct err err = {0};

	assert_true(read_all(&m, &out, &err) < 0);
	str_release(&out);
}

static void a_dump_without_its_last_line_is_truncated(void **state)
{
	static const struct {
		const char *text;
		int early; /* load_text_check_end() of a file */
		int late;  /* what reading it all gives */
	} rows[] = {
		{dump, 1, 0},
		{"-- MySQL dump 10\na;\n", -EBADMSG, -EBADMSG},
		{"-- porterfs dump, version 1\na;\n", -EBADMSG, -EBADMSG},
		{"/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10\na;",
	         -EBADMSG, -EBADMSG},
		{"-- MySQL dump 10\na;\n-- Dump completed", 1, 0},
		{"-- MySQL dump 10\na '\n-- Dump completed\n';\nb;", -EBADMSG,
	         -EBADMSG},
		{"-- MySQL dump 10\na;-- Dump completed\n", -EBADMSG, -EBADMSG},
		{"/*M!999999\\- enable the sandbox mode */ \na;", 1, 0},
		{"-- phpMyAdmin SQL Dump\na;\n", 1, 0},
		{"a;", 1, 0},
		{"", 1, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = strlen(rows[i].text);
		struct memory_source m = memory_of(rows[i].text, len, 9, true);
		struct load_text text;
		struct str out = {0};
		struct err err = {0};

		assert_int_equal(load_text_open(&text, &m.source, &err), 0);
		assert_int_equal(load_text_check_end(&text, &err),
		                 rows[i].early);
		load_text_release(&text);

		m = memory_of(rows[i].text, len, 9, false);
		assert_int_equal(load_text_open(&text, &m.source, &err), 0);
		assert_int_equal(load_text_check_end(&text, &err),
		                 text.announced ? 0 : 1);
		load_text_release(&text);
		m.at = 0;
		assert_int_equal(read_all(&m, &out, &err), rows[i].late);
		str_release(&out);
	}
}

/* Everything that a source gives, in reads of 1000 bytes. */
static int drink(struct load_source *source, struct str *out, struct err *err)
{
	char buf[1000];
	ssize_t n;

	while ((n = source->ops->read(source, buf, sizeof(buf), err)) > 0)
		str_add_mem(out, buf, (size_t)n);
	return (int)n;
}

/* An object of 10,000 bytes and its source, read in pieces of 3,000. */
struct object {
	struct fake_store *fake;
	uint8_t data[10000];
	struct load_store_config config;
};

static void object_init(struct object *o, enum fake_mode mode)
{
	struct fake_store_config config = {.mode = mode};

	*o = (struct object){.fake = fake_store_new(&config)};
	for (size_t i = 0; i < sizeof(o->data); i++)
		o->data[i] = (uint8_t)(i * 7 / 3);
	assert_int_equal(fake_store_put(o->fake, "k", o->data, sizeof(o->data),
	                                NULL),
	                 0);
	o->config.store = fake_store_object_store(o->fake);
	o->config.key = "k";
	o->config.piece = 3000;
	o->config.ahead = 2;
}

static void an_object_is_read_in_ranges_of_one_version(void **state)
{
	static struct object o;
	struct load_source *source = NULL;
	struct str out = {0};
	struct err err = {0};

	(void)state;
	object_init(&o, FAKE_THREAD);
	assert_int_equal(load_source_store(&o.config, &source, &err), 0);
	assert_int_equal(source->size, 10000);

	uint8_t tail[10];

	assert_int_equal(source->ops->read_at(source, 9990, tail, 10, &err), 0);
	assert_memory_equal(tail, o.data + 9990, 10);
	assert_int_equal(drink(source, &out, &err), 0);
	assert_int_equal(out.len, 10000);
	assert_memory_equal(out.data, o.data, 10000);

	char *transcript = fake_store_take_transcript(o.fake);

	assert_true(str_starts(transcript, "HEAD k\nGET k 0-2999 if-match="));
	assert_non_null(strstr(transcript, "GET k 9000-9999 if-match="));
	free(transcript);
	load_source_free(source);
	str_release(&out);
	fake_store_free(o.fake);
}

static void an_object_that_is_replaced_is_stale(void **state)
{
	static struct object o;
	struct load_source *source = NULL;
	struct str out = {0};
	struct err err = {0};

	(void)state;
	object_init(&o, FAKE_INLINE);
	assert_int_equal(load_source_store(&o.config, &source, &err), 0);
	assert_int_equal(fake_store_put_text(o.fake, "k", "other"), 0);
	assert_int_equal(drink(source, &out, &err), -ESTALE);
	assert_non_null(strstr(err.text, "replaced"));
	load_source_free(source);
	str_release(&out);

	o.config.key = "none";
	assert_int_equal(load_source_store(&o.config, &source, &err), -ENOENT);
	fake_store_free(o.fake);
}

static void an_empty_object_is_at_its_end(void **state)
{
	static struct object o;
	struct load_source *source = NULL;
	struct str out = {0};
	struct err err = {0};

	(void)state;
	object_init(&o, FAKE_INLINE);
	assert_int_equal(fake_store_put_text(o.fake, "k", ""), 0);
	assert_int_equal(load_source_store(&o.config, &source, &err), 0);
	assert_int_equal(drink(source, &out, &err), 0);
	assert_int_equal(out.len, 0);
	load_source_free(source);
	fake_store_free(o.fake);
}

static void a_file_must_stay_as_it_is(void **state)
{
	char path[] = "/tmp/porter-load-XXXXXX";
	int fd = mkstemp(path);
	struct load_source *source = NULL;
	struct str out = {0};
	struct err err = {0};
	char tail[3];

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "abcdef", 6), 6);
	assert_int_equal(load_source_file(path, &source, &err), 0);
	assert_int_equal(source->size, 6);
	assert_int_equal(source->ops->read_at(source, 3, tail, 3, &err), 0);
	assert_memory_equal(tail, "def", 3);
	assert_int_equal(drink(source, &out, &err), 0);
	assert_string_equal(str_text(&out), "abcdef");
	assert_int_equal(write(fd, "g", 1), 1);
	assert_int_equal(drink(source, &out, &err), -ESTALE);
	load_source_free(source);
	str_release(&out);
	(void)close(fd);
	(void)unlink(path);

	assert_int_equal(load_source_file(path, &source, &err), -ENOENT);
	assert_int_equal(load_source_file("/tmp", &source, &err), -EISDIR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_it_is_packed_with_is_found_out),
		cmocka_unit_test(packed_data_that_end_early_are_truncated),
		cmocka_unit_test(a_dump_without_its_last_line_is_truncated),
		cmocka_unit_test(an_object_is_read_in_ranges_of_one_version),
		cmocka_unit_test(an_object_that_is_replaced_is_stale),
		cmocka_unit_test(an_empty_object_is_at_its_end),
		cmocka_unit_test(a_file_must_stay_as_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
