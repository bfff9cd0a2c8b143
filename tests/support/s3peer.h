/* SPDX-License-Identifier: MIT */
/*
 * The test double that speaks HTTP: an S3 front over any object_store, or a
 * forwarder to a real server that leaves requests as they are, so that their
 * signatures hold.
 *
 * One thread runs an epoll loop for all connections.  Signatures are checked
 * (front only), habits of real servers are imitated, and rules (language:
 * s3peer_rule.h) make it fail, lie or wait.  Everything that happened is told
 * to an observer, who thereby is the oracle: what was committed, and what the
 * client was truthfully told.
 *
 * Also a program of its own: `s3peer --help`.
 *
 * Requests to the path /.s3peer/ steer it in both modes, unsigned:
 *   PUT    /.s3peer/rules   new rules (the body) in place of the old
 *   DELETE /.s3peer/rules   no rules
 *   GET    /.s3peer/stats   counts as JSON
 *   DELETE /.s3peer/stats   counts to zero
 */
#ifndef PORTER_TEST_S3PEER_H
#define PORTER_TEST_S3PEER_H

#include "base/cleanup.h"
#include "base/err.h"
#include "s3/store.h"

#include <stdbool.h>
#include <stdint.h>

struct s3peer;

/*
 *                                   aws      rgw16             minio
 * PUT If-None-Match                 yes      yes               yes
 * PUT If-Match                      yes      unquoted only     yes
 * conditions of Complete            yes      ignored           yes
 * copy-source-if-match              yes      ignored           yes
 * conditions of a copy's target     yes      ignored           ignored
 * DELETE If-Match                   yes      ignored           ignored
 * checksums verified and returned   yes      ignored           yes
 * Server header                     AmazonS3 none              MinIO
 * first Complete's ETag             there    empty             there
 * Complete again                    404      200               404
 * Complete with fewer parts         takes it refuses it        takes it
 * Complete of an unknown upload     404      500               404
 * PUT If-Match of nothing           404      412               404
 * keys that are no UTF-8            taken    refused           taken
 * lists                             length   chunked           length
 * a wrong region is refused         yes      no                no
 */
enum s3peer_habits {
	S3PEER_AWS,
	S3PEER_RGW16,
	S3PEER_MINIO,
};

struct s3peer_bucket {
	const char *name;
	struct object_store *store; /* borrowed */
};

/* One request that ended; borrowed texts. */
struct s3peer_event {
	uint64_t id;
	const char *verb; /* "PUT", "MPU_PART", ..., "OTHER" */
	const char *bucket;
	const char *key;         /* "" = none */
	const char *const *keys; /* DELETE_MANY: those that are gone */
	size_t key_count;
	int status;            /* HTTP status that was sent; 0 = none */
	bool committed;        /* it changed something for good */
	bool acknowledged;     /* a truthful 2xx reply was sent whole */
	const char *fault;     /* name of the action it suffered, or NULL */
	const char *phase;     /* and of its phase */
	const char *etag;      /* of what was committed, with quotes, or "" */
	const char *upload_id; /* or "" */
	unsigned part;         /* 0 = none */
	uint64_t bytes_in;     /* of the request's body */
	uint64_t bytes_out;    /* of the reply's body */
	uint64_t start_us;     /* since the peer's birth */
	uint64_t took_us;
	unsigned nth_on_connection; /* from 1 */
};

/* On the peer's thread; must not block nor call the peer. */
typedef void s3peer_observe_fn(void *ctx, const struct s3peer_event *event);

/* All texts are copied. */
struct s3peer_config {
	const struct s3peer_bucket *buckets; /* the front's */
	size_t bucket_count;
	const char *forward; /* "http://HOST:PORT": be a forwarder */

	enum s3peer_habits habits;
	uint16_t port;                 /* of 127.0.0.1; 0 = a free one */
	const char *access_key_id;     /* NULL = "AKPEER" */
	const char *secret_access_key; /* NULL = "SKPEER" */
	const char *session_token;     /* NULL = none is wanted */
	const char *region;            /* NULL = "us-east-1"; only aws cares */
	const char *domain; /* hosts BUCKET.domain are buckets; NULL = none */
	int64_t clock_offset_s; /* how wrong the server's clock is */

	uint64_t delay_us; /* before every request */
	const char *rules; /* NULL = none */
	uint64_t seed;     /* of probability= */

	s3peer_observe_fn *observe; /* may be NULL */
	void *ctx;
};

/*
 * Start listening and serving.  -EINVAL: the rules or the forward address, with
 * a sentence; or the errno of a socket.
 */
int s3peer_new(const struct s3peer_config *config, struct s3peer **ret,
               struct err *reterr);

/* Cuts all connections, waits for the stores' answers. */
void s3peer_free(struct s3peer *peer);
DEFINE_CLEANUP(struct s3peer *, s3peer_free);

uint16_t s3peer_port(const struct s3peer *peer);

/* The functions below may be called on any thread. */

/* Other rules from the next request on. -EINVAL with a sentence. */
int s3peer_set_rules(struct s3peer *peer, const char *text, struct err *reterr);

/* Other keys from the next request on. Returns 0 or -ENOMEM. */
int s3peer_set_keys(struct s3peer *peer, const char *access_key_id,
                    const char *secret_access_key, const char *session_token);

#define S3PEER_VERBS (STORE_VERBS + 1) /* and OTHER, the last */
struct s3peer_stats {
	uint64_t requests[S3PEER_VERBS];
	uint64_t faults; /* requests that suffered an action */
	uint64_t errors; /* answers other than 2xx and 304 */
	uint64_t bytes_in;
	uint64_t bytes_out;
	uint64_t connections; /* accepted */
};
void s3peer_get_stats(struct s3peer *peer, struct s3peer_stats *ret);
void s3peer_reset_stats(struct s3peer *peer);

#endif
