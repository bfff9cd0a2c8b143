/* SPDX-License-Identifier: MIT */
#include "move_set.h"

#include "base/str.h"

#include <stdlib.h>
#include <string.h>

void move_set_init(struct move_set *set)
{
	*set = (struct move_set){0};
}

void move_set_release(struct move_set *set)
{
	HASH_CLEAR(hh, set->table);
	for (size_t i = 0; i < set->count; i++)
		free(set->order[i]);
	free(set->order);
	*set = (struct move_set){0};
}

struct move_entry *move_set_find(const struct move_set *set, const char *name)
{
	struct move_entry *entry;

	HASH_FIND_STR(set->table, name, entry);
	return entry;
}

/* Room for one more. */
static bool grow(struct move_set *set)
{
	size_t cap = set->cap ? set->cap * 2 : 64;
	struct move_entry **order;

	if (set->count < set->cap)
		return true;
	order = reallocarray(set->order, cap, sizeof(struct move_entry *));
	if (!order)
		return false;
	set->order = order;
	set->cap = cap;
	return true;
}

/* A new entry at the end. */
static struct move_entry *add(struct move_set *set, const char *name)
{
	size_t len = strlen(name);
	struct move_entry *entry = calloc(1, sizeof(*entry) + len + 1);

	if (!entry || !grow(set))
		goto fail;
	memcpy(entry->name, name, len);
	HASH_ADD_KEYPTR(hh, set->table, entry->name, len, entry);
	if (!entry->hh.tbl)
		goto fail;
	set->order[set->count++] = entry;
	return entry;

fail:
	free(entry);
	return NULL;
}

struct move_entry *move_set_see(struct move_set *set, const char *name,
                                const struct store_entry *seen)
{
	struct move_entry *entry = move_set_find(set, name);

	if (!entry)
		entry = add(set, name);
	if (!entry)
		return NULL;
	entry->size = seen->size;
	entry->deleted = false;
	(void)str_copy(entry->etag, sizeof(entry->etag), seen->etag);
	return entry;
}

bool move_entry_is_copied(const struct move_entry *entry)
{
	return entry->copied[0] && strcmp(entry->copied, entry->etag) == 0;
}
