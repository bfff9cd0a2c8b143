/* SPDX-License-Identifier: MIT */
/*
 * What the fake store holds: immutable, counted objects in an array sorted by
 * key.  A reader takes a reference under the lock and goes on without it.
 */
#include "fake_data.h"

#include "base/digest.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* strdup that passes NULL on; *status tells when memory ran out. */
static const char *copy_text(const char *text, int *status)
{
	char *copy = text ? strdup(text) : NULL;

	if (text && !copy)
		*status = -ENOMEM;
	return copy;
}

/* Frees what copy_text() made. */
static void free_text(const char *text)
{
	free((char *)(uintptr_t)text);
}

int fake_headers_copy(struct store_headers *dst,
                      const struct store_headers *src)
{
	struct store_meta *meta = calloc(src->meta_count + 1, sizeof(*meta));
	int status = meta ? 0 : -ENOMEM;

	*dst = (struct store_headers){
		.content_type = copy_text(src->content_type, &status),
		.content_encoding = copy_text(src->content_encoding, &status),
		.cache_control = copy_text(src->cache_control, &status),
		.content_disposition =
			copy_text(src->content_disposition, &status),
		.meta = meta,
		.meta_count = meta ? src->meta_count : 0,
	};
	for (size_t i = 0; i < dst->meta_count; i++) {
		meta[i].name = copy_text(src->meta[i].name, &status);
		meta[i].value = copy_text(src->meta[i].value, &status);
	}
	if (status < 0)
		fake_headers_release(dst);
	return status;
}

void fake_headers_release(struct store_headers *headers)
{
	free_text(headers->content_type);
	free_text(headers->content_encoding);
	free_text(headers->cache_control);
	free_text(headers->content_disposition);
	for (size_t i = 0; i < headers->meta_count; i++) {
		free_text(headers->meta[i].name);
		free_text(headers->meta[i].value);
	}
	free((struct store_meta *)(uintptr_t)headers->meta);
	*headers = (struct store_headers){0};
}

struct fake_object *fake_object_new(const char *key, uint8_t *data,
                                    uint64_t size,
                                    const struct store_headers *headers,
                                    const char *etag)
{
	static const struct store_headers none;
	struct fake_object *object = calloc(1, sizeof(*object));
	uint8_t md5[MD5_SIZE];
	int r = 0;

	if (!object) {
		free(data);
		return NULL;
	}
	atomic_init(&object->refs, 1);
	object->data = data;
	object->size = size;
	object->key = strdup(key);
	if (etag)
		(void)str_copy(object->etag, sizeof(object->etag), etag);
	else
		r = digest_md5(data, size, md5);
	if (r == 0 && !etag)
		fake_etag(md5, 0, object->etag);
	if (r == 0)
		r = fake_headers_copy(&object->headers,
		                      headers ? headers : &none);
	if (r < 0 || !object->key) {
		fake_object_unref(object);
		return NULL;
	}
	return object;
}

struct fake_object *fake_object_ref(struct fake_object *object)
{
	atomic_fetch_add(&object->refs, 1);
	return object;
}

void fake_object_unref(struct fake_object *object)
{
	if (!object || atomic_fetch_sub(&object->refs, 1) > 1)
		return;

	fake_headers_release(&object->headers);
	free(object->data);
	free(object->key);
	free(object);
}

size_t fake_table_find(const struct fake_table *table, const char *key)
{
	size_t low = 0;
	size_t high = table->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(table->objects[middle]->key, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct fake_object *fake_table_get(const struct fake_table *table,
                                   const char *key)
{
	size_t i = fake_table_find(table, key);

	if (i == table->count || strcmp(table->objects[i]->key, key) != 0)
		return NULL;
	return table->objects[i];
}

/* Room for one more. */
static int table_grow(struct fake_table *table)
{
	size_t cap = table->cap ? 2 * table->cap : 16;
	struct fake_object **objects;

	if (table->count < table->cap)
		return 0;

	objects = realloc(table->objects, cap * sizeof(struct fake_object *));
	if (!objects)
		return -ENOMEM;
	table->objects = objects;
	table->cap = cap;
	return 0;
}

int fake_table_put(struct fake_table *table, struct fake_object *object)
{
	size_t i = fake_table_find(table, object->key);

	if (i < table->count && !strcmp(table->objects[i]->key, object->key)) {
		fake_object_unref(table->objects[i]);
		table->objects[i] = object;
		return 0;
	}
	if (table_grow(table) < 0) {
		fake_object_unref(object);
		return -ENOMEM;
	}
	memmove(table->objects + i + 1, table->objects + i,
	        (table->count - i) * sizeof(struct fake_object *));
	table->objects[i] = object;
	table->count++;
	return 0;
}

bool fake_table_remove(struct fake_table *table, const char *key)
{
	size_t i = fake_table_find(table, key);

	if (i == table->count || strcmp(table->objects[i]->key, key) != 0)
		return false;

	fake_object_unref(table->objects[i]);
	table->count--;
	memmove(table->objects + i, table->objects + i + 1,
	        (table->count - i) * sizeof(struct fake_object *));
	return true;
}

void fake_table_release(struct fake_table *table)
{
	for (size_t i = 0; i < table->count; i++)
		fake_object_unref(table->objects[i]);
	free(table->objects);
	*table = (struct fake_table){0};
}

void fake_etag(const uint8_t md5[16], unsigned parts, char *ret)
{
	char hex[2 * MD5_SIZE + 1];

	digest_hex(md5, MD5_SIZE, hex);
	if (parts)
		(void)snprintf(ret, STORE_ETAG_MAX, "\"%s-%u\"", hex, parts);
	else
		(void)snprintf(ret, STORE_ETAG_MAX, "\"%s\"", hex);
}

uint8_t *fake_flatten(const struct chain *chain, uint64_t *ret_size)
{
	uint64_t size = chain_size(chain);
	uint8_t *data = malloc(size + 1);

	if (!data)
		return NULL;

	(void)chain_read(chain, 0, data, size);
	*ret_size = size;
	return data;
}

time_t fake_now_locked(struct fake_store *fake)
{
	if (fake->clock)
		return clock_wall(fake->clock).tv_sec;
	return fake->now++;
}

const char *fake_reply_keep(struct fake_reply *reply, const char *text,
                            size_t len)
{
	char **texts = reply->texts;
	char *copy;

	/* Powers of two only: grows when the count reaches one. */
	if (!(reply->text_count & (reply->text_count - 1)))
		texts = realloc(texts,
		                (2 * reply->text_count + 1) * sizeof(char *));
	if (!texts)
		return NULL;
	reply->texts = texts;

	copy = strndup(text, len);
	if (copy)
		texts[reply->text_count++] = copy;
	return copy;
}

void fake_reply_release(struct fake_reply *reply)
{
	fake_object_unref(reply->object);
	free(reply->rows);
	for (size_t i = 0; i < reply->text_count; i++)
		free(reply->texts[i]);
	free(reply->texts);
}
