/* SPDX-License-Identifier: MIT */
/*
 * The carrier: what one event loop needs of libcurl.
 *
 * It owns a curl multi handle and a pool of easy handles, watches its sockets
 * through the loop's epoll set and tells when a call has ended.  Redirects are
 * never followed, TLS is 1.2 at least and always verified, plain http leaves
 * the machine only when allow_plaintext says so (judged by the address of the
 * very connection), and nothing of a reply grows without bound.
 *
 * One thread, the loop's, but for carrier_new().  SSLKEYLOGFILE, which curl
 * would heed, is taken out of the environment by the first carrier_new() of the
 * process: call it before threads that read the environment.
 */
#ifndef PORTER_S3_TRANSPORT_CURL_H
#define PORTER_S3_TRANSPORT_CURL_H

#include "base/cleanup.h"
#include "http.h"

struct carrier;

/* Borrowed by the carrier as long as it lives. */
struct carrier_config {
	unsigned max_connections; /* in use and kept */
	const char *ca_bundle;    /* file; NULL = the system's */
	const char *proxy;        /* NULL = from the environment */
	bool allow_plaintext;
	int epoll; /* where sockets are watched; event.data.fd is the socket */

	/* The call has ended, its reply is filled. May launch others. */
	void (*arrived)(void *ctx, struct http_call *call);
	void *ctx;
};

int carrier_new(const struct carrier_config *config, struct carrier **ret);
/* Nothing may be under way. */
void carrier_free(struct carrier *carrier);
DEFINE_CLEANUP(struct carrier *, carrier_free);

/* Put a call under way. 0 or -ENOMEM (then it is not, and arrived is mute). */
int carrier_launch(struct carrier *carrier, struct http_call *call);

/* End a call that is under way with error; arrived() is called. */
void carrier_drop(struct carrier *carrier, struct http_call *call, int error);

/* Calls under way. */
unsigned carrier_count(const struct carrier *carrier);

/* An event of epoll's for a socket that is not the loop's own. */
void carrier_ready(struct carrier *carrier, int fd, unsigned events);

/* When carrier_turn() is due at the latest; UINT64_MAX = whenever. */
uint64_t carrier_due_ms(const struct carrier *carrier);

/* After each round of events: timeouts, progress, arrivals. */
void carrier_turn(struct carrier *carrier, uint64_t now_ms);

/* A few times a second while something is under way: find stalls. */
void carrier_scan(struct carrier *carrier, uint64_t now_ms);

#endif
