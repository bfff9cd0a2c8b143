/* SPDX-License-Identifier: MIT */
/*
 * A plain S3 client for tests of the peer: signed bytes out, bytes in, nothing
 * retried, nothing understood.
 */
#ifndef PORTER_TEST_TALK_H
#define PORTER_TEST_TALK_H

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct talk_field {
	const char *name;
	const char *value;
};

struct talk_request {
	const char *method;
	const char *bucket;         /* NULL = none */
	const char *key;            /* bytes, not encoded; NULL = none */
	struct talk_field query[8]; /* not encoded; ends with a NULL name */
	struct talk_field headers[8];
	const char *body;
	size_t body_len;
	const char *token;   /* of the session, or NULL */
	bool presigned;      /* in the query, for an hour */
	bool signed_payload; /* else UNSIGNED-PAYLOAD */
	const char *secret;  /* NULL = "SKPEER" */
	time_t now;          /* 0 = now */
};

/* The bytes of a signed request to 127.0.0.1:port; fails the test. */
void talk_render(const struct talk_request *request, uint16_t port,
                 struct str *ret);

/* A connection to a peer; -1 never. */
int talk_connect(uint16_t port);

/* Send bytes; how many went before the line was cut. */
size_t talk_send(int fd, const void *data, size_t len);

enum talk_end {
	TALK_WHOLE, /* the reply has all the bytes that it announced */
	TALK_CLOSED,
	TALK_RESET,
	TALK_SILENT, /* nothing came for timeout_ms */
};

struct talk_reply {
	struct str bytes; /* as they came */
	int status;       /* 0 = none */
	size_t body_at;   /* in bytes */
	enum talk_end end;
	uint64_t took_ms;
};
void talk_reply_release(struct talk_reply *reply);

/* Read one reply. */
void talk_receive(int fd, bool head, int timeout_ms, struct talk_reply *ret);

/* One request on a connection of its own. */
void talk(uint16_t port, const struct talk_request *request,
          struct talk_reply *ret);

/* Its body, decoded of chunks; release. */
struct str talk_body(const struct talk_reply *reply);

#endif
