/* SPDX-License-Identifier: MIT */
/*
 * The S3 client: an object_store over HTTP.
 *
 * One struct s3_client is one bucket with its endpoint, keys and habits;
 * several share one struct s3_net, which has the threads ("s3/N"), the
 * connections and their limits.  Everything is retried, signed, checked and
 * explained below this header; callers see struct store_req only.
 */
#ifndef PORTER_S3_CLIENT_H
#define PORTER_S3_CLIENT_H

#include "base/cleanup.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct clock;
struct metrics;
struct object_store;
struct s3_net;
struct timers;

/* What all buckets share: sockets and threads. */
struct s3_net_config {
	unsigned threads;         /* event loops, 1 or 2 */
	unsigned max_connections; /* to all endpoints together */
	const char *ca_bundle;    /* file; NULL = the system's */
	const char *proxy;    /* NULL = from the environment, as curl does */
	bool allow_plaintext; /* http:// beyond loopback */
	const struct clock *clock;
	struct timers *timers;
	struct metrics *metrics; /* may be NULL */
};

int s3_net_new(const struct s3_net_config *config, struct s3_net **ret,
               struct err *reterr);
/* Every client must be destroyed. */
void s3_net_free(struct s3_net *net);
DEFINE_CLEANUP(struct s3_net *, s3_net_free);

enum s3_path_style {
	S3_PATH_AUTO, /* path style for addresses, ports and dotted buckets */
	S3_PATH_ON,
	S3_PATH_OFF,
};

/* Where keys come from, tried in this order; all texts are copied. */
struct s3_creds_config {
	const char *access_key_id; /* from options, environment or .env */
	const char *secret_access_key;
	const char *session_token;
	const char *profile;     /* of the shared files; NULL = AWS_PROFILE's */
	const char *config_file; /* NULL = ~/.aws/config */
	const char *credentials_file; /* NULL = ~/.aws/credentials */

	/*
	 * Where the three values above were read from, if that was a .env file:
	 * it is read again when it changes, so that a rotated key needs no
	 * remount.  NULL = they never change.
	 */
	const char *dotenv_file;
	const char *dotenv_prefix; /* "AWS_", "AWS_SOURCE_", "EXPORT_ALT_AWS_" */
};

struct s3_client_config {
	const char *name; /* the directory's name, for messages */
	const char *bucket;
	const char *prefix;   /* keys are relative to it; NULL or "" = all */
	const char *endpoint; /* "https://host[:port]"; NULL = AWS by region */
	const char *region;   /* NULL = asked of the server */
	enum s3_path_style path_style;
	const char *profile; /* store profile: NULL or "auto" = learnt */
	const char *url;     /* AWS_URL: base of presigned URLs, or NULL */
	struct s3_creds_config creds;

	const char *sse;            /* NULL, "AES256", "aws:kms" */
	const char *sse_kms_key_id; /* or NULL */
	const char *sse_c_key_file; /* 32 bytes or their base64; or NULL */
	const char *storage_class;  /* or NULL */
	const char *acl;            /* canned ACL, or NULL */
	bool requester_pays;
	const char *expected_owner; /* account id, or NULL */
	const char *checksum;       /* auto|none|crc32c|crc64nvme|sha256 */

	unsigned retry_attempts; /* in all, >= 1 */
	uint64_t op_deadline_ms;
	uint64_t write_deadline_ms;
	uint64_t long_deadline_ms; /* Complete, copies; 0 = 10 min */
	uint64_t retry_seed;       /* of the jitter; 0 = random */
};

/*
 * Make a store; asks nothing of the server yet.  Borrows net and its parts,
 * copies every text.  -EINVAL with a sentence when the configuration cannot
 * work (bad endpoint, plain http to a public host, key file of a wrong size).
 */
int s3_client_new(struct s3_net *net, const struct s3_client_config *config,
                  struct object_store **ret, struct err *reterr);

/*
 * Is the bucket there and may we use it?  One LIST of one key, with region
 * discovery.  0, or -EACCES (wrong key), -ENOENT (no such bucket),
 * -ECONNREFUSED, -ETIMEDOUT, … with a sentence. Blocks, 15 s at most.
 */
int s3_client_probe(struct object_store *store, struct err *reterr);

#endif
