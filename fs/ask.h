/* SPDX-License-Identifier: MIT */
/*
 * A request of the naming side to a bucket's store, known to the fs so that
 * fs_free() can wait for it and fs_abort() can end it.
 *
 * The owner embeds the struct, zeroes it, fills req (but done and owner) and
 * done, and may use it again from done() on.
 */
#ifndef PORTER_FS_ASK_H
#define PORTER_FS_ASK_H

#include "base/list.h"
#include "s3/store.h"

#include <errno.h>
#include <stdbool.h>

struct bucket;
struct fs;

struct ask {
	struct store_req req;

	/* Once per submission, any thread, no lock held; must not block. */
	void (*done)(struct ask *ask);

	/* Inside. */
	struct fs *fs;
	struct object_store *store;
	struct list link; /* fs->lock: fs->asks */
	bool under_way;   /* fs->lock */
	bool cancelled;   /* fs->lock: stays set, later submissions fail too */
};

/* Hold no lock. A bucket that does not work answers with its errno. */
void ask_submit(struct bucket *bucket, struct ask *ask);

/*
 * End what is under way soon and whatever is submitted later at once, with
 * -ECANCELED.  Any thread, also under fs->call_lock.
 */
void ask_cancel(struct fs *fs, struct ask *ask);

/* Cancel what only reads (or everything), and wait until no request is left. */
void asks_cancel(struct fs *fs, bool everything);
void asks_wait(struct fs *fs);

/* -ECANCELED is the caller's interruption; the rest stays. */
static inline int ask_status(const struct ask *ask)
{
	return ask->req.status == -ECANCELED ? -EINTR : ask->req.status;
}

#endif
