/* SPDX-License-Identifier: MIT */
/*
 * A pairing heap of timers (Fredman, Sedgewick, Sleator, Tarjan 1986): each
 * node is due before its children, which are a list.
 *
 *        root                child: first of the children
 *       /                    next:  the sibling to the right
 *      a - b - c             prev:  the sibling to the left, or the parent
 *         /
 *        d - e
 *
 * The links live in the timers themselves, so starting one cannot fail.
 */
#include "base/timer.h"

#include "base/lock.h"
#include "base/thread.h"

#include <assert.h>
#include <errno.h>

struct timers {
	const struct clock *clock;
	bool manual;
	pthread_t thread; /* unless manual */

	pthread_mutex_t lock;
	pthread_cond_t sooner; /* for the thread: another timer is next */
	pthread_cond_t fired;  /* for cancellers: a callback has returned */
	struct timer *root;    /* lock; NULL = nothing is pending */
	uint64_t turns;        /* lock; timers ever started */
	struct timer *firing;  /* lock; may be freed memory, never touched */
	pthread_t runner;      /* lock; who fires, while firing */
	bool ending;           /* lock */
};

static bool is_before(const struct timer *a, const struct timer *b)
{
	return a->due_ms != b->due_ms ? a->due_ms < b->due_ms
	                              : a->turn < b->turn;
}

/* Two heaps become one: the later root is the earlier one's first child. */
static struct timer *meld(struct timer *a, struct timer *b)
{
	if (!a || !b)
		return a ? a : b;

	struct timer *up = is_before(a, b) ? a : b;
	struct timer *down = up == a ? b : a;

	down->next = up->child;
	if (down->next)
		down->next->prev = down;
	down->prev = up;
	up->child = down;
	up->next = NULL;
	up->prev = NULL;
	return up;
}

/* One heap of a list of siblings: pairs from the left, then all together. */
static struct timer *meld_siblings(struct timer *first)
{
	struct timer *pairs = NULL;
	struct timer *root = NULL;

	while (first) {
		struct timer *second = first->next;
		struct timer *rest = second ? second->next : NULL;
		struct timer *pair = meld(first, second);

		pair->next = pairs;
		pairs = pair;
		first = rest;
	}
	while (pairs) {
		struct timer *rest = pairs->next;

		root = meld(root, pairs);
		pairs = rest;
	}
	if (root) {
		root->next = NULL;
		root->prev = NULL;
	}
	return root;
}

/* Take a pending timer out of the heap. */
static void remove_locked(struct timers *timers, struct timer *timer)
{
	struct timer *below = meld_siblings(timer->child);

	if (timer == timers->root) {
		timers->root = below;
	} else {
		if (timer->prev->child == timer)
			timer->prev->child = timer->next;
		else
			timer->prev->next = timer->next;
		if (timer->next)
			timer->next->prev = timer->prev;
		timers->root = meld(timers->root, below);
	}
	timer->child = NULL;
	timer->next = NULL;
	timer->prev = NULL;
	timer->pending = false;
}

/* Fire the first timer if it is due; the lock is let go meanwhile. */
static bool fire_one_locked(struct timers *timers)
{
	struct timer *timer = timers->root;

	if (!timer || timer->due_ms > clock_ms(timers->clock))
		return false;

	remove_locked(timers, timer);
	timers->firing = timer;
	timers->runner = pthread_self();
	(void)pthread_mutex_unlock(&timers->lock);
	timer->fire(timer);
	(void)pthread_mutex_lock(&timers->lock);
	timers->firing = NULL;
	(void)pthread_cond_broadcast(&timers->fired);
	return true;
}

/* Sleep until the first timer is due, or sooner. */
static void sleep_locked(struct timers *timers)
{
	if (!timers->root) {
		(void)pthread_cond_wait(&timers->sooner, &timers->lock);
		return;
	}

	uint64_t now_ms = clock_ms(timers->clock);
	uint64_t due_ms = timers->root->due_ms;
	uint64_t wait_ms = due_ms > now_ms ? due_ms - now_ms : 0;
	struct timespec until;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)(wait_ms / 1000);
	until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	(void)pthread_cond_timedwait(&timers->sooner, &timers->lock, &until);
}

/* The thread's life. */
static void *run_timers(void *arg)
{
	struct timers *timers = arg;

	WITH_LOCK(&timers->lock);
	while (!timers->ending)
		if (!fire_one_locked(timers))
			sleep_locked(timers);
	return NULL;
}

int timers_new_manual(const struct clock *clock, struct timers **ret)
{
	struct timers *timers = calloc(1, sizeof(*timers));
	pthread_condattr_t monotonic;

	if (!timers)
		return -ENOMEM;
	timers->clock = clock;
	timers->manual = true;

	/* None of these can fail on Linux. */
	(void)pthread_mutex_init(&timers->lock, NULL);
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&timers->sooner, &monotonic);
	(void)pthread_cond_init(&timers->fired, NULL);
	(void)pthread_condattr_destroy(&monotonic);

	*ret = timers;
	return 0;
}

int timers_new(const struct clock *clock, struct timers **ret)
{
	cleanup(timers_freep) struct timers *timers = NULL;
	int r = timers_new_manual(clock, &timers);

	if (r < 0)
		return r;

	r = thread_start("timer", run_timers, timers, &timers->thread);
	if (r < 0)
		return r;

	timers->manual = false;
	*ret = take(&timers);
	return 0;
}

void timers_free(struct timers *timers)
{
	if (!timers)
		return;

	{
		WITH_LOCK(&timers->lock);
		timers->ending = true;
		(void)pthread_cond_signal(&timers->sooner);
	}
	if (!timers->manual)
		(void)pthread_join(timers->thread, NULL);
	assert(!timers->root);
	(void)pthread_cond_destroy(&timers->fired);
	(void)pthread_cond_destroy(&timers->sooner);
	(void)pthread_mutex_destroy(&timers->lock);
	free(timers);
}

void timer_start(struct timers *timers, struct timer *timer, uint64_t delay_ms)
{
	WITH_LOCK(&timers->lock);

	if (timer->pending)
		remove_locked(timers, timer);

	if (__builtin_add_overflow(clock_ms(timers->clock), delay_ms,
	                           &timer->due_ms))
		timer->due_ms = UINT64_MAX - 1;
	timer->turn = timers->turns++;
	timer->child = NULL;
	timer->next = NULL;
	timer->prev = NULL;
	timer->pending = true;

	timers->root = meld(timers->root, timer);
	if (timers->root == timer && !timers->manual)
		(void)pthread_cond_signal(&timers->sooner);
}

/* Whether the timer's callback runs now, on another thread. */
static bool is_firing_locked(const struct timers *timers,
                             const struct timer *timer)
{
	return timers->firing == timer &&
	       !pthread_equal(timers->runner, pthread_self());
}

bool timer_cancel(struct timers *timers, struct timer *timer)
{
	bool was_pending = false;

	WITH_LOCK(&timers->lock);
	for (;;) {
		if (timer->pending) {
			remove_locked(timers, timer);
			was_pending = true;
		}
		if (!is_firing_locked(timers, timer))
			return was_pending;

		/* The callback may start the timer again: look once more. */
		(void)pthread_cond_wait(&timers->fired, &timers->lock);
	}
}

unsigned timers_run(struct timers *timers)
{
	unsigned fired = 0;

	assert(timers->manual);
	WITH_LOCK(&timers->lock);
	assert(!timers->firing);
	while (fire_one_locked(timers))
		fired++;
	return fired;
}

uint64_t timers_next_ms(struct timers *timers)
{
	WITH_LOCK(&timers->lock);

	return timers->root ? timers->root->due_ms : UINT64_MAX;
}
