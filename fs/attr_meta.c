/* SPDX-License-Identifier: MIT */
/*
 * User metadata and content headers of one object, in one piece of memory:
 * the struct, the pairs in order of names, then all texts.
 */
#include "attr_impl.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Names that are ours. */
static const char *const reserved[] = {
	"gid", "mode", "mtime", "porter-commit", "uid",
};

bool attr_meta_reserved(const char *name)
{
	for (size_t i = 0; i < sizeof(reserved) / sizeof(*reserved); i++)
		if (strcmp(name, reserved[i]) == 0)
			return true;
	return false;
}

struct attr_meta *attr_meta_ref(struct attr_meta *meta)
{
	if (meta)
		atomic_fetch_add_explicit(&meta->refs, 1, memory_order_relaxed);
	return meta;
}

void attr_meta_unref(struct attr_meta *meta)
{
	if (!meta || atomic_fetch_sub(&meta->refs, 1) != 1)
		return;
	free(meta);
}

size_t attr_meta_count(const struct attr_meta *meta)
{
	return meta ? meta->count : 0;
}

const struct store_meta *attr_meta_at(const struct attr_meta *meta, size_t i)
{
	return &meta->pairs[i];
}

const char *attr_meta_get(const struct attr_meta *meta, const char *name)
{
	for (size_t i = 0; i < attr_meta_count(meta); i++)
		if (strcmp(meta->pairs[i].name, name) == 0)
			return meta->pairs[i].value;
	return NULL;
}

/* Order of pairs by name. */
static int by_name(const void *a, const void *b)
{
	const struct store_meta *x = a;
	const struct store_meta *y = b;

	return strcmp(x->name, y->name);
}

/* Bytes of a text that may be NULL, with its NUL. */
static size_t text_size(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

/* Copy a text to *at and move *at behind it; NULL stays NULL. */
static const char *put_text(char **at, const char *text)
{
	size_t size = text_size(text);
	char *copy = *at;

	if (!text)
		return NULL;
	memcpy(copy, text, size);
	*at += size;
	return copy;
}

const char *attr_meta_target(const struct attr_meta *meta)
{
	return meta ? meta->target : NULL;
}

int attr_meta_from_headers(const struct store_headers *from,
                           struct attr_meta **ret)
{
	return attr_meta_build(from, NULL, ret);
}

int attr_meta_build(const struct store_headers *from, const char *target,
                    struct attr_meta **ret)
{
	size_t texts = text_size(target) + text_size(from->content_type) +
	               text_size(from->content_encoding) +
	               text_size(from->cache_control) +
	               text_size(from->content_disposition);
	size_t count = 0;

	for (size_t i = 0; i < from->meta_count; i++) {
		const struct store_meta *pair = &from->meta[i];

		if (attr_meta_reserved(pair->name))
			continue;
		texts += text_size(pair->name) + text_size(pair->value);
		count++;
	}
	if (texts == 0) {
		*ret = NULL;
		return 0;
	}

	struct attr_meta *meta =
		malloc(sizeof(*meta) + count * sizeof(*meta->pairs) + texts);

	if (!meta)
		return -ENOMEM;

	char *at = (char *)&meta->pairs[count];

	atomic_init(&meta->refs, 1);
	meta->content_type = put_text(&at, from->content_type);
	meta->content_encoding = put_text(&at, from->content_encoding);
	meta->cache_control = put_text(&at, from->cache_control);
	meta->content_disposition = put_text(&at, from->content_disposition);
	meta->target = put_text(&at, target);
	meta->count = 0;
	for (size_t i = 0; i < from->meta_count; i++) {
		const struct store_meta *pair = &from->meta[i];

		if (attr_meta_reserved(pair->name))
			continue;
		meta->pairs[meta->count].name = put_text(&at, pair->name);
		meta->pairs[meta->count++].value = put_text(&at, pair->value);
	}
	qsort(meta->pairs, meta->count, sizeof(*meta->pairs), by_name);
	*ret = meta;
	return 0;
}

/* The headers that old holds, without pairs. */
static struct store_headers content_headers(const struct attr_meta *old)
{
	if (!old)
		return (struct store_headers){0};

	return (struct store_headers){
		.content_type = old->content_type,
		.content_encoding = old->content_encoding,
		.cache_control = old->cache_control,
		.content_disposition = old->content_disposition,
	};
}

int attr_meta_set(const struct attr_meta *old, const char *name,
                  const char *value, struct attr_meta **ret)
{
	size_t count = attr_meta_count(old);
	struct store_headers headers = content_headers(old);
	cleanup(freep) struct store_meta *pairs =
		calloc(count + 1, sizeof(*pairs));

	if (!pairs)
		return -ENOMEM;

	for (size_t i = 0; i < count; i++)
		if (strcmp(old->pairs[i].name, name) != 0)
			pairs[headers.meta_count++] = old->pairs[i];
	if (value)
		pairs[headers.meta_count++] = (struct store_meta){name, value};
	headers.meta = pairs;
	return attr_meta_build(&headers, attr_meta_target(old), ret);
}

int attr_meta_with_target(const struct attr_meta *old, const char *target,
                          struct attr_meta **ret)
{
	struct store_headers headers = content_headers(old);

	headers.meta = old ? old->pairs : NULL;
	headers.meta_count = attr_meta_count(old);
	return attr_meta_build(&headers, target, ret);
}

int attr_meta_for_new_bytes(const struct attr_meta *old, struct attr_meta **ret)
{
	struct store_headers headers = content_headers(old);

	headers.content_type = NULL;
	headers.content_encoding = NULL;
	headers.meta = old ? old->pairs : NULL;
	headers.meta_count = attr_meta_count(old);
	return attr_meta_from_headers(&headers, ret);
}
