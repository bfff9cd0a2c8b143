/* SPDX-License-Identifier: MIT */
/*
 * Runs of operations, each in a process of its own, so that one that crashes or
 * hangs is a result like any other; and shrinking one that fails.
 */
#ifndef PORTER_TEST_MODEL_RUN_H
#define PORTER_TEST_MODEL_RUN_H

#include "op.h"

#define RUN_OPS_MAX 4000 /* operations in one world */

/* Shared with the process that runs. */
struct run {
	unsigned config;
	size_t count; /* operations begun in the present world */
	struct op list[RUN_OPS_MAX];
	uint64_t done; /* operations in all worlds so far */
	uint64_t refused;
	uint64_t failed;
	uint64_t idle;
	char story[512];
};

struct run_plan {
	uint64_t ops;  /* in all */
	uint64_t seed; /* of all worlds */
	int config;    /* of all worlds; -1 = by dice */
	bool verbose;
};

/* Shared memory for a run, or NULL. */
struct run *run_new(void);

/* Make operations up and run them. True: nothing diverged. */
bool run_random(const struct run_plan *plan, struct run *run);

/* Run these. True: nothing diverged. */
bool run_replay(const struct ops *ops, struct run *run, bool verbose);

/* Leave out and make smaller what is not needed for the failure. */
void run_shrink(struct ops *ops, struct run *run);

/* A script: read (false: it is none), and written. */
bool run_load(const char *path, struct ops *ret);
void run_print(const struct ops *ops, FILE *file);

#endif
