/* SPDX-License-Identifier: MIT */
/*
 * The truth about one name: from the cache, or from the store in as few
 * questions as it takes (find_rule.h), asked once however many want to know.
 *
 * What is only here counts too: a hidden name is absent, a remembered directory
 * is there.  Local files are not found: their inode is the truth (lookup.c).
 */
#ifndef PORTER_FS_FIND_H
#define PORTER_FS_FIND_H

#include "base/list.h"
#include "meta_cache.h"

struct bucket;

struct find {
	/* Filled by the caller, its memory until done(). */
	struct bucket *bucket;
	const char *key; /* borrowed until done() */
	bool alone;      /* a known file is looked at: its neighbours perhaps
	                    not (getattr) */
	void (*done)(struct find *find); /* once, any thread, no lock held */

	/* Valid from done() on. */
	int status; /* 0, -ENOENT: the store said so, or a failure */
	struct err err;
	struct meta meta; /* find_release() drops it; fresh_ms for -ENOENT too */
	uint64_t moment;  /* before the store was asked */

	struct list link; /* find.c */
};

/* Hold no lock; done() may run before this returns. */
void find_start(struct find *find);
static inline void find_release(struct find *find)
{
	meta_release(&find->meta);
}

#endif
