/* SPDX-License-Identifier: MIT */
/* What a person does to a job: cancel, pause, resume, retry, forget. */
#include "job_impl.h"

#include <string.h>

static bool has_ended_locked(const struct job *job)
{
	return job->state != JOB_QUEUED && job->state != JOB_RUNNING;
}

/* cancel: of a queued job at once, else by its thread. */
static int control_cancel(struct job *job, struct err *reterr)
{
	struct jobs *jobs = job->jobs;
	struct err err = {0};
	bool queued;

	{
		WITH_LOCK(&jobs->lock);
		if (has_ended_locked(job))
			return err_set(reterr, -EALREADY, "it has ended");
		queued = job->state == JOB_QUEUED;
		if (queued) {
			atomic_store(&job->cancel, true);
			job->state = JOB_CANCELLED;
			jobs->queued--;
		}
	}
	if (queued)
		job_finish(job, -ECANCELED, &err);
	else
		job_cancel(job);
	return 0;
}

static int control_pause(struct job *job, bool pause, struct err *reterr)
{
	struct jobs *jobs = job->jobs;

	{
		WITH_LOCK(&jobs->lock);
		if (has_ended_locked(job))
			return err_set(reterr, -EALREADY, "it has ended");
		job->paused = pause;
		(void)pthread_cond_broadcast(&jobs->changed);
	}
	job_tell(job);
	jobs_schedule(jobs);
	return 0;
}

/* retry: back to the queue with everything at its beginning. */
static int control_retry(struct job *job, struct err *reterr)
{
	struct jobs *jobs = job->jobs;

	{
		WITH_LOCK(&jobs->lock);
		if (!has_ended_locked(job) || job->running)
			return err_set(reterr, -EBUSY, "it has not ended");
		if (job->state == JOB_DONE)
			return err_set(reterr, -EALREADY, "it is done");
		job->state = JOB_QUEUED;
		job->status = 0;
		job->resumed = true;
		job->ended = (struct timespec){0};
		atomic_store(&job->cancel, false);
		for (unsigned i = 0; i < JOB_COUNTS; i++) {
			atomic_store(&job->so_far[i], 0);
			atomic_store(&job->total[i], 0);
		}
		jobs->queued++;
	}
	feed_reopen(job->progress);
	feed_reopen(job->wait);
	job_keep(job);
	jobs_schedule(jobs);
	return 0;
}

static int control_forget(struct job *job, struct err *reterr)
{
	struct jobs *jobs = job->jobs;

	{
		WITH_LOCK(&jobs->lock);
		if (!has_ended_locked(job) || job->running)
			return err_set(reterr, -EBUSY, "it has not ended");
		if (!job->listed)
			return 0;
		list_remove(&job->link);
		job->listed = false;
	}
	job_unkeep(job);
	job_unref(job);
	return 0;
}

int job_control(struct job *job, const char *word, struct err *reterr)
{
	if (strcmp(word, "cancel") == 0)
		return control_cancel(job, reterr);
	if (strcmp(word, "pause") == 0)
		return control_pause(job, true, reterr);
	if (strcmp(word, "resume") == 0)
		return control_pause(job, false, reterr);
	if (strcmp(word, "retry") == 0)
		return control_retry(job, reterr);
	if (strcmp(word, "forget") == 0)
		return control_forget(job, reterr);
	return err_set(reterr, -EINVAL,
	               "'%s' is not cancel, pause, resume, retry or forget",
	               word);
}
