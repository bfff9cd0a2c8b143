/* SPDX-License-Identifier: MIT */
#include "gate.h"

#include "base/lock.h"

#include <assert.h>
#include <stdlib.h>

struct gate {
	pthread_mutex_t lock;
	struct retry_budget budget; /* lock */
	struct retry_window window; /* lock */
	unsigned inside;            /* lock */
	struct list waiting;        /* tickets; lock */
};

struct gate *gate_new(unsigned max)
{
	struct gate *gate = calloc(1, sizeof(*gate));

	if (!gate)
		return NULL;
	(void)pthread_mutex_init(&gate->lock, NULL);
	retry_budget_init(&gate->budget);
	retry_window_init(&gate->window, max);
	list_init(&gate->waiting);
	return gate;
}

void gate_free(struct gate *gate)
{
	if (!gate)
		return;

	assert(gate->inside == 0 && list_empty(&gate->waiting));
	(void)pthread_mutex_destroy(&gate->lock);
	free(gate);
}

/* However small the window, one request goes: else nothing would ever grow. */
static bool has_room_locked(const struct gate *gate)
{
	return gate->inside == 0 ||
	       (double)gate->inside + 1 <= gate->window.size;
}

void gate_enter(struct gate *gate, struct gate_ticket *ticket)
{
	{
		WITH_LOCK(&gate->lock);
		if (!has_room_locked(gate) || !list_empty(&gate->waiting)) {
			ticket->waiting = true;
			list_append(&gate->waiting, &ticket->link);
			ticket->waits(ticket);
			return;
		}
		ticket->waiting = false;
		gate->inside++;
	}
	ticket->go(ticket);
}

/* Let the first one in if there is room; NULL = nobody. */
static struct gate_ticket *admit(struct gate *gate)
{
	WITH_LOCK(&gate->lock);
	struct gate_ticket *ticket =
		list_first(&gate->waiting, struct gate_ticket, link);

	if (!ticket || !has_room_locked(gate))
		return NULL;
	list_remove(&ticket->link);
	ticket->waiting = false;
	gate->inside++;
	return ticket;
}

void gate_leave(struct gate *gate, enum gate_outcome outcome, uint64_t now_ms)
{
	{
		WITH_LOCK(&gate->lock);
		assert(gate->inside > 0);
		gate->inside--;
		if (outcome == GATE_SUCCESS) {
			retry_budget_success(&gate->budget);
			retry_window_success(&gate->window);
		}
		if (outcome == GATE_SLOW_DOWN)
			retry_window_slow_down(&gate->window, now_ms);
	}
	for (struct gate_ticket *t; (t = admit(gate));)
		t->go(t);
}

bool gate_withdraw(struct gate *gate, struct gate_ticket *ticket)
{
	WITH_LOCK(&gate->lock);
	bool waiting = ticket->waiting;

	if (waiting)
		list_remove(&ticket->link);
	ticket->waiting = false;
	return waiting;
}

struct retry_decision gate_decide(struct gate *gate,
                                  const struct retry_state *state,
                                  const struct reply_error *error,
                                  uint64_t random)
{
	WITH_LOCK(&gate->lock);
	return retry_decide(state, error, &gate->budget, random);
}
