/* SPDX-License-Identifier: MIT */
/*
 * Records of edits: what is accepted covers its size without a gap, stays
 * within its sources, and names a file in its own directory.
 */
#include "draft_record.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* libFuzzer gives the name. NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct draft_record *record)
{
	uint64_t end = 0;

	for (size_t i = 0; i < record->extent_count; i++) {
		const struct extent *extent = &record->extents[i];

		assert(extent->offset == end && extent->length > 0);
		end += extent->length;
		if (extent->kind == EXTENT_CLEAN) {
			assert(extent->source < record->source_count);
			assert(extent->source_offset + extent->length <=
			       record->sources[extent->source].size);
		}
	}
	assert(end == record->size);
	assert(!strchr(record->file, '/') && record->file[0] != '.');
	assert(record->headers.meta_count <= DRAFT_META_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size + 1);
	struct draft_found *found = calloc(1, sizeof(*found));
	int r;

	assert(copy && found);
	if (size > 0)
		memcpy(copy, data, size);
	r = draft_record_read((struct slice){copy, size}, found);
	assert(r == 0 || r == -EBADMSG || r == -ENOMEM);
	if (r == 0) {
		struct str again = {0};

		check(&found->record);
		draft_record_write(&found->record, &again);
		assert(str_status(&again) == 0 && again.len == size);
		assert(memcmp(again.data, copy, size) == 0);
		str_release(&again);
		draft_found_release(found);
	}
	free(found);
	free(copy);
	return 0;
}
