/* SPDX-License-Identifier: MIT */
/*
 * The client: an object_store whose verbs are the rows of op.h and whose
 * requests live in call.c.  Here it is born, asked and buried.
 */
#include "s3/client.h"

#include "base/digest.h"
#include "base/lock.h"
#include "base/str.h"
#include "call.h"
#include "ssec.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define LONG_DEADLINE_MS 600000 /* Complete and copies, unless told */
#define PROBE_MS         15000  /* at most: a person waits for the answer */

/* ---- the store's interface ---- */

static void client_submit(struct object_store *store, struct store_req *req)
{
	call_submit((struct s3_client *)store, req);
}

static void client_cancel(struct object_store *store, struct store_req *req)
{
	(void)store;
	call_cancel(req);
}

static const struct store_limits *client_limits(struct object_store *store)
{
	struct s3_client *client = (struct s3_client *)store;

	return &atomic_load(&client->profile)->limits;
}

static int client_presign(struct object_store *store, enum store_verb verb,
                          const char *key, uint64_t ttl_s, char **ret,
                          struct err *reterr)
{
	struct s3_client *client = (struct s3_client *)store;
	const struct creds_keys *found = creds_get(client->creds);
	const struct s3_keys keys = {
		.access_key_id = found->access_key_id,
		.secret_access_key = found->secret_access_key,
		.session_token = found->session_token,
	};
	const struct op_presign what = {
		.keys = &keys,
		.verb = verb,
		.key = key,
		.ttl_s = ttl_s,
		.now = client_now(client),
		.url_base = client->url,
	};
	struct op_context context;

	client_context(client, &context);
	int r = op_presign(&context, &what, ret, reterr);

	creds_keys_unref(found);
	return r;
}

/* Free what a client has; half-built ones too. */
static void client_free(struct s3_client *client)
{
	if (!client)
		return;

	s3_net_gate_release(client->net, client->gate);
	creds_free(client->creds);
	for (struct place *p = client->place, *before; p; p = before) {
		before = p->before;
		free(p);
	}
	for (unsigned i = 0; i < client->text_count; i++) {
		explicit_bzero(client->texts[i], strlen(client->texts[i]));
		free(client->texts[i]);
	}
	(void)pthread_cond_destroy(&client->quiet);
	(void)pthread_mutex_destroy(&client->lock);
	free(client);
}
DEFINE_CLEANUP(struct s3_client *, client_free);

/*
 * Every request has been done, but its last steps after done(), or a look at
 * the keys, may still run on another thread.
 */
static void client_destroy(struct object_store *store)
{
	struct s3_client *client = (struct s3_client *)store;

	{
		WITH_LOCK(&client->lock);
		while (client->live > 0)
			(void)pthread_cond_wait(&client->quiet, &client->lock);
	}
	client_free(client);
}

/* Amazon copies between all its regions, others inside one endpoint. */
static bool client_copies_from(struct object_store *store,
                               struct object_store *source_store)
{
	struct s3_client *client = client_of(store);
	struct s3_client *source = client_of(source_store);

	return source && (source->gate == client->gate ||
	                  (atomic_load(&client->place)->endpoint.aws &&
	                   atomic_load(&source->place)->endpoint.aws));
}

/* What makes a client an object_store, and known as one. */
static const struct object_store_ops client_ops = {
	.name = "s3",
	.submit = client_submit,
	.cancel = client_cancel,
	.limits = client_limits,
	.presign = client_presign,
	.copies_from = client_copies_from,
	.destroy = client_destroy,
};

struct s3_client *client_of(struct object_store *store)
{
	if (!store || store->ops != &client_ops)
		return NULL;
	return (struct s3_client *)store;
}

void client_hold(struct s3_client *client)
{
	WITH_LOCK(&client->lock);
	client->live++;
}

void client_release(struct s3_client *client)
{
	WITH_LOCK(&client->lock);
	if (--client->live == 0)
		(void)pthread_cond_broadcast(&client->quiet);
}

int client_check_source(struct s3_client *client, struct store_req *req)
{
	struct object_store *store;

	if (req->verb == STORE_COPY)
		store = req->copy.source;
	else if (req->verb == STORE_MPU_PART_COPY)
		store = req->part.source;
	else
		return 0;

	if (client_copies_from((struct object_store *)client, store))
		return 0;
	return err_set(&req->err, -EXDEV,
	               "the source is at another endpoint: the server cannot "
	               "copy from there");
}

/* ---- birth ---- */

/* Keep a copy of text as long as the client; *bad counts failures. */
static const char *keep(struct s3_client *client, const char *text, int *bad)
{
	const size_t room = sizeof(client->texts) / sizeof(client->texts[0]);

	if (!text || !*text)
		return NULL;
	assert(client->text_count < room);

	char *copy = strdup(text);

	if (copy)
		client->texts[client->text_count++] = copy;
	else
		(*bad)++;
	return copy;
}

/* Copy the configuration's texts. */
static int keep_texts(struct s3_client *client,
                      const struct s3_client_config *config, struct err *reterr)
{
	struct op_context *c = &client->context;
	int bad = 0;

	client->name = keep(client, config->name, &bad);
	client->url = keep(client, config->url, &bad);
	c->bucket = keep(client, config->bucket, &bad);
	c->prefix = keep(client, config->prefix, &bad);
	c->sse = keep(client, config->sse, &bad);
	c->sse_kms_key_id = keep(client, config->sse_kms_key_id, &bad);
	c->storage_class = keep(client, config->storage_class, &bad);
	c->acl = keep(client, config->acl, &bad);
	c->expected_owner = keep(client, config->expected_owner, &bad);
	c->requester_pays = config->requester_pays;
	if (bad)
		return err_set(reterr, -ENOMEM, "out of memory");
	if (!c->prefix)
		c->prefix = "";
	if (!client->name)
		client->name = c->bucket;
	if (!c->bucket)
		return err_set(reterr, -EINVAL, "a bucket's name is missing");
	return 0;
}

static int keep_ssec(struct s3_client *client, const char *path,
                     struct err *reterr)
{
	char key[SSEC_KEY_TEXT], md5[SSEC_MD5_TEXT];
	int bad = 0;

	if (!path || !*path)
		return 0;

	int r = ssec_read(path, key, md5, reterr);

	if (r < 0)
		return r;
	client->context.sse_c_key = keep(client, key, &bad);
	client->context.sse_c_key_md5 = keep(client, md5, &bad);
	explicit_bzero(key, sizeof(key));
	return bad ? err_set(reterr, -ENOMEM, "out of memory") : 0;
}

static int parse_checksum(const char *text, enum s3_checksum *ret,
                          struct err *reterr)
{
	static const char *const names[] = {
		[S3_CHECKSUM_AUTO] = "auto",
		[S3_CHECKSUM_NONE] = "none",
		[S3_CHECKSUM_CRC32C] = "crc32c",
		[S3_CHECKSUM_CRC64NVME] = "crc64nvme",
		[S3_CHECKSUM_SHA256] = "sha256",
	};

	if (!text || !*text)
		return 0; /* auto */
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i]) == 0) {
			*ret = (enum s3_checksum)i;
			return 0;
		}
	}
	return err_set(
		reterr, -EINVAL,
		"checksum '%s' is unknown: auto, none, crc32c, crc64nvme "
		"or sha256",
		text);
}

/* The profile as configured, or as the host's name tells. */
static int choose_profile(struct s3_client *client, const char *name,
                          struct err *reterr)
{
	const struct s3_profile *profile;

	if (name && *name && strcmp(name, "auto") != 0) {
		profile = profile_find(name);
		if (!profile)
			return err_set(reterr, -EINVAL,
			               "store profile '%s' is unknown", name);
	} else {
		profile = profile_learn(client->place->endpoint.host, NULL);
	}
	atomic_store(&client->profile_known, profile != NULL);
	atomic_store(&client->profile, profile ? profile : profile_generic());
	return 0;
}

/* The endpoint without the bucket: who names the same shares its gate. */
static int open_gate(struct s3_client *client, struct err *reterr)
{
	const struct s3_endpoint *e = &client->place->endpoint;
	const char *host = e->host;
	size_t len = strlen(client->context.bucket);

	if (!e->path_style && strncmp(host, client->context.bucket, len) == 0 &&
	    host[len] == '.')
		host += len + 1;

	cleanup(freep) char *name =
		str_printf("%s://%s", e->tls ? "https" : "http", host);

	if (name)
		client->gate = s3_net_gate(client->net, name);
	return client->gate ? 0 : err_set(reterr, -ENOMEM, "out of memory");
}

/* Where the bucket is, and whether we may talk to it in the clear. */
static int find_place(struct s3_client *client,
                      const struct s3_client_config *config, struct err *reterr)
{
	struct place *place = calloc(1, sizeof(*place));

	if (!place)
		return err_set(reterr, -ENOMEM, "out of memory");
	client->place = place;

	struct s3_endpoint *e = &place->endpoint;
	int r = endpoint_parse(config->endpoint, config->region,
	                       config->path_style, client->context.bucket, e,
	                       reterr);

	if (r < 0)
		return r;
	if (!e->tls && !e->loopback && !client->net->allow_plaintext)
		return err_set(reterr, -EINVAL,
		               "endpoint 'http://%s' would send everything in "
		               "the clear: use https, or set allow_plaintext",
		               e->host);
	return open_gate(client, reterr);
}

static void set_limits(struct s3_client *client,
                       const struct s3_client_config *config)
{
	uint64_t seed = config->retry_seed;

	if (seed == 0)
		digest_random(&seed, sizeof(seed));
	client->random = seed;
	client->retry_attempts = config->retry_attempts;
	client->op_deadline_ms = config->op_deadline_ms;
	client->write_deadline_ms = config->write_deadline_ms;
	client->long_deadline_ms = config->long_deadline_ms
	                                   ? config->long_deadline_ms
	                                   : LONG_DEADLINE_MS;
	client->keys_seen_ms = clock_ms(client->net->clock);
}

int s3_client_new(struct s3_net *net, const struct s3_client_config *config,
                  struct object_store **ret, struct err *reterr)
{
	assert(config->retry_attempts > 0);

	cleanup(client_freep) struct s3_client *client =
		calloc(1, sizeof(*client));

	if (!client)
		return err_set(reterr, -ENOMEM, "out of memory");
	client->base.ops = &client_ops;
	client->net = net;
	(void)pthread_mutex_init(&client->lock, NULL);
	(void)pthread_cond_init(&client->quiet, NULL);
	list_init(&client->keys_waiting);
	client->keys_task.run = client_refresh_keys;
	set_limits(client, config);

	int r = keep_texts(client, config, reterr);

	if (r == 0)
		r = find_place(client, config, reterr);
	if (r == 0)
		r = choose_profile(client, config->profile, reterr);
	if (r == 0)
		r = parse_checksum(config->checksum, &client->checksum, reterr);
	if (r == 0)
		r = keep_ssec(client, config->sse_c_key_file, reterr);
	if (r == 0)
		r = creds_new(&config->creds, &client->creds, reterr);
	if (r < 0)
		return r;

	*ret = &take(&client)->base;
	return 0;
}

int s3_client_probe(struct object_store *store, struct err *reterr)
{
	struct s3_client *client = (struct s3_client *)store;
	uint64_t budget = client->op_deadline_ms;
	struct store_req req = {
		.verb = STORE_LIST,
		.list = {.prefix = "", .max_keys = 1},
		.deadline_ms = budget < PROBE_MS ? budget : PROBE_MS,
	};
	int r = store_call(store, &req);

	return r < 0 ? err_set(reterr, r, "%s", req.err.text) : 0;
}
