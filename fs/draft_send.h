/* SPDX-License-Identifier: MIT */
/*
 * A draft becomes an object: its plan is made (commit_plan.h), and what must be
 * sent is read piece by piece, of whatever kind it is, and appended to an
 * upload.  Memory is bounded: few drafts are sent at a time, the others wait.
 */
#ifndef PORTER_FS_DRAFT_SEND_H
#define PORTER_FS_DRAFT_SEND_H

#include "commit_plan.h"
#include "draft.h"
#include "upload.h"

#include <pthread.h>

/* How many are sent at a time; the parts on the wire do not count. */
struct draft_gate {
	pthread_mutex_t lock;
	unsigned passed;   /* lock */
	struct list waits; /* lock: struct draft_send */
};
void draft_gate_init(struct draft_gate *gate);
void draft_gate_release(struct draft_gate *gate);

struct draft_send { /* the caller's memory until done() */
	/* All borrowed until done(). */
	struct draft_gate *gate;
	struct draft *draft; /* nobody changes it */
	struct upload *up;   /* nothing was appended yet */
	struct uploads *uploads;
	struct object_store *store;
	struct exec *exec;
	bool guarded; /* its guard must see all bytes: nothing is copied */
	void (*seen)(struct upload *up, const struct slice *data); /* or NULL:
	                 told of what is appended */
	bool sends_foreign; /* what lies in another bucket is read and sent */

	/*
	 * Once, any thread, no lock held: all bytes are the upload's, which can
	 * be finished or kept; or status < 0 with a story.
	 */
	void (*done)(struct draft_send *send);
	int status;
	struct err err;
	bool copies_foreign; /* the plan has the store copy from another bucket:
	                        its keys may be refused there */

	/* Inside. */
	struct list link; /* gate->waits */
	struct task task;
	atomic_uint turns;
	struct commit_plan plan;
	size_t part;     /* index of the one being sent */
	uint64_t offset; /* in the file: up to there it is appended */
	bool in_part;    /* it has begun */
	bool gathered;   /* buffer holds the next bytes */
	uint8_t *buffer;
	struct reader reader;
	struct draft_gather gather;
	struct upload_write write;
};
void draft_send(struct draft_send *send);

#endif
