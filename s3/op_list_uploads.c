/* SPDX-License-Identifier: MIT */
/* ListMultipartUploads and ListParts: what an upload left behind. */
#include "base/str.h"
#include "info.h"
#include "list_page.h"
#include "op_rows.h"
#include "request.h"
#include "xml.h"

#include <errno.h>
#include <string.h>

/* ---- uploads ---- */

static int uploads_encode(const struct op_context *context,
                          struct store_req *req, struct http_request *request)
{
	const struct store_list_uploads *list = &req->list_uploads;
	cleanup(str_release) struct str text = {0};
	int r = request_bucket(context, req, "GET", request);

	if (r < 0)
		return r;
	request_query(request, "encoding-type", "url");
	if (list->key_marker) {
		str_add(&text, context->prefix);
		str_add(&text, list->key_marker);
		request_query(request, "key-marker", str_text(&text));
	}
	request_query_number(request, "max-uploads", PAGE_LINES);

	str_reset(&text);
	str_add(&text, context->prefix);
	str_add(&text, list->prefix ? list->prefix : "");
	request_query(request, "prefix", str_text(&text));
	if (list->id_marker)
		request_query(request, "upload-id-marker", list->id_marker);
	request_query(request, "uploads", "");
	if (str_status(&text) < 0)
		return err_set(&req->err, -ENOMEM, "out of memory");
	request->text_max = HTTP_LIST_BYTES_MAX;
	return request_end(req, request);
}

/* <Upload> ended: it must have said what it is about. */
static int upload_end(struct page *page)
{
	const struct line *line = &page->current;

	if (!line->key.set || !line->upload_id.set || !line->has_time)
		return -EPROTO;
	return page_line(page);
}

static int uploads_element(void *data, const struct xml_element *element)
{
	struct page *page = data;
	struct line *line = &page->current;

	if (element->depth == 3 && strcmp(element->parent, "Upload") == 0) {
		if (page_is(element, "Key"))
			return page_text(page, element, &line->key);
		if (page_is(element, "UploadId"))
			return page_text(page, element, &line->upload_id);
		if (page_is(element, "Initiated"))
			return page_time(line, element->text);
	}
	if (element->depth != 2)
		return 0;
	if (page_is(element, "Upload"))
		return upload_end(page);
	if (page_is(element, "NextKeyMarker"))
		return page_text(page, element, &page->token);
	if (page_is(element, "NextUploadIdMarker"))
		return page_text(page, element, &page->marker);
	return page_common(page, element);
}

/* A page that has more behind it says where, and never where it began. */
static int check_markers(const struct page *page,
                         const struct store_list_uploads *list)
{
	if (!page->has_truncated)
		return -EPROTO;
	if (!page->truncated)
		return 0;
	if (!page->token.set || !page->marker.set || page->token.len == 0)
		return -EPROTO;
	return list->key_marker && list->id_marker &&
	                       strcmp(page_span(page, &page->token),
	                              list->key_marker) == 0 &&
	                       strcmp(page_span(page, &page->marker),
	                              list->id_marker) == 0
	               ? -EPROTO
	               : 0;
}

static int fill_uploads(struct page *page, struct store_req *req,
                        struct op_store *store)
{
	struct store_upload_info *uploads =
		op_store_alloc(store, page->count * sizeof(*uploads));
	const char *texts = page_texts(page, store);

	if (!uploads || !texts)
		return -ENOMEM;
	for (size_t i = 0; i < page->count; i++) {
		const struct line *line = &page->lines[i];

		uploads[i] = (struct store_upload_info){
			.key = texts + line->key.at,
			.upload_id = texts + line->upload_id.at,
			.initiated = {.tv_sec = line->time},
		};
	}

	req->list_uploads.uploads = uploads;
	req->list_uploads.count = page->count;
	req->list_uploads.next_key =
		page->truncated ? texts + page->token.at : NULL;
	req->list_uploads.next_id =
		page->truncated ? texts + page->marker.at : NULL;
	return 0;
}

/* Keys and the next marker, each as the store codes it. */
static int decode_keys(const struct op_context *context, struct page *page)
{
	bool said = page->url_encoded;
	int r = 0;

	page->url_encoded |= context->profile->uploads_coded;
	r = page_keys(page, context->prefix);
	page->url_encoded = said;
	if (r == 0 && page->truncated && page->token.set)
		r = page_key(page, context->prefix, &page->token);
	return r;
}

/*
 * Read the document.  Where keys are coded anyway, all that can be no XML is
 * the marker of the next page, and that matters only if there is one.
 */
static int read_uploads(const struct op_context *context,
                        const struct http_reply *reply, struct page *page)
{
	struct xml_events events = {.end = uploads_element};
	const char *root = "ListMultipartUploadsResult";
	int r = xml_parse(str_text(&reply->text), reply->text.len, root,
	                  &events, page);

	if (r != -EPROTO || !context->profile->uploads_coded)
		return r;

	page_release(page);
	page_init(page);
	events.forgiving = true;
	r = xml_parse(str_text(&reply->text), reply->text.len, root, &events,
	              page);
	return r == 0 && page->truncated ? -EPROTO : r;
}

static int uploads_decode(const struct op_context *context,
                          struct store_req *req, const struct http_reply *reply,
                          struct op_store *store)
{
	cleanup(page_release) struct page page;

	page_init(&page);
	int r = read_uploads(context, reply, &page);

	if (r == 0)
		r = decode_keys(context, &page);
	if (r == 0)
		r = check_markers(&page, &req->list_uploads);
	if (r == 0)
		r = fill_uploads(&page, req, store);
	return r < 0 ? err_set(&req->err, r,
	                       "the list of uploads is not whole or not S3's")
	             : 0;
}

const struct op op_mpu_list = {
	.name = "ListMultipartUploads",
	.idempotent = true,
	.encode = uploads_encode,
	.decode = uploads_decode,
};

/* ---- parts ---- */

static int parts_encode(const struct op_context *context, struct store_req *req,
                        struct http_request *request)
{
	const struct store_list_parts *list = &req->list_parts;
	int r = request_object(context, req, "GET", request);

	if (r < 0)
		return r;
	request_query_number(request, "max-parts", PAGE_LINES);
	if (list->after > 0)
		request_query_number(request, "part-number-marker",
		                     list->after);
	request_query(request, "uploadId", list->upload_id);
	request_sse_c(context, false, request);
	request->text_max = HTTP_LIST_BYTES_MAX;
	return request_end(req, request);
}

/* A page of parts being read. */
struct parts {
	struct store_part_info *items;
	size_t count;
	size_t cap;
	struct store_part_info current;
	unsigned next;
	bool has_size;
	bool truncated;
	bool has_truncated;
};

static void parts_release(struct parts *parts)
{
	free(parts->items);
}

/* A part's number, or a marker. */
static int parse_number(const char *text, unsigned *ret)
{
	uint64_t number = 0;

	if (str_to_u64(text, &number) < 0 || number > UINT32_MAX)
		return -EPROTO;
	*ret = (unsigned)number;
	return 0;
}

/* <Part> ended: keep it; numbers ascend. */
static int part_end(struct parts *parts)
{
	const struct store_part_info *part = &parts->current;
	unsigned last =
		parts->count ? parts->items[parts->count - 1].number : 0;

	if (part->number <= last || !parts->has_size || !part->etag[0])
		return -EPROTO;
	if (parts->count == parts->cap) {
		size_t cap = parts->cap ? 2 * parts->cap : 64;
		struct store_part_info *items =
			reallocarray(parts->items, cap, sizeof(*items));

		if (!items)
			return -ENOMEM;
		parts->items = items;
		parts->cap = cap;
	}
	parts->items[parts->count++] = *part;
	parts->current = (struct store_part_info){0};
	parts->has_size = false;
	return 0;
}

/* <Part>'s children. */
static int part_element(struct parts *parts, const struct xml_element *element)
{
	struct store_part_info *part = &parts->current;

	if (page_is(element, "PartNumber"))
		return parse_number(element->text, &part->number);
	if (page_is(element, "ETag"))
		return info_etag(element->text, part->etag) ? 0 : -EPROTO;
	if (page_is(element, "Size")) {
		parts->has_size = true;
		return str_to_u64(element->text, &part->size) < 0 ? -EPROTO : 0;
	}
	if (str_starts(element->name, "Checksum") &&
	    !page_is(element, "ChecksumType"))
		(void)str_copy(part->checksum, sizeof(part->checksum),
		               element->text);
	return 0;
}

static int parts_element(void *data, const struct xml_element *element)
{
	struct parts *parts = data;

	if (element->depth == 3 && strcmp(element->parent, "Part") == 0)
		return part_element(parts, element);
	if (element->depth != 2)
		return 0;
	if (page_is(element, "Part"))
		return part_end(parts);
	if (page_is(element, "NextPartNumberMarker"))
		return parse_number(element->text, &parts->next);
	if (page_is(element, "IsTruncated")) {
		parts->truncated = strcmp(element->text, "true") == 0;
		parts->has_truncated = true;
		return parts->truncated || strcmp(element->text, "false") == 0
		               ? 0
		               : -EPROTO;
	}
	return 0;
}

/* Everything is there and the next page is another one. */
static int check_parts(const struct parts *parts, unsigned after)
{
	if (!parts->has_truncated)
		return -EPROTO;
	return parts->truncated && parts->next <= after ? -EPROTO : 0;
}

static int parts_decode(const struct op_context *context, struct store_req *req,
                        const struct http_reply *reply, struct op_store *store)
{
	cleanup(parts_release) struct parts parts = {0};
	const struct xml_events events = {.end = parts_element,
	                                  .forgiving = true};
	int r = xml_parse(str_text(&reply->text), reply->text.len,
	                  "ListPartsResult", &events, &parts);

	(void)context;
	if (r == 0)
		r = check_parts(&parts, req->list_parts.after);
	if (r < 0)
		return err_set(&req->err, r,
		               "the list of parts is not whole or not S3's");

	req->list_parts.parts = NULL;
	if (parts.count > 0) {
		req->list_parts.parts =
			op_store_take(store, take(&parts.items));
		if (!req->list_parts.parts)
			return err_set(&req->err, -ENOMEM, "out of memory");
	}
	req->list_parts.count = parts.count;
	req->list_parts.next = parts.truncated ? parts.next : 0;
	return 0;
}

const struct op op_mpu_list_parts = {
	.name = "ListParts",
	.idempotent = true,
	.encode = parts_encode,
	.decode = parts_decode,
};
