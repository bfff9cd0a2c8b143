/* SPDX-License-Identifier: MIT */
/*
 * Part sizes of a multipart upload: arithmetic only, no I/O.
 *
 * The length of a stream is not known, and an upload has a limited number of
 * parts.  So parts start small (a short upload stays parallel, a close waits
 * for little) and double every `step` parts up to the largest that can be
 * held.  The step is the longest with which the parts still reach the store's
 * largest object; where no step does, one that gets within a thirty-second of
 * all that this many parts of the largest size could hold.  With 10,000 parts
 * of 8 MiB growing to 64 MiB that is 608 GiB of 625.  A store that wants all
 * parts alike (limits->equal_parts) gets them, and holds part_size x parts_max.
 */
#ifndef PORTER_FS_UPLOAD_PLAN_H
#define PORTER_FS_UPLOAD_PLAN_H

#include <stdbool.h>
#include <stdint.h>

struct store_limits; /* s3/store.h */

struct upload_plan {
	uint64_t first;      /* bytes of part 1 */
	uint64_t largest;    /* bytes no part goes beyond */
	uint64_t object_max; /* bytes */
	unsigned parts_max;
	unsigned step; /* parts of one size before the size doubles */
	bool equal;    /* no part but the last may have another size */
};

/*
 * part_size is the first part's size in bytes, held_max the largest part there
 * is room for; both are bent to what the store takes (a part of the store's
 * least size is always allowed).
 */
void upload_plan_init(struct upload_plan *plan,
                      const struct store_limits *limits, uint64_t part_size,
                      uint64_t held_max);

/* Bytes of part number (1 ... parts_max). */
uint64_t upload_plan_part(const struct upload_plan *plan, unsigned number);

/*
 * How long the object can get, in bytes, when the parts before number hold
 * offset bytes.  Part 1 at offset 0 gives the longest stream there can be.
 */
uint64_t upload_plan_reach(const struct upload_plan *plan, unsigned number,
                           uint64_t offset);

#endif
