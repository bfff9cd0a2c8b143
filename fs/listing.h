/* SPDX-License-Identifier: MIT */
/*
 * Pages of a directory's listing, and what they teach the cache.
 */
#ifndef PORTER_FS_LISTING_H
#define PORTER_FS_LISTING_H

#include "base/list.h"
#include "find_rule.h"
#include "s3/store.h"

#include <stdbool.h>
#include <stdint.h>

struct bucket;

/* A page that came: what it was asked for, and when. */
struct listing {
	struct bucket *bucket;
	const char *dir;   /* the directory's key */
	size_t prefix_len; /* of "dir/", which was listed */
	uint64_t moment;   /* of the cache, before it was asked */
	uint64_t asked_ms;
	bool first;        /* from the beginning */
	bool cached;       /* the cache gave it */
	const char *after; /* the key it goes on behind, as listing_key() has
	                      it; NULL = from the beginning */
	const struct store_list *page;
};

/*
 * Put every name of the page into the cache.  A first page that is the whole
 * listing makes the directory known whole, one that is not makes it big.
 */
void listing_learn(const struct listing *listing);

/*
 * One line of a page as the name it is shown under, if no directory stands
 * beside it: false for what is not shown. *ret is inside entry->key.
 */
bool listing_name(const struct listing *listing,
                  const struct store_entry *entry, const char **ret,
                  size_t *ret_len);

/*
 * Whether a directory called name (len bytes) stands at or behind line from: a
 * file of that name is shown with the mark (escape.h) then.
 */
bool listing_directory_follows(const struct listing *listing, const char *name,
                               size_t len, size_t from);

/*
 * The key of a line relative to the directory, as the store has it (not as a
 * path: escape.h), with a NUL. False: it is the directory's own object.
 */
bool listing_key(const struct listing *listing, const struct store_entry *entry,
                 char ret[STORE_KEY_MAX + 1]);

/* What somebody wants to know of the first page; see page_ask(). */
struct page_wait {
	const char *key; /* borrowed until done() */
	void (*done)(struct page_wait *wait);

	/* Valid in done(). */
	int status;
	struct err err;
	enum find_answer listed;         /* YES, NO or UNDECIDED */
	enum find_answer dir;            /* likewise: "key/" */
	const struct store_entry *entry; /* listed: its line */
	struct list link;
};

/*
 * Ask for the first page of the key's directory; whoever asks while one is
 * under way, and has not changed the key since, gets the same.  The cache has
 * learnt the page when done() runs.
 */
void page_ask(struct bucket *bucket, struct page_wait *wait);

#endif
