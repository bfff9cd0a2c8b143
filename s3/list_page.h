/* SPDX-License-Identifier: MIT */
/*
 * A page of a list while it is being read (pure).
 *
 * Texts go into one arena and lines note where; only when the document ended
 * well are keys decoded (EncodingType may come last), stripped of the bucket's
 * prefix and handed out.  So a page costs a handful of allocations.
 */
#ifndef PORTER_S3_LIST_PAGE_H
#define PORTER_S3_LIST_PAGE_H

#include "base/str.h"
#include "op.h"
#include "xml.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#define PAGE_LINES 1000 /* what S3 gives at most */

/* A text in the arena. */
struct span {
	size_t at;
	size_t len;
	bool set;
};

/* One object, prefix or upload while the page is being read. */
struct line {
	struct span key;
	struct span etag;
	struct span class;
	struct span upload_id;
	uint64_t size;
	time_t time;
	bool is_prefix;
	bool has_size;
	bool has_time;
};

/* A page being read: its lines, and what it says about the next one. */
struct page {
	struct str arena; /* every text with a NUL behind */
	struct str scratch;
	struct line *lines;
	size_t count;
	size_t cap;
	struct line current;
	struct span token;  /* of the next page; key marker for uploads */
	struct span marker; /* upload id marker */
	bool url_encoded;
	bool truncated;
	bool has_truncated;
};

/* Begin with an arena, so that page_texts() is never NULL for want of text. */
void page_init(struct page *page);
void page_release(struct page *page);

/* Put an element's text into the arena. */
int page_text(struct page *page, const struct xml_element *element,
              struct span *ret);

/* page->current is complete: keep it and begin another. */
int page_line(struct page *page);

/* IsTruncated and EncodingType, which all lists have at the top. */
int page_common(struct page *page, const struct xml_element *element);

/* A date or a size of a line. -EPROTO when it is none. */
int page_time(struct line *line, const char *text);
int page_size(struct line *line, const char *text);

/* The text of a span; valid until the arena grows. */
const char *page_span(const struct page *page, const struct span *span);

/*
 * A key as callers know it: decoded, relative to the bucket's prefix.
 * -EPROTO when it does not begin with that, or has a NUL inside (AWS has such
 * keys): nobody could be told of it.
 */
int page_key(struct page *page, const char *prefix, struct span *span);

/* The keys of all lines. */
int page_keys(struct page *page, const char *prefix);

/* Hand the arena over to the results. NULL: out of memory. */
const char *page_texts(struct page *page, struct op_store *store);

/* Whether an element has that name. */
static inline bool page_is(const struct xml_element *element, const char *name)
{
	return strcmp(element->name, name) == 0;
}

#endif
