/* SPDX-License-Identifier: MIT */
/* Values as SQL: every kind, every byte, and the escaper against its twin. */
#include "base/digest.h"
#include "base/str.h"
#include "sql_value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The value as text, the caller's. */
static char *written(const struct sql_format *format, const char *data,
                     size_t len, bool is_error)
{
	size_t room = sql_value_room(format, data, len);
	char *out = calloc(1, room + SQL_VALUE_SLACK + 1);
	char *end = sql_value_write(out, format, data, len, is_error);

	assert_true(end <= out + room);
	*end = '\0';
	return out;
}

static void every_kind_is_written_as_it_must_be(void **state)
{
	(void)state;
	static const struct {
		struct sql_format format;
		const char *data;
		size_t len;
		bool is_error;
		const char *expected;
	} rows[] = {
		{{SQL_NUMBER, ""}, "-12", 3, false, "-12"},
		{{SQL_NUMBER, ""}, NULL, 0, false, "NULL"},
		{{SQL_NUMBER, ""}, "-0.00", 5, false, "-0.00"},
		{{SQL_FLOAT, ""},
	         "1.2345677614212036",
	         18,
	         false,
	         "1.2345677614212036"},
		{{SQL_FLOAT, ""}, "-0", 2, false, "-0e0"},
		{{SQL_FLOAT, ""}, "-0.00000", 8, false, "-0.00000e0"},
		{{SQL_FLOAT, ""}, "-0.5", 4, false, "-0.5"},
		{{SQL_FLOAT, ""}, "0", 1, false, "0"},
		{{SQL_TEXT, ""}, "", 0, false, "''"},
		{{SQL_TEXT, ""}, NULL, 0, false, "NULL"},
		{{SQL_TEXT, ""},
	         "it's \\ \"x\"",
	         10,
	         false,
	         "'it\\'s \\\\ \"x\"'"},
		{{SQL_TEXT, ""},
	         "\0\n\r\x1a\t\b",
	         6,
	         false,
	         "'\\0\\n\\r\\Z\t\b'"},
		{{SQL_TEXT, ""}, "NULL", 4, false, "'NULL'"},
		{{SQL_TEXT, ""},
	         "\xF0\x9F\x98\x80",
	         4,
	         false,
	         "'\xF0\x9F\x98\x80'"},
		{{SQL_BYTES, ""}, "", 0, false, "''"},
		{{SQL_BYTES, ""}, "\0'\\\xff", 4, false, "0x00275CFF"},
		{{SQL_CHARSET, "big5"}, "plain text", 10, false, "'plain text'"},
		{{SQL_CHARSET, "big5"}, "\xa5\x5c", 2, false, "_big5 0xA55C"},
		{{SQL_CHARSET, "big5"}, "a\nb", 3, false, "_big5 0x610A62"},
		{{SQL_CHARSET, "big5"}, "\\'", 2, false, "'\\\\\\''"},
		{{SQL_CHARSET, "sjis"}, "plain", 5, false, "_sjis 0x706C61696E"},
		{{SQL_CHARSET, "utf16"}, "\0a", 2, false, "_utf16 0x0061"},
		{{SQL_CHARSET, "ucs2"}, "", 0, false, "''"},
		{{SQL_ENUM, ""}, "a", 1, false, "'a'"},
		{{SQL_ENUM, ""}, "", 0, true, "0"},
		{{SQL_ENUM, ""}, "", 0, false, "''"},
		{{SQL_ENUM, ""}, NULL, 0, false, "NULL"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cleanup(freep) char *text =
			written(&rows[i].format, rows[i].data, rows[i].len,
		                rows[i].is_error);

		assert_string_equal(text, rows[i].expected);
	}
}

static void the_escaper_equals_its_twin(void **state)
{
	(void)state;
	uint8_t data[300];
	char fast[700], plain[700];

	for (unsigned round = 0; round < 2000; round++) {
		size_t len = round % sizeof(data);

		digest_random(data, sizeof(data));
		/* Half of the rounds are mostly clean. */
		for (size_t i = 0; i < len && round % 2; i++)
			if (data[i] % 16)
				data[i] = 'x';

		char *a = sql_escape(fast, (const char *)data, len);
		char *b = sql_escape_plain(plain, (const char *)data, len);

		assert_int_equal(a - fast, b - plain);
		assert_memory_equal(fast, plain, (size_t)(a - fast));
	}
}

static void every_byte_at_every_place_is_escaped_right(void **state)
{
	(void)state;
	char data[40], fast[100], plain[100];

	for (unsigned c = 0; c < 256; c++)
		for (size_t at = 0; at < 33; at++) {
			memset(data, 'a', sizeof(data));
			data[at] = (char)c;
			char *a = sql_escape(fast, data, 33);
			char *b = sql_escape_plain(plain, data, 33);

			assert_int_equal(a - fast, b - plain);
			assert_memory_equal(fast, plain, (size_t)(a - fast));
		}
}

static void hex_of_any_length_is_right(void **state)
{
	(void)state;
	const struct sql_format format = {.kind = SQL_BYTES};
	uint8_t data[100];
	char expected[203];

	for (size_t len = 1; len < sizeof(data); len++) {
		digest_random(data, len);
		memcpy(expected, "0x", 2);
		digest_hex(data, len, expected + 2);
		for (char *c = expected + 2; *c; c++)
			*c = *c >= 'a' ? (char)(*c - 32) : *c;

		cleanup(freep) char *text =
			written(&format, (const char *)data, len, false);

		assert_string_equal(text, expected);
	}
}

static void pieces_make_the_same_as_the_whole(void **state)
{
	(void)state;
	const struct sql_format formats[] = {
		{SQL_TEXT, ""}, {SQL_BYTES, ""}, {SQL_CHARSET, "gbk"}};
	const char data[] = "ab'c\\\n0123456789abcdef'''\xff\x80";
	const size_t len = sizeof(data) - 1;

	for (size_t f = 0; f < 3; f++)
		for (size_t cut = 1; cut < len; cut++) {
			char out[200], *end;
			bool hex = sql_value_is_hex(&formats[f], data, len);
			cleanup(freep) char *whole =
				written(&formats[f], data, len, false);

			end = sql_value_begin(out, &formats[f], hex);
			end = sql_value_piece(end, hex, data, cut);
			end = sql_value_piece(end, hex, data + cut, len - cut);
			end = sql_value_end(end, hex);
			*end = '\0';
			assert_string_equal(out, whole);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_is_written_as_it_must_be),
		cmocka_unit_test(the_escaper_equals_its_twin),
		cmocka_unit_test(every_byte_at_every_place_is_escaped_right),
		cmocka_unit_test(hex_of_any_length_is_right),
		cmocka_unit_test(pieces_make_the_same_as_the_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
