/* SPDX-License-Identifier: MIT */
#include "base/str.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define STR_CAP_MIN 64 /* bytes, the first allocation */

void str_release(struct str *s)
{
	free(s->data);
	*s = (struct str){0};
}

void str_reset(struct str *s)
{
	s->len = 0;
	s->status = 0;
	if (s->data)
		s->data[0] = '\0';
}

int str_reserve(struct str *s, size_t extra)
{
	if (s->status < 0)
		return s->status;
	if (extra < s->cap - s->len)
		return 0;
	if (extra > SIZE_MAX / 2 - s->len - 1)
		return s->status = -ENOMEM;

	size_t need = s->len + extra + 1;
	size_t cap = s->cap > STR_CAP_MIN / 2 ? 2 * s->cap : STR_CAP_MIN;

	cap = cap > need ? cap : need;
	char *data = realloc(s->data, cap);

	if (!data)
		return s->status = -ENOMEM;
	data[s->len] = '\0';
	s->data = data;
	s->cap = cap;
	return 0;
}

void str_add_mem(struct str *s, const void *data, size_t len)
{
	if (str_reserve(s, len) < 0)
		return;

	if (len > 0)
		memcpy(s->data + s->len, data, len);
	s->len += len;
	s->data[s->len] = '\0';
}

void str_add(struct str *s, const char *text)
{
	str_add_mem(s, text, strlen(text));
}

void str_add_char(struct str *s, char c)
{
	str_add_mem(s, &c, 1);
}

/* Format straight into the spare room, once more if that was too small. */
__attribute__((format(printf, 2, 0))) static void
str_addv(struct str *s, const char *fmt, va_list args)
{
	va_list again;

	if (str_reserve(s, STR_CAP_MIN) < 0)
		return;

	va_copy(again, args);
	int n = vsnprintf(s->data + s->len, s->cap - s->len, fmt, args);

	if (n >= 0 && (size_t)n >= s->cap - s->len) {
		s->data[s->len] = '\0';
		if (str_reserve(s, (size_t)n) == 0)
			n = vsnprintf(s->data + s->len, s->cap - s->len, fmt,
			              again);
		else
			n = 0;
	}
	va_end(again);

	if (n < 0) {
		s->data[s->len] = '\0';
		s->status = -ENOMEM; /* the only way "%s" and "%u" can fail */
		return;
	}
	s->len += (size_t)n;
}

void str_addf(struct str *s, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	str_addv(s, fmt, args);
	va_end(args);
}

int str_status(const struct str *s)
{
	return s->status;
}

const char *str_text(const struct str *s)
{
	return s->data ? s->data : "";
}

char *str_take(struct str *s)
{
	if (str_reserve(s, 0) < 0) {
		str_release(s);
		return NULL;
	}

	char *text = s->data;

	*s = (struct str){0};
	return text;
}

char *str_printf(const char *fmt, ...)
{
	struct str s = {0};
	va_list args;

	va_start(args, fmt);
	str_addv(&s, fmt, args);
	va_end(args);
	return str_take(&s);
}

bool str_copy(char *dst, size_t size, const char *src)
{
	assert(size > 0);

	size_t len = strnlen(src, size);
	bool fits = len < size;

	if (!fits)
		len = size - 1;
	memcpy(dst, src, len);
	dst[len] = '\0';
	return fits;
}

bool str_starts(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *text, const char *suffix)
{
	size_t len = strlen(text);
	size_t tail = strlen(suffix);

	return len >= tail && memcmp(text + len - tail, suffix, tail) == 0;
}

int str_to_u64(const char *text, uint64_t *ret)
{
	uint64_t value = 0;
	bool overflow = false;

	if (!*text)
		return -EINVAL;

	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		overflow |= __builtin_mul_overflow(value, 10, &value);
		overflow |= __builtin_add_overflow(
			value, (unsigned)(*text - '0'), &value);
	}
	if (overflow)
		return -ERANGE;

	*ret = value;
	return 0;
}

/* Whether byte continues a UTF-8 sequence, between low and high. */
static bool is_tail(unsigned char byte, unsigned char low, unsigned char high)
{
	return byte >= low && byte <= high;
}

size_t str_utf8_char(const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text;

	if (len == 0)
		return 0;
	if (p[0] < 0x80)
		return 1;

	/* The table "Well-Formed UTF-8 Byte Sequences" of the Unicode book. */
	unsigned char low = 0x80;
	unsigned char high = 0xbf;
	size_t want = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	if (p[0] < 0xc2 || p[0] > 0xf4 || len < want)
		return 0;
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;

	if (!is_tail(p[1], low, high))
		return 0;
	for (size_t i = 2; i < want; i++)
		if (!is_tail(p[i], 0x80, 0xbf))
			return 0;
	return want;
}

/* RFC 3986, 2.3. */
static bool is_unreserved(unsigned char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
	       c == '~';
}

void str_add_uri(struct str *s, const void *data, size_t len, bool keep_slash)
{
	static const char digits[] = "0123456789ABCDEF";
	const unsigned char *p = data;

	if (len > SIZE_MAX / 4) {
		s->status = -ENOMEM;
		return;
	}
	if (str_reserve(s, 3 * len) < 0)
		return;

	char *out = s->data + s->len;

	for (size_t i = 0; i < len; i++) {
		if (is_unreserved(p[i]) || (keep_slash && p[i] == '/')) {
			*out++ = (char)p[i];
		} else {
			*out++ = '%';
			*out++ = digits[p[i] >> 4];
			*out++ = digits[p[i] & 15];
		}
	}
	*out = '\0';
	s->len = (size_t)(out - s->data);
}

/* The value of a hex digit, or -1. */
static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Decode the "%XX" at text[i]: the byte, or -EINVAL. */
static int decode_percent(const char *text, size_t len, size_t i)
{
	if (len - i < 3)
		return -EINVAL;

	int high = hex_value(text[i + 1]);
	int low = hex_value(text[i + 2]);

	return high < 0 || low < 0 ? -EINVAL : high << 4 | low;
}

int str_uri_decode(const char *text, size_t len, bool plus_is_blank,
                   struct str *ret)
{
	if (str_reserve(ret, len) < 0)
		return ret->status;

	char *out = ret->data + ret->len;

	for (size_t i = 0; i < len; i++) {
		int c = (unsigned char)text[i];

		if (c == '%') {
			c = decode_percent(text, len, i);
			i += 2;
		} else if (c == '+' && plus_is_blank) {
			c = ' ';
		}
		if (c < 0) {
			ret->data[ret->len] = '\0';
			return c;
		}
		*out++ = (char)c;
	}
	*out = '\0';
	ret->len = (size_t)(out - ret->data);
	return 0;
}
