/* SPDX-License-Identifier: MIT */
#include "base/codec.h"
#include "guard.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TAR_ZEROS 1024

struct bytes {
	uint8_t *data;
	size_t len;
};

/* A text that begins with many lines of SQL and ends as told. */
static struct bytes dump(size_t filler, const char *end)
{
	static const char line[] = "INSERT INTO t (a) VALUES (1),(2),(3);\n";
	size_t end_len = strlen(end);
	struct bytes ret = {.data = malloc(filler + end_len + sizeof(line))};

	assert_non_null(ret.data);
	while (ret.len < filler) {
		memcpy(ret.data + ret.len, line, sizeof(line) - 1);
		ret.len += sizeof(line) - 1;
	}
	ret.len = ret.len < filler ? ret.len : filler;
	memcpy(ret.data + ret.len, end, end_len);
	ret.len += end_len;
	return ret;
}

/* The same as one frame. */
static struct bytes compressed(enum codec_kind kind, struct bytes plain)
{
	struct bytes ret = {.len = codec_bound(kind, plain.len)};
	struct codec *codec = NULL;
	struct codec_io io;

	ret.data = malloc(ret.len);
	assert_non_null(ret.data);
	assert_int_equal(codec_encoder_new(kind, 0, &codec), 0);
	io = (struct codec_io){plain.data, plain.len, ret.data, ret.len};
	assert_int_equal(codec_step(codec, &io, true), 1);
	ret.len -= io.out_len;
	codec_free(codec);
	free(plain.data);
	return ret;
}

/* What the guard says of the first len bytes, fed in pieces of step bytes. */
static int verdict(const char *rule_text, const struct bytes *bytes, size_t len,
                   size_t step, uint64_t previous)
{
	struct guard_rule rule;
	struct guard *guard = NULL;
	struct err err = {0};
	int r;

	assert_int_equal(guard_rule_parse(rule_text, &rule, &err), 0);
	assert_int_equal(guard_new(&rule, &guard), 0);
	for (size_t at = 0; at < len; at += step)
		guard_feed(guard, bytes->data + at,
		           len - at < step ? len - at : step);
	r = guard_end(guard, previous, &err);
	if (r < 0)
		assert_true(strlen(err.text) > 10);
	guard_free(guard);
	return r;
}

/* Whole, it is accepted however it is cut; shorter by any of cuts, refused. */
static void only_whole(const char *rule, struct bytes bytes, size_t nearest)
{
	static const size_t steps[] = {1, 7, 4096, 1 << 20};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (steps[i] < 100 && bytes.len > 500000)
			continue;
		assert_int_equal(verdict(rule, &bytes, bytes.len, steps[i], 0),
		                 0);
	}
	for (size_t cut = nearest; cut < bytes.len; cut = cut * 2 + 1)
		assert_int_equal(
			verdict(rule, &bytes, bytes.len - cut, 4096, 0), -EIO);
	assert_int_equal(verdict(rule, &bytes, 0, 1, 0), -EIO);
	free(bytes.data);
}

static void a_mysqldump_ends_with_its_completion_line(void **state)
{
	(void)state;
	only_whole("mysqldump",
	           dump(300000, "\n-- Dump completed on 2026-11-24 12:00:00\n"),
	           1);
	only_whole("mysqldump", dump(10, "\n-- Dump completed\n"), 1);
	only_whole("mysqldump", dump(3000000, "\n-- Dump completed\n\n"), 2);
	/* Said in the middle, it proves nothing. */
	struct bytes more = dump(100, "\n-- Dump completed\nINSERT;\n");

	assert_int_equal(verdict("mysqldump", &more, more.len, 10, 0), -EIO);
	free(more.data);
}

static void compression_is_looked_through(void **state)
{
	static const char end[] =
		"\n-- Dump completed on 2026-11-24 12:00:00\n";

	(void)state;
	only_whole("mysqldump", compressed(CODEC_GZIP, dump(800000, end)), 1);
	only_whole("mysqldump", compressed(CODEC_ZSTD, dump(800000, end)), 1);
	only_whole("mysqldump gzip", compressed(CODEC_GZIP, dump(0, end)), 1);

	/* gzip itself ended well, what it was fed did not. */
	struct bytes lost = compressed(CODEC_GZIP, dump(800000, ""));

	assert_int_equal(verdict("gzip", &lost, lost.len, 4096, 0), 0);
	assert_int_equal(verdict("mysqldump", &lost, lost.len, 4096, 0), -EIO);
	assert_int_equal(verdict("zstd", &lost, lost.len, 4096, 0), -EIO);
	lost.data[lost.len / 2] ^= 0x10;
	assert_int_equal(verdict("gzip", &lost, lost.len, 4096, 0), -EIO);
	free(lost.data);
}

static void several_frames_are_one_stream(void **state)
{
	struct bytes a = compressed(CODEC_ZSTD, dump(70000, ""));
	struct bytes b =
		compressed(CODEC_ZSTD, dump(9, "\n-- Dump completed\n"));
	struct bytes both = {malloc(a.len + b.len), a.len + b.len};

	(void)state;
	assert_non_null(both.data);
	memcpy(both.data, a.data, a.len);
	memcpy(both.data + a.len, b.data, b.len);
	assert_int_equal(verdict("mysqldump", &both, both.len, 100, 0), 0);
	assert_int_equal(verdict("mysqldump", &both, a.len, 100, 0), -EIO);
	free(a.data);
	free(b.data);
	free(both.data);
}

static void pg_dump_and_pg_dumpall_end_with_theirs(void **state)
{
	static const char plain[] = "--\n-- PostgreSQL database dump complete\n"
				    "--\n\n";
	static const char newer[] = "--\n-- PostgreSQL database dump complete\n"
				    "--\n\n\\unrestrict aBcD\n\n";
	static const char all[] =
		"--\n-- PostgreSQL database cluster dump complete\n--\n\n";

	(void)state;
	only_whole("pg_dump", dump(5000, plain), strlen("--\n\n") + 1);
	only_whole("pg_dump", dump(5000, newer),
	           strlen("--\n\n\\unrestrict aBcD\n\n") + 1);
	only_whole("pg_dump", compressed(CODEC_GZIP, dump(5000, all)), 1);
	struct bytes other = dump(5000, "-- Dump completed\n");

	assert_int_equal(verdict("pg_dump", &other, other.len, 10, 0), -EIO);
	free(other.data);
}

static void a_tar_ends_with_two_blocks_of_zeros(void **state)
{
	struct bytes tar = {calloc(1, 200 * 512), 200 * 512};

	(void)state;
	assert_non_null(tar.data);
	memset(tar.data, 'x', tar.len - TAR_ZEROS);
	only_whole("tar", tar, 1);

	struct bytes small = {calloc(1, 200 * 512), 200 * 512};

	assert_non_null(small.data);
	memset(small.data, 'x', small.len - TAR_ZEROS);
	only_whole("tar", compressed(CODEC_GZIP, small), 1);
}

/* An end record for a directory of 46 bytes at 100, and a comment. */
static struct bytes zip(size_t comment)
{
	struct bytes ret = {calloc(1, 146 + 22 + comment), 146 + 22 + comment};
	uint8_t *end = ret.data + 146;

	assert_non_null(ret.data);
	memset(ret.data, 'p', 146);
	memcpy(end, "PK\5\6", 4);
	end[12] = 46;
	end[16] = 100;
	end[20] = (uint8_t)comment;
	end[21] = (uint8_t)(comment >> 8);
	memset(end + 22, 'c', comment);
	return ret;
}

static void a_zip_ends_with_its_central_directory(void **state)
{
	struct bytes bad = zip(0);

	(void)state;
	only_whole("zip", zip(0), 1);
	only_whole("zip", zip(65535), 1);
	bad.data[146 + 16] = 101; /* it would end behind its record's begin */
	assert_int_equal(verdict("zip", &bad, bad.len, 10, 0), -EIO);
	free(bad.data);
}

static void a_version_much_smaller_than_the_last_is_refused(void **state)
{
	struct bytes bytes = dump(500, "");

	(void)state;
	assert_int_equal(verdict("min_ratio=0.5", &bytes, 500, 9, 0), 0);
	assert_int_equal(verdict("min_ratio=0.5", &bytes, 500, 9, 1000), 0);
	assert_int_equal(verdict("min_ratio=0.5", &bytes, 500, 9, 1001), -EIO);
	assert_int_equal(verdict("min_ratio=1", &bytes, 500, 9, 501), -EIO);
	free(bytes.data);
}

static void a_rule_that_is_none_is_told(void **state)
{
	static const char *const wrong[] = {
		"",         "  ",          "mysql",          "gzip,zstd",
		"gzip foo", "min_ratio=0", "min_ratio=1.1",  "min_ratio=",
		"GZIP",     "min_ratio=.", "min_ratio=0.5.", "min_ratio=-1",
	};
	struct guard_rule rule;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(guard_rule_parse(wrong[i], &rule, &err),
		                 -EINVAL);
		assert_non_null(strstr(err.text, "mysqldump"));
	}
	assert_int_equal(
		guard_rule_parse(" pg_dump\tmin_ratio=0.25 ", &rule, &err), 0);
	assert_int_equal(rule.checks, GUARD_PG_DUMP);
	assert_int_equal(rule.min_ratio, 250);
}

static void patterns_are_for_names_or_for_paths(void **state)
{
	(void)state;
	assert_true(guard_matches("*.sql", "primary", "db/x.sql"));
	assert_false(guard_matches("*.sql", "primary", "db/x.sql.gz"));
	assert_true(guard_matches("primary/db/*", "primary", "db/x.sql"));
	assert_false(guard_matches("primary/*", "primary", "db/x.sql"));
	assert_false(guard_matches("alt/db/*", "primary", "db/x.sql"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mysqldump_ends_with_its_completion_line),
		cmocka_unit_test(compression_is_looked_through),
		cmocka_unit_test(several_frames_are_one_stream),
		cmocka_unit_test(pg_dump_and_pg_dumpall_end_with_theirs),
		cmocka_unit_test(a_tar_ends_with_two_blocks_of_zeros),
		cmocka_unit_test(a_zip_ends_with_its_central_directory),
		cmocka_unit_test(
			a_version_much_smaller_than_the_last_is_refused),
		cmocka_unit_test(a_rule_that_is_none_is_told),
		cmocka_unit_test(patterns_are_for_names_or_for_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
