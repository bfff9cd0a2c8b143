/* SPDX-License-Identifier: MIT */
/*
 * Two tables: every key with its state, and for each directory the list of
 * its direct children among them, so that neither a lookup nor a listing
 * walks what does not concern it.
 */
#include "overlay.h"

#include "base/hash.h"
#include "base/list.h"
#include "base/lock.h"
#include "key.h"

#include <stdio.h>
#include <string.h>

/* A directory with children in the overlay. */
struct overlay_parent {
	UT_hash_handle hh;
	struct list children; /* of overlay_item */
	char key[];
};

struct overlay_item {
	UT_hash_handle hh;
	struct list link; /* parent->children */
	struct overlay_parent *parent;
	enum overlay_state state;
	char key[];
};

struct overlay {
	pthread_mutex_t lock;
	struct overlay_item *items;     /* lock */
	struct overlay_parent *parents; /* lock */
};

int overlay_new(struct overlay **ret)
{
	struct overlay *overlay = calloc(1, sizeof(*overlay));

	if (!overlay)
		return -ENOMEM;
	(void)pthread_mutex_init(&overlay->lock, NULL);
	*ret = overlay;
	return 0;
}

/* Take an item out, and its parent when that was the last child. */
static void remove_locked(struct overlay *overlay, struct overlay_item *item)
{
	struct overlay_parent *parent = item->parent;

	HASH_DEL(overlay->items, item);
	list_remove(&item->link);
	free(item);
	if (!list_empty(&parent->children))
		return;
	HASH_DEL(overlay->parents, parent);
	free(parent);
}

void overlay_free(struct overlay *overlay)
{
	if (!overlay)
		return;
	while (overlay->items)
		remove_locked(overlay, overlay->items);
	(void)pthread_mutex_destroy(&overlay->lock);
	free(overlay);
}

static struct overlay_item *find_locked(struct overlay *overlay,
                                        const char *key)
{
	struct overlay_item *item;

	HASH_FIND_STR(overlay->items, key, item);
	return item;
}

/* The parent entry for a key's directory, made if need be; NULL: no memory. */
static struct overlay_parent *parent_locked(struct overlay *overlay,
                                            const char *key)
{
	size_t len = key_parent_len(key);
	struct overlay_parent *parent;

	HASH_FIND(hh, overlay->parents, key, len, parent);
	if (parent)
		return parent;

	parent = calloc(1, sizeof(*parent) + len + 1);
	if (!parent)
		return NULL;
	memcpy(parent->key, key, len);
	list_init(&parent->children);
	HASH_ADD_KEYPTR(hh, overlay->parents, parent->key, len, parent);
	if (!parent->hh.tbl) {
		free(parent);
		return NULL;
	}
	return parent;
}

/* Add a key that is in no table. */
static int add_locked(struct overlay *overlay, const char *key,
                      enum overlay_state state)
{
	size_t len = strlen(key);
	struct overlay_item *item = calloc(1, sizeof(*item) + len + 1);

	if (!item)
		return -ENOMEM;
	memcpy(item->key, key, len);
	item->state = state;
	HASH_ADD_KEYPTR(hh, overlay->items, item->key, len, item);
	if (!item->hh.tbl) {
		free(item);
		return -ENOMEM;
	}
	item->parent = parent_locked(overlay, key);
	if (!item->parent) {
		HASH_DEL(overlay->items, item);
		free(item);
		return -ENOMEM;
	}
	list_append(&item->parent->children, &item->link);
	return 0;
}

/* overlay_set() under the lock. */
static int set_locked(struct overlay *overlay, const char *key,
                      enum overlay_state state)
{
	struct overlay_item *item = find_locked(overlay, key);

	if (state == OVERLAY_NONE) {
		if (item)
			remove_locked(overlay, item);
		return 0;
	}
	if (!item)
		return add_locked(overlay, key, state);
	item->state = state;
	return 0;
}

int overlay_set(struct overlay *overlay, const char *key,
                enum overlay_state state)
{
	WITH_LOCK(&overlay->lock);

	return set_locked(overlay, key, state);
}

void overlay_clear(struct overlay *overlay, const char *key,
                   enum overlay_state state)
{
	WITH_LOCK(&overlay->lock);
	struct overlay_item *item = find_locked(overlay, key);

	if (item && item->state == state)
		remove_locked(overlay, item);
}

enum overlay_state overlay_get(struct overlay *overlay, const char *key)
{
	WITH_LOCK(&overlay->lock);
	struct overlay_item *item = find_locked(overlay, key);

	return item ? item->state : OVERLAY_NONE;
}

int overlay_keep_dir(struct overlay *overlay, const char *dir)
{
	WITH_LOCK(&overlay->lock);
	cleanup(freep) char *key = strdup(dir);
	int r = 0;

	if (!key)
		return -ENOMEM;
	while (key[0] && r == 0) {
		struct overlay_item *item = find_locked(overlay, key);

		if (item && item->state == OVERLAY_DIR)
			break;
		r = set_locked(overlay, key, OVERLAY_DIR);
		key[key_parent_len(key)] = 0;
	}
	return r;
}

/* The key that an item gets by a rename, malloc'ed; NULL: no memory. */
static char *moved_key(const struct overlay_item *item, const char *from,
                       const char *to)
{
	const char *rest = item->key + strlen(from);
	size_t len = strlen(to) + strlen(rest) + 1;
	char *key = malloc(len);

	if (key)
		(void)snprintf(key, len, "%s%s", to, rest);
	return key;
}

int overlay_move(struct overlay *overlay, const char *from, const char *to)
{
	WITH_LOCK(&overlay->lock);
	struct overlay_item *item;
	struct overlay_item *next;

	for (item = overlay->items; item; item = next) {
		cleanup(freep) char *key = NULL;

		next = item->hh.next;
		if (item->state == OVERLAY_HIDDEN ||
		    (strcmp(item->key, from) != 0 &&
		     !key_below(item->key, from)))
			continue;
		key = moved_key(item, from, to);
		if (!key || set_locked(overlay, key, item->state) < 0)
			return -ENOMEM;
		remove_locked(overlay, item);
	}
	return 0;
}

size_t overlay_count(struct overlay *overlay, const char *dir,
                     enum overlay_state state)
{
	WITH_LOCK(&overlay->lock);
	struct overlay_parent *parent;
	size_t count = 0;

	HASH_FIND_STR(overlay->parents, dir, parent);
	if (!parent)
		return 0;
	list_for_each(pos, &parent->children)
		if (container_of(pos, struct overlay_item, link)->state ==
		    state)
			count++;
	return count;
}

size_t overlay_count_below(struct overlay *overlay, const char *dir,
                           enum overlay_state state)
{
	WITH_LOCK(&overlay->lock);
	size_t count = 0;

	for (struct overlay_item *i = overlay->items; i; i = i->hh.next)
		if (i->state == state && key_below(i->key, dir))
			count++;
	return count;
}

/* The name of a child as overlay_children() gives it; NULL: no memory. */
static char *child_name(const struct overlay_item *item)
{
	const char *base = key_base(item->key);

	return item->state == OVERLAY_DIR ? key_as_dir(base) : strdup(base);
}

/* Byte order of two names. */
static int by_text(const void *a, const void *b)
{
	const char *const *x = a;
	const char *const *y = b;

	return strcmp(*x, *y);
}

int overlay_children(struct overlay *overlay, const char *dir, char ***ret)
{
	WITH_LOCK(&overlay->lock);
	struct overlay_parent *parent;
	size_t count = 0;
	int filled = 0;

	*ret = NULL;
	HASH_FIND_STR(overlay->parents, dir, parent);
	if (!parent)
		return 0;
	list_for_each(pos, &parent->children)
		count++;

	char **names = calloc(count, sizeof(*names));

	if (!names)
		return -ENOMEM;
	list_for_each(pos, &parent->children) {
		struct overlay_item *item =
			container_of(pos, struct overlay_item, link);

		if (item->state == OVERLAY_HIDDEN)
			continue;
		names[filled] = child_name(item);
		if (!names[filled++])
			goto fail;
	}
	qsort(names, (size_t)filled, sizeof(*names), by_text);
	*ret = names;
	return filled;

fail:
	while (filled > 0)
		free(names[--filled]);
	free(names);
	return -ENOMEM;
}
