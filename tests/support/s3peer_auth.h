/* SPDX-License-Identifier: MIT */
/*
 * Is this request signed as AWS Signature Version 4 asks (pure)?
 *
 * Written from AWS's description, sharing no line with the signer of s3/sign.c
 * but the digests: two canonicalisations that agree are probably right.
 */
#ifndef PORTER_TEST_S3PEER_AUTH_H
#define PORTER_TEST_S3PEER_AUTH_H

#include "s3peer_http.h"
#include "s3peer_route.h"

#include <time.h>

/* An S3 error to be answered. */
struct peer_error {
	int status;       /* HTTP's; 0 = no error */
	const char *code; /* static: "NoSuchKey" */
	char message[256];
	char region[64]; /* the right one, or "" */
};

/* Fill *error. */
void peer_error_set(struct peer_error *error, int status, const char *code,
                    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

struct peer_auth {
	const char *access_key_id;
	const char *secret_access_key;
	const char *session_token; /* NULL = none must be there */
	const char *region;        /* NULL = any will do */
	time_t now;                /* the server's clock */
};

/*
 * Check header or query; ret->status stays 0 when all is right.  What the
 * payload must hash to is in *ret_payload: 64 hex digits that live in head, or
 * NULL when the payload is not signed.
 */
void peer_auth_check(const struct peer_auth *auth, const struct peer_head *head,
                     const struct peer_route *route, const char **ret_payload,
                     struct peer_error *ret);

/*
 * Exposed for tests: append the canonical request.  signed_headers is the list
 * "host;x-amz-date"; returns 0, -ENOMEM, or -EINVAL when one is missing.
 */
int peer_auth_canonical(const struct peer_head *head,
                        const struct peer_route *route,
                        const char *signed_headers, const char *payload,
                        struct str *ret);

#endif
