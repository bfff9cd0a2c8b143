/* SPDX-License-Identifier: MIT */
#include "record_text.h"

#include <errno.h>
#include <string.h>

/* The len low bytes of a number, the lowest first. */
static void add_number(struct str *s, uint64_t value, unsigned len)
{
	for (unsigned i = 0; i < len; i++)
		str_add_char(s, (char)(value >> (8 * i)));
}

void record_add_u8(struct str *s, uint8_t value)
{
	add_number(s, value, 1);
}

void record_add_u32(struct str *s, uint32_t value)
{
	add_number(s, value, 4);
}

void record_add_u64(struct str *s, uint64_t value)
{
	add_number(s, value, 8);
}

void record_add_text(struct str *s, const char *text)
{
	size_t len = text ? strnlen(text, RECORD_TEXT_MAX) : 0;

	add_number(s, len, 2);
	if (len > 0)
		str_add_mem(s, text, len);
	str_add_char(s, '\0');
}

/* The next len bytes, or NULL. */
static const uint8_t *take_bytes(struct record_reader *reader, size_t len)
{
	const uint8_t *at = reader->left.data;

	if (reader->broken || reader->left.len < len) {
		reader->broken = true;
		return NULL;
	}
	reader->left.data += len;
	reader->left.len -= len;
	return at;
}

/* A number of len bytes. */
static uint64_t take_number(struct record_reader *reader, unsigned len)
{
	const uint8_t *at = take_bytes(reader, len);
	uint64_t value = 0;

	for (unsigned i = 0; at && i < len; i++)
		value |= (uint64_t)at[i] << (8 * i);
	return value;
}

uint8_t record_u8(struct record_reader *reader)
{
	return (uint8_t)take_number(reader, 1);
}

uint32_t record_u32(struct record_reader *reader)
{
	return (uint32_t)take_number(reader, 4);
}

uint64_t record_u64(struct record_reader *reader)
{
	return take_number(reader, 8);
}

const char *record_text(struct record_reader *reader, size_t max)
{
	size_t len = (size_t)take_number(reader, 2);
	const uint8_t *at = take_bytes(reader, len + 1);

	if (at && len < max && at[len] == '\0' && !memchr(at, '\0', len))
		return (const char *)at;
	reader->broken = true;
	return "";
}

int record_end(const struct record_reader *reader)
{
	return reader->broken || reader->left.len > 0 ? -EBADMSG : 0;
}
