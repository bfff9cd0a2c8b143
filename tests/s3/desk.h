/* SPDX-License-Identifier: MIT */
/*
 * A client on a test's desk: fake transport, fake clock, manual timers, and an
 * executor that runs everything at once, so that a test is one sequence of
 * events.
 */
#ifndef PORTER_TEST_DESK_H
#define PORTER_TEST_DESK_H

#include "fake_clock.h"
#include "fake_http.h"
#include "net.h"
#include "s3/client.h"
#include "s3/store.h"

struct desk {
	struct fake_clock clock;
	struct timers *timers;
	struct metrics *metrics;
	struct fake_http *http;
	struct s3_net *net;
	struct s3_client_config config; /* change before desk_client() */
	struct object_store *store;     /* the first client */
};

/* connections: the gates' width. exec NULL = at once; taken. */
void desk_open(struct desk *d, unsigned connections, struct exec *exec);
/* Make d->store by d->config. */
void desk_client(struct desk *d);
/* Both, with 8 connections. */
void desk_start(struct desk *d);
void desk_close(struct desk *d);

/* Let time pass. */
void desk_wait(struct desk *d, uint64_t ms);

/* A request and what became of it. */
struct errand {
	struct store_req req;
	unsigned done; /* times */
	char data[64]; /* where a GET goes, what a PUT sends */
	struct slice slice;
	unsigned told;       /* times progress was told */
	uint64_t told_at[8]; /* received, each time */
};

/* Fill and submit: GET of length bytes from 0, PUT of text, others by verb. */
void errand_get(struct desk *d, struct errand *e, const char *key,
                uint64_t length);
void errand_put(struct desk *d, struct errand *e, const char *key,
                const char *text);
void errand_send(struct desk *d, struct errand *e, enum store_verb verb,
                 const char *key);
/* Submit what e->req says. */
void errand_submit(struct desk *d, struct errand *e);

/* It ended, once, with that status. */
#define assert_ended(e, s)                              \
	do {                                            \
		assert_int_equal((e)->done, 1);         \
		assert_int_equal((e)->req.status, (s)); \
	} while (0)
#define assert_pending(e) assert_int_equal((e)->done, 0)

/* Replies that many tests give. */
#define R_HEAD                              \
	"ETag: \"e1\"\nContent-Length: 5\n" \
	"Last-Modified: Sun, 30 Aug 2015 12:00:00 GMT"
#define R_ERROR(code)                               \
	"<?xml version=\"1.0\"?><Error><Code>" code \
	"</Code><Message>m</Message>"               \
	"</Error>"

#endif
