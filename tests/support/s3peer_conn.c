/* SPDX-License-Identifier: MIT */
/*
 * A client's connection: bytes in, bytes out, and nothing about what they
 * mean.  While somebody else works (state WORK) only a hang-up is watched for.
 */
#include "s3peer_core.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_SIZE ((size_t)64 << 10)
#define LINGER_US 1000000 /* how long a client may go on talking */

static void conn_ready(struct loop_watch *watch, uint32_t events);
static void conn_wait_over(struct loop_wait *wait);
static void read_head(struct peer_conn *conn);

int peer_conn_open(struct s3peer *peer, int fd)
{
	struct peer_conn *conn = calloc(1, sizeof(*conn));
	int one = 1;

	if (!conn) {
		(void)close(fd);
		return -ENOMEM;
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	conn->peer = peer;
	conn->watch.fd = fd;
	conn->watch.ready = conn_ready;
	conn->wait.fire = conn_wait_over;
	list_append(&peer->conns, &conn->link);

	int r = loop_watch(&peer->loop, &conn->watch, EPOLLIN);

	if (r < 0)
		peer_conn_close(conn, false);
	return r;
}

void peer_conn_close(struct peer_conn *conn, bool reset)
{
	struct s3peer *peer = conn->peer;
	struct linger linger = {.l_onoff = 1};
	struct peer_exchange *ex = conn->ex;

	if (conn->watch.fd < 0)
		return;
	loop_unwatch(&peer->loop, &conn->watch);
	loop_wait_cancel(&peer->loop, &conn->wait);
	if (reset)
		(void)setsockopt(conn->watch.fd, SOL_SOCKET, SO_LINGER, &linger,
		                 sizeof(linger));
	(void)close(conn->watch.fd);
	conn->watch.fd = -1;
	peer_relay_free(conn->relay);
	conn->relay = NULL;
	list_remove(&conn->link);
	list_append(&peer->graves, &conn->link);

	conn->ex = NULL;
	if (!ex)
		return;
	ex->conn = NULL;
	if (ex->in_store)
		return; /* ends when the store answers */
	peer_exchange_tell(ex);
	peer_exchange_free(ex);
}

void peer_conn_linger(struct peer_conn *conn)
{
	struct peer_exchange *ex = conn->ex;

	conn->ex = NULL;
	if (ex) {
		ex->conn = NULL;
		peer_exchange_tell(ex);
		peer_exchange_free(ex);
	}
	conn->state = PEER_CONN_DRAIN;
	if (shutdown(conn->watch.fd, SHUT_WR) < 0 ||
	    loop_watch(&conn->peer->loop, &conn->watch, EPOLLIN) < 0) {
		peer_conn_close(conn, false);
		return;
	}
	loop_wait(&conn->peer->loop, &conn->wait, LINGER_US);
}

/* What comes now interests nobody. */
static void drain(struct peer_conn *conn)
{
	char *buffer = conn->peer->buffer;
	ssize_t n = read(conn->watch.fd, buffer, PEER_BUFFER_SIZE);

	if (n == 0 || (n < 0 && errno != EAGAIN))
		peer_conn_close(conn, false);
}

void peer_conn_bury(struct s3peer *peer)
{
	struct peer_conn *conn;

	while ((conn = list_first(&peer->graves, struct peer_conn, link))) {
		list_remove(&conn->link);
		str_release(&conn->in);
		free(conn);
	}
}

/* Take len bytes off the front of what was read. */
static void use_up(struct peer_conn *conn, size_t len)
{
	conn->in.len -= len;
	if (conn->in.len > 0)
		memmove(conn->in.data, conn->in.data + len, conn->in.len);
}

/*
 * Read up to len more bytes behind s.  Returns how many; 0: none are there now;
 * -errno, -ECONNRESET for the end, too.
 */
static ssize_t read_more(struct peer_conn *conn, struct str *s, size_t len)
{
	if (str_reserve(s, len) < 0)
		return -ENOMEM;

	ssize_t n = read(conn->watch.fd, s->data + s->len, len);

	if (n == 0)
		return -ECONNRESET;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	s->len += (size_t)n;
	s->data[s->len] = '\0';
	return n;
}

/* What was read with the head belongs to the body first. */
static void move_leftover(struct peer_conn *conn, uint64_t wanted)
{
	struct peer_exchange *ex = conn->ex;
	size_t len = conn->in.len < wanted ? conn->in.len : (size_t)wanted;

	if (len == 0)
		return;
	str_add_mem(&ex->body, conn->in.data, len);
	use_up(conn, len);
}

/* Bytes of the body to read now, before something has to happen. */
static uint64_t body_wanted(const struct peer_exchange *ex)
{
	uint64_t stop = peer_exchange_body_stop(ex);
	uint64_t drop = peer_exchange_drop(ex, PEER_MID_REQUEST);
	uint64_t left = stop - ex->body.len;

	return drop && drop < left ? drop : left;
}

void peer_conn_read_body(struct peer_conn *conn)
{
	struct peer_exchange *ex = conn->ex;
	struct loop *loop = &conn->peer->loop;
	bool drips = peer_exchange_drop(ex, PEER_MID_REQUEST) > 0;

	conn->state = PEER_CONN_BODY;
	/* All at once: growing by and by would copy it again and again. */
	if (str_reserve(&ex->body, ex->head.length) < 0) {
		peer_conn_close(conn, true);
		return;
	}
	move_leftover(conn, body_wanted(ex));
	while (body_wanted(ex) > 0 && conn->in.len == 0) {
		ssize_t n = read_more(conn, &ex->body, body_wanted(ex));

		if (n < 0) {
			peer_conn_close(conn, false);
			return;
		}
		if (n == 0) {
			if (loop_watch(loop, &conn->watch, EPOLLIN) < 0)
				peer_conn_close(conn, true);
			return;
		}
		if (drips)
			break;
	}
	if (drips && ex->body.len < ex->head.length) {
		(void)loop_watch(loop, &conn->watch, EPOLLRDHUP);
		loop_wait(loop, &conn->wait, PEER_DRIP_US);
		return;
	}
	(void)loop_watch(loop, &conn->watch, EPOLLRDHUP);
	conn->state = PEER_CONN_WORK;
	if (ex->body.len < ex->head.length || !ex->mid_request_over)
		peer_exchange_enter(ex, PEER_MID_REQUEST);
	else
		peer_exchange_body_came(ex);
}

/* Hand a complete head over. */
static void take_head(struct peer_conn *conn, size_t len)
{
	struct peer_exchange *ex = peer_exchange_new(conn, conn->in.data, len);

	if (!ex) {
		static const char bad[] = "HTTP/1.1 400 Bad Request\r\n"
					  "Connection: close\r\n\r\n";

		(void)!send(conn->watch.fd, bad, sizeof(bad) - 1, MSG_NOSIGNAL);
		peer_conn_close(conn, false);
		return;
	}
	use_up(conn, len);
	conn->ex = ex;
	ex->conn = conn;
	if (conn->peer->forwards && !ex->control && peer_relay_plain(ex)) {
		conn->state = PEER_CONN_WORK;
		(void)loop_watch(&conn->peer->loop, &conn->watch, EPOLLRDHUP);
		peer_exchange_enter(ex, PEER_BEFORE);
		return;
	}
	if (ex->head.expect)
		(void)!send(conn->watch.fd, "HTTP/1.1 100 Continue\r\n\r\n", 25,
		            MSG_NOSIGNAL);
	peer_conn_read_body(conn);
}

/* More of a head may be there. */
static void read_head(struct peer_conn *conn)
{
	for (;;) {
		size_t len = conn->in.len ? peer_head_find(conn->in.data,
		                                           conn->in.len)
		                          : 0;

		if (len > 0) {
			take_head(conn, len);
			return;
		}
		if (conn->in.len > PEER_HEAD_MAX) {
			peer_conn_close(conn, true);
			return;
		}

		ssize_t n = read_more(conn, &conn->in, READ_SIZE);

		if (n < 0)
			peer_conn_close(conn, false);
		if (n <= 0)
			return;
	}
}

void peer_conn_next(struct peer_conn *conn)
{
	struct peer_exchange *ex = conn->ex;
	bool ends = ex->head.close || ex->reply.close;

	conn->ex = NULL;
	ex->conn = NULL;
	peer_exchange_tell(ex);
	peer_exchange_free(ex);
	if (ends) {
		peer_conn_linger(conn);
		return;
	}
	conn->state = PEER_CONN_HEAD;
	if (loop_watch(&conn->peer->loop, &conn->watch, EPOLLIN) < 0) {
		peer_conn_close(conn, true);
		return;
	}
	if (conn->in.len > 0)
		read_head(conn);
}

/* The pieces of a wire from at to stop; how many pieces. */
static size_t wire_pieces(const struct peer_wire *wire, size_t at, size_t stop,
                          struct iovec pieces[3])
{
	const struct slice all[] = {
		{(uint8_t *)wire->head.data, wire->head.len},
		{(uint8_t *)wire->body->data, wire->body->len},
		{(uint8_t *)(uintptr_t)wire->tail, strlen(wire->tail)},
	};
	size_t count = 0;
	size_t begin = 0;

	for (unsigned i = 0; i < 3; i++) {
		size_t end = begin + all[i].len;
		size_t from = at > begin ? at : begin;
		size_t to = stop < end ? stop : end;

		if (from < to)
			pieces[count++] = (struct iovec){
				all[i].data + (from - begin), to - from};
		begin = end;
	}
	return count;
}

/* Send as much as the socket takes, up to stop. 1 = all, 0 = later, -errno. */
static int send_up_to(struct peer_conn *conn, size_t stop)
{
	struct peer_exchange *ex = conn->ex;

	while (ex->sent < stop) {
		struct iovec pieces[3];
		struct msghdr message = {
			.msg_iov = pieces,
			.msg_iovlen =
				wire_pieces(&ex->wire, ex->sent, stop, pieces),
		};
		ssize_t n = sendmsg(conn->watch.fd, &message, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			ex->sent += (size_t)n;
	}
	return 1;
}

void peer_conn_send(struct peer_conn *conn)
{
	struct peer_exchange *ex = conn->ex;
	struct loop *loop = &conn->peer->loop;
	uint64_t drop = peer_exchange_drop(ex, PEER_MID_REPLY);
	size_t stop = peer_exchange_wire_stop(ex);
	bool drips = drop > 0 && stop - ex->sent > drop;
	int r;

	conn->state = PEER_CONN_SEND;
	r = send_up_to(conn, drips ? ex->sent + drop : stop);
	if (r < 0) {
		peer_conn_close(conn, false);
	} else if (r == 0) {
		if (loop_watch(loop, &conn->watch, EPOLLOUT | EPOLLRDHUP) < 0)
			peer_conn_close(conn, true);
	} else if (drips) {
		(void)loop_watch(loop, &conn->watch, EPOLLRDHUP);
		loop_wait(loop, &conn->wait, PEER_DRIP_US);
	} else if (ex->sent < ex->wire.size || !ex->mid_reply_over) {
		conn->state = PEER_CONN_WORK;
		(void)loop_watch(loop, &conn->watch, EPOLLRDHUP);
		peer_exchange_enter(ex, PEER_MID_REPLY);
	} else {
		ex->bytes_out = ex->wire.body->len;
		ex->acknowledged = !ex->spoilt && ex->reply.status / 100 == 2;
		peer_conn_next(conn);
	}
}

/* The next drop of a drip is due. */
static void drip_on(struct peer_conn *conn)
{
	if (conn->state == PEER_CONN_BODY)
		peer_conn_read_body(conn);
	else if (conn->state == PEER_CONN_SEND)
		peer_conn_send(conn);
}

static void conn_wait_over(struct loop_wait *wait)
{
	struct peer_conn *conn = container_of(wait, struct peer_conn, wait);

	if (conn->state == PEER_CONN_DRAIN)
		peer_conn_close(conn, false);
	else if (conn->state == PEER_CONN_WORK ||
	         conn->state == PEER_CONN_RELAY)
		peer_exchange_go(conn->ex);
	else
		drip_on(conn);
}

static void conn_ready(struct loop_watch *watch, uint32_t events)
{
	struct peer_conn *conn = container_of(watch, struct peer_conn, watch);

	if (events & (EPOLLERR | EPOLLHUP)) {
		peer_conn_close(conn, false);
		return;
	}
	switch (conn->state) {
	case PEER_CONN_HEAD:
		read_head(conn);
		break;
	case PEER_CONN_BODY:
		if (events & EPOLLIN)
			peer_conn_read_body(conn);
		else if (events & EPOLLRDHUP)
			peer_conn_close(conn, false);
		break;
	case PEER_CONN_WORK:
		if (events & EPOLLRDHUP)
			peer_conn_close(conn, false);
		break;
	case PEER_CONN_SEND:
		if (events & EPOLLOUT)
			peer_conn_send(conn);
		else if (events & EPOLLRDHUP)
			peer_conn_close(conn, false);
		break;
	case PEER_CONN_RELAY:
		peer_relay_ready(conn);
		break;
	case PEER_CONN_DRAIN:
		drain(conn);
		break;
	}
}
