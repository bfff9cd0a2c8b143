/* SPDX-License-Identifier: MIT */
/*
 * One object: HEAD, GET, PUT, COPY.
 *
 * GET always asks for a range, and for one version once its ETag is known, and
 * believes a reply only when range, length and ETag are what they must be: a
 * proxy, a cache or a server that heeds half of the headers is found out
 * before its bytes are stored.
 */
#include "base/str.h"
#include "info.h"
#include "op_copy.h"
#include "op_rows.h"
#include "request.h"
#include "xml.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- HEAD ---- */

static int head_encode(const struct op_context *context, struct store_req *req,
                       struct http_request *request)
{
	int r = request_object(context, req, "HEAD", request);

	if (r < 0)
		return r;
	if (req->version)
		request_query(request, "versionId", req->version);
	request_conditions(req, request);
	request_sse_c(context, false, request);
	return request_end(req, request);
}

static int head_decode(const struct op_context *context, struct store_req *req,
                       const struct http_reply *reply, struct op_store *store)
{
	struct object_info info = {0};
	int r = info_length(reply, &info.size, &req->err);

	(void)context;
	if (r == 0)
		r = info_read(reply, &info, &req->err);
	/* No body can show that it is not the object that is spoken of. */
	if (r == 0 && !*info.etag)
		r = err_set(&req->err, -EPROTO, "the reply has no ETag");
	if (r == 0)
		r = info_headers(reply, store, &info);
	if (r == 0)
		req->info = info;
	return r;
}

const struct op op_head = {
	.name = "HeadObject",
	.idempotent = true,
	.encode = head_encode,
	.decode = head_decode,
};

/* ---- GET ---- */

/* The bytes that a reply says it has. */
struct range {
	uint64_t start;
	uint64_t length;
	uint64_t total; /* of the object */
};

/* The first byte that is still wanted, and how many there are. */
static uint64_t wanted_start(const struct store_get *get)
{
	return get->offset + get->received;
}

static uint64_t wanted_length(const struct store_get *get)
{
	return get->length - get->received;
}

/* The ETag that the reply must have; NULL = any. */
static const char *pinned_etag(const struct store_req *req)
{
	if (req->info.etag[0])
		return req->info.etag; /* somebody was told of this version */
	return req->if_match && req->if_match[0] ? req->if_match : NULL;
}

static int get_encode(const struct op_context *context, struct store_req *req,
                      struct http_request *request)
{
	const struct store_get *get = &req->get;
	const char *etag = pinned_etag(req);
	char range[64];

	if (get->length == 0 || get->received >= get->length ||
	    get->length - 1 > UINT64_MAX - get->offset ||
	    chain_size(&get->into) < get->length)
		return err_set(&req->err, -EINVAL,
		               "a GET needs a range and room for it");

	int r = request_object(context, req, "GET", request);

	if (r < 0)
		return r;
	(void)snprintf(range, sizeof(range), "bytes=%ju-%ju",
	               (uintmax_t)wanted_start(get),
	               (uintmax_t)(get->offset + get->length - 1));
	request_header(request, "Range", range);
	request_header(request, "If-Match", etag);
	request_header(request, "If-None-Match", req->if_none_match);
	request_sse_c(context, false, request);
	if (req->version)
		request_query(request, "versionId", req->version);

	request->into = get->into;
	request->into_offset = get->received;
	request->into_length = wanted_length(get);
	return request_end(req, request);
}

/* A number at *p that ends with end; *p is then behind it. */
static bool range_number(const char **p, char end, uint64_t *ret)
{
	char digits[24];
	size_t len = strspn(*p, "0123456789");

	if (len == 0 || len >= sizeof(digits) || (*p)[len] != end)
		return false;
	memcpy(digits, *p, len);
	digits[len] = '\0';
	*p += len + (end != '\0');
	return str_to_u64(digits, ret) == 0;
}

/* Content-Range: bytes START-END/TOTAL */
static bool parse_content_range(const char *text, struct range *ret)
{
	uint64_t end = 0;

	if (!text || !str_starts(text, "bytes "))
		return false;
	text += strlen("bytes ");
	if (!range_number(&text, '-', &ret->start) ||
	    !range_number(&text, '/', &end) ||
	    !range_number(&text, '\0', &ret->total) || end < ret->start ||
	    end >= ret->total)
		return false;
	ret->length = end - ret->start + 1;
	return true;
}

/* What a 206 or a 200 says it holds. */
static int read_range(const struct http_reply *reply, struct range *ret,
                      struct err *reterr)
{
	const char *text = http_headers_get(&reply->headers, "content-range");
	bool sized = http_headers_get(&reply->headers, "content-length");
	uint64_t length = 0;
	int r = sized || reply->status == 200
	                ? info_length(reply, &length, reterr)
	                : 0;

	if (r < 0)
		return r;
	if (reply->status == 200) {
		*ret = (struct range){.length = length, .total = length};
		return 0;
	}
	if (reply->status != 206)
		return err_set(reterr, -EPROTO, "HTTP %d for a range",
		               reply->status);
	if (!parse_content_range(text, ret))
		return err_set(reterr, -EPROTO, "Content-Range is %s",
		               text ? "no range" : "missing");
	if (sized && length != ret->length)
		return err_set(reterr, -EPROTO,
		               "Content-Length and Content-Range differ");
	return 0;
}

/* Is it the range that was asked for, shorter only where the object ends? */
static int check_range(const struct store_get *get, const struct range *range,
                       struct err *reterr)
{
	uint64_t start = wanted_start(get);
	uint64_t length = wanted_length(get);
	uint64_t left = range->total - range->start;

	if (range->start != start)
		return err_set(reterr, -EPROTO,
		               "bytes from %ju came, asked for were bytes from "
		               "%ju",
		               (uintmax_t)range->start, (uintmax_t)start);
	if (range->length != (left < length ? left : length))
		return err_set(reterr, -EPROTO,
		               "%ju bytes came, asked for were %ju",
		               (uintmax_t)range->length, (uintmax_t)length);
	return 0;
}

/* Is it the version that was asked for? */
static int check_version(const struct store_req *req,
                         const struct object_info *info, struct err *reterr)
{
	const char *pinned = pinned_etag(req);

	if (!info->etag[0])
		return err_set(reterr, -EPROTO, "the reply has no ETag");
	if (pinned && strcmp(pinned, "*") != 0 &&
	    strcmp(pinned, info->etag) != 0)
		return err_set(reterr, -ESTALE,
		               "the object changed: its ETag is %s, not %s",
		               info->etag, pinned);
	if (req->get.received > 0 && info->size != req->info.size)
		return err_set(reterr, -EPROTO,
		               "the object's size changed, its ETag did not");
	return 0;
}

static int get_check_headers(const struct op_context *context,
                             struct store_req *req,
                             const struct http_reply *reply)
{
	struct object_info info = {0};
	struct range range;

	(void)context;
	if (reply->status < 200 || reply->status > 299)
		return 0;

	int r = read_range(reply, &range, &req->err);

	if (r == 0)
		r = info_read(reply, &info, &req->err);
	info.size = r == 0 ? range.total : 0;
	if (r == 0)
		r = check_version(req, &info, &req->err);
	if (r == 0)
		r = check_range(&req->get, &range, &req->err);
	if (r == 0)
		req->info = info;
	return r;
}

/* All came; the headers were checked before, so only the count is left. */
static int get_decode(const struct op_context *context, struct store_req *req,
                      const struct http_reply *reply, struct op_store *store)
{
	struct range range;
	int r = read_range(reply, &range, &req->err);

	(void)context;
	if (r < 0)
		return r;
	if (reply->received != range.length)
		return err_set(&req->err, -EPROTO, "%ju of %ju bytes came",
		               (uintmax_t)reply->received,
		               (uintmax_t)range.length);
	req->get.received = range.start - req->get.offset + range.length;
	return info_headers(reply, store, &req->info);
}

const struct op op_get_object = {
	.name = "GetObject",
	.idempotent = true,
	.encode = get_encode,
	.check_headers = get_check_headers,
	.decode = get_decode,
};

/* ---- PUT ---- */

/* The conditions of a PUT that the store heeds, in the form it wants. */
static void put_conditions(const struct op_context *context,
                           const struct store_req *req,
                           struct http_request *request)
{
	const struct s3_profile *profile = context->profile;
	const char *etag = req->if_match;
	char bare[STORE_ETAG_MAX];

	if (req->if_none_match && profile->limits.put_if_none_match)
		request_header(request, "If-None-Match", req->if_none_match);
	if (!etag || !profile->limits.put_if_match)
		return;

	size_t len = strlen(etag);

	if (profile->if_match_unquoted && len >= 2 && len < sizeof(bare) &&
	    etag[0] == '"' && etag[len - 1] == '"') {
		memcpy(bare, etag + 1, len - 2);
		bare[len - 2] = '\0';
		etag = bare;
	}
	request_header(request, "If-Match", etag);
}

static int put_encode(const struct op_context *context, struct store_req *req,
                      struct http_request *request)
{
	int r = request_object(context, req, "PUT", request);

	if (r == 0)
		r = request_stored_headers(req, &req->put.headers, request);
	if (r < 0)
		return r;
	put_conditions(context, req, request);
	request_new_object(context, request);
	request_sse_c(context, false, request);
	request->body = req->put.body;
	r = request_checksum(context, request, req->info.checksum);
	return r < 0 ? r : request_end(req, request);
}

/* The ETag may be missing: then the caller asks with a HEAD. */
static int put_decode(const struct op_context *context, struct store_req *req,
                      const struct http_reply *reply, struct op_store *store)
{
	struct object_info info = {.size = chain_size(&req->put.body)};
	int r = info_read(reply, &info, &req->err);

	(void)store;
	if (r == 0)
		r = request_verify_checksum(context, req->info.checksum, reply,
		                            &req->err);
	memcpy(info.checksum, req->info.checksum, sizeof(info.checksum));
	if (r == 0)
		req->info = info;
	return r;
}

const struct op op_put = {
	.name = "PutObject",
	.idempotent = true,
	.mutates = true,
	.is_write = true,
	.encode = put_encode,
	.decode = put_decode,
};

/* ---- COPY ---- */

/* The target's conditions, and RGW's own name for the source's. */
static void copy_conditions(const struct op_context *context,
                            const struct store_req *req,
                            struct http_request *request)
{
	const struct s3_profile *profile = context->profile;

	if (profile->limits.copy_conditions)
		request_conditions(req, request);
	if (profile->rgw_copy_if_match)
		request_header(request, "x-amz-copy-if-match",
		               req->copy.source_if_match);
}

static int copy_encode(const struct op_context *context, struct store_req *req,
                       struct http_request *request)
{
	const struct store_copy *copy = &req->copy;
	const struct op_copy_source source = {
		.store = copy->source,
		.key = copy->source_key,
		.if_match = copy->source_if_match,
	};
	int r = request_object(context, req, "PUT", request);

	if (r == 0)
		r = op_copy_source(context, req, &source, request);
	if (r < 0)
		return r;

	request_header(request, "x-amz-metadata-directive",
	               copy->replace_headers ? "REPLACE" : "COPY");
	if (copy->replace_headers)
		r = request_stored_headers(req, &copy->headers, request);
	if (r < 0)
		return r;
	copy_conditions(context, req, request);
	request_new_object(context, request);
	request_sse_c(context, false, request);
	return request_end(req, request);
}

static int copy_decode(const struct op_context *context, struct store_req *req,
                       const struct http_reply *reply, struct op_store *store)
{
	struct object_info info = {0};
	int r = info_read(reply, &info, &req->err);

	(void)store;
	if (r == 0)
		r = op_copy_result(context, req, reply, &info);
	if (r == 0)
		req->info = info;
	return r;
}

const struct op op_copy = {
	.name = "CopyObject",
	.idempotent = true,
	.mutates = true,
	.long_running = true,
	.is_write = true,
	.encode = copy_encode,
	.decode = copy_decode,
};
