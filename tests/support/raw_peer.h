/* SPDX-License-Identifier: MIT */
/*
 * A server that says exactly what a test tells it to, valid HTTP or not.
 *
 * It listens on a free port of 127.0.0.1.  The n-th connection plays the n-th
 * script, later ones the last; each has a thread.  A script ends with the
 * connection closed, unless its last step is RAW_AGAIN.
 */
#ifndef PORTER_TEST_RAW_PEER_H
#define PORTER_TEST_RAW_PEER_H

#include "base/cleanup.h"

#include <stddef.h>
#include <stdint.h>

enum raw_kind {
	RAW_REQUEST, /* read a whole request (Content-Length) and record it */
	RAW_TAKE,    /* read n bytes, or until the other side closes */
	RAW_SEND,    /* send text */
	RAW_REPEAT,  /* send text n times, or until the other side closes */
	RAW_STALL,   /* do nothing until the other side closes */
	RAW_RESET,   /* end with a TCP reset */
	RAW_AGAIN,   /* from the top; ends when the other side closes */
};

struct raw_step {
	enum raw_kind kind;
	const char *text; /* static */
	size_t n;
};

struct raw_script {
	const struct raw_step *steps;
	size_t count;
};

/* The script in an array of steps. */
#define RAW_SCRIPT(array)                                   \
	{                                                   \
		(array), sizeof(array) / sizeof((array)[0]) \
	}

struct raw_peer;

/* Borrows scripts. Never NULL: a test that cannot listen aborts. */
struct raw_peer *raw_peer_new(const struct raw_script *scripts, size_t count);

/* Cuts what is open and ends the threads. */
void raw_peer_free(struct raw_peer *peer);
DEFINE_CLEANUP(struct raw_peer *, raw_peer_free);

/* "127.0.0.1:PORT", as long as the peer lives. */
const char *raw_peer_host(const struct raw_peer *peer);

unsigned raw_peer_connections(struct raw_peer *peer);
unsigned raw_peer_requests(struct raw_peer *peer);

/* Head and body of the n-th request of all; "" if there is none. */
const char *raw_peer_request(struct raw_peer *peer, unsigned n);

#endif
