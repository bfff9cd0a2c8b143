/* SPDX-License-Identifier: MIT */
/*
 * Verbs: a store_req to an HTTP request, an HTTP reply to a store_req (pure).
 *
 * op_table has one row per verb; client.c knows no verb by name.  The rows live
 * in op_object.c, op_list.c and op_multipart.c.
 */
#ifndef PORTER_S3_OP_H
#define PORTER_S3_OP_H

#include "endpoint.h"
#include "http.h"
#include "profile.h"
#include "s3/store.h"

/* What every request of one bucket needs to know; borrowed texts. */
struct op_context {
	const struct s3_endpoint *endpoint;
	const struct s3_profile *profile;
	const char *bucket;
	const char *prefix; /* "" = none; put before every key, cut from lists */
	const char *sse;    /* these as in struct s3_client_config */
	const char *sse_kms_key_id;
	const char *sse_c_key;     /* base64 of 32 bytes, or NULL */
	const char *sse_c_key_md5; /* base64, with it */
	const char *storage_class;
	const char *acl;
	bool requester_pays;
	const char *expected_owner;
	enum s3_checksum checksum; /* settled, never auto */
};

/* Memory behind results that are valid in done() only. */
struct op_store {
	void **blocks;
	size_t count;
	size_t cap;
};
void *op_store_alloc(struct op_store *store, size_t size); /* zeroed or NULL */
char *op_store_text(struct op_store *store, const char *text, size_t len);
void op_store_release(struct op_store *store);

/* Budgets and habits of a verb. */
struct op {
	const char *name;   /* "GetObject": S3's name, for messages */
	bool idempotent;    /* may be sent again without asking */
	bool mutates;       /* a lost reply leaves doubt */
	bool long_running;  /* Complete and copies: minutes, blanks */
	bool is_write;      /* has write_deadline rather than op_deadline */

	/*
	 * Fill request; no signature, no Date.  -EINVAL (key too long, part
	 * number out of range), -ENOMEM; the story in req->err.  For GET after a
	 * cut, req->get.received > 0: ask for the rest, pinned by req->info.etag.
	 */
	int (*encode)(const struct op_context *context, struct store_req *req,
	              struct http_request *request);

	/*
	 * GET: the reply's headers before its body. Checks status, range,
	 * length, ETag (-EPROTO, retried) and fills req->info. Else NULL.
	 */
	int (*check_headers)(const struct op_context *context,
	                     struct store_req *req,
	                     const struct http_reply *reply);

	/*
	 * A 2xx reply that came whole. Fills req's results; -EPROTO when it is
	 * not what S3 says (junk XML, wrong range, missing ETag); a 200 that has
	 * an <Error> inside is op_error()'s errno.  Results that are texts live
	 * in store until op_store_release.
	 */
	int (*decode)(const struct op_context *context, struct store_req *req,
	              const struct http_reply *reply, struct op_store *store);
};

const struct op *op_get(enum store_verb verb);

#endif
