/* SPDX-License-Identifier: MIT */
/*
 * Lists, and DeleteObjects: requests about many keys, whose XML is written in
 * the store's done(), while what it listed is there.
 */
#include "s3peer_core.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define XML_HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"

/* Begin a document; RGW sends its lists in chunks. */
static struct str *begin(struct peer_exchange *ex, const char *root)
{
	struct peer_reply *reply = &ex->reply;

	reply->status = 200;
	reply->chunked = ex->peer->habit->lists_chunked;
	peer_reply_field(reply, "Content-Type", "application/xml");
	str_addf(&reply->body, XML_HEAD "<%s>", root);
	return &reply->body;
}

/* Whether keys are to be percent-encoded in the answer. */
static bool wants_url(const struct peer_exchange *ex)
{
	const char *encoding = peer_route_get(&ex->route, "encoding-type");

	return encoding && strcmp(encoding, "url") == 0;
}

/* <name>text</name> for a key, as it was asked to be written. */
static void add_key(struct str *s, const char *name, const char *key,
                    size_t len, bool url)
{
	str_addf(s, "<%s>", name);
	if (url)
		str_add_uri(s, key, len, true);
	else
		peer_xml_add(s, key, len);
	str_addf(s, "</%s>", name);
}

static void add_text(struct str *s, const char *name, const char *text)
{
	add_key(s, name, text, strlen(text), false);
}

/* <name>2026-01-31T23:59:59.000Z</name> */
static void add_time(struct str *s, const char *name, struct timespec time)
{
	char text[40];
	struct tm tm;

	(void)gmtime_r(&time.tv_sec, &tm);
	(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	str_addf(s, "<%s>%s.%03ldZ</%s>", name, text, time.tv_nsec / 1000000,
	         name);
}

/* ---- LIST ---- */

static void add_entry(struct str *s, const struct store_entry *entry, bool url)
{
	if (entry->is_prefix) {
		str_add(s, "<CommonPrefixes>");
		add_key(s, "Prefix", entry->key, entry->key_len, url);
		str_add(s, "</CommonPrefixes>");
		return;
	}
	str_add(s, "<Contents>");
	add_key(s, "Key", entry->key, entry->key_len, url);
	add_time(s, "LastModified", entry->mtime);
	add_text(s, "ETag", entry->etag ? entry->etag : "");
	str_addf(s, "<Size>%ju</Size>", (uintmax_t)entry->size);
	add_text(s, "StorageClass",
	         entry->storage_class && *entry->storage_class
	                 ? entry->storage_class
	                 : "STANDARD");
	str_add(s, "</Contents>");
}

/* How the list goes on: a token, or for the old kind the last key. */
static void add_next(struct peer_exchange *ex, const struct store_list *list,
                     bool url)
{
	struct str *body = &ex->reply.body;

	str_addf(body, "<IsTruncated>%s</IsTruncated>",
	         list->next_token ? "true" : "false");
	if (!list->next_token)
		return;
	if (peer_route_get(&ex->route, "list-type")) {
		/* Tokens are the server's own: no client may look inside. */
		str_add(body, "<NextContinuationToken>");
		str_add_uri(body, list->next_token, strlen(list->next_token),
		            false);
		str_add(body, "</NextContinuationToken>");
	} else if (list->count > 0) {
		const struct store_entry *last =
			&list->entries[list->count - 1];

		add_key(body, "NextMarker", last->key, last->key_len, url);
	}
}

static void list_done(struct store_req *req)
{
	struct peer_exchange *ex = req->owner;
	const struct store_list *list = &req->list;
	bool url = wants_url(ex);

	if (req->status < 0) {
		peer_front_fail(ex, req);
		peer_exchange_replied(ex);
		return;
	}

	struct str *body = begin(ex, "ListBucketResult");

	add_text(body, "Name", ex->route.bucket);
	add_key(body, "Prefix", list->prefix, strlen(list->prefix), url);
	if (list->delimiter)
		add_text(body, "Delimiter", list->delimiter);
	str_addf(body, "<MaxKeys>%u</MaxKeys><KeyCount>%zu</KeyCount>",
	         list->max_keys ? list->max_keys : 1000, list->count);
	if (url)
		str_add(body, "<EncodingType>url</EncodingType>");
	add_next(ex, list, url);
	for (size_t i = 0; i < list->count; i++)
		add_entry(body, &list->entries[i], url);
	str_add(body, "</ListBucketResult>");
	peer_exchange_replied(ex);
}

/* A token of ours back to the store's; in place. */
static int decode_token(char *token)
{
	cleanup(str_release) struct str s = {0};
	int r = str_uri_decode(token, strlen(token), false, &s);

	if (r < 0)
		return r;
	memcpy(token, str_text(&s), s.len + 1);
	return 0;
}

void peer_verb_list(struct peer_exchange *ex)
{
	struct peer_route *route = &ex->route;
	struct store_list *list = &ex->op.req.list;
	const char *max = peer_route_get(route, "max-keys");
	uint64_t max_keys = 1000;

	list->prefix = "";
	for (size_t i = 0; i < route->count; i++) {
		const char *name = route->params[i].name;
		char *value = route->params[i].value;

		if (strcmp(name, "prefix") == 0)
			list->prefix = value;
		else if (strcmp(name, "delimiter") == 0 && *value)
			list->delimiter = value;
		else if ((strcmp(name, "start-after") == 0 ||
		          strcmp(name, "marker") == 0) &&
		         *value)
			list->start_after = value;
		else if (strcmp(name, "continuation-token") == 0)
			list->token = decode_token(value) == 0 ? value : "";
	}
	if (max && (str_to_u64(max, &max_keys) < 0 || max_keys == 0))
		max_keys = 1;
	list->max_keys = max_keys < 1000 ? (unsigned)max_keys : 1000;
	ex->op.req.key = NULL;
	peer_front_submit(ex, ex->op.store, list_done);
}

/* ---- lists of uploads and parts ---- */

static void uploads_done(struct store_req *req)
{
	struct peer_exchange *ex = req->owner;
	const struct store_list_uploads *list = &req->list_uploads;
	bool url = wants_url(ex);

	if (req->status < 0) {
		peer_front_fail(ex, req);
		peer_exchange_replied(ex);
		return;
	}

	struct str *body = begin(ex, "ListMultipartUploadsResult");

	add_text(body, "Bucket", ex->route.bucket);
	str_addf(body, "<IsTruncated>%s</IsTruncated>",
	         list->next_key ? "true" : "false");
	if (url)
		str_add(body, "<EncodingType>url</EncodingType>");
	if (list->next_key) {
		add_key(body, "NextKeyMarker", list->next_key,
		        strlen(list->next_key), url);
		add_text(body, "NextUploadIdMarker",
		         list->next_id ? list->next_id : "");
	}
	for (size_t i = 0; i < list->count; i++) {
		const struct store_upload_info *upload = &list->uploads[i];

		str_add(body, "<Upload>");
		add_key(body, "Key", upload->key, strlen(upload->key), url);
		add_text(body, "UploadId", upload->upload_id);
		add_time(body, "Initiated", upload->initiated);
		str_add(body, "</Upload>");
	}
	str_add(body, "</ListMultipartUploadsResult>");
	peer_exchange_replied(ex);
}

void peer_verb_list_uploads(struct peer_exchange *ex)
{
	const struct peer_route *route = &ex->route;
	struct store_list_uploads *list = &ex->op.req.list_uploads;

	list->prefix = peer_route_get(route, "prefix");
	if (!list->prefix)
		list->prefix = "";
	list->key_marker = peer_route_get(route, "key-marker");
	list->id_marker = peer_route_get(route, "upload-id-marker");
	ex->op.req.key = NULL;
	peer_front_submit(ex, ex->op.store, uploads_done);
}

static void parts_done(struct store_req *req)
{
	struct peer_exchange *ex = req->owner;
	const struct store_list_parts *list = &req->list_parts;

	if (req->status < 0) {
		peer_front_fail(ex, req);
		peer_exchange_replied(ex);
		return;
	}

	struct str *body = begin(ex, "ListPartsResult");

	add_text(body, "Bucket", ex->route.bucket);
	add_text(body, "Key", ex->route.key);
	add_text(body, "UploadId", list->upload_id);
	str_addf(body, "<IsTruncated>%s</IsTruncated>",
	         list->next ? "true" : "false");
	if (list->next)
		str_addf(body,
		         "<NextPartNumberMarker>%u</NextPartNumberMarker>",
		         list->next);
	for (size_t i = 0; i < list->count; i++) {
		const struct store_part_info *part = &list->parts[i];

		str_addf(body,
		         "<Part><PartNumber>%u</PartNumber>"
		         "<LastModified>2026-01-01T00:00:00.000Z</LastModified>"
		         "<Size>%ju</Size>",
		         part->number, (uintmax_t)part->size);
		add_text(body, "ETag", part->etag);
		str_add(body, "</Part>");
	}
	str_add(body, "</ListPartsResult>");
	peer_exchange_replied(ex);
}

void peer_verb_list_parts(struct peer_exchange *ex)
{
	struct store_list_parts *list = &ex->op.req.list_parts;
	const char *after = peer_route_get(&ex->route, "part-number-marker");
	uint64_t number = 0;

	if (after && str_to_u64(after, &number) < 0)
		number = 0;
	list->after = (unsigned)number;
	list->upload_id = peer_route_get(&ex->route, "uploadId");
	peer_front_submit(ex, ex->op.store, parts_done);
}

/* ---- DeleteObjects ---- */

static void delete_many_done(struct store_req *req)
{
	struct peer_exchange *ex = req->owner;
	struct peer_op *op = &ex->op;

	if (req->status < 0) {
		peer_front_fail(ex, req);
		peer_exchange_replied(ex);
		return;
	}
	ex->committed = true;

	struct str *body = begin(ex, "DeleteResult");

	for (size_t i = 0; i < op->key_count; i++) {
		const char *element = op->results[i] < 0 ? "Error" : "Deleted";

		str_addf(body, "<%s>", element);
		add_text(body, "Key", op->keys[i]);
		if (op->results[i] < 0)
			str_add(body, "<Code>AccessDenied</Code>"
			              "<Message>Access Denied</Message>");
		str_addf(body, "</%s>", element);
	}
	str_add(body, "</DeleteResult>");
	peer_exchange_replied(ex);
}

/* The keys of the document. 0, -EINVAL, -ENOMEM. */
static int parse_delete(struct peer_exchange *ex)
{
	struct peer_op *op = &ex->op;
	const char *xml = str_text(&ex->body);
	const char *end = xml + ex->body.len;
	size_t len = 0;

	op->keys = calloc(STORE_BATCH_MAX, sizeof(char *));
	op->results = calloc(STORE_BATCH_MAX, sizeof(int));
	if (!op->keys || !op->results)
		return -ENOMEM;
	for (const char *key;
	     (key = peer_xml_find(xml, (size_t)(end - xml), "Key", &len));
	     xml = key + len) {
		if (op->key_count == STORE_BATCH_MAX)
			return -EINVAL;
		op->keys[op->key_count] = peer_xml_decode(key, len);
		if (!op->keys[op->key_count])
			return -EINVAL;
		op->key_count++;
	}
	return op->key_count > 0 ? 0 : -EINVAL;
}

void peer_verb_delete_many(struct peer_exchange *ex)
{
	struct store_delete_many *many = &ex->op.req.delete_many;
	struct peer_error error;

	if (parse_delete(ex) < 0) {
		peer_error_set(&error, 400, "MalformedXML",
		               "The XML you provided was not well-formed or "
		               "did not validate against our published schema");
		peer_front_error(ex, &error);
		peer_exchange_replied(ex);
		return;
	}
	many->keys = (const char *const *)ex->op.keys;
	many->count = ex->op.key_count;
	many->results = ex->op.results;
	ex->op.req.key = NULL;
	peer_front_submit(ex, ex->op.store, delete_many_done);
}

/* ---- buckets ---- */

/* All buckets, their region, whether there is such a bucket. */
void peer_verb_other(struct peer_exchange *ex)
{
	const struct s3peer *peer = ex->peer;
	const char *method = ex->head.method;
	struct peer_error error;

	if (peer_route_get(&ex->route, "location")) {
		struct str *body = begin(ex, "LocationConstraint");

		peer_xml_add(body, peer->region, strlen(peer->region));
		str_add(body, "</LocationConstraint>");
	} else if (strcmp(method, "GET") == 0 && !*ex->route.bucket) {
		struct str *body = begin(ex, "ListAllMyBucketsResult");

		str_add(body, "<Buckets>");
		for (size_t i = 0; i < peer->bucket_count; i++) {
			str_add(body, "<Bucket>");
			add_text(body, "Name", peer->buckets[i].name);
			str_add(body, "</Bucket>");
		}
		str_add(body, "</Buckets></ListAllMyBucketsResult>");
	} else if (strcmp(method, "HEAD") == 0 ||
	           (strcmp(method, "PUT") == 0 && !*ex->route.key)) {
		ex->reply.status = 200; /* the bucket is there */
		peer_reply_field(&ex->reply, "x-amz-bucket-region", "%s",
		                 peer->region);
	} else {
		peer_error_set(&error, 501, "NotImplemented",
		               "A header or query you provided implies "
		               "functionality that is not implemented");
		peer_front_error(ex, &error);
	}
	peer_exchange_replied(ex);
}
