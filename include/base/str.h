/* SPDX-License-Identifier: MIT */
/*
 * Growable text (or bytes), always NUL-terminated once something was added.
 *
 * Out of memory is sticky: adding goes on doing nothing, and str_status()
 * tells at the end, so building a long text needs one check.  A zeroed struct
 * is an empty text.  Not thread safe.
 */
#ifndef PORTER_BASE_STR_H
#define PORTER_BASE_STR_H

#include "base/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct str {
	char *data; /* owned; NULL while nothing was added */
	size_t len; /* bytes, without the NUL */
	size_t cap; /* bytes allocated */
	int status; /* 0 or -ENOMEM, sticky */
};

void str_release(struct str *s);

/* Back to empty; keeps the memory and forgets the status. */
void str_reset(struct str *s);

void str_add(struct str *s, const char *text);
void str_add_mem(struct str *s, const void *data, size_t len);
void str_add_char(struct str *s, char c);
void str_addf(struct str *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Make room for extra more bytes. Returns 0 or -ENOMEM (sticky too). */
int str_reserve(struct str *s, size_t extra);

/* 0 or -ENOMEM: whether all that was added is there. */
int str_status(const struct str *s);

/* The text, never NULL ("" while empty). Borrowed until the next change. */
const char *str_text(const struct str *s);

/*
 * Hand over the text; the caller owns it and s is empty.  NULL when memory ran
 * out at any time.
 */
char *str_take(struct str *s);

/* strdup of a printf; NULL when out of memory. */
char *str_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Bounded copy; false when it did not fit (dst then holds a cut text). */
bool str_copy(char *dst, size_t size, const char *src);

bool str_starts(const char *text, const char *prefix);
bool str_ends(const char *text, const char *suffix);

/*
 * Whole-text numbers: no sign, no blanks, nothing behind. Returns 0, -EINVAL
 * (not a number) or -ERANGE.
 */
int str_to_u64(const char *text, uint64_t *ret);

/*
 * How many bytes the UTF-8 character at the start of text takes (1 to 4), or 0
 * when len bytes do not start with a valid one (overlong forms, surrogates and
 * code points above U+10FFFF are not valid).
 */
size_t str_utf8_char(const char *text, size_t len);

/*
 * Percent-encode every byte outside RFC 3986's unreserved set, and '/' too
 * unless keep_slash.  This is the coding SigV4 asks for (UriEncode in "Create
 * a signed AWS API request").
 */
void str_add_uri(struct str *s, const void *data, size_t len, bool keep_slash);

/*
 * Undo percent-encoding (and '+' = blank when plus_is_blank).  A '%' without
 * two hex digits is -EINVAL, and ret is untouched; else 0 or -ENOMEM.  The
 * result is appended and may hold NUL bytes: use ret->len.
 */
int str_uri_decode(const char *text, size_t len, bool plus_is_blank,
                   struct str *ret);

#endif
