/* SPDX-License-Identifier: MIT */
/*
 * Keys: a chain of providers, tried in order, asked again when a key expires,
 * is refused, or its file changed.
 *
 * Here: static values (options, environment), .env, ~/.aws files with
 * profiles.  Providers that ask over the network (web identity, ECS, IMDS,
 * credential_process) join the same chain: fetch may therefore block and runs
 * on no transport thread; creds_get never blocks.
 */
#ifndef PORTER_S3_CREDS_H
#define PORTER_S3_CREDS_H

#include "s3/client.h"

#include <time.h>

struct creds; /* the chain and the keys it found last */

/* One set of keys, counted and immutable; wiped when the last one lets go. */
struct creds_keys {
	char *access_key_id;
	char *secret_access_key;
	char *session_token; /* or NULL */
	time_t expires;      /* 0 = never */
	char *origin; /* "options or environment", "/home/…/credentials [prod]" */
};

/*
 * Keys with one reference, the caller's.  All texts are copied; token may be
 * NULL.  NULL when out of memory.
 */
struct creds_keys *creds_keys_new(const char *access_key_id,
                                  const char *secret_access_key,
                                  const char *session_token, time_t expires,
                                  const char *origin);
void creds_keys_unref(const struct creds_keys *keys);

struct creds_provider {
	const char *name;

	/* 0, -ENODATA (not mine: try the next), or -errno with a story. */
	int (*fetch)(struct creds_provider *provider, struct creds_keys **ret,
	             struct err *reterr);

	/*
	 * Whether what fetch read has changed since (files: size, mtime, ino).
	 * NULL = it never does.
	 */
	bool (*changed)(struct creds_provider *provider);
	void (*free)(struct creds_provider *provider);
};

/*
 * The providers there are.  Each returns 0 and one in *ret, owned by the
 * caller, or -errno with a story; *ret = NULL: not configured.
 */
int creds_static_new(const struct s3_creds_config *config,
                     struct creds_provider **ret, struct err *reterr);
int creds_dotenv_new(const struct s3_creds_config *config,
                     struct creds_provider **ret, struct err *reterr);
int creds_shared_new(const struct s3_creds_config *config,
                     struct creds_provider **ret, struct err *reterr);

/*
 * Builds the chain from the configuration and fetches once: .env, static
 * values, shared files.  -ENOKEY with a sentence when nobody has keys.
 */
int creds_new(const struct s3_creds_config *config, struct creds **ret,
              struct err *reterr);
void creds_free(struct creds *creds);
DEFINE_CLEANUP(struct creds *, creds_free);

/* A reference to the present keys. Any thread, never blocks. */
const struct creds_keys *creds_get(struct creds *creds);

/* Whether asking again can ever give other keys. Any thread, never blocks. */
bool creds_may_change(const struct creds *creds);

/*
 * Look whether a source changed (a stat each; the caller keeps to once a
 * second) and if so fetch again; force: fetch anyway, after ExpiredToken or
 * InvalidAccessKeyId.  Returns 1 when there are new keys, 0 when they are the
 * same, -errno (the old ones stay).  May block; one at a time, others wait.
 */
int creds_refresh(struct creds *creds, bool force, struct err *reterr);

#endif
