/* SPDX-License-Identifier: MIT */
/*
 * Time: every module is handed its clock, so tests turn the hands themselves.
 *
 * clock_ms() never goes back and is for durations; clock_wall() is the date,
 * which may jump.
 */
#ifndef PORTER_BASE_CLOCK_H
#define PORTER_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

struct clock {
	uint64_t (*ms)(const struct clock *clock);
	struct timespec (*wall)(const struct clock *clock);
};

/* The system's clock; static, any thread. */
const struct clock *clock_system(void);

static inline uint64_t clock_ms(const struct clock *clock)
{
	return clock->ms(clock);
}

static inline struct timespec clock_wall(const struct clock *clock)
{
	return clock->wall(clock);
}

#endif
