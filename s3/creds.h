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
	const char *origin;  /* "environment", "/home/…/credentials [prod]", … */
};

struct creds_provider {
	const char *name;

	/* 0, -ENODATA (not mine: try the next), or -errno with a story. */
	int (*fetch)(struct creds_provider *provider, struct creds_keys **ret,
	             struct err *reterr);

	/* Whether what fetch read has changed since (files: size, mtime, ino). */
	bool (*changed)(struct creds_provider *provider);
	void (*free)(struct creds_provider *provider);
};

/* Builds the chain from the configuration and fetches once. */
int creds_new(const struct s3_creds_config *config, struct creds **ret,
              struct err *reterr);
void creds_free(struct creds *creds);
DEFINE_CLEANUP(struct creds *, creds_free);

/* A reference to the present keys. Any thread, never blocks. */
const struct creds_keys *creds_get(struct creds *creds);
void creds_keys_unref(const struct creds_keys *keys);

/*
 * Look whether a source changed (a stat each, at most once a second) and fetch
 * again; force: after ExpiredToken, InvalidAccessKeyId.  Returns 1 when there
 * are new keys, 0 when they are the same, -errno.
 */
int creds_refresh(struct creds *creds, bool force, struct err *reterr);

#endif
