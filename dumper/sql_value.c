/* SPDX-License-Identifier: MIT */
/*
 * Values as SQL text.  Most of a dump's time is spent in sql_escape(): sixteen
 * bytes are looked at and copied at once where the processor has SSE2.
 */
#include "sql_value.h"

#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* The letter behind the backslash, 0 = the byte needs none. */
static char escape_of(char c)
{
	switch (c) {
	case '\0':
		return '0';
	case '\n':
		return 'n';
	case '\r':
		return 'r';
	case '\x1a':
		return 'Z';
	case '\\':
		return '\\';
	case '\'':
		return '\'';
	default:
		return 0;
	}
}

char *sql_escape_plain(char *out, const char *data, size_t len)
{
	for (const char *end = data + len; data < end; data++) {
		char letter = escape_of(*data);

		if (letter) {
			*out++ = '\\';
			*out++ = letter;
		} else {
			*out++ = *data;
		}
	}
	return out;
}

#ifdef __SSE2__
/* A bit per byte of sixteen that must be escaped. */
static unsigned special(__m128i v)
{
	__m128i hit = _mm_cmpeq_epi8(v, _mm_set1_epi8('\''));

	hit = _mm_or_si128(hit, _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
	hit = _mm_or_si128(hit, _mm_cmpeq_epi8(v, _mm_set1_epi8('\n')));
	hit = _mm_or_si128(hit, _mm_cmpeq_epi8(v, _mm_set1_epi8('\r')));
	hit = _mm_or_si128(hit, _mm_cmpeq_epi8(v, _mm_set1_epi8('\x1a')));
	hit = _mm_or_si128(hit, _mm_cmpeq_epi8(v, _mm_setzero_si128()));
	return (unsigned)_mm_movemask_epi8(hit);
}

char *sql_escape(char *out, const char *data, size_t len)
{
	while (len >= 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)data);
		unsigned hits = special(v);

		_mm_storeu_si128((__m128i *)out, v);
		if (hits == 0) {
			data += 16;
			out += 16;
			len -= 16;
			continue;
		}

		unsigned clean = (unsigned)__builtin_ctz(hits);

		out += clean;
		*out++ = '\\';
		*out++ = escape_of(data[clean]);
		data += clean + 1;
		len -= clean + 1;
	}
	return sql_escape_plain(out, data, len);
}
#else
char *sql_escape(char *out, const char *data, size_t len)
{
	return sql_escape_plain(out, data, len);
}
#endif

#ifdef __SSE2__
/* Sixteen nibbles to sixteen upper-case hex digits. */
static __m128i digits(__m128i nibbles)
{
	__m128i above = _mm_cmpgt_epi8(nibbles, _mm_set1_epi8(9));
	__m128i digit = _mm_add_epi8(nibbles, _mm_set1_epi8('0'));

	return _mm_add_epi8(
		digit, _mm_and_si128(above, _mm_set1_epi8('A' - '0' - 10)));
}
#endif

static char *add_hex(char *out, const char *data, size_t len)
{
#ifdef __SSE2__
	for (; len >= 16; data += 16, len -= 16, out += 32) {
		__m128i v = _mm_loadu_si128((const __m128i *)data);
		__m128i mask = _mm_set1_epi8(15);
		__m128i high =
			digits(_mm_and_si128(_mm_srli_epi16(v, 4), mask));
		__m128i low = digits(_mm_and_si128(v, mask));

		_mm_storeu_si128((__m128i *)out, _mm_unpacklo_epi8(high, low));
		_mm_storeu_si128((__m128i *)(out + 16),
		                 _mm_unpackhi_epi8(high, low));
	}
#endif
	for (; len > 0; data++, len--) {
		unsigned char c = (unsigned char)*data;

		*out++ = "0123456789ABCDEF"[c >> 4];
		*out++ = "0123456789ABCDEF"[c & 15];
	}
	return out;
}

static char *add(char *out, const char *text)
{
	size_t len = strlen(text);

	memcpy(out, text, len);
	return out + len;
}

bool sql_charset_has_ascii(const char *charset)
{
	/* Yen or letters in ASCII's places, or wider than a byte. */
	static const char *const others[] = {"swe7",  "sjis",    "ucs2",
	                                     "utf16", "utf16le", "utf32"};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strcmp(charset, others[i]) == 0)
			return false;
	return true;
}

/* Printable ASCII only. */
static bool is_ascii(const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (data[i] < 0x20 || data[i] > 0x7e)
			return false;
	return true;
}

bool sql_value_is_hex(const struct sql_format *format, const char *data,
                      size_t len)
{
	if (len == 0)
		return false;
	if (format->kind == SQL_BYTES)
		return true;
	if (format->kind != SQL_CHARSET)
		return false;
	return !sql_charset_has_ascii(format->charset) || !is_ascii(data, len);
}

size_t sql_value_room(const struct sql_format *format, const char *data,
                      size_t len)
{
	(void)format;
	return data ? 2 * len + SQL_CHARSET_MAX + 8 : 4;
}

char *sql_value_begin(char *out, const struct sql_format *format, bool hex)
{
	if (!hex)
		return add(out, "'");
	if (format->kind == SQL_CHARSET) {
		out = add(out, "_");
		out = add(out, format->charset);
		out = add(out, " ");
	}
	return add(out, "0x");
}

char *sql_value_piece(char *out, bool hex, const char *data, size_t len)
{
	return hex ? add_hex(out, data, len) : sql_escape(out, data, len);
}

char *sql_value_end(char *out, bool hex)
{
	return hex ? out : add(out, "'");
}

/* "-0", "-0.00": a zero that has a sign. */
static bool is_negative_zero(const char *data, size_t len)
{
	if (len < 2 || data[0] != '-')
		return false;
	for (size_t i = 1; i < len; i++)
		if (data[i] != '0' && data[i] != '.')
			return false;
	return true;
}

char *sql_value_write(char *out, const struct sql_format *format,
                      const char *data, size_t len, bool is_error)
{
	if (!data)
		return add(out, "NULL");
	if (is_error)
		return add(out, "0");
	if (format->kind == SQL_NUMBER || format->kind == SQL_FLOAT) {
		memcpy(out, data, len);
		out += len;
		if (format->kind == SQL_FLOAT && is_negative_zero(data, len))
			out = add(out, "e0");
		return out;
	}

	bool hex = sql_value_is_hex(format, data, len);

	out = sql_value_begin(out, format, hex);
	out = sql_value_piece(out, hex, data, len);
	return sql_value_end(out, hex);
}
