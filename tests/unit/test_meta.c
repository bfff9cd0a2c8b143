/* SPDX-License-Identifier: MIT */
#include "meta.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void assert_coded(const char *value, const char *want)
{
	struct str coded = {0};
	struct str back = {0};

	meta_encode(value, &coded);
	assert_string_equal(str_text(&coded), want);
	meta_decode(str_text(&coded), &back);
	assert_string_equal(str_text(&back), value);
	str_release(&coded);
	str_release(&back);
}

static void assert_read(const char *coded, const char *want)
{
	struct str back = {0};

	meta_decode(coded, &back);
	assert_string_equal(str_text(&back), want);
	str_release(&back);
}

static void plain_values_stay_as_they_are(void **state)
{
	(void)state;
	assert_coded("", "");
	assert_coded("1700000000", "1700000000");
	assert_coded("a b = c; \"d\" ~!", "a b = c; \"d\" ~!");
	assert_coded("100%25", "100%25");
	assert_coded("=x?", "=x?");
}

static void other_alphabets_are_encoded_words(void **state)
{
	(void)state;
	assert_coded("h\xc3\xa9", "=?UTF-8?B?aMOp?=");
	assert_coded("\xe2\x82\xac", "=?UTF-8?B?4oKs?=");
}

static void blanks_that_headers_lose_are_kept(void **state)
{
	(void)state;
	assert_coded(" a", "=?UTF-8?B?IGE=?=");
	assert_coded("a ", "=?UTF-8?B?YSA=?=");
	assert_coded("a  b", "=?UTF-8?B?YSAgYg==?=");
	assert_coded(" ", "=?UTF-8?B?IA==?=");
}

static void what_looks_coded_is_coded(void **state)
{
	(void)state;
	assert_coded("=?UTF-8?B?YQ==?=",
	             "=?UTF-8?B?PT9VVEYtOD9CP1lRPT0/PQ==?=");
	assert_coded("%porter:x", "%porter:%25porter%3Ax");
}

static void bytes_that_are_no_text_are_percent_coded(void **state)
{
	(void)state;
	assert_coded("a\x01z", "%porter:a%01z");
	assert_coded("\xff\xfe", "%porter:%FF%FE");
	assert_coded("a\nb\r\tc", "%porter:a%0Ab%0D%09c");
	assert_coded("\x7f", "%porter:%7F");
	assert_coded("\xc2\x85", "%porter:%C2%85"); /* NEL, a control */
}

/* No word is longer than RFC 2047's 75, and none cuts a character. */
static void long_texts_are_several_words(void **state)
{
	struct str value = {0};
	struct str coded = {0};

	(void)state;
	for (unsigned i = 0; i < 300; i++)
		str_add(&value, i % 3 ? "\xe2\x82\xac" : "x");
	meta_encode(value.data, &coded);

	for (char *word = coded.data; *word;) {
		size_t len = strcspn(word, " ");
		struct str part = {0};

		assert_true(len <= 75);
		char after = word[len];

		word[len] = '\0';
		meta_decode(word, &part);
		for (size_t i = 0; i < part.len;
		     i += part.data[i] == 'x' ? 1 : 3)
			assert_true(part.data[i] == 'x' ||
			            memcmp(part.data + i, "\xe2\x82\xac", 3) ==
			                    0);
		str_release(&part);
		word[len] = after;
		word += len + (after == ' ');
	}
	struct str back = {0};

	meta_decode(coded.data, &back);
	assert_string_equal(back.data, value.data);
	str_release(&value);
	str_release(&coded);
	str_release(&back);
}

static void words_of_others_are_read(void **state)
{
	(void)state;
	assert_read("=?UTF-8?Q?h=C3=A9_x?=", "h\xc3\xa9 x");
	assert_read("=?utf-8?b?aMOp?=", "h\xc3\xa9");
	assert_read("=?ISO-8859-1?Q?h=E9?=", "h\xc3\xa9");
	assert_read("=?US-ASCII?Q?abc?=", "abc");
	assert_read("=?UTF-8*en?Q?abc?=", "abc");
	assert_read("=?UTF-8?B?aMOp?= =?UTF-8?B?aMOp?=", "h\xc3\xa9h\xc3\xa9");
	assert_read("a =?UTF-8?B?aMOp?= b", "a h\xc3\xa9 b");
	/* A character whose bytes lie in two words. */
	assert_read("=?UTF-8?B?aMM=?=  =?UTF-8?Q?=A9?=", "h\xc3\xa9");
}

static void what_cannot_be_read_is_left_alone(void **state)
{
	static const char *const values[] = {
		"=?",
		"=?UTF-8",
		"=?UTF-8?B?",
		"=?UTF-8?B?aMOp",
		"=?UTF-8?X?aMOp?=",
		"=?KOI8-R?B?aMOp?=",
		"=?UTF-8?B?a?=",
		"=?UTF-8?B?a*Op?=",
		"=?UTF-8?B?AA==?=",
		"=?UTF-8?Q?=0?=",
		"=?UTF-8?Q?=0",
		"=?UTF-8?Q?=XY?=",
		"=?UTF-8?Q?=00?=",
		"%porter:%0",
		"%porter:%zz",
		"%porter:%00",
		"\xff raw bytes \xc3\xa9 of others",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		assert_read(values[i], values[i]);
}

/* Every byte in every neighbourhood, and what goes on the wire is ASCII. */
static void everything_survives_the_journey(void **state)
{
	uint32_t seed = 1;

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		char value[200];
		size_t len = round % (sizeof(value) - 1);
		struct str coded = {0};
		struct str back = {0};

		for (size_t i = 0; i < len; i++) {
			seed = seed * 1664525 + 1013904223;
			uint8_t byte = (uint8_t)(seed >> 24);

			if (round % 3 == 0)
				byte = (uint8_t)(" =?%a\xc3\xa9"[byte % 7]);
			value[i] = (char)(byte ? byte : 1);
		}
		value[len] = '\0';
		meta_encode(value, &coded);
		for (size_t i = 0; i < coded.len; i++)
			assert_in_range((uint8_t)coded.data[i], 0x20, 0x7e);
		meta_decode(str_text(&coded), &back);
		assert_string_equal(str_text(&back), value);
		str_release(&coded);
		str_release(&back);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_values_stay_as_they_are),
		cmocka_unit_test(other_alphabets_are_encoded_words),
		cmocka_unit_test(blanks_that_headers_lose_are_kept),
		cmocka_unit_test(what_looks_coded_is_coded),
		cmocka_unit_test(bytes_that_are_no_text_are_percent_coded),
		cmocka_unit_test(long_texts_are_several_words),
		cmocka_unit_test(words_of_others_are_read),
		cmocka_unit_test(what_cannot_be_read_is_left_alone),
		cmocka_unit_test(everything_survives_the_journey),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
