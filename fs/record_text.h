/* SPDX-License-Identifier: MIT */
/*
 * Numbers and texts of journal records, one behind the other (pure).
 *
 * Numbers are little endian.  A text is its length in 2 bytes, its bytes and a
 * NUL, so that what is read can be used where it lies.  A reader that meets
 * anything else is broken from then on: it gives zeros and "", and record_end()
 * says so, once, at the end.
 */
#ifndef PORTER_FS_RECORD_TEXT_H
#define PORTER_FS_RECORD_TEXT_H

#include "base/buf.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define RECORD_TEXT_MAX 4096 /* bytes */

void record_add_u8(struct str *s, uint8_t value);
void record_add_u32(struct str *s, uint32_t value);
void record_add_u64(struct str *s, uint64_t value);
/* NULL is "". A longer one is cut at RECORD_TEXT_MAX. */
void record_add_text(struct str *s, const char *text);

struct record_reader {
	struct slice left; /* borrowed */
	bool broken;
};

uint8_t record_u8(struct record_reader *reader);
uint32_t record_u32(struct record_reader *reader);
uint64_t record_u64(struct record_reader *reader);
/* Borrowed from the record; never NULL, less than max bytes, no NUL within. */
const char *record_text(struct record_reader *reader, size_t max);

/* 0 when all was there and nothing is left, else -EBADMSG. */
int record_end(const struct record_reader *reader);

#endif
