/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

static uint64_t system_ms(const struct clock *clock)
{
	struct timespec now;

	(void)clock;
	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* always there on Linux */
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static struct timespec system_wall(const struct clock *clock)
{
	struct timespec now;

	(void)clock;
	(void)clock_gettime(CLOCK_REALTIME, &now); /* always there on Linux */
	return now;
}

const struct clock *clock_system(void)
{
	static const struct clock system = {
		.ms = system_ms,
		.wall = system_wall,
	};

	return &system;
}
