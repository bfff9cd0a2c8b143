/* SPDX-License-Identifier: MIT */
/*
 * The jump to the next byte that means something in SQL text.
 *
 * Nearly all of a dump is rows: strings in one kind of quotes, numbers and
 * commas.  skip() runs through them at memory speed, in and out of such
 * strings, and stops only outside of strings, where a splitter must look.
 *
 * Three twins with one answer: byte by byte, SSE2 and AVX2.  They work on 64
 * bytes at a time as bit masks: where are unescaped quotes, which bits lie
 * between them, is there a stop that does not.
 */
#ifndef PORTER_DUMPER_SKIP_H
#define PORTER_DUMPER_SKIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct skip {
	uint8_t quote; /* ' or ": strings in it are run through */
	uint8_t delim; /* first byte of the delimiter */
	bool escapes;  /* a backslash in a string escapes the next byte */

	bool in_string; /* in and out */
	bool escaped;   /* in and out: the next byte of the string is */
	size_t opened;  /* out, if in_string and opened in this call: where */
};

/*
 * Returns the offset of the first stop outside of strings, or len.  Stops are
 *   ' " ` # \ and delim, but not s->quote, which begins a string;
 *   - before another -, / before *, * before /, and any of the three as the
 *   last byte.
 * s->in_string and s->escaped are left as they are behind the bytes run
 * through; at a stop both are false.
 */
typedef size_t skip_fn(struct skip *s, const uint8_t *text, size_t len);

skip_fn skip_scalar;
#ifdef __x86_64__
skip_fn skip_sse2;
skip_fn skip_avx2; /* only where the processor has it */
#endif

/* The fastest that this processor has. */
skip_fn *skip_best(void);

#endif
