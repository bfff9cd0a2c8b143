/* SPDX-License-Identifier: MIT */
#include "journal_record.h"

#include "base/digest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SUM_SEED 0x706a6f75726e616cull

void journal_record_key(enum journal_kind kind, uint64_t id,
                        uint8_t ret[JOURNAL_KEY_SIZE])
{
	ret[0] = (uint8_t)kind;
	for (unsigned i = 0; i < 8; i++)
		ret[1 + i] = (uint8_t)(id >> (56 - 8 * i));
}

uint64_t journal_record_id(const uint8_t key[JOURNAL_KEY_SIZE])
{
	uint64_t id = 0;

	for (unsigned i = 0; i < 8; i++)
		id = id << 8 | key[1 + i];
	return id;
}

/* What the first 8 bytes of a record must be. */
static uint64_t sum_of(const uint8_t *record, size_t len)
{
	return digest_xxh64(record + sizeof(uint64_t), len - sizeof(uint64_t),
	                    SUM_SEED);
}

int journal_record_make(const uint8_t key[JOURNAL_KEY_SIZE], struct slice value,
                        struct slice *ret)
{
	size_t len = JOURNAL_HEAD_SIZE + value.len;
	uint8_t *record = malloc(len);
	uint64_t sum;

	if (!record)
		return -ENOMEM;
	memcpy(record + sizeof(sum), key, JOURNAL_KEY_SIZE);
	if (value.len > 0)
		memcpy(record + JOURNAL_HEAD_SIZE, value.data, value.len);
	sum = sum_of(record, len);
	memcpy(record, &sum, sizeof(sum));
	*ret = (struct slice){.data = record, .len = len};
	return 0;
}

bool journal_record_good(struct slice key, struct slice record)
{
	uint64_t sum;

	if (key.len != JOURNAL_KEY_SIZE || record.len < JOURNAL_HEAD_SIZE)
		return false;
	memcpy(&sum, record.data, sizeof(sum));
	return sum == sum_of(record.data, record.len) &&
	       memcmp(record.data + sizeof(sum), key.data, JOURNAL_KEY_SIZE) ==
	               0;
}
