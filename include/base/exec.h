/* SPDX-License-Identifier: MIT */
/*
 * Executor: runs blocking things on threads of its own ("work/N").
 *
 * exec_inline() is its twin for tests: tasks run inside exec_run(), on the
 * caller's thread, so a test is one sequence of events.
 */
#ifndef PORTER_BASE_EXEC_H
#define PORTER_BASE_EXEC_H

#include "base/cleanup.h"
#include "base/list.h"

struct exec;

/* The caller's memory until run() is entered; run() may free it. */
struct task {
	void (*run)(struct task *task);
	struct list link; /* exec */
};

/* threads > 0; name is the prefix of the threads' names, at most 9 bytes. */
int exec_new(const char *name, unsigned threads, struct exec **ret);

/* An executor that runs everything at once. Never NULL, needs no free. */
struct exec *exec_inline(void);

/* Finishes every task that was given, then ends the threads. */
void exec_free(struct exec *exec);
DEFINE_CLEANUP(struct exec *, exec_free);

/* First come, first served. */
void exec_run(struct exec *exec, struct task *task);

#endif
