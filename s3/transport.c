/* SPDX-License-Identifier: MIT */
/*
 * Event loops for HTTP.
 *
 * Each loop is one thread, one epoll set, one carrier.  start() puts a call on
 * a loop's list and rings only when the loop sleeps, so a burst of calls costs
 * one wakeup and a call started inside done() none.  The loop takes whole
 * batches: cancelled calls out, waiting calls in while there are connections.
 * cancel() marks the call; the loop drops it, and its connection, at once.
 *
 *   start --> incoming --> backlog --> active --> done
 *                             |           |
 *                  cancelled, too late    cancelled, failed, stalled
 */
#include "transport.h"

#include "base/clock.h"
#include "base/lock.h"
#include "transport_curl.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#define SCAN_MS    250 /* how often stalls are looked for */
#define EVENTS_MAX 64  /* per epoll_wait */

struct loop {
	struct transport *transport;
	unsigned number;
	pthread_t thread;
	bool started;
	int bell; /* eventfd */
	struct carrier_config config;
	struct carrier *carrier;
	uint64_t scan_ms;    /* when to look for stalls */
	struct list backlog; /* calls that wait for a connection */
	struct list active;  /* calls that the carrier has */

	struct list incoming; /* calls; lock */
	unsigned load;        /* calls not done; lock */
	bool asleep;          /* lock */
	bool cancels;         /* some call is marked; lock */
	bool ending;          /* lock */
};

struct transport {
	struct http_transport base;
	pthread_mutex_t lock;
	char *ca_bundle;
	char *proxy;
	unsigned count; /* loops */
	struct loop loops[];
};

static uint64_t now_ms(void)
{
	return clock_ms(clock_system());
}

/* The call is over: from here on cancel() finds nothing to do. */
static void finish(struct loop *loop, struct http_call *call)
{
	{
		WITH_LOCK(&loop->transport->lock);
		call->private = NULL;
		loop->load--;
	}
	call->done(call);
}

/* End a call that the carrier does not have. */
static void finish_early(struct loop *loop, struct http_call *call, int error,
                         const char *text)
{
	call->reply.error = err_set(&call->reply.err, error, "%s", text);
	finish(loop, call);
}

/* The carrier is done with a call. */
static void arrived(void *ctx, struct http_call *call)
{
	list_remove(&call->link);
	finish(ctx, call);
}

static void launch(struct loop *loop, struct http_call *call)
{
	list_append(&loop->active, &call->link);
	if (carrier_launch(loop->carrier, call) == 0)
		return;
	list_remove(&call->link);
	finish_early(loop, call, -ENOMEM, "out of memory");
}

/* Put waiting calls under way while there are connections. */
static void fill(struct loop *loop)
{
	while (carrier_count(loop->carrier) < loop->config.max_connections) {
		struct http_call *call =
			list_first(&loop->backlog, struct http_call, link);

		if (!call)
			return;
		list_remove(&call->link);
		launch(loop, call);
	}
}

/* End the waiting calls that are marked, or whose time is over. */
static void weed_backlog(struct loop *loop, uint64_t now)
{
	list_for_each_safe(pos, &loop->backlog) {
		struct http_call *call =
			container_of(pos, struct http_call, link);
		bool late = call->due_ms > 0 && now >= call->due_ms;

		if (!call->cancelled && !late)
			continue;
		list_remove(&call->link);
		if (call->cancelled)
			finish_early(loop, call, -ECANCELED, "cancelled");
		else
			finish_early(loop, call, -ETIMEDOUT,
			             "no connection became free in time");
	}
}

/* End everything that is marked. */
static void drop_cancelled(struct loop *loop)
{
	weed_backlog(loop, now_ms());
	list_for_each_safe(pos, &loop->active) {
		struct http_call *call =
			container_of(pos, struct http_call, link);

		if (call->cancelled)
			carrier_drop(loop->carrier, call, -ECANCELED);
	}
}

/*
 * Take new orders into the backlog.  False: there are none, and the loop is
 * marked asleep.
 */
static bool fetch_orders(struct loop *loop, bool *cancels)
{
	WITH_LOCK(&loop->transport->lock);
	if (list_empty(&loop->incoming) && !loop->cancels) {
		loop->asleep = true;
		return false;
	}
	list_splice(&loop->backlog, &loop->incoming);
	*cancels = loop->cancels;
	loop->cancels = false;
	return true;
}

/* Do what was asked until nothing is, then fall asleep. */
static void take_orders(struct loop *loop)
{
	bool cancels;

	while (fetch_orders(loop, &cancels)) {
		if (cancels)
			drop_cancelled(loop);
		fill(loop);
	}
}

/* How long nothing needs us, for epoll_wait(). */
static int sleep_ms(const struct loop *loop)
{
	uint64_t until = carrier_due_ms(loop->carrier);

	if (!list_empty(&loop->active) && loop->scan_ms < until)
		until = loop->scan_ms;
	if (until == UINT64_MAX)
		return -1;

	uint64_t now = now_ms();

	if (until <= now)
		return 0;
	return until - now > INT32_MAX ? INT32_MAX : (int)(until - now);
}

/* Sleep until a socket, a timeout or an order needs us, and serve it. */
static void turn(struct loop *loop)
{
	struct epoll_event events[EVENTS_MAX];
	int n = epoll_wait(loop->config.epoll, events, EVENTS_MAX,
	                   sleep_ms(loop));

	{
		WITH_LOCK(&loop->transport->lock);
		loop->asleep = false;
	}
	for (int i = 0; i < n; i++) {
		eventfd_t rings;

		if (events[i].data.fd == loop->bell)
			(void)eventfd_read(loop->bell, &rings);
		else
			carrier_ready(loop->carrier, events[i].data.fd,
			              events[i].events);
	}

	uint64_t now = now_ms();

	carrier_turn(loop->carrier, now);
	if (loop->scan_ms <= now) {
		loop->scan_ms = now + SCAN_MS;
		weed_backlog(loop, now);
		carrier_scan(loop->carrier, now);
	}
	fill(loop);
}

static bool is_ending(struct loop *loop)
{
	WITH_LOCK(&loop->transport->lock);
	return loop->ending;
}

static void *loop_main(void *arg)
{
	struct loop *loop = arg;
	char name[16];

	(void)snprintf(name, sizeof(name), "s3/%u", loop->number);
	(void)pthread_setname_np(pthread_self(), name);
	for (take_orders(loop); !is_ending(loop); take_orders(loop))
		turn(loop);
	return NULL;
}

/* Whether the loop has to be woken; whoever asks first does it. */
static bool must_ring_locked(struct loop *loop)
{
	bool asleep = loop->asleep;

	loop->asleep = false;
	return asleep;
}

/* The loop with the fewest calls; the first of equals keeps connections warm. */
static struct loop *idlest_locked(struct transport *t)
{
	struct loop *best = &t->loops[0];

	for (unsigned i = 1; i < t->count; i++)
		if (t->loops[i].load < best->load)
			best = &t->loops[i];
	return best;
}

static void transport_start(struct http_transport *base, struct http_call *call)
{
	struct transport *t = (struct transport *)base;
	uint64_t total = call->request->total_ms;
	struct loop *loop;
	bool ring;

	call->reply = (struct http_reply){.error = 0};
	call->ride = NULL;
	call->due_ms = total > 0 ? now_ms() + total : 0;
	call->cancelled = false;
	{
		WITH_LOCK(&t->lock);
		loop = idlest_locked(t);
		loop->load++;
		call->private = loop;
		list_append(&loop->incoming, &call->link);
		ring = must_ring_locked(loop);
	}
	if (ring)
		(void)eventfd_write(loop->bell, 1);
}

static void transport_cancel(struct http_transport *base,
                             struct http_call *call)
{
	struct transport *t = (struct transport *)base;
	struct loop *loop;
	bool ring;

	{
		WITH_LOCK(&t->lock);
		loop = call->private;
		if (!loop)
			return; /* done() is on its way */
		call->cancelled = true;
		loop->cancels = true;
		ring = must_ring_locked(loop);
	}
	if (ring)
		(void)eventfd_write(loop->bell, 1);
}

/* Tell the thread to end, and wait until it has. */
static void loop_stop(struct loop *loop)
{
	{
		WITH_LOCK(&loop->transport->lock);
		assert(loop->load == 0);
		loop->ending = true;
	}
	(void)eventfd_write(loop->bell, 1);
	(void)pthread_join(loop->thread, NULL);
}

/* End the thread, then what it used. */
static void loop_close(struct loop *loop)
{
	if (loop->started)
		loop_stop(loop);
	carrier_free(loop->carrier);
	closep(&loop->config.epoll);
	closep(&loop->bell);
}

static void transport_destroy(struct http_transport *base)
{
	struct transport *t = (struct transport *)base;

	if (!t)
		return;

	for (unsigned i = 0; i < t->count; i++)
		loop_close(&t->loops[i]);
	(void)pthread_mutex_destroy(&t->lock);
	free(t->ca_bundle);
	free(t->proxy);
	free(t);
}

static void transport_destroyp(struct transport **t)
{
	transport_destroy((struct http_transport *)*t);
}

/* What makes it an http_transport. */
static const struct http_transport_ops transport_ops = {
	.start = transport_start,
	.cancel = transport_cancel,
	.destroy = transport_destroy,
};

/* Descriptors and carrier of a loop; loop_close() undoes half of it too. */
static int loop_open(struct loop *loop)
{
	struct epoll_event event = {.events = EPOLLIN};

	loop->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	loop->config.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop->bell < 0 || loop->config.epoll < 0)
		return -errno;
	event.data.fd = loop->bell;
	if (epoll_ctl(loop->config.epoll, EPOLL_CTL_ADD, loop->bell, &event) <
	    0)
		return -errno;
	return carrier_new(&loop->config, &loop->carrier);
}

/* The loop's thread, deaf to signals: those are the program's. */
static int loop_run(struct loop *loop)
{
	sigset_t all, before;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);

	int r = -pthread_create(&loop->thread, NULL, loop_main, loop);

	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	loop->started = r == 0;
	return r;
}

static void loop_init(struct loop *loop, struct transport *t,
                      const struct transport_config *config)
{
	unsigned share = config->max_connections / config->threads;

	loop->transport = t;
	loop->number = (unsigned)(loop - t->loops);
	loop->bell = -1;
	list_init(&loop->backlog);
	list_init(&loop->active);
	list_init(&loop->incoming);
	loop->config = (struct carrier_config){
		.max_connections = share > 0 ? share : 1,
		.ca_bundle = t->ca_bundle,
		.proxy = t->proxy,
		.allow_plaintext = config->allow_plaintext,
		.epoll = -1,
		.arrived = arrived,
		.ctx = loop,
	};
}

int transport_new(const struct transport_config *config,
                  struct http_transport **ret, struct err *reterr)
{
	assert(config->threads > 0);

	cleanup(transport_destroyp) struct transport *t =
		calloc(1, sizeof(*t) + config->threads * sizeof(t->loops[0]));

	if (!t)
		return err_set(reterr, -ENOMEM, "out of memory");
	if (config->ca_bundle && access(config->ca_bundle, R_OK) < 0)
		return err_set(reterr, -errno,
		               "cannot read the CA bundle '%s': %s",
		               config->ca_bundle, strerrordesc_np(errno));

	t->base.ops = &transport_ops;
	(void)pthread_mutex_init(&t->lock, NULL);
	t->ca_bundle = config->ca_bundle ? strdup(config->ca_bundle) : NULL;
	t->proxy = config->proxy ? strdup(config->proxy) : NULL;
	if ((config->ca_bundle && !t->ca_bundle) ||
	    (config->proxy && !t->proxy))
		return err_set(reterr, -ENOMEM, "out of memory");

	while (t->count < config->threads) {
		struct loop *loop = &t->loops[t->count++];

		loop_init(loop, t, config);
		int r = loop_open(loop);

		if (r == 0)
			r = loop_run(loop);
		if (r < 0)
			return err_set(
				reterr, r,
				"cannot start an event loop for HTTP: %s",
				strerrordesc_np(-r));
	}
	*ret = &take(&t)->base;
	return 0;
}
