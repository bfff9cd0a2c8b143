/* SPDX-License-Identifier: MIT */
/*
 * Timers: call me in so many milliseconds.
 *
 * timers_new() has a thread ("timer") that runs the callbacks; they must not
 * block.  timers_new_manual() has none: timers_run() fires what is due by its
 * clock, which is how tests with a fake clock let time pass.
 *
 * Timers fire in the order they are due, those due in the same millisecond in
 * the order they were started.  Starting is O(1), cancelling and firing take
 * O(log n); nothing is ever allocated, so nothing can fail.  Any thread, and
 * callbacks may start and cancel timers, their own too.
 */
#ifndef PORTER_BASE_TIMER_H
#define PORTER_BASE_TIMER_H

#include "base/cleanup.h"
#include "base/clock.h"

#include <stdbool.h>
#include <stdint.h>

struct timers;

/* The caller's memory while it is pending. Zeroed = not pending. */
struct timer {
	/*
	 * Called on the timers' thread without any lock of theirs; the timer is
	 * not pending any more, and may be started again or freed.
	 */
	void (*fire)(struct timer *timer);

	/* All of it is the timers'. */
	uint64_t due_ms;
	uint64_t turn; /* tells apart those due together */
	struct timer *child;
	struct timer *next;
	struct timer *prev; /* or the parent, for a first child */
	bool pending;
};

/*
 * Borrows the clock.  One with a thread sleeps in real time, so its clock must
 * go as the system's does.  Returns 0, -ENOMEM or the errno of making a thread.
 */
int timers_new(const struct clock *clock, struct timers **ret);
int timers_new_manual(const struct clock *clock, struct timers **ret);

/* No timer may be pending. Waits for a callback that is running. */
void timers_free(struct timers *timers);
DEFINE_CLEANUP(struct timers *, timers_free);

/* Fire once after delay_ms. A pending timer is moved to the new time. */
void timer_start(struct timers *timers, struct timer *timer, uint64_t delay_ms);

/*
 * True: it was pending and will not fire.  False: it was not pending.  Either
 * way it is not firing any more when this returns, so its memory may go, unless
 * the caller is a callback itself.  Waits for the timer's running callback, so
 * hold no lock that the callback wants.
 */
bool timer_cancel(struct timers *timers, struct timer *timer);

/*
 * Manual only, one thread at a time and not inside a callback: fire, in order,
 * all that is due, and what callbacks start to be due at once.  Returns how
 * many fired.
 */
unsigned timers_run(struct timers *timers);

/* When the next one is due, by clock_ms(); UINT64_MAX = none is pending. */
uint64_t timers_next_ms(struct timers *timers);

#endif
