/* SPDX-License-Identifier: MIT */
#include "s3/store.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>

/* As transcripts and metrics write them. */
static const char *const verb_names[STORE_VERBS] = {
	[STORE_HEAD] = "HEAD",
	[STORE_GET] = "GET",
	[STORE_PUT] = "PUT",
	[STORE_COPY] = "COPY",
	[STORE_DELETE] = "DELETE",
	[STORE_DELETE_MANY] = "DELETE_MANY",
	[STORE_LIST] = "LIST",
	[STORE_MPU_CREATE] = "MPU_CREATE",
	[STORE_MPU_PART] = "MPU_PART",
	[STORE_MPU_PART_COPY] = "MPU_PART_COPY",
	[STORE_MPU_COMPLETE] = "MPU_COMPLETE",
	[STORE_MPU_ABORT] = "MPU_ABORT",
	[STORE_MPU_LIST_PARTS] = "MPU_LIST_PARTS",
	[STORE_MPU_LIST] = "MPU_LIST",
};

const char *store_verb_name(enum store_verb verb)
{
	assert((unsigned)verb < STORE_VERBS);
	return verb_names[verb];
}

/* One caller of store_call(), asleep until its request is done. */
struct sleeper {
	pthread_mutex_t lock;
	pthread_cond_t woken;
	bool done;            /* lock */
	store_done_fn *first; /* the caller's own done(), or NULL */
};

/* Wake the caller; the request is its own again from here. */
static void wake(struct store_req *req)
{
	struct sleeper *sleeper = req->owner;

	if (sleeper->first)
		sleeper->first(req);

	(void)pthread_mutex_lock(&sleeper->lock);
	sleeper->done = true;
	(void)pthread_cond_signal(&sleeper->woken);
	(void)pthread_mutex_unlock(&sleeper->lock);
}

int store_call(struct object_store *store, struct store_req *req)
{
	struct sleeper sleeper = {
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.woken = PTHREAD_COND_INITIALIZER,
		.first = req->done,
	};
	void *owner = req->owner;

	req->owner = &sleeper;
	req->done = wake;
	store_submit(store, req);

	(void)pthread_mutex_lock(&sleeper.lock);
	while (!sleeper.done)
		(void)pthread_cond_wait(&sleeper.woken, &sleeper.lock);
	(void)pthread_mutex_unlock(&sleeper.lock);
	req->done = sleeper.first;
	req->owner = owner;
	return req->status;
}
