/* SPDX-License-Identifier: MIT */
#include "tool_watch.h"

#include "base/clock.h"

#include <stdio.h>
#include <time.h>

#define SHOW_MS 200

void tool_watch_clear(const struct tool_watch *watch)
{
	if (watch->terminal)
		(void)fputs("\r\033[K", stderr);
}

/* The thread, until the work has ended. */
static void *run(void *arg)
{
	struct tool_watch *watch = arg;
	const struct timespec step = {.tv_nsec = SHOW_MS * 1000000L};

	while (!atomic_load(&watch->ended)) {
		if (sigtimedwait(&watch->signals, NULL, &step) > 0)
			atomic_store(&watch->interrupted, true);
		if (!watch->terminal)
			continue;
		tool_watch_clear(watch);
		watch->show(watch->ctx);
		(void)fflush(stderr);
	}
	tool_watch_clear(watch);
	return NULL;
}

void tool_watch_hold(struct tool_watch *watch)
{
	(void)sigemptyset(&watch->signals);
	(void)sigaddset(&watch->signals, SIGINT);
	(void)sigaddset(&watch->signals, SIGTERM);
	(void)pthread_sigmask(SIG_BLOCK, &watch->signals, NULL);
}

int tool_watch_begin(struct tool_watch *watch)
{
	watch->began_ms = clock_ms(clock_system());
	return -pthread_create(&watch->thread, NULL, run, watch);
}

void tool_watch_end(struct tool_watch *watch)
{
	atomic_store(&watch->ended, true);
	(void)pthread_join(watch->thread, NULL);
}

uint64_t tool_watch_ms(const struct tool_watch *watch)
{
	return clock_ms(clock_system()) - watch->began_ms;
}
