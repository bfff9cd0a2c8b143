/* SPDX-License-Identifier: MIT */
#include "op_copy.h"

#include "base/str.h"
#include "date.h"
#include "info.h"
#include "request.h"
#include "xml.h"

#include <errno.h>
#include <string.h>

int op_copy_source(const struct op_context *context, struct store_req *req,
                   const struct op_copy_source *source,
                   struct http_request *request)
{
	cleanup(str_release) struct str path = {0};
	struct op_context from = {0};

	if (!source->key || source->key[0] == '\0')
		return err_set(&req->err, -EINVAL,
		               "the source's key must not be empty");

	int r = context->source ? context->source(source->store, &from)
	                        : -EXDEV;

	if (r < 0)
		return err_set(&req->err, r,
		               "the source is at another endpoint: the server "
		               "cannot copy from there");
	if (strlen(from.prefix) + strlen(source->key) > STORE_KEY_MAX)
		return err_set(&req->err, -ENAMETOOLONG,
		               "the source's key is longer than %d bytes",
		               STORE_KEY_MAX);

	str_add_char(&path, '/');
	str_add_uri(&path, from.bucket, strlen(from.bucket), false);
	request_add_key(&path, from.prefix, source->key);
	if (str_status(&path) < 0)
		return err_set(&req->err, -ENOMEM, "out of memory");
	request_header(request, "x-amz-copy-source", str_text(&path));
	if (context->profile->limits.copy_source_match)
		request_header(request, "x-amz-copy-source-if-match",
		               source->if_match);
	request_header(request, "x-amz-source-expected-bucket-owner",
	               from.expected_owner);
	request_sse_c(&from, true, request);
	return 0;
}

/* A result being read. */
struct result {
	const char *checksum; /* element's name, or NULL */
	struct object_info *info;
};

/* The element that holds a checksum: "Checksum" and the algorithm. */
static bool is_checksum(const char *element, const char *algorithm)
{
	return algorithm && str_starts(element, "Checksum") &&
	       strcmp(element + strlen("Checksum"), algorithm) == 0;
}

static int on_element(void *data, const struct xml_element *element)
{
	struct result *result = data;
	struct object_info *info = result->info;
	time_t t = 0;

	if (element->depth == 1)
		return str_starts(element->name, "Copy") &&
		                       str_ends(element->name, "Result")
		               ? 0
		               : -EPROTO;
	if (element->depth != 2)
		return 0;
	if (strcmp(element->name, "ETag") == 0)
		return info_etag(element->text, info->etag) ? 0 : -EPROTO;
	if (is_checksum(element->name, result->checksum))
		(void)str_copy(info->checksum, sizeof(info->checksum),
		               element->text);
	if (strcmp(element->name, "LastModified") != 0)
		return 0;

	int r = date_parse_iso(element->text, &t);

	info->mtime = (struct timespec){.tv_sec = t};
	return r < 0 ? -EPROTO : 0;
}

int op_copy_result(const struct op_context *context, struct store_req *req,
                   const struct http_reply *reply, struct object_info *info)
{
	struct result result = {request_checksum_name(context->checksum), info};
	const struct xml_events events = {.end = on_element};

	info->etag[0] = '\0';
	int r = xml_parse(str_text(&reply->text), reply->text.len, NULL,
	                  &events, &result);

	if (r == 0 && !info->etag[0])
		r = -EPROTO;
	return r < 0 ? err_set(&req->err, r, "the reply is no result of a copy")
	             : 0;
}
