/* SPDX-License-Identifier: MIT */
#include "sweep.h"

#include "base/str.h"
#include "fs/job.h"
#include "s3/store.h"

#include <string.h>

struct sweep {
	struct job *job; /* borrowed */
	struct fs_bucket_view bucket;
	char *keys[STORE_BATCH_MAX]; /* owned */
	int results[STORE_BATCH_MAX];
	size_t count;
	struct err first;
};

int sweep_new(struct job *job, const struct fs_bucket_view *bucket,
              struct sweep **ret)
{
	struct sweep *sweep = calloc(1, sizeof(*sweep));

	if (!sweep)
		return -ENOMEM;
	sweep->job = job;
	sweep->bucket = *bucket;
	*ret = sweep;
	return 0;
}

void sweep_free(struct sweep *sweep)
{
	if (!sweep)
		return;
	for (size_t i = 0; i < sweep->count; i++)
		free(sweep->keys[i]);
	free(sweep);
}

int sweep_add(struct sweep *sweep, const char *key)
{
	sweep->keys[sweep->count] = strdup(key);
	if (!sweep->keys[sweep->count])
		return -ENOMEM;
	if (++sweep->count == STORE_BATCH_MAX)
		sweep_flush(sweep);
	return 0;
}

/* One key is gone, or is not. */
static void note(struct sweep *sweep, const char *key, int status,
                 const struct err *err)
{
	cleanup(freep) char *path =
		str_printf("%s/%s", sweep->bucket.name, key);

	if (status == 0) {
		fs_name_changed(job_fs(sweep->job), sweep->bucket.number, key);
		job_add(sweep->job, JOB_DELETED, 1);
		return;
	}
	job_log_failure(sweep->job, path ? path : key, status,
	                err->text[0] ? err->text : strerror(-status));
	if (sweep->first.code == 0)
		(void)err_set(&sweep->first, status, "%s: %s",
		              path ? path : key,
		              err->text[0] ? err->text : strerror(-status));
}

/* A key that DeleteObjects cannot carry. */
static void delete_one(struct sweep *sweep, const char *key)
{
	struct store_req req = {.verb = STORE_DELETE, .key = key};
	int r = store_call(sweep->bucket.store, &req);

	job_add(sweep->job, JOB_REQUESTS, 1);
	note(sweep, key, r == -ENOENT ? 0 : r, &req.err);
}

/* The batch went through as a whole: each key's own answer. */
static void take_results(struct sweep *sweep, const struct store_req *req)
{
	static const struct err none;

	for (size_t i = 0; i < sweep->count; i++) {
		int r = sweep->results[i];

		if (req->status < 0 && req->status != -EILSEQ)
			note(sweep, sweep->keys[i], req->status, &req->err);
		else if (r == -EILSEQ)
			delete_one(sweep, sweep->keys[i]);
		else
			note(sweep, sweep->keys[i], r == -ENOENT ? 0 : r,
			     &none);
	}
}

void sweep_flush(struct sweep *sweep)
{
	struct store_req req = {
		.verb = STORE_DELETE_MANY,
		.delete_many = {.keys = (const char *const *)sweep->keys,
	                        .count = sweep->count,
	                        .results = sweep->results},
	};

	if (sweep->count == 0)
		return;
	memset(sweep->results, 0, sizeof(sweep->results));
	(void)store_call(sweep->bucket.store, &req);
	job_add(sweep->job, JOB_REQUESTS, 1);
	take_results(sweep, &req);
	for (size_t i = 0; i < sweep->count; i++)
		free(sweep->keys[i]);
	sweep->count = 0;
}

int sweep_status(const struct sweep *sweep, struct err *reterr)
{
	if (sweep->first.code < 0 && reterr)
		*reterr = sweep->first;
	return sweep->first.code;
}
