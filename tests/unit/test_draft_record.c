/* SPDX-License-Identifier: MIT */
#include "draft_record.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct extent map[] = {
	{.kind = EXTENT_DIRTY, .offset = 0, .length = 10},
	{.kind = EXTENT_CLEAN,
         .offset = 10,
         .length = 90,
         .source = 0,
         .source_offset = 10},
	{.kind = EXTENT_HOLE, .offset = 100, .length = 1000},
	{.kind = EXTENT_CLEAN, .offset = 1100, .length = 5, .source = 1},
};
static const struct draft_source_record sources[] = {
	{.identity = "here/bucket/", .key = "f", .etag = "\"old\"", .size = 100},
	{.identity = "there/", .key = "g", .etag = "\"g\"", .size = 5},
};
static const struct store_meta meta[] = {{"mode", "33188"},
                                         {"porter-commit", "0123"},
                                         {"note", ""}};

static struct draft_record sample(void)
{
	return (struct draft_record){
		.guarded = true,
		.bucket = "primary",
		.identity = "here/bucket/",
		.key = "f",
		.nonce = "0123",
		.etag = "\"old\"",
		.file = "17",
		.headers = {.content_type = "text/plain",
	                    .meta = meta,
	                    .meta_count = 3},
		.size = 1105,
		.extents = map,
		.extent_count = 4,
		.sources = sources,
		.source_count = 2,
	};
}

static struct slice slice_of(const struct str *s)
{
	return (struct slice){.data = (uint8_t *)s->data, .len = s->len};
}

/* Write it, and read it. */
static int again(const struct draft_record *record)
{
	cleanup(str_release) struct str s = {0};
	struct draft_found found;
	int r;

	draft_record_write(record, &s);
	r = draft_record_read(slice_of(&s), &found);
	if (r == 0)
		draft_found_release(&found);
	return r;
}

static void a_record_is_read_as_it_was_written(void **state)
{
	cleanup(str_release) struct str s = {0};
	const struct draft_record record = sample();
	struct draft_found found;
	const struct draft_record *got = &found.record;

	(void)state;
	draft_record_write(&record, &s);
	assert_int_equal(draft_record_read(slice_of(&s), &found), 0);
	assert_true(got->guarded);
	assert_string_equal(got->bucket, "primary");
	assert_string_equal(got->key, "f");
	assert_string_equal(got->etag, "\"old\"");
	assert_string_equal(got->file, "17");
	assert_string_equal(got->headers.content_type, "text/plain");
	assert_null(got->headers.cache_control);
	assert_int_equal(got->headers.meta_count, 3);
	assert_string_equal(got->headers.meta[0].value, "33188");
	assert_string_equal(got->headers.meta[2].name, "note");
	assert_int_equal(got->size, 1105);
	assert_int_equal(got->extent_count, 4);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(got->extents[i].kind, map[i].kind);
		assert_int_equal(got->extents[i].offset, map[i].offset);
		assert_int_equal(got->extents[i].length, map[i].length);
		assert_int_equal(got->extents[i].source, map[i].source);
		assert_int_equal(got->extents[i].source_offset,
		                 map[i].source_offset);
	}
	assert_int_equal(got->source_count, 2);
	assert_string_equal(got->sources[1].identity, "there/");
	assert_int_equal(got->sources[1].size, 5);
	draft_found_release(&found);
}

static void a_cut_record_is_refused_at_every_length(void **state)
{
	cleanup(str_release) struct str s = {0};
	const struct draft_record record = sample();
	struct draft_found found;

	(void)state;
	draft_record_write(&record, &s);
	for (size_t len = 0; len < s.len; len++)
		assert_int_equal(draft_record_read(
					 (struct slice){(uint8_t *)s.data, len},
					 &found),
		                 -EBADMSG);
}

static void a_map_with_a_gap_or_beyond_its_source_is_refused(void **state)
{
	struct extent broken[4];
	struct draft_record record = sample();

	(void)state;
	record.extents = broken;
	memcpy(broken, map, sizeof(map));
	assert_int_equal(again(&record), 0);
	broken[1].length = 89; /* a gap */
	assert_int_equal(again(&record), -EBADMSG);
	memcpy(broken, map, sizeof(map));
	broken[1].source_offset = 11; /* one byte too many */
	assert_int_equal(again(&record), -EBADMSG);
	memcpy(broken, map, sizeof(map));
	broken[3].source = 2; /* no such source */
	assert_int_equal(again(&record), -EBADMSG);
	memcpy(broken, map, sizeof(map));
	broken[2].kind = EXTENT_SENT; /* bytes that nobody has */
	assert_int_equal(again(&record), -EBADMSG);
	memcpy(broken, map, sizeof(map));
	record.size = 1106; /* its end is missing */
	assert_int_equal(again(&record), -EBADMSG);
}

static void a_file_outside_of_staging_is_refused(void **state)
{
	static const char *const names[] = {"../x", "a/b", ".", "..", "/etc"};
	struct draft_record record = sample();

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		record.file = names[i];
		assert_int_equal(again(&record), -EBADMSG);
	}
	record.file = ""; /* nothing was written, only cut */
	assert_int_equal(again(&record), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_is_read_as_it_was_written),
		cmocka_unit_test(a_cut_record_is_refused_at_every_length),
		cmocka_unit_test(
			a_map_with_a_gap_or_beyond_its_source_is_refused),
		cmocka_unit_test(a_file_outside_of_staging_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
