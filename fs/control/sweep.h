/* SPDX-License-Identifier: MIT */
/*
 * Deletes of a job, in batches: keys are collected and sent as one DeleteObjects
 * when there are enough.  For a thread that may block.
 */
#ifndef PORTER_CONTROL_SWEEP_H
#define PORTER_CONTROL_SWEEP_H

#include "base/cleanup.h"
#include "base/err.h"
#include "fs/admin.h"

struct job;
struct sweep;

/* Deletes in that bucket; counts in job (JOB_DELETED, JOB_FAILURES). */
int sweep_new(struct job *job, const struct fs_bucket_view *bucket,
              struct sweep **ret);
/* What was not sent is dropped. */
void sweep_free(struct sweep *sweep);
DEFINE_CLEANUP(struct sweep *, sweep_free);

/* Add a key; sends when the batch is full. 0, or -ENOMEM. */
int sweep_add(struct sweep *sweep, const char *key);
/* Send what is there. */
void sweep_flush(struct sweep *sweep);

/* The first failure, or 0. */
int sweep_status(const struct sweep *sweep, struct err *reterr);

#endif
