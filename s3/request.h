/* SPDX-License-Identifier: MIT */
/*
 * What the encoders of all verbs share: addresses, queries, headers (pure).
 *
 * Out of memory and a header value that is no printable ASCII are sticky in
 * the request; request_end() tells.
 */
#ifndef PORTER_S3_REQUEST_H
#define PORTER_S3_REQUEST_H

#include "op.h"

/*
 * Begin a request about an object: address, limits of time, the headers that
 * every request of the bucket has.  -EINVAL: the key is missing;
 * -ENAMETOOLONG: longer than STORE_KEY_MAX with the context's prefix.
 */
int request_object(const struct op_context *context, struct store_req *req,
                   const char *method, struct http_request *request);

/* The same about the bucket: lists and DeleteObjects. */
int request_bucket(const struct op_context *context, struct store_req *req,
                   const char *method, struct http_request *request);

/* The path of a key (relative to prefix) below what path already holds. */
void request_add_key(struct str *path, const char *prefix, const char *key);

/* Add "name=value" to the query, coded. Call in the order of names. */
void request_query(struct http_request *request, const char *name,
                   const char *value);
void request_query_number(struct http_request *request, const char *name,
                          uint64_t value);

/* Add a header unless value is NULL or "". */
void request_header(struct http_request *request, const char *name,
                    const char *value);

/* If-Match, If-None-Match as they are: GET and HEAD, which all stores heed. */
void request_conditions(const struct store_req *req,
                        struct http_request *request);

/* For what makes an object: encryption, storage class, ACL. */
void request_new_object(const struct op_context *context,
                        struct http_request *request);

/* The three headers of an SSE-C key; source: of a copy's source. */
void request_sse_c(const struct op_context *context, bool source,
                   struct http_request *request);

/*
 * Content-Type (application/octet-stream unless given) and its like, and user
 * metadata.  -EINVAL for a metadata name that is no header's.
 */
int request_stored_headers(struct store_req *req,
                           const struct store_headers *headers,
                           struct http_request *request);

/*
 * x-amz-checksum-… over body, or over text when there is no body; written to
 * ret too, "" = none.  Returns 0, -ENOMEM or -EIO.
 */
int request_checksum(const struct op_context *context,
                     struct http_request *request,
                     char ret[STORE_CHECKSUM_MAX]);

/* -EIO when the reply has a checksum, but not the one that was sent. */
int request_verify_checksum(const struct op_context *context, const char *sent,
                            const struct http_reply *reply, struct err *reterr);

/* "CRC32C": as x-amz-checksum-algorithm has it; NULL = none. */
const char *request_checksum_name(enum s3_checksum checksum);

/* 0, or why the request could not be built, with the story in req->err. */
int request_end(struct store_req *req, const struct http_request *request);

#endif
