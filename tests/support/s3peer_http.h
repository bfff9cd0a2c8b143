/* SPDX-License-Identifier: MIT */
/*
 * HTTP/1.1 as much as an S3 server or a forwarder needs of it (pure): heads of
 * requests and replies, and where a chunked body ends.
 */
#ifndef PORTER_TEST_S3PEER_HTTP_H
#define PORTER_TEST_S3PEER_HTTP_H

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PEER_HEAD_MAX   ((size_t)64 << 10) /* bytes */
#define PEER_FIELDS_MAX 128

struct peer_field {
	const char *name;  /* as sent */
	const char *value; /* without blanks around it */
};

/* A head taken apart; its texts live in text. */
struct peer_head {
	char *text;         /* owned */
	const char *method; /* requests */
	const char *target;
	int status; /* replies */
	struct peer_field fields[PEER_FIELDS_MAX];
	size_t count;
	bool has_length; /* Content-Length was given */
	uint64_t length; /* bytes, 0 without one */
	bool chunked;    /* Transfer-Encoding: chunked */
	bool close;      /* the connection ends with this message */
	bool expect;     /* Expect: 100-continue */
};

void peer_head_release(struct peer_head *head);

/*
 * Length of the head at the front of len bytes, its blank line included; 0
 * while it is not complete.
 */
size_t peer_head_find(const char *data, size_t len);

/*
 * Take a complete head apart.  0, -ENOMEM, or -EPROTO for what is no HTTP/1.x
 * head (also: two lengths that differ, too many fields).
 */
int peer_head_parse_request(struct peer_head *head, const char *data,
                            size_t len);
int peer_head_parse_reply(struct peer_head *head, const char *data, size_t len);

/* The first value of a field, whatever its case, or NULL. */
const char *peer_head_get(const struct peer_head *head, const char *name);

/* Whether a reply of this status to this method has a body at all. */
bool peer_has_body(const char *method, int status);

/* Where a chunked body is; zeroed = at its beginning. */
struct peer_chunked {
	enum {
		PEER_CHUNK_SIZE,
		PEER_CHUNK_EXTENSION,
		PEER_CHUNK_DATA,
		PEER_CHUNK_DATA_END,
		PEER_CHUNK_TRAILER,
	} state;
	uint64_t left;   /* bytes of this chunk */
	unsigned digits; /* of its size, so far */
	bool last;       /* the chunk of size 0 came */
	size_t line;     /* bytes in this line of the trailer */
	bool done;       /* the whole body went by */
};

/*
 * Look at len more bytes.  Returns how many of them belong to the body (less
 * than len only when it is done) or -EPROTO; appends what they carry to
 * *decoded unless NULL.
 */
ssize_t peer_chunked_feed(struct peer_chunked *chunked, const char *data,
                          size_t len, struct str *decoded);

#endif
