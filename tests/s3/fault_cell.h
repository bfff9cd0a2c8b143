/* SPDX-License-Identifier: MIT */
/*
 * One cell of the table request x fault x phase: a world of its own, one
 * request of the real client that meets one fault, and what came of it, as the
 * caller was told and as the bucket has it.
 */
#ifndef PORTER_TEST_FAULT_CELL_H
#define PORTER_TEST_FAULT_CELL_H

#include "s3/store.h"
#include "s3peer.h"

#include <stdbool.h>

struct fault_cell {
	enum store_verb verb;
	enum s3peer_habits habits;
	const char *fault; /* "action=... phase=..."; NULL = none */
	bool once;         /* the first such request only, or all of them */

	/* Out. */
	int status;
	bool maybe_applied;
	bool story; /* a failure has its code and a sentence in req.err */
	unsigned attempts;
	bool result_right;  /* what a success handed back is what is there */
	unsigned injected;  /* requests that suffered the fault */
	unsigned committed; /* times the peer carried the verb out */
	char state[600];    /* the bucket afterwards: objects, uploads, parts */
};

/* Fill the out half. Any thread; fails nothing, so that many can run. */
void fault_cell_run(struct fault_cell *cell);

#endif
