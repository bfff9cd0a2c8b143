/* SPDX-License-Identifier: MIT */
/*
 * One reply: built by whoever answers, spoilt by a fault, rendered (pure).
 */
#ifndef PORTER_TEST_S3PEER_REPLY_H
#define PORTER_TEST_S3PEER_REPLY_H

#include "base/str.h"
#include "s3peer_auth.h"
#include "s3peer_rule.h"

struct peer_reply {
	int status;
	struct str fields; /* "Name: value\r\n" each */
	struct str body;   /* bytes; any kind */
	bool no_body;      /* of a HEAD: body is empty, length says how long */
	uint64_t length;   /* no_body only */
	bool no_length;    /* no Content-Length: forwarded without one */
	bool chunked;      /* sent in chunks, as RGW sends lists */
	bool close;        /* the connection ends with it */
	bool not_http;     /* body is sent, nothing else */
};

void peer_reply_release(struct peer_reply *reply);

/* Add "name: ..." */
void peer_reply_field(struct peer_reply *reply, const char *name,
                      const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Start over as an S3 error document; resource is the path or "". */
void peer_reply_error(struct peer_reply *reply, const struct peer_error *error,
                      const char *resource, bool no_body);

/* Add text to an XML document, escaped; what XML cannot hold goes as &#xN;. */
void peer_xml_add(struct str *s, const char *text, size_t len);

/*
 * The text between the first <name> and its </name> in len bytes of xml, or
 * NULL; *ret_len is its length.  Knows no nesting of equal names.
 */
const char *peer_xml_find(const char *xml, size_t len, const char *name,
                          size_t *ret_len);

/* A copy of an XML text with its entities resolved; NULL: no memory, no XML. */
char *peer_xml_decode(const char *text, size_t len);

/*
 * Make a reply what fault says it should look like: status, ok-with-error-body,
 * redirect, junk, flip, wrong-etag, cut-matching-length.  Others change
 * nothing.
 */
void peer_reply_spoil(struct peer_reply *reply, const struct peer_fault *fault);

/* "AmazonS3", or NULL for no Server header; id: of the request. */
struct peer_manner {
	const char *server;
	const char *id;
	time_t now;
};

/* How a reply goes over the line: head, body, tail, one behind the other. */
struct peer_wire {
	struct str head;        /* owned */
	const struct str *body; /* the reply's */
	const char *tail;       /* static */
	size_t size;            /* bytes of all three */
	size_t half; /* where mid-reply is: behind half of the body, or half of
	                the head without one */
};

/* Returns 0 or -ENOMEM; release with peer_wire_release() in any case. */
int peer_reply_render(const struct peer_reply *reply,
                      const struct peer_manner *manner, struct peer_wire *ret);
void peer_wire_release(struct peer_wire *wire);

/* One bit in the middle. */
void peer_flip(char *data, size_t len);

/* "Tue, 24 Nov 2026 08:21:34 GMT" */
#define PEER_DATE_MAX 32
void peer_http_date(time_t time, char ret[PEER_DATE_MAX]);

#endif
