/* SPDX-License-Identifier: MIT */
#include "list_page.h"

#include "date.h"

#include <errno.h>
#include <stdlib.h>

void page_init(struct page *page)
{
	*page = (struct page){0};
	str_add(&page->arena, "");
}

void page_release(struct page *page)
{
	str_release(&page->arena);
	str_release(&page->scratch);
	free(page->lines);
}

int page_text(struct page *page, const struct xml_element *element,
              struct span *ret)
{
	*ret = (struct span){page->arena.len, element->len, true};
	str_add_mem(&page->arena, element->text, element->len + 1);
	return str_status(&page->arena);
}

int page_line(struct page *page)
{
	if (page->count == page->cap) {
		size_t cap = page->cap ? 2 * page->cap : 64;
		struct line *lines =
			reallocarray(page->lines, cap, sizeof(*lines));

		if (!lines)
			return -ENOMEM;
		page->lines = lines;
		page->cap = cap;
	}
	page->lines[page->count++] = page->current;
	page->current = (struct line){0};
	return 0;
}

/* true or false, or this is no page of S3's. */
static int page_truncated(struct page *page, const char *text)
{
	page->truncated = strcmp(text, "true") == 0;
	page->has_truncated = true;
	return page->truncated || strcmp(text, "false") == 0 ? 0 : -EPROTO;
}

int page_common(struct page *page, const struct xml_element *element)
{
	if (page_is(element, "IsTruncated"))
		return page_truncated(page, element->text);
	if (page_is(element, "EncodingType"))
		page->url_encoded = strcmp(element->text, "url") == 0;
	return 0;
}

int page_size(struct line *line, const char *text)
{
	line->has_size = true;
	return str_to_u64(text, &line->size) < 0 ? -EPROTO : 0;
}

int page_time(struct line *line, const char *text)
{
	line->has_time = true;
	return date_parse_iso(text, &line->time) < 0 ? -EPROTO : 0;
}

const char *page_span(const struct page *page, const struct span *span)
{
	return page->arena.data + span->at;
}

/* Undo encoding-type=url where the text lies: it only gets shorter. */
static int span_decode(struct page *page, struct span *span)
{
	char *text = page->arena.data + span->at;

	if (!page->url_encoded || !span->set)
		return 0;

	/* AWS and MinIO write a blank as '+', and '+' as %2B. */
	str_reset(&page->scratch);
	int r = str_uri_decode(text, span->len, true, &page->scratch);

	if (r < 0)
		return r == -ENOMEM ? r : -EPROTO;
	memcpy(text, str_text(&page->scratch), page->scratch.len + 1);
	span->len = page->scratch.len;
	return 0;
}

int page_key(struct page *page, const char *prefix, struct span *span)
{
	size_t len = strlen(prefix);
	int r = span_decode(page, span);

	if (r < 0)
		return r;

	const char *text = page_span(page, span);

	if (memchr(text, '\0', span->len) || strncmp(text, prefix, len) != 0)
		return -EPROTO;
	span->at += len;
	span->len -= len;
	return 0;
}

int page_keys(struct page *page, const char *prefix)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < page->count; i++)
		r = page_key(page, prefix, &page->lines[i].key);
	return r;
}

const char *page_texts(struct page *page, struct op_store *store)
{
	return op_store_take(store, str_take(&page->arena));
}
