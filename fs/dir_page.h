/* SPDX-License-Identifier: MIT */
/*
 * One page of an open directory: the names of one page of a listing, merged
 * with what is only here (pure).
 *
 * Listings sort "name" before "name-1" before "name/": so whether a file's name
 * is a directory too may show a little later, even on the next page.  The
 * file gets the mark of escape.h then; one that cannot be judged yet is carried
 * over.
 */
#ifndef PORTER_FS_DIR_PAGE_H
#define PORTER_FS_DIR_PAGE_H

#include "base/str.h"
#include "listing.h"

#include <stdbool.h>
#include <stddef.h>

/* In front of each name: what it is. */
#define DIR_PAGE_DIR   '/'
#define DIR_PAGE_FILE  ' '
#define DIR_PAGE_LOCAL '+' /* a file that is being written here */

struct dir_page {
	/* Known before it is read; kept when its names are dropped. */
	char *token;       /* owned; NULL = the first page, or the page
	                      before came from the cache: */
	char *after;       /* owned: the key it goes on behind, relative to
	                      the directory; NULL = the first page */
	struct str carry;  /* names carried over from the page before */
	size_t extra_from; /* extras before it stand on earlier pages */
	size_t first;      /* number of its first name in the directory */

	/* Filled by dir_page_build(). */
	bool filled;
	bool learnt;      /* the page behind it is known: see dir.c */
	bool last;        /* no page behind it */
	bool asides;      /* a file carried over turned out to be beside a
	                     directory: what the cache learnt is not whole */
	size_t count;     /* names */
	struct str names; /* kind, name, NUL, again and again */
};

/* What is only here: sorted names, directories with a slash behind. */
struct dir_extras {
	char **names;
	size_t count;
};

/*
 * Fill page from a listing.  next (not for the last page; zeroed by the
 * caller) gets what the page behind it has to know, but its token.  Returns 0
 * or -ENOMEM.
 */
int dir_page_build(struct dir_page *page, const struct listing *listing,
                   const struct dir_extras *extras, struct dir_page *next);

/* Forget the names. */
void dir_page_drop(struct dir_page *page);
void dir_page_release(struct dir_page *page);

#endif
