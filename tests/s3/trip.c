/* SPDX-License-Identifier: MIT */
#include "trip.h"

#include "base/lock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define PATIENCE_S 20

struct http_transport *trip_transport(unsigned threads, unsigned connections)
{
	const struct transport_config config = {
		.threads = threads,
		.max_connections = connections,
	};
	struct http_transport *transport = NULL;

	assert_int_equal(transport_new(&config, &transport, NULL), 0);
	return transport;
}

void trip_transport_free(struct http_transport *transport)
{
	transport->ops->destroy(transport);
}

static int on_headers(struct http_call *call)
{
	struct trip *trip = container_of(call, struct trip, call);

	trip->status = call->reply.status;
	return trip->verdict;
}

static void on_progress(struct http_call *call)
{
	struct trip *trip = container_of(call, struct trip, call);

	WITH_LOCK(&trip->lock);
	trip->told++;
	trip->received = call->reply.received;
	(void)pthread_cond_broadcast(&trip->changed);
}

static void on_done(struct http_call *call)
{
	struct trip *trip = container_of(call, struct trip, call);

	WITH_LOCK(&trip->lock);
	trip->done = true;
	(void)pthread_cond_broadcast(&trip->changed);
}

void trip_init(struct trip *trip, const char *method, const char *host,
               const char *path)
{
	*trip = (struct trip){
		.request.method = method,
		.request.scheme = strdup("http"),
		.request.host = strdup(host),
		.request.text_max = (size_t)1 << 20,
		.request.connect_ms = 5000,
		.call.headers = on_headers,
		.call.progress = on_progress,
		.call.done = on_done,
	};
	trip->call.request = &trip->request;
	str_add(&trip->request.path, path);
	(void)pthread_mutex_init(&trip->lock, NULL);
	(void)pthread_cond_init(&trip->changed, NULL);
}

void trip_release(struct trip *trip)
{
	http_request_release(&trip->request);
	http_reply_release(&trip->call.reply);
	(void)pthread_cond_destroy(&trip->changed);
	(void)pthread_mutex_destroy(&trip->lock);
}

/* Cut data into slices of odd sizes, so that seams are exercised. */
static void cut(struct trip *trip, uint8_t *data, size_t len)
{
	size_t third = len / 3 + (len > 3);

	trip->slices[0] = (struct slice){data, third};
	trip->slices[1] = (struct slice){data + third, 0};
	trip->slices[2] = (struct slice){data + third, (len - third) / 2};
	trip->slices[3].data = trip->slices[2].data + trip->slices[2].len;
	trip->slices[3].len = len - third - trip->slices[2].len;
}

void trip_into(struct trip *trip, void *data, size_t len)
{
	cut(trip, data, len);
	trip->request.into = (struct chain){trip->slices, 4};
	trip->request.into_length = len;
}

void trip_body(struct trip *trip, void *data, size_t len)
{
	cut(trip, data, len);
	trip->request.body = (struct chain){trip->slices, 4};
}

void trip_start(struct trip *trip, struct http_transport *transport)
{
	http_reply_release(&trip->call.reply);
	trip->done = false;
	transport->ops->start(transport, &trip->call);
}

/* Sleep until something changed; a test that hangs fails. */
static void wait_locked(struct trip *trip)
{
	struct timespec until;

	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE_S;
	assert_int_equal(
		pthread_cond_timedwait(&trip->changed, &trip->lock, &until), 0);
}

void trip_wait(struct trip *trip)
{
	WITH_LOCK(&trip->lock);
	while (!trip->done)
		wait_locked(trip);
}

void trip_wait_received(struct trip *trip, uint64_t bytes)
{
	WITH_LOCK(&trip->lock);
	while (trip->received < bytes && !trip->done)
		wait_locked(trip);
}

int trip_run(struct trip *trip, struct http_transport *transport)
{
	trip_start(trip, transport);
	trip_wait(trip);
	return trip->call.reply.error;
}
