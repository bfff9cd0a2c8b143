/* SPDX-License-Identifier: MIT */
/*
 * Verbs on one object.
 *
 * A GET asks the store twice: HEAD for the size, then the range of exactly that
 * version, so that the bytes have a place before they come.
 */
#include "s3peer_core.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define META     "x-amz-meta-"
#define META_MAX 2048 /* bytes of names and values, S3's limit */

/* ---- headers and conditions ---- */

/* The request's user metadata. */
static int fill_meta(struct peer_exchange *ex, struct store_headers *ret)
{
	struct peer_op *op = &ex->op;

	op->meta = calloc(ex->head.count + 1, sizeof(*op->meta));
	if (!op->meta)
		return -ENOMEM;
	for (size_t i = 0; i < ex->head.count; i++) {
		const struct peer_field *field = &ex->head.fields[i];

		if (strncasecmp(field->name, META, strlen(META)) != 0)
			continue;
		op->meta[ret->meta_count++] = (struct store_meta){
			.name = field->name + strlen(META),
			.value = field->value,
		};
	}
	ret->meta = op->meta;
	return 0;
}

int peer_headers_fill(struct peer_exchange *ex, struct store_headers *ret)
{
	const struct peer_head *head = &ex->head;

	*ret = (struct store_headers){
		.content_type = peer_head_get(head, "content-type"),
		.content_encoding = peer_head_get(head, "content-encoding"),
		.cache_control = peer_head_get(head, "cache-control"),
		.content_disposition =
			peer_head_get(head, "content-disposition"),
	};
	return fill_meta(ex, ret);
}

/* Refuse too much metadata; true = refused. */
static bool refuse_meta(struct peer_exchange *ex,
                        const struct store_headers *headers)
{
	struct peer_error error;
	size_t size = 0;

	for (size_t i = 0; i < headers->meta_count; i++)
		size += strlen(headers->meta[i].name) +
		        strlen(headers->meta[i].value);
	if (size <= META_MAX)
		return false;
	peer_error_set(&error, 400, "MetadataTooLarge",
	               "Your metadata headers exceed the maximum allowed "
	               "metadata size");
	peer_front_error(ex, &error);
	peer_exchange_replied(ex);
	return true;
}

void peer_conditions_fill(struct peer_exchange *ex, bool match, bool none_match)
{
	struct store_req *req = &ex->op.req;
	const char *etag = peer_head_get(&ex->head, "if-match");

	if (none_match)
		req->if_none_match = peer_head_get(&ex->head, "if-none-match");
	if (!match || !etag)
		return;
	req->if_match = etag;
	if (!ex->peer->habit->if_match_unquoted || req->verb != STORE_PUT)
		return;

	/* RGW compares what is between its own quotes. */
	ex->op.if_match = str_printf("\"%s\"", etag);
	req->if_match = ex->op.if_match;
}

/* Memory ran out while a request was prepared. */
static void no_memory(struct peer_exchange *ex)
{
	ex->op.req.status = -ENOMEM;
	peer_front_fail(ex, &ex->op.req);
	peer_exchange_replied(ex);
}

/* ---- HEAD and GET ---- */

/* What is known of an object as header fields. */
static void add_info(struct peer_exchange *ex, const struct object_info *info)
{
	struct peer_reply *reply = &ex->reply;
	const struct store_headers *headers = &info->headers;
	char date[PEER_DATE_MAX];

	peer_http_date(info->mtime.tv_sec, date);
	peer_reply_field(reply, "Last-Modified", "%s", date);
	peer_reply_field(reply, "ETag", "%s", info->etag);
	peer_reply_field(reply, "Accept-Ranges", "bytes");
	if (*info->version)
		peer_reply_field(reply, "x-amz-version-id", "%s",
		                 info->version);
	peer_reply_field(reply, "Content-Type", "%s",
	                 headers->content_type ? headers->content_type
	                                       : "binary/octet-stream");
	if (headers->content_encoding)
		peer_reply_field(reply, "Content-Encoding", "%s",
		                 headers->content_encoding);
	if (headers->cache_control)
		peer_reply_field(reply, "Cache-Control", "%s",
		                 headers->cache_control);
	if (headers->content_disposition)
		peer_reply_field(reply, "Content-Disposition", "%s",
		                 headers->content_disposition);
	for (size_t i = 0; i < headers->meta_count; i++) {
		str_addf(&reply->fields, META "%s: ", headers->meta[i].name);
		str_add(&reply->fields, headers->meta[i].value);
		str_add(&reply->fields, "\r\n");
	}
}

/* The name under which an object's checksum is remembered. */
static char *checksum_note(const struct peer_exchange *ex, const char *etag)
{
	return str_printf("checksum %s/%s %s", ex->route.bucket, ex->route.key,
	                  etag);
}

/* The checksum of the whole object, if it is known and was asked for. */
static void add_checksum(struct peer_exchange *ex, const char *etag)
{
	const char *mode = peer_head_get(&ex->head, "x-amz-checksum-mode");
	cleanup(freep) char *note = checksum_note(ex, etag);
	char text[100];

	if (!ex->peer->habit->checksums || !mode ||
	    strcasecmp(mode, "enabled") != 0 || !note ||
	    !peer_memory_get(&ex->peer->memory, note, text, sizeof(text)))
		return;
	str_add(&ex->reply.fields, text);
	peer_reply_field(&ex->reply, "x-amz-checksum-type", "FULL_OBJECT");
}

static void head_done(struct store_req *req)
{
	struct peer_exchange *ex = req->owner;

	if (req->status == -EEXIST) {
		ex->reply.status = 304;
		peer_reply_field(&ex->reply, "ETag", "%s", req->if_none_match);
	} else if (req->status < 0) {
		peer_front_fail(ex, req);
	} else {
		ex->reply.status = 200;
		ex->reply.length = req->info.size;
		add_info(ex, &req->info);
		add_checksum(ex, req->info.etag);
	}
	peer_exchange_replied(ex);
}

void peer_verb_head(struct peer_exchange *ex)
{
	peer_conditions_fill(ex, true, true);
	peer_front_submit(ex, ex->op.store, head_done);
}

/* "bytes=0-99", "bytes=100-", "bytes=-5". 1: a range; 0: none, or nonsense. */
static int parse_range(const char *text, uint64_t size, uint64_t *ret_first,
                       uint64_t *ret_length)
{
	uint64_t first = 0;
	uint64_t last = size ? size - 1 : 0;
	char *end = NULL;

	if (!text || !str_starts(text, "bytes=") || strchr(text, ','))
		return 0;
	text += strlen("bytes=");
	if (*text == '-') {
		uint64_t tail = strtoull(text + 1, &end, 10);

		if (end == text + 1 || *end)
			return 0;
		first = tail < size ? size - tail : 0;
		if (tail == 0)
			return -ERANGE;
	} else {
		first = strtoull(text, &end, 10);
		if (end == text || *end != '-')
			return 0;
		if (end[1])
			last = strtoull(end + 1, NULL, 10);
	}
	if (first >= size || last < first)
		return -ERANGE;
	if (last >= size)
		last = size - 1;
	*ret_first = first;
	*ret_length = last - first + 1;
	return 1;
}

static void get_done(struct store_req *req)
{
	struct peer_exchange *ex = req->owner;

	if (req->status < 0)
		peer_front_fail(ex, req);
	else
		ex->reply.body.len = req->get.received;
	peer_exchange_replied(ex);
}

/* Make room for the bytes and ask for them. */
static void get_bytes(struct peer_exchange *ex, uint64_t first, uint64_t length)
{
	struct store_req *req = &ex->op.req;

	if (str_reserve(&ex->reply.body, length) < 0) {
		no_memory(ex);
		return;
	}
	ex->op.slice.data = (uint8_t *)ex->reply.body.data;
	ex->op.slice.len = length;
	(void)str_copy(ex->op.etag, sizeof(ex->op.etag), req->info.etag);
	*req = (struct store_req){
		.verb = STORE_GET,
		.key = ex->route.key,
		.if_match = ex->op.etag,
		.version = peer_route_get(&ex->route, "versionId"),
		.get = {.offset = first,
	                .length = length,
	                .into = {&ex->op.slice, 1}},
	};
	peer_front_submit(ex, ex->op.store, get_done);
}

/* The HEAD in front of a GET. */
static void get_head_done(struct store_req *req)
{
	struct peer_exchange *ex = req->owner;
	uint64_t size = req->info.size;
	uint64_t first = 0;
	uint64_t length = size;
	int r;

	if (req->status < 0) {
		head_done(req);
		return;
	}
	r = parse_range(peer_head_get(&ex->head, "range"), size, &first,
	                &length);
	if (r < 0) {
		struct peer_error error;

		peer_error_set(&error, 416, "InvalidRange",
		               "The requested range is not satisfiable");
		peer_front_error(ex, &error);
		peer_exchange_replied(ex);
		return;
	}
	ex->reply.status = r > 0 ? 206 : 200;
	add_info(ex, &req->info);
	if (r > 0)
		peer_reply_field(&ex->reply, "Content-Range",
		                 "bytes %ju-%ju/%ju", (uintmax_t)first,
		                 (uintmax_t)(first + length - 1),
		                 (uintmax_t)size);
	if (length == size)
		add_checksum(ex, req->info.etag);
	if (length > 0)
		get_bytes(ex, first, length);
	else
		peer_exchange_replied(ex);
}

void peer_verb_get(struct peer_exchange *ex)
{
	ex->op.req.verb = STORE_HEAD;
	peer_conditions_fill(ex, true, true);
	peer_front_submit(ex, ex->op.store, get_head_done);
}

/* ---- PUT and DELETE ---- */

/* Remember an object's checksum, and say it. */
static void note_checksum(struct peer_exchange *ex, const char *etag)
{
	cleanup(freep) char *name = checksum_note(ex, etag);
	cleanup(freep) char *text = NULL;

	if (!*ex->op.checksum_name)
		return;
	text = str_printf("%s: %s\r\n", ex->op.checksum_name, ex->op.checksum);
	if (!name || !text)
		return; /* then it is not known later */
	str_add(&ex->reply.fields, text);
	(void)peer_memory_set(&ex->peer->memory, name, text);
}

static void put_done(struct store_req *req)
{
	struct peer_exchange *ex = req->owner;

	if (req->status < 0) {
		peer_front_fail(ex, req);
	} else {
		ex->committed = true;
		(void)str_copy(ex->etag, sizeof(ex->etag), req->info.etag);
		ex->reply.status = 200;
		peer_reply_field(&ex->reply, "ETag", "%s", req->info.etag);
		if (*req->info.version)
			peer_reply_field(&ex->reply, "x-amz-version-id", "%s",
			                 req->info.version);
		note_checksum(ex, req->info.etag);
	}
	peer_exchange_replied(ex);
}

void peer_verb_put(struct peer_exchange *ex)
{
	struct store_req *req = &ex->op.req;

	if (peer_headers_fill(ex, &req->put.headers) < 0) {
		no_memory(ex);
		return;
	}
	if (refuse_meta(ex, &req->put.headers))
		return;
	ex->op.slice.data = (uint8_t *)ex->body.data;
	ex->op.slice.len = ex->body.len;
	if (ex->body.len > 0)
		req->put.body = (struct chain){&ex->op.slice, 1};
	peer_conditions_fill(ex, true, true);
	peer_front_submit(ex, ex->op.store, put_done);
}

static void delete_done(struct store_req *req)
{
	struct peer_exchange *ex = req->owner;

	if (req->status < 0) {
		peer_front_fail(ex, req);
	} else {
		ex->committed = true;
		ex->reply.status = 204;
	}
	peer_exchange_replied(ex);
}

void peer_verb_delete(struct peer_exchange *ex)
{
	peer_conditions_fill(ex, ex->peer->habit->delete_if_match, false);
	peer_front_submit(ex, ex->op.store, delete_done);
}

/* ---- COPY ---- */

static void copy_done(struct store_req *req)
{
	struct peer_exchange *ex = req->owner;
	struct str *body = &ex->reply.body;
	char time[40];
	struct tm tm;

	if (req->status < 0) {
		peer_front_fail(ex, req);
	} else {
		ex->committed = true;
		(void)str_copy(ex->etag, sizeof(ex->etag), req->info.etag);
		ex->reply.status = 200;
		peer_reply_field(&ex->reply, "Content-Type", "application/xml");
		(void)gmtime_r(&req->info.mtime.tv_sec, &tm);
		(void)strftime(time, sizeof(time), "%Y-%m-%dT%H:%M:%S", &tm);
		str_addf(body,
		         "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		         "<CopyObjectResult><LastModified>%s.000Z"
		         "</LastModified><ETag>",
		         time);
		peer_xml_add(body, req->info.etag, strlen(req->info.etag));
		str_add(body, "</ETag></CopyObjectResult>");
	}
	peer_exchange_replied(ex);
}

/* The source is there and as it should be. */
static void copy_found(struct peer_exchange *ex)
{
	struct store_req *req = &ex->op.req;
	const char *directive =
		peer_head_get(&ex->head, "x-amz-metadata-directive");
	struct store_headers headers = {0};

	if (peer_headers_fill(ex, &headers) < 0) {
		no_memory(ex);
		return;
	}
	if (refuse_meta(ex, &headers))
		return;
	*req = (struct store_req){
		.verb = STORE_COPY,
		.key = ex->route.key,
		.copy = {.source = ex->op.source,
	                 .source_key = ex->op.source_key,
	                 .source_if_match = ex->op.etag,
	                 .replace_headers =
	                         directive &&
	                         strcasecmp(directive, "REPLACE") == 0,
	                 .headers = headers},
	};
	peer_conditions_fill(ex, ex->peer->habit->copy_conditions,
	                     ex->peer->habit->copy_conditions);
	peer_front_submit(ex, ex->op.store, copy_done);
}

void peer_verb_copy(struct peer_exchange *ex)
{
	peer_source_find(ex, copy_found);
}
