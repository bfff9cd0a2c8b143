/* SPDX-License-Identifier: MIT */
/*
 * Records of the metadata cache: the input, with a right checksum put behind it,
 * is taken for a name and for a range.  Whatever is read must be written and
 * read again as the same.
 */
#include "base/digest.h"
#include "meta_record.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct meta_key key = {.bucket = 1, .path = "dir/name"};

static struct slice slice_of(const struct str *s)
{
	return (struct slice){(uint8_t *)s->data, s->len};
}

/* The input with the checksum of the key. */
static void sign(const uint8_t *data, size_t size, struct str *ret)
{
	uint64_t seed = digest_xxh64(key.path, strlen(key.path), key.bucket);
	uint64_t sum = digest_xxh64(data, size, seed);

	str_add_mem(ret, data, size);
	for (unsigned i = 0; i < 8; i++)
		str_add_char(ret, (char)(sum >> (8 * i)));
}

/* The input as a name. */
static void try_name(struct slice input)
{
	struct meta_record one;
	struct meta_record two;
	struct str text = {0};

	if (meta_record_decode(&key, input, &one) < 0)
		return;
	meta_record_encode(&key, &one, &text);
	assert(meta_record_decode(&key, slice_of(&text), &two) == 0);
	assert(one.kind == two.kind && one.asked_ms == two.asked_ms);
	assert(one.attr.size == two.attr.size);
	assert(strcmp(one.attr.etag, two.attr.etag) == 0);
	assert(attr_meta_count(one.attr.meta) ==
	       attr_meta_count(two.attr.meta));
	attr_release(&one.attr);
	attr_release(&two.attr);
	str_release(&text);
}

/* The input as a range. */
static void try_range(struct slice input)
{
	struct meta_range_writer writer = {0};
	struct meta_range range;
	struct meta_range again;
	struct meta_line line;
	struct str text = {0};
	int r;

	if (meta_range_open(&key, input, &range) < 0)
		return;
	while ((r = meta_range_next(&range, &line)) > 0)
		meta_range_add(&writer, &line);
	if (r < 0) {
		meta_range_release(&writer);
		return;
	}
	meta_range_finish(&writer, &key, &range.bounds, &text);
	assert(meta_range_open(&key, slice_of(&text), &again) == 0);
	assert(again.count == range.count);
	while ((r = meta_range_next(&again, &line)) > 0)
		;
	assert(r == 0);
	str_release(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str input = {0};

	sign(data, size, &input);
	try_name(slice_of(&input));
	try_range(slice_of(&input));
	str_release(&input);
	return 0;
}
