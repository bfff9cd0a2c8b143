/* SPDX-License-Identifier: MIT */
/*
 * Timers: call me in so many milliseconds.
 *
 * timers_new() has a thread ("timer") that runs the callbacks; they must not
 * block.  timers_new_manual() has none: timers_run() fires what is due by its
 * clock, which is how tests with a fake clock let time pass.
 */
#ifndef PORTER_BASE_TIMER_H
#define PORTER_BASE_TIMER_H

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/list.h"

#include <stdbool.h>

struct timers;

/* The caller's memory while it is pending. Zeroed = not pending. */
struct timer {
	void (*fire)(struct timer *timer);
	uint64_t due_ms;  /* timers */
	struct list link; /* timers */
	bool pending;     /* timers */
};

/* Borrows the clock. Returns 0, -ENOMEM or the errno of making a thread. */
int timers_new(const struct clock *clock, struct timers **ret);
int timers_new_manual(const struct clock *clock, struct timers **ret);

/* No timer may be pending. */
void timers_free(struct timers *timers);
DEFINE_CLEANUP(struct timers *, timers_free);

/* Fire once after delay_ms. A pending timer is moved to the new time. */
void timer_start(struct timers *timers, struct timer *timer, uint64_t delay_ms);

/*
 * True: it was pending and will not fire.  False: it was not pending; on
 * another thread than the timers' own, it has also finished firing when this
 * returns, so its memory may go.
 */
bool timer_cancel(struct timers *timers, struct timer *timer);

/* Manual only: fire, in order, all that is due. Returns how many fired. */
unsigned timers_run(struct timers *timers);

/* When the next one is due, by clock_ms(); UINT64_MAX = none is pending. */
uint64_t timers_next_ms(struct timers *timers);

#endif
