/* SPDX-License-Identifier: MIT */
/* The inside of an open directory: dir.c reads pages, dir_give.c gives names. */
#ifndef PORTER_FS_DIR_IMPL_H
#define PORTER_FS_DIR_IMPL_H

#include "dir.h"
#include "dir_page.h"
#include "inode.h"

#include <pthread.h>

/* A call that waits for a page. */
struct reader {
	struct list link;     /* dir->lock: dir->readers */
	struct fs_call *call; /* slot */
	struct fs_readdir read;
	int status; /* of the page it waited for */
	struct err err;
};

struct fs_dir {
	struct fs *fs;
	struct inode *inode;   /* shares */
	struct bucket *bucket; /* NULL: the root, which has no pages */
	char *key;
	char *prefix;     /* "key/" */
	struct list link; /* fs->lock: fs->dirs */

	pthread_mutex_t lock;
	unsigned refs;       /* lock: the owner and a page being asked for */
	unsigned generation; /* lock: one more with each rewind */
	bool begun;          /* lock: names were given since then */
	bool asking;         /* lock: a page of this generation is on its way */
	size_t reading;      /* lock: the page that was given from last */
	size_t failed; /* lock: the page whose reading ahead failed; 0 = none */
	struct dir_page *pages;   /* lock */
	size_t count;             /* lock */
	size_t cap;               /* lock */
	struct dir_extras extras; /* lock */
	struct list readers;      /* lock */
	uint64_t ticket;          /* lock: of the walk */
	uint64_t moment;          /* lock: when the first page was asked for */
	uint64_t asked_ms;        /* lock */
};

/*
 * Give names from read->offset on.  True: answered, as the reader has
 * something, has no room, or the directory ends; false: page *ret_missing must
 * be read first.
 */
bool dir_give_locked(struct fs_dir *dir, const struct fs_readdir *read,
                     size_t *ret_missing);

#endif
