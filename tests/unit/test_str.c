/* SPDX-License-Identifier: MIT */
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void a_zeroed_struct_is_an_empty_text(void **state)
{
	struct str s = {0};

	(void)state;
	assert_string_equal(str_text(&s), "");
	assert_int_equal(str_status(&s), 0);
	str_reset(&s);
	str_release(&s);
}

static void pieces_add_up(void **state)
{
	struct str s = {0};

	(void)state;
	str_add(&s, "a");
	str_add_mem(&s, "b\0c", 3);
	str_add_mem(&s, NULL, 0);
	str_add_char(&s, 'd');
	str_addf(&s, "-%03d-%s", 7, "e");
	assert_int_equal(s.len, 11);
	assert_memory_equal(s.data, "ab\0cd-007-e", 12);
	str_release(&s);
	assert_null(s.data);
}

static void long_text_grows(void **state)
{
	struct str s = {0};

	(void)state;
	for (unsigned i = 0; i < 10000; i++)
		str_addf(&s, "%04u", i);
	assert_int_equal(str_status(&s), 0);
	assert_int_equal(s.len, 40000);
	assert_memory_equal(s.data + 4 * 4711, "4711", 4);
	assert_int_equal(s.data[s.len], '\0');
	str_release(&s);
}

/* Of every length around the size that is formatted in place. */
static void formatted_text_of_any_length_is_whole(void **state)
{
	char text[301];

	(void)state;
	for (size_t len = 0; len <= 300; len++) {
		struct str s = {0};

		memset(text, 'x', len);
		text[len] = '\0';
		str_addf(&s, "%s", text);
		assert_int_equal(s.len, len);
		assert_string_equal(str_text(&s), text);
		str_release(&s);
	}
}

static void out_of_memory_sticks_until_reset(void **state)
{
	struct str s = {0};

	(void)state;
	str_add(&s, "kept");
	assert_int_equal(str_reserve(&s, SIZE_MAX - 8), -ENOMEM);
	str_add(&s, " not added");
	str_addf(&s, "%d", 1);
	str_add_uri(&s, "x", 1, false);
	assert_int_equal(str_status(&s), -ENOMEM);
	assert_string_equal(str_text(&s), "kept");
	assert_null(str_take(&s));

	assert_int_equal(str_status(&s), 0);
	str_add(&s, "again");
	s.status = -ENOMEM;
	str_reset(&s);
	assert_int_equal(str_status(&s), 0);
	str_add(&s, "new");
	assert_string_equal(str_text(&s), "new");
	str_release(&s);
}

static void reserved_room_is_there_without_moving(void **state)
{
	struct str s = {0};

	(void)state;
	assert_int_equal(str_reserve(&s, 1000), 0);
	const char *data = s.data;

	for (unsigned i = 0; i < 1000; i++)
		str_add_char(&s, 'x');
	assert_ptr_equal(s.data, data);
	str_release(&s);
}

static void taken_text_is_the_callers(void **state)
{
	struct str s = {0};
	char *text;

	(void)state;
	str_add(&s, "mine");
	text = str_take(&s);
	assert_string_equal(text, "mine");
	assert_null(s.data);
	assert_int_equal(s.len, 0);
	free(text);

	text = str_take(&s); /* an empty text is one, too */
	assert_string_equal(text, "");
	free(text);

	text = str_printf("%s/%u", "part", 5);
	assert_string_equal(text, "part/5");
	free(text);
}

static void a_copy_is_cut_at_the_end_of_the_room(void **state)
{
	char dst[4];

	(void)state;
	assert_true(str_copy(dst, sizeof(dst), "abc"));
	assert_string_equal(dst, "abc");
	assert_false(str_copy(dst, sizeof(dst), "abcd"));
	assert_string_equal(dst, "abc");
	assert_false(str_copy(dst, 1, "x"));
	assert_string_equal(dst, "");
	assert_true(str_copy(dst, 1, ""));
}

static void starts_and_ends(void **state)
{
	(void)state;
	assert_true(str_starts("bucket.name", "bucket."));
	assert_true(str_starts("x", ""));
	assert_false(str_starts("buck", "bucket"));
	assert_true(str_ends("dump.sql.gz", ".gz"));
	assert_true(str_ends("x", ""));
	assert_false(str_ends("gz", ".gz"));
	assert_false(str_ends("dump.gz.", ".gz"));
}

static void numbers_are_digits_and_nothing_else(void **state)
{
	static const char *const wrong[] = {
		"", " 1", "1 ", "+1", "-1", "0x1", "1k", "1.0", "\xd9\xa1",
	};
	uint64_t n = 42;

	(void)state;
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(str_to_u64(wrong[i], &n), -EINVAL);
	assert_int_equal(str_to_u64("18446744073709551616", &n), -ERANGE);
	assert_int_equal(str_to_u64("99999999999999999999999", &n), -ERANGE);
	assert_int_equal(str_to_u64("99999999999999999999999x", &n), -EINVAL);
	assert_int_equal(n, 42);

	assert_int_equal(str_to_u64("18446744073709551615", &n), 0);
	assert_int_equal(n, UINT64_MAX);
	assert_int_equal(str_to_u64("0000", &n), 0);
	assert_int_equal(n, 0);
}

static void utf8_characters_are_measured(void **state)
{
	(void)state;
	assert_int_equal(str_utf8_char("a", 1), 1);
	assert_int_equal(str_utf8_char("\0", 1), 1);
	assert_int_equal(str_utf8_char("\xc3\xbc", 2), 2);
	assert_int_equal(str_utf8_char("\xe2\x82\xac", 3), 3);
	assert_int_equal(str_utf8_char("\xed\x9f\xbf", 3), 3);
	assert_int_equal(str_utf8_char("\xf0\x9f\x98\x80", 4), 4);
	assert_int_equal(str_utf8_char("\xf4\x8f\xbf\xbf", 4), 4);
}

static void broken_utf8_is_none(void **state)
{
	static const char *const broken[] = {
		"\x80",     /* a tail alone */
		"\xc3",     /* cut */
		"\xc3\x28", /* no tail */
		"\xc0\xaf", /* overlong '/' */
		"\xc1\xbf",
		"\xe0\x9f\xbf", /* overlong */
		"\xe2\x82",     /* cut */
		"\xe2\x82\x28",
		"\xed\xa0\x80",     /* a surrogate */
		"\xf0\x8f\xbf\xbf", /* overlong */
		"\xf0\x9f\x98",     /* cut */
		"\xf0\x9f\x98\x28",
		"\xf4\x90\x80\x80", /* above U+10FFFF */
		"\xf5\x80\x80\x80",
		"\xff",
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
		assert_int_equal(str_utf8_char(broken[i], strlen(broken[i])),
		                 0);
	assert_int_equal(str_utf8_char("a", 0), 0);
}

/* The coding of one text. */
static void assert_uri(const char *text, bool keep_slash, const char *coded)
{
	struct str s = {0};

	str_add(&s, ">");
	str_add_uri(&s, text, strlen(text), keep_slash);
	assert_string_equal(str_text(&s) + 1, coded);
	assert_int_equal(s.len, strlen(coded) + 1);
	str_release(&s);
}

static void uri_coding_is_that_of_sigv4(void **state)
{
	(void)state;
	assert_uri("AZaz09-._~", false, "AZaz09-._~");
	assert_uri("a b+c", false, "a%20b%2Bc");
	assert_uri("dir/file name.txt", true, "dir/file%20name.txt");
	assert_uri("dir/file", false, "dir%2Ffile");
	assert_uri("*!'()", false, "%2A%21%27%28%29");
	assert_uri("\xc3\xbc\xff\x01", false, "%C3%BC%FF%01");
	assert_uri("", false, "");
}

static void every_byte_survives_coding_and_decoding(void **state)
{
	struct str coded = {0};
	struct str plain = {0};
	uint8_t bytes[256];

	(void)state;
	for (unsigned i = 0; i < 256; i++)
		bytes[i] = (uint8_t)i;
	str_add_uri(&coded, bytes, sizeof(bytes), false);
	assert_int_equal(str_uri_decode(coded.data, coded.len, false, &plain),
	                 0);
	assert_int_equal(plain.len, 256);
	assert_memory_equal(plain.data, bytes, 256);
	str_release(&coded);
	str_release(&plain);
}

static void plus_is_a_blank_only_if_asked(void **state)
{
	struct str s = {0};

	(void)state;
	assert_int_equal(str_uri_decode("a+b%2bc", 7, true, &s), 0);
	assert_string_equal(str_text(&s), "a b+c");
	str_reset(&s);
	assert_int_equal(str_uri_decode("a+b%2Bc", 7, false, &s), 0);
	assert_string_equal(str_text(&s), "a+b+c");
	str_release(&s);
}

static void a_broken_percent_is_refused_and_adds_nothing(void **state)
{
	static const char *const broken[] = {
		"abc%", "abc%4", "abc%4g", "abc%g4", "%%41", "% 41",
	};
	struct str s = {0};

	(void)state;
	str_add(&s, "kept");
	for (unsigned i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		assert_int_equal(str_uri_decode(broken[i], strlen(broken[i]),
		                                false, &s),
		                 -EINVAL);
		assert_string_equal(str_text(&s), "kept");
		assert_int_equal(s.len, 4);
	}
	/* Only len bytes count: the rest is not looked at. */
	assert_int_equal(str_uri_decode("%41", 2, false, &s), -EINVAL);
	str_release(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_zeroed_struct_is_an_empty_text),
		cmocka_unit_test(pieces_add_up),
		cmocka_unit_test(long_text_grows),
		cmocka_unit_test(formatted_text_of_any_length_is_whole),
		cmocka_unit_test(out_of_memory_sticks_until_reset),
		cmocka_unit_test(reserved_room_is_there_without_moving),
		cmocka_unit_test(taken_text_is_the_callers),
		cmocka_unit_test(a_copy_is_cut_at_the_end_of_the_room),
		cmocka_unit_test(starts_and_ends),
		cmocka_unit_test(numbers_are_digits_and_nothing_else),
		cmocka_unit_test(utf8_characters_are_measured),
		cmocka_unit_test(broken_utf8_is_none),
		cmocka_unit_test(uri_coding_is_that_of_sigv4),
		cmocka_unit_test(every_byte_survives_coding_and_decoding),
		cmocka_unit_test(plus_is_a_blank_only_if_asked),
		cmocka_unit_test(a_broken_percent_is_refused_and_adds_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
