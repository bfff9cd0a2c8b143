/* SPDX-License-Identifier: MIT */
#include "lanes.h"

#include "base/list.h"
#include "base/lock.h"
#include "base/str.h"
#include "fs/job.h"
#include "fs/object_copy.h"
#include "s3/store.h"

#include <string.h>

#define TRIES        3
#define STREAMS_MAX  8
#define STREAM_SHARE 32 /* of the memory budget, for one job's streams */

struct lane {
	struct object_copy copy;
	struct lanes *lanes;
	char *from; /* owned */
	char *to;   /* owned */
	unsigned tries;
	struct list link; /* lanes->lock */
};

struct lanes {
	struct lanes_config config;
	struct lane *all;
	unsigned count;    /* of all */
	unsigned limit;    /* at a time, now */
	unsigned active;   /* the job's thread alone */
	struct list free;  /* the job's thread alone */
	bool streams;      /* the server does not copy between these two */
	uint64_t streamed; /* bytes */
	struct err first;

	pthread_mutex_t lock;
	pthread_cond_t ended;
	struct list done; /* lock: lanes whose copy has ended */
};

int lanes_new(const struct lanes_config *config, struct lanes **ret)
{
	struct lanes *lanes = calloc(1, sizeof(*lanes));
	unsigned count = config->count > 0 ? config->count : 1;

	if (lanes)
		lanes->all = calloc(count, sizeof(*lanes->all));
	if (!lanes || !lanes->all) {
		free(lanes);
		return -ENOMEM;
	}
	lanes->config = *config;
	lanes->count = count;
	lanes->limit = count;
	(void)pthread_mutex_init(&lanes->lock, NULL);
	(void)pthread_cond_init(&lanes->ended, NULL);
	list_init(&lanes->free);
	list_init(&lanes->done);
	for (unsigned i = 0; i < count; i++) {
		lanes->all[i].lanes = lanes;
		list_append(&lanes->free, &lanes->all[i].link);
	}
	*ret = lanes;
	return 0;
}

/* object_copy.done */
static void copy_ended(struct object_copy *copy)
{
	struct lane *lane = container_of(copy, struct lane, copy);
	struct lanes *lanes = lane->lanes;
	WITH_LOCK(&lanes->lock);

	list_append(&lanes->done, &lane->link);
	(void)pthread_cond_signal(&lanes->ended);
}

/* The next lane whose copy has ended. */
static struct lane *wait_for_end(struct lanes *lanes)
{
	WITH_LOCK(&lanes->lock);
	struct lane *lane;

	while (list_empty(&lanes->done))
		(void)pthread_cond_wait(&lanes->ended, &lanes->lock);
	lane = list_first(&lanes->done, struct lane, link);
	list_remove(&lane->link);
	return lane;
}

/* Streams are fewer: all jobs together a quarter of the budget. */
static void note_streams(struct lanes *lanes)
{
	uint64_t budget = fs_memory_budget(job_fs(lanes->config.job));
	uint64_t limit = budget / STREAM_SHARE / OBJECT_COPY_CHUNK;

	if (lanes->streams)
		return;
	lanes->streams = true;
	limit = limit < 1 ? 1 : limit > STREAMS_MAX ? STREAMS_MAX : limit;
	if (lanes->limit > limit)
		lanes->limit = (unsigned)limit;
	job_log(lanes->config.job,
	        "the server does not copy from '%s' to '%s': bytes go through "
	        "this machine, %u objects at a time",
	        lanes->config.from.name, lanes->config.to.name, lanes->limit);
}

static void start(struct lane *lane)
{
	struct lanes *lanes = lane->lanes;
	struct object_copy *copy = &lane->copy;

	lane->tries++;
	copy->stream = lanes->streams;
	copy->err = (struct err){0};
	copy->done = copy_ended;
	atomic_store(&copy->cancel, false);
	object_copy_start(job_fs(lanes->config.job), copy);
}

/* What the source is now, when it is not what was listed. */
static int look_again(struct lane *lane)
{
	struct lanes *lanes = lane->lanes;
	struct store_req req = {.verb = STORE_HEAD, .key = lane->from};
	int r = store_call(lanes->config.from.store, &req);

	job_add(lanes->config.job, JOB_REQUESTS, 1);
	if (r < 0)
		return r;
	lane->copy.size = req.info.size;
	(void)str_copy(lane->copy.etag, sizeof(lane->copy.etag), req.info.etag);
	return 0;
}

/* Whether a failure may pass. */
static bool may_pass(int status)
{
	return status == -EIO || status == -ETIMEDOUT || status == -ESTALE ||
	       status == -EBUSY || status == -ECONNREFUSED ||
	       status == -EHOSTUNREACH;
}

/* Begin again, if that makes sense. */
static bool try_again(struct lane *lane)
{
	struct object_copy *copy = &lane->copy;

	if (job_cancelled(lane->lanes->config.job) || lane->tries >= TRIES ||
	    !may_pass(copy->status))
		return false;
	if (copy->status == -ESTALE) {
		int r = look_again(lane);

		if (r < 0) {
			copy->status = r;
			return false;
		}
	}
	start(lane);
	return true;
}

/* It failed for good. */
static void note_failure(struct lane *lane)
{
	struct lanes *lanes = lane->lanes;
	struct job *job = lanes->config.job;
	const struct object_copy *copy = &lane->copy;
	cleanup(freep) char *path =
		str_printf("%s/%s", lanes->config.from.name, lane->from);
	const char *name = path ? path : lane->from;

	if (copy->status == -ENOENT) {
		job_log(job, "'%s' is gone since it was listed", name);
		job_add(job, JOB_SKIPPED, 1);
		return;
	}
	if (copy->status == -ECANCELED)
		return;
	job_log_failure(job, name, copy->status, copy->err.text);
	if (lanes->first.code == 0)
		(void)err_set(&lanes->first, copy->status, "%s: %s", name,
		              copy->err.text);
}

/* Take one end in. */
static int reap(struct lanes *lanes)
{
	struct lane *lane = wait_for_end(lanes);
	struct job *job = lanes->config.job;
	int r = 0;

	job_add(job, JOB_REQUESTS, lane->copy.requests);
	if (lane->copy.streamed)
		note_streams(lanes);
	if (lane->copy.status < 0 && try_again(lane))
		return 0;
	if (lane->copy.status < 0) {
		note_failure(lane);
	} else {
		job_add(job, JOB_BYTES, lane->copy.size);
		job_add(job, JOB_OBJECTS, 1);
		lanes->streamed += lane->copy.streamed ? lane->copy.size : 0;
		if (lanes->config.then)
			r = lanes->config.then(lanes->config.ctx, lane->from);
	}
	free(lane->from);
	free(lane->to);
	lane->from = NULL;
	lane->to = NULL;
	lanes->active--;
	list_append(&lanes->free, &lane->link);
	return r;
}

int lanes_copy(struct lanes *lanes, const char *from_key, const char *to_key,
               const struct copy_entry *entry)
{
	struct lane *lane;

	while (lanes->active >= lanes->limit) {
		int r = reap(lanes);

		if (r < 0)
			return r;
	}
	lane = list_first(&lanes->free, struct lane, link);
	lane->from = strdup(from_key);
	lane->to = strdup(to_key);
	if (!lane->from || !lane->to) {
		free(take(&lane->from));
		free(take(&lane->to));
		return -ENOMEM;
	}
	list_remove(&lane->link);
	lanes->active++;
	lane->tries = 0;
	lane->copy = (struct object_copy){
		.from_bucket = lanes->config.from.number,
		.to_bucket = lanes->config.to.number,
		.from_key = lane->from,
		.to_key = lane->to,
		.size = entry->size,
	};
	(void)str_copy(lane->copy.etag, sizeof(lane->copy.etag),
	               entry->etag ? entry->etag : "");
	start(lane);
	return 0;
}

int lanes_drain(struct lanes *lanes)
{
	int r = 0;

	while (lanes->active > 0) {
		int one = reap(lanes);

		r = r < 0 ? r : one;
	}
	return r;
}

void lanes_free(struct lanes *lanes)
{
	if (!lanes)
		return;
	for (unsigned i = 0; i < lanes->count; i++)
		atomic_store(&lanes->all[i].copy.cancel, true);
	(void)lanes_drain(lanes);
	(void)pthread_cond_destroy(&lanes->ended);
	(void)pthread_mutex_destroy(&lanes->lock);
	free(lanes->all);
	free(lanes);
}

uint64_t lanes_streamed(const struct lanes *lanes)
{
	return lanes->streamed;
}

int lanes_status(const struct lanes *lanes, struct err *reterr)
{
	if (lanes->first.code < 0 && reterr)
		*reterr = lanes->first;
	return lanes->first.code;
}
