/* SPDX-License-Identifier: MIT */
/*
 * A transport without sockets: requests pile up until the test answers them.
 *
 * Requests under way are numbered from 0, the oldest first; answering one moves
 * the others up.  One thread, but for start(), which any may call.
 */
#ifndef PORTER_TEST_FAKE_HTTP_H
#define PORTER_TEST_FAKE_HTTP_H

#include "http.h"

struct fake_http;

struct fake_http *fake_http_new(void);
/* What to hand out; its destroy() frees. */
struct http_transport *fake_http_transport(struct fake_http *fake);

/* Requests under way, and started in all. */
size_t fake_http_count(struct fake_http *fake);
size_t fake_http_started(struct fake_http *fake);

/* The n-th request under way. */
const struct http_request *fake_http_request(struct fake_http *fake, size_t n);

/* Its header, "" when it has none. */
const char *fake_http_header(struct fake_http *fake, size_t n,
                             const char *name);

/* "GET /bkt/key?query": valid until the next call. */
const char *fake_http_line(struct fake_http *fake, size_t n);

/*
 * Answer it: headers are "name: value\n…" or NULL.  A 2xx body goes into the
 * request's chain if it has one.
 */
void fake_http_reply(struct fake_http *fake, size_t n, int status,
                     const char *headers, const char *body);

/* The same, but the line breaks after the body's bytes so far. */
void fake_http_cut(struct fake_http *fake, size_t n, int status,
                   const char *headers, const char *body);

/* No reply; sent: the request may have reached the server. */
void fake_http_fail(struct fake_http *fake, size_t n, int error, bool sent);

/* End what was cancelled, as the loop's thread would. How many there were. */
size_t fake_http_settle(struct fake_http *fake);

#endif
