/* SPDX-License-Identifier: MIT */
#include "escape.h"

#include "base/str.h"

#include <errno.h>
#include <string.h>

#define ESCAPE_LEN 4 /* bytes: "%x" and two digits */

/* A text being written, with room for its NUL. */
struct writer {
	char *at;
	char *end; /* the last byte, for the NUL */
	bool full;
};

static void put(struct writer *w, const char *text, size_t len)
{
	if ((size_t)(w->end - w->at) < len) {
		w->full = true;
		return;
	}
	memcpy(w->at, text, len);
	w->at += len;
}

/* Write a byte as its escape. */
static void put_escape(struct writer *w, unsigned char byte)
{
	static const char digits[] = "0123456789ABCDEF";
	const char text[ESCAPE_LEN] = {'%', 'x', digits[byte >> 4],
	                               digits[byte & 15]};

	put(w, text, sizeof(text));
}

/* The value of an upper-case hex digit, or -1. */
static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte of an escape at the start of text, or -1. */
static int escape_at(const char *text, size_t len)
{
	if (len < ESCAPE_LEN || text[0] != '%' || text[1] != 'x' ||
	    digit(text[2]) < 0 || digit(text[3]) < 0)
		return -1;
	return digit(text[2]) * 16 + digit(text[3]);
}

/* Whether a component is nothing but one or two dots. */
static bool is_dots(const char *part, size_t len)
{
	return (len == 1 && part[0] == '.') ||
	       (len == 2 && part[0] == '.' && part[1] == '.');
}

/* Bytes of the character at the start of text, 0 = not UTF-8. */
static size_t character(const char *text, size_t len)
{
	return (unsigned char)text[0] < 0x80 ? 1 : str_utf8_char(text, len);
}

/* Whether a component of a key is its own name. */
static bool is_plain(const char *part, size_t len)
{
	if (len == 0 || is_dots(part, len))
		return false;
	for (size_t i = 0; i < len;) {
		size_t bytes = character(part + i, len - i);

		if (bytes == 0 || escape_at(part + i, len - i) >= 0)
			return false;
		i += bytes;
	}
	return true;
}

/* Length of the component at the start of text. */
static size_t part_len(const char *text, size_t len)
{
	const char *slash = memchr(text, '/', len);

	return slash ? (size_t)(slash - text) : len;
}

bool escape_key_is_odd(const char *key, size_t len)
{
	while (len > 0) {
		size_t part = part_len(key, len);

		if (!is_plain(key, part))
			return true;
		part += part < len;
		key += part;
		len -= part;
	}
	return false;
}

bool escape_path_is_odd(const char *path)
{
	return strstr(path, "%x") != NULL;
}

/* Write the name of a component. */
static void put_name(struct writer *w, const char *part, size_t len)
{
	bool dots = is_dots(part, len);

	if (len == 0)
		put(w, ESCAPE_EMPTY, ESCAPE_LEN);
	for (size_t i = 0; i < len;) {
		size_t bytes = character(part + i, len - i);

		if (bytes == 0 || dots || escape_at(part + i, len - i) >= 0) {
			put_escape(w, (unsigned char)part[i++]);
			continue;
		}
		put(w, part + i, bytes);
		i += bytes;
	}
}

/* NOLINTNEXTLINE(readability-non-const-parameter): it is written to */
int escape_path(const char *key, size_t len, char ret[ESCAPE_PATH_MAX + 1])
{
	struct writer w = {.at = ret, .end = ret + ESCAPE_PATH_MAX};

	while (len > 0) {
		size_t part = part_len(key, len);

		put_name(&w, key, part);
		if (part < len) {
			put(&w, "/", 1);
			part++;
		}
		key += part;
		len -= part;
	}
	*w.at = 0;
	return w.full ? -ENAMETOOLONG : 0;
}

/* Write the component of a name, which need not be that component's. */
static void put_part(struct writer *w, const char *name, size_t len)
{
	if (len == ESCAPE_LEN && memcmp(name, ESCAPE_EMPTY, ESCAPE_LEN) == 0)
		return;
	for (size_t i = 0; i < len;) {
		int byte = escape_at(name + i, len - i);
		const char c = byte < 0 ? name[i] : (char)byte;

		put(w, &c, 1);
		i += byte < 0 ? 1 : ESCAPE_LEN;
	}
}

/* Whether name is the name of some component, which becomes *ret_part. */
static bool is_name(const char *name, size_t len, struct writer *w)
{
	char again[ESCAPE_PATH_MAX + 1];
	struct writer check = {.at = again, .end = again + ESCAPE_PATH_MAX};
	const char *part = w->at;

	put_part(w, name, len);
	if (w->full || memchr(part, 0, (size_t)(w->at - part)) ||
	    memchr(part, '/', (size_t)(w->at - part)))
		return false;
	put_name(&check, part, (size_t)(w->at - part));
	return !check.full && (size_t)(check.at - again) == len &&
	       memcmp(again, name, len) == 0;
}

/* Length of a file's path without its mark, or of any path as it is. */
static size_t without_mark(const char *path)
{
	size_t len = strlen(path);

	return escape_is_aside(path) ? len - ESCAPE_LEN : len;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): it is written to */
int escape_to_key(const char *path, char ret[STORE_KEY_MAX + 1])
{
	struct writer w = {.at = ret, .end = ret + STORE_KEY_MAX};
	size_t len = without_mark(path);

	while (len > 0) {
		size_t part = part_len(path, len);
		const char *start = w.at;

		if (!is_name(path, part, &w))
			return w.full ? -ENAMETOOLONG : -ENOENT;
		if (part == len && w.at == start)
			return -ENOENT;
		if (part < len) {
			put(&w, "/", 1);
			part++;
		}
		path += part;
		len -= part;
	}
	*w.at = 0;
	return w.full ? -ENAMETOOLONG : 0;
}

bool escape_is_aside(const char *path)
{
	size_t len = strlen(path);

	return len > ESCAPE_LEN && path[len - ESCAPE_LEN - 1] != '/' &&
	       memcmp(path + len - ESCAPE_LEN, ESCAPE_ASIDE, ESCAPE_LEN) == 0;
}

/* Whether text is UTF-8. */
static bool is_utf8(const char *text, size_t len)
{
	for (size_t i = 0; i < len;) {
		size_t bytes = character(text + i, len - i);

		if (bytes == 0)
			return false;
		i += bytes;
	}
	return true;
}

int escape_check_name(const char *name)
{
	char part[STORE_KEY_MAX + 1];
	struct writer w = {.at = part, .end = part + STORE_KEY_MAX};
	size_t len = strlen(name);

	if (len == 0 || is_dots(name, len) || memchr(name, '/', len))
		return -EINVAL;
	if (!is_utf8(name, len))
		return -EILSEQ;
	if (!escape_path_is_odd(name))
		return 0;
	return is_name(name, without_mark(name), &w) ? 0 : -EINVAL;
}
