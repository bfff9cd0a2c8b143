/* SPDX-License-Identifier: MIT */
/*
 * The forwarder's way to the real server: each client connection has one.
 *
 * Plain exchanges pass as they come, both directions at once, by lanes; while
 * something waits in a lane nothing more is read for it.  An exchange that has to
 * suffer goes over in one piece, its reply is collected, and the front's code
 * spoils and sends it.
 */
#include "s3peer_core.h"
#include "s3peer_lane.h"

#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* Pieces moved before others get their turn. */
#define ROUNDS 16

/* Bodies of so many bytes go through a pipe instead of the buffer. */
#define PIPE_FROM ((size_t)64 << 10)

/* Where a body ends. */
struct frame {
	uint64_t left; /* bytes, unless one of these: */
	bool chunked;
	bool to_the_end; /* of the connection */
	struct peer_chunked chunks;
};

struct peer_relay {
	struct peer_conn *conn;
	struct loop_watch up; /* the server's side */
	bool plain;
	struct frame request; /* what is still to come from the client */
	struct peer_lane to_server;
	struct peer_lane to_client;
	struct str head; /* of the reply, until it is complete */
	struct peer_head reply;
	bool head_came;
	bool held;    /* the reply waits for its delay */
	bool refused; /* the server does not want the rest of the request */
	bool spent;   /* the server's connection ends with this reply */
	struct frame answer;
};

static bool frame_over(const struct frame *frame)
{
	if (frame->to_the_end)
		return false;
	return frame->chunked ? frame->chunks.done : frame->left == 0;
}

/* How many of len bytes belong to the body (appended to *decoded), or -EPROTO. */
static ssize_t frame_take(struct frame *frame, const char *data, size_t len,
                          struct str *decoded)
{
	if (frame->chunked)
		return peer_chunked_feed(&frame->chunks, data, len, decoded);
	if (!frame->to_the_end && len > frame->left)
		len = (size_t)frame->left;
	if (!frame->to_the_end)
		frame->left -= len;
	if (decoded)
		str_add_mem(decoded, data, len);
	return (ssize_t)len;
}

static void up_ready(struct loop_watch *watch, uint32_t events);

/* Let go of the server. */
static void hang_up(struct peer_relay *relay)
{
	if (relay->up.fd < 0)
		return;
	loop_unwatch(&relay->conn->peer->loop, &relay->up);
	(void)close(relay->up.fd);
	relay->up.fd = -1;
	peer_lane_release(&relay->to_server); /* what waits is for nobody */
}

void peer_relay_free(struct peer_relay *relay)
{
	if (!relay)
		return;
	hang_up(relay);
	peer_lane_release(&relay->to_server);
	peer_lane_release(&relay->to_client);
	str_release(&relay->head);
	peer_head_release(&relay->reply);
	free(relay);
}

bool peer_relay_plain(const struct peer_exchange *ex)
{
	return ex->plan.fault.action == PEER_NOTHING &&
	       ex->plan.delay_ms[PEER_MID_REQUEST] == 0 &&
	       ex->plan.delay_ms[PEER_MID_REPLY] == 0;
}

/* Call the server; it may still be ringing when this returns. */
static int call(struct peer_relay *relay)
{
	struct s3peer *peer = relay->conn->peer;
	int one = 1;

	if (relay->up.fd >= 0)
		return 0;
	relay->up.fd =
		socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (relay->up.fd < 0)
		return -errno;
	relay->up.ready = up_ready;
	relay->up.watched = false;
	(void)setsockopt(relay->up.fd, IPPROTO_TCP, TCP_NODELAY, &one,
	                 sizeof(one));
	if (connect(relay->up.fd, (struct sockaddr *)&peer->upstream,
	            sizeof(peer->upstream)) < 0 &&
	    errno != EINPROGRESS)
		return -errno;
	return loop_watch(&peer->loop, &relay->up, EPOLLIN | EPOLLOUT);
}

/* Nobody there, or not any more: a gateway's answer, or silence. */
static void server_failed(struct peer_relay *relay)
{
	struct peer_conn *conn = relay->conn;
	struct peer_exchange *ex = conn->ex;
	struct peer_error error;

	hang_up(relay);
	if (!ex)
		return; /* it was idle */
	if (relay->head_came || ex->phase != PEER_BEFORE) {
		peer_conn_close(conn, true);
		return;
	}
	peer_error_set(&error, 502, "BadGateway", "no answer from the server");
	peer_front_error(ex, &error);
	ex->reply.close = true;
	ex->status = 502;
	ex->spoilt = true;
	ex->plan = (struct peer_plan){.fault.action = PEER_STATUS,
	                              .fault.phase = PEER_AFTER_COMMIT,
	                              .fault.number = 502};
	peer_exchange_enter(ex, PEER_AFTER_COMMIT);
}

/* Whether the rest of a body is long, and nobody has to look for its end. */
static bool is_long(const struct frame *frame)
{
	return !frame->chunked && !frame->to_the_end &&
	       frame->left >= PIPE_FROM;
}

/* Body of the request, unseen. 1 = moved, 0 = nothing now, -errno. */
static int splice_request(struct peer_relay *relay)
{
	struct peer_conn *conn = relay->conn;
	ssize_t n = peer_lane_move(&relay->to_server, conn->watch.fd,
	                           relay->up.fd, (size_t)relay->request.left);

	if (n == -EAGAIN)
		return 0;
	if (n <= 0) /* the client has gone, if it is not the server */
		return n == -EPIPE || n == -ECONNRESET ? (int)n : -ESHUTDOWN;
	relay->request.left -= (uint64_t)n;
	conn->ex->bytes_in += (uint64_t)n;
	return 1;
}

/* Body of the request, client to server. 1 = moved, 0 = nothing now, -errno. */
static int move_request(struct peer_relay *relay)
{
	struct peer_conn *conn = relay->conn;
	struct peer_exchange *ex = conn->ex;
	char *buffer = conn->peer->buffer;
	int r = peer_lane_flush(&relay->to_server, relay->up.fd);

	if (r <= 0 || frame_over(&relay->request))
		return r < 0 ? r : 0;
	if (is_long(&relay->request))
		return splice_request(relay);

	size_t want = PEER_BUFFER_SIZE;

	if (!relay->request.chunked && relay->request.left < want)
		want = (size_t)relay->request.left;

	ssize_t n = read(conn->watch.fd, buffer, want);

	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n <= 0)
		return -ESHUTDOWN; /* the client has gone */

	ssize_t used = frame_take(&relay->request, buffer, (size_t)n, NULL);

	if (used < 0)
		return (int)used;
	if (used < n) /* the next request, already */
		str_add_mem(&conn->in, buffer + used, (size_t)(n - used));
	ex->bytes_in += (uint64_t)used;
	r = peer_lane_send(&relay->to_server, relay->up.fd, buffer,
	                   (size_t)used);
	return r < 0 ? r : 1;
}

/* How the reply's body will end. */
static void frame_reply(struct peer_relay *relay)
{
	const struct peer_exchange *ex = relay->conn->ex;
	const struct peer_head *head = &relay->reply;

	relay->answer = (struct frame){0};
	relay->spent |= head->close;
	if (!peer_has_body(ex->head.method, head->status))
		return;
	relay->answer.chunked = head->chunked;
	if (!head->chunked) {
		relay->answer.left = head->length;
		relay->answer.to_the_end = !head->has_length;
		relay->spent |= !head->has_length;
	}
}

/* Fields of a collected reply, but those that say how it is framed. */
static void collect_head(struct peer_relay *relay)
{
	struct peer_exchange *ex = relay->conn->ex;
	const struct peer_head *head = &relay->reply;

	ex->reply.status = head->status;
	ex->reply.length = head->length;
	for (size_t i = 0; i < head->count; i++) {
		const struct peer_field *field = &head->fields[i];

		if (strcasecmp(field->name, "content-length") != 0 &&
		    strcasecmp(field->name, "transfer-encoding") != 0 &&
		    strcasecmp(field->name, "connection") != 0)
			str_addf(&ex->reply.fields, "%s: %s\r\n", field->name,
			         field->value);
	}
}

/* The reply's head is complete: its first len bytes. 0 or -errno. */
static int take_head(struct peer_relay *relay, size_t len)
{
	struct peer_exchange *ex = relay->conn->ex;
	int r;

	peer_head_release(&relay->reply);
	r = peer_head_parse_reply(&relay->reply, relay->head.data, len);
	if (r < 0)
		return r;
	if (relay->reply.status < 200) { /* 100 Continue: go on waiting */
		if (relay->plain)
			peer_lane_add(&relay->to_client, relay->head.data, len);
		memmove(relay->head.data, relay->head.data + len,
		        relay->head.len - len + 1);
		relay->head.len -= len;
		return 0;
	}
	relay->head_came = true;
	ex->status = relay->reply.status;
	frame_reply(relay);
	if (relay->plain)
		peer_lane_add(&relay->to_client, relay->head.data, len);
	else
		collect_head(relay);
	return str_status(&relay->to_client.text);
}

/* Bytes of the reply's body. 0 or -errno. */
static int pass_on(struct peer_relay *relay, const char *data, size_t len)
{
	struct peer_exchange *ex = relay->conn->ex;
	struct str *decoded = relay->plain ? NULL : &ex->reply.body;
	ssize_t used = frame_take(&relay->answer, data, len, decoded);

	if (used < 0)
		return (int)used;
	if ((size_t)used < len)
		relay->spent = true; /* says more than it was asked */
	ex->bytes_out += (uint64_t)used;
	if (!relay->plain)
		return str_status(decoded);
	if (relay->held) {
		peer_lane_add(&relay->to_client, data, (size_t)used);
		return str_status(&relay->to_client.text);
	}
	return peer_lane_send(&relay->to_client, relay->conn->watch.fd, data,
	                      (size_t)used);
}

/* The reply begins. 0 or -errno. */
static int begin_reply(struct peer_relay *relay, const char *data, size_t len)
{
	struct peer_exchange *ex = relay->conn->ex;
	size_t end;
	int r = 0;

	str_add_mem(&relay->head, data, len);
	while (!relay->head_came &&
	       (end = relay->head.len ? peer_head_find(relay->head.data,
	                                               relay->head.len)
	                              : 0) > 0) {
		r = take_head(relay, end);
		if (r < 0)
			return r;
		if (!relay->head_came)
			continue;
		if (relay->plain && ex->plan.delay_ms[PEER_AFTER_COMMIT]) {
			relay->held = true;
			peer_exchange_enter(ex, PEER_AFTER_COMMIT);
		}
		if (relay->head.len > end)
			r = pass_on(relay, relay->head.data + end,
			            relay->head.len - end);
	}
	if (relay->head.len > PEER_HEAD_MAX && !relay->head_came)
		return -EPROTO;
	return r;
}

/* Body of the reply, unseen. 1 = moved, 0 = nothing now, -errno. */
static int splice_reply(struct peer_relay *relay)
{
	struct peer_conn *conn = relay->conn;
	ssize_t n = peer_lane_move(&relay->to_client, relay->up.fd,
	                           conn->watch.fd, (size_t)relay->answer.left);

	if (n == -EAGAIN)
		return 0;
	if (n <= 0)
		return n < 0 ? (int)n : -ECONNRESET;
	relay->answer.left -= (uint64_t)n;
	conn->ex->bytes_out += (uint64_t)n;
	return 1;
}

/* Reply, server to client. 1 = moved, 0 = nothing now, -errno. */
static int move_reply(struct peer_relay *relay)
{
	struct peer_conn *conn = relay->conn;
	char *buffer = conn->peer->buffer;
	int r = 1;

	if (relay->held)
		return 0;
	if (relay->plain)
		r = peer_lane_flush(&relay->to_client, conn->watch.fd);
	if (r <= 0 || (relay->head_came && frame_over(&relay->answer)))
		return r < 0 ? r : 0;
	if (relay->plain && relay->head_came && is_long(&relay->answer))
		return splice_reply(relay);

	ssize_t n = read(relay->up.fd, buffer, PEER_BUFFER_SIZE);

	if (n == 0 && relay->head_came && relay->answer.to_the_end) {
		relay->answer = (struct frame){0};
		return 1;
	}
	if (n == 0)
		return -ECONNRESET;
	if (n < 0)
		return errno == EAGAIN || errno == ENOTCONN ? 0 : -errno;
	r = relay->head_came ? pass_on(relay, buffer, (size_t)n)
	                     : begin_reply(relay, buffer, (size_t)n);
	return r < 0 ? r : 1;
}

/* Ask to be told of what can go on, and of nothing else. */
static int watch_both(struct peer_relay *relay)
{
	struct peer_conn *conn = relay->conn;
	struct loop *loop = &conn->peer->loop;
	bool server_waits = peer_lane_waits(&relay->to_server);
	bool client_waits = peer_lane_waits(&relay->to_client) && !relay->held;
	uint32_t client = 0;
	uint32_t server = 0;

	if (!server_waits && !frame_over(&relay->request))
		client |= EPOLLIN;
	if (client_waits)
		client |= EPOLLOUT;
	else if (!relay->held)
		server |= EPOLLIN;
	if (server_waits)
		server |= EPOLLOUT;

	int r = loop_watch(loop, &conn->watch, client);

	return r < 0 ? r : loop_watch(loop, &relay->up, server);
}

/* The whole reply is there, or went by. */
static void finish(struct peer_relay *relay)
{
	struct peer_conn *conn = relay->conn;
	struct peer_exchange *ex = conn->ex;
	bool half = relay->refused || !frame_over(&relay->request) ||
	            peer_lane_waits(&relay->to_server);

	ex->committed = ex->status / 100 == 2;
	str_reset(&relay->head);
	if (relay->spent || half)
		hang_up(relay);
	else
		(void)loop_watch(&conn->peer->loop, &relay->up,
		                 EPOLLIN | EPOLLRDHUP);
	if (!relay->plain) {
		conn->state = PEER_CONN_WORK;
		(void)loop_watch(&conn->peer->loop, &conn->watch, EPOLLRDHUP);
		peer_exchange_enter(ex, PEER_AFTER_COMMIT);
		return;
	}
	ex->reply.close = relay->spent || half;
	ex->acknowledged = ex->committed;
	peer_conn_next(conn);
}

/*
 * Client to server, once.  A server that takes no more of the request has
 * perhaps said why: then only its reply counts.
 */
static int push(struct peer_relay *relay)
{
	int r = move_request(relay);

	if (r != -EPIPE && r != -ECONNRESET)
		return r;
	peer_lane_release(&relay->to_server);
	relay->request = (struct frame){0};
	relay->spent = true;
	relay->refused = true;
	return 0;
}

/* Move what can be moved, both ways. */
static void pump(struct peer_relay *relay)
{
	int up = 1;
	int down = 1;

	for (unsigned i = 0; i < ROUNDS && (up > 0 || down > 0); i++) {
		up = push(relay);
		if (up < 0)
			break;
		down = move_reply(relay);
		if (down < 0)
			break;
		if (relay->head_came && frame_over(&relay->answer) &&
		    !peer_lane_waits(&relay->to_client)) {
			finish(relay);
			return;
		}
	}
	if (up == -ESHUTDOWN)
		peer_conn_close(relay->conn, false);
	else if (down < 0 || up < 0)
		server_failed(relay);
	else if (watch_both(relay) < 0)
		peer_conn_close(relay->conn, true);
}

void peer_relay_ready(struct peer_conn *conn)
{
	pump(conn->relay);
}

/* Something happened to the server's socket. */
static void up_ready(struct loop_watch *watch, uint32_t events)
{
	struct peer_relay *relay = container_of(watch, struct peer_relay, up);

	if (relay->held && (events & (EPOLLERR | EPOLLHUP)))
		loop_unwatch(&relay->conn->peer->loop, watch); /* till then */
	else if (relay->conn->state == PEER_CONN_RELAY)
		pump(relay);
	else
		hang_up(relay); /* it does not wait for the next request */
}

void peer_relay_go_on(struct peer_exchange *ex)
{
	struct peer_relay *relay = ex->conn->relay;

	relay->held = false;
	pump(relay);
}

/* The way to the server, made when it is first needed. */
static struct peer_relay *relay_get(struct peer_conn *conn)
{
	struct peer_relay *relay = conn->relay;

	if (relay)
		return relay;
	relay = calloc(1, sizeof(*relay));
	if (!relay)
		return NULL;
	relay->conn = conn;
	relay->up.fd = -1;
	conn->relay = relay;
	return relay;
}

/* What of the request was read already goes first. */
static void take_read(struct peer_relay *relay)
{
	struct peer_conn *conn = relay->conn;
	struct peer_exchange *ex = conn->ex;
	ssize_t used;

	relay->request = (struct frame){.left = ex->head.length,
	                                .chunked = ex->head.chunked};
	peer_lane_add(&relay->to_server, ex->raw.data, ex->raw.len);
	if (!relay->plain) {
		peer_lane_add(&relay->to_server, str_text(&ex->body),
		              ex->body.len);
		relay->request.left = 0;
		return;
	}
	if (conn->in.len == 0)
		return;
	used = frame_take(&relay->request, conn->in.data, conn->in.len, NULL);
	if (used <= 0)
		return;
	peer_lane_add(&relay->to_server, conn->in.data, (size_t)used);
	ex->bytes_in += (uint64_t)used;
	conn->in.len -= (size_t)used;
	memmove(conn->in.data, conn->in.data + used, conn->in.len);
}

void peer_relay_start(struct peer_exchange *ex)
{
	struct peer_conn *conn = ex->conn;
	struct peer_relay *relay = relay_get(conn);

	if (!relay) {
		peer_conn_close(conn, true);
		return;
	}
	relay->plain = peer_relay_plain(ex);
	relay->head_came = false;
	relay->held = false;
	relay->spent = false;
	relay->refused = false;
	assert(!peer_lane_waits(&relay->to_server));
	take_read(relay);
	conn->state = PEER_CONN_RELAY;
	if (str_status(&relay->to_server.text) < 0 || call(relay) < 0)
		server_failed(relay);
	else
		pump(relay);
}
