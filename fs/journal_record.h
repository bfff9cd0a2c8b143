/* SPDX-License-Identifier: MIT */
/*
 * How a record lies in the journal (pure).
 *
 *   key     kind 1 | id 8, its high byte first: so the order is that of ids
 *   record  xxh64 of the rest 8 | the key again 9 | the value
 *
 * The key in the record tells one that came to stand under another one's key.
 */
#ifndef PORTER_FS_JOURNAL_RECORD_H
#define PORTER_FS_JOURNAL_RECORD_H

#include "base/buf.h"
#include "fs/journal.h"

#define JOURNAL_KEY_SIZE  9  /* bytes */
#define JOURNAL_HEAD_SIZE 17 /* bytes in front of the value */

void journal_record_key(enum journal_kind kind, uint64_t id,
                        uint8_t ret[JOURNAL_KEY_SIZE]);
uint64_t journal_record_id(const uint8_t key[JOURNAL_KEY_SIZE]);

/* Wrap a value; ret->data is the caller's to free. Returns 0 or -ENOMEM. */
int journal_record_make(const uint8_t key[JOURNAL_KEY_SIZE], struct slice value,
                        struct slice *ret);

/* Whether a record is whole and stands where it was put. */
bool journal_record_good(struct slice key, struct slice record);

#endif
