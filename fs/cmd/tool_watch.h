/* SPDX-License-Identifier: MIT */
/*
 * A thread beside the work of a subcommand: it hears SIGINT and SIGTERM, so that
 * the work can end well, and has progress shown on a terminal.
 */
#ifndef PORTER_CMD_TOOL_WATCH_H
#define PORTER_CMD_TOOL_WATCH_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct tool_watch {
	/* Set by the owner. */
	bool terminal; /* progress is shown */

	/* One line on standard error, on the watcher's thread. */
	void (*show)(void *ctx);
	void *ctx;

	/* By any thread. */
	atomic_bool interrupted;

	/* Inside. */
	atomic_bool ended;
	uint64_t began_ms;
	sigset_t signals;
	pthread_t thread;
};

/* Block the signals, in every thread that is begun from here on. */
void tool_watch_hold(struct tool_watch *watch);

/* Around the work. begin: 0 or negative errno; end only after a 0. */
int tool_watch_begin(struct tool_watch *watch);
void tool_watch_end(struct tool_watch *watch);

/* Milliseconds since the beginning. */
uint64_t tool_watch_ms(const struct tool_watch *watch);

/* Clear the line that shows progress, for something else to be said. */
void tool_watch_clear(const struct tool_watch *watch);

#endif
