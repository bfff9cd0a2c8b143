/* SPDX-License-Identifier: MIT */
/*
 * Reading attributes ahead: whoever walks a directory in the order it was
 * listed (ls -l, cp -r, rsync, tar) gets the HEADs of the next names before it
 * asks.
 *
 * A walk remembers the names that the last listing of a directory gave, a
 * bounded number of them.  Each lookup tells where in it the walker is: one
 * step further makes the window grow, up to 128 HEADs under way, anything else
 * makes it collapse.
 *
 * Any thread; hold no lock.
 */
#ifndef PORTER_FS_WALK_H
#define PORTER_FS_WALK_H

#include "base/cleanup.h"

#include <stddef.h>
#include <stdint.h>

struct bucket;
struct walks;

int walks_new(struct bucket *bucket, struct walks **ret);
void walks_free(struct walks *walks);

/*
 * A listing of dir begins (again): what was remembered of it is forgotten.
 * Returns a ticket for walks_add(), which a later listing makes void.
 */
uint64_t walks_begin(struct walks *walks, const char *dir);

/* It gave a name, directories with a slash behind; in byte order. */
void walks_add(struct walks *walks, const char *dir, uint64_t ticket,
               const char *name);

/* Somebody asks about name in dir: note the step, ask ahead. */
void walks_step(struct walks *walks, const char *dir, const char *name);

#endif
