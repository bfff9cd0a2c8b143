/* SPDX-License-Identifier: MIT */
/*
 * The answers of the fake store to verbs on objects.
 *
 * Each takes the lock for as long as it looks at the table; bytes are moved
 * without it, out of counted objects.
 */
#include "base/digest.h"
#include "fake_data.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Bytes between two progress() calls of a GET. */
#define GET_STEP ((size_t)128 << 10)

/* Fails a request with a sentence of the key. */
#define FAIL(req, code, text)                                               \
	err_set(&(req)->err, (code), "%s '%s': %s",                         \
	        store_verb_name((req)->verb), (req)->key ? (req)->key : "", \
	        text)

/* Whether a condition names the ETag; quotes may be missing. */
static bool etag_equal(const char *condition, const char *etag)
{
	size_t len = strlen(condition);

	if (strcmp(condition, "*") == 0)
		return true;
	if (len >= 2 && condition[0] == '"') {
		condition++;
		len -= 2;
	}
	return strlen(etag) == len + 2 && !memcmp(etag + 1, condition, len);
}

/* Conditions of a read. */
static int check_read(struct store_req *req, const struct fake_object *object)
{
	if (!object)
		return FAIL(req, -ENOENT, "no such key");
	if (req->if_match && !etag_equal(req->if_match, object->etag))
		return FAIL(req, -ESTALE, "precondition failed");
	if (req->if_none_match && etag_equal(req->if_none_match, object->etag))
		return FAIL(req, -EEXIST, "not modified");
	return 0;
}

int fake_check_write(const struct store_req *req,
                     const struct fake_object *object, bool match,
                     bool none_match)
{
	if (match && req->if_match) {
		if (!object)
			return -ENOENT;
		if (!etag_equal(req->if_match, object->etag))
			return -ESTALE;
	}
	if (none_match && req->if_none_match && object &&
	    etag_equal(req->if_none_match, object->etag))
		return -EEXIST;
	return 0;
}

/* What a plain key tree says to a key: 0, -ENOTDIR or -EISDIR. */
static int check_tree_locked(const struct fake_store *fake, const char *key)
{
	char name[STORE_KEY_MAX + 2];
	size_t i;

	for (const char *p = strchr(key, '/'); p; p = strchr(p + 1, '/')) {
		memcpy(name, key, (size_t)(p - key));
		name[p - key] = '\0';
		if (p[1] && fake_table_get(&fake->table, name))
			return -ENOTDIR;
	}
	(void)str_copy(name, sizeof(name), key);
	strncat(name, "/", sizeof(name) - strlen(name) - 1);
	i = fake_table_find(&fake->table, name);
	return i < fake->table.count &&
	                       str_starts(fake->table.objects[i]->key, name)
	               ? -EISDIR
	               : 0;
}

int fake_check_key(struct fake_store *fake, struct store_req *req)
{
	int r = 0;

	if (!req->key || !*req->key)
		return FAIL(req, -EINVAL, "a key must not be empty");
	if (strlen(req->key) > STORE_KEY_MAX)
		return FAIL(req, -ENAMETOOLONG, "the key is too long");

	WITH_LOCK(&fake->lock);
	if (fake->limits.plain_key_tree)
		r = check_tree_locked(fake, req->key);
	return r < 0 ? FAIL(req, r, "file and directory at once") : 0;
}

/* What HEAD and GET say about an object; reply keeps it alive. */
static void fill_info(struct store_req *req, struct fake_object *object)
{
	struct object_info *info = &req->info;
	const char *dash = strchr(object->etag, '-');

	info->size = object->size;
	info->mtime.tv_sec = object->mtime;
	(void)str_copy(info->etag, sizeof(info->etag), object->etag);
	info->parts = dash ? (unsigned)strtoul(dash + 1, NULL, 10) : 0;
	info->headers = object->headers;
}

/* Shares the object a read is for, its conditions checked. */
static int find_for_read(struct fake_store *fake, struct store_req *req,
                         struct fake_reply *reply)
{
	struct fake_object *object;
	int r;

	WITH_LOCK(&fake->lock);
	object = fake_table_get(&fake->table, req->key);
	r = check_read(req, object);
	if (r == 0)
		reply->object = fake_object_ref(object);
	return r;
}

/* HEAD. */
static int answer_head(struct fake_store *fake, struct store_req *req,
                       struct fake_reply *reply)
{
	int r = find_for_read(fake, req, reply);

	if (r == 0)
		fill_info(req, reply->object);
	return r;
}

/* GET: told step by step, as a network would. */
static int answer_get(struct fake_store *fake, struct store_req *req,
                      struct fake_reply *reply)
{
	struct store_get *get = &req->get;
	uint64_t left;
	int r = find_for_read(fake, req, reply);

	get->received = 0;
	if (r < 0)
		return r;
	if (get->offset >= reply->object->size)
		return FAIL(req, -ESTALE, "the range is past the end");

	fill_info(req, reply->object);
	if (get->progress)
		get->progress(req);

	left = reply->object->size - get->offset;
	if (left > get->length)
		left = get->length;
	while (left > 0) {
		size_t step = left < GET_STEP ? (size_t)left : GET_STEP;

		(void)chain_write(&get->into, get->received,
		                  reply->object->data + get->offset +
		                          get->received,
		                  step);
		get->received += step;
		left -= step;
		if (get->progress)
			get->progress(req);
	}
	WITH_LOCK(&fake->lock);
	fake->stats.bytes_out += get->received;
	return 0;
}

/* Put a new object under the conditions of req; takes object. */
static int publish(struct fake_store *fake, struct store_req *req,
                   struct fake_object *object)
{
	const struct store_limits *limits = &fake->limits;
	bool copy = req->verb == STORE_COPY;
	int r;

	if (!object)
		return -ENOMEM;

	WITH_LOCK(&fake->lock);
	r = fake_check_write(
		req, fake_table_get(&fake->table, req->key),
		copy ? limits->copy_conditions : limits->put_if_match,
		copy ? limits->copy_conditions : limits->put_if_none_match);
	if (r < 0) {
		fake_object_unref(object);
		return FAIL(req, r, "precondition failed");
	}
	object->mtime = fake_now_locked(fake);
	(void)str_copy(req->info.etag, sizeof(req->info.etag), object->etag);
	return fake_table_put(&fake->table, object);
}

/* Bytes of names and values, as S3 counts them. */
static uint64_t meta_size(const struct store_headers *headers)
{
	uint64_t size = 0;

	for (size_t i = 0; i < headers->meta_count; i++)
		size += strlen(headers->meta[i].name) +
		        strlen(headers->meta[i].value);
	return size;
}

/* PUT. */
static int answer_put(struct fake_store *fake, struct store_req *req,
                      struct fake_reply *reply)
{
	uint64_t size;
	uint8_t *data;
	int r = fake_check_key(fake, req);

	(void)reply;
	if (r < 0)
		return r;
	if (chain_size(&req->put.body) > fake->limits.put_max)
		return FAIL(req, -EFBIG, "too large for one PUT");
	if (meta_size(&req->put.headers) > fake->limits.meta_max)
		return FAIL(req, -EINVAL, "too much user metadata");

	data = fake_flatten(&req->put.body, &size);
	if (!data)
		return -ENOMEM;
	return publish(fake, req,
	               fake_object_new(req->key, data, size, &req->put.headers,
	                               NULL));
}

int fake_copy_source(struct fake_store *fake, struct store_req *req,
                     struct fake_object **ret)
{
	bool whole = req->verb == STORE_COPY;
	struct object_store *store =
		whole ? req->copy.source : req->part.source;
	const char *key = whole ? req->copy.source_key : req->part.source_key;
	const char *match =
		whole ? req->copy.source_if_match : req->part.source_if_match;
	struct fake_store *source =
		store ? container_of(store, struct fake_store, store) : fake;
	struct fake_object *object;

	if (source->store.ops != fake->store.ops)
		return FAIL(req, -EXDEV, "the source is no fake store");

	WITH_LOCK(&source->lock);
	object = fake_table_get(&source->table, key);
	if (!object)
		return FAIL(req, -ENOENT, "no such source");
	if (match && fake->limits.copy_source_match &&
	    !etag_equal(match, object->etag))
		return FAIL(req, -ESTALE, "the source has changed");
	*ret = fake_object_ref(object);
	return 0;
}

uint8_t *fake_bytes(const struct fake_object *object, uint64_t offset,
                    uint64_t length)
{
	uint8_t *data = malloc(length + 1);

	if (data)
		memcpy(data, object->data + offset, length);
	return data;
}

/* COPY. */
static int answer_copy(struct fake_store *fake, struct store_req *req,
                       struct fake_reply *reply)
{
	cleanup(fake_object_unrefp) struct fake_object *source = NULL;
	const struct store_headers *headers = &req->copy.headers;
	uint8_t *data;
	int r = fake_check_key(fake, req);

	(void)reply;
	if (r == 0)
		r = fake_copy_source(fake, req, &source);
	if (r < 0)
		return r;
	if (source->size > fake->limits.copy_max)
		return FAIL(req, -EFBIG, "too large for one copy");
	if (!req->copy.replace_headers)
		headers = &source->headers;
	if (meta_size(headers) > fake->limits.meta_max)
		return FAIL(req, -EINVAL, "too much user metadata");

	data = fake_bytes(source, 0, source->size);
	if (!data)
		return -ENOMEM;
	r = publish(fake, req,
	            fake_object_new(req->key, data, source->size, headers,
	                            NULL));
	if (r == 0) {
		WITH_LOCK(&fake->lock);
		fake->stats.bytes_copied += source->size;
	}
	return r;
}

/* DELETE: what is not there is gone already. */
static int answer_delete(struct fake_store *fake, struct store_req *req,
                         struct fake_reply *reply)
{
	int r;

	(void)reply;
	WITH_LOCK(&fake->lock);
	r = fake_check_write(req, fake_table_get(&fake->table, req->key),
	                     fake->limits.delete_if_match, false);
	if (r < 0)
		return FAIL(req, r, "precondition failed");

	(void)fake_table_remove(&fake->table, req->key);
	return 0;
}

/* DeleteObjects. */
static int answer_delete_many(struct fake_store *fake, struct store_req *req,
                              struct fake_reply *reply)
{
	const struct store_delete_many *many = &req->delete_many;

	(void)reply;
	if (many->count < 1 || many->count > STORE_BATCH_MAX)
		return FAIL(req, -EINVAL, "1 to 1000 keys, please");

	WITH_LOCK(&fake->lock);
	for (size_t i = 0; i < many->count; i++) {
		(void)fake_table_remove(&fake->table, many->keys[i]);
		many->results[i] = 0;
	}
	return 0;
}

/* One page of a listing being made. */
struct page {
	const struct store_list *list;
	struct fake_reply *reply;
	struct store_entry *entries;
	size_t count;
	size_t max;
};

/* Append the entry that object stands for; *ret_key is that entry's name. */
static int page_add(struct page *page, const struct fake_object *object,
                    const char **ret_key)
{
	const struct store_list *list = page->list;
	struct store_entry *entry = &page->entries[page->count];
	size_t len = strlen(object->key);
	const char *end = NULL;

	if (list->delimiter && *list->delimiter)
		end = strstr(object->key + strlen(list->prefix),
		             list->delimiter);
	if (end)
		len = (size_t)(end - object->key) + strlen(list->delimiter);

	entry->key = fake_reply_keep(page->reply, object->key, len);
	if (!entry->key)
		return -ENOMEM;
	entry->key_len = len;
	*ret_key = entry->key;
	page->count++;
	if (end) {
		entry->is_prefix = true;
		return 0;
	}
	entry->etag = fake_reply_keep(page->reply, object->etag,
	                              strlen(object->etag));
	entry->size = object->size;
	entry->mtime.tv_sec = object->mtime;
	entry->storage_class = "";
	return entry->etag ? 0 : -ENOMEM;
}

/* The first object whose entry comes after that of the name marker. */
static size_t after(const struct fake_table *table, const char *marker,
                    bool is_prefix)
{
	size_t i = fake_table_find(table, marker);

	while (i < table->count &&
	       (is_prefix ? str_starts(table->objects[i]->key, marker)
	                  : strcmp(table->objects[i]->key, marker) == 0))
		i++;
	return i;
}

/* Where a page begins: behind token or start_after, inside prefix. */
static size_t page_start(const struct fake_table *table,
                         const struct store_list *list)
{
	const char *marker = list->token ? list->token : list->start_after;
	const char *end = NULL;
	char group[STORE_KEY_MAX + 1];

	if (!marker || strcmp(marker, list->prefix) < 0)
		return fake_table_find(table, list->prefix);

	/* A marker inside a common prefix has left that prefix behind. */
	if (list->delimiter && *list->delimiter &&
	    str_starts(marker, list->prefix))
		end = strstr(marker + strlen(list->prefix), list->delimiter);
	if (!end)
		return after(table, marker, false);
	(void)str_copy(group, sizeof(group), marker);
	group[(size_t)(end - marker) + strlen(list->delimiter)] = '\0';
	return after(table, group, true);
}

/* Fill a page. Needs the lock. */
static int fill_page_locked(struct fake_store *fake, struct store_req *req,
                            struct page *page)
{
	const struct fake_table *table = &fake->table;
	const char *key = NULL;
	size_t i = page_start(table, page->list);

	while (i < table->count &&
	       str_starts(table->objects[i]->key, page->list->prefix)) {
		if (page->count == page->max) {
			req->list.next_token = key;
			break;
		}
		int r = page_add(page, table->objects[i], &key);

		if (r < 0)
			return r;
		i = page->entries[page->count - 1].is_prefix
		            ? after(table, key, true)
		            : i + 1;
	}
	return 0;
}

/* LIST; the token is simply the last entry's name. */
static int answer_list(struct fake_store *fake, struct store_req *req,
                       struct fake_reply *reply)
{
	struct store_list *list = &req->list;
	struct page page = {.list = list, .reply = reply, .max = 1000};
	int r;

	if (list->max_keys > 0 && list->max_keys < page.max)
		page.max = list->max_keys;
	if ((list->token && strlen(list->token) > STORE_KEY_MAX) ||
	    (list->start_after && strlen(list->start_after) > STORE_KEY_MAX))
		return FAIL(req, -EINVAL, "a marker is no key");
	page.entries = calloc(page.max, sizeof(*page.entries));
	reply->rows = page.entries;
	if (!page.entries)
		return -ENOMEM;

	list->next_token = NULL;
	WITH_LOCK(&fake->lock);
	r = fill_page_locked(fake, req, &page);
	list->entries = page.entries;
	list->count = page.count;
	return r;
}

/* Answers a verb. */
typedef int answer_fn(struct fake_store *fake, struct store_req *req,
                      struct fake_reply *reply);

static answer_fn *const answers[STORE_VERBS] = {
	[STORE_HEAD] = answer_head,
	[STORE_GET] = answer_get,
	[STORE_PUT] = answer_put,
	[STORE_COPY] = answer_copy,
	[STORE_DELETE] = answer_delete,
	[STORE_DELETE_MANY] = answer_delete_many,
	[STORE_LIST] = answer_list,
	[STORE_MPU_CREATE] = fake_mpu_create,
	[STORE_MPU_PART] = fake_mpu_part,
	[STORE_MPU_PART_COPY] = fake_mpu_part_copy,
	[STORE_MPU_COMPLETE] = fake_mpu_complete,
	[STORE_MPU_ABORT] = fake_mpu_abort,
	[STORE_MPU_LIST_PARTS] = fake_mpu_list_parts,
	[STORE_MPU_LIST] = fake_mpu_list,
};

int fake_answer(struct fake_store *fake, struct store_req *req,
                struct fake_reply *reply)
{
	int r;

	assert((unsigned)req->verb < STORE_VERBS);
	r = answers[req->verb](fake, req, reply);
	if (r < 0 && req->err.code == 0)
		(void)FAIL(req, r, err_name(r));
	return r;
}
