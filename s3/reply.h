/* SPDX-License-Identifier: MIT */
/*
 * What a failed reply means: status and body to errno, story and advice
 * (pure).  The table in reply.c is the only place where S3 codes become
 * errnos.
 */
#ifndef PORTER_S3_REPLY_H
#define PORTER_S3_REPLY_H

#include "http.h"
#include "s3/store.h"

enum reply_advice {
	REPLY_FINAL,        /* never again */
	REPLY_RETRY,        /* 5xx, resets, timeouts */
	REPLY_SLOW_DOWN,    /* retry, and with fewer requests at once */
	REPLY_REGION,       /* retry in region[] */
	REPLY_CLOCK,        /* retry once with the server's date */
	REPLY_REFRESH_KEYS, /* retry once after reading the keys again */
};

struct reply_error {
	int code; /* negative errno */
	enum reply_advice advice;
	int status;        /* HTTP status; 0 = the store never answered */
	char s3_code[64];  /* "NoSuchKey"; "" = none was given */
	char message[256]; /* the server's, escaped by whoever prints it */
	char request_id[96];
	char host_id[96];
	char region[64];    /* of REPLY_REGION */
	time_t server_time; /* its Date header; 0 = unknown */
};

/*
 * Understand a reply that is not a success: transport error, status other
 * than 2xx, or (in_200) an <Error> document inside a 200.
 */
void reply_explain(const struct store_req *req, const struct http_reply *reply,
                   bool in_200, struct reply_error *ret);

/*
 * The sentence for people: verb, key, code, request id, attempts and a hint
 * ("GetObject 'a/b': access denied (AccessDenied, request 4711): the key needs
 * s3:GetObject").  Returns error->code.
 */
int reply_story(const struct store_req *req, const struct reply_error *error,
                const char *bucket, struct err *reterr);

/* True when the collected body of a 2xx is an <Error> document. */
bool reply_has_error_inside(const struct http_reply *reply);

/* The errno of an S3 code alone (DeleteObjects, per key): -EIO if unknown. */
int reply_code_errno(const char *s3_code);

#endif
