/* SPDX-License-Identifier: MIT */
/*
 * What a request asks for: method, target and a few headers to a verb, a
 * bucket and a key (pure).
 */
#ifndef PORTER_TEST_S3PEER_ROUTE_H
#define PORTER_TEST_S3PEER_ROUTE_H

#include "s3peer_http.h"
#include "s3peer_rule.h"

#define PEER_PARAMS_MAX 32

/* One "name=value" of the query, decoded. */
struct peer_param {
	char *name;
	char *value; /* "" without one */
};

struct peer_route {
	unsigned verb; /* enum store_verb or PEER_VERB_OTHER */
	char *bucket;  /* decoded, "" = none; these two owned */
	char *key;     /* decoded, "" = none */
	char *path;    /* all of the path, decoded, owned */
	struct peer_param params[PEER_PARAMS_MAX];
	size_t count;
};

/*
 * domain: hosts "BUCKET.domain[:port]" name the bucket; NULL = the path always
 * does.  0, -ENOMEM, or -EINVAL: bad percent-encoding, a NUL byte, too many
 * parameters.
 */
int peer_route_parse(const struct peer_head *head, const char *domain,
                     struct peer_route *ret);
void peer_route_release(struct peer_route *route);

/* The first value of a parameter, or NULL. */
const char *peer_route_get(const struct peer_route *route, const char *name);

/*
 * Split the value of x-amz-copy-source, "[/]BUCKET/KEY", into two decoded
 * texts that the caller owns.  0, -ENOMEM or -EINVAL (versionId too).
 */
int peer_route_source(const char *value, char **ret_bucket, char **ret_key);

/* Whether a text is UTF-8 as RFC 3629 has it. */
bool peer_is_utf8(const char *text);

#endif
