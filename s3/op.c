/* SPDX-License-Identifier: MIT */
/* The table of verbs, and what belongs to none of them. */
#include "op.h"

#include "base/str.h"
#include "op_rows.h"
#include "request.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* By verb. */
static const struct op *const ops[STORE_VERBS] = {
	[STORE_HEAD] = &op_head,
	[STORE_GET] = &op_get_object,
	[STORE_PUT] = &op_put,
	[STORE_COPY] = &op_copy,
	[STORE_DELETE] = &op_delete,
	[STORE_DELETE_MANY] = &op_delete_many,
	[STORE_LIST] = &op_list,
	[STORE_MPU_CREATE] = &op_mpu_create,
	[STORE_MPU_PART] = &op_mpu_part,
	[STORE_MPU_PART_COPY] = &op_mpu_part_copy,
	[STORE_MPU_COMPLETE] = &op_mpu_complete,
	[STORE_MPU_ABORT] = &op_mpu_abort,
	[STORE_MPU_LIST_PARTS] = &op_mpu_list_parts,
	[STORE_MPU_LIST] = &op_mpu_list,
};

const struct op *op_get(enum store_verb verb)
{
	assert((unsigned)verb < STORE_VERBS);
	return ops[verb];
}

/* ---- memory of results ---- */

void *op_store_take(struct op_store *store, void *block)
{
	if (!block)
		return NULL;
	if (store->count == store->cap) {
		size_t cap = store->cap ? 2 * store->cap : 8;
		void **blocks =
			reallocarray(store->blocks, cap, sizeof(*blocks));

		if (!blocks) {
			free(block);
			return NULL;
		}
		store->blocks = blocks;
		store->cap = cap;
	}
	store->blocks[store->count++] = block;
	return block;
}

void *op_store_alloc(struct op_store *store, size_t size)
{
	return op_store_take(store, calloc(1, size ? size : 1));
}

char *op_store_text(struct op_store *store, const char *text, size_t len)
{
	char *copy = malloc(len + 1);

	if (!copy)
		return NULL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return op_store_take(store, copy);
}

void op_store_release(struct op_store *store)
{
	for (size_t i = 0; i < store->count; i++)
		free(store->blocks[i]);
	free(store->blocks);
	*store = (struct op_store){0};
}

/* ---- payload ---- */

int op_payload(const struct http_request *request, char ret[OP_PAYLOAD_MAX])
{
	const char *known =
		http_headers_get(&request->headers, "X-Amz-Content-Sha256");
	uint8_t hash[SHA256_SIZE];

	if (known) {
		(void)str_copy(ret, OP_PAYLOAD_MAX, known);
		return 0;
	}
	if (chain_size(&request->body) > 0) {
		(void)str_copy(ret, OP_PAYLOAD_MAX, SIGN_UNSIGNED_PAYLOAD);
		return 0;
	}

	int r = digest_sha256(str_text(&request->text), request->text.len,
	                      hash);

	if (r == 0)
		digest_hex(hash, sizeof(hash), ret);
	return r;
}

/* ---- presigned URLs ---- */

/* The method of a verb that a URL can stand for; NULL = of no such verb. */
static const char *presign_method(enum store_verb verb)
{
	if (verb == STORE_GET)
		return "GET";
	if (verb == STORE_HEAD)
		return "HEAD";
	return verb == STORE_PUT ? "PUT" : NULL;
}

/* Address by the bucket's public name: url_base/key. */
static int presign_public(const struct op_context *context,
                          const struct op_presign *what,
                          struct http_request *request, struct err *reterr)
{
	struct s3_endpoint base;
	int r = endpoint_parse_url(what->url_base, &base, reterr);

	if (r < 0)
		return r;
	request->scheme = strdup(base.tls ? "https" : "http");
	request->host = strdup(base.host);
	str_add(&request->path, base.base_path);
	request_add_key(&request->path, context->prefix, what->key);
	return 0;
}

/* Address as any request has it, but none of its headers. */
static int presign_private(const struct op_context *context,
                           const struct op_presign *what,
                           struct http_request *request, struct err *reterr)
{
	struct store_req req = {.verb = what->verb, .key = what->key};
	int r = request_object(context, &req, request->method, request);

	if (r < 0)
		return err_set(reterr, r, "%s", req.err.text);
	http_headers_release(&request->headers);
	return 0;
}

/* Build, sign, and write the URL down. */
static int presign(const struct op_context *context,
                   const struct op_presign *what, struct http_request *request,
                   char **ret, struct err *reterr)
{
	int r = what->url_base && what->url_base[0]
	                ? presign_public(context, what, request, reterr)
	                : presign_private(context, what, request, reterr);

	if (r < 0)
		return r;
	if (str_status(&request->path) < 0 || !request->scheme ||
	    !request->host)
		return err_set(reterr, -ENOMEM, "out of memory");
	if (context->requester_pays)
		request_query(request, "x-amz-request-payer", "requester");

	r = sign_query(request, what->keys, context->endpoint->region,
	               what->ttl_s, what->now);
	if (r == -EDOM)
		return err_set(reterr, r,
		               "a presigned URL is valid for 1 second to 7 "
		               "days");
	if (r < 0)
		return err_set(reterr, r, "the URL could not be signed");

	char *url =
		str_printf("%s://%s%s?%s", request->scheme, request->host,
	                   str_text(&request->path), str_text(&request->query));

	if (!url)
		return err_set(reterr, -ENOMEM, "out of memory");
	*ret = url;
	return 0;
}

int op_presign(const struct op_context *context, const struct op_presign *what,
               char **ret, struct err *reterr)
{
	struct http_request request = {.method = presign_method(what->verb)};

	if (!request.method)
		return err_set(reterr, -EOPNOTSUPP,
		               "a URL can be made for GET, HEAD and PUT only");
	if (context->sse_c_key)
		return err_set(reterr, -EOPNOTSUPP,
		               "a URL cannot carry the bucket's SSE-C key");
	if (!what->key || what->key[0] == '\0')
		return err_set(reterr, -EINVAL,
		               "an object's key must not be empty");

	int r = presign(context, what, &request, ret, reterr);

	http_request_release(&request);
	return r;
}
