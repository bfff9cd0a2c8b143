/* SPDX-License-Identifier: MIT */
/*
 * How a file of many kinds of ranges becomes one object (pure).
 *
 * The ranges are cut into parts: what is long and clean is copied by the
 * store (UploadPartCopy), everything else is sent, with so much of its clean
 * neighbours as a part needs to reach the store's least size.  Small files, and
 * what has no clean range worth a copy and fits one part, are one PUT; a file
 * that is one whole stored object is one COPY where the store takes it in one.
 *
 *   minimum of a part but the last     limits->part_min (5 MiB)
 *   most of a sent part                part_size, more where the parts would be
 *                                      too many: up to part_held, then part_max
 *   most of a copied part              copy_part (256 MiB .. 1 GiB), limits
 *   number of parts                    limits->parts_max
 *
 * Costs in this order: no limit broken, fewest bytes sent, fewest bytes read
 * back from the store, fewest requests.
 */
#ifndef PORTER_FS_COMMIT_PLAN_H
#define PORTER_FS_COMMIT_PLAN_H

#include "base/cleanup.h"
#include "base/err.h"
#include "extents.h"

struct store_limits;

enum plan_kind {
	PLAN_SEND, /* bytes of [offset, offset + length), whatever they are */
	PLAN_COPY, /* clean: copied from source at source_offset */
};

struct plan_part {
	enum plan_kind kind;
	uint64_t offset; /* in the file, bytes */
	uint64_t length;
	unsigned source;        /* PLAN_COPY */
	uint64_t source_offset; /* PLAN_COPY */
};

enum plan_shape {
	PLAN_PUT,   /* one PUT of everything; no parts */
	PLAN_WHOLE, /* one COPY of a whole object, parts[0] */
	PLAN_PARTS,
};

struct commit_plan {
	enum plan_shape shape;
	struct plan_part *parts; /* PLAN_PARTS: by offset, no gap */
	size_t count;
	uint64_t sent; /* bytes that are sent */
	uint64_t read; /* clean bytes among them, to be read first */
};

struct commit_plan_config {
	const struct store_limits *limits;
	uint64_t part_size; /* bytes of the first sent part */
	uint64_t part_held; /* most bytes of a sent part */
	uint64_t copy_part; /* bytes of a copied part */

	/*
	 * May a clean range of that source be copied by the store, and is it,
	 * from 0 to length, all of that object?  NULL: all may, none is.
	 */
	bool (*copies)(void *ctx, unsigned source);
	bool (*whole)(void *ctx, unsigned source, uint64_t length);
	void *ctx;

	/*
	 * More bytes will be appended: always PLAN_PARTS (perhaps none), the
	 * last of them is whole too, and the rest behind it, less than part_size,
	 * is left out of the plan: the caller appends it like what follows.
	 */
	bool open_end;
};

/* -EFBIG with the figures when no plan keeps the limits; -ENOMEM. */
int commit_plan(const struct extents *extents,
                const struct commit_plan_config *config,
                struct commit_plan *ret, struct err *reterr);
void commit_plan_release(struct commit_plan *plan);

#endif
