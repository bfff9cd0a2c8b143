/* SPDX-License-Identifier: MIT */
/*
 * A store that passes everything down, except what it must spoil.
 *
 * A rule picks requests by verb and key and says what becomes of the nth of
 * them: it fails before it is sent, is applied but its reply is lost, breaks
 * off in the middle of a body, comes late, or is held until the test lets go.
 * "Every operation fails at every step" is then a loop:
 *
 *   for (unsigned n = 1;; n++) {
 *           fault_store_clear(fault);
 *           fault_store_add(fault, &(struct fault_rule){.nth = n, ...});
 *           ...the operation...
 *           if (fault_store_fired(fault) == 0)
 *                   break;    it no longer has an nth request
 *   }
 *
 * The caller's request is not passed down: a copy is, so layers stack.  A held
 * request that is cancelled ends by the timers given at birth, or else at the
 * next release.  Any thread.
 */
#ifndef PORTER_TEST_FAULT_STORE_H
#define PORTER_TEST_FAULT_STORE_H

#include "base/cleanup.h"
#include "s3/store.h"

struct fault_store;
struct timers; /* base/timer.h */

enum fault_action {
	FAULT_FAIL,       /* never sent; fails with code */
	FAULT_LOSE_REPLY, /* applied below; fails with code, maybe_applied */
	FAULT_CUT,        /* GET: only the first bytes arrive, then code */
	FAULT_DELAY,      /* passed down delay_ms later */
	FAULT_HOLD,       /* waits for fault_store_release() */
	FAULT_HOLD_REPLY, /* applied below; its done() waits for release, and a
	                     GET's headers are lost; HEAD and lists: as HOLD */
};

#define FAULT_VERB(verb) (1u << (verb)) /* bits of fault_rule.verbs */

struct fault_rule {
	enum fault_action action;
	unsigned verbs;    /* FAULT_VERB() | ...; 0 = all */
	const char *key;   /* only this key, borrowed; NULL = any */
	unsigned nth;      /* 1-based among the requests it picks; 0 = all */
	unsigned count;    /* how many from the nth on; 0 = 1 */
	int code;          /* negative errno; 0 = -EIO */
	uint64_t bytes;    /* FAULT_CUT: bytes that arrive */
	uint64_t delay_ms; /* FAULT_DELAY, by the timers given at birth */
};

/*
 * Borrows below, and timers (NULL = no rule may delay).  NULL when out of
 * memory.
 */
struct fault_store *fault_store_new(struct object_store *below,
                                    struct timers *timers);

/* Leaves the store below alone. Every request must have been done. */
void fault_store_free(struct fault_store *fault);
DEFINE_CLEANUP(struct fault_store *, fault_store_free);

/* What to hand out; its destroy() also destroys the store below. */
struct object_store *fault_store_object_store(struct fault_store *fault);

/*
 * Add a rule (copied).  The first that picks a request and has its turn
 * decides; every rule counts for itself from the moment it is added.  Returns
 * 0 or -ENOMEM.
 */
int fault_store_add(struct fault_store *fault, const struct fault_rule *rule);

/* Forget all rules and counts; what is held stays held. */
void fault_store_clear(struct fault_store *fault);

unsigned fault_store_seen(struct fault_store *fault);  /* requests, all */
unsigned fault_store_fired(struct fault_store *fault); /* spoilt ones */

/* Requests held now; and wait (at most 10 s) until count are. 0 or -ETIMEDOUT. */
unsigned fault_store_held(struct fault_store *fault);
int fault_store_wait_held(struct fault_store *fault, unsigned count);

/*
 * Let everything held go on: status 0 passes it down (or its reply up), else
 * it fails with that status.  Returns how many there were.  Runs done() of
 * what is failed, and of what an inline store answers, on this thread.
 */
unsigned fault_store_release(struct fault_store *fault, int status);

#endif
