/* SPDX-License-Identifier: MIT */
/*
 * Records of uploads: the first byte says whether head or parts follow.  What
 * is read is within its bounds, and writes back to the very same bytes.
 */
#include "upload_record.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* libFuzzer gives the name. NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_head(struct slice value)
{
	struct upload_record record;
	struct str again = {0};
	int r = upload_record_read(value, &record);

	assert(r == 0 || r == -EBADMSG);
	if (r < 0)
		return;
	assert(strcmp(upload_state_name(record.state), "?") != 0);
	assert(strlen(record.upload_id) < STORE_UPLOAD_ID_MAX);
	assert(strlen(record.etag) < STORE_ETAG_MAX);
	upload_record_write(&record, &again);
	assert(str_status(&again) == 0 && again.len == value.len);
	assert(memcmp(again.data, value.data, value.len) == 0);
	str_release(&again);
}

static void check_parts(struct slice value)
{
	static struct store_part_info parts[UPLOAD_PARTS_CHUNK];
	static struct store_part_info more[UPLOAD_PARTS_CHUNK];
	struct str again = {0};
	int r = upload_parts_read(value, 33, parts);

	assert(r == 0 || r == -EBADMSG);
	if (r < 0)
		return;
	upload_parts_write(parts, UPLOAD_PARTS_CHUNK, &again);
	assert(str_status(&again) == 0 && again.len == value.len);
	r = upload_parts_read((struct slice){(uint8_t *)again.data, again.len},
	                      33, more);
	assert(r == 0);
	for (unsigned i = 0; i < UPLOAD_PARTS_CHUNK; i++) {
		assert(parts[i].number == 0 || parts[i].number == 33 + i);
		assert(parts[i].size == more[i].size &&
		       strcmp(parts[i].etag, more[i].etag) == 0);
	}
	str_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size + 1);

	assert(copy);
	if (size > 0) {
		memcpy(copy, data, size);
		if (data[0] % 2)
			check_head((struct slice){copy + 1, size - 1});
		else
			check_parts((struct slice){copy + 1, size - 1});
	}
	free(copy);
	return 0;
}
