/* SPDX-License-Identifier: MIT */
/*
 * The transport over sockets: event loops on threads of their own ("s3/N"),
 * connections kept and used again.
 *
 * Calls go to the loop with the fewest of them; those above its share of
 * max_connections wait inside, first come first served.  What a connection may
 * and may not do is in transport_curl.h.
 */
#ifndef PORTER_S3_TRANSPORT_H
#define PORTER_S3_TRANSPORT_H

#include "http.h"

struct transport_config {
	unsigned threads;         /* event loops, >= 1 */
	unsigned max_connections; /* of all loops together, >= threads */
	const char *ca_bundle;    /* file; NULL = the system's; copied */
	const char *proxy;        /* NULL = from the environment; copied */
	bool allow_plaintext;
};

/*
 * 0, or -errno with a sentence: no threads, no descriptors, no such file.
 * Call before other threads read the environment (transport_curl.h says why).
 */
int transport_new(const struct transport_config *config,
                  struct http_transport **ret, struct err *reterr);

#endif
