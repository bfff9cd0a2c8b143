/* SPDX-License-Identifier: MIT */
#include "base/list.h"
#include "base/lock.h"
#include "base/str.h"
#include "base/thread.h"
#include "base/timer.h"
#include "fake_clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* A timer that writes its name and the time into a log. */
struct named {
	struct timer timer;
	const char *name;
	struct bench *bench;
	uint64_t again_ms; /* when it fires: start again after this; 0 = no */
	struct named *victim; /* when it fires: cancel this; NULL = none */
};

struct bench {
	struct fake_clock fake;
	struct timers *timers;
	struct str log;
};

static void fire_named(struct timer *timer)
{
	struct named *n = container_of(timer, struct named, timer);
	struct bench *bench = n->bench;

	str_addf(&bench->log, "%s@%u ", n->name,
	         (unsigned)(clock_ms(&bench->fake.clock) - FAKE_CLOCK_MS));
	if (n->again_ms > 0)
		timer_start(bench->timers, timer, n->again_ms);
	if (n->victim)
		str_addf(&bench->log, "cancel=%d ",
		         timer_cancel(bench->timers, &n->victim->timer));
}

static struct named named(struct bench *bench, const char *name)
{
	return (struct named){
		.timer.fire = fire_named,
		.name = name,
		.bench = bench,
	};
}

static int set_up(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	if (!bench)
		return -1;
	fake_clock_init(&bench->fake);
	*state = bench;
	return timers_new_manual(&bench->fake.clock, &bench->timers);
}

static int tear_down(void **state)
{
	struct bench *bench = *state;

	timers_free(bench->timers);
	str_release(&bench->log);
	free(bench);
	return 0;
}

static void timers_fire_in_the_order_they_are_due(void **state)
{
	struct bench *bench = *state;
	struct named late = named(bench, "late");
	struct named soon = named(bench, "soon");
	struct named middle = named(bench, "middle");

	timer_start(bench->timers, &late.timer, 30);
	timer_start(bench->timers, &soon.timer, 10);
	timer_start(bench->timers, &middle.timer, 20);
	assert_int_equal(timers_next_ms(bench->timers), FAKE_CLOCK_MS + 10);

	assert_int_equal(fake_clock_advance(&bench->fake, bench->timers, 9), 0);
	assert_int_equal(fake_clock_advance(&bench->fake, bench->timers, 100),
	                 3);
	assert_string_equal(str_text(&bench->log),
	                    "soon@10 middle@20 late@30 ");
	assert_int_equal(timers_next_ms(bench->timers), UINT64_MAX);
}

static void those_due_together_fire_as_they_were_started(void **state)
{
	struct bench *bench = *state;
	struct named a = named(bench, "a");
	struct named b = named(bench, "b");
	struct named c = named(bench, "c");

	timer_start(bench->timers, &b.timer, 5);
	timer_start(bench->timers, &c.timer, 5);
	timer_start(bench->timers, &a.timer, 5);
	(void)fake_clock_advance(&bench->fake, bench->timers, 5);
	assert_string_equal(str_text(&bench->log), "b@5 c@5 a@5 ");
}

static void starting_a_pending_timer_moves_it(void **state)
{
	struct bench *bench = *state;
	struct named a = named(bench, "a");
	struct named b = named(bench, "b");

	timer_start(bench->timers, &a.timer, 10);
	timer_start(bench->timers, &b.timer, 20);
	timer_start(bench->timers, &a.timer, 30);
	(void)fake_clock_advance(&bench->fake, bench->timers, 50);
	assert_string_equal(str_text(&bench->log), "b@20 a@30 ");
}

static void a_cancelled_timer_does_not_fire(void **state)
{
	struct bench *bench = *state;
	struct named a = named(bench, "a");

	assert_false(timer_cancel(bench->timers, &a.timer));
	timer_start(bench->timers, &a.timer, 10);
	assert_true(timer_cancel(bench->timers, &a.timer));
	assert_false(timer_cancel(bench->timers, &a.timer));
	assert_int_equal(fake_clock_advance(&bench->fake, bench->timers, 50),
	                 0);
}

static void a_callback_may_start_its_timer_again(void **state)
{
	struct bench *bench = *state;
	struct named tick = named(bench, "tick");

	tick.again_ms = 10;
	timer_start(bench->timers, &tick.timer, 10);
	assert_int_equal(fake_clock_advance(&bench->fake, bench->timers, 35),
	                 3);
	assert_string_equal(str_text(&bench->log), "tick@10 tick@20 tick@30 ");
	assert_true(timer_cancel(bench->timers, &tick.timer));
}

static void a_callback_may_cancel_its_own_timer_and_others(void **state)
{
	struct bench *bench = *state;
	struct named killer = named(bench, "killer");
	struct named victim = named(bench, "victim");
	struct named suicide = named(bench, "suicide");

	killer.victim = &victim;
	suicide.victim = &suicide;
	suicide.again_ms = 1;
	timer_start(bench->timers, &killer.timer, 10);
	timer_start(bench->timers, &victim.timer, 10);
	timer_start(bench->timers, &suicide.timer, 20);
	(void)fake_clock_advance(&bench->fake, bench->timers, 50);
	assert_string_equal(str_text(&bench->log),
	                    "killer@10 cancel=1 suicide@20 cancel=1 ");
}

static void fire_and_free(struct timer *timer)
{
	free(timer);
}

static void a_callback_may_free_its_timer(void **state)
{
	struct bench *bench = *state;
	struct timer *timer = calloc(1, sizeof(*timer));

	assert_non_null(timer);
	timer->fire = fire_and_free;
	timer_start(bench->timers, timer, 0);
	assert_int_equal(timers_run(bench->timers), 1);
}

static void an_endless_delay_never_fires_and_does_not_wrap(void **state)
{
	struct bench *bench = *state;
	struct named a = named(bench, "a");

	timer_start(bench->timers, &a.timer, UINT64_MAX);
	assert_int_equal(timers_run(bench->timers), 0);
	assert_true(timers_next_ms(bench->timers) < UINT64_MAX);
	assert_true(timer_cancel(bench->timers, &a.timer));
}

#define MANY 5000

struct counted {
	struct timer timer;
	const struct clock *clock;
	uint64_t due_ms; /* 0 = must not fire */
	bool fired;
};

static void fire_counted(struct timer *timer)
{
	struct counted *c = container_of(timer, struct counted, timer);

	assert_int_equal(clock_ms(c->clock), c->due_ms);
	assert_false(c->fired);
	c->fired = true;
}

/* The same numbers every time. */
static uint32_t pseudo_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static void thousands_started_moved_and_cancelled_fire_on_time(void **state)
{
	struct bench *bench = *state;
	struct counted *all = calloc(MANY, sizeof(*all));
	unsigned expected = 0;
	uint32_t seed = 1;

	assert_non_null(all);
	for (unsigned i = 0; i < MANY; i++)
		all[i] = (struct counted){
			.timer.fire = fire_counted,
			.clock = &bench->fake.clock,
		};
	for (unsigned i = 0; i < 4 * MANY; i++) {
		struct counted *c = &all[pseudo_random(&seed) % MANY];
		uint64_t delay_ms = pseudo_random(&seed) % 1000;

		if (pseudo_random(&seed) % 4 == 0) {
			assert_int_equal(timer_cancel(bench->timers, &c->timer),
			                 c->due_ms != 0);
			c->due_ms = 0;
		} else {
			timer_start(bench->timers, &c->timer, delay_ms);
			c->due_ms = FAKE_CLOCK_MS + delay_ms;
		}
	}
	for (unsigned i = 0; i < MANY; i++)
		expected += all[i].due_ms != 0;

	assert_int_equal(fake_clock_advance(&bench->fake, bench->timers, 1000),
	                 expected);
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(all[i].fired, all[i].due_ms != 0);
	free(all);
}

/* What a test and a callback on the timers' thread tell each other. */
struct handshake {
	struct timer timer;
	struct timers *timers;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool entered;   /* lock */
	bool may_leave; /* lock */
	bool left;      /* lock */
	bool restart;
	char thread_name[16];
};

static void set(struct handshake *h, bool *flag)
{
	WITH_LOCK(&h->lock);
	*flag = true;
	(void)pthread_cond_broadcast(&h->changed);
}

static void await(struct handshake *h, const bool *flag)
{
	WITH_LOCK(&h->lock);
	while (!*flag)
		(void)pthread_cond_wait(&h->changed, &h->lock);
}

static void fire_handshake(struct timer *timer)
{
	struct handshake *h = container_of(timer, struct handshake, timer);

	(void)pthread_getname_np(pthread_self(), h->thread_name,
	                         sizeof(h->thread_name));
	set(h, &h->entered);
	await(h, &h->may_leave);
	if (h->restart)
		timer_start(h->timers, timer, 0);
	h->restart = false;
	set(h, &h->left);
}

static void handshake_init(struct handshake *h)
{
	*h = (struct handshake){.timer.fire = fire_handshake};
	(void)pthread_mutex_init(&h->lock, NULL);
	(void)pthread_cond_init(&h->changed, NULL);
	assert_int_equal(timers_new(clock_system(), &h->timers), 0);
}

static void the_thread_fires_in_real_time(void **state)
{
	struct handshake h;

	(void)state;
	handshake_init(&h);
	uint64_t begin_ms = clock_ms(clock_system());

	h.may_leave = true;
	timer_start(h.timers, &h.timer, 3600 * 1000);
	timer_start(h.timers, &h.timer, 20); /* sooner: the thread must wake */
	await(&h, &h.left);
	assert_true(clock_ms(clock_system()) - begin_ms >= 20);
	assert_string_equal(h.thread_name, "timer");
	assert_false(timer_cancel(h.timers, &h.timer));
	timers_free(h.timers);
}

static void *let_leave(void *arg)
{
	struct handshake *h = arg;

	set(h, &h->may_leave);
	return NULL;
}

static void cancel_waits_for_the_running_callback(void **state)
{
	struct handshake h;
	pthread_t thread;

	(void)state;
	handshake_init(&h);
	timer_start(h.timers, &h.timer, 0);
	await(&h, &h.entered);
	assert_int_equal(thread_start("helper", let_leave, &h, &thread), 0);
	assert_false(timer_cancel(h.timers, &h.timer));
	assert_true(h.left);
	(void)pthread_join(thread, NULL);
	timers_free(h.timers);
}

static void cancel_outlives_a_callback_that_starts_again(void **state)
{
	struct handshake h;
	pthread_t thread;

	(void)state;
	handshake_init(&h);
	h.restart = true;
	timer_start(h.timers, &h.timer, 0);
	await(&h, &h.entered);
	assert_int_equal(thread_start("helper", let_leave, &h, &thread), 0);
	(void)timer_cancel(h.timers, &h.timer);
	assert_true(h.left);
	assert_false(h.timer.pending);
	(void)pthread_join(thread, NULL);
	timers_free(h.timers);
}

/* Made, and gone as soon as cancel has returned: a late callback is caught. */
struct short_lived {
	struct timer timer;
	unsigned fired;
};

static void fire_short_lived(struct timer *timer)
{
	container_of(timer, struct short_lived, timer)->fired++;
}

/* A thread's life: returns NULL unless a timer both fired and was cancelled. */
static void *storm(void *arg)
{
	struct timers *timers = arg;
	void *wrong = NULL;

	for (unsigned i = 0; i < 2000; i++) {
		struct short_lived *s = calloc(1, sizeof(*s));

		if (!s)
			return timers;
		s->timer.fire = fire_short_lived;
		timer_start(timers, &s->timer, i % 3);
		if (i % 16 == 0)
			(void)sched_yield();

		bool cancelled = timer_cancel(timers, &s->timer);

		if (s->fired != !cancelled)
			wrong = timers;
		free(s);
	}
	return wrong;
}

static void many_threads_start_and_cancel(void **state)
{
	pthread_t threads[4];
	struct timers *timers;

	(void)state;
	assert_int_equal(timers_new(clock_system(), &timers), 0);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(
			thread_start("storm", storm, timers, &threads[i]), 0);
	for (unsigned i = 0; i < 4; i++) {
		void *wrong;

		(void)pthread_join(threads[i], &wrong);
		assert_null(wrong);
	}
	assert_int_equal(timers_next_ms(timers), UINT64_MAX);
	timers_free(timers);
}

#define manual_test(name) \
	cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		manual_test(timers_fire_in_the_order_they_are_due),
		manual_test(those_due_together_fire_as_they_were_started),
		manual_test(starting_a_pending_timer_moves_it),
		manual_test(a_cancelled_timer_does_not_fire),
		manual_test(a_callback_may_start_its_timer_again),
		manual_test(a_callback_may_cancel_its_own_timer_and_others),
		manual_test(a_callback_may_free_its_timer),
		manual_test(an_endless_delay_never_fires_and_does_not_wrap),
		manual_test(thousands_started_moved_and_cancelled_fire_on_time),
		cmocka_unit_test(the_thread_fires_in_real_time),
		cmocka_unit_test(cancel_waits_for_the_running_callback),
		cmocka_unit_test(cancel_outlives_a_callback_that_starts_again),
		cmocka_unit_test(many_threads_start_and_cancel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
