/* SPDX-License-Identifier: MIT */
/* Is it UTF-8? (pure) */
#ifndef PORTER_S3_UTF8_H
#define PORTER_S3_UTF8_H

#include <stddef.h>
#include <stdint.h>

/*
 * Length in bytes of the character at text, of which len bytes are there, and
 * its code point.  0: not UTF-8 (RFC 3629: no overlong forms, no surrogates,
 * nothing beyond U+10FFFF), or len is 0.
 */
size_t utf8_next(const char *text, size_t len, uint32_t *ret);

#endif
