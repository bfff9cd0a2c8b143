/* SPDX-License-Identifier: MIT */
/*
 * Verbs: a store_req to an HTTP request, an HTTP reply to a store_req (pure).
 *
 * op_table has one row per verb; client.c knows no verb by name.  The rows live
 * in op_object.c, op_list.c and op_multipart.c.
 */
#ifndef PORTER_S3_OP_H
#define PORTER_S3_OP_H

#include "base/digest.h"
#include "endpoint.h"
#include "http.h"
#include "profile.h"
#include "s3/store.h"
#include "sign.h"

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

	/*
	 * COPY and PART_COPY: fill ret with the context of the source's store (its
	 * bucket, prefix, SSE-C key and owner are read), texts valid as long as
	 * that store.  -EXDEV: the source is no S3 store of the same endpoint, so
	 * no server can copy between the two.
	 */
	int (*source)(struct object_store *store, struct op_context *ret);
};

/* Memory behind results that are valid in done() only. Zeroed = empty. */
struct op_store {
	void **blocks;
	size_t count;
	size_t cap;
};
void *op_store_alloc(struct op_store *store, size_t size); /* zeroed or NULL */
/* A copy with a NUL behind it, or NULL. */
char *op_store_text(struct op_store *store, const char *text, size_t len);
/* Takes block (malloc'ed; freed even on failure). Returns block or NULL. */
void *op_store_take(struct op_store *store, void *block);
void op_store_release(struct op_store *store);

/* Budgets and habits of a verb. */
struct op {
	const char *name;  /* "GetObject": S3's name, for messages */
	bool idempotent;   /* may be sent again though it may have been done */
	bool mutates;      /* a lost reply leaves doubt */
	bool long_running; /* Complete and copies: minutes, blanks */
	bool is_write;     /* has write_deadline rather than op_deadline */

	/*
	 * Fill a zeroed request; no signature, no Date, no total_ms.  -EINVAL
	 * (no key, part number out of range), -ENAMETOOLONG, -EXDEV (see
	 * source), -ENOMEM; the story in req->err.  The caller releases request,
	 * also after a failure.  req->info and get.received are zero at first and
	 * the client leaves req->info alone until decode: PUT and parts keep the
	 * checksum there, and a GET that was cut asks for what is left of the version in req->info,
	 * which check_headers() noted.  Conditions that the profile does not heed
	 * are not sent: callers look at store_limits() first.
	 *
	 * DELETE_MANY: keys that no XML 1.0 text can hold (control bytes, invalid
	 * UTF-8) are left out and have the result -EILSEQ, before and after the
	 * reply; they need a DELETE each.  When no other key is left, encode
	 * itself returns -EILSEQ.
	 */
	int (*encode)(const struct op_context *context, struct store_req *req,
	              struct http_request *request);

	/*
	 * GET: the headers of a 2xx reply before its body.  Checks status, range,
	 * length, ETag (-EPROTO, retried; -ESTALE when a server that does not
	 * heed If-Match sends another version) and fills req->info, but for its
	 * headers.  Other replies pass: their body is an error.  Else NULL.
	 */
	int (*check_headers)(const struct op_context *context,
	                     struct store_req *req,
	                     const struct http_reply *reply);

	/*
	 * A 2xx reply that came whole and has no <Error> inside
	 * (reply_has_error_inside() is asked first).  Fills req's results;
	 * -EPROTO when it is not what S3 says (junk XML, wrong range, missing
	 * ETag), with the story in req->err; -EIO when a checksum that came back
	 * is not that of the bytes sent.  GET sets get.received to all bytes
	 * from get.offset on.  Results that are texts live in store until
	 * op_store_release.
	 */
	int (*decode)(const struct op_context *context, struct store_req *req,
	              const struct http_reply *reply, struct op_store *store);
};

const struct op *op_get(enum store_verb verb);

/*
 * What to hand to sign_headers() as payload: the SHA-256 of our own XML, of
 * the empty body, or (encode found it for checksum = sha256) of the caller's
 * bytes; otherwise UNSIGNED-PAYLOAD, over TLS and plain HTTP alike.  Returns 0
 * or -EIO when OpenSSL fails.
 */
#define OP_PAYLOAD_MAX (2 * SHA256_SIZE + 1) /* bytes with the NUL */
int op_payload(const struct http_request *request, char ret[OP_PAYLOAD_MAX]);

/* A URL for whoever holds it; all texts borrowed. */
struct op_presign {
	const struct s3_keys *keys;
	enum store_verb verb; /* STORE_GET, STORE_HEAD, STORE_PUT */
	const char *key;      /* without the context's prefix */
	uint64_t ttl_s;       /* 1 ... 604800 */
	time_t now;

	/*
	 * AWS_URL or NULL: the public address of the bucket, "https://host[/path]".
	 * Takes the place of scheme, host and bucket, and is what is signed.
	 */
	const char *url_base;
};

/*
 * A malloc'ed URL for the caller.  -EDOM: ttl_s; -EOPNOTSUPP: another verb, or
 * a bucket with an SSE-C key (it would have to travel in headers); -EINVAL:
 * key or url_base.
 */
int op_presign(const struct op_context *context, const struct op_presign *what,
               char **ret, struct err *reterr);

#endif
