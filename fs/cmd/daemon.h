/* SPDX-License-Identifier: MIT */
/*
 * What makes a process a daemon: detaching, signals, hygiene.
 */
#ifndef PORTER_CMD_DAEMON_H
#define PORTER_CMD_DAEMON_H

#include <stdbool.h>

/*
 * Detach: the caller goes on as the child; the parent waits for
 * daemon_ready() and leaves with its status, or with 1 when the child ends
 * without a word.  The child keeps standard error until it is ready, so that
 * its sentences reach the terminal, and gets SIGTERM when the parent is killed
 * before that.  Returns the descriptor for daemon_ready,
 * or -errno.
 */
int daemon_detach(void);

/*
 * Tell the waiting parent to leave with 0, and let go of the terminal.
 * ready_fd < 0 (foreground): does nothing.
 */
void daemon_ready(int ready_fd);

/*
 * No core files, no ptrace, umask 077: the process will hold keys.  Before any
 * secret is read.
 */
void daemon_harden(void);

/*
 * Let no program that we may run inherit what is open: libraries forget the
 * flag now and then, and callers leave descriptors behind.
 */
void daemon_close_on_exec(void);

/* Block the signals that daemon_wait_signal() hears, before any thread. */
void daemon_block_signals(void);

/*
 * Wait for SIGTERM or SIGINT (returns the number), or for timeout_ms (returns
 * 0); negative timeout: for ever.  SIGHUP is heard and passed
 * over: files that change are read again by themselves.
 */
int daemon_wait_signal(int timeout_ms);

#endif
