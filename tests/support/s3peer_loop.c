/* SPDX-License-Identifier: MIT */
/*
 * epoll for sockets, a timerfd for the earliest moment (milliseconds of epoll
 * are too coarse for a delay of two), an eventfd for other threads.
 */
#include "s3peer_loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64 /* events of one round */

uint64_t loop_now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

int loop_watch(struct loop *loop, struct loop_watch *watch, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = watch};

	if (watch->watched && watch->events == events)
		return 0;
	if (epoll_ctl(loop->epoll,
	              watch->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, watch->fd,
	              &event) < 0)
		return -errno;
	watch->watched = true;
	watch->events = events;
	return 0;
}

void loop_unwatch(struct loop *loop, struct loop_watch *watch)
{
	if (!watch->watched)
		return;
	(void)epoll_ctl(loop->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
	watch->watched = false;
}

/* Set the timer to the earliest moment, or off. */
static void arm(struct loop *loop)
{
	struct itimerspec at = {0};
	const struct loop_wait *first =
		list_first(&loop->waits, struct loop_wait, link);

	if (first) {
		at.it_value.tv_sec = (time_t)(first->due_us / 1000000);
		at.it_value.tv_nsec = (long)(first->due_us % 1000000) * 1000;
	}
	(void)timerfd_settime(loop->timer.fd, TFD_TIMER_ABSTIME, &at, NULL);
}

void loop_wait(struct loop *loop, struct loop_wait *wait, uint64_t delay_us)
{
	struct list *after = loop->waits.prev;

	wait->due_us = loop_now_us() + delay_us;
	wait->pending = true;
	/* Delays are mostly alike, so the place is near the end. */
	while (after != &loop->waits &&
	       container_of(after, struct loop_wait, link)->due_us >
	               wait->due_us)
		after = after->prev;
	list_prepend(after, &wait->link);
	if (loop->waits.next == &wait->link)
		arm(loop);
}

void loop_wait_cancel(struct loop *loop, struct loop_wait *wait)
{
	if (!wait->pending)
		return;
	list_remove(&wait->link);
	wait->pending = false;
	arm(loop);
}

/* The timer rang: fire what is due. */
static void timer_ready(struct loop_watch *watch, uint32_t events)
{
	struct loop *loop = container_of(watch, struct loop, timer);
	uint64_t now = loop_now_us();
	uint64_t rings;

	(void)events;
	(void)!read(watch->fd, &rings, sizeof(rings));
	for (;;) {
		struct loop_wait *wait =
			list_first(&loop->waits, struct loop_wait, link);

		if (!wait || wait->due_us > now)
			break;
		list_remove(&wait->link);
		wait->pending = false;
		wait->fire(wait);
	}
	arm(loop);
}

static void wake_ready(struct loop_watch *watch, uint32_t events)
{
	struct loop *loop = container_of(watch, struct loop, wake);
	uint64_t wakes;

	(void)events;
	(void)!read(watch->fd, &wakes, sizeof(wakes));
	loop->woken(loop);
}

void loop_wake(struct loop *loop)
{
	uint64_t one = 1;

	(void)!write(loop->wake.fd, &one, sizeof(one));
}

int loop_init(struct loop *loop)
{
	list_init(&loop->waits);
	loop->timer.ready = timer_ready;
	loop->wake.ready = wake_ready;
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	loop->timer.fd =
		timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	loop->wake.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (loop->epoll < 0 || loop->timer.fd < 0 || loop->wake.fd < 0)
		return -errno;

	int r = loop_watch(loop, &loop->timer, EPOLLIN);

	return r < 0 ? r : loop_watch(loop, &loop->wake, EPOLLIN);
}

void loop_release(struct loop *loop)
{
	if (loop->epoll >= 0)
		(void)close(loop->epoll);
	if (loop->timer.fd >= 0)
		(void)close(loop->timer.fd);
	if (loop->wake.fd >= 0)
		(void)close(loop->wake.fd);
}

int loop_run(struct loop *loop)
{
	struct epoll_event events[BATCH];

	while (!loop->stop) {
		int n = epoll_wait(loop->epoll, events, BATCH, -1);

		if (n < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < n; i++) {
			struct loop_watch *watch = events[i].data.ptr;

			/* Somebody before us in this round may have let go. */
			if (watch->watched)
				watch->ready(watch, events[i].events);
		}
		loop->idle(loop);
	}
	return 0;
}
