/* SPDX-License-Identifier: MIT */
#include "raw_peer.h"

#include "base/lock.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#define CONNECTIONS_MAX 512
#define REQUESTS_MAX    4096

/* One accepted connection and its thread. */
struct raw_connection {
	struct raw_peer *peer;
	const struct raw_script *script;
	pthread_t thread;
	int fd;
	struct str buffer; /* bytes read and not yet used */
};

struct raw_peer {
	const struct raw_script *scripts;
	size_t script_count;
	pthread_t thread;
	int fd;
	char host[32];

	pthread_mutex_t lock;
	struct raw_connection connections[CONNECTIONS_MAX]; /* lock */
	unsigned connection_count;                          /* lock */
	char *requests[REQUESTS_MAX];                       /* lock */
	unsigned request_count;                             /* lock */
};

/* More bytes into the buffer. False when the other side is gone. */
static bool read_more(struct raw_connection *c)
{
	char bytes[4096];
	ssize_t n = recv(c->fd, bytes, sizeof(bytes), 0);

	if (n <= 0)
		return false;
	str_add_mem(&c->buffer, bytes, (size_t)n);
	return true;
}

/* Drop the first n bytes of the buffer. */
static void consume(struct raw_connection *c, size_t n)
{
	struct str rest = {0};

	str_add_mem(&rest, c->buffer.data + n, c->buffer.len - n);
	str_release(&c->buffer);
	c->buffer = rest;
}

static void record(struct raw_connection *c, size_t len)
{
	struct raw_peer *peer = c->peer;
	char *text = strndup(c->buffer.data, len);

	WITH_LOCK(&peer->lock);
	if (!text || peer->request_count == REQUESTS_MAX)
		abort();
	peer->requests[peer->request_count++] = text;
}

/* Content-Length of the head, 0 without one. */
static size_t body_length(const char *head, size_t len)
{
	const char *name = "content-length:";

	for (const char *line = head; line < head + len;) {
		const char *end = memchr(line, '\n', head + len - line);

		if (strncasecmp(line, name, strlen(name)) == 0)
			return strtoul(line + strlen(name), NULL, 10);
		if (!end)
			break;
		line = end + 1;
	}
	return 0;
}

/* Read head and body of a request. */
static bool take_request(struct raw_connection *c)
{
	const char *end = NULL;

	while (!c->buffer.data ||
	       !(end = memmem(c->buffer.data, c->buffer.len, "\r\n\r\n", 4))) {
		if (!read_more(c))
			return false;
	}

	size_t head = (size_t)(end - c->buffer.data) + 4;
	size_t whole = head + body_length(c->buffer.data, head);

	while (c->buffer.len < whole) {
		if (!read_more(c))
			return false;
	}
	record(c, whole);
	consume(c, whole);
	return true;
}

static bool take_bytes(struct raw_connection *c, size_t n)
{
	while (c->buffer.len < n) {
		if (!read_more(c))
			return false;
	}
	consume(c, n);
	return true;
}

static bool send_all(struct raw_connection *c, const char *text)
{
	for (size_t left = strlen(text); left > 0;) {
		ssize_t n = send(c->fd, text, left, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		text += n;
		left -= (size_t)n;
	}
	return true;
}

static bool stall(struct raw_connection *c)
{
	while (read_more(c))
		str_reset(&c->buffer);
	return false;
}

/* The connection ends now, with a reset. */
static bool reset(struct raw_connection *c)
{
	struct linger hard = {.l_onoff = 1};

	(void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	return false;
}

/* Plays a step. False: the connection is to be closed. */
static bool play(struct raw_connection *c, const struct raw_step *step)
{
	switch (step->kind) {
	case RAW_REQUEST:
		return take_request(c);
	case RAW_TAKE:
		return take_bytes(c, step->n);
	case RAW_SEND:
		return send_all(c, step->text);
	case RAW_REPEAT:
		for (size_t i = 0; i < step->n; i++) {
			if (!send_all(c, step->text))
				return false;
		}
		return true;
	case RAW_STALL:
		return stall(c);
	case RAW_RESET:
		return reset(c);
	case RAW_AGAIN:
		return true;
	}
	abort();
}

static void *connection_main(void *arg)
{
	struct raw_connection *c = arg;
	const struct raw_script *script = c->script;
	size_t i = 0;

	while (i < script->count && play(c, &script->steps[i]))
		i = script->steps[i].kind == RAW_AGAIN ? 0 : i + 1;

	/* Closed by raw_peer_free() only if still open: fd is ours alone. */
	WITH_LOCK(&c->peer->lock);
	closep(&c->fd);
	return NULL;
}

/* A connection came: give it a thread. False: the peer is being freed. */
static bool welcome(struct raw_peer *peer, int fd)
{
	int on = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));

	WITH_LOCK(&peer->lock);
	unsigned n = peer->connection_count;
	struct raw_connection *c = &peer->connections[n];

	if (n == CONNECTIONS_MAX || peer->fd < 0) {
		(void)close(fd);
		return false;
	}
	c->peer = peer;
	c->fd = fd;
	c->script =
		&peer->scripts[n < peer->script_count ? n
	                                              : peer->script_count - 1];
	if (pthread_create(&c->thread, NULL, connection_main, c) != 0)
		abort();
	peer->connection_count++;
	return true;
}

static void *accept_main(void *arg)
{
	struct raw_peer *peer = arg;
	int listening = peer->fd;

	for (;;) {
		int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0 || !welcome(peer, fd))
			return NULL;
	}
}

struct raw_peer *raw_peer_new(const struct raw_script *scripts, size_t count)
{
	struct raw_peer *peer = calloc(1, sizeof(*peer));
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(address);

	if (!peer)
		abort();
	peer->scripts = scripts;
	peer->script_count = count;
	(void)pthread_mutex_init(&peer->lock, NULL);
	peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (peer->fd < 0 ||
	    bind(peer->fd, (struct sockaddr *)&address, len) < 0 ||
	    listen(peer->fd, 128) < 0 ||
	    getsockname(peer->fd, (struct sockaddr *)&address, &len) < 0)
		abort();
	(void)snprintf(peer->host, sizeof(peer->host), "127.0.0.1:%u",
	               ntohs(address.sin_port));
	if (pthread_create(&peer->thread, NULL, accept_main, peer) != 0)
		abort();
	return peer;
}

void raw_peer_free(struct raw_peer *peer)
{
	if (!peer)
		return;

	(void)shutdown(peer->fd, SHUT_RDWR);
	(void)pthread_join(peer->thread, NULL);
	closep(&peer->fd);
	for (unsigned i = 0; i < peer->connection_count; i++) {
		struct raw_connection *c = &peer->connections[i];
		{
			WITH_LOCK(&peer->lock);
			if (c->fd >= 0)
				(void)shutdown(c->fd, SHUT_RDWR);
		}
		(void)pthread_join(c->thread, NULL);
		str_release(&c->buffer);
	}
	for (unsigned i = 0; i < peer->request_count; i++)
		free(peer->requests[i]);
	(void)pthread_mutex_destroy(&peer->lock);
	free(peer);
}

const char *raw_peer_host(const struct raw_peer *peer)
{
	return peer->host;
}

unsigned raw_peer_connections(struct raw_peer *peer)
{
	WITH_LOCK(&peer->lock);
	return peer->connection_count;
}

unsigned raw_peer_requests(struct raw_peer *peer)
{
	WITH_LOCK(&peer->lock);
	return peer->request_count;
}

const char *raw_peer_request(struct raw_peer *peer, unsigned n)
{
	WITH_LOCK(&peer->lock);
	return n < peer->request_count ? peer->requests[n] : "";
}
