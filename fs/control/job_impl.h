/* SPDX-License-Identifier: MIT */
/*
 * Inside a job and the registry of all jobs.
 *
 *   jobs.c       the registry: start, queue, threads
 *   job_control.c    cancel, pause, resume, retry, forget
 *   jobs_keep.c  records in the journal, and what former daemons left
 *   job.c        one job: counting, logging, waiting
 *   job_text.c   one job as JSON, for people and for the journal (pure)
 *
 * One lock, jobs->lock, guards all states; it is a leaf but for feeds' locks.
 */
#ifndef PORTER_CONTROL_JOB_IMPL_H
#define PORTER_CONTROL_JOB_IMPL_H

#include "base/clock.h"
#include "base/list.h"
#include "base/lock.h"
#include "feed.h"
#include "fs/job.h"

#include <stdatomic.h>
#include <time.h>

struct jobs {
	struct jobs_config config;
	pthread_mutex_t lock;
	pthread_cond_t changed; /* a state, a pause, a thread's end */
	struct list list;       /* lock: struct job, in the order they came */
	unsigned queued;        /* lock */
	unsigned threads;       /* lock: of jobs that run */
	bool closing;           /* lock */
};

struct job {
	atomic_uint refs;
	struct jobs *jobs;
	const struct job_ops *ops;
	char id[JOB_ID_MAX];
	uint64_t record; /* in the journal; 0 = none */
	struct command command;
	bool dry;
	uint32_t uid;
	int pid;
	struct list link; /* jobs->lock */

	void *private;
	char *target;  /* owned; "" = none */
	bool prepared; /* private is there */

	enum job_state state;       /* jobs->lock */
	bool listed;                /* jobs->lock */
	bool paused;                /* jobs->lock */
	bool ready;                 /* jobs->lock: its record is on disk */
	bool running;               /* jobs->lock: its thread has not ended */
	bool resumed;               /* jobs->lock */
	atomic_bool cancel;         /* a cancel was asked for */
	int status;                 /* jobs->lock: 0 or negative errno */
	struct err err;             /* jobs->lock */
	char *result;               /* jobs->lock; owned */
	struct timespec made;       /* jobs->lock */
	struct timespec started;    /* jobs->lock; 0 = not yet */
	struct timespec ended;      /* jobs->lock; 0 = not yet */
	struct job_waiter *waiters; /* jobs->lock */

	pthread_mutex_t wake_lock; /* around wake(); before jobs->lock */
	void (*wake)(void *ctx);   /* wake_lock */
	void *wake_ctx;            /* wake_lock */

	atomic_ullong so_far[JOB_COUNTS];
	atomic_ullong total[JOB_COUNTS];
	atomic_ullong told_ms; /* clock_ms() of the last progress line */

	pthread_mutex_t rate_lock;
	uint64_t window_ms;    /* rate_lock: when it began */
	uint64_t window_bytes; /* rate_lock */
	uint64_t window_objects;
	uint64_t rate;        /* rate_lock: bytes a second */
	uint64_t object_rate; /* rate_lock: objects a second, times 1000 */

	struct feed *progress;
	struct feed *wait;
	struct feed *log;
};

/* job.c */
int job_new(struct jobs *jobs, const struct job_ops *ops, struct job **ret);
/* A progress line now; and of the end, closing the feeds. */
void job_tell(struct job *job);
void job_tell_end(struct job *job);
/* Measure the rate: what was done since the window began. */
void job_measure(struct job *job);

/* jobs_keep.c */
void job_keep(struct job *job);   /* write its record */
void job_unkeep(struct job *job); /* remove it */

/* jobs.c: start what may run now. */
void jobs_schedule(struct jobs *jobs);
/* Tell a running job to end; its wake() runs. */
void job_cancel(struct job *job);
/* After the run, or instead of one: outcome, record, who waits. */
void job_finish(struct job *job, int status, const struct err *err);

/* job_text.c; JOB_TS_MAX and job_timestamp() are control_impl.h's too */
#define JOB_TS_MAX 32
/* "2026-11-22T19:55:03.123Z" */
void job_timestamp(const struct timespec *t, char ret[JOB_TS_MAX]);
extern const char *const job_count_names[JOB_COUNTS];

/* A job as kept: all of it that a restart needs. */
int job_record_text(struct job *job, struct str *ret);

#endif
