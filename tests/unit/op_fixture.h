/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the verbs share: a bucket, a request as text, a reply from
 * text.
 */
#ifndef PORTER_TEST_OP_FIXTURE_H
#define PORTER_TEST_OP_FIXTURE_H

#include "op.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A bucket and the request under test. */
struct fixture {
	struct s3_endpoint endpoint;
	struct op_context context;
	struct store_req req;
	struct http_request request;
	struct http_reply reply;
	struct op_store store;
	struct str text;
};

/* Path style on loopback, nothing learnt, no prefix. */
static inline void fixture_init(struct fixture *f, const char *profile)
{
	*f = (struct fixture){
		.endpoint = {.host = "127.0.0.1:9000",
	                     .path_style = true,
	                     .region = "us-east-1"},
		.context = {.profile = profile_find(profile),
	                    .bucket = "bucket",
	                    .prefix = "",
	                    .checksum = S3_CHECKSUM_NONE},
		.reply = {.status = 200},
	};
	f->context.endpoint = &f->endpoint;
	assert_non_null(f->context.profile);
}

static inline void fixture_release(struct fixture *f)
{
	http_request_release(&f->request);
	http_reply_release(&f->reply);
	op_store_release(&f->store);
	str_release(&f->text);
}

/* Encode again, into a fresh request. */
static inline int fixture_encode(struct fixture *f)
{
	http_request_release(&f->request);
	return op_get(f->req.verb)->encode(&f->context, &f->req, &f->request);
}

/*
 * Encode; the request as text: "METHOD PATH[?QUERY]\nName: value\n…", an empty
 * line, our own XML.
 */
static inline const char *fixture_wire(struct fixture *f)
{
	int r = fixture_encode(f);

	if (r < 0)
		fail_msg("encode: %s", f->req.err.text);
	str_reset(&f->text);
	str_addf(&f->text, "%s %s%s%s\n", f->request.method,
	         str_text(&f->request.path), f->request.query.len ? "?" : "",
	         str_text(&f->request.query));
	for (size_t i = 0; i < f->request.headers.count; i++)
		str_addf(&f->text, "%s: %s\n", f->request.headers.items[i].name,
		         f->request.headers.items[i].value);
	str_addf(&f->text, "\n%s", str_text(&f->request.text));
	return str_text(&f->text);
}

/* Begin a reply anew. */
static inline void fixture_reply(struct fixture *f, int status,
                                 const char *text)
{
	http_reply_release(&f->reply);
	op_store_release(&f->store);
	f->reply.status = status;
	str_add(&f->reply.text, text);
	f->req.err = (struct err){0};
}

static inline void fixture_header(struct fixture *f, const char *name,
                                  const char *value)
{
	http_headers_add(&f->reply.headers, name, value);
}

static inline int fixture_check(struct fixture *f)
{
	return op_get(f->req.verb)
	        ->check_headers(&f->context, &f->req, &f->reply);
}

static inline int fixture_decode(struct fixture *f)
{
	return op_get(f->req.verb)
	        ->decode(&f->context, &f->req, &f->reply, &f->store);
}

#endif
