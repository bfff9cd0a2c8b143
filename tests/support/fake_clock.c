/* SPDX-License-Identifier: MIT */
#include "fake_clock.h"

#include "base/timer.h"

static const struct fake_clock *fake_of(const struct clock *clock)
{
	return (const struct fake_clock *)(const void *)clock;
}

static uint64_t fake_ms(const struct clock *clock)
{
	return atomic_load(&fake_of(clock)->ms);
}

static struct timespec fake_wall(const struct clock *clock)
{
	long long ms = atomic_load(&fake_of(clock)->wall_ms);

	return (struct timespec){
		.tv_sec = ms / 1000,
		.tv_nsec = ms % 1000 * 1000000,
	};
}

void fake_clock_init(struct fake_clock *fake)
{
	fake->clock = (struct clock){.ms = fake_ms, .wall = fake_wall};
	atomic_init(&fake->ms, FAKE_CLOCK_MS);
	atomic_init(&fake->wall_ms, FAKE_CLOCK_WALL * 1000);
}

/* Both hands move. */
static void turn(struct fake_clock *fake, uint64_t ms)
{
	atomic_fetch_add(&fake->ms, ms);
	atomic_fetch_add(&fake->wall_ms, (long long)ms);
}

unsigned fake_clock_advance(struct fake_clock *fake, struct timers *timers,
                            uint64_t ms)
{
	uint64_t until = atomic_load(&fake->ms) + ms;
	unsigned fired = 0;

	while (timers && timers_next_ms(timers) <= until) {
		uint64_t now = atomic_load(&fake->ms);
		uint64_t due = timers_next_ms(timers);

		if (due > now)
			turn(fake, due - now);
		fired += timers_run(timers);
	}
	turn(fake, until - atomic_load(&fake->ms));
	return fired;
}

void fake_clock_set_wall(struct fake_clock *fake, int64_t seconds)
{
	atomic_store(&fake->wall_ms, seconds * 1000);
}
