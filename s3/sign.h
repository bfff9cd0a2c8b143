/* SPDX-License-Identifier: MIT */
/*
 * AWS Signature Version 4 (pure): headers and presigned queries.
 *
 * Source: "Create a signed AWS API request" and "Authenticating Requests:
 * Using Query Parameters" in AWS's documentation; S3's particularities (path
 * encoded once, never normalised; UNSIGNED-PAYLOAD) are on the latter page.
 */
#ifndef PORTER_S3_SIGN_H
#define PORTER_S3_SIGN_H

#include "http.h"

#include <time.h>

struct s3_keys { /* borrowed texts */
	const char *access_key_id;
	const char *secret_access_key;
	const char *session_token; /* NULL = none */
};

#define SIGN_UNSIGNED_PAYLOAD "UNSIGNED-PAYLOAD"

/*
 * Put Authorization, X-Amz-Date, X-Amz-Content-Sha256 and X-Amz-Security-Token
 * into the request's headers, in place of those of an earlier attempt.  Every
 * other header already there is signed, and Host.  payload is the hex SHA-256
 * of the body or SIGN_UNSIGNED_PAYLOAD.  Returns 0, -ENOMEM, or -EIO when
 * OpenSSL fails.
 */
int sign_headers(struct http_request *request, const struct s3_keys *keys,
                 const char *region, const char *payload, time_t now);

/*
 * Sign into the query instead: X-Amz-Algorithm … X-Amz-Signature, valid for
 * ttl_s seconds (1 … 604800, else -EDOM).  Only Host is signed, so no header
 * has to be sent.
 */
int sign_query(struct http_request *request, const struct s3_keys *keys,
               const char *region, uint64_t ttl_s, time_t now);

/* Exposed for tests: the canonical request text of sign_headers(). */
int sign_canonical(const struct http_request *request, const char *payload,
                   struct str *ret);

#endif
