/* SPDX-License-Identifier: MIT */
/*
 * What a text file begins with, and UTF-16 to UTF-8.
 *
 * Windows tools save SQL with byte order marks and as UTF-16 (PowerShell's `>`
 * does); a splitter wants bytes that are ASCII where SQL is ASCII.  Pure.
 */
#ifndef PORTER_DUMPER_DECODE_H
#define PORTER_DUMPER_DECODE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DECODE_HEAD 16 /* bytes that decode_detect() looks at */

enum decode_kind {
	DECODE_PLAIN, /* bytes as they are */
	DECODE_UTF16LE,
	DECODE_UTF16BE,
};

struct decode {
	enum decode_kind kind;
	size_t mark; /* bytes of the byte order mark, not part of the text */

	uint8_t held[4]; /* bytes of a character that is not complete */
	size_t held_len;
};

/*
 * From the first bytes, DECODE_HEAD of them or all there are.  Returns 0, or
 * -EINVAL with a sentence for what is no SQL text of MySQL: UTF-32, archives
 * of pg_dump, files that are compressed still.
 */
int decode_detect(struct decode *d, const uint8_t *head, size_t len,
                  struct err *reterr);

/*
 * UTF-16 to UTF-8: all of in, which may end anywhere, into out, which has room
 * for 2 * len + 8 bytes; *ret are the bytes written, also before an error.
 * Returns 0, or -EILSEQ for half a surrogate pair.
 */
int decode_utf16(struct decode *d, const uint8_t *in, size_t len, uint8_t *out,
                 size_t *ret, struct err *reterr);

/* At the end of the text: -EILSEQ when a character is not complete. */
int decode_end(const struct decode *d, struct err *reterr);

#endif
