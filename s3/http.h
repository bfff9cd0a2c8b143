/* SPDX-License-Identifier: MIT */
/*
 * One HTTP exchange, and the door to whatever carries it.
 *
 * request.c fills a struct http_request, the transport sends it and hears the
 * reply, reply.c reads struct http_reply.  No S3 in here.
 */
#ifndef PORTER_S3_HTTP_H
#define PORTER_S3_HTTP_H

#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "base/str.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_HEADER_BYTES_MAX ((size_t)64 << 10) /* of a reply, together */
#define HTTP_ERROR_BYTES_MAX  ((size_t)64 << 10) /* of an error body */
#define HTTP_LIST_BYTES_MAX   ((size_t)16 << 20) /* of a list page */

struct http_header {
	char *name; /* as sent; replies: lower case. Owned by the list */
	char *value;
};

struct http_headers {
	struct http_header *items;
	size_t count;
	size_t cap;
	int status; /* 0 or -ENOMEM, sticky like struct str */
};

void http_headers_release(struct http_headers *h);
/* Copies both. */
void http_headers_add(struct http_headers *h, const char *name,
                      const char *value);
/* Replaces the value of an existing name, else adds. */
void http_headers_set(struct http_headers *h, const char *name,
                      const char *value);
/* Removes all of that name. */
void http_headers_remove(struct http_headers *h, const char *name);
/* Case-insensitive; the first one, or NULL. */
const char *http_headers_get(const struct http_headers *h, const char *name);

/* A request without its authority's state: the same for every attempt. */
struct http_request {
	const char *method; /* static */
	char *scheme;       /* "http" or "https", owned */
	char *host;         /* as in the Host header: host[:port], owned */
	struct str path;    /* percent-encoded, starts with '/' */
	struct str query;   /* percent-encoded "a=b&c", without '?', sorted */
	struct http_headers headers;
	struct chain body; /* bytes of the caller: PUT and parts; borrowed */
	struct str text;   /* bytes of our own: XML; sent when body is empty */

	/*
	 * Where a 2xx body goes.  into.count > 0: straight into the chain, at
	 * into_offset, at most into_length bytes (more is an error).  Else it is
	 * collected in the reply's text, at most text_max bytes.  Error bodies
	 * are always collected, at most HTTP_ERROR_BYTES_MAX.
	 */
	struct chain into;
	uint64_t into_offset;
	uint64_t into_length;
	size_t text_max;

	uint64_t connect_ms;    /* limits; 0 = none */
	uint64_t first_byte_ms; /* from the request's end to the first byte */
	uint64_t total_ms;
	bool may_idle; /* a reply may send blanks for minutes: no low-speed limit */

	/*
	 * A kept connection may die just when it is used again.  Then the request
	 * is sent once more on a fresh one, behind the caller's back, unless once:
	 * what changes something must not happen twice unseen.
	 */
	bool once;
};

void http_request_release(struct http_request *request);

struct http_reply {
	int error;      /* 0, or negative errno when no whole reply came:
	               -ECONNREFUSED, -EHOSTUNREACH (also DNS), -ECONNRESET,
	               -ETIMEDOUT, -EPROTO (not HTTP, caps, cut), -ECANCELED,
	               -EKEYREJECTED (TLS not trusted), -EPERM (plain http to
	               another machine), -ENOMEM */
	struct err err; /* the transport's sentence when error != 0 */
	int status;     /* HTTP status; 0 = none came */
	struct http_headers headers;
	struct str text;   /* collected body */
	uint64_t received; /* bytes put into the chain */
	bool sent;         /* the request may have reached the server */
	bool reused;       /* went over a connection that was open already */
};

void http_reply_release(struct http_reply *reply);

/* One exchange under way; the caller's memory from start to done. */
struct http_call {
	const struct http_request *request; /* borrowed */
	struct http_reply reply;            /* filled; caller releases */

	/*
	 * Called when the headers of a final (non-1xx) reply are in
	 * (reply.status and reply.headers are set) before any body byte is
	 * stored.  May be NULL.  A non-zero result (negative errno) ends the
	 * exchange with it.  For 2xx replies into a chain this is where
	 * Content-Range, ETag and length are checked.
	 */
	int (*headers)(struct http_call *call);
	/* More bytes are in the chain (reply.received grew). May be NULL. */
	void (*progress)(struct http_call *call);
	/*
	 * Once, on a transport thread; must not block.  Never inside start() or
	 * cancel(), so a lock may be held across these.
	 */
	void (*done)(struct http_call *call);

	/* The transport's, from start to done. */
	void *private;
	void *ride;
	struct list link;
	uint64_t due_ms;
	atomic_bool cancelled;
};

struct http_transport {
	const struct http_transport_ops *ops;
};

struct http_transport_ops {
	/* Never blocks, never fails: see reply.error. */
	void (*start)(struct http_transport *transport, struct http_call *call);
	/*
	 * done() still runs, with -ECANCELED unless it had ended.  The call must
	 * have been started and its memory must be there: done() may be running.
	 */
	void (*cancel)(struct http_transport *transport,
	               struct http_call *call);
	/* Every call must have been done. */
	void (*destroy)(struct http_transport *transport);
};

#endif
