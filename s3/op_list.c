/* SPDX-License-Identifier: MIT */
/*
 * ListObjectsV2.
 *
 * A page is read as a whole: one that was cut, or claims more to come without
 * saying how to go on, is -EPROTO and never a part of a list.  Objects and
 * common prefixes come as two runs and are handed out as one, in byte order.
 */
#include "base/str.h"
#include "info.h"
#include "list_page.h"
#include "op_rows.h"
#include "request.h"
#include "xml.h"

#include <errno.h>
#include <string.h>

static int list_encode(const struct op_context *context, struct store_req *req,
                       struct http_request *request)
{
	const struct store_list *list = &req->list;
	cleanup(str_release) struct str text = {0};
	int r = request_bucket(context, req, "GET", request);

	if (r < 0)
		return r;
	if (list->token)
		request_query(request, "continuation-token", list->token);
	if (list->delimiter && list->delimiter[0])
		request_query(request, "delimiter", list->delimiter);
	request_query(request, "encoding-type", "url");
	request_query(request, "list-type", "2");
	request_query_number(request, "max-keys",
	                     list->max_keys ? list->max_keys : PAGE_LINES);

	str_add(&text, context->prefix);
	str_add(&text, list->prefix ? list->prefix : "");
	request_query(request, "prefix", str_text(&text));
	if (list->start_after && list->start_after[0]) {
		str_reset(&text);
		str_add(&text, context->prefix);
		str_add(&text, list->start_after);
		request_query(request, "start-after", str_text(&text));
	}
	if (str_status(&text) < 0)
		return err_set(&req->err, -ENOMEM, "out of memory");
	request->text_max = HTTP_LIST_BYTES_MAX;
	return request_end(req, request);
}

/* <Contents>'s children. */
static int object_element(struct page *page, const struct xml_element *element)
{
	struct line *line = &page->current;

	if (page_is(element, "Key"))
		return page_text(page, element, &line->key);
	if (page_is(element, "Size"))
		return page_size(line, element->text);
	if (page_is(element, "LastModified"))
		return page_time(line, element->text);
	if (page_is(element, "ETag"))
		return page_text(page, element, &line->etag);
	if (page_is(element, "StorageClass"))
		return page_text(page, element, &line->class);
	return 0;
}

/* <Contents> ended: it must have said what it is about. */
static int object_end(struct page *page)
{
	const struct line *line = &page->current;

	if (!line->key.set || !line->has_size || !line->has_time)
		return -EPROTO;
	return page_line(page);
}

/* <CommonPrefixes><Prefix> */
static int prefix_element(struct page *page, const struct xml_element *element)
{
	if (!page_is(element, "Prefix"))
		return 0;
	page->current = (struct line){.is_prefix = true};
	int r = page_text(page, element, &page->current.key);

	return r < 0 ? r : page_line(page);
}

static int list_element(void *data, const struct xml_element *element)
{
	struct page *page = data;

	if (element->depth == 3 && strcmp(element->parent, "Contents") == 0)
		return object_element(page, element);
	if (element->depth == 3 &&
	    strcmp(element->parent, "CommonPrefixes") == 0)
		return prefix_element(page, element);
	if (element->depth != 2)
		return 0;
	if (page_is(element, "Contents"))
		return object_end(page);
	if (page_is(element, "NextContinuationToken"))
		return page_text(page, element, &page->token);
	return page_common(page, element);
}

/* Byte order; a prefix and a key are never the same. */
static int by_key(const void *a, const void *b)
{
	const struct store_entry *x = a;
	const struct store_entry *y = b;
	size_t len = x->key_len < y->key_len ? x->key_len : y->key_len;
	int c = memcmp(x->key, y->key, len);

	return c ? c : (x->key_len > y->key_len) - (x->key_len < y->key_len);
}

/* An ETag with its quotes; a rare server that left them out costs a copy. */
static const char *entry_etag(const char *texts, const struct span *span,
                              struct op_store *store)
{
	const char *etag = span->set ? texts + span->at : "";
	char quoted[STORE_ETAG_MAX];

	if (etag[0] == '"' || etag[0] == '\0' || !info_etag(etag, quoted))
		return etag;
	return op_store_text(store, quoted, strlen(quoted));
}

/* One line as callers see it. */
static int fill_entry(const char *texts, const struct line *line,
                      struct op_store *store, struct store_entry *ret)
{
	*ret = (struct store_entry){
		.key = texts + line->key.at,
		.key_len = line->key.len,
		.is_prefix = line->is_prefix,
	};
	if (line->is_prefix)
		return 0;
	ret->size = line->size;
	ret->mtime = (struct timespec){.tv_sec = line->time};
	ret->etag = entry_etag(texts, &line->etag, store);
	ret->storage_class = line->class.set ? texts + line->class.at : "";
	return ret->etag ? 0 : -ENOMEM;
}

/* The page as entries in order; the bucket's prefix itself is no entry. */
static int fill_list(struct page *page, struct store_req *req,
                     struct op_store *store)
{
	struct store_entry *entries =
		op_store_alloc(store, page->count * sizeof(*entries));
	const char *texts = page_texts(page, store);
	size_t count = 0;

	if (!entries || !texts)
		return -ENOMEM;
	for (size_t i = 0; i < page->count; i++) {
		if (page->lines[i].key.len == 0)
			continue;

		int r = fill_entry(texts, &page->lines[i], store,
		                   &entries[count++]);

		if (r < 0)
			return r;
	}
	if (count > 1)
		qsort(entries, count, sizeof(*entries), by_key);

	req->list.entries = entries;
	req->list.count = count;
	req->list.next_token = page->truncated ? texts + page->token.at : NULL;
	return 0;
}

/* A page that has more behind it says where, and never where it began. */
static int check_token(const struct page *page, const char *token,
                       struct err *reterr)
{
	if (!page->has_truncated)
		return err_set(reterr, -EPROTO,
		               "the list does not say whether it is complete");
	if (!page->truncated)
		return 0;
	if (!page->token.set || page->token.len == 0)
		return err_set(reterr, -EPROTO,
		               "the list is truncated and has no token to go "
		               "on with");
	if (token && strcmp(token, page_span(page, &page->token)) == 0)
		return err_set(reterr, -EPROTO,
		               "the list goes on with the token it began with");
	return 0;
}

/* A store that answers another question than was asked is not believed. */
static int check_prefix(const struct page *page, const char *prefix)
{
	size_t len = prefix ? strlen(prefix) : 0;

	for (size_t i = 0; len > 0 && i < page->count; i++) {
		const char *key = page_span(page, &page->lines[i].key);

		if (strncmp(key, prefix, len) != 0)
			return -EPROTO;
	}
	return 0;
}

static int decode_page(const struct op_context *context, struct store_req *req,
                       const struct http_reply *reply, struct page *page,
                       struct op_store *store)
{
	const struct xml_events events = {.end = list_element};
	int r = xml_parse(str_text(&reply->text), reply->text.len,
	                  "ListBucketResult", &events, page);

	if (r < 0)
		return err_set(&req->err, r,
		               "the list is no whole XML document of S3's");
	r = check_token(page, req->list.token, &req->err);
	if (r < 0)
		return r;
	r = page_keys(page, context->prefix);
	if (r == 0)
		r = check_prefix(page, req->list.prefix);
	if (r == 0)
		r = fill_list(page, req, store);
	return r < 0 ? err_set(&req->err, r,
	                       "the list has a key that cannot be one")
	             : 0;
}

static int list_decode(const struct op_context *context, struct store_req *req,
                       const struct http_reply *reply, struct op_store *store)
{
	cleanup(page_release) struct page page;

	page_init(&page);
	return decode_page(context, req, reply, &page, store);
}

const struct op op_list = {
	.name = "ListObjectsV2",
	.idempotent = true,
	.encode = list_encode,
	.decode = list_decode,
};
