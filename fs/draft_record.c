/* SPDX-License-Identifier: MIT */
#include "draft_record.h"

#include "record_text.h"

#include <errno.h>
#include <string.h>

#define VERSION     1
#define EXTENT_SIZE 29 /* bytes of a range: kind, length, source, its offset */
#define SOURCE_SIZE 17 /* bytes of a source with empty texts, at least */

/* Headers: four texts and the metadata. */
static void write_headers(const struct store_headers *headers, struct str *ret)
{
	record_add_text(ret, headers->content_type);
	record_add_text(ret, headers->content_encoding);
	record_add_text(ret, headers->cache_control);
	record_add_text(ret, headers->content_disposition);
	record_add_u32(ret, (uint32_t)headers->meta_count);
	for (size_t i = 0; i < headers->meta_count; i++) {
		record_add_text(ret, headers->meta[i].name);
		record_add_text(ret, headers->meta[i].value);
	}
}

void draft_record_write(const struct draft_record *record, struct str *ret)
{
	record_add_u8(ret, VERSION);
	record_add_u8(ret, record->guarded);
	record_add_text(ret, record->bucket);
	record_add_text(ret, record->identity);
	record_add_text(ret, record->key);
	record_add_text(ret, record->nonce);
	record_add_text(ret, record->etag);
	record_add_text(ret, record->file);
	write_headers(&record->headers, ret);
	record_add_u32(ret, (uint32_t)record->source_count);
	for (size_t i = 0; i < record->source_count; i++) {
		record_add_text(ret, record->sources[i].identity);
		record_add_text(ret, record->sources[i].key);
		record_add_text(ret, record->sources[i].etag);
		record_add_u64(ret, record->sources[i].size);
	}
	record_add_u64(ret, record->size);
	record_add_u32(ret, (uint32_t)record->extent_count);
	for (size_t i = 0; i < record->extent_count; i++) {
		const struct extent *extent = &record->extents[i];

		record_add_u8(ret, (uint8_t)extent->kind);
		record_add_u64(ret, extent->length);
		record_add_u32(ret, extent->source);
		record_add_u64(ret, extent->source_offset);
		record_add_u64(ret, extent->offset);
	}
}

/* ---- reading ---- */

/* A text, or NULL where nothing was given. */
static const char *text_or_null(struct record_reader *reader)
{
	const char *text = record_text(reader, RECORD_TEXT_MAX + 1);

	return text[0] ? text : NULL;
}

static void read_headers(struct record_reader *reader, struct draft_found *ret)
{
	struct store_headers *headers = &ret->record.headers;

	headers->content_type = text_or_null(reader);
	headers->content_encoding = text_or_null(reader);
	headers->cache_control = text_or_null(reader);
	headers->content_disposition = text_or_null(reader);
	headers->meta_count = record_u32(reader);
	headers->meta = ret->meta;
	if (headers->meta_count > DRAFT_META_MAX) {
		reader->broken = true;
		headers->meta_count = 0;
	}
	for (size_t i = 0; i < headers->meta_count; i++) {
		ret->meta[i].name = record_text(reader, RECORD_TEXT_MAX + 1);
		ret->meta[i].value = record_text(reader, RECORD_TEXT_MAX + 1);
	}
}

/* Room for count things, each at least size bytes of what is left. */
static void *make_room(struct record_reader *reader, size_t count, size_t size,
                       size_t memory)
{
	void *room = NULL;

	if (reader->broken || count > reader->left.len / size)
		reader->broken = true;
	else
		room = calloc(count + 1, memory);
	return room;
}

static int read_sources(struct record_reader *reader, struct draft_found *ret)
{
	size_t count = record_u32(reader);

	ret->sources =
		make_room(reader, count, SOURCE_SIZE, sizeof(*ret->sources));
	if (!ret->sources)
		return reader->broken ? -EBADMSG : -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		struct draft_source_record *source = &ret->sources[i];

		source->identity = record_text(reader, RECORD_TEXT_MAX + 1);
		source->key = record_text(reader, RECORD_TEXT_MAX + 1);
		source->etag = record_text(reader, STORE_ETAG_MAX);
		source->size = record_u64(reader);
	}
	ret->record.sources = ret->sources;
	ret->record.source_count = count;
	return 0;
}

/* Whether a clean range lies within a source that is there. */
static bool source_fits(const struct draft_found *found,
                        const struct extent *extent)
{
	const struct draft_source_record *source =
		&found->sources[extent->source];

	return extent->source < found->record.source_count && source->key[0] &&
	       extent->source_offset <= source->size &&
	       extent->length <= source->size - extent->source_offset;
}

static int read_extents(struct record_reader *reader, struct draft_found *ret)
{
	uint64_t size = record_u64(reader);
	size_t count = record_u32(reader);
	uint64_t end = 0;

	ret->extents =
		make_room(reader, count, EXTENT_SIZE, sizeof(*ret->extents));
	if (!ret->extents)
		return reader->broken ? -EBADMSG : -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		struct extent *extent = &ret->extents[i];
		unsigned kind = record_u8(reader);

		extent->kind = kind;
		extent->length = record_u64(reader);
		extent->source = record_u32(reader);
		extent->source_offset = record_u64(reader);
		extent->offset = record_u64(reader);
		if (kind > EXTENT_HOLE || kind == EXTENT_SENT ||
		    extent->length == 0 || extent->offset != end ||
		    extent->length > size - end ||
		    (kind == EXTENT_CLEAN && !source_fits(ret, extent)))
			return -EBADMSG;
		end += extent->length;
	}
	ret->record.size = size;
	ret->record.extents = ret->extents;
	ret->record.extent_count = count;
	return end == size ? 0 : -EBADMSG;
}

int draft_record_read(struct slice value, struct draft_found *ret)
{
	struct record_reader reader = {.left = value};
	uint8_t guarded;
	int r;

	memset(ret, 0, sizeof(*ret));
	if (record_u8(&reader) != VERSION)
		return -EBADMSG;
	guarded = record_u8(&reader);
	if (guarded > 1)
		return -EBADMSG;
	ret->record.guarded = guarded;
	ret->record.bucket = record_text(&reader, RECORD_TEXT_MAX + 1);
	ret->record.identity = record_text(&reader, RECORD_TEXT_MAX + 1);
	ret->record.key = record_text(&reader, RECORD_TEXT_MAX + 1);
	ret->record.nonce = record_text(&reader, 64);
	ret->record.etag = record_text(&reader, STORE_ETAG_MAX);
	ret->record.file = record_text(&reader, 64);
	read_headers(&reader, ret);
	r = read_sources(&reader, ret);
	if (r == 0)
		r = read_extents(&reader, ret);
	if (r == 0)
		r = record_end(&reader);
	/* a name in our directory, no way out of it */
	if (r == 0 &&
	    (strchr(ret->record.file, '/') || ret->record.file[0] == '.'))
		r = -EBADMSG;
	if (r < 0)
		draft_found_release(ret);
	return r;
}

void draft_found_release(struct draft_found *found)
{
	free(found->extents);
	free(found->sources);
	found->extents = NULL;
	found->sources = NULL;
}
