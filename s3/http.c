/* SPDX-License-Identifier: MIT */
/* The memory of requests and replies: header lists and their release. */
#include "http.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Free a value; it may be a key, so nothing of it stays in the heap. */
static void value_free(char *value)
{
	explicit_bzero(value, strlen(value));
	free(value);
}

void http_headers_release(struct http_headers *h)
{
	for (size_t i = 0; i < h->count; i++) {
		free(h->items[i].name);
		value_free(h->items[i].value);
	}
	free(h->items);
	*h = (struct http_headers){0};
}

/* Room for one more; false and the sticky status when there is none. */
static bool headers_grow(struct http_headers *h)
{
	if (h->count < h->cap)
		return true;

	size_t cap = h->cap ? 2 * h->cap : 16;
	struct http_header *items = reallocarray(h->items, cap, sizeof(*items));

	if (!items) {
		h->status = -ENOMEM;
		return false;
	}
	h->items = items;
	h->cap = cap;
	return true;
}

void http_headers_add(struct http_headers *h, const char *name,
                      const char *value)
{
	if (h->status < 0 || !headers_grow(h))
		return;

	struct http_header header = {strdup(name), strdup(value)};

	if (!header.name || !header.value) {
		free(header.name);
		free(header.value);
		h->status = -ENOMEM;
		return;
	}
	h->items[h->count++] = header;
}

/* The first header of that name, or NULL. */
static struct http_header *headers_find(const struct http_headers *h,
                                        const char *name)
{
	for (size_t i = 0; i < h->count; i++) {
		if (strcasecmp(h->items[i].name, name) == 0)
			return &h->items[i];
	}
	return NULL;
}

void http_headers_set(struct http_headers *h, const char *name,
                      const char *value)
{
	struct http_header *header = headers_find(h, name);

	if (!header) {
		http_headers_add(h, name, value);
		return;
	}

	char *copy = strdup(value);

	if (!copy) {
		h->status = -ENOMEM;
		return;
	}
	value_free(header->value);
	header->value = copy;
}

void http_headers_remove(struct http_headers *h, const char *name)
{
	size_t kept = 0;

	for (size_t i = 0; i < h->count; i++) {
		struct http_header header = h->items[i];

		if (strcasecmp(header.name, name) != 0) {
			h->items[kept++] = header;
			continue;
		}
		free(header.name);
		value_free(header.value);
	}
	h->count = kept;
}

const char *http_headers_get(const struct http_headers *h, const char *name)
{
	const struct http_header *header = headers_find(h, name);

	return header ? header->value : NULL;
}

void http_request_release(struct http_request *request)
{
	free(request->scheme);
	free(request->host);
	str_release(&request->path);
	str_release(&request->query);
	http_headers_release(&request->headers);
	str_release(&request->text);
	*request = (struct http_request){0};
}

void http_reply_release(struct http_reply *reply)
{
	http_headers_release(&reply->headers);
	str_release(&reply->text);
	*reply = (struct http_reply){0};
}
