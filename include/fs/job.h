/* SPDX-License-Identifier: MIT */
/*
 * Jobs: long work that a command starts (clone, export, ...), with a state, a
 * progress, a log, and an end that can be waited for.
 *
 *   queued ---> running ---> done | failed | cancelled
 *     |  ^         |                 |          |
 *     |  +---------|---- retry ------+----------+
 *     +-> cancelled
 *
 * A kind of job is a struct job_ops; adding one is a file with such a table and
 * a row in job_kinds.c.  prepare() checks the command and may ask servers for
 * some seconds; its failure is the errno of the write(2) that gave the command.
 * run() does the work on a thread of its own and may block for hours; it calls
 * job_check() now and then, which waits while the job is paused and tells when
 * it is to end.  Jobs of a kind beyond its limit wait in a queue, first come
 * first served.
 *
 * Jobs are kept in the journal: ids are unique across restarts, and what a
 * killed daemon left unfinished begins again if its kind can (resumes), else
 * has failed with that reason.
 *
 * A struct job is counted; every function here may be called on any thread.
 */
#ifndef PORTER_FS_JOB_H
#define PORTER_FS_JOB_H

#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"
#include "fs/command.h"

#include <stdbool.h>
#include <stdint.h>

struct clock;
struct conf;
struct feed;
struct fs;
struct job;
struct jobs;
struct jval;
struct journal;

#define JOB_ID_MAX 65 /* bytes with the NUL: [A-Za-z0-9._-]{1,64} */

enum job_state {
	JOB_QUEUED,
	JOB_RUNNING,
	JOB_DONE,
	JOB_FAILED,
	JOB_CANCELLED,
};

/* What a job counts; each has a "so far", some a "total" (0 = not known). */
enum job_count {
	JOB_OBJECTS,  /* files moved, checked, written */
	JOB_BYTES,    /* of them */
	JOB_ROWS,     /* of databases */
	JOB_SKIPPED,  /* objects left alone */
	JOB_DELETED,  /* objects removed */
	JOB_FAILURES, /* objects that failed; each has a line in the log */
	JOB_REQUESTS, /* to stores, as far as known */
};
#define JOB_COUNTS 7

/* A kind of job. All static. */
struct job_ops {
	const char *kind; /* "clone": file, type, porter's verb */
	const char *help; /* one sentence */
	const struct command_rule *
		rules; /* "id", "sync", "paused" and "dryrun" are known to all */
	size_t rule_count;
	unsigned limit; /* running at once */
	bool resumes;   /* run() can begin again after a killed daemon */
	bool changes;   /* it writes to its target: dryrun counts instead */

	/*
	 * The command follows the rules; is it possible?  May ask servers, at
	 * most for some seconds.  Sets job_set_private() and
	 * job_set_target().  Returns 0 or a negative errno with a story
	 * (EACCES, ENOENT, EHOSTUNREACH, ...).  Runs again before every run()
	 * that follows a restart.
	 */
	int (*prepare)(struct job *job, struct err *reterr);

	/*
	 * The work.  Returns 0, or a negative errno with a story; after a
	 * cancel, -ECANCELED.  What failed only in part is counted
	 * (JOB_FAILURES) and returned as the errno of the first one.
	 */
	int (*run)(struct job *job, struct err *reterr);

	/* Let go of what prepare() made. May be NULL. */
	void (*free)(void *private);
};

/* ---- for the kinds ---- */

const char *job_id(const struct job *job);
const struct job_ops *job_kind(const struct job *job);
const struct command *job_command(const struct job *job);
struct fs *job_fs(const struct job *job);
const struct conf *job_conf(const struct job *job); /* NULL in tests */
const struct clock *job_clock(const struct job *job);
/* A command with dryrun=1, or one written to .porter/dryrun. */
bool job_is_dry(const struct job *job);
/* It was begun by a former daemon: part of the work may be done. */
bool job_is_resumed(const struct job *job);

void *job_private(const struct job *job);
void job_set_private(struct job *job, void *private);

/*
 * What it writes to ("primary/img/"): two jobs with one target, or with one
 * inside the other's when both end in "/", are -EBUSY. Copied. 0 or -ENOMEM.
 */
int job_set_target(struct job *job, const char *target);

/*
 * 0: go on.  -ECANCELED: end soon.  Waits while the job is paused, so call it
 * where nothing is held that others need.
 */
int job_check(struct job *job);
/* The same without waiting, for loops that must not stop. */
bool job_cancelled(const struct job *job);

/*
 * Call wake(ctx) once when the job is cancelled, on any thread, no lock held:
 * for what blocks elsewhere.  NULL: nothing.  After it returns the former
 * wake() is not running any more.
 */
void job_on_cancel(struct job *job, void (*wake)(void *ctx), void *ctx);

/* Count. Any thread, cheap. */
void job_add(struct job *job, enum job_count what, uint64_t n);
void job_set_total(struct job *job, enum job_count what, uint64_t total);
uint64_t job_so_far(const struct job *job, enum job_count what);

/*
 * A line of the job's log: {"ts":...,"msg":...}; and with a path and an errno,
 * what failed: {"ts","path","errno","msg"}, counted in JOB_FAILURES.
 */
void job_log(struct job *job, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void job_log_failure(struct job *job, const char *path, int code,
                     const char *text);
/* A line of members of its own, "ts" added; takes record, NULL is no line. */
void job_log_record(struct job *job, struct jval *record);

/* A text for status.json's "result", such as the URL or key made. Copied. */
void job_set_result(struct job *job, const char *text);

/* ---- all jobs ---- */

struct jobs_config {
	struct fs *fs;                      /* borrowed */
	const struct conf *conf;            /* borrowed; may be NULL */
	struct journal *journal;            /* borrowed; may be NULL */
	const struct clock *clock;          /* borrowed */
	const struct job_ops *const *kinds; /* borrowed, NULL at the end */
	unsigned queue_max;                 /* beyond it -EAGAIN; 0 = 1000 */
	struct feed *events;                /* shared; NULL = none */
	void (*busy)(void *ctx,
	             bool busy); /* any job is running; may be NULL */
	void *ctx;
};

/* Every kind there is, NULL at the end (job_kinds.c). */
extern const struct job_ops *const job_kinds[];

int jobs_new(const struct jobs_config *config, struct jobs **ret,
             struct err *reterr);
/* What former daemons left: begins again or has failed. Once, after new. */
int jobs_recover(struct jobs *jobs);
/* Ends what runs (it is resumed by the next daemon if it can be). */
void jobs_free(struct jobs *jobs);
DEFINE_CLEANUP(struct jobs *, jobs_free);

const struct job_ops *jobs_kind(const struct jobs *jobs, const char *kind);

/*
 * Check the command and queue the job; blocks as prepare() does.  *ret is
 * shared with the caller.  -EINVAL, -EDOM (command); -EEXIST (id); -EBUSY
 * (target); -EAGAIN (queue full); prepare()'s errnos; each with a story.
 * dry: count only, whatever the command says.
 */
struct job_request {
	const struct job_ops *ops;
	const struct command *command; /* copied */
	bool dry;
	uint32_t uid; /* who asks, for the log */
	int pid;
};
int jobs_start(struct jobs *jobs, const struct job_request *request,
               struct job **ret, struct err *reterr);

/* By id, shared; NULL: there is none. */
struct job *jobs_find(struct jobs *jobs, const char *id);
/* In the order they were made; jobs may be forgotten meanwhile. */
void jobs_each(struct jobs *jobs, void (*each)(void *ctx, struct job *job),
               void *ctx);

struct job *job_ref(struct job *job);
void job_unref(struct job *job); /* NULL is fine */
DEFINE_CLEANUP(struct job *, job_unref);

/*
 * cancel | pause | resume | retry | forget.  -EINVAL (another word), -EBUSY
 * (retry or forget of one that has not ended), -EALREADY (cancel or pause of
 * one that has ended, retry of one that is done).
 */
int job_control(struct job *job, const char *word, struct err *reterr);

enum job_state job_state(struct job *job);
const char *job_state_name(enum job_state state);
/* Block until it has ended. Returns 0 or its errno (with story). */
int job_wait(struct job *job, struct err *reterr);
/* Call done(ctx) once it has ended, perhaps at once; any thread. */
struct job_waiter {
	void (*done)(struct job_waiter *waiter, struct job *job);
	struct job_waiter *next; /* the job's */
	bool queued;             /* the job's */
};
void job_notify(struct job *job, struct job_waiter *waiter);
/* True: done() will not come. */
bool job_notify_cancel(struct job *job, struct job_waiter *waiter);

/* Append status.json, spec.json: one line each. */
int job_status_json(struct job *job, struct str *ret);
int job_spec_json(struct job *job, struct str *ret);
/* The job's status and errno as it is now. */
int job_errno(struct job *job, struct err *reterr);

/* progress.stream, wait and log of control.h; shared with the job. */
struct feed *job_progress_feed(struct job *job);
struct feed *job_wait_feed(struct job *job);
struct feed *job_log_feed(struct job *job);

#endif
