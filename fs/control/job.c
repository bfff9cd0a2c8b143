/* SPDX-License-Identifier: MIT */
/*
 * One job: what its kind counts, logs and asks, and who waits for its end.
 *
 * A progress line is written at most twice a second, by whoever counts; the
 * rate is measured over windows of about ten seconds.
 */
#include "base/json.h"
#include "base/log.h"
#include "job_impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PROGRESS_MS  500
#define WINDOW_MS    10000
#define PROGRESS_MAX (16 << 10) /* bytes kept of each feed */
#define WAIT_MAX     (4 << 10)
#define LOG_MAX      (256 << 10)

int job_new(struct jobs *jobs, const struct job_ops *ops, struct job **ret)
{
	struct job *job = calloc(1, sizeof(*job));
	int r;

	if (!job)
		return -ENOMEM;
	atomic_init(&job->refs, 1);
	job->jobs = jobs;
	job->ops = ops;
	list_init(&job->link);
	(void)pthread_mutex_init(&job->wake_lock, NULL);
	(void)pthread_mutex_init(&job->rate_lock, NULL);
	job->made = clock_wall(jobs->config.clock);
	r = feed_new(PROGRESS_MAX, &job->progress);
	if (r == 0)
		r = feed_new(WAIT_MAX, &job->wait);
	if (r == 0)
		r = feed_new(LOG_MAX, &job->log);
	if (r < 0) {
		job_unref(job);
		return r;
	}
	*ret = job;
	return 0;
}

struct job *job_ref(struct job *job)
{
	atomic_fetch_add(&job->refs, 1);
	return job;
}

void job_unref(struct job *job)
{
	if (!job || atomic_fetch_sub(&job->refs, 1) > 1)
		return;
	if (job->prepared && job->ops->free)
		job->ops->free(job->private);
	feed_unref(job->progress);
	feed_unref(job->wait);
	feed_unref(job->log);
	command_release(&job->command);
	free(job->target);
	free(job->result);
	(void)pthread_mutex_destroy(&job->rate_lock);
	(void)pthread_mutex_destroy(&job->wake_lock);
	free(job);
}

/* ---- for the kinds ---- */

const char *job_id(const struct job *job)
{
	return job->id;
}

const struct job_ops *job_kind(const struct job *job)
{
	return job->ops;
}

const struct command *job_command(const struct job *job)
{
	return &job->command;
}

struct fs *job_fs(const struct job *job)
{
	return job->jobs->config.fs;
}

const struct conf *job_conf(const struct job *job)
{
	return job->jobs->config.conf;
}

const struct clock *job_clock(const struct job *job)
{
	return job->jobs->config.clock;
}

bool job_is_dry(const struct job *job)
{
	return job->dry;
}

bool job_is_resumed(const struct job *job)
{
	WITH_LOCK(&job->jobs->lock);

	return job->resumed;
}

void *job_private(const struct job *job)
{
	return job->private;
}

void job_set_private(struct job *job, void *private)
{
	job->private = private;
}

int job_set_target(struct job *job, const char *target)
{
	char *copy = strdup(target);

	if (!copy)
		return -ENOMEM;
	free(job->target);
	job->target = copy;
	return 0;
}

bool job_cancelled(const struct job *job)
{
	return atomic_load(&job->cancel);
}

int job_check(struct job *job)
{
	struct jobs *jobs = job->jobs;
	WITH_LOCK(&jobs->lock);

	while (job->paused && !job_cancelled(job))
		(void)pthread_cond_wait(&jobs->changed, &jobs->lock);
	return job_cancelled(job) ? -ECANCELED : 0;
}

void job_on_cancel(struct job *job, void (*wake)(void *ctx), void *ctx)
{
	WITH_LOCK(&job->wake_lock);

	job->wake = wake;
	job->wake_ctx = ctx;
	if (wake && job_cancelled(job))
		wake(ctx);
}

void job_add(struct job *job, enum job_count what, uint64_t n)
{
	uint64_t now = clock_ms(job->jobs->config.clock);
	unsigned long long told = atomic_load(&job->told_ms);

	atomic_fetch_add(&job->so_far[what], n);
	if (now - told >= PROGRESS_MS &&
	    atomic_compare_exchange_strong(&job->told_ms, &told, now))
		job_tell(job);
}

void job_set_total(struct job *job, enum job_count what, uint64_t total)
{
	atomic_store(&job->total[what], total);
}

uint64_t job_so_far(const struct job *job, enum job_count what)
{
	return atomic_load(&job->so_far[what]);
}

void job_set_result(struct job *job, const char *text)
{
	char *copy = strdup(text);
	WITH_LOCK(&job->jobs->lock);

	free(job->result);
	job->result = copy;
}

/* A log line from members; takes object. */
static void log_object(struct job *job, struct jval *object)
{
	struct str text = {0};

	if (object && jval_dump(object, &text) == 0)
		feed_add(job->log, str_text(&text));
	str_release(&text);
	jval_free(object);
}

/* An object that begins with the time; NULL: no memory. */
static struct jval *stamped(struct job *job)
{
	struct timespec now = clock_wall(job->jobs->config.clock);
	struct jval *object = jval_new_object();
	char ts[JOB_TS_MAX];

	job_timestamp(&now, ts);
	if (object)
		(void)jval_set_text(object, "ts", ts);
	return object;
}

void job_log(struct job *job, const char *fmt, ...)
{
	struct jval *object = stamped(job);
	char text[ERR_TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (object)
		(void)jval_set_text(object, "msg", text);
	log_object(job, object);
}

void job_log_failure(struct job *job, const char *path, int code,
                     const char *text)
{
	struct jval *object = stamped(job);

	if (object && jval_set_text(object, "path", path) < 0)
		(void)jval_set_text(object, "path", "(not UTF-8)");
	if (object)
		(void)jval_set_text(object, "errno", err_name(code));
	if (object && jval_set_text(object, "msg", text) < 0)
		(void)jval_set_text(object, "msg", "(not UTF-8)");
	log_object(job, object);
	log_debug("job \"%s\": \"%s\": %s", job->id, path, text);
	job_add(job, JOB_FAILURES, 1);
}

void job_log_record(struct job *job, struct jval *record)
{
	struct timespec now = clock_wall(job->jobs->config.clock);
	char ts[JOB_TS_MAX];

	job_timestamp(&now, ts);
	if (record)
		(void)jval_set_text(record, "ts", ts);
	log_object(job, record);
}

/* ---- progress ---- */

void job_measure(struct job *job)
{
	uint64_t now = clock_ms(job->jobs->config.clock);
	uint64_t bytes = job_so_far(job, JOB_BYTES);
	uint64_t objects = job_so_far(job, JOB_OBJECTS);
	WITH_LOCK(&job->rate_lock);
	uint64_t ms = now - job->window_ms;

	if (job->window_ms == 0 || bytes < job->window_bytes ||
	    objects < job->window_objects) {
		job->window_ms = now;
		job->window_bytes = bytes;
		job->window_objects = objects;
		return;
	}
	if (ms < PROGRESS_MS / 2)
		return;
	job->rate = (bytes - job->window_bytes) * 1000 / ms;
	job->object_rate = (objects - job->window_objects) * 1000000 / ms;
	if (ms >= WINDOW_MS) {
		job->window_ms = now;
		job->window_bytes = bytes;
		job->window_objects = objects;
	}
}

void job_tell(struct job *job)
{
	struct str text = {0};

	if (job_status_json(job, &text) == 0)
		feed_add(job->progress, str_text(&text));
	str_release(&text);
}

void job_tell_end(struct job *job)
{
	struct str text = {0};
	int status = job_errno(job, NULL);

	if (job_status_json(job, &text) == 0) {
		feed_add(job->progress, str_text(&text));
		feed_add(job->wait, str_text(&text));
	}
	feed_close(job->progress, 0);
	feed_close(job->wait, status);
	str_release(&text);
}

struct feed *job_progress_feed(struct job *job)
{
	return feed_ref(job->progress);
}

struct feed *job_wait_feed(struct job *job)
{
	return feed_ref(job->wait);
}

struct feed *job_log_feed(struct job *job)
{
	return feed_ref(job->log);
}

/* ---- the end ---- */

enum job_state job_state(struct job *job)
{
	WITH_LOCK(&job->jobs->lock);

	return job->state;
}

int job_errno(struct job *job, struct err *reterr)
{
	WITH_LOCK(&job->jobs->lock);

	if (job->status < 0 && reterr)
		*reterr = job->err;
	return job->status;
}

int job_wait(struct job *job, struct err *reterr)
{
	struct jobs *jobs = job->jobs;

	{
		WITH_LOCK(&jobs->lock);
		while (job->state == JOB_QUEUED || job->state == JOB_RUNNING ||
		       job->running)
			(void)pthread_cond_wait(&jobs->changed, &jobs->lock);
	}
	return job_errno(job, reterr);
}

void job_notify(struct job *job, struct job_waiter *waiter)
{
	{
		WITH_LOCK(&job->jobs->lock);
		if (job->state == JOB_QUEUED || job->state == JOB_RUNNING) {
			waiter->queued = true;
			waiter->next = job->waiters;
			job->waiters = waiter;
			return;
		}
	}
	waiter->done(waiter, job);
}

bool job_notify_cancel(struct job *job, struct job_waiter *waiter)
{
	WITH_LOCK(&job->jobs->lock);

	for (struct job_waiter **at = &job->waiters; *at; at = &(*at)->next) {
		if (*at != waiter)
			continue;
		*at = waiter->next;
		waiter->queued = false;
		return true;
	}
	return false;
}
