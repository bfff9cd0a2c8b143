/* SPDX-License-Identifier: MIT */
#include "attr_impl.h"
#include "meta_record.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct meta_key key = {.bucket = 7, .path = "d/name"};

static struct slice slice_of(const struct str *s)
{
	return (struct slice){(uint8_t *)s->data, s->len};
}

static struct slice text(const char *s)
{
	return (struct slice){(uint8_t *)(uintptr_t)s, strlen(s)};
}

/* Every field has a value of its own. */
static struct meta_record full_record(void)
{
	const struct store_meta pairs[] = {{"b", "2"}, {"a", ""}};
	const struct store_headers headers = {
		.content_type = "text/plain",
		.cache_control = "no-cache",
		.meta = pairs,
		.meta_count = 2,
	};
	struct meta_record record = {
		.kind = META_FILE,
		.asked_ms = 1700000000123,
		.attr = {.known = ATTR_FROM_LIST | ATTR_FROM_HEAD,
	                 .mode = S_IFLNK | 0777,
	                 .uid = 1000,
	                 .gid = UINT32_MAX,
	                 .size = UINT64_MAX,
	                 .mtime = {-5, 999999999},
	                 .modified = {1700000000, 0},
	                 .etag = "\"d41d8cd98f00b204e9800998ecf8427e-17\""},
	};

	assert_int_equal(
		attr_meta_build(&headers, "../target", &record.attr.meta), 0);
	return record;
}

static void a_name_comes_back_as_it_was(void **state)
{
	struct meta_record record = full_record();
	struct meta_record got;
	struct str data = {0};

	(void)state;
	meta_record_encode(&key, &record, &data);
	assert_int_equal(meta_record_decode(&key, slice_of(&data), &got), 0);
	assert_int_equal(got.kind, META_FILE);
	assert_int_equal(got.asked_ms, 1700000000123);
	assert_int_equal(got.attr.known, record.attr.known);
	assert_int_equal(got.attr.mode, S_IFLNK | 0777);
	assert_int_equal(got.attr.uid, 1000);
	assert_int_equal(got.attr.gid, UINT32_MAX);
	assert_true(got.attr.size == UINT64_MAX);
	assert_int_equal(got.attr.mtime.tv_sec, -5);
	assert_int_equal(got.attr.mtime.tv_nsec, 999999999);
	assert_int_equal(got.attr.modified.tv_sec, 1700000000);
	assert_string_equal(got.attr.etag, record.attr.etag);
	assert_string_equal(attr_meta_target(got.attr.meta), "../target");
	assert_string_equal(attr_meta_get(got.attr.meta, "b"), "2");
	assert_string_equal(attr_meta_get(got.attr.meta, "a"), "");
	assert_string_equal(got.attr.meta->content_type, "text/plain");
	assert_string_equal(got.attr.meta->cache_control, "no-cache");
	assert_null(got.attr.meta->content_encoding);
	attr_release(&got.attr);
	attr_release(&record.attr);
	str_release(&data);
}

static void absence_is_a_few_bytes(void **state)
{
	const struct meta_record record = {.kind = META_ABSENT, .asked_ms = 5};
	struct meta_record got;
	struct str data = {0};

	(void)state;
	meta_record_encode(&key, &record, &data);
	assert_int_equal(data.len, 12);
	assert_int_equal(meta_record_decode(&key, slice_of(&data), &got), 0);
	assert_int_equal(got.kind, META_ABSENT);
	assert_int_equal(got.asked_ms, 5);
	str_release(&data);
}

static void etags_of_any_form_come_back(void **state)
{
	static const char *const etags[] = {
		"",
		"\"d41d8cd98f00b204e9800998ecf8427e\"",
		"\"D41D8CD98F00B204E9800998ECF8427E\"",
		"\"d41d8cd98f00b204e9800998ecf8427e-1\"",
		"\"d41d8cd98f00b204e9800998ecf8427e-01\"",
		"\"d41d8cd98f00b204e9800998ecf8427e-\"",
		"\"d41d8cd98f00b204e9800998ecf8427e-0\"",
		"d41d8cd98f00b204e9800998ecf8427e",
		"\"x\"",
		"\"d41d8cd98f00b204e9800998ecf8427ex\"",
		"\"d41d8cd98f00b204e9800998ecf8427e-99999999999999999999\"",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(etags) / sizeof(*etags); i++) {
		struct meta_record record = {.kind = META_FILE};
		struct meta_record got;
		struct str data = {0};

		(void)snprintf(record.attr.etag, sizeof(record.attr.etag), "%s",
		               etags[i]);
		meta_record_encode(&key, &record, &data);
		assert_int_equal(
			meta_record_decode(&key, slice_of(&data), &got), 0);
		assert_string_equal(got.attr.etag, etags[i]);
		str_release(&data);
	}
}

static void a_record_under_another_key_is_none(void **state)
{
	const struct meta_key others[] = {
		{8, "d/name"}, {7, "d/nam"}, {7, "d/namf"}, {7, ""}};
	struct meta_record record = full_record();
	struct meta_record got;
	struct str data = {0};

	(void)state;
	meta_record_encode(&key, &record, &data);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(meta_record_decode(&others[i], slice_of(&data),
		                                    &got),
		                 -EUCLEAN);
	attr_release(&record.attr);
	str_release(&data);
}

static void no_flipped_bit_and_no_cut_goes_unseen(void **state)
{
	struct meta_record record = full_record();
	struct meta_record got;
	struct str data = {0};

	(void)state;
	meta_record_encode(&key, &record, &data);
	for (size_t bit = 0; bit < data.len * 8; bit++) {
		data.data[bit / 8] ^= (char)(1 << (bit % 8));
		assert_int_equal(meta_record_decode(&key, slice_of(&data),
		                                    &got),
		                 -EUCLEAN);
		data.data[bit / 8] ^= (char)(1 << (bit % 8));
	}
	for (size_t len = 0; len < data.len; len++)
		assert_int_equal(
			meta_record_decode(
				&key, (struct slice){(uint8_t *)data.data, len},
				&got),
			-EUCLEAN);
	attr_release(&record.attr);
	str_release(&data);
}

/* A range of a, ab/, b%, b%c; above "A", up to "c" or the end. */
static struct str make_range(bool to_end)
{
	static const char *const names[] = {"a", "ab/", "b%", "b%c"};
	const struct meta_bounds bounds = {
		.asked_ms = 99,
		.low = text("A"),
		.high = text(to_end ? "" : "c"),
		.to_end = to_end,
	};
	struct meta_range_writer writer = {0};
	struct str data = {0};

	for (size_t i = 0; i < 4; i++) {
		struct meta_line line = {
			.name = names[i],
			.len = strlen(names[i]),
			.is_dir = i == 1,
			.size = 1000 + i,
			.modified = {5, 0},
			.etag = "\"e\"",
		};

		meta_range_add(&writer, &line);
	}
	meta_range_finish(&writer, &key, &bounds, &data);
	assert_int_equal(str_status(&data), 0);
	return data;
}

static void a_range_comes_back_line_by_line(void **state)
{
	static const char *const names[] = {"a", "ab/", "b%", "b%c"};

	(void)state;
	for (unsigned to_end = 0; to_end < 2; to_end++) {
		struct str data = make_range(to_end);
		struct meta_range range;
		struct meta_line line;

		assert_int_equal(meta_range_open(&key, slice_of(&data), &range),
		                 0);
		assert_int_equal(range.bounds.asked_ms, 99);
		assert_int_equal(range.bounds.to_end, to_end);
		assert_int_equal(meta_compare(range.bounds.low, text("A")), 0);
		assert_int_equal(range.count, 4);
		for (size_t i = 0; i < 4; i++) {
			assert_int_equal(meta_range_next(&range, &line), 1);
			assert_string_equal(line.name, names[i]);
			assert_int_equal(line.is_dir, i == 1);
			assert_int_equal(line.size, i == 1 ? 0 : 1000 + i);
			assert_string_equal(line.etag, i == 1 ? "" : "\"e\"");
		}
		assert_int_equal(meta_range_next(&range, &line), 0);
		str_release(&data);
	}
}

static void a_line_is_found_by_its_name(void **state)
{
	static const char *const names[] = {"a", "ab/", "b%", "b%c"};
	static const char *const others[] = {"", "A", "ab", "ab0", "b%b", "z"};
	struct str data = make_range(false);
	struct meta_range range;
	struct meta_line line;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(meta_range_open(&key, slice_of(&data), &range),
		                 0);
		assert_int_equal(meta_range_find(&range, text(names[i]), &line),
		                 1);
		assert_string_equal(line.name, names[i]);
		assert_string_equal(line.etag, i == 1 ? "" : "\"e\"");
	}
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(meta_range_open(&key, slice_of(&data), &range),
		                 0);
		assert_int_equal(
			meta_range_find(&range, text(others[i]), &line), 0);
	}
	str_release(&data);
}

static void no_flipped_bit_of_a_range_goes_unseen(void **state)
{
	struct str data = make_range(false);
	struct meta_range range;
	struct meta_record record;

	(void)state;
	for (size_t bit = 0; bit < data.len * 8; bit++) {
		data.data[bit / 8] ^= (char)(1 << (bit % 8));
		assert_int_equal(meta_range_open(&key, slice_of(&data), &range),
		                 -EUCLEAN);
		data.data[bit / 8] ^= (char)(1 << (bit % 8));
	}
	/* Nor is it a name. */
	assert_int_equal(meta_record_decode(&key, slice_of(&data), &record),
	                 -EUCLEAN);
	str_release(&data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_comes_back_as_it_was),
		cmocka_unit_test(absence_is_a_few_bytes),
		cmocka_unit_test(etags_of_any_form_come_back),
		cmocka_unit_test(a_record_under_another_key_is_none),
		cmocka_unit_test(no_flipped_bit_and_no_cut_goes_unseen),
		cmocka_unit_test(a_range_comes_back_line_by_line),
		cmocka_unit_test(a_line_is_found_by_its_name),
		cmocka_unit_test(no_flipped_bit_of_a_range_goes_unseen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
