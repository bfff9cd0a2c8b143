/* SPDX-License-Identifier: MIT */
/* One job as JSON: its status, what it was told, and its record. */
#include "base/json.h"
#include "job_impl.h"

#include <stdio.h>

const char *const job_count_names[JOB_COUNTS] = {
	[JOB_OBJECTS] = "objects",   [JOB_BYTES] = "bytes",
	[JOB_ROWS] = "rows",         [JOB_SKIPPED] = "skipped",
	[JOB_DELETED] = "deleted",   [JOB_FAILURES] = "failures",
	[JOB_REQUESTS] = "requests",
};

/* The same with "_total". */
static const char *const total_names[JOB_COUNTS] = {
	[JOB_OBJECTS] = "objects_total",   [JOB_BYTES] = "bytes_total",
	[JOB_ROWS] = "rows_total",         [JOB_SKIPPED] = "skipped_total",
	[JOB_DELETED] = "deleted_total",   [JOB_FAILURES] = "failures_total",
	[JOB_REQUESTS] = "requests_total",
};

const char *job_state_name(enum job_state state)
{
	static const char *const names[] = {
		[JOB_QUEUED] = "queued",       [JOB_RUNNING] = "running",
		[JOB_DONE] = "done",           [JOB_FAILED] = "failed",
		[JOB_CANCELLED] = "cancelled",
	};

	return names[state];
}

void job_timestamp(const struct timespec *t, char ret[JOB_TS_MAX])
{
	struct tm tm;
	char day[24];

	(void)gmtime_r(&t->tv_sec, &tm);
	(void)strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(ret, JOB_TS_MAX, "%s.%03uZ", day,
	               (unsigned)(t->tv_nsec / 1000000) % 1000);
}

/* A moment, unless it has not been. */
static int set_time(struct jval *object, const char *name,
                    const struct timespec *t)
{
	char text[JOB_TS_MAX];

	if (t->tv_sec == 0)
		return 0;
	job_timestamp(t, text);
	return jval_set_text(object, name, text);
}

/* A text that may hold anything: what is no UTF-8 is said to be so. */
static int set_loose(struct jval *object, const char *name, const char *text)
{
	int r = jval_set_text(object, name, text);

	return r == -EINVAL ? jval_set_text(object, name, "(not UTF-8)") : r;
}

/* What was counted, and the totals that are known. */
static int set_counts(struct jval *object, struct job *job)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < JOB_COUNTS; i++) {
		uint64_t total = atomic_load(&job->total[i]);

		r = jval_set_u64(object, job_count_names[i],
		                 atomic_load(&job->so_far[i]));
		if (r == 0 && total > 0)
			r = jval_set_u64(object, total_names[i], total);
	}
	return r;
}

/* So far and in all, of what tells best how far the job is. */
static uint64_t how_far(const struct job *job, uint64_t *ret_total)
{
	enum job_count what = atomic_load(&job->total[JOB_BYTES]) > 0
	                              ? JOB_BYTES
	                              : JOB_OBJECTS;

	*ret_total = atomic_load(&job->total[what]);
	return atomic_load(&job->so_far[what]);
}

/* Rate, percent and the time that is left, as far as they can be told. */
static int set_speed(struct jval *object, struct job *job)
{
	uint64_t total;
	uint64_t done = how_far(job, &total);
	uint64_t rate;
	bool bytes = atomic_load(&job->total[JOB_BYTES]) > 0;
	uint64_t object_rate;
	int r;

	job_measure(job);
	{
		WITH_LOCK(&job->rate_lock);
		rate = job->rate;
		object_rate = job->object_rate;
	}
	r = jval_set_u64(object, "rate", rate);
	if (r == 0)
		r = jval_set_u64(object, "objects_per_s", object_rate / 1000);
	if (r < 0 || total == 0)
		return r;
	if (done > total)
		done = total;
	r = jval_set_u64(object, "percent",
	                 (uint64_t)(100.0 * (double)done / (double)total));
	if (r == 0 && bytes && rate > 0)
		r = jval_set_u64(object, "eta_s", (total - done) / rate);
	else if (r == 0 && !bytes && object_rate > 0)
		r = jval_set_u64(object, "eta_s",
		                 (total - done) * 1000 / object_rate);
	return r;
}

/* State and outcome. */
static int set_state_locked(struct jval *object, const struct job *job)
{
	int r = jval_set_text(object, "state", job_state_name(job->state));

	if (r == 0 && job->paused)
		r = jval_set_bool(object, "paused", true);
	if (r == 0 && job->resumed)
		r = jval_set_bool(object, "resumed", true);
	if (r == 0 && job->status < 0)
		r = jval_set_text(object, "errno", err_name(job->status));
	if (r == 0 && job->status < 0)
		r = set_loose(object, "error", job->err.text);
	if (r == 0 && job->result)
		r = set_loose(object, "result", job->result);
	if (r == 0)
		r = set_time(object, "made", &job->made);
	if (r == 0)
		r = set_time(object, "started", &job->started);
	if (r == 0)
		r = set_time(object, "ended", &job->ended);
	return r;
}

int job_status_json(struct job *job, struct str *ret)
{
	cleanup(jval_freep) struct jval *object = jval_new_object();
	struct timespec now = clock_wall(job->jobs->config.clock);
	int r = object ? 0 : -ENOMEM;

	if (r == 0)
		r = set_time(object, "ts", &now);
	if (r == 0)
		r = jval_set_text(object, "id", job->id);
	if (r == 0)
		r = jval_set_text(object, "type", job->ops->kind);
	if (r == 0) {
		WITH_LOCK(&job->jobs->lock);
		r = set_state_locked(object, job);
	}
	if (r == 0 && job->dry)
		r = jval_set_bool(object, "dryrun", true);
	if (r == 0)
		r = set_counts(object, job);
	if (r == 0)
		r = set_speed(object, job);
	return r < 0 ? r : jval_dump(object, ret);
}

/* The command, as JSON inside JSON. */
static int set_command(struct jval *object, const struct job *job)
{
	struct str text = {0};
	struct jval *inner = NULL;
	int r = command_dump(&job->command, &text);

	if (r == 0)
		r = jval_parse(str_text(&text), text.len, &inner, NULL);
	str_release(&text);
	return r < 0 ? r : jval_set(object, "command", inner);
}

int job_spec_json(struct job *job, struct str *ret)
{
	cleanup(jval_freep) struct jval *object = jval_new_object();
	int r = object ? 0 : -ENOMEM;

	if (r == 0)
		r = jval_set_text(object, "id", job->id);
	if (r == 0)
		r = jval_set_text(object, "type", job->ops->kind);
	if (r == 0)
		r = jval_set_u64(object, "uid", job->uid);
	if (r == 0)
		r = jval_set_u64(object, "pid",
		                 job->pid > 0 ? (uint64_t)job->pid : 0);
	if (r == 0)
		r = set_command(object, job);
	return r < 0 ? r : jval_dump(object, ret);
}

int job_record_text(struct job *job, struct str *ret)
{
	cleanup(jval_freep) struct jval *object = jval_new_object();
	int r = object ? 0 : -ENOMEM;

	if (r == 0)
		r = jval_set_u64(object, "v", 1);
	if (r == 0)
		r = jval_set_text(object, "id", job->id);
	if (r == 0)
		r = jval_set_text(object, "type", job->ops->kind);
	if (r == 0)
		r = jval_set_u64(object, "uid", job->uid);
	if (r == 0)
		r = jval_set_bool(object, "dry", job->dry);
	if (r == 0)
		r = set_command(object, job);
	if (r == 0)
		r = set_counts(object, job);
	if (r == 0) {
		WITH_LOCK(&job->jobs->lock);
		r = jval_set_text(object, "state", job_state_name(job->state));
		if (r == 0)
			r = jval_set_u64(object, "made",
			                 (uint64_t)job->made.tv_sec);
		if (r == 0)
			r = jval_set_u64(object, "status",
			                 (uint64_t)-job->status);
		if (r == 0)
			r = set_loose(object, "error", job->err.text);
	}
	return r < 0 ? r : jval_dump(object, ret);
}
