/* SPDX-License-Identifier: MIT */
/*
 * What clone, copy, move and verify have in common: two places, a filter, and
 * the walk along both listings.
 *
 * A place that ends in "/", or is empty, is everything below; another one is
 * one object when there is such an object (a HEAD asks), else everything below
 * it.  One object that goes to a place ending in "/" keeps its last component.
 */
#ifndef PORTER_CONTROL_TRANSFER_H
#define PORTER_CONTROL_TRANSFER_H

#include "control_impl.h"
#include "copy_filter.h"
#include "scan.h"

struct transfer {
	struct place from;
	struct place to;
	bool single;             /* one object; the keys are whole */
	struct copy_entry entry; /* of it; texts below */
	char etag[136];
	struct copy_filter filter;
	enum copy_when when;
	bool extra; /* what only the target has is looked at too */
};

/* The words "src", "dst", and plain ones for them. */
#define TRANSFER_PLACE_RULES                                                  \
	{.key = "", .many = true, .help = "the source, the target"},          \
		{.key = "src", .help = "DIRECTORY/KEY or DIRECTORY/PREFIX/"}, \
	{                                                                     \
		.key = "dst", .help = "the same of the target"                \
	}

/*
 * From the job's command: finds the places, asks the source for a single
 * object, checks that the target may be changed (changes).  preset_from and
 * preset_to may be NULL: then both must be named.  Sets the job's target.
 */
struct transfer_presets {
	const char *from;
	const char *to;
	bool changes;
	bool removes_source;
};
int transfer_new(struct job *job, const struct transfer_presets *presets,
                 struct transfer **ret, struct err *reterr);
void transfer_free(void *transfer);

/* Keys of an object on both sides, malloc'ed. -ENOMEM, -ENAMETOOLONG. */
int transfer_keys(const struct transfer *transfer, const char *name,
                  char **ret_from, char **ret_to);

/*
 * Walk along both sides; each() for every object of the source that the filter
 * takes, with the target's or NULL, and (extra) for those that only the target
 * has, with source NULL.  Stops when each() fails.  Checks the job.
 */
struct transfer_pair {
	const struct copy_entry *source;
	const struct copy_entry *target;
};
typedef int transfer_fn(void *ctx, const struct transfer_pair *pair,
                        struct err *reterr);
int transfer_walk(struct job *job, const struct transfer *transfer,
                  transfer_fn *each, void *ctx, struct err *reterr);

#endif
