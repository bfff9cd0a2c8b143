/* SPDX-License-Identifier: MIT */
#include "ask.h"

#include "base/lock.h"
#include "core.h"

/* Take the request out of the list; it is its owner's again. */
static void ask_done(struct store_req *req)
{
	struct ask *ask = container_of(req, struct ask, req);
	struct fs *fs = ask->fs;

	(void)pthread_mutex_lock(&fs->lock);
	ask->under_way = false;
	list_remove(&ask->link);
	(void)pthread_mutex_unlock(&fs->lock);

	ask->done(ask); /* may free it */

	(void)pthread_mutex_lock(&fs->lock);
	if (--fs->asks_under_way == 0)
		(void)pthread_cond_broadcast(&fs->quiet);
	(void)pthread_mutex_unlock(&fs->lock);
}

/* List the request; false: it is cancelled already. */
static bool begin(struct fs *fs, struct ask *ask)
{
	WITH_LOCK(&fs->lock);

	fs->asks_under_way++;
	ask->under_way = true;
	list_append(&fs->asks, &ask->link);
	return !ask->cancelled && !fs->aborting;
}

void ask_submit(struct bucket *bucket, struct ask *ask)
{
	struct fs *fs = bucket->fs;
	bool go;

	ask->fs = fs;
	ask->store = bucket->store;
	ask->req.done = ask_done;
	ask->req.status = 0;
	ask->req.err = (struct err){0};
	ask->req.maybe_applied = false;
	ask->req.info = (struct object_info){0};
	go = begin(fs, ask);
	if (bucket->broken) {
		ask->req.status = bucket_works(bucket, &ask->req.err);
		ask_done(&ask->req);
	} else if (!go) {
		ask->req.status = err_set(&ask->req.err, -ECANCELED,
		                          "cancelled before it was sent");
		ask_done(&ask->req);
	} else {
		store_submit(bucket->store, &ask->req);
	}
}

void ask_cancel(struct fs *fs, struct ask *ask)
{
	WITH_LOCK(&fs->lock);

	ask->cancelled = true;
	if (ask->under_way && ask->store)
		store_cancel(ask->store, &ask->req);
}

/* Whether a request changes nothing at the store. */
static bool only_reads(const struct ask *ask)
{
	return ask->req.verb == STORE_HEAD || ask->req.verb == STORE_GET ||
	       ask->req.verb == STORE_LIST;
}

void asks_cancel(struct fs *fs, bool everything)
{
	WITH_LOCK(&fs->lock);

	list_for_each(pos, &fs->asks) {
		struct ask *ask = container_of(pos, struct ask, link);

		if ((everything || only_reads(ask)) && ask->store)
			store_cancel(ask->store, &ask->req);
	}
}

void asks_wait(struct fs *fs)
{
	WITH_LOCK(&fs->lock);

	while (fs->asks_under_way > 0)
		(void)pthread_cond_wait(&fs->quiet, &fs->lock);
}
