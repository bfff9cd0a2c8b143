/* SPDX-License-Identifier: MIT */
/*
 * A small world for tests of the peer: two fake stores as buckets "one" and
 * "two", a peer in front of them, perhaps a second one that forwards to it, and
 * what the oracle heard.
 */
#ifndef PORTER_TEST_WORLD_H
#define PORTER_TEST_WORLD_H

#include "fake_store.h"
#include "s3peer.h"
#include "talk.h"

#include <pthread.h>

#define WORLD_EVENTS_MAX 4096

/* What is worth keeping of an event. */
struct world_event {
	char verb[20];
	char key[64];
	char etag[STORE_ETAG_MAX];
	int status;
	bool committed;
	bool acknowledged;
	bool suffered;
	uint64_t bytes_in;
	uint64_t bytes_out;
	unsigned nth_on_connection;
};

struct world {
	struct fake_store *one;
	struct fake_store *two;
	struct s3peer *front;
	struct s3peer *forwarder; /* or NULL */
	uint16_t port;            /* to talk to */

	pthread_mutex_t lock;
	pthread_cond_t more;
	struct world_event events[WORLD_EVENTS_MAX]; /* lock */
	size_t count;                                /* lock */
};

/*
 * given: the front's, or NULL; buckets and observer are set here.  With
 * forward the rules are the forwarder's, and so are the events.
 */
struct world *world_new(const struct s3peer_config *given, bool forward);
void world_free(struct world *world);
DEFINE_CLEANUP(struct world *, world_free);

/* Wait until n requests have ended; the last of them. */
struct world_event world_event(struct world *world, size_t n);

/* An object's bytes, or "" when there is none; free them. */
char *world_content(struct fake_store *store, const char *key);

#endif
