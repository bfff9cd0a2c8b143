/* SPDX-License-Identifier: MIT */
/*
 * What a bucket's names look like here but not (yet) at the store.
 *
 *   OVERLAY_LOCAL    a new file being written: shown, not stored
 *   OVERLAY_DIR      an implicit directory from which something was removed:
 *                    it stays here until rmdir, though the store may have no
 *                    key below it any more; so do its parents
 *   OVERLAY_HIDDEN   stored, but unlinked here while open: not shown
 *
 * One key has at most one state.  Any thread; a leaf in the order of locks.
 */
#ifndef PORTER_FS_OVERLAY_H
#define PORTER_FS_OVERLAY_H

#include "base/cleanup.h"

#include <stdbool.h>
#include <stddef.h>

struct overlay;

enum overlay_state {
	OVERLAY_NONE,
	OVERLAY_LOCAL,
	OVERLAY_DIR,
	OVERLAY_HIDDEN,
};

int overlay_new(struct overlay **ret);
void overlay_free(struct overlay *overlay);
DEFINE_CLEANUP(struct overlay *, overlay_free);

/* OVERLAY_NONE takes the key out. Returns 0 or -ENOMEM. */
int overlay_set(struct overlay *overlay, const char *key,
                enum overlay_state state);

/* Take the key out if it has that state. */
void overlay_clear(struct overlay *overlay, const char *key,
                   enum overlay_state state);

enum overlay_state overlay_get(struct overlay *overlay, const char *key);

/* OVERLAY_DIR for dir and its parents ("" = the root: nothing to do). */
int overlay_keep_dir(struct overlay *overlay, const char *dir);

/*
 * A directory was renamed: it and what is LOCAL or DIR below it go to the new
 * name; HIDDEN ones stay where their object is. 0 or -ENOMEM.
 */
int overlay_move(struct overlay *overlay, const char *from, const char *to);

/* How many direct children of dir have that state. */
size_t overlay_count(struct overlay *overlay, const char *dir,
                     enum overlay_state state);

/* How many keys anywhere below dir have that state. */
size_t overlay_count_below(struct overlay *overlay, const char *dir,
                           enum overlay_state state);

/*
 * The direct children of dir that are LOCAL or DIR: an array of malloc'ed
 * names (last component, DIR's with a trailing slash) in byte order, the
 * caller's.  Returns the count or -ENOMEM.
 */
int overlay_children(struct overlay *overlay, const char *dir, char ***ret);

#endif
