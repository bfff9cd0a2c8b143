/* SPDX-License-Identifier: MIT */
/*
 * Part sizes of a multipart upload: arithmetic only, no I/O.
 *
 * The length of a stream is not known, and an upload has a limited number of
 * parts.  So parts start small (a short upload stays parallel, a close waits
 * for little) and grow in two stretches:
 *
 *   size
 *   largest |                                  ________
 *           |                               __|           filled in staging,
 *           |                            __|              doubling every `ramp`
 *      held |           ________________|                 parts
 *           |    ______|                                  filled in memory,
 *     first |___|                                         doubling every `step`
 *           +--------------------------------------------> number
 *            1                          calm           parts_max
 *
 * The calm stretch is the longest with which the parts still reach the store's
 * largest object.  Where even parts of the largest size only just would (AWS:
 * 10,000 of 5 GiB are its 48.8 TiB), they reach seven eighths of that, or a
 * short stream would have large parts already; a larger part_size reaches
 * further.  With parts of 8 MiB, 64 MiB held in memory, that is:
 *
 *   5 TiB store   calm until 271 GiB, parts of 5 GiB at its end
 *   AWS           calm until 37 GiB, 42.8 TiB at its end
 *
 * A store that wants all parts alike (limits->equal_parts) gets them, and holds
 * part_size x parts_max.
 */
#ifndef PORTER_FS_UPLOAD_PLAN_H
#define PORTER_FS_UPLOAD_PLAN_H

#include <stdbool.h>
#include <stdint.h>

struct store_limits; /* s3/store.h */

struct upload_plan {
	uint64_t first;      /* bytes of part 1 */
	uint64_t held;       /* bytes of the last calm part */
	uint64_t largest;    /* bytes no part goes beyond */
	uint64_t object_max; /* bytes */
	unsigned parts_max;
	unsigned calm; /* parts before the staged ones */
	unsigned step; /* calm parts of one size before the size doubles */
	unsigned ramp; /* staged ones of one size */
	bool equal;    /* no part but the last may have another size */
};

/* What a plan is made from, in bytes. */
struct upload_sizes {
	uint64_t part_size;  /* of the first part */
	uint64_t held_max;   /* the largest part that memory has room for */
	uint64_t staged_max; /* the largest that staging has room for */
};

/*
 * All are bent to what the store takes (a part of the store's least size is
 * always allowed, and so is a first part beyond what memory holds).
 */
void upload_plan_init(struct upload_plan *plan,
                      const struct store_limits *limits,
                      const struct upload_sizes *sizes);

/* Bytes of part number (1 ... parts_max). */
uint64_t upload_plan_part(const struct upload_plan *plan, unsigned number);

/*
 * How long the object can get, in bytes, when the parts before number hold
 * offset bytes.  Part 1 at offset 0 gives the longest stream there can be.
 */
uint64_t upload_plan_reach(const struct upload_plan *plan, unsigned number,
                           uint64_t offset);

#endif
