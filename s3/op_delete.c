/* SPDX-License-Identifier: MIT */
/*
 * DELETE, and DeleteObjects: many at once, in quiet mode, so that the reply
 * names only what failed.
 */
#include "base/digest.h"
#include "base/str.h"
#include "info.h"
#include "op_rows.h"
#include "reply.h"
#include "request.h"
#include "xml.h"

#include <errno.h>
#include <string.h>

static int delete_encode(const struct op_context *context,
                         struct store_req *req, struct http_request *request)
{
	int r = request_object(context, req, "DELETE", request);

	if (r < 0)
		return r;
	if (req->version)
		request_query(request, "versionId", req->version);
	if (context->profile->limits.delete_if_match)
		request_header(request, "If-Match", req->if_match);
	return request_end(req, request);
}

/* 204, perhaps with the id of the delete marker. */
static int delete_decode(const struct op_context *context,
                         struct store_req *req, const struct http_reply *reply,
                         struct op_store *store)
{
	struct object_info info = {0};
	int r = info_read(reply, &info, &req->err);

	(void)context;
	(void)store;
	if (r == 0)
		req->info = info;
	return r;
}

const struct op op_delete = {
	.name = "DeleteObject",
	.idempotent = true,
	.mutates = true,
	.is_write = true,
	.encode = delete_encode,
	.decode = delete_decode,
};

/* ---- many ---- */

/* Whether a key can be named in XML; the prefix can or none of them can. */
static bool can_name(const struct op_context *context, const char *key)
{
	return xml_can_hold(context->prefix, strlen(context->prefix)) &&
	       xml_can_hold(key, strlen(key));
}

/* <Object><Key>…</Key></Object> */
static int add_key(const struct op_context *context, struct store_req *req,
                   const char *key, struct str *out)
{
	cleanup(str_release) struct str whole = {0};

	if (key[0] == '\0')
		return err_set(&req->err, -EINVAL,
		               "an object's key must not be empty");
	str_add(&whole, context->prefix);
	str_add(&whole, key);
	if (str_status(&whole) < 0)
		return err_set(&req->err, -ENOMEM, "out of memory");
	if (whole.len > STORE_KEY_MAX)
		return err_set(&req->err, -ENAMETOOLONG,
		               "a key is longer than %d bytes", STORE_KEY_MAX);

	str_add(out, "<Object>");
	xml_add_element(out, "Key", whole.data);
	str_add(out, "</Object>");
	return 0;
}

/* The document; returns how many keys are in it, or -errno. */
static int build_document(const struct op_context *context,
                          struct store_req *req, struct str *out)
{
	const struct store_delete_many *many = &req->delete_many;
	int named = 0;

	str_add(out,
	        "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
	        "<Quiet>true</Quiet>");
	for (size_t i = 0; i < many->count; i++) {
		many->results[i] = 0;
		if (!can_name(context, many->keys[i])) {
			many->results[i] = -EILSEQ;
			continue;
		}

		int r = add_key(context, req, many->keys[i], out);

		if (r < 0)
			return r;
		named++;
	}
	str_add(out, "</Delete>");
	return named;
}

/* AWS wants Content-MD5 or a checksum; older servers know the former only. */
static int add_md5(struct http_request *request)
{
	uint8_t md5[MD5_SIZE];
	char base64[4 * ((MD5_SIZE + 2) / 3) + 1];
	int r = digest_md5(str_text(&request->text), request->text.len, md5);

	if (r < 0)
		return r;
	digest_base64(md5, sizeof(md5), base64);
	request_header(request, "Content-MD5", base64);
	return 0;
}

static int delete_many_encode(const struct op_context *context,
                              struct store_req *req,
                              struct http_request *request)
{
	const struct store_delete_many *many = &req->delete_many;
	char checksum[STORE_CHECKSUM_MAX];

	if (many->count < 1 || many->count > STORE_BATCH_MAX)
		return err_set(&req->err, -EINVAL,
		               "one request deletes 1 to %d objects",
		               STORE_BATCH_MAX);

	int named = build_document(context, req, &request->text);

	if (named < 0)
		return named;
	if (named == 0)
		return err_set(&req->err, -EILSEQ,
		               "no key of the batch can be named in XML");

	int r = request_bucket(context, req, "POST", request);

	if (r < 0)
		return r;
	request_query(request, "delete", "");
	request_header(request, "Content-Type", "application/xml");
	request->text_max = HTTP_LIST_BYTES_MAX;
	r = add_md5(request);
	if (r == 0)
		r = request_checksum(context, request, checksum);
	return r < 0 ? r : request_end(req, request);
}

/* A <DeleteResult> being read. */
struct outcome {
	const struct op_context *context;
	struct store_req *req;
	struct str key; /* of the <Error> under way */
	int code;
};

/* The error of one key; a key that nobody asked for is none of S3's replies. */
static int note_error(struct outcome *outcome)
{
	const struct store_delete_many *many = &outcome->req->delete_many;
	const char *prefix = outcome->context->prefix;
	const char *key = str_text(&outcome->key);
	bool known = false;

	if (str_status(&outcome->key) < 0)
		return -ENOMEM;
	if (!str_starts(key, prefix))
		return -EPROTO;
	key += strlen(prefix);
	for (size_t i = 0; i < many->count; i++) {
		if (strcmp(many->keys[i], key) != 0)
			continue;
		many->results[i] = outcome->code;
		known = true;
	}
	return known ? 0 : -EPROTO;
}

static int on_element(void *data, const struct xml_element *element)
{
	struct outcome *outcome = data;

	if (element->depth == 2 && strcmp(element->name, "Error") == 0) {
		int r = note_error(outcome);

		str_reset(&outcome->key);
		outcome->code = -EIO;
		return r;
	}
	if (element->depth != 3 || strcmp(element->parent, "Error") != 0)
		return 0;
	if (strcmp(element->name, "Key") == 0) {
		str_reset(&outcome->key);
		str_add(&outcome->key, element->text);
	}
	if (strcmp(element->name, "Code") == 0)
		outcome->code = reply_code_errno(element->text);
	return 0;
}

/* What is gone already was to be deleted: no error, as with DELETE. */
static void forgive_absent(const struct store_delete_many *many)
{
	for (size_t i = 0; i < many->count; i++) {
		if (many->results[i] == -ENOENT)
			many->results[i] = 0;
	}
}

static int delete_many_decode(const struct op_context *context,
                              struct store_req *req,
                              const struct http_reply *reply,
                              struct op_store *store)
{
	const struct store_delete_many *many = &req->delete_many;
	const struct xml_events events = {.end = on_element};
	struct outcome outcome = {
		.context = context,
		.req = req,
		.code = -EIO,
	};

	(void)store;
	for (size_t i = 0; i < many->count; i++)
		many->results[i] =
			can_name(context, many->keys[i]) ? 0 : -EILSEQ;

	int r = xml_parse(str_text(&reply->text), reply->text.len,
	                  "DeleteResult", &events, &outcome);

	str_release(&outcome.key);
	if (r < 0)
		return err_set(&req->err, r,
		               "the reply does not tell what was deleted");
	forgive_absent(many);
	return 0;
}

const struct op op_delete_many = {
	.name = "DeleteObjects",
	.idempotent = true,
	.mutates = true,
	.is_write = true,
	.encode = delete_many_encode,
	.decode = delete_many_decode,
};
