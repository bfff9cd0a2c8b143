/* SPDX-License-Identifier: MIT */
/*
 * The objects of a directory that is being renamed: what was listed, which
 * version of each was copied, what may go.
 *
 * Names are relative to the directory: "" is its own object, "a/b" a file
 * further down.  Not thread safe: whoever owns it has the lock.
 */
#ifndef PORTER_FS_MOVE_SET_H
#define PORTER_FS_MOVE_SET_H

#include "base/hash.h"
#include "s3/store.h"
#include "turn.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct move_entry {
	UT_hash_handle hh;
	uint64_t size;               /* bytes, as listed last */
	char etag[STORE_ETAG_MAX];   /* likewise */
	char copied[STORE_ETAG_MAX]; /* the version that was copied; "" = none */
	char copy_etag[STORE_ETAG_MAX]; /* of the copy */
	bool deleted;                   /* the old key is gone */
	struct turn *turn;              /* of the old key, malloc'ed; or NULL */
	char name[];
};

struct move_set {
	struct move_entry *table;
	struct move_entry **order; /* as they were first listed */
	size_t count;
	size_t cap;
};

void move_set_init(struct move_set *set);
/* Every turn must have been ended. */
void move_set_release(struct move_set *set);

/* An entry as a listing shows it now: found or made. NULL: out of memory. */
struct move_entry *move_set_see(struct move_set *set, const char *name,
                                const struct store_entry *seen);

struct move_entry *move_set_find(const struct move_set *set, const char *name);

/* Whether the version that was listed last is the one that was copied. */
bool move_entry_is_copied(const struct move_entry *entry);

#endif
