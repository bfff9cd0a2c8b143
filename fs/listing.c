/* SPDX-License-Identifier: MIT */
#include "listing.h"

#include "ask.h"
#include "base/lock.h"
#include "core.h"
#include "escape.h"
#include "inode.h"
#include "key.h"
#include "meta_record.h"

#include <stdio.h>
#include <string.h>

#define RANGE_LINES 256 /* in one range on disk */

/* The first page of one directory, under way. */
struct page {
	struct list link;  /* bucket->flights_lock: bucket->pages */
	struct list waits; /* bucket->flights_lock */
	struct ask ask;
	struct bucket *bucket;
	uint64_t moment;
	uint64_t asked_ms;
	char *dir;
	char *prefix;
};

bool listing_name(const struct listing *listing,
                  const struct store_entry *entry, const char **ret,
                  size_t *ret_len)
{
	return entry->key_len >= listing->prefix_len &&
	       entry->key_len <= ESCAPE_PATH_MAX &&
	       key_name(listing->prefix_len, entry->key, entry->key_len, ret,
	                ret_len);
}

bool listing_directory_follows(const struct listing *listing, const char *name,
                               size_t len, size_t from)
{
	const struct store_list *page = listing->page;
	bool odd = memmem(name, len, "%x", 2) != NULL;

	for (size_t i = from; i < page->count; i++) {
		const struct store_entry *entry = &page->entries[i];
		const char *other;
		size_t other_len;

		if (!listing_name(listing, entry, &other, &other_len))
			continue;
		if (other_len < len || memcmp(other, name, len) != 0) {
			/* Odd paths do not stand in their own order. */
			if (!odd && !escape_path_is_odd(entry->key))
				return false;
		} else if (entry->is_prefix && other_len == len) {
			return true;
		}
	}
	return false;
}

/* Put the i-th line of the page into the cache. */
static void learn_entry(const struct listing *listing, size_t i)
{
	const struct store_entry *entry = &listing->page->entries[i];
	struct bucket *bucket = listing->bucket;
	struct fs *fs = bucket->fs;
	char key[ESCAPE_PATH_MAX + sizeof(ESCAPE_ASIDE)];
	const struct meta_name name = {bucket->number, key};
	struct meta meta = {.fresh_ms = listing->asked_ms + bucket->ttl_ms};
	const char *base;
	size_t base_len;

	if (!listing_name(listing, entry, &base, &base_len))
		return;
	memcpy(key, entry->key, listing->prefix_len + base_len);
	key[listing->prefix_len + base_len] = 0;
	if (entry->is_prefix) {
		meta.kind = META_DIR;
		attr_of_dir(&fs->config, &fs->started, &meta.attr);
	} else {
		meta.kind = META_FILE;
		attr_from_entry(&fs->config, entry, &meta.attr);
		if (listing_directory_follows(listing, base, base_len, i + 1))
			memcpy(key + listing->prefix_len + base_len,
			       ESCAPE_ASIDE, sizeof(ESCAPE_ASIDE));
	}
	(void)meta_cache_put_line(fs->cache, &name, listing->moment, &meta);
	meta_release(&meta);
}

bool listing_key(const struct listing *listing, const struct store_entry *entry,
                 char ret[STORE_KEY_MAX + 1])
{
	size_t len = entry->key_len - listing->prefix_len;
	char path[STORE_KEY_MAX + 1];

	if (entry->key_len <= listing->prefix_len || len > STORE_KEY_MAX)
		return false;
	memcpy(path, entry->key + listing->prefix_len, len);
	path[len] = 0;
	if (escape_path_is_odd(path))
		return escape_to_key(path, ret) == 0;
	memcpy(ret, path, len + 1);
	return true;
}

static struct slice slice_of(const char *text)
{
	return (struct slice){(uint8_t *)(uintptr_t)text, strlen(text)};
}

/* What is in the writer goes to the disk: a range up to high, NULL = the end. */
static void keep_range(const struct listing *listing, const char *low,
                       const char *high, struct meta_range_writer *writer)
{
	struct bucket *bucket = listing->bucket;
	const struct meta_name dir = {bucket->number, listing->dir};
	const struct slice low_slice = slice_of(low);
	const struct slice high_slice = slice_of(high ? high : "");
	const struct meta_seen seen = {
		.moment = listing->moment,
		.asked_ms = listing->asked_ms,
		.low = &low_slice,
		.high = high ? &high_slice : NULL,
	};

	meta_cache_range(bucket->fs->cache, &dir, &seen, writer);
}

/* Add a line to what is kept. */
static void keep_line(struct meta_range_writer *writer, const char *key,
                      const struct store_entry *entry)
{
	struct meta_line line = {
		.name = key,
		.len = strlen(key),
		.is_dir = key[strlen(key) - 1] == '/',
		.size = entry->size,
		.modified = entry->mtime,
	};

	if (entry->etag)
		(void)str_copy(line.etag, sizeof(line.etag), entry->etag);
	meta_range_add(writer, &line);
}

/* The page as ranges for the disk. */
static void listing_keep(const struct listing *listing)
{
	const struct store_list *page = listing->page;
	struct meta_range_writer writer = {0};
	char low[STORE_KEY_MAX + 1] = "";
	char key[STORE_KEY_MAX + 1] = "";

	if (listing->after)
		(void)str_copy(low, sizeof(low), listing->after);
	for (size_t i = 0; i < page->count; i++) {
		if (!listing_key(listing, &page->entries[i], key))
			continue;
		keep_line(&writer, key, &page->entries[i]);
		if (writer.count < RANGE_LINES)
			continue;
		keep_range(listing, low, key, &writer);
		memcpy(low, key, sizeof(low));
	}
	if (!page->next_token)
		keep_range(listing, low, NULL, &writer);
	else if (writer.count > 0)
		keep_range(listing, low, key, &writer);
	else
		meta_range_release(&writer);
}

void listing_learn(const struct listing *listing)
{
	struct bucket *bucket = listing->bucket;
	struct meta_cache *cache = bucket->fs->cache;
	const struct meta_name dir = {bucket->number, listing->dir};
	const struct store_list *page = listing->page;

	for (size_t i = 0; i < page->count; i++)
		learn_entry(listing, i);
	if (!listing->cached && bucket->fs->disk)
		listing_keep(listing);
	if (!listing->first)
		return;
	if (page->next_token) {
		meta_cache_big(cache, &dir, listing->asked_ms + bucket->ttl_ms);
		return;
	}

	const struct meta_whole whole = {
		.moment = listing->moment,
		.fresh_ms = listing->asked_ms + bucket->negative_ms,
	};

	meta_cache_whole(cache, &dir, &whole);
}

/* Byte order of a line against a key, or against "key/". */
static int compare(const struct store_entry *entry, const char *key, bool slash)
{
	size_t len = strlen(key);
	size_t common = entry->key_len < len ? entry->key_len : len;
	int r = memcmp(entry->key, key, common);

	if (r != 0)
		return r;
	if (entry->key_len < len)
		return -1;
	if (!slash)
		return entry->key_len > len;
	if (entry->key_len == len)
		return -1;
	r = (unsigned char)entry->key[len] - '/';
	return r != 0 ? r : entry->key_len > len + 1;
}

/* Is the key (or with slash, "key/") in the page? */
static enum find_answer look(const struct store_list *page, const char *key,
                             bool slash, const struct store_entry **ret)
{
	bool odd = escape_path_is_odd(key);

	for (size_t i = 0; i < page->count; i++) {
		const struct store_entry *entry = &page->entries[i];
		int r = compare(entry, key, slash);

		if (r == 0) {
			*ret = entry;
			return FIND_YES;
		}
		/* Odd paths do not stand in their own order. */
		if (r > 0 && !odd && !escape_path_is_odd(entry->key))
			return FIND_NO;
	}
	return page->next_token ? FIND_UNDECIDED : FIND_NO;
}

/* Tell one who waits what he wanted to know. */
static void tell(struct page *page, struct page_wait *wait)
{
	const struct store_req *req = &page->ask.req;
	const struct store_entry *dir;

	wait->status = req->status;
	wait->entry = NULL;
	if (req->status < 0) {
		wait->err = req->err;
		wait->listed = FIND_FAILED;
		wait->dir = FIND_FAILED;
	} else {
		wait->listed = look(&req->list, wait->key, false, &wait->entry);
		wait->dir = look(&req->list, wait->key, true, &dir);
	}
	wait->done(wait);
}

static void page_free(struct page *page)
{
	if (!page)
		return;
	free(page->prefix);
	free(page->dir);
	free(page);
}

/* The page came, or failed: nobody joins any more; learn, tell, free. */
static void page_done(struct ask *ask)
{
	struct page *page = container_of(ask, struct page, ask);
	const struct listing listing = {
		.bucket = page->bucket,
		.dir = page->dir,
		.prefix_len = strlen(page->prefix),
		.moment = page->moment,
		.asked_ms = page->asked_ms,
		.first = true,
		.page = &ask->req.list,
	};

	(void)pthread_mutex_lock(&page->bucket->flights_lock);
	list_remove(&page->link);
	(void)pthread_mutex_unlock(&page->bucket->flights_lock);

	if (ask->req.status == 0)
		listing_learn(&listing);
	list_for_each_safe(pos, &page->waits)
		tell(page, container_of(pos, struct page_wait, link));
	page_free(page);
}

/* Join a page that is under way. */
static bool join_locked(struct bucket *bucket, struct page_wait *wait)
{
	const struct meta_name name = {bucket->number, wait->key};
	size_t len = key_parent_len(wait->key);

	list_for_each(pos, &bucket->pages) {
		struct page *page = container_of(pos, struct page, link);

		if (strlen(page->dir) != len ||
		    memcmp(page->dir, wait->key, len) != 0 ||
		    meta_cache_changed(bucket->fs->cache, &name, page->moment))
			continue;
		list_append(&page->waits, &wait->link);
		return true;
	}
	return false;
}

/* A page for the key's directory, not yet asked; NULL: out of memory. */
static struct page *page_new(struct bucket *bucket, const char *key)
{
	struct page *page = calloc(1, sizeof(*page));

	if (!page)
		return NULL;
	page->bucket = bucket;
	page->moment = meta_cache_moment(bucket->fs->cache);
	page->asked_ms = clock_ms(bucket->fs->parts.clock);
	page->dir = key_parent(key);
	page->prefix = page->dir ? key_as_dir(page->dir) : NULL;
	list_init(&page->waits);
	if (page->prefix)
		return page;
	page_free(page);
	return NULL;
}

void page_ask(struct bucket *bucket, struct page_wait *wait)
{
	struct page *page;

	(void)pthread_mutex_lock(&bucket->flights_lock);
	if (join_locked(bucket, wait)) {
		(void)pthread_mutex_unlock(&bucket->flights_lock);
		return;
	}
	page = page_new(bucket, wait->key);
	if (page) {
		list_append(&page->waits, &wait->link);
		list_append(&bucket->pages, &page->link);
	}
	(void)pthread_mutex_unlock(&bucket->flights_lock);

	if (!page) {
		wait->status = err_set(&wait->err, -ENOMEM, "out of memory");
		wait->listed = FIND_FAILED;
		wait->dir = FIND_FAILED;
		wait->done(wait);
		return;
	}
	page->ask.done = page_done;
	page->ask.req.verb = STORE_LIST;
	page->ask.req.list.prefix = page->prefix;
	page->ask.req.list.delimiter = "/";
	ask_submit(bucket, &page->ask);
}
