/* SPDX-License-Identifier: MIT */
/*
 * The chain.
 *
 * Keys are an immutable block with a count; whoever signs holds a reference,
 * so new keys may take the place of old ones at any moment.  A refresh that
 * fails leaves the old keys: a file that is being rewritten is read again at
 * the next look.
 */
#include "creds.h"

#include "base/lock.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#define PROVIDERS_MAX 3

/* What creds_keys really is. */
struct counted {
	struct creds_keys keys; /* first: the address is the same */
	atomic_uint refs;
};

struct creds {
	struct creds_provider *chain[PROVIDERS_MAX];
	size_t count;
	pthread_mutex_t fetching; /* one refresh at a time; taken first */
	pthread_mutex_t lock;
	struct counted *present; /* lock */
};

/* Free a text and leave nothing of it in memory. */
static void wipe(char *text)
{
	if (!text)
		return;
	explicit_bzero(text, strlen(text));
	free(text);
}

static void counted_unref(struct counted *c)
{
	if (!c || atomic_fetch_sub(&c->refs, 1) > 1)
		return;

	wipe(c->keys.access_key_id);
	wipe(c->keys.secret_access_key);
	wipe(c->keys.session_token);
	free(c->keys.origin);
	free(c);
}
DEFINE_CLEANUP(struct counted *, counted_unref);

struct creds_keys *creds_keys_new(const char *access_key_id,
                                  const char *secret_access_key,
                                  const char *session_token, time_t expires,
                                  const char *origin)
{
	cleanup(counted_unrefp) struct counted *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->refs = 1;
	c->keys.expires = expires;
	c->keys.access_key_id = strdup(access_key_id);
	c->keys.secret_access_key = strdup(secret_access_key);
	c->keys.origin = strdup(origin);
	if (session_token)
		c->keys.session_token = strdup(session_token);
	if (!c->keys.access_key_id || !c->keys.secret_access_key ||
	    !c->keys.origin || (session_token && !c->keys.session_token))
		return NULL;
	return &take(&c)->keys;
}

/* The block behind keys; const is for those who only sign. */
static struct counted *counted_of(const struct creds_keys *keys)
{
	return (struct counted *)(uintptr_t)keys;
}

void creds_keys_unref(const struct creds_keys *keys)
{
	counted_unref(counted_of(keys));
}

/* ---- static values ---- */

struct static_provider {
	struct creds_provider base;
	struct creds_keys *keys;
};

static int static_fetch(struct creds_provider *base, struct creds_keys **ret,
                        struct err *reterr)
{
	struct static_provider *p = (struct static_provider *)base;

	(void)reterr;
	(void)atomic_fetch_add(&counted_of(p->keys)->refs, 1);
	*ret = p->keys;
	return 0;
}

static void static_free(struct creds_provider *base)
{
	struct static_provider *p = (struct static_provider *)base;

	creds_keys_unref(p->keys);
	free(p);
}

int creds_static_new(const struct s3_creds_config *config,
                     struct creds_provider **ret, struct err *reterr)
{
	bool id = config->access_key_id && *config->access_key_id;
	bool secret = config->secret_access_key && *config->secret_access_key;
	bool token = config->session_token && *config->session_token;

	*ret = NULL;
	if (!id && !secret)
		return 0;
	if (!secret)
		return err_set(reterr, -EINVAL,
		               "access_key_id is set but secret_access_key is "
		               "not");
	if (!id)
		return err_set(reterr, -EINVAL,
		               "secret_access_key is set but access_key_id is "
		               "not");

	struct static_provider *p = calloc(1, sizeof(*p));

	if (!p)
		return err_set(reterr, -ENOMEM, "out of memory");
	p->base = (struct creds_provider){
		.name = "static", .fetch = static_fetch, .free = static_free};
	p->keys =
		creds_keys_new(config->access_key_id, config->secret_access_key,
	                       token ? config->session_token : NULL, 0,
	                       "options or environment");
	if (!p->keys) {
		free(p);
		return err_set(reterr, -ENOMEM, "out of memory");
	}
	*ret = &p->base;
	return 0;
}

/* ---- the chain ---- */

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_keys(const struct creds_keys *a, const struct creds_keys *b)
{
	return same_text(a->access_key_id, b->access_key_id) &&
	       same_text(a->secret_access_key, b->secret_access_key) &&
	       same_text(a->session_token, b->session_token) &&
	       a->expires == b->expires;
}

/* The first provider that has keys. */
static int fetch(struct creds *creds, struct creds_keys **ret,
                 struct err *reterr)
{
	for (size_t i = 0; i < creds->count; i++) {
		struct creds_provider *p = creds->chain[i];
		int r = p->fetch(p, ret, reterr);

		if (r != -ENODATA)
			return r;
	}
	return err_set(
		reterr, -ENOKEY,
		"no keys: set access_key_id and secret_access_key "
		"(environment, .env or porterfs.conf) or write a profile "
		"to ~/.aws/credentials");
}

/* Every kind of provider, in the order they are asked. */
static int build(struct creds *creds, const struct s3_creds_config *config,
                 struct err *reterr)
{
	int (*const makers[PROVIDERS_MAX])(const struct s3_creds_config *,
	                                   struct creds_provider **,
	                                   struct err *) = {
		creds_dotenv_new,
		creds_static_new,
		creds_shared_new,
	};

	for (size_t i = 0; i < PROVIDERS_MAX; i++) {
		struct creds_provider *p = NULL;
		int r = makers[i](config, &p, reterr);

		if (r < 0)
			return r;
		if (p)
			creds->chain[creds->count++] = p;
	}
	return 0;
}

int creds_new(const struct s3_creds_config *config, struct creds **ret,
              struct err *reterr)
{
	cleanup(creds_freep) struct creds *creds = calloc(1, sizeof(*creds));
	struct creds_keys *keys = NULL;

	if (!creds)
		return err_set(reterr, -ENOMEM, "out of memory");
	(void)pthread_mutex_init(&creds->fetching, NULL);
	(void)pthread_mutex_init(&creds->lock, NULL);

	int r = build(creds, config, reterr);

	if (r == 0)
		r = fetch(creds, &keys, reterr);
	if (!keys)
		return r;
	creds->present = counted_of(keys);
	*ret = take(&creds);
	return 0;
}

void creds_free(struct creds *creds)
{
	if (!creds)
		return;

	for (size_t i = 0; i < creds->count; i++)
		creds->chain[i]->free(creds->chain[i]);
	counted_unref(creds->present);
	(void)pthread_mutex_destroy(&creds->fetching);
	(void)pthread_mutex_destroy(&creds->lock);
	free(creds);
}

const struct creds_keys *creds_get(struct creds *creds)
{
	WITH_LOCK(&creds->lock);
	(void)atomic_fetch_add(&creds->present->refs, 1);
	return &creds->present->keys;
}

bool creds_may_change(const struct creds *creds)
{
	return creds->chain[0]->changed;
}

/*
 * Whether any source looks different from when it was read.  Behind a provider
 * that never changes nobody is asked.
 */
static bool any_changed(struct creds *creds)
{
	bool changed = false;

	for (size_t i = 0; i < creds->count; i++) {
		struct creds_provider *p = creds->chain[i];

		if (!p->changed)
			break;
		if (p->changed(p))
			changed = true;
	}
	return changed;
}

/* Take keys in place of the present ones; false: they are the same. */
static bool replace(struct creds *creds, struct creds_keys *keys)
{
	struct counted *old;

	{
		WITH_LOCK(&creds->lock);
		old = creds->present;
		if (same_keys(keys, &old->keys))
			return false;
		creds->present = counted_of(keys);
	}
	counted_unref(old);
	return true;
}

int creds_refresh(struct creds *creds, bool force, struct err *reterr)
{
	WITH_LOCK(&creds->fetching);
	struct creds_keys *keys = NULL;

	if (!force && !any_changed(creds))
		return 0;

	int r = fetch(creds, &keys, reterr);

	if (!keys)
		return r;
	if (replace(creds, keys))
		return 1;
	creds_keys_unref(keys);
	return 0;
}
