/* SPDX-License-Identifier: MIT */
/*
 * LIST: a walk over the tree in byte order of keys.
 *
 * It enters only directories that the prefix and the marker (token or
 * start_after) leave in question, and with the delimiter none at all: a
 * directory is then one entry, if any object is in it.  The token is the last
 * entry's name, so a page begins with the first entry behind it; one that lies
 * inside a common prefix has left that prefix behind.
 */
#include "local_store.h"

#include <errno.h>
#include <string.h>

#define PAGE_MAX 1000 /* entries */

/* A listing under way; keys are whole ones of the bucket. */
struct walk {
	struct local_op *op;
	char prefix[STORE_KEY_MAX + 1];
	char marker[STORE_KEY_MAX + 1]; /* "" = none: every key is above it */
	bool delimited;
	size_t max;
	struct store_entry *rows;
	size_t texts[PAGE_MAX]; /* where in the reply's texts a row's key is */
	size_t count;
	struct str key; /* of the directory that the walk is in */
};

/* Append a row. */
static void add_row(struct walk *walk, const char *key,
                    const struct local_meta *meta)
{
	struct store_entry *row = &walk->rows[walk->count];
	struct str *texts = &walk->op->reply.texts;

	walk->texts[walk->count++] = texts->len;
	row->key_len = strlen(key);
	row->is_prefix = !meta;
	str_add_mem(texts, key, row->key_len + 1);
	if (!meta)
		return;
	row->size = meta->size;
	row->mtime = meta->mtime;
	row->storage_class = "";
	str_add_mem(texts, meta->etag, strlen(meta->etag) + 1);
}

/* An object. Returns 1 when the page is full and there is more, 0 or -errno. */
static int visit_object(struct walk *walk, const char *key)
{
	struct local_store *local = walk->op->local;
	cleanup(local_meta_freep) struct local_meta *meta = NULL;
	cleanup(closep) int fd = -1;
	int r;

	if (strlen(key) == local->prefix_len)
		return 0; /* the store's prefix itself is no key of it */
	fd = local_open_key(local, key);
	if (fd == -ENOENT)
		return 0; /* it has just gone */
	if (fd < 0)
		return fd;
	if (walk->count == walk->max)
		return 1;
	r = local_meta_read(fd, &meta);
	if (r == -EIO) /* its metadata are damaged: it still is there */
		r = local_meta_read_bare(fd, &meta);
	if (r < 0)
		return r;
	add_row(walk, key + local->prefix_len, meta);
	return 0;
}

/* A common prefix. Returns as visit_object(). */
static int visit_prefix(struct walk *walk, const char *key)
{
	struct local_store *local = walk->op->local;
	char path[LOCAL_PATH_MAX];
	int r = local_path_of_dir(key, path);

	if (r == 0)
		r = local_has_objects(local, path);
	if (r <= 0)
		return r;
	if (walk->count == walk->max)
		return 1;
	add_row(walk, key + local->prefix_len, NULL);
	return 0;
}

/* Compare an entry's text with another one. */
static int compare(const struct local_level *level,
                   const struct local_entry *entry, const char *text)
{
	size_t len = strlen(text);
	int order = memcmp(local_entry_text(level, entry), text,
	                   entry->len < len ? entry->len : len);

	return order ? order : (entry->len > len) - (entry->len < len);
}

/* Index of the first entry > text, or >= text. */
static size_t find(const struct local_level *level, const char *text,
                   bool or_equal)
{
	size_t low = 0;
	size_t high = level->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = compare(level, &level->entries[middle], text);

		if (order < 0 || (order == 0 && !or_equal))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Whether text begins with an entry's. */
static bool begins_with(const struct local_level *level,
                        const struct local_entry *entry, const char *text)
{
	return strncmp(text, local_entry_text(level, entry), entry->len) == 0;
}

/* The first entry that prefix and marker leave. rest: prefix inside here. */
static size_t first_entry(const struct walk *walk,
                          const struct local_level *level, const char *rest)
{
	const char *here = str_text(&walk->key);
	size_t first = find(level, rest, true);
	size_t behind;

	if (!*walk->marker || !str_starts(walk->marker, here))
		return first;

	const char *marker = walk->marker + walk->key.len;

	behind = find(level, marker, false);
	/* The directory that the marker is in is not done yet. */
	if (behind > 0 && !walk->delimited &&
	    level->entries[behind - 1].is_dir &&
	    begins_with(level, &level->entries[behind - 1], marker))
		behind--;
	return behind > first ? behind : first;
}

static int walk_dir(struct walk *walk, const char *rest);

/* One entry: walk->key is that of the directory and is put back. */
static int visit(struct walk *walk, const struct local_level *level,
                 const struct local_entry *entry)
{
	size_t len = walk->key.len;
	int r = local_check_cancel(walk->op);

	if (r < 0 || len + entry->len > STORE_KEY_MAX)
		return r;
	str_add_mem(&walk->key, local_entry_text(level, entry), entry->len);
	if (str_status(&walk->key) < 0)
		return -ENOMEM;
	if (!entry->is_dir)
		r = visit_object(walk, walk->key.data);
	else if (walk->delimited)
		r = visit_prefix(walk, walk->key.data);
	else
		r = walk_dir(walk, "");
	walk->key.len = len;
	walk->key.data[len] = '\0';
	return r;
}

/* The directory of walk->key; its entries begin with rest. */
static int walk_dir(struct walk *walk, const char *rest)
{
	cleanup(local_level_unrefp) struct local_level *level = NULL;
	cleanup(freep) char *path = malloc(LOCAL_PATH_MAX);
	int r;

	if (!path)
		return -ENOMEM;
	r = local_path_of_dir(str_text(&walk->key), path);
	if (r == 0)
		r = local_level_read(walk->op->local, path, &level);
	if (r < 0)
		return r;
	for (size_t i = first_entry(walk, level, rest);
	     r == 0 && i < level->count; i++) {
		const struct local_entry *entry = &level->entries[i];

		if (entry->len < strlen(rest) ||
		    memcmp(local_entry_text(level, entry), rest,
		           strlen(rest)) != 0)
			break;
		r = visit(walk, level, entry);
	}
	return r;
}

/* Prefix and marker as whole keys. Returns 1 if nothing can be listed. */
static int prepare(struct walk *walk)
{
	struct local_op *op = walk->op;
	const struct store_list *list = &op->req->list;
	const char *own = op->local->prefix;
	const char *marker = list->token ? list->token : list->start_after;
	const char *prefix = list->prefix ? list->prefix : "";

	if (list->delimiter && strcmp(list->delimiter, "/") != 0 &&
	    *list->delimiter)
		return local_fail(op, -EINVAL, "the only delimiter is /");
	walk->delimited = list->delimiter && *list->delimiter;

	if (op->local->prefix_len + strlen(prefix) > STORE_KEY_MAX)
		return 1;
	(void)str_copy(walk->prefix, sizeof(walk->prefix), own);
	(void)strncat(walk->prefix, prefix, STORE_KEY_MAX);
	if (!marker)
		return 0;
	if (op->local->prefix_len + strlen(marker) > STORE_KEY_MAX)
		return local_fail(op, -EINVAL, "a marker is no key");
	(void)str_copy(walk->marker, sizeof(walk->marker), own);
	(void)strncat(walk->marker, marker, STORE_KEY_MAX);

	if (str_starts(walk->marker, walk->prefix))
		return 0;
	if (strcmp(walk->marker, walk->prefix) > 0)
		return 1;
	walk->marker[0] = '\0';
	return 0;
}

/* Make the reply out of the rows. */
static int finish(struct walk *walk, bool more)
{
	struct store_list *list = &walk->op->req->list;
	const struct str *texts = &walk->op->reply.texts;

	if (str_status(texts) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < walk->count; i++) {
		struct store_entry *row = &walk->rows[i];

		row->key = texts->data + walk->texts[i];
		if (!row->is_prefix)
			row->etag = row->key + row->key_len + 1;
	}
	list->entries = walk->rows;
	list->count = walk->count;
	if (more)
		list->next_token = walk->rows[walk->count - 1].key;
	return 0;
}

/* Walk from the directory that the prefix is in. */
static int start(struct walk *walk)
{
	const char *slash = strrchr(walk->prefix, '/');
	size_t len = slash ? (size_t)(slash - walk->prefix) + 1 : 0;

	str_add_mem(&walk->key, walk->prefix, len);
	if (str_status(&walk->key) < 0)
		return -ENOMEM;
	return walk_dir(walk, walk->prefix + len);
}

int local_list(struct local_op *op)
{
	struct store_list *list = &op->req->list;
	cleanup(freep) struct walk *walk = calloc(1, sizeof(*walk));
	int r;

	list->entries = NULL;
	list->count = 0;
	list->next_token = NULL;
	if (!walk)
		return -ENOMEM;
	walk->op = op;
	walk->max = list->max_keys > 0 && list->max_keys < PAGE_MAX
	                    ? list->max_keys
	                    : PAGE_MAX;
	r = prepare(walk);
	if (r != 0)
		return r < 0 ? r : 0;
	walk->rows = calloc(walk->max, sizeof(*walk->rows));
	op->reply.rows = walk->rows;
	if (!walk->rows)
		return -ENOMEM;

	r = start(walk);
	str_release(&walk->key);
	if (r >= 0)
		r = finish(walk, r == 1);
	return r < 0 ? local_fail_errno(op, r, "listing it") : 0;
}
