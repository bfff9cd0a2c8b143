/* SPDX-License-Identifier: MIT */
/* Files about one object: its metadata, its digest, a URL for it. */
#include "base/conf.h"
#include "base/digest.h"
#include "base/json.h"
#include "control_impl.h"
#include "s3/store.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SUM_CHUNK    (UINT64_C(1) << 20) /* bytes of a GET */
#define TTL_MAX_S    (UINT64_C(7) * 24 * 3600)
#define TTL_PRESET_S 3600

/* ---- which object ---- */

int bucket_is_there(const struct node_at *at)
{
	struct fs_bucket_view view;
	const char *bucket = at->arg[0];

	for (unsigned i = 1; i < NODE_ARGS_MAX && at->arg[i]; i++)
		bucket = at->arg[i];
	return fs_bucket_named(at->control->config.fs, bucket, &view);
}

void list_buckets(const struct node_at *at, node_list_fn *each, void *ctx)
{
	struct fs *fs = at->control->config.fs;

	for (size_t i = 0; i < fs_bucket_count(fs); i++) {
		struct fs_bucket_view view;

		fs_bucket_at(fs, i, &view);
		if (!each(ctx, view.name, true))
			return;
	}
}

/* The key of a path: as it is, or one component with its slashes coded. */
static int key_of(const struct node_at *at, char **ret)
{
	struct str text = {0};
	int r;

	if (strchr(at->key, '/') || !strcasestr(at->key, "%2F")) {
		*ret = strdup(at->key);
		return *ret ? 0 : -ENOMEM;
	}
	r = str_uri_decode(at->key, strlen(at->key), false, &text);
	if (r == 0 && strlen(str_text(&text)) != text.len)
		r = -EINVAL;
	if (r == 0)
		*ret = str_take(&text);
	str_release(&text);
	return r == -EINVAL ? -ENOENT : r;
}

/* The bucket and key of a path. */
static int object_of(const struct node_at *at, const char *bucket,
                     struct fs_bucket_view *ret_bucket, char **ret_key,
                     struct err *reterr)
{
	int r = fs_bucket_named(at->control->config.fs, bucket, ret_bucket);

	if (r == 0 && !ret_bucket->store)
		r = err_set(reterr, ret_bucket->broken,
		            "bucket '%s' did not work when it was mounted",
		            bucket);
	return r < 0 ? r : key_of(at, ret_key);
}

/* ---- head/ ---- */

/* What a HEAD's done() makes of its reply: headers live there only. */
struct head {
	struct store_req req;
	struct jval *object; /* owned */
	int status;
};

/* A member unless there is nothing to say. */
static int set_some(struct jval *object, const char *name, const char *text)
{
	int r = text && text[0] ? jval_set_text(object, name, text) : 0;

	return r == -EINVAL ? jval_set_text(object, name, "(not UTF-8)") : r;
}

/* User metadata as an object of its own. */
static int set_meta(struct jval *object, const struct store_headers *headers)
{
	struct jval *meta = jval_new_object();
	int r = meta ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < headers->meta_count; i++)
		r = set_some(meta, headers->meta[i].name,
		             headers->meta[i].value);
	if (r < 0) {
		jval_free(meta);
		return r;
	}
	return jval_set(object, "meta", meta);
}

static int set_info(struct jval *object, const struct object_info *info)
{
	const struct store_headers *headers = &info->headers;
	char ts[JOB_TS_MAX];
	int r = jval_set_u64(object, "size", info->size);

	job_timestamp(&info->mtime, ts);
	if (r == 0)
		r = jval_set_text(object, "modified", ts);
	if (r == 0)
		r = set_some(object, "etag", info->etag);
	if (r == 0)
		r = set_some(object, "version", info->version);
	if (r == 0)
		r = jval_set_text(object, "storage_class",
		                  info->storage_class[0] ? info->storage_class
		                                         : "STANDARD");
	if (r == 0)
		r = set_some(object, "content_type", headers->content_type);
	if (r == 0)
		r = set_some(object, "content_encoding",
		             headers->content_encoding);
	if (r == 0)
		r = set_some(object, "cache_control", headers->cache_control);
	return r < 0 ? r : set_meta(object, headers);
}

/* store_req.done */
static void head_came(struct store_req *req)
{
	struct head *head = container_of(req, struct head, req);

	if (req->status == 0)
		head->status = set_info(head->object, &req->info);
}

int show_head(const struct node_at *at, struct str *ret, struct err *reterr)
{
	struct fs_bucket_view bucket;
	cleanup(freep) char *key = NULL;
	struct head head = {0};
	int r = object_of(at, at->arg[0], &bucket, &key, reterr);

	if (r < 0)
		return r;
	head.object = jval_new_object();
	if (!head.object)
		return -ENOMEM;
	(void)set_some(head.object, "bucket", bucket.name);
	(void)set_some(head.object, "key", key);
	head.req = (struct store_req){
		.verb = STORE_HEAD,
		.key = key,
		.done = head_came,
	};
	r = store_call(bucket.store, &head.req);
	if (r < 0)
		(void)err_set(reterr, r, "%s", head.req.err.text);
	if (r == 0)
		r = head.status;
	if (r == 0)
		r = jval_dump(head.object, ret);
	str_add_char(ret, '\n');
	jval_free(head.object);
	return r;
}

/* ---- sum/ ---- */

/* One of the algorithms, running. */
struct sum {
	const char *algorithm;
	struct digest *digest;
	uint32_t crc32c;
	uint64_t crc64;
};

/* The directories of sum/. */
static const char *const algorithms[] = {"sha256", "md5", "crc32c",
                                         "crc64nvme"};
#define ALGORITHMS (sizeof(algorithms) / sizeof(algorithms[0]))

int sum_is_there(const struct node_at *at)
{
	for (size_t i = 0; i < ALGORITHMS; i++)
		if (strcmp(at->arg[0], algorithms[i]) == 0)
			return at->arg[1] ? bucket_is_there(at) : 0;
	return -ENOENT;
}

void list_sums(const struct node_at *at, node_list_fn *each, void *ctx)
{
	(void)at;
	for (size_t i = 0; i < ALGORITHMS; i++)
		if (!each(ctx, algorithms[i], true))
			return;
}

static int sum_begin(struct sum *sum, const char *algorithm)
{
	sum->algorithm = algorithm;
	if (strcmp(algorithm, "sha256") == 0)
		return digest_new(DIGEST_SHA256, &sum->digest);
	if (strcmp(algorithm, "md5") == 0)
		return digest_new(DIGEST_MD5, &sum->digest);
	return 0;
}

static void sum_update(struct sum *sum, const void *data, size_t len)
{
	if (sum->digest)
		digest_update(sum->digest, data, len);
	else if (strcmp(sum->algorithm, "crc32c") == 0)
		sum->crc32c = digest_crc32c(sum->crc32c, data, len);
	else
		sum->crc64 = digest_crc64nvme(sum->crc64, data, len);
}

/* In hex, as sha256sum(1) writes it. */
static int sum_end(struct sum *sum, char ret[2 * SHA256_SIZE + 1])
{
	uint8_t bytes[SHA256_SIZE];
	int r = 0;

	if (sum->digest) {
		r = digest_finish(sum->digest, bytes);
		digest_hex(bytes,
		           strcmp(sum->algorithm, "md5") == 0 ? MD5_SIZE
		                                              : SHA256_SIZE,
		           ret);
	} else if (strcmp(sum->algorithm, "crc32c") == 0) {
		(void)snprintf(ret, 2 * SHA256_SIZE + 1, "%08x", sum->crc32c);
	} else {
		(void)snprintf(ret, 2 * SHA256_SIZE + 1, "%016llx",
		               (unsigned long long)sum->crc64);
	}
	digest_free(sum->digest);
	return r;
}

/* All bytes of one version, in order. */
static int sum_object(const struct node_at *at, struct object_store *store,
                      const char *key, struct sum *sum, struct err *reterr)
{
	struct store_req head = {.verb = STORE_HEAD, .key = key};
	struct slice slice = {.data = malloc(SUM_CHUNK), .len = SUM_CHUNK};
	int r = slice.data ? store_call(store, &head) : -ENOMEM;
	uint64_t size = head.info.size;

	if (r < 0)
		(void)err_set(reterr, r, "%s", head.err.text);
	for (uint64_t offset = 0; r == 0 && offset < size;) {
		uint64_t left = size - offset;
		struct store_req get = {
			.verb = STORE_GET,
			.key = key,
			.if_match = head.info.etag,
			.get = {.offset = offset,
		                .length = left < SUM_CHUNK ? left : SUM_CHUNK,
		                .into = {&slice, 1}},
		};

		r = atomic_load(at->dropped) ? -EINTR : store_call(store, &get);
		if (r < 0)
			(void)err_set(reterr, r, "%s", get.err.text);
		sum_update(sum, slice.data, (size_t)get.get.received);
		offset += get.get.received;
	}
	free(slice.data);
	return r;
}

int show_sum(const struct node_at *at, struct str *ret, struct err *reterr)
{
	struct fs_bucket_view bucket;
	cleanup(freep) char *key = NULL;
	struct sum sum = {0};
	char hex[2 * SHA256_SIZE + 1] = "";
	const char *slash;
	int ended;
	int r = object_of(at, at->arg[1], &bucket, &key, reterr);

	if (r == 0)
		r = sum_begin(&sum, at->arg[0]);
	if (r < 0)
		return r;
	r = sum_object(at, bucket.store, key, &sum, reterr);
	ended = sum_end(&sum, hex);
	slash = strrchr(key, '/');
	str_addf(ret, "%s  %s\n", hex, slash ? slash + 1 : key);
	return r < 0 ? r : ended;
}

/* ---- presign/ ---- */

int ttl_is_right(const struct node_at *at)
{
	uint64_t ms = 0;
	int r = conf_parse_duration_ms(at->arg[0], &ms);

	if (r == -ERANGE || ms / 1000 > TTL_MAX_S)
		return -EDOM;
	if (r < 0 || ms < 1000)
		return -ENOENT;
	return at->arg[1] ? bucket_is_there(at) : 0;
}

static int add_url(const struct fs_bucket_view *bucket, bool put,
                   const char *key, uint64_t ttl_s, struct str *ret,
                   struct err *reterr)
{
	cleanup(freep) char *url = NULL;
	int r = bucket->store->ops->presign(bucket->store,
	                                    put ? STORE_PUT : STORE_GET, key,
	                                    ttl_s, &url, reterr);

	if (r == 0)
		str_addf(ret, "%s\n", url);
	return r;
}

/* presign/get/1h/BUCKET/KEY, presign/put/... */
int show_url(const struct node_at *at, struct str *ret, struct err *reterr)
{
	struct fs_bucket_view bucket;
	cleanup(freep) char *key = NULL;
	uint64_t ms = 0;
	int r = object_of(at, at->arg[1], &bucket, &key, reterr);

	if (r == 0)
		r = conf_parse_duration_ms(at->arg[0], &ms);
	if (r < 0)
		return r;
	return add_url(&bucket, str_starts(at->path, "presign/put/"), key,
	               ms / 1000, ret, reterr);
}

/* "get BUCKET/KEY ttl=1h": the URL is the reply. */
int do_presign(const struct node_at *at, struct node_command *command,
               struct err *reterr)
{
	static const struct command_rule ttl = {.key = "ttl",
	                                        .type = COMMAND_DURATION};
	struct control *control = at->control;
	const char *verb = command_text(command->command, "", 0);
	const char *path = command_text(command->command, "", 1);
	cleanup(place_release) struct place place = {0};
	bool put = strcmp(verb, "put") == 0;
	uint64_t ms =
		command_number(command->command, &ttl, 0, TTL_PRESET_S * 1000);
	int r;

	if (!put && strcmp(verb, "get") != 0)
		return err_set(reterr, -EINVAL, "'%s' is not get or put", verb);
	if (!path || command_text(command->command, "", 2))
		return err_set(reterr, -EINVAL,
		               "say get or put and DIRECTORY/KEY");
	r = place_find(control->config.fs, control->config.conf, path, &place,
	               reterr);
	if (r == 0 && !place.key[0])
		r = err_set(reterr, -EINVAL, "'%s' names no object", path);
	return r < 0 ? r
	             : add_url(&place.bucket, put, place.key, ms / 1000,
	                       command->reply, reterr);
}
