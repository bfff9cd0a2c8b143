/* SPDX-License-Identifier: MIT */
/*
 * A clock whose hands only a test turns.
 *
 *   struct fake_clock fake;
 *
 *   fake_clock_init(&fake);
 *   timers_new_manual(&fake.clock, &timers);
 *   …
 *   fake_clock_advance(&fake, timers, 1500);
 *
 * It may be read on any thread while another turns it.
 */
#ifndef PORTER_TEST_FAKE_CLOCK_H
#define PORTER_TEST_FAKE_CLOCK_H

#include "base/clock.h"

#include <stdatomic.h>
#include <stdint.h>

/* What it shows at first: an uptime, and 2015-08-30T12:36:00Z. */
#define FAKE_CLOCK_MS   UINT64_C(1000000)
#define FAKE_CLOCK_WALL INT64_C(1440938160)

struct timers;

struct fake_clock {
	struct clock clock;   /* hand this one out */
	atomic_ullong ms;     /* clock_ms() */
	atomic_llong wall_ms; /* since 1970, clock_wall() */
};

void fake_clock_init(struct fake_clock *fake);

/*
 * Let ms milliseconds pass on both hands, and fire the manual timers (may be
 * NULL) that become due meanwhile, each when the clock shows its time.  Returns
 * how many fired.
 */
unsigned fake_clock_advance(struct fake_clock *fake, struct timers *timers,
                            uint64_t ms);

/* Only the date jumps, to that many seconds since 1970. */
void fake_clock_set_wall(struct fake_clock *fake, int64_t seconds);

#endif
