/* SPDX-License-Identifier: MIT */
#include "record_text.h"
#include "upload_record.h"
#include "upload_stray.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct upload_record sample = {
	.state = UPLOAD_KEPT,
	.expect = 2,
	.exclusive = true,
	.whole = true,
	.stray = true,
	.began_s = 1795500000,
	.size = 1ull << 40,
	.parts = 10000,
	.bucket = "primary",
	.identity = "https://s3.example.com/bucket/prefix",
	.key = "dumps/\xc3\xa9.sql",
	.nonce = "0123456789abcdef0123456789abcdef",
	.upload_id = "an id",
	.etag = "\"etag\"",
	.why = "its writer was killed",
};

static struct slice slice_of(const struct str *s)
{
	return (struct slice){.data = (uint8_t *)s->data, .len = s->len};
}

static void a_head_is_read_as_it_was_written(void **state)
{
	cleanup(str_release) struct str s = {0};
	struct upload_record got;

	(void)state;
	upload_record_write(&sample, &s);
	assert_int_equal(upload_record_read(slice_of(&s), &got), 0);
	assert_int_equal(got.state, UPLOAD_KEPT);
	assert_int_equal(got.expect, 2);
	assert_true(got.exclusive && got.whole && got.stray && !got.remade);
	assert_int_equal(got.began_s, sample.began_s);
	assert_int_equal(got.size, sample.size);
	assert_int_equal(got.parts, 10000);
	assert_string_equal(got.bucket, sample.bucket);
	assert_string_equal(got.identity, sample.identity);
	assert_string_equal(got.key, sample.key);
	assert_string_equal(got.nonce, sample.nonce);
	assert_string_equal(got.upload_id, sample.upload_id);
	assert_string_equal(got.etag, sample.etag);
	assert_string_equal(got.why, sample.why);
}

static void a_head_that_is_cut_or_longer_is_refused(void **state)
{
	cleanup(str_release) struct str s = {0};
	struct upload_record got;

	(void)state;
	upload_record_write(&sample, &s);
	for (size_t len = 0; len < s.len; len++) {
		struct slice cut = {.data = (uint8_t *)s.data, .len = len};

		assert_int_equal(upload_record_read(cut, &got), -EBADMSG);
	}
	str_add_char(&s, 'x');
	assert_int_equal(upload_record_read(slice_of(&s), &got), -EBADMSG);
}

static void a_head_of_another_version_is_refused(void **state)
{
	cleanup(str_release) struct str s = {0};
	struct upload_record got;

	(void)state;
	upload_record_write(&sample, &s);
	s.data[0] = 2;
	assert_int_equal(upload_record_read(slice_of(&s), &got), -EBADMSG);
	s.data[0] = 1;
	s.data[1] = 6; /* no such state */
	assert_int_equal(upload_record_read(slice_of(&s), &got), -EBADMSG);
}

static void parts_are_in_chunks_of_their_numbers(void **state)
{
	(void)state;
	assert_int_equal(upload_parts_id(5, 1), upload_parts_id(5, 32));
	assert_int_equal(upload_parts_id(5, 33), upload_parts_id(5, 32) + 1);
	assert_true(upload_parts_id(5, 10000) < upload_parts_id(6, 1));
	assert_int_equal(upload_parts_owner(upload_parts_id(5, 10000)), 5);
	assert_int_equal(upload_parts_first(upload_parts_id(5, 10000)), 9985);
	assert_int_equal(upload_parts_first(upload_parts_id(5, 1)), 1);
}

static void parts_are_read_as_they_were_written(void **state)
{
	cleanup(str_release) struct str s = {0};
	struct store_part_info parts[3] = {
		{.number = 33, .size = 5, .etag = "\"a\"", .checksum = "AAAA"},
		{.number = 0},
		{.number = 35, .size = 1ull << 33, .etag = "\"c\""},
	};
	struct store_part_info got[UPLOAD_PARTS_CHUNK];

	(void)state;
	upload_parts_write(parts, 3, &s);
	assert_int_equal(upload_parts_read(slice_of(&s), 33, got), 0);
	assert_memory_equal(got, parts, sizeof(parts));
	assert_int_equal(got[3].number, 0);
	/* not of this chunk */
	assert_int_equal(upload_parts_read(slice_of(&s), 65, got), -EBADMSG);
	s.len--;
	assert_int_equal(upload_parts_read(slice_of(&s), 33, got), -EBADMSG);
}

static void a_text_with_a_nul_or_without_its_end_is_broken(void **state)
{
	uint8_t good[] = {2, 0, 'a', 'b', 0};
	uint8_t inside[] = {2, 0, 'a', 0, 0};
	uint8_t endless[] = {2, 0, 'a', 'b', 'c'};
	struct record_reader reader = {.left = {good, sizeof(good)}};

	(void)state;
	assert_string_equal(record_text(&reader, 3), "ab");
	assert_int_equal(record_end(&reader), 0);
	reader = (struct record_reader){.left = {good, sizeof(good)}};
	assert_string_equal(record_text(&reader, 2), ""); /* too long */
	assert_int_equal(record_end(&reader), -EBADMSG);
	reader = (struct record_reader){.left = {inside, sizeof(inside)}};
	assert_string_equal(record_text(&reader, 9), "");
	assert_int_equal(record_end(&reader), -EBADMSG);
	reader = (struct record_reader){.left = {endless, sizeof(endless)}};
	assert_string_equal(record_text(&reader, 9), "");
	assert_int_equal(record_u32(&reader), 0);
	assert_int_equal(record_end(&reader), -EBADMSG);
}

/* ---- which upload may be a stray one ---- */

static bool matches(const char *key, const char *id, time_t initiated)
{
	const struct upload_stray stray = {.key = "a/b",
	                                   .known_id = "known",
	                                   .from_s = 1000,
	                                   .to_s = 1010,
	                                   .expected = 1};
	const struct store_upload_info upload = {
		.key = key,
		.upload_id = id,
		.initiated = {.tv_sec = initiated}};

	return upload_stray_matches(&stray, &upload);
}

static void only_uploads_of_that_key_and_time_may_be_ours(void **state)
{
	(void)state;
	assert_true(matches("a/b", "x", 1000));
	assert_true(matches("a/b", "x", 998)); /* whole seconds */
	assert_true(matches("a/b", "x", 1012));
	assert_false(matches("a/b", "x", 997));
	assert_false(matches("a/b", "x", 1013));
	assert_false(matches("a/b", "known", 1005));
	assert_false(matches("a/bc", "x", 1005));
	assert_false(matches("a", "x", 1005));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_head_is_read_as_it_was_written),
		cmocka_unit_test(a_head_that_is_cut_or_longer_is_refused),
		cmocka_unit_test(a_head_of_another_version_is_refused),
		cmocka_unit_test(parts_are_in_chunks_of_their_numbers),
		cmocka_unit_test(parts_are_read_as_they_were_written),
		cmocka_unit_test(
			a_text_with_a_nul_or_without_its_end_is_broken),
		cmocka_unit_test(only_uploads_of_that_key_and_time_may_be_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
