/* SPDX-License-Identifier: MIT */
/*
 * One thread that waits for sockets, for moments, and for other threads.
 *
 * Everything but loop_wake() belongs to the thread that runs the loop (or to
 * whoever builds and tears it down while none does).
 */
#ifndef PORTER_TEST_S3PEER_LOOP_H
#define PORTER_TEST_S3PEER_LOOP_H

#include "base/list.h"

#include <stdbool.h>
#include <stdint.h>

/* A file descriptor to be told about; borrowed while fd is watched. */
struct loop_watch {
	int fd;
	uint32_t events; /* epoll's, as they are asked for now */
	void (*ready)(struct loop_watch *watch, uint32_t events);
	bool watched;
};

/* A moment to be told about. Zeroed = not pending. */
struct loop_wait {
	uint64_t due_us;
	void (*fire)(struct loop_wait *wait);
	struct list link;
	bool pending;
};

struct loop {
	int epoll;
	struct loop_watch timer;
	struct loop_watch wake;
	struct list waits;                /* by due_us */
	void (*woken)(struct loop *loop); /* after loop_wake() */
	void (*idle)(struct loop *loop);  /* after each round; frees things */
	bool stop;                        /* set it in woken or idle */
};

/* Returns 0 or a negative errno; release in any case. */
int loop_init(struct loop *loop);
void loop_release(struct loop *loop);

/* Until stop. Returns 0, or a negative errno when waiting itself fails. */
int loop_run(struct loop *loop);

/* Any thread, also from done(): have woken() called soon. */
void loop_wake(struct loop *loop);

/* Watch watch->fd for events (errors always), or change what for. */
int loop_watch(struct loop *loop, struct loop_watch *watch, uint32_t events);
void loop_unwatch(struct loop *loop, struct loop_watch *watch);

/* Microseconds that never go back. */
uint64_t loop_now_us(void);
void loop_wait(struct loop *loop, struct loop_wait *wait, uint64_t delay_us);
void loop_wait_cancel(struct loop *loop, struct loop_wait *wait);

#endif
