/* SPDX-License-Identifier: MIT */
/* Multipart uploads, and where copies come from. */
#include "s3peer_core.h"

#include <errno.h>
#include <string.h>

#define XML_HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"

/* Answer with an error of our own. */
static void refuse(struct peer_exchange *ex, int status, const char *code,
                   const char *message)
{
	struct peer_error error;

	peer_error_set(&error, status, code, "%s", message);
	peer_front_error(ex, &error);
	peer_exchange_replied(ex);
}

/* Answer with the store's failure. */
static void fail(struct peer_exchange *ex, const struct store_req *req)
{
	peer_front_fail(ex, req);
	peer_exchange_replied(ex);
}

/* <name>text</name> */
static void add_element(struct str *s, const char *name, const char *text)
{
	str_addf(s, "<%s>", name);
	peer_xml_add(s, text, strlen(text));
	str_addf(s, "</%s>", name);
}

/* ---- sources of copies ---- */

/* RGW's own condition for CopyObject, or S3's. */
static const char *source_condition(const struct peer_exchange *ex)
{
	if (ex->peer->habit->copy_source_match)
		return peer_head_get(&ex->head, "x-amz-copy-source-if-match");
	if (ex->route.verb == STORE_COPY)
		return peer_head_get(&ex->head, "x-amz-copy-if-match");
	return NULL;
}

/* Whether two ETags are the same, quoted or not. */
static bool same_etag(const char *a, const char *b)
{
	size_t a_len = strlen(a);
	size_t b_len = strlen(b);
	size_t a_quotes = *a == '"';
	size_t b_quotes = *b == '"';

	return a_len - 2 * a_quotes == b_len - 2 * b_quotes &&
	       strncmp(a + a_quotes, b + b_quotes, a_len - 2 * a_quotes) == 0;
}

static void source_done(struct store_req *req)
{
	struct peer_exchange *ex = req->owner;
	const char *condition = source_condition(ex);

	if (req->status == -ENOENT) {
		refuse(ex, 404, "NoSuchKey",
		       "The specified key does not exist.");
	} else if (req->status < 0) {
		fail(ex, req);
	} else if (condition && !same_etag(condition, req->info.etag)) {
		refuse(ex, 412, "PreconditionFailed",
		       "At least one of the pre-conditions you specified did "
		       "not hold");
	} else {
		(void)str_copy(ex->op.etag, sizeof(ex->op.etag),
		               req->info.etag);
		ex->op.next(ex);
	}
}

void peer_source_find(struct peer_exchange *ex, peer_verb_fn *next)
{
	const char *value = peer_head_get(&ex->head, "x-amz-copy-source");
	struct peer_op *op = &ex->op;

	op->next = next;
	if (!value ||
	    peer_route_source(value, &op->source_bucket, &op->source_key) < 0) {
		refuse(ex, 400, "InvalidArgument",
		       "Copy Source must mention the source bucket and key: "
		       "sourcebucket/sourcekey");
		return;
	}
	op->source = peer_front_bucket(ex->peer, op->source_bucket);
	if (!op->source) {
		refuse(ex, 404, "NoSuchBucket",
		       "The specified bucket does not exist");
		return;
	}
	op->req = (struct store_req){.verb = STORE_HEAD, .key = op->source_key};
	peer_front_submit(ex, op->source, source_done);
}

/* ---- CREATE ---- */

static void create_done(struct store_req *req)
{
	struct peer_exchange *ex = req->owner;
	struct str *body = &ex->reply.body;

	if (req->status < 0) {
		fail(ex, req);
		return;
	}
	ex->committed = true;
	(void)str_copy(ex->upload_id, sizeof(ex->upload_id),
	               req->create.upload_id);
	ex->reply.status = 200;
	peer_reply_field(&ex->reply, "Content-Type", "application/xml");
	str_add(body, XML_HEAD "<InitiateMultipartUploadResult>");
	add_element(body, "Bucket", ex->route.bucket);
	add_element(body, "Key", ex->route.key);
	add_element(body, "UploadId", req->create.upload_id);
	str_add(body, "</InitiateMultipartUploadResult>");
	peer_exchange_replied(ex);
}

void peer_verb_create(struct peer_exchange *ex)
{
	struct store_req *req = &ex->op.req;

	if (peer_headers_fill(ex, &req->create.headers) < 0) {
		req->status = -ENOMEM;
		fail(ex, req);
		return;
	}
	peer_front_submit(ex, ex->op.store, create_done);
}

/* ---- PART and PART_COPY ---- */

/* The number and the upload of a part; false when they are no such thing. */
static bool fill_part(struct peer_exchange *ex)
{
	struct store_part *part = &ex->op.req.part;
	const char *text = peer_route_get(&ex->route, "partNumber");
	uint64_t number = 0;

	if (!text || str_to_u64(text, &number) < 0 || number == 0 ||
	    number > UINT32_MAX) {
		refuse(ex, 400, "InvalidArgument",
		       "Part number must be an integer between 1 and 10000, "
		       "inclusive");
		return false;
	}
	part->number = (unsigned)number;
	part->upload_id = peer_route_get(&ex->route, "uploadId");
	return true;
}

static void part_done(struct store_req *req)
{
	struct peer_exchange *ex = req->owner;

	if (req->status < 0) {
		fail(ex, req);
		return;
	}
	ex->committed = true;
	(void)str_copy(ex->etag, sizeof(ex->etag), req->info.etag);
	ex->reply.status = 200;
	peer_reply_field(&ex->reply, "ETag", "%s", req->info.etag);
	if (*ex->op.checksum_name)
		peer_reply_field(&ex->reply, ex->op.checksum_name, "%s",
		                 ex->op.checksum);
	peer_exchange_replied(ex);
}

void peer_verb_part(struct peer_exchange *ex)
{
	struct store_req *req = &ex->op.req;

	if (!fill_part(ex))
		return;
	ex->op.slice.data = (uint8_t *)ex->body.data;
	ex->op.slice.len = ex->body.len;
	if (ex->body.len > 0)
		req->part.body = (struct chain){&ex->op.slice, 1};
	peer_front_submit(ex, ex->op.store, part_done);
}

static void part_copy_done(struct store_req *req)
{
	struct peer_exchange *ex = req->owner;
	struct str *body = &ex->reply.body;

	if (req->status < 0) {
		fail(ex, req);
		return;
	}
	ex->committed = true;
	(void)str_copy(ex->etag, sizeof(ex->etag), req->info.etag);
	ex->reply.status = 200;
	peer_reply_field(&ex->reply, "Content-Type", "application/xml");
	str_add(body, XML_HEAD "<CopyPartResult>");
	add_element(body, "ETag", req->info.etag);
	str_add(body, "</CopyPartResult>");
	peer_exchange_replied(ex);
}

/* "bytes=0-99" of x-amz-copy-source-range; both ends must be there. */
static bool parse_copy_range(const char *text, uint64_t *ret_first,
                             uint64_t *ret_length)
{
	char *end = NULL;

	if (!str_starts(text, "bytes="))
		return false;

	uint64_t first = strtoull(text + strlen("bytes="), &end, 10);

	if (*end != '-' || !end[1])
		return false;

	uint64_t last = strtoull(end + 1, &end, 10);

	*ret_first = first;
	*ret_length = last - first + 1;
	return !*end && first <= last;
}

/* The source is there: op.req still has its size. */
static void part_copy_found(struct peer_exchange *ex)
{
	struct store_req *req = &ex->op.req;
	const char *range = peer_head_get(&ex->head, "x-amz-copy-source-range");
	uint64_t size = req->info.size;
	uint64_t first = 0;
	uint64_t length = size;

	if (range && (!parse_copy_range(range, &first, &length) ||
	              first >= size || length > size - first)) {
		refuse(ex, 400, "InvalidArgument",
		       "Range specified is not valid for source object");
		return;
	}
	*req = (struct store_req){.verb = STORE_MPU_PART_COPY,
	                          .key = ex->route.key};
	if (!fill_part(ex))
		return;
	req->part.source = ex->op.source;
	req->part.source_key = ex->op.source_key;
	req->part.source_if_match = ex->op.etag;
	req->part.source_offset = first;
	req->part.source_length = length;
	peer_front_submit(ex, ex->op.store, part_copy_done);
}

void peer_verb_part_copy(struct peer_exchange *ex)
{
	peer_source_find(ex, part_copy_found);
}

/* ---- COMPLETE and ABORT ---- */

/* One <Part>. */
static bool parse_part(const char *xml, size_t len, struct store_part_info *ret)
{
	size_t etag_len = 0;
	size_t number_len = 0;
	const char *etag = peer_xml_find(xml, len, "ETag", &etag_len);
	const char *number = peer_xml_find(xml, len, "PartNumber", &number_len);

	if (!etag || !number)
		return false;

	cleanup(freep) char *text = peer_xml_decode(etag, etag_len);

	if (!text)
		return false;
	ret->number = (unsigned)strtoul(number, NULL, 10);
	/* Quotes may be missing. */
	if (*text == '"')
		return str_copy(ret->etag, sizeof(ret->etag), text);

	cleanup(freep) char *quoted = str_printf("\"%s\"", text);

	return quoted && str_copy(ret->etag, sizeof(ret->etag), quoted);
}

/* All of them. 0, -EINVAL for a document that is none, -ENOMEM. */
static int parse_complete(struct peer_exchange *ex)
{
	struct peer_op *op = &ex->op;
	const char *xml = str_text(&ex->body);
	const char *end = xml + ex->body.len;
	size_t len = 0;
	size_t cap = 0;

	for (const char *part;
	     (part = peer_xml_find(xml, (size_t)(end - xml), "Part", &len));
	     xml = part + len) {
		if (op->part_count == cap) {
			cap = cap ? 2 * cap : 64;

			struct store_part_info *parts =
				reallocarray(op->parts, cap, sizeof(*parts));

			if (!parts)
				return -ENOMEM;
			op->parts = parts;
		}
		op->parts[op->part_count] = (struct store_part_info){0};
		if (!parse_part(part, len, &op->parts[op->part_count]))
			return -EINVAL;
		op->part_count++;
	}
	return op->part_count > 0 ? 0 : -EINVAL;
}

/* The result document; RGW's first one has no ETag in it. */
static void answer_complete(struct peer_exchange *ex, const char *etag)
{
	struct str *body = &ex->reply.body;

	ex->reply.status = 200;
	peer_reply_field(&ex->reply, "Content-Type", "application/xml");
	str_add(body, XML_HEAD "<CompleteMultipartUploadResult>");
	add_element(body, "Bucket", ex->route.bucket);
	add_element(body, "Key", ex->route.key);
	add_element(body, "ETag", etag);
	str_add(body, "</CompleteMultipartUploadResult>");
	peer_exchange_replied(ex);
}

/* The name under which a finished upload is remembered. */
static char *upload_note(const struct peer_exchange *ex)
{
	return str_printf("upload %s/%s %s", ex->route.bucket, ex->route.key,
	                  peer_route_get(&ex->route, "uploadId"));
}

static void complete_done(struct store_req *req)
{
	struct peer_exchange *ex = req->owner;
	const struct peer_habit *habit = ex->peer->habit;
	cleanup(freep) char *note = upload_note(ex);
	char etag[STORE_ETAG_MAX] = "";

	if (!note || (req->status < 0 && req->status != -ENOENT)) {
		fail(ex, req);
		return;
	}
	if (req->status == -ENOENT) {
		if (habit->complete_again &&
		    peer_memory_get(&ex->peer->memory, note, etag,
		                    sizeof(etag)))
			answer_complete(ex, etag);
		else
			fail(ex, req);
		return;
	}
	ex->committed = true;
	(void)str_copy(ex->etag, sizeof(ex->etag), req->info.etag);
	if (habit->complete_again)
		(void)peer_memory_set(&ex->peer->memory, note, req->info.etag);
	answer_complete(ex, habit->complete_without_etag ? "" : req->info.etag);
}

/* Ask for the object itself. */
static void complete_now(struct peer_exchange *ex)
{
	struct peer_op *op = &ex->op;
	bool heeds = ex->peer->habit->complete_conditions;

	op->req = (struct store_req){
		.verb = STORE_MPU_COMPLETE,
		.key = ex->route.key,
		.complete = {.upload_id =
	                             peer_route_get(&ex->route, "uploadId"),
	                     .parts = op->parts,
	                     .count = op->part_count},
	};
	peer_conditions_fill(ex, heeds, heeds);
	peer_front_submit(ex, op->store, complete_done);
}

/* RGW: all parts that were uploaded must be named. */
static void complete_listed(struct store_req *req)
{
	struct peer_exchange *ex = req->owner;

	if (req->status == 0 && req->list_parts.count > ex->op.part_count &&
	    ex->op.part_count < 1000)
		refuse(ex, 400, "InvalidPart",
		       "One or more of the specified parts could not be "
		       "found.");
	else
		complete_now(ex); /* which says what is wrong, if anything */
}

void peer_verb_complete(struct peer_exchange *ex)
{
	struct store_req *req = &ex->op.req;

	if (parse_complete(ex) < 0) {
		refuse(ex, 400, "MalformedXML",
		       "The XML you provided was not well-formed or did not "
		       "validate against our published schema");
		return;
	}
	if (!ex->peer->habit->complete_all_parts) {
		complete_now(ex);
		return;
	}
	req->verb = STORE_MPU_LIST_PARTS;
	req->list_parts.upload_id = peer_route_get(&ex->route, "uploadId");
	peer_front_submit(ex, ex->op.store, complete_listed);
}

static void abort_done(struct store_req *req)
{
	struct peer_exchange *ex = req->owner;

	if (req->status < 0) {
		fail(ex, req);
		return;
	}
	ex->committed = true;
	ex->reply.status = 204;
	peer_exchange_replied(ex);
}

void peer_verb_abort(struct peer_exchange *ex)
{
	ex->op.req.abort.upload_id = peer_route_get(&ex->route, "uploadId");
	peer_front_submit(ex, ex->op.store, abort_done);
}
