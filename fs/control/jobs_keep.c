/* SPDX-License-Identifier: MIT */
/*
 * Jobs across restarts: each has one record in the journal, written when its
 * state changes.  A record that nobody can read, or of a kind that is not known
 * any more, is left where it is and told once.
 */
#include "base/json.h"
#include "base/log.h"
#include "fs/journal.h"
#include "job_impl.h"

#include <string.h>

void job_keep(struct job *job)
{
	struct str text = {0};

	if (job->record == 0 || job->dry)
		return;
	if (job_record_text(job, &text) == 0) {
		const struct slice value = {(uint8_t *)text.data, text.len};

		journal_note(job->jobs->config.journal, JOURNAL_JOB,
		             job->record, value);
	}
	str_release(&text);
}

void job_unkeep(struct job *job)
{
	if (job->record != 0)
		journal_drop(job->jobs->config.journal, JOURNAL_JOB,
		             job->record);
}

/* The state of that name; a word that is none has failed. */
static enum job_state state_of(const char *name)
{
	for (unsigned i = 0; i <= JOB_CANCELLED; i++)
		if (name && strcmp(name, job_state_name(i)) == 0)
			return i;
	return JOB_FAILED;
}

/* The command that a record has. */
static int read_command(const struct jval *object, struct job *job)
{
	struct jval *inner = jval_get(object, "command");
	struct str text = {0};
	int r = inner ? jval_dump(inner, &text) : -EINVAL;

	if (r == 0)
		r = command_parse(str_text(&text), text.len, &job->command,
		                  NULL);
	str_release(&text);
	return r;
}

/* How it ended; or what becomes of what had not. */
static void read_end(const struct jval *object, struct job *job)
{
	const char *error = jval_get_text(object, "error");
	uint64_t n = 0;

	job->state = state_of(jval_get_text(object, "state"));
	if (jval_get_u64(object, "status", &n) == 0 && n < 4096)
		job->status = -(int)n;
	if (job->status < 0)
		(void)err_set(&job->err, job->status, "%s", error ? error : "");
	if (job->state != JOB_QUEUED && job->state != JOB_RUNNING)
		return;
	job->status = 0;
	job->resumed = job->state == JOB_RUNNING;
	if (job->ops->resumes || job->state == JOB_QUEUED) {
		job->state = JOB_QUEUED;
		return;
	}
	job->state = JOB_FAILED;
	job->status = err_set(&job->err, -EINTR,
	                      "the daemon ended before the job did");
}

/* A job from its record. */
static int read_job(struct jobs *jobs, const struct jval *object,
                    struct job **ret)
{
	cleanup(job_unrefp) struct job *job = NULL;
	const char *kind = jval_get_text(object, "type");
	const char *id = jval_get_text(object, "id");
	const struct job_ops *ops = kind ? jobs_kind(jobs, kind) : NULL;
	uint64_t n = 0;
	int r;

	if (!ops || !id || !id[0] || strlen(id) >= JOB_ID_MAX)
		return -EINVAL;
	r = job_new(jobs, ops, &job);
	if (r == 0)
		r = read_command(object, job);
	if (r < 0)
		return r;
	(void)str_copy(job->id, sizeof(job->id), id);
	if (jval_get_u64(object, "uid", &n) == 0)
		job->uid = (uint32_t)n;
	if (jval_get_u64(object, "made", &n) == 0)
		job->made = (struct timespec){.tv_sec = (time_t)n};
	for (unsigned i = 0; i < JOB_COUNTS; i++)
		if (jval_get_u64(object, job_count_names[i], &n) == 0)
			atomic_store(&job->so_far[i], n);
	read_end(object, job);
	if (job->state == JOB_QUEUED)
		for (unsigned i = 0; i < JOB_COUNTS; i++)
			atomic_store(&job->so_far[i], 0);
	*ret = take(&job);
	return 0;
}

/* One record of the journal. */
static int recover_one(void *ctx, uint64_t id, struct slice value)
{
	struct jobs *jobs = ctx;
	cleanup(jval_freep) struct jval *object = NULL;
	struct job *job = NULL;
	int r = jval_parse((const char *)value.data, value.len, &object, NULL);

	if (r == 0)
		r = read_job(jobs, object, &job);
	if (r < 0) {
		log_warning("the record of a job cannot be read: %s",
		            strerror(-r));
		return 0;
	}
	job->record = id;
	if (job->state == JOB_QUEUED) {
		job_log(job, "begun again: a former daemon left it unfinished");
	} else {
		job_tell_end(job);
	}
	WITH_LOCK(&jobs->lock);
	list_append(&jobs->list, &job->link);
	job->listed = true;
	job->ready = true;
	jobs->queued += job->state == JOB_QUEUED;
	return 0;
}

/* Write what became of it. */
static void keep_one(void *ctx, struct job *job)
{
	(void)ctx;
	if (job_state(job) == JOB_FAILED)
		job_keep(job);
}

int jobs_recover(struct jobs *jobs)
{
	int r = journal_each(jobs->config.journal, JOURNAL_JOB, recover_one,
	                     jobs);

	jobs_each(jobs, keep_one, NULL);
	jobs_schedule(jobs);
	return r;
}
