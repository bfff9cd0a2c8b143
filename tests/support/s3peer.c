/* SPDX-License-Identifier: MIT */
/*
 * Birth and death: a listening socket, a thread with a loop, the doors for
 * other threads.
 */
#include "base/thread.h"
#include "s3peer_core.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* Connections that may wait for accept(). */
#define BACKLOG 512

/* Somebody knocks. */
static void listener_ready(struct loop_watch *watch, uint32_t events)
{
	struct s3peer *peer = container_of(watch, struct s3peer, listener);

	(void)events;
	for (;;) {
		int fd = accept4(watch->fd, NULL, NULL,
		                 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0)
			return;
		if (peer_conn_open(peer, fd) < 0)
			continue;

		WITH_LOCK(&peer->lock);
		peer->stats.connections++;
	}
}

/* A store has answered; the client may have gone meanwhile. */
static void take_back(struct peer_exchange *ex)
{
	ex->in_store = false;
	ex->peer->working--;
	if (ex->conn) {
		peer_exchange_enter(ex, PEER_AFTER_COMMIT);
		return;
	}
	peer_exchange_tell(ex);
	peer_exchange_free(ex);
}

/* Another thread has something for us. */
static void woken(struct loop *loop)
{
	struct s3peer *peer = container_of(loop, struct s3peer, loop);
	struct peer_exchange *ex;
	struct list replied;
	bool stopping;

	list_init(&replied);
	{
		WITH_LOCK(&peer->lock);
		list_splice(&replied, &peer->replied);
		stopping = peer->stopping;
	}
	while ((ex = list_first(&replied, struct peer_exchange, link))) {
		list_remove(&ex->link);
		take_back(ex);
	}
	if (!stopping)
		return;

	struct peer_conn *conn;

	loop_unwatch(loop, &peer->listener);
	while ((conn = list_first(&peer->conns, struct peer_conn, link)))
		peer_conn_close(conn, true);
	loop->stop = peer->working == 0;
}

static void idle(struct loop *loop)
{
	peer_conn_bury(container_of(loop, struct s3peer, loop));
}

static void *run(void *arg)
{
	struct s3peer *peer = arg;

	(void)loop_run(&peer->loop);
	return NULL;
}

/* Listen on 127.0.0.1. */
static int open_listener(struct s3peer *peer, uint16_t port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(address);
	int one = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	peer->listener.fd = fd;
	peer->listener.ready = listener_ready;
	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, BACKLOG) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &len) < 0)
		return -errno;
	peer->port = ntohs(address.sin_port);
	return loop_watch(&peer->loop, &peer->listener, EPOLLIN);
}

/* "http://HOST[:PORT][/]" to an address. */
static int parse_upstream(struct s3peer *peer, const char *url,
                          struct err *reterr)
{
	const struct addrinfo hints = {.ai_family = AF_INET,
	                               .ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	char host[256];

	if (!str_starts(url, "http://") ||
	    !str_copy(host, sizeof(host), url + strlen("http://")))
		return err_set(reterr, -EINVAL, "'%s' is no http://HOST:PORT",
		               url);
	host[strcspn(host, "/")] = '\0';

	char *colon = strchr(host, ':');

	if (colon)
		*colon++ = '\0';

	int r = getaddrinfo(host, colon ? colon : "80", &hints, &found);

	if (r != 0)
		return err_set(reterr, -EINVAL, "'%s': %s", url,
		               gai_strerror(r));
	memcpy(&peer->upstream, found->ai_addr, sizeof(peer->upstream));
	freeaddrinfo(found);
	return 0;
}

/* The front's buckets. */
static int copy_buckets(struct s3peer *peer, const struct s3peer_config *config)
{
	peer->buckets =
		calloc(config->bucket_count + 1, sizeof(*peer->buckets));
	if (!peer->buckets)
		return -ENOMEM;
	for (size_t i = 0; i < config->bucket_count; i++) {
		struct peer_bucket *bucket = &peer->buckets[i];

		bucket->store = config->buckets[i].store;
		bucket->name = strdup(config->buckets[i].name);
		if (!bucket->name)
			return -ENOMEM;
		peer->bucket_count++;
	}
	return 0;
}

/* A copy of the configuration's values. */
static int configure(struct s3peer *peer, const struct s3peer_config *config,
                     struct err *reterr)
{
	peer->habit = peer_habit_get(config->habits);
	peer->clock_offset_s = config->clock_offset_s;
	peer->delay_us = config->delay_us;
	peer->seed = config->seed;
	peer->observe = config->observe;
	peer->ctx = config->ctx;
	peer->born_us = loop_now_us();
	peer->region = strdup(config->region ? config->region : "us-east-1");
	peer->domain = config->domain ? strdup(config->domain) : NULL;
	peer->buffer = malloc(PEER_BUFFER_SIZE);
	if (!peer->region || !peer->buffer ||
	    (config->domain && !peer->domain) ||
	    copy_buckets(peer, config) < 0 ||
	    s3peer_set_keys(
		    peer,
		    config->access_key_id ? config->access_key_id : "AKPEER",
		    config->secret_access_key ? config->secret_access_key
					      : "SKPEER",
		    config->session_token) < 0)
		return err_set(reterr, -ENOMEM, "no memory for a peer");

	int r = s3peer_set_rules(peer, config->rules ? config->rules : "",
	                         reterr);

	if (r == 0 && config->forward) {
		peer->forwards = true;
		r = parse_upstream(peer, config->forward, reterr);
	}
	return r;
}

int s3peer_new(const struct s3peer_config *config, struct s3peer **ret,
               struct err *reterr)
{
	cleanup(s3peer_freep) struct s3peer *peer = calloc(1, sizeof(*peer));

	if (!peer)
		return err_set(reterr, -ENOMEM, "no memory for a peer");
	*peer = (struct s3peer){
		.listener.fd = -1,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.loop.woken = woken,
		.loop.idle = idle,
	};
	list_init(&peer->conns);
	list_init(&peer->graves);
	list_init(&peer->replied);
	peer_memory_init(&peer->memory);

	int r = loop_init(&peer->loop);

	if (r < 0)
		return err_set(reterr, r, "event loop: %s", strerror(-r));
	r = configure(peer, config, reterr);
	if (r < 0)
		return r;
	r = open_listener(peer, config->port);
	if (r < 0)
		return err_set(reterr, r, "port %u: %s", config->port,
		               strerror(-r));
	r = thread_start("s3peer", run, peer, &peer->thread);
	if (r < 0)
		return err_set(reterr, r, "thread: %s", strerror(-r));
	peer->started = true;
	*ret = take(&peer);
	return 0;
}

/* End the thread, and with it all that goes on. */
static void stop(struct s3peer *peer)
{
	if (!peer->started)
		return;
	{
		WITH_LOCK(&peer->lock);
		peer->stopping = true;
	}
	loop_wake(&peer->loop);
	(void)pthread_join(peer->thread, NULL);
}

void s3peer_free(struct s3peer *peer)
{
	if (!peer)
		return;
	stop(peer);
	peer_conn_bury(peer);
	if (peer->listener.fd >= 0)
		(void)close(peer->listener.fd);
	loop_release(&peer->loop);
	for (size_t i = 0; i < peer->bucket_count; i++)
		free(peer->buckets[i].name);
	free(peer->buckets);
	free(peer->region);
	free(peer->domain);
	free(peer->buffer);
	free(peer->access_key_id);
	free(peer->secret_access_key);
	free(peer->session_token);
	peer_rules_free(peer->rules);
	peer_memory_release(&peer->memory);
	(void)pthread_mutex_destroy(&peer->lock);
	free(peer);
}

uint16_t s3peer_port(const struct s3peer *peer)
{
	return peer->port;
}

int s3peer_set_rules(struct s3peer *peer, const char *text, struct err *reterr)
{
	cleanup(peer_rules_freep) struct peer_rules *rules = NULL;
	int r = peer_rules_parse(text, peer->seed, &rules, reterr);

	if (r < 0)
		return r;

	WITH_LOCK(&peer->lock);
	struct peer_rules *old = peer->rules;

	peer->rules = take(&rules);
	peer_rules_free(old);
	return 0;
}

int s3peer_set_keys(struct s3peer *peer, const char *access_key_id,
                    const char *secret_access_key, const char *session_token)
{
	char *id = strdup(access_key_id);
	char *secret = strdup(secret_access_key);
	char *token = session_token ? strdup(session_token) : NULL;

	if (!id || !secret || (session_token && !token)) {
		free(id);
		free(secret);
		free(token);
		return -ENOMEM;
	}

	WITH_LOCK(&peer->lock);
	free(peer->access_key_id);
	free(peer->secret_access_key);
	free(peer->session_token);
	peer->access_key_id = id;
	peer->secret_access_key = secret;
	peer->session_token = token;
	return 0;
}

void s3peer_get_stats(struct s3peer *peer, struct s3peer_stats *ret)
{
	WITH_LOCK(&peer->lock);
	*ret = peer->stats;
}

void s3peer_reset_stats(struct s3peer *peer)
{
	WITH_LOCK(&peer->lock);
	peer->stats = (struct s3peer_stats){0};
}
