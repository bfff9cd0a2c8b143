/* SPDX-License-Identifier: MIT */
/*
 * One direction of a forwarder: bytes on their way to a socket that may not
 * take them yet.
 *
 * They wait as text, or, when nobody has to look at them, in a pipe: splice(2)
 * then moves them from socket to socket without a copy.  Never both, so their
 * order is kept: new ones come only when none are left.
 *
 * splice(2) knows no MSG_NOSIGNAL: the caller's thread must block SIGPIPE, as
 * those of thread_start() do.
 */
#ifndef PORTER_TEST_S3PEER_LANE_H
#define PORTER_TEST_S3PEER_LANE_H

#include "base/str.h"

#include <sys/types.h>

struct peer_lane { /* zeroed = empty */
	struct str text;
	size_t at;  /* of the text, sent */
	bool piped; /* there is a pipe */
	int pipe[2];
	size_t held; /* bytes in the pipe */
};

void peer_lane_release(struct peer_lane *lane);

/* Whether bytes wait. */
bool peer_lane_waits(const struct peer_lane *lane);

/* Send what waits. 1 = nothing waits any more, 0 = not yet, -errno. */
int peer_lane_flush(struct peer_lane *lane, int to);

/* Add bytes behind those that wait, unsent. See str_status(). */
void peer_lane_add(struct peer_lane *lane, const void *data, size_t len);

/* Send bytes; what does not go now waits. 0 or -errno. */
int peer_lane_send(struct peer_lane *lane, int to, const void *data,
                   size_t len);

/*
 * Take up to len bytes from one socket, unseen, and hand on what the other
 * takes; nothing may wait.  Returns how many were taken, 0: the source has
 * ended; -EAGAIN: there are none now; or another errno.
 */
ssize_t peer_lane_move(struct peer_lane *lane, int from, int to, size_t len);

#endif
