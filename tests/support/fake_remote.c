/* SPDX-License-Identifier: MIT */
/* The fake store's remote client, and what tests ask about its contents. */
#include "fake_data.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

char *fake_store_transcript(struct fake_store *fake)
{
	WITH_LOCK(&fake->lock);
	return strdup(str_text(&fake->transcript));
}

char *fake_store_take_transcript(struct fake_store *fake)
{
	char *text;

	WITH_LOCK(&fake->lock);
	text = strdup(str_text(&fake->transcript));
	str_reset(&fake->transcript);
	return text;
}

void fake_store_get_stats(struct fake_store *fake, struct fake_stats *ret)
{
	WITH_LOCK(&fake->lock);
	*ret = fake->stats;
}

int fake_store_put(struct fake_store *fake, const char *key, const void *data,
                   size_t len, const struct store_headers *headers)
{
	uint8_t *copy = malloc(len + 1);
	struct fake_object *object;

	if (!copy)
		return -ENOMEM;
	if (len > 0)
		memcpy(copy, data, len);
	object = fake_object_new(key, copy, len, headers, NULL);
	if (!object)
		return -ENOMEM;

	WITH_LOCK(&fake->lock);
	object->mtime = fake_now_locked(fake);
	return fake_table_put(&fake->table, object);
}

int fake_store_put_text(struct fake_store *fake, const char *key,
                        const char *text)
{
	return fake_store_put(fake, key, text, strlen(text), NULL);
}

int fake_store_get(struct fake_store *fake, const char *key, struct str *ret)
{
	struct fake_object *object;

	WITH_LOCK(&fake->lock);
	object = fake_table_get(&fake->table, key);
	if (!object)
		return -ENOENT;
	str_add_mem(ret, object->data, object->size);
	return str_status(ret);
}

int fake_store_stat(struct fake_store *fake, const char *key,
                    struct object_info *ret)
{
	struct fake_object *object;
	const char *dash;

	WITH_LOCK(&fake->lock);
	object = fake_table_get(&fake->table, key);
	if (!object)
		return -ENOENT;

	*ret = (struct object_info){
		.size = object->size,
		.mtime.tv_sec = object->mtime,
	};
	(void)str_copy(ret->etag, sizeof(ret->etag), object->etag);
	dash = strchr(object->etag, '-');
	ret->parts = dash ? (unsigned)strtoul(dash + 1, NULL, 10) : 0;
	return 0;
}

/* The header or metadata of that name, borrowed, or NULL. */
static const char *find_header(const struct store_headers *headers,
                               const char *name)
{
	if (strcmp(name, "content-type") == 0)
		return headers->content_type;
	if (strcmp(name, "content-encoding") == 0)
		return headers->content_encoding;
	if (strcmp(name, "cache-control") == 0)
		return headers->cache_control;
	if (strcmp(name, "content-disposition") == 0)
		return headers->content_disposition;
	for (size_t i = 0; i < headers->meta_count; i++) {
		if (strcmp(headers->meta[i].name, name) == 0)
			return headers->meta[i].value;
	}
	return NULL;
}

char *fake_store_header(struct fake_store *fake, const char *key,
                        const char *name)
{
	struct fake_object *object;
	const char *value = NULL;

	WITH_LOCK(&fake->lock);
	object = fake_table_get(&fake->table, key);
	if (object)
		value = find_header(&object->headers, name);
	return value ? strdup(value) : NULL;
}

int fake_store_delete(struct fake_store *fake, const char *key)
{
	WITH_LOCK(&fake->lock);
	return fake_table_remove(&fake->table, key) ? 0 : -ENOENT;
}

char *fake_store_list(struct fake_store *fake)
{
	struct str text = {0};

	WITH_LOCK(&fake->lock);
	str_add(&text, "");
	for (size_t i = 0; i < fake->table.count; i++)
		str_addf(&text, "%s %" PRIu64 "\n", fake->table.objects[i]->key,
		         fake->table.objects[i]->size);
	return str_take(&text);
}

size_t fake_store_count(struct fake_store *fake)
{
	WITH_LOCK(&fake->lock);
	return fake->table.count;
}

size_t fake_store_open_uploads(struct fake_store *fake)
{
	size_t count = 0;

	WITH_LOCK(&fake->lock);
	list_for_each(node, &fake->uploads)
		count++;
	return count;
}

size_t fake_store_open_parts(struct fake_store *fake, const char *key)
{
	size_t count = 0;

	WITH_LOCK(&fake->lock);
	list_for_each(node, &fake->uploads) {
		struct fake_upload *upload =
			container_of(node, struct fake_upload, link);

		if (strcmp(upload->key, key) == 0)
			count += upload->count;
	}
	return count;
}
