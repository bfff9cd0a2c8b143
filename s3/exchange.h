/* SPDX-License-Identifier: MIT */
/*
 * One HTTP exchange as its bytes see it (pure): header lines become a reply,
 * body bytes go to their place, the request's body is read from its chain,
 * and a clock's reading tells whether all this has stalled.
 *
 * transport_curl.c feeds it; nothing in here knows a socket.  One thread at a
 * time.
 */
#ifndef PORTER_S3_EXCHANGE_H
#define PORTER_S3_EXCHANGE_H

#include "http.h"

/* Slower than this for so long is a stalled connection. */
#define EXCHANGE_STALL_MS    15000
#define EXCHANGE_STALL_BYTES 15360 /* in that time: 1 KiB a second */

/* A place in a chain; moving on costs no search. */
struct chain_cursor {
	const struct chain *chain; /* borrowed */
	size_t slice;              /* index */
	size_t at;                 /* bytes into the slice */
};

enum exchange_phase {
	EXCHANGE_SENDING, /* the request's body */
	EXCHANGE_WAITING, /* for the first byte of the reply */
	EXCHANGE_RECEIVING,
};

struct exchange {
	struct http_call *call; /* borrowed */
	int stop; /* why we ended it ourselves; the story is in the reply */

	/* The request's body: the caller's chain, or its text as a chain. */
	struct slice text;
	struct chain text_chain;
	struct chain_cursor out;
	uint64_t out_size; /* bytes */
	unsigned sends;    /* times the request went out */

	/* The reply. */
	struct chain_cursor in;
	struct str name; /* scratch for one header */
	struct str value;
	size_t header_bytes;
	int status; /* of the header block under way */
	bool final; /* the headers of the final reply are in */
	bool fresh; /* body bytes came since progress was told */

	/* The stall watch. */
	enum exchange_phase phase;
	uint64_t mark_ms;
	uint64_t mark_bytes;
	bool marked;
};

/* Start anew with call; keeps the scratch memory of an earlier exchange. */
void exchange_begin(struct exchange *ex, struct http_call *call);
void exchange_release(struct exchange *ex);

/* The request's URL. 0 or -ENOMEM. */
int exchange_url(const struct exchange *ex, struct str *ret);

/*
 * The request's headers as curl wants them, each ended by a NUL, and one more:
 * "Expect:", for no 100-continue.  0 or -ENOMEM.
 */
int exchange_header_lines(const struct exchange *ex, struct str *ret);

/*
 * A connection to peer_ip is there and the request is about to go out, perhaps
 * not for the first time.  0, or -errno: do not send (also kept in ex->stop).
 */
int exchange_send(struct exchange *ex, const char *peer_ip,
                  bool allow_plaintext);

/*
 * A whole line of the reply's header, with its line end; 1xx replies and
 * trailers too.  0, or -errno: end the exchange (also kept in ex->stop).
 */
int exchange_header(struct exchange *ex, const char *line, size_t len);

/* Bytes of the reply's body. 0, or -errno: end the exchange. */
int exchange_body(struct exchange *ex, const void *data, size_t len);

/* The next bytes of the request's body, up to len; 0 at its end. */
size_t exchange_read(struct exchange *ex, void *data, size_t len);

/* Go on reading the request's body at offset. 0, or -EINVAL beyond its end. */
int exchange_seek(struct exchange *ex, uint64_t offset);

/*
 * Look at the time, a few times a second and only once the request is on its
 * way: sent and got are body bytes so far.  0, or -ETIMEDOUT: end the exchange.
 */
int exchange_watch(struct exchange *ex, uint64_t now_ms, uint64_t sent,
                   uint64_t got);

/* No connection came to be, the system says why. Returns -errno. */
int exchange_unconnected(const struct exchange *ex, int cause,
                         struct err *reterr);

/* It took too long: to connect, or as a whole. Returns -ETIMEDOUT. */
int exchange_timeout(const struct exchange *ex, uint64_t now_ms,
                     struct err *reterr);

/* End it for a reason of one's own: notes the first one. Returns code. */
int exchange_stop(struct exchange *ex, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
