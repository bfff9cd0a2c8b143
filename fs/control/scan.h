/* SPDX-License-Identifier: MIT */
/*
 * All objects below a prefix, one after the other, in byte order of their keys.
 *
 * Pages of the listing are copied out of the store's reply; while one is walked
 * the next is on its way.  Memory: two pages.  For threads that may block, one
 * at a time.
 */
#ifndef PORTER_CONTROL_SCAN_H
#define PORTER_CONTROL_SCAN_H

#include "base/cleanup.h"
#include "base/err.h"
#include "copy_filter.h"

struct object_store;
struct scan;

/* Borrows the store, copies prefix. Returns 0 or -ENOMEM. */
int scan_new(struct object_store *store, const char *prefix, struct scan **ret);
/* Waits for the page that is on its way. NULL is fine. */
void scan_free(struct scan *scan);
DEFINE_CLEANUP(struct scan *, scan_free);

/*
 * The next object; names are without the prefix, borrowed until the next call.
 * 1; 0 = there are no more; negative errno with a story.  The object named as
 * the prefix itself has the name "".
 */
int scan_next(struct scan *scan, struct copy_entry *ret, struct err *reterr);

/* The whole key of the last one. */
const char *scan_key(const struct scan *scan);

/* LIST requests so far. */
unsigned scan_requests(const struct scan *scan);

#endif
