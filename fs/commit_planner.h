/* SPDX-License-Identifier: MIT */
/*
 * Inside a commit plan: commit_plan.c decides the shape and what is copied,
 * commit_cut.c how it is cut into parts.
 */
#ifndef PORTER_FS_COMMIT_PLANNER_H
#define PORTER_FS_COMMIT_PLANNER_H

#include "commit_plan.h"
#include "s3/store.h"

#include <errno.h>
#include <stdlib.h>

/* A range that is copied, or could be. */
struct range {
	uint64_t offset; /* in the file, bytes */
	uint64_t length;
	unsigned source;
	uint64_t source_offset;
};

struct way; /* commit_plan.c */

struct planner {
	const struct commit_plan_config *config;
	const struct store_limits *limits;
	const struct extents *extents;
	uint64_t least;     /* bytes of a part but the last */
	uint64_t most_copy; /* bytes of a copied part */
	struct range *ranges;
	size_t count;       /* of ranges; chosen: those that are copied */
	struct way *ways;   /* WAYS for each range */
	unsigned *kept;     /* how many of those, by range */
	size_t limit;       /* of parts */
	struct range worth; /* shorter ones are sent after all */
	struct commit_plan *plan;
};

static inline uint64_t least_of(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t most_of(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* How many pieces of at most size bytes. */
static inline uint64_t pieces(uint64_t bytes, uint64_t size)
{
	return bytes / size + (bytes % size != 0);
}

/* Whether the store may copy from an extent. */
bool planner_copyable(const struct planner *p, const struct extent *extent);

/* Fill p->plan's parts from the ranges that are copied. */
int planner_cut(struct planner *p, struct err *reterr);
/* The same where all parts but the last must have one size. */
int planner_cut_grid(struct planner *p, struct err *reterr);

/* -EFBIG with the figures. */
int planner_too_big(const struct planner *p, struct err *reterr);

#endif
