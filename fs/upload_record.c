/* SPDX-License-Identifier: MIT */
#include "upload_record.h"

#include "record_text.h"

#include <errno.h>
#include <string.h>

#define VERSION    1
#define CHUNK_BITS 16
#define TEXT_MAX   1024 /* bytes of an identity, a reason */

/* Bits of the flags. */
enum {
	FLAG_EXCLUSIVE = 1,
	FLAG_WHOLE = 2,
	FLAG_REMADE = 4,
	FLAG_STRAY = 8,
	FLAGS = 15,
};

const char *upload_state_name(enum upload_state state)
{
	switch (state) {
	case UPLOAD_INTENT:
		return "intent";
	case UPLOAD_OPEN:
		return "open";
	case UPLOAD_FINISHING:
		return "finishing";
	case UPLOAD_KEPT:
		return "kept";
	case UPLOAD_ABORTING:
		return "aborting";
	}
	return "?";
}

void upload_record_write(const struct upload_record *record, struct str *ret)
{
	unsigned flags = (record->exclusive ? FLAG_EXCLUSIVE : 0) |
	                 (record->whole ? FLAG_WHOLE : 0) |
	                 (record->remade ? FLAG_REMADE : 0) |
	                 (record->stray ? FLAG_STRAY : 0);

	record_add_u8(ret, VERSION);
	record_add_u8(ret, (uint8_t)record->state);
	record_add_u8(ret, (uint8_t)flags);
	record_add_u8(ret, record->expect);
	record_add_u64(ret, record->began_s);
	record_add_u64(ret, record->size);
	record_add_u32(ret, record->parts);
	record_add_text(ret, record->bucket);
	record_add_text(ret, record->identity);
	record_add_text(ret, record->key);
	record_add_text(ret, record->nonce);
	record_add_text(ret, record->upload_id);
	record_add_text(ret, record->etag);
	record_add_text(ret, record->why);
}

int upload_record_read(struct slice value, struct upload_record *ret)
{
	struct record_reader reader = {.left = value};
	uint8_t version = record_u8(&reader);
	uint8_t state = record_u8(&reader);
	uint8_t flags = record_u8(&reader);

	if (version != VERSION || state < UPLOAD_INTENT ||
	    state > UPLOAD_ABORTING || flags > FLAGS)
		return -EBADMSG;
	*ret = (struct upload_record){
		.state = state,
		.exclusive = flags & FLAG_EXCLUSIVE,
		.whole = flags & FLAG_WHOLE,
		.remade = flags & FLAG_REMADE,
		.stray = flags & FLAG_STRAY,
		.expect = record_u8(&reader),
	};
	ret->began_s = record_u64(&reader);
	ret->size = record_u64(&reader);
	ret->parts = record_u32(&reader);
	ret->bucket = record_text(&reader, TEXT_MAX);
	ret->identity = record_text(&reader, RECORD_TEXT_MAX + 1);
	ret->key = record_text(&reader, RECORD_TEXT_MAX + 1);
	ret->nonce = record_text(&reader, 64);
	ret->upload_id = record_text(&reader, STORE_UPLOAD_ID_MAX);
	ret->etag = record_text(&reader, STORE_ETAG_MAX);
	ret->why = record_text(&reader, TEXT_MAX);
	return record_end(&reader);
}

/* ---- parts ---- */

uint64_t upload_parts_id(uint64_t id, unsigned number)
{
	return id << CHUNK_BITS | (number - 1) / UPLOAD_PARTS_CHUNK;
}

uint64_t upload_parts_owner(uint64_t parts_id)
{
	return parts_id >> CHUNK_BITS;
}

unsigned upload_parts_first(uint64_t parts_id)
{
	return (unsigned)(parts_id & ((1U << CHUNK_BITS) - 1)) *
	               UPLOAD_PARTS_CHUNK +
	       1;
}

void upload_parts_write(const struct store_part_info *parts, size_t count,
                        struct str *ret)
{
	record_add_u8(ret, VERSION);
	for (size_t i = 0; i < count; i++) {
		if (parts[i].number == 0)
			continue;
		record_add_u32(ret, parts[i].number);
		record_add_u64(ret, parts[i].size);
		record_add_text(ret, parts[i].etag);
		record_add_text(ret, parts[i].checksum);
	}
}

int upload_parts_read(struct slice value, unsigned first,
                      struct store_part_info ret[UPLOAD_PARTS_CHUNK])
{
	struct record_reader reader = {.left = value};

	memset(ret, 0, UPLOAD_PARTS_CHUNK * sizeof(ret[0]));
	if (record_u8(&reader) != VERSION)
		return -EBADMSG;
	while (!reader.broken && reader.left.len > 0) {
		uint32_t number = record_u32(&reader);
		struct store_part_info *part;

		if (number < first || number - first >= UPLOAD_PARTS_CHUNK)
			return -EBADMSG;
		part = &ret[number - first];
		if (part->number != 0)
			return -EBADMSG;
		part->number = number;
		part->size = record_u64(&reader);
		(void)str_copy(part->etag, sizeof(part->etag),
		               record_text(&reader, sizeof(part->etag)));
		(void)str_copy(part->checksum, sizeof(part->checksum),
		               record_text(&reader, sizeof(part->checksum)));
	}
	return record_end(&reader);
}
