/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "base/timer.h"
#include "fake_clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void the_systems_clock_agrees_with_the_system(void **state)
{
	struct timespec before;
	struct timespec after;

	(void)state;
	(void)clock_gettime(CLOCK_MONOTONIC, &before);
	uint64_t ms = clock_ms(clock_system());

	(void)clock_gettime(CLOCK_MONOTONIC, &after);
	assert_true(ms >= (uint64_t)before.tv_sec * 1000);
	assert_true(ms <= (uint64_t)after.tv_sec * 1000 + 1000);

	(void)clock_gettime(CLOCK_REALTIME, &before);
	struct timespec wall = clock_wall(clock_system());

	assert_true(wall.tv_sec >= before.tv_sec);
	assert_true(wall.tv_sec <= before.tv_sec + 10);
	assert_true(wall.tv_nsec >= 0 && wall.tv_nsec < 1000000000);
}

static void the_fake_one_moves_only_when_told(void **state)
{
	struct fake_clock fake;

	(void)state;
	fake_clock_init(&fake);
	assert_int_equal(clock_ms(&fake.clock), FAKE_CLOCK_MS);
	assert_int_equal(clock_wall(&fake.clock).tv_sec, FAKE_CLOCK_WALL);

	assert_int_equal(fake_clock_advance(&fake, NULL, 1250), 0);
	assert_int_equal(clock_ms(&fake.clock), FAKE_CLOCK_MS + 1250);
	assert_int_equal(clock_wall(&fake.clock).tv_sec, FAKE_CLOCK_WALL + 1);
	assert_int_equal(clock_wall(&fake.clock).tv_nsec, 250000000);

	fake_clock_set_wall(&fake, 86400);
	assert_int_equal(clock_wall(&fake.clock).tv_sec, 86400);
	assert_int_equal(clock_ms(&fake.clock), FAKE_CLOCK_MS + 1250);
}

static void count(struct timer *timer)
{
	(void)timer;
}

static void timers_that_are_overdue_do_not_turn_it_back(void **state)
{
	struct timer timer = {.fire = count};
	struct fake_clock fake;
	struct timers *timers;

	(void)state;
	fake_clock_init(&fake);
	assert_int_equal(timers_new_manual(&fake.clock, &timers), 0);
	timer_start(timers, &timer, 10);
	(void)fake_clock_advance(&fake, NULL, 50); /* nobody looked */
	assert_int_equal(fake_clock_advance(&fake, timers, 5), 1);
	assert_int_equal(clock_ms(&fake.clock), FAKE_CLOCK_MS + 55);
	timers_free(timers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_systems_clock_agrees_with_the_system),
		cmocka_unit_test(the_fake_one_moves_only_when_told),
		cmocka_unit_test(timers_that_are_overdue_do_not_turn_it_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
