/* SPDX-License-Identifier: MIT */
/* The ends of complete files. */
#include "guard_ends.h"

#include <string.h>

#define TAR_BLOCK 512 /* bytes */
#define ZIP_END   22  /* bytes of the end record without its comment */

/* Whether a line begins with a text. */
static bool begins(const uint8_t *line, size_t len, const char *text)
{
	size_t text_len = strlen(text);

	return len >= text_len && memcmp(line, text, text_len) == 0;
}

/*
 * The last line of data[0, *len) without its end ("\n" or "\r\n"), cut off from
 * *len together with what stands behind it.  False: there is none, or its
 * beginning is not there.
 */
static bool last_line(const uint8_t *data, size_t *len, const uint8_t **ret,
                      size_t *ret_len)
{
	size_t end = *len;
	size_t begin;

	while (end > 0 && (data[end - 1] == '\n' || data[end - 1] == '\r'))
		end--;
	if (end == 0)
		return false;
	begin = end;
	while (begin > 0 && data[begin - 1] != '\n')
		begin--;
	*ret = data + begin;
	*ret_len = end - begin;
	*len = begin;
	return true;
}

bool guard_ends_mysqldump(const uint8_t *data, size_t len)
{
	const uint8_t *line;
	size_t line_len;

	/* A line that is cut was cut with the dump. */
	return len > 0 && data[len - 1] == '\n' &&
	       last_line(data, &len, &line, &line_len) &&
	       begins(line, line_len, "-- Dump completed");
}

bool guard_ends_pg_dump(const uint8_t *data, size_t len)
{
	const uint8_t *line;
	size_t line_len;

	if (len == 0 || data[len - 1] != '\n')
		return false;
	while (last_line(data, &len, &line, &line_len)) {
		if (begins(line, line_len,
		           "-- PostgreSQL database dump complete") ||
		    begins(line, line_len,
		           "-- PostgreSQL database cluster dump complete"))
			return true;
		/* Behind it: its frame, and what newer versions undo. */
		if (!(line_len == 2 && begins(line, line_len, "--")) &&
		    !begins(line, line_len, "\\unrestrict "))
			return false;
	}
	return false;
}

bool guard_ends_tar(const uint8_t *data, size_t len, uint64_t total)
{
	if (total % TAR_BLOCK != 0 || len < 2 * (size_t)TAR_BLOCK)
		return false;
	for (size_t i = len - 2 * (size_t)TAR_BLOCK; i < len; i++) {
		if (data[i] != 0)
			return false;
	}
	return true;
}

static uint32_t le16(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8;
}

static uint32_t le32(const uint8_t *p)
{
	return le16(p) | le16(p + 2) << 16;
}

/* Whether the record at data + at ends the file, its directory before it. */
static bool is_zip_end(const uint8_t *data, size_t len, size_t at,
                       uint64_t total)
{
	const uint8_t *record = data + at;
	uint64_t before = total - (len - at);
	uint64_t directory = le32(record + 12);
	uint64_t offset = le32(record + 16);

	if (!begins(record, len - at, "PK\5\6") ||
	    le16(record + 20) != len - at - ZIP_END)
		return false;
	/* Zip64 has its true figures elsewhere. */
	if (directory == UINT32_MAX || offset == UINT32_MAX)
		return true;
	return directory + offset <= before;
}

bool guard_ends_zip(const uint8_t *data, size_t len, uint64_t total)
{
	if (len < ZIP_END)
		return false;
	for (size_t at = len - ZIP_END + 1; at-- > 0;) {
		if (is_zip_end(data, len, at, total))
			return true;
	}
	return false;
}
