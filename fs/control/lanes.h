/* SPDX-License-Identifier: MIT */
/*
 * Copies of a job, several at a time: a lane is one object on its way.
 *
 * What fails for a reason that may pass is tried again; what fails for good is
 * a line of the job's log.  Copies that stream bytes through here are fewer at a
 * time, so that all jobs together hold a quarter of the memory at most.
 *
 * For one thread that may block; then() runs on it.
 */
#ifndef PORTER_CONTROL_LANES_H
#define PORTER_CONTROL_LANES_H

#include "base/cleanup.h"
#include "base/err.h"
#include "copy_filter.h"
#include "fs/admin.h"

struct job;
struct lanes;

struct lanes_config {
	struct job *job; /* borrowed: counted and logged there */
	struct fs_bucket_view from;
	struct fs_bucket_view to;
	unsigned count; /* at a time */

	/* May be NULL: that source's copy is there and was checked. */
	int (*then)(void *ctx, const char *from_key);
	void *ctx;
};

int lanes_new(const struct lanes_config *config, struct lanes **ret);
/* Cancels and waits. */
void lanes_free(struct lanes *lanes);
DEFINE_CLEANUP(struct lanes *, lanes_free);

/* Begin a copy; waits for a free lane. 0 or -ENOMEM or then()'s errno. */
int lanes_copy(struct lanes *lanes, const char *from_key, const char *to_key,
               const struct copy_entry *entry);

/* Wait until all have ended. then()'s errno or 0. */
int lanes_drain(struct lanes *lanes);

/* Bytes that went through here. */
uint64_t lanes_streamed(const struct lanes *lanes);

/* The first failure, or 0. */
int lanes_status(const struct lanes *lanes, struct err *reterr);

#endif
