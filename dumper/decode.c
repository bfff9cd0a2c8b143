/* SPDX-License-Identifier: MIT */
/* See decode.h. */
#include "decode.h"

#include <errno.h>
#include <string.h>

/* Beginnings of files that are no SQL text, and what they are. */
static const struct {
	const char *magic;
	size_t len;
	const char *what;
} not_sql[] = {
	{"\xFF\xFE\0\0", 4,
         "text in UTF-32, which is not read: convert it to UTF-8"},
	{"\0\0\xFE\xFF", 4,
         "text in UTF-32, which is not read: convert it to UTF-8"},
	{"PGDMP", 5, "an archive of PostgreSQL's pg_dump, not SQL of MySQL"},
	{"\x1F\x8B", 2, "gzip inside of what was unpacked already"},
	{"\x28\xB5\x2F\xFD", 4, "zstd inside of what was unpacked already"},
	{"\xFD"
         "7zXZ",
         5, "xz inside of what was unpacked already"},
	{"PK\x03\x04", 4, "a zip archive: unpack it first"},
	{"BZh", 3, "bzip2, which is not read: use zstd, gzip or xz"},
	{"SQLite format", 13, "a database file of SQLite, not SQL of MySQL"},
};

int decode_detect(struct decode *d, const uint8_t *head, size_t len,
                  struct err *reterr)
{
	*d = (struct decode){0};

	for (size_t i = 0; i < sizeof(not_sql) / sizeof(not_sql[0]); i++) {
		if (len >= not_sql[i].len &&
		    memcmp(head, not_sql[i].magic, not_sql[i].len) == 0)
			return err_set(reterr, -EINVAL, "this is %s",
			               not_sql[i].what);
	}

	if (len >= 3 && memcmp(head, "\xEF\xBB\xBF", 3) == 0) {
		d->mark = 3;
	} else if (len >= 2 && head[0] == 0xFF && head[1] == 0xFE) {
		d->kind = DECODE_UTF16LE;
		d->mark = 2;
	} else if (len >= 2 && head[0] == 0xFE && head[1] == 0xFF) {
		d->kind = DECODE_UTF16BE;
		d->mark = 2;
	} else if (len >= 4 && head[0] && !head[1] && head[2] && !head[3]) {
		d->kind = DECODE_UTF16LE;
	} else if (len >= 4 && !head[0] && head[1] && !head[2] && head[3]) {
		d->kind = DECODE_UTF16BE;
	}
	return 0;
}

/* The number of 16 bits at p. */
static inline uint32_t unit_at(const struct decode *d, const uint8_t *p)
{
	return d->kind == DECODE_UTF16LE ? (uint32_t)p[0] | (uint32_t)p[1] << 8
	                                 : (uint32_t)p[1] | (uint32_t)p[0] << 8;
}

static size_t put_utf8(uint8_t *out, uint32_t c)
{
	if (c < 0x80) {
		out[0] = (uint8_t)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (uint8_t)(0xC0 | c >> 6);
		out[1] = (uint8_t)(0x80 | (c & 0x3F));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (uint8_t)(0xE0 | c >> 12);
		out[1] = (uint8_t)(0x80 | (c >> 6 & 0x3F));
		out[2] = (uint8_t)(0x80 | (c & 0x3F));
		return 3;
	}
	out[0] = (uint8_t)(0xF0 | c >> 18);
	out[1] = (uint8_t)(0x80 | (c >> 12 & 0x3F));
	out[2] = (uint8_t)(0x80 | (c >> 6 & 0x3F));
	out[3] = (uint8_t)(0x80 | (c & 0x3F));
	return 4;
}

static inline bool is_high(uint32_t unit)
{
	return unit >= 0xD800 && unit < 0xDC00;
}

static inline bool is_low(uint32_t unit)
{
	return unit >= 0xDC00 && unit < 0xE000;
}

/*
 * What is held may be a character now: write it.  Returns bytes written, 0 when
 * more must be held, or -EILSEQ.
 */
static int flush_held(struct decode *d, uint8_t *out, struct err *reterr)
{
	if (d->held_len < 2 || d->held_len == 3)
		return 0;

	uint32_t unit = unit_at(d, d->held);

	if (d->held_len == 2 && is_high(unit))
		return 0;
	if (is_low(unit) ||
	    (d->held_len == 4 && !is_low(unit_at(d, d->held + 2))))
		return err_set(reterr, -EILSEQ,
		               "the text is in UTF-16 and has half a "
		               "surrogate pair: it was damaged");
	if (d->held_len == 4)
		unit = 0x10000 + ((unit - 0xD800) << 10) +
		       (unit_at(d, d->held + 2) - 0xDC00);
	d->held_len = 0;
	return (int)put_utf8(out, unit);
}

int decode_utf16(struct decode *d, const uint8_t *in, size_t len, uint8_t *out,
                 size_t *ret, struct err *reterr)
{
	int r = 0;

	*ret = 0;
	for (size_t i = 0; i < len && r >= 0; i++) {
		d->held[d->held_len++] = in[i];
		r = flush_held(d, out + *ret, reterr);
		if (r > 0)
			*ret += (size_t)r;
	}
	return r < 0 ? r : 0;
}

int decode_end(const struct decode *d, struct err *reterr)
{
	if (d->held_len > 0)
		return err_set(reterr, -EILSEQ,
		               "the text is in UTF-16 and ends inside of a "
		               "character: it was cut");
	return 0;
}
