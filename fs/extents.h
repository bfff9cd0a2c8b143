/* SPDX-License-Identifier: MIT */
/*
 * Where the bytes of a file being changed are (pure): an ordered list of
 * ranges that covers [0, size) without gap or overlap.
 *
 *   CLEAN   a range of a stored object: source says which, source_offset where
 *   DIRTY   in the staging file at the same offset as in the file
 *   SENT    a part already acknowledged by the store; not kept here
 *   HOLE    nowhere: zeros
 *
 * Neighbours that continue each other are one range.  Every change takes
 * O(log n) to find its place; no change of n ranges costs more than O(n).
 * Not thread safe: whoever owns it has the lock.
 */
#ifndef PORTER_FS_EXTENTS_H
#define PORTER_FS_EXTENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum extent_kind {
	EXTENT_CLEAN,
	EXTENT_DIRTY,
	EXTENT_SENT,
	EXTENT_HOLE,
};

struct extent {
	enum extent_kind kind;
	uint64_t offset;        /* in the file, bytes */
	uint64_t length;        /* bytes, never 0 */
	unsigned source;        /* CLEAN: the owner's number of the object */
	uint64_t source_offset; /* CLEAN: bytes */
};

struct extents {
	struct extent *list; /* by offset */
	size_t count;
	size_t cap;
	uint64_t size; /* of the file, bytes */
};

void extents_init(struct extents *extents);
void extents_release(struct extents *extents);

/* All other functions that change: 0, -EFBIG (beyond 2^63-1) or -ENOMEM, and
 * then nothing was changed. */

/*
 * Put a range over what is there.  Beyond the end the file grows, and what lies
 * between becomes a HOLE.  Length 0 changes nothing.
 */
int extents_put(struct extents *extents, const struct extent *extent);

/* Cut, or lengthen by a HOLE. */
int extents_resize(struct extents *extents, uint64_t size);

/* Copy the ranges of [offset, offset + length) cut at its borders to a fresh
 * array (free it), *ret_count of them; beyond size there are none. */
int extents_slice(const struct extents *extents, uint64_t offset,
                  uint64_t length, struct extent **ret, size_t *ret_count);

/* The range that has the byte at offset; NULL at or beyond the end. */
const struct extent *extents_at(const struct extents *extents, uint64_t offset);

/* SEEK_DATA (hole = false) and SEEK_HOLE: the next such offset >= offset, as
 * lseek(2); the end counts as a hole. -ENXIO. */
int64_t extents_seek(const struct extents *extents, uint64_t offset, bool hole);

/* Whether any byte of [offset, offset + length) is of that kind. */
bool extents_any(const struct extents *extents, uint64_t offset,
                 uint64_t length, enum extent_kind kind);

/* Bytes of that kind, in [offset, offset + length) and in all. */
uint64_t extents_bytes_in(const struct extents *extents, uint64_t offset,
                          uint64_t length, enum extent_kind kind);
uint64_t extents_bytes(const struct extents *extents, enum extent_kind kind);

#endif
