/* SPDX-License-Identifier: MIT */
/*
 * The gate of an endpoint: how many requests may be under way (AIMD window)
 * and how many may be repeated (retry budget), shared by all clients of it.
 *
 *   gate_enter --> go()            there was room
 *              \-> waits()  --> go()       when others have left
 *                           \-> gate_withdraw
 *
 * Any thread.  Lock order: a call's lock, then the gate's.  go() runs without
 * the gate's lock, on the thread of whoever made room.
 */
#ifndef PORTER_S3_GATE_H
#define PORTER_S3_GATE_H

#include "base/list.h"
#include "retry.h"

struct gate;

/* Someone who wants in; the caller's memory from enter to go or withdraw. */
struct gate_ticket {
	/* Admitted: gate_leave() is owed. */
	void (*go)(struct gate_ticket *ticket);

	/*
	 * There was no room; go() comes later.  Runs under the gate's lock, so
	 * that it is over before go() begins.  Must not take a call's lock.
	 */
	void (*waits)(struct gate_ticket *ticket);

	struct list link; /* gate */
	bool waiting;     /* gate */
};

enum gate_outcome {
	GATE_SUCCESS,   /* the endpoint did what it should */
	GATE_SLOW_DOWN, /* it asked for fewer requests */
	GATE_OTHER,
};

/* max requests at once, > 0. NULL when out of memory. */
struct gate *gate_new(unsigned max);
/* Nobody may be inside or waiting. */
void gate_free(struct gate *gate);

void gate_enter(struct gate *gate, struct gate_ticket *ticket);
void gate_leave(struct gate *gate, enum gate_outcome outcome, uint64_t now_ms);

/* True: it was waiting and will not be admitted. */
bool gate_withdraw(struct gate *gate, struct gate_ticket *ticket);

/* retry_decide() with the gate's budget. */
struct retry_decision gate_decide(struct gate *gate,
                                  const struct retry_state *state,
                                  const struct reply_error *error,
                                  uint64_t random);

#endif
