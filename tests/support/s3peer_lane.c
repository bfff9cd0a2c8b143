/* SPDX-License-Identifier: MIT */
#include "s3peer_lane.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

/* What a pipe should hold; the kernel may refuse and keep its 64 KiB. */
#define PIPE_SIZE (1 << 20)

void peer_lane_release(struct peer_lane *lane)
{
	str_release(&lane->text);
	if (lane->piped) {
		(void)close(lane->pipe[0]);
		(void)close(lane->pipe[1]);
	}
	*lane = (struct peer_lane){.at = 0};
}

bool peer_lane_waits(const struct peer_lane *lane)
{
	return lane->text.len > 0 || lane->held > 0;
}

/* A socket that is full, or not connected yet. */
static bool is_later(int error)
{
	return error == EAGAIN || error == ENOTCONN;
}

/* The pipe's part of a flush. */
static int flush_pipe(struct peer_lane *lane, int to)
{
	while (lane->held > 0) {
		ssize_t n = splice(lane->pipe[0], NULL, to, NULL, lane->held,
		                   SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

		if (n < 0)
			return is_later(errno) ? 0 : -errno;
		lane->held -= (size_t)n;
	}
	return 1;
}

int peer_lane_flush(struct peer_lane *lane, int to)
{
	while (lane->at < lane->text.len) {
		ssize_t n = send(to, lane->text.data + lane->at,
		                 lane->text.len - lane->at, MSG_NOSIGNAL);

		if (n < 0)
			return is_later(errno) ? 0 : -errno;
		lane->at += (size_t)n;
	}
	str_reset(&lane->text);
	lane->at = 0;
	return flush_pipe(lane, to);
}

void peer_lane_add(struct peer_lane *lane, const void *data, size_t len)
{
	if (len > 0)
		str_add_mem(&lane->text, data, len);
}

int peer_lane_send(struct peer_lane *lane, int to, const void *data, size_t len)
{
	ssize_t n = 0;

	if (!peer_lane_waits(lane))
		n = send(to, data, len, MSG_NOSIGNAL);
	if (n < 0 && !is_later(errno))
		return -errno;
	if (n < 0)
		n = 0;
	peer_lane_add(lane, (const char *)data + n, len - (size_t)n);
	return str_status(&lane->text);
}

/* Make the pipe when it is first needed. */
static int open_pipe(struct peer_lane *lane)
{
	if (lane->piped)
		return 0;
	if (pipe2(lane->pipe, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	(void)fcntl(lane->pipe[1], F_SETPIPE_SZ, PIPE_SIZE);
	lane->piped = true;
	return 0;
}

ssize_t peer_lane_move(struct peer_lane *lane, int from, int to, size_t len)
{
	int r = open_pipe(lane);

	if (r < 0)
		return r;

	ssize_t n = splice(from, NULL, lane->pipe[1], NULL, len,
	                   SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

	if (n <= 0)
		return n < 0 ? -errno : 0;
	lane->held = (size_t)n;
	r = flush_pipe(lane, to);
	return r < 0 ? r : n;
}
