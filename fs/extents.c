/* SPDX-License-Identifier: MIT */
/*
 * Ranges of a file, in one sorted array.
 *
 * A change cuts what it overlaps, and puts the pieces, itself and both
 * neighbours back in order, joining what continues each other.  So there is one
 * way to change the list, and it never holds two ranges that could be one.
 */
#include "extents.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Most ranges that one change puts back: two neighbours, two rests, a hole, it. */
#define PIECES_MAX 6

/* The first byte behind a range. */
static uint64_t end_of(const struct extent *extent)
{
	return extent->offset + extent->length;
}

/* The index of the first range that ends behind offset; count: none does. */
static size_t find(const struct extents *extents, uint64_t offset)
{
	size_t low = 0;
	size_t high = extents->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (end_of(&extents->list[middle]) <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Whether b goes on where a ends, in the same way. */
static bool continues(const struct extent *a, const struct extent *b)
{
	if (a->kind != b->kind)
		return false;
	return a->kind != EXTENT_CLEAN ||
	       (a->source == b->source &&
	        a->source_offset + a->length == b->source_offset);
}

/* Whole ranges that one change puts in place of others. */
struct pieces {
	struct extent list[PIECES_MAX];
	size_t count;
};

/* Add a range behind the others. */
static void add(struct pieces *pieces, const struct extent *extent)
{
	struct extent *last =
		pieces->count > 0 ? &pieces->list[pieces->count - 1] : NULL;

	if (extent->length == 0)
		return;
	if (last && continues(last, extent))
		last->length += extent->length;
	else
		pieces->list[pieces->count++] = *extent;
}

/* Add what of a range lies in [from, to). */
static void add_cut(struct pieces *pieces, const struct extent *extent,
                    uint64_t from, uint64_t to)
{
	struct extent cut = *extent;

	if (from < cut.offset)
		from = cut.offset;
	if (to > end_of(extent))
		to = end_of(extent);
	if (from >= to)
		return;
	cut.source_offset += from - cut.offset;
	cut.offset = from;
	cut.length = to - from;
	add(pieces, &cut);
}

/* Put pieces in place of the ranges [from, to). 0 or -ENOMEM. */
static int replace(struct extents *extents, size_t from, size_t to,
                   const struct pieces *pieces)
{
	size_t count = extents->count - (to - from) + pieces->count;

	if (count > extents->cap) {
		size_t cap = count < 8 ? 8 : count + count / 2;
		struct extent *list =
			realloc(extents->list, cap * sizeof(list[0]));

		if (!list)
			return -ENOMEM;
		extents->list = list;
		extents->cap = cap;
	}
	if (to < extents->count)
		memmove(extents->list + from + pieces->count,
		        extents->list + to,
		        (extents->count - to) * sizeof(struct extent));
	memcpy(extents->list + from, pieces->list,
	       pieces->count * sizeof(struct extent));
	extents->count = count;
	return 0;
}

void extents_init(struct extents *extents)
{
	*extents = (struct extents){0};
}

void extents_release(struct extents *extents)
{
	free(extents->list);
	extents_init(extents);
}

int extents_put(struct extents *extents, const struct extent *extent)
{
	const struct extent gap = {
		.kind = EXTENT_HOLE,
		.offset = extents->size,
		.length = extent->offset > extents->size
	                          ? extent->offset - extents->size
	                          : 0,
	};
	struct pieces pieces = {.count = 0};
	size_t from = find(extents, extent->offset);
	size_t to = from;
	uint64_t end;
	int r;

	if (extent->length == 0)
		return 0;
	if (__builtin_add_overflow(extent->offset, extent->length, &end) ||
	    end > INT64_MAX)
		return -EFBIG;

	while (to < extents->count && extents->list[to].offset < end)
		to++;
	if (from > 0)
		add(&pieces, &extents->list[from - 1]);
	if (from < to)
		add_cut(&pieces, &extents->list[from], 0, extent->offset);
	add(&pieces, &gap);
	add(&pieces, extent);
	if (from < to)
		add_cut(&pieces, &extents->list[to - 1], end, UINT64_MAX);
	if (to < extents->count)
		add(&pieces, &extents->list[to++]);

	r = replace(extents, from > 0 ? from - 1 : 0, to, &pieces);
	if (r == 0 && end > extents->size)
		extents->size = end;
	return r;
}

int extents_resize(struct extents *extents, uint64_t size)
{
	const struct extent tail = {
		.kind = EXTENT_HOLE,
		.offset = extents->size,
		.length = size > extents->size ? size - extents->size : 0,
	};
	size_t index;

	if (size >= extents->size)
		return extents_put(extents, &tail);

	index = find(extents, size);
	if (extents->list[index].offset < size) {
		extents->list[index].length =
			size - extents->list[index].offset;
		index++;
	}
	extents->count = index;
	extents->size = size;
	return 0;
}

int extents_slice(const struct extents *extents, uint64_t offset,
                  uint64_t length, struct extent **ret, size_t *ret_count)
{
	uint64_t end =
		length < UINT64_MAX - offset ? offset + length : UINT64_MAX;
	size_t from = find(extents, offset);
	size_t to = from;
	struct extent *list;

	while (length > 0 && to < extents->count &&
	       extents->list[to].offset < end)
		to++;
	list = calloc(to - from + 1, sizeof(list[0]));
	if (!list)
		return -ENOMEM;
	for (size_t i = from; i < to; i++) {
		struct pieces one = {.count = 0};

		add_cut(&one, &extents->list[i], offset, end);
		list[i - from] = one.list[0];
	}
	*ret = list;
	*ret_count = to - from;
	return 0;
}

const struct extent *extents_at(const struct extents *extents, uint64_t offset)
{
	size_t index = find(extents, offset);

	return index < extents->count ? &extents->list[index] : NULL;
}

int64_t extents_seek(const struct extents *extents, uint64_t offset, bool hole)
{
	if (offset >= extents->size)
		return -ENXIO;

	for (size_t i = find(extents, offset); i < extents->count; i++) {
		const struct extent *extent = &extents->list[i];

		if ((extent->kind == EXTENT_HOLE) == hole)
			return (int64_t)(extent->offset > offset
			                         ? extent->offset
			                         : offset);
	}
	return hole ? (int64_t)extents->size : -ENXIO;
}

bool extents_any(const struct extents *extents, uint64_t offset,
                 uint64_t length, enum extent_kind kind)
{
	return extents_bytes_in(extents, offset, length, kind) > 0;
}

uint64_t extents_bytes_in(const struct extents *extents, uint64_t offset,
                          uint64_t length, enum extent_kind kind)
{
	uint64_t end =
		length < UINT64_MAX - offset ? offset + length : UINT64_MAX;
	uint64_t bytes = 0;

	for (size_t i = find(extents, offset);
	     i < extents->count && extents->list[i].offset < end; i++) {
		const struct extent *extent = &extents->list[i];
		uint64_t from =
			extent->offset > offset ? extent->offset : offset;
		uint64_t to = end_of(extent) < end ? end_of(extent) : end;

		if (extent->kind == kind)
			bytes += to - from;
	}
	return bytes;
}

uint64_t extents_bytes(const struct extents *extents, enum extent_kind kind)
{
	return extents_bytes_in(extents, 0, extents->size, kind);
}
