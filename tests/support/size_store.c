/* SPDX-License-Identifier: MIT */
#include "size_store.h"

#include "base/str.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void size_store_etag(const struct size_store *store, char ret[STORE_ETAG_MAX])
{
	(void)snprintf(ret, STORE_ETAG_MAX, "\"v%u\"", store->version);
}

/* The object is another version now, of size bytes, with a commit's headers. */
static void replace(struct size_store *store, uint64_t size)
{
	store->size = size;
	store->version++;
}

/* Remember the nonce among headers. */
static void take_nonce(struct size_store *store,
                       const struct store_headers *headers)
{
	for (size_t i = 0; i < headers->meta_count; i++) {
		if (strcmp(headers->meta[i].name, "porter-commit") == 0)
			(void)str_copy(store->nonce, sizeof(store->nonce),
			               headers->meta[i].value);
	}
}

/* Whether the version that is asked for is there. */
static int check(const struct size_store *store, const char *match,
                 const char *none_match)
{
	char etag[STORE_ETAG_MAX];

	size_store_etag(store, etag);
	if (none_match && store->version > 0)
		return -EEXIST;
	if (match && (store->version == 0 || strcmp(match, etag) != 0))
		return -ESTALE;
	return 0;
}

/* Answer a GET: zeros. */
static int get(struct size_store *store, struct store_req *req)
{
	uint64_t left = store->size - req->get.offset;
	uint64_t length = req->get.length < left ? req->get.length : left;

	for (size_t i = 0; i < req->get.into.count; i++)
		memset(req->get.into.slices[i].data, 0,
		       req->get.into.slices[i].len);
	req->get.received = length;
	store->received += length;
	return 0;
}

/* Answer a part. */
static int part(struct size_store *store, struct store_req *req, uint64_t size)
{
	store->parts[req->part.number] = size;
	(void)snprintf(req->info.etag, sizeof(req->info.etag), "\"p%u\"",
	               req->part.number);
	return 0;
}

/* Answer Complete: parts but the last have their least size. */
static int complete(struct size_store *store, const struct store_req *req)
{
	uint64_t size = 0;

	for (size_t i = 0; i < req->complete.count; i++) {
		uint64_t bytes = store->parts[req->complete.parts[i].number];

		if (i + 1 < req->complete.count &&
		    bytes < store->limits.part_min)
			return -EINVAL;
		size += bytes;
	}
	replace(store, size);
	return 0;
}

/* The answer of each verb. */
static int answer(struct size_store *store, struct store_req *req)
{
	bool part_copy = req->verb == STORE_MPU_PART_COPY;
	int r = check(store, req->if_match, req->if_none_match);

	if (r == 0 && part_copy)
		r = check(store, req->part.source_if_match, NULL);
	if (r == 0 && req->verb == STORE_COPY)
		r = check(store, req->copy.source_if_match, NULL);
	if (r < 0)
		return r;
	switch (req->verb) {
	case STORE_HEAD:
		return store->version > 0 ? 0 : -ENOENT;
	case STORE_GET:
		return get(store, req);
	case STORE_PUT:
		store->sent += chain_size(&req->put.body);
		take_nonce(store, &req->put.headers);
		replace(store, chain_size(&req->put.body));
		return 0;
	case STORE_COPY:
		store->copied += store->size;
		take_nonce(store, &req->copy.headers);
		replace(store, store->size);
		return 0;
	case STORE_MPU_CREATE:
		take_nonce(store, &req->create.headers);
		(void)str_copy(req->create.upload_id,
		               sizeof(req->create.upload_id), "upload");
		return 0;
	case STORE_MPU_PART:
		store->sent += chain_size(&req->part.body);
		return part(store, req, chain_size(&req->part.body));
	case STORE_MPU_PART_COPY:
		store->copied += req->part.source_length;
		return part(store, req, req->part.source_length);
	case STORE_MPU_COMPLETE:
		return complete(store, req);
	case STORE_MPU_ABORT:
		return 0;
	case STORE_DELETE:
	case STORE_DELETE_MANY:
	case STORE_LIST:
	case STORE_MPU_LIST_PARTS:
	case STORE_MPU_LIST:
		break;
	}
	return -ENOSYS;
}

static void submit(struct object_store *s, struct store_req *req)
{
	struct size_store *store = (struct size_store *)s;
	const struct store_meta nonce = {"porter-commit", store->nonce};

	store->requests++;
	req->err.code = 0;
	req->attempts = 1;
	req->maybe_applied = false;
	req->info = (struct object_info){0};
	req->status = answer(store, req);
	if (req->status == 0 && req->info.etag[0] == '\0') {
		size_store_etag(store, req->info.etag);
		req->info.size = store->size;
		req->info.mtime.tv_sec = 1;
		req->info.headers.meta = &nonce;
		req->info.headers.meta_count = store->nonce[0] != '\0';
	}
	if (req->verb == STORE_GET && req->status == 0 && req->get.progress)
		req->get.progress(req);
	req->done(req);
}

static void cancel(struct object_store *s, struct store_req *req)
{
	(void)s;
	(void)req;
}

static const struct store_limits *limits(struct object_store *s)
{
	return &((struct size_store *)s)->limits;
}

static int presign(struct object_store *s, enum store_verb verb,
                   const char *key, uint64_t ttl_s, char **ret,
                   struct err *reterr)
{
	(void)s;
	(void)verb;
	(void)key;
	(void)ttl_s;
	(void)ret;
	(void)reterr;
	return -EOPNOTSUPP;
}

static void destroy(struct object_store *s)
{
	(void)s;
}

void size_store_init(struct size_store *store, uint64_t size)
{
	static const struct object_store_ops ops = {
		.name = "size",
		.submit = submit,
		.cancel = cancel,
		.limits = limits,
		.presign = presign,
		.destroy = destroy,
	};

	*store = (struct size_store){.store = {&ops}, .size = size};
	store->version = 1;
	store->limits = (struct store_limits){
		.profile = "size",
		.parts_max = SIZE_STORE_PARTS,
		.part_min = UINT64_C(5) << 20,
		.part_max = UINT64_C(5) << 30,
		.put_max = UINT64_C(5) << 30,
		.copy_max = UINT64_C(5) << 30,
		.object_max = UINT64_C(50) << 40,
		.meta_max = 2048,
		.put_if_none_match = true,
		.put_if_match = true,
		.complete_conditions = true,
		.copy_conditions = true,
		.copy_source_match = true,
		.delete_if_match = true,
		.complete_gives_etag = true,
	};
}

void size_store_reset(struct size_store *store)
{
	store->sent = 0;
	store->received = 0;
	store->copied = 0;
	store->requests = 0;
}
