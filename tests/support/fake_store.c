/* SPDX-License-Identifier: MIT */
/*
 * When the fake store answers.
 *
 * Every request is written into the transcript as it comes in.  Inline it is
 * answered at once; otherwise it waits in one queue, which either the test
 * empties (fake_store_run) or a thread, each request latency_ms after it came.
 * A cancelled request stays in the queue and is answered -ECANCELED by
 * whoever empties it, never by cancel(), whose caller holds locks.
 */
#include "fake_data.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct fake_store *fake_of(struct object_store *store)
{
	return container_of(store, struct fake_store, store);
}

/* Answer a request, which no list holds any more. */
static void answer(struct fake_store *fake, struct store_req *req,
                   bool cancelled)
{
	struct fake_reply reply = {0};

	if (cancelled)
		req->status = err_set(&req->err, -ECANCELED, "%s: cancelled",
		                      store_verb_name(req->verb));
	else
		req->status = fake_answer(fake, req, &reply);

	(void)pthread_mutex_lock(&fake->lock);
	fake->waiting--;
	(void)pthread_mutex_unlock(&fake->lock);

	req->done(req);
	fake_reply_release(&reply);
}

/* Write down what was asked and count it. Needs the lock. */
static void note_locked(struct fake_store *fake, const struct store_req *req)
{
	struct fake_stats *stats = &fake->stats;

	fake_write_line(&fake->transcript, req);
	stats->requests[req->verb]++;
	if (req->verb == STORE_PUT)
		stats->bytes_in += chain_size(&req->put.body);
	if (req->verb == STORE_MPU_PART)
		stats->bytes_in += chain_size(&req->part.body);
	if (++fake->waiting > stats->waiting_peak)
		stats->waiting_peak = fake->waiting;
}

/* When a request that comes now is to be answered. */
static struct timespec due_time(unsigned latency_ms)
{
	struct timespec due;

	(void)clock_gettime(CLOCK_MONOTONIC, &due);
	due.tv_sec += latency_ms / 1000;
	due.tv_nsec += (long)(latency_ms % 1000) * 1000000;
	if (due.tv_nsec >= 1000000000) {
		due.tv_sec++;
		due.tv_nsec -= 1000000000;
	}
	return due;
}

/* submit() of the store. */
static void fake_submit(struct object_store *store, struct store_req *req)
{
	struct fake_store *fake = fake_of(store);
	struct fake_call *call = calloc(1, sizeof(*call));
	bool now;

	req->status = 0;
	req->err = (struct err){0};
	req->info = (struct object_info){0};
	req->attempts = 1;
	req->maybe_applied = false;

	(void)pthread_mutex_lock(&fake->lock);
	note_locked(fake, req);
	now = fake->mode == FAKE_INLINE || !call;
	if (!now) {
		call->req = req;
		call->due = due_time(fake->latency_ms);
		list_append(&fake->queue, &call->link);
		(void)pthread_cond_signal(&fake->changed);
	}
	(void)pthread_mutex_unlock(&fake->lock);

	if (now) {
		free(call);
		answer(fake, req, false);
	}
}

/* cancel() of the store. */
static void fake_cancel(struct object_store *store, struct store_req *req)
{
	struct fake_store *fake = fake_of(store);

	WITH_LOCK(&fake->lock);
	list_for_each(node, &fake->queue) {
		struct fake_call *call =
			container_of(node, struct fake_call, link);

		if (call->req == req)
			call->cancelled = true;
	}
	(void)pthread_cond_signal(&fake->changed);
}

static const struct store_limits *fake_limits(struct object_store *store)
{
	return &fake_of(store)->limits;
}

/* A URL that names what it was asked for, and leads nowhere. */
static int fake_presign(struct object_store *store, enum store_verb verb,
                        const char *key, uint64_t ttl_s, char **ret,
                        struct err *reterr)
{
	struct str uri = {0};

	(void)store;
	if (ttl_s > 7 * 24 * 3600)
		return err_set(reterr, -EDOM, "no URL lasts beyond 7 days");

	str_add(&uri, "https://fake.invalid/");
	str_add_uri(&uri, key, strlen(key), true);
	str_addf(&uri, "?verb=%s&X-Amz-Expires=%llu&X-Amz-Signature=00",
	         store_verb_name(verb), (unsigned long long)ttl_s);
	*ret = str_take(&uri);
	return *ret ? 0 : -ENOMEM;
}

static void fake_destroy(struct object_store *store)
{
	fake_store_free(fake_of(store));
}

static bool fake_copies_from(struct object_store *store,
                             struct object_store *source)
{
	return source->ops == store->ops;
}

static const struct object_store_ops fake_ops = {
	.name = "fake",
	.submit = fake_submit,
	.cancel = fake_cancel,
	.limits = fake_limits,
	.presign = fake_presign,
	.copies_from = fake_copies_from,
	.destroy = fake_destroy,
};

static const struct store_limits aws_limits = {
	.profile = "fake",
	.parts_max = 10000,
	.part_min = UINT64_C(5) << 20,
	.part_max = UINT64_C(5) << 30,
	.put_max = UINT64_C(5) << 30,
	.copy_max = UINT64_C(5) << 30,
	.object_max = UINT64_C(5) << 40,
	.meta_max = 2048,
	.put_if_none_match = true,
	.put_if_match = true,
	.complete_conditions = true,
	.copy_conditions = true,
	.copy_source_match = true,
	.delete_if_match = true,
	.complete_gives_etag = true,
};

/* Whether a call's time has come. */
static bool is_due(const struct fake_call *call, const struct timespec *now)
{
	return call->cancelled || call->due.tv_sec < now->tv_sec ||
	       (call->due.tv_sec == now->tv_sec &&
	        call->due.tv_nsec <= now->tv_nsec);
}

/* The first call whose time has come, or NULL. Needs the lock. */
static struct fake_call *due_call_locked(struct fake_store *fake)
{
	struct timespec now = due_time(0);

	list_for_each(node, &fake->queue) {
		struct fake_call *call =
			container_of(node, struct fake_call, link);

		if (is_due(call, &now))
			return call;
	}
	return NULL;
}

/* Sleep until something is due or changes. Needs the lock. */
static void sleep_locked(struct fake_store *fake)
{
	struct fake_call *first =
		list_first(&fake->queue, struct fake_call, link);

	if (!first || fake->mode != FAKE_THREAD)
		(void)pthread_cond_wait(&fake->changed, &fake->lock);
	else
		(void)pthread_cond_timedwait(&fake->changed, &fake->lock,
		                             &first->due);
}

/* The thread: answers each request when it is due. */
static void *fake_thread(void *arg)
{
	struct fake_store *fake = arg;

	(void)pthread_mutex_lock(&fake->lock);
	while (!fake->stopping) {
		struct fake_call *call = fake->mode == FAKE_THREAD
		                                 ? due_call_locked(fake)
		                                 : NULL;

		if (!call) {
			sleep_locked(fake);
			continue;
		}
		list_remove(&call->link);
		(void)pthread_mutex_unlock(&fake->lock);
		answer(fake, call->req, call->cancelled);
		free(call);
		(void)pthread_mutex_lock(&fake->lock);
	}
	(void)pthread_mutex_unlock(&fake->lock);
	return NULL;
}

/* Have the thread, unless it is there. */
static bool start_thread(struct fake_store *fake)
{
	if (!fake->has_thread)
		fake->has_thread = pthread_create(&fake->thread, NULL,
		                                  fake_thread, fake) == 0;
	return fake->has_thread;
}

struct fake_store *fake_store_new(const struct fake_store_config *config)
{
	static const struct fake_store_config preset;
	struct fake_store *fake = calloc(1, sizeof(*fake));
	pthread_condattr_t attr;

	if (!fake)
		return NULL;
	if (!config)
		config = &preset;

	fake->store.ops = &fake_ops;
	fake->limits = config->limits ? *config->limits : aws_limits;
	fake->clock = config->clock;
	fake->latency_ms = config->latency_ms;
	fake->mode = config->mode;
	fake->now = 1767225600; /* 2026-01-01 00:00:00 UTC */
	list_init(&fake->queue);
	list_init(&fake->uploads);
	(void)pthread_mutex_init(&fake->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&fake->changed, &attr);
	(void)pthread_condattr_destroy(&attr);
	if (fake->mode == FAKE_THREAD && !start_thread(fake)) {
		fake_store_free(fake);
		return NULL;
	}
	return fake;
}

/* End the thread and wait for it. */
static void stop_thread(struct fake_store *fake)
{
	if (!fake->has_thread)
		return;

	(void)pthread_mutex_lock(&fake->lock);
	fake->stopping = true;
	(void)pthread_cond_signal(&fake->changed);
	(void)pthread_mutex_unlock(&fake->lock);
	(void)pthread_join(fake->thread, NULL);
}

void fake_store_free(struct fake_store *fake)
{
	if (!fake)
		return;

	stop_thread(fake);
	assert(fake->waiting == 0);
	list_for_each_safe(node, &fake->uploads)
		fake_upload_free(container_of(node, struct fake_upload, link));
	fake_table_release(&fake->table);
	str_release(&fake->transcript);
	(void)pthread_cond_destroy(&fake->changed);
	(void)pthread_mutex_destroy(&fake->lock);
	free(fake);
}

struct object_store *fake_store_object_store(struct fake_store *fake)
{
	return &fake->store;
}

size_t fake_store_run_nth(struct fake_store *fake, size_t nth)
{
	struct fake_call *call = NULL;

	(void)pthread_mutex_lock(&fake->lock);
	list_for_each(node, &fake->queue) {
		if (nth-- == 0) {
			call = container_of(node, struct fake_call, link);
			break;
		}
	}
	if (call)
		list_remove(&call->link);
	(void)pthread_mutex_unlock(&fake->lock);
	if (!call)
		return 0;

	answer(fake, call->req, call->cancelled);
	free(call);
	return 1;
}

size_t fake_store_run_one(struct fake_store *fake)
{
	return fake_store_run_nth(fake, 0);
}

size_t fake_store_run(struct fake_store *fake)
{
	size_t count = 0;

	while (fake_store_run_one(fake))
		count++;
	return count;
}

size_t fake_store_waiting(struct fake_store *fake)
{
	WITH_LOCK(&fake->lock);
	return fake->waiting;
}

void fake_store_set_mode(struct fake_store *fake, enum fake_mode mode)
{
	bool threaded = mode == FAKE_THREAD && start_thread(fake);

	assert(threaded || mode != FAKE_THREAD);
	(void)pthread_mutex_lock(&fake->lock);
	fake->mode = mode;
	(void)pthread_cond_signal(&fake->changed);
	(void)pthread_mutex_unlock(&fake->lock);
	if (mode == FAKE_INLINE)
		(void)fake_store_run(fake);
}
