/* SPDX-License-Identifier: MIT */
/*
 * The work of the readers: pieces of tables, largest first.
 *
 * A reader takes a task, reads it in steps, and between steps looks whether
 * another reader has nothing to do: then it gives away the upper half of what
 * is left (tasks_wanted(), tasks_add()).  Any thread.
 */
#ifndef PORTER_DUMPER_TASKS_H
#define PORTER_DUMPER_TASKS_H

#include "base/list.h"
#include "catalog.h"

struct task_piece {
	struct list link; /* tasks */
	struct dump_table *table;
	struct chunk_point after; /* owned; count 0 = from the start */
	struct chunk_point upto;  /* owned; count 0 = to the end */
	char *partition;          /* owned; NULL = all of the table */
	uint64_t weight;          /* bytes, guessed: order */
};

struct tasks;

int tasks_new(struct tasks **ret);
void tasks_free(struct tasks *tasks); /* with what was not taken */
DEFINE_CLEANUP(struct tasks *, tasks_free);

void task_piece_free(struct task_piece *piece);
DEFINE_CLEANUP(struct task_piece *, task_piece_free);

/* Takes piece; counts it at its table. */
void tasks_add(struct tasks *tasks, struct task_piece *piece);

/*
 * The next piece, the caller's.  Waits while there is none but some reader is
 * still at one.  NULL: all is done, or tasks_stop() was called.
 */
struct task_piece *tasks_take(struct tasks *tasks);

/* A piece that was taken is done: true when it was its table's last. */
bool tasks_done(struct tasks *tasks, struct task_piece *piece);

/* Whether somebody waits for a piece and none is there. */
bool tasks_wanted(struct tasks *tasks);

/* Let nobody take another one. */
void tasks_stop(struct tasks *tasks);

#endif
