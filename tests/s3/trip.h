/* SPDX-License-Identifier: MIT */
/* One HTTP exchange that a test starts, waits for and looks at. */
#ifndef PORTER_TEST_TRIP_H
#define PORTER_TEST_TRIP_H

#include "transport.h"

#include <pthread.h>

struct trip {
	struct http_request request;
	struct http_call call;
	struct slice slices[4]; /* memory of request.body or request.into */

	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool done;         /* lock */
	unsigned told;     /* times progress was told; lock */
	uint64_t received; /* as progress told it last; lock */
	int verdict;       /* what the headers callback answers */
	int status;        /* what it saw */
};

/* A transport with so many loops and connections, plain http on loopback. */
struct http_transport *trip_transport(unsigned threads, unsigned connections);
void trip_transport_free(struct http_transport *transport);

/* "GET http://host/path", reply collected up to 1 MiB. */
void trip_init(struct trip *trip, const char *method, const char *host,
               const char *path);
void trip_release(struct trip *trip);

/* Let the reply, or the request's body, be these bytes. */
void trip_into(struct trip *trip, void *data, size_t len);
void trip_body(struct trip *trip, void *data, size_t len);

void trip_start(struct trip *trip, struct http_transport *transport);
/* Waits for done(); a test that hangs for 20 s fails. */
void trip_wait(struct trip *trip);
/* Waits until progress told of so many bytes. */
void trip_wait_received(struct trip *trip, uint64_t bytes);
/* Start and wait. Returns reply.error. */
int trip_run(struct trip *trip, struct http_transport *transport);

#endif
