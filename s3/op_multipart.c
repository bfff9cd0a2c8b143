/* SPDX-License-Identifier: MIT */
/*
 * Multipart uploads: create, part, part copied, complete, abort.
 *
 * The checksum algorithm is settled at create; from then on every part carries
 * one and Complete repeats them, for AWS and MinIO refuse an upload whose
 * checksums do not match up.
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

/* ---- create ---- */

static int create_encode(const struct op_context *context,
                         struct store_req *req, struct http_request *request)
{
	int r = request_object(context, req, "POST", request);

	if (r == 0)
		r = request_stored_headers(req, &req->create.headers, request);
	if (r < 0)
		return r;
	request_query(request, "uploads", "");
	request_new_object(context, request);
	request_sse_c(context, false, request);
	request_header(request, "x-amz-checksum-algorithm",
	               request_checksum_name(context->checksum));
	return request_end(req, request);
}

/* <UploadId> */
static int on_created(void *data, const struct xml_element *element)
{
	struct store_create *create = data;

	if (element->depth != 2 || strcmp(element->name, "UploadId") != 0)
		return 0;
	return element->len > 0 && str_copy(create->upload_id,
	                                    sizeof(create->upload_id),
	                                    element->text)
	               ? 0
	               : -EPROTO;
}

static int create_decode(const struct op_context *context,
                         struct store_req *req, const struct http_reply *reply,
                         struct op_store *store)
{
	const struct xml_events events = {.end = on_created, .forgiving = true};

	(void)context;
	(void)store;
	req->create.upload_id[0] = '\0';
	int r = xml_parse(str_text(&reply->text), reply->text.len,
	                  "InitiateMultipartUploadResult", &events,
	                  &req->create);

	if (r == 0 && req->create.upload_id[0] == '\0')
		r = -EPROTO;
	return r < 0 ? err_set(&req->err, r, "the reply has no upload id") : 0;
}

/* Sent again after a lost reply it leaves an empty upload: reaped later. */
const struct op op_mpu_create = {
	.name = "CreateMultipartUpload",
	.idempotent = true,
	.mutates = true,
	.is_write = true,
	.encode = create_encode,
	.decode = create_decode,
};

/* ---- parts ---- */

/* Address a part. */
static int part_begin(const struct op_context *context, struct store_req *req,
                      struct http_request *request)
{
	const struct store_part *part = &req->part;
	unsigned max = context->profile->limits.parts_max;

	if (part->number < 1 || part->number > max)
		return err_set(&req->err, -EINVAL,
		               "part %u does not exist: this store has parts 1 "
		               "to %u",
		               part->number, max);

	int r = request_object(context, req, "PUT", request);

	if (r < 0)
		return r;
	request_query_number(request, "partNumber", part->number);
	request_query(request, "uploadId", part->upload_id);
	return 0;
}

static int part_encode(const struct op_context *context, struct store_req *req,
                       struct http_request *request)
{
	int r = part_begin(context, req, request);

	if (r < 0)
		return r;
	request_sse_c(context, false, request);
	request->body = req->part.body;
	r = request_checksum(context, request, req->info.checksum);
	return r < 0 ? r : request_end(req, request);
}

static int part_decode(const struct op_context *context, struct store_req *req,
                       const struct http_reply *reply, struct op_store *store)
{
	struct object_info info = {.size = chain_size(&req->part.body)};
	int r = info_read(reply, &info, &req->err);

	(void)store;
	if (r == 0 && !info.etag[0])
		r = err_set(&req->err, -EPROTO, "the reply has no ETag");
	if (r == 0)
		r = request_verify_checksum(context, req->info.checksum, reply,
		                            &req->err);
	memcpy(info.checksum, req->info.checksum, sizeof(info.checksum));
	if (r == 0)
		req->info = info;
	return r;
}

const struct op op_mpu_part = {
	.name = "UploadPart",
	.idempotent = true,
	.mutates = true,
	.is_write = true,
	.encode = part_encode,
	.decode = part_decode,
};

static int part_copy_encode(const struct op_context *context,
                            struct store_req *req, struct http_request *request)
{
	const struct store_part *part = &req->part;
	const struct op_copy_source source = {
		.store = part->source,
		.key = part->source_key,
		.if_match = part->source_if_match,
	};
	char range[64];

	if (part->source_length == 0 ||
	    part->source_length - 1 > UINT64_MAX - part->source_offset)
		return err_set(&req->err, -EINVAL,
		               "a part's source must be a range of bytes");

	int r = part_begin(context, req, request);

	if (r == 0)
		r = op_copy_source(context, req, &source, request);
	if (r < 0)
		return r;
	(void)snprintf(
		range, sizeof(range), "bytes=%ju-%ju",
		(uintmax_t)part->source_offset,
		(uintmax_t)(part->source_offset + part->source_length - 1));
	request_header(request, "x-amz-copy-source-range", range);
	request_sse_c(context, false, request);
	return request_end(req, request);
}

static int part_copy_decode(const struct op_context *context,
                            struct store_req *req,
                            const struct http_reply *reply,
                            struct op_store *store)
{
	struct object_info info = {.size = req->part.source_length};
	int r = op_copy_result(context, req, reply, &info);

	(void)store;
	if (r == 0)
		req->info = info;
	return r;
}

const struct op op_mpu_part_copy = {
	.name = "UploadPartCopy",
	.idempotent = true,
	.mutates = true,
	.long_running = true,
	.is_write = true,
	.encode = part_copy_encode,
	.decode = part_copy_decode,
};

/* ---- complete ---- */

/* <Part>…</Part> */
static void add_part(struct str *out, const struct store_part_info *part,
                     const char *checksum)
{
	char number[16];

	(void)snprintf(number, sizeof(number), "%u", part->number);
	str_add(out, "<Part>");
	xml_add_element(out, "PartNumber", number);
	xml_add_element(out, "ETag", part->etag);
	if (checksum && part->checksum[0])
		str_addf(out, "<Checksum%s>%s</Checksum%s>", checksum,
		         part->checksum, checksum);
	str_add(out, "</Part>");
}

/* The list of parts; their numbers must ascend. */
static int build_document(const struct op_context *context,
                          struct store_req *req, struct str *out)
{
	const struct store_complete *complete = &req->complete;
	const char *checksum = request_checksum_name(context->checksum);
	unsigned last = 0;

	if (complete->count == 0)
		return err_set(&req->err, -EINVAL,
		               "an upload without parts cannot be completed");

	str_add(out, "<CompleteMultipartUpload "
	             "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
	for (size_t i = 0; i < complete->count; i++) {
		const struct store_part_info *part = &complete->parts[i];

		if (part->number <= last)
			return err_set(&req->err, -EINVAL,
			               "part numbers must ascend: %u after %u",
			               part->number, last);
		last = part->number;
		add_part(out, part, checksum);
	}
	str_add(out, "</CompleteMultipartUpload>");
	return 0;
}

static int complete_encode(const struct op_context *context,
                           struct store_req *req, struct http_request *request)
{
	int r = build_document(context, req, &request->text);

	if (r == 0)
		r = request_object(context, req, "POST", request);
	if (r < 0)
		return r;
	request_query(request, "uploadId", req->complete.upload_id);
	request_header(request, "Content-Type", "application/xml");
	if (context->profile->limits.complete_conditions)
		request_conditions(req, request);
	request_sse_c(context, false, request);
	return request_end(req, request);
}

/* <ETag>: RGW's first reply has an empty one, which is "unknown". */
static int on_completed(void *data, const struct xml_element *element)
{
	struct object_info *info = data;

	if (element->depth != 2 || strcmp(element->name, "ETag") != 0)
		return 0;
	if (element->len == 0 || strcmp(element->text, "\"\"") == 0)
		return 0;
	return info_etag(element->text, info->etag) ? 0 : -EPROTO;
}

static int complete_decode(const struct op_context *context,
                           struct store_req *req,
                           const struct http_reply *reply,
                           struct op_store *store)
{
	const struct xml_events events = {.end = on_completed,
	                                  .forgiving = true};
	struct object_info info = {0};
	int r = info_read(reply, &info, &req->err);

	(void)context;
	(void)store;
	if (r < 0)
		return r;
	r = xml_parse(str_text(&reply->text), reply->text.len,
	              "CompleteMultipartUploadResult", &events, &info);
	if (r < 0)
		return err_set(&req->err, r,
		               "the reply does not tell whether the upload is "
		               "complete");
	info.parts = (unsigned)req->complete.count;
	req->info = info;
	return 0;
}

/* Sent again after it was done it is NoSuchUpload or, on RGW, done again. */
const struct op op_mpu_complete = {
	.name = "CompleteMultipartUpload",
	.idempotent = true,
	.mutates = true,
	.long_running = true,
	.is_write = true,
	.encode = complete_encode,
	.decode = complete_decode,
};

/* ---- abort ---- */

static int abort_encode(const struct op_context *context, struct store_req *req,
                        struct http_request *request)
{
	int r = request_object(context, req, "DELETE", request);

	if (r < 0)
		return r;
	request_query(request, "uploadId", req->abort.upload_id);
	return request_end(req, request);
}

static int abort_decode(const struct op_context *context, struct store_req *req,
                        const struct http_reply *reply, struct op_store *store)
{
	(void)context;
	(void)req;
	(void)reply;
	(void)store;
	return 0;
}

const struct op op_mpu_abort = {
	.name = "AbortMultipartUpload",
	.idempotent = true,
	.mutates = true,
	.is_write = true,
	.encode = abort_encode,
	.decode = abort_decode,
};
