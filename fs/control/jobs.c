/* SPDX-License-Identifier: MIT */
/*
 * All jobs: checked, queued, run on a thread each, controlled.
 *
 * jobs_schedule() looks through the queue in order and starts each job whose
 * kind runs fewer than its limit; it is called whenever that may have changed.
 * When the daemon ends, running jobs are told to cancel, but their records say
 * "running": the next daemon begins those again that can be.
 */
#include "base/digest.h"
#include "base/json.h"
#include "base/log.h"
#include "base/thread.h"
#include "fs/journal.h"
#include "job_impl.h"

#include <stdio.h>
#include <string.h>

#define QUEUE_MAX 1000
#define ENDED_MAX 1000 /* jobs that ended and are still known */
#define ID_CHARS                                            \
	"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLM" \
	"NOPQRSTUVWXYZ._-"

int jobs_new(const struct jobs_config *config, struct jobs **ret,
             struct err *reterr)
{
	struct jobs *jobs = calloc(1, sizeof(*jobs));

	if (!jobs)
		return err_set(reterr, -ENOMEM, "out of memory");
	jobs->config = *config;
	if (jobs->config.queue_max == 0)
		jobs->config.queue_max = QUEUE_MAX;
	if (config->events)
		(void)feed_ref(config->events);
	(void)pthread_mutex_init(&jobs->lock, NULL);
	(void)pthread_cond_init(&jobs->changed, NULL);
	list_init(&jobs->list);
	*ret = jobs;
	return 0;
}

void job_cancel(struct job *job)
{
	WITH_LOCK(&job->wake_lock);

	atomic_store(&job->cancel, true);
	{
		WITH_LOCK(&job->jobs->lock);
		(void)pthread_cond_broadcast(&job->jobs->changed);
	}
	if (job->wake)
		job->wake(job->wake_ctx);
}

/* The first job whose thread has not ended, shared, that was not cancelled. */
static struct job *next_running(struct jobs *jobs)
{
	WITH_LOCK(&jobs->lock);

	list_for_each(pos, &jobs->list) {
		struct job *job = container_of(pos, struct job, link);

		if (job->running && !job_cancelled(job))
			return job_ref(job);
	}
	return NULL;
}

void jobs_free(struct jobs *jobs)
{
	struct job *job;

	if (!jobs)
		return;
	(void)pthread_mutex_lock(&jobs->lock);
	jobs->closing = true;
	(void)pthread_mutex_unlock(&jobs->lock);
	while ((job = next_running(jobs)) != NULL) {
		job_cancel(job);
		job_unref(job);
	}
	(void)pthread_mutex_lock(&jobs->lock);
	while (jobs->threads > 0)
		(void)pthread_cond_wait(&jobs->changed, &jobs->lock);
	(void)pthread_mutex_unlock(&jobs->lock);
	list_for_each_safe(pos, &jobs->list) {
		list_remove(pos);
		job_unref(container_of(pos, struct job, link));
	}
	feed_unref(jobs->config.events);
	(void)pthread_cond_destroy(&jobs->changed);
	(void)pthread_mutex_destroy(&jobs->lock);
	free(jobs);
}

const struct job_ops *jobs_kind(const struct jobs *jobs, const char *kind)
{
	for (const struct job_ops *const *at = jobs->config.kinds; *at; at++)
		if (strcmp((*at)->kind, kind) == 0)
			return *at;
	return NULL;
}

/* ---- events ---- */

/* {"ts":...,"event":"job","id":...,"type":...,"state":...} */
static void tell_event(struct job *job)
{
	struct jobs *jobs = job->jobs;
	struct timespec now = clock_wall(jobs->config.clock);
	char ts[JOB_TS_MAX];
	char line[256];

	if (!jobs->config.events)
		return;
	job_timestamp(&now, ts);
	(void)snprintf(line, sizeof(line),
	               "{\"ts\":\"%s\",\"event\":\"job\",\"id\":\"%s\","
	               "\"type\":\"%s\",\"state\":\"%s\"}",
	               ts, job->id, job->ops->kind,
	               job_state_name(job_state(job)));
	feed_add(jobs->config.events, line);
}

/* ---- running ---- */

/* The last things before run(): what prepare() makes, after a restart too. */
static int prepare_again(struct job *job, struct err *reterr)
{
	int r;

	if (job->prepared)
		return 0;
	r = job->ops->prepare(job, reterr);
	job->prepared = r == 0;
	return r;
}

/* Let go of what prepare() made: another run makes it anew. */
static void unprepare(struct job *job)
{
	if (job->prepared && job->ops->free)
		job->ops->free(job->private);
	job->prepared = false;
	job->private = NULL;
}

/* The job has its outcome. Returns whether that is to be kept. */
static bool settle_locked(struct job *job, int status, const struct err *err)
{
	struct jobs *jobs = job->jobs;

	job->ended = clock_wall(jobs->config.clock);
	job->paused = false;
	if (status < 0 && job_cancelled(job)) {
		job->state = JOB_CANCELLED;
		job->status = -ECANCELED;
		(void)err_set(&job->err, -ECANCELED, "cancelled");
		return !jobs->closing;
	}
	job->state = status < 0 ? JOB_FAILED : JOB_DONE;
	job->status = status;
	if (status < 0 && err->text[0])
		job->err = *err;
	else if (status < 0)
		(void)err_set(&job->err, status, "%s", strerror(-status));
	return true;
}

/* Tell everybody who waits that it has ended. */
static void tell_waiters(struct job *job)
{
	struct job_waiter *waiters;

	{
		WITH_LOCK(&job->jobs->lock);
		waiters = job->waiters;
		job->waiters = NULL;
	}
	while (waiters) {
		struct job_waiter *next = waiters->next;

		waiters->queued = false;
		waiters->done(waiters, job);
		waiters = next;
	}
}

void job_finish(struct job *job, int status, const struct err *err)
{
	struct jobs *jobs = job->jobs;
	bool keep;

	unprepare(job);
	{
		WITH_LOCK(&jobs->lock);
		keep = settle_locked(job, status, err);
	}
	if (status < 0)
		job_log(job, "ended: %s", job->err.text);
	if (keep)
		job_keep(job);
	tell_event(job);
	{
		WITH_LOCK(&jobs->lock);
		job->running = false;
		(void)pthread_cond_broadcast(&jobs->changed);
	}
	job_tell_end(job);
	tell_waiters(job);
	if (status < 0 && !job_cancelled(job))
		log_warning("%s \"%s\" failed: %s", job->ops->kind, job->id,
		            job->err.text);
	else
		log_info("%s \"%s\" %s", job->ops->kind, job->id,
		         job_state_name(job_state(job)));
}

/* A job's thread. */
static void *job_main(void *arg)
{
	struct job *job = arg;
	struct jobs *jobs = job->jobs;
	struct err err = {0};
	int r;

	job_keep(job);
	tell_event(job);
	job_tell(job);
	r = prepare_again(job, &err);
	if (r == 0)
		r = job->ops->run(job, &err);
	job_finish(job, r, &err);
	job_unref(job);
	jobs_schedule(jobs);
	if (jobs->config.busy)
		jobs->config.busy(jobs->config.ctx, false);

	WITH_LOCK(&jobs->lock);
	jobs->threads--;
	(void)pthread_cond_broadcast(&jobs->changed);
	return NULL;
}

/* How many of that kind run. */
static unsigned running_locked(const struct jobs *jobs,
                               const struct job_ops *ops)
{
	unsigned n = 0;

	list_for_each(pos, &jobs->list) {
		const struct job *job = container_of(pos, struct job, link);

		n += job->ops == ops && job->running;
	}
	return n;
}

/* The first queued job that may run now, counted as running; or NULL. */
static struct job *next_to_run(struct jobs *jobs)
{
	WITH_LOCK(&jobs->lock);

	if (jobs->closing)
		return NULL;
	list_for_each(pos, &jobs->list) {
		struct job *job = container_of(pos, struct job, link);

		if (job->state != JOB_QUEUED || job->paused || !job->ready ||
		    running_locked(jobs, job->ops) >= job->ops->limit)
			continue;
		job->state = JOB_RUNNING;
		job->running = true;
		job->started = clock_wall(jobs->config.clock);
		jobs->queued--;
		jobs->threads++;
		return job_ref(job);
	}
	return NULL;
}

void jobs_schedule(struct jobs *jobs)
{
	struct job *job;

	while ((job = next_to_run(jobs)) != NULL) {
		char name[32];
		pthread_t thread;
		struct err err = {0};
		int r;

		(void)snprintf(name, sizeof(name), "job/%s", job->ops->kind);
		if (jobs->config.busy)
			jobs->config.busy(jobs->config.ctx, true);
		r = thread_start(name, job_main, job, &thread);
		if (r == 0) {
			(void)pthread_detach(thread);
			continue;
		}
		(void)err_set(&err, r, "no thread: %s", strerror(-r));
		job_finish(job, r, &err);
		job_unref(job);
		if (jobs->config.busy)
			jobs->config.busy(jobs->config.ctx, false);
		WITH_LOCK(&jobs->lock);
		jobs->threads--;
	}
}

/* ---- starting ---- */

/* "20261122T195503Z-k3v9q2" */
static void make_id(struct jobs *jobs, char ret[JOB_ID_MAX])
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	struct timespec now = clock_wall(jobs->config.clock);
	struct tm tm;
	uint8_t random[6];
	size_t len;

	(void)gmtime_r(&now.tv_sec, &tm);
	len = strftime(ret, JOB_ID_MAX, "%Y%m%dT%H%M%SZ-", &tm);
	digest_random(random, sizeof(random));
	for (size_t i = 0; i < sizeof(random); i++)
		ret[len + i] = digits[random[i] % 36];
	ret[len + sizeof(random)] = '\0';
}

/* Whether two targets meet: the same, or one inside the other. */
static bool targets_meet(const char *a, const char *b)
{
	size_t len_a = strlen(a);
	size_t len_b = strlen(b);
	size_t len = len_a < len_b ? len_a : len_b;
	const char *shorter = len_a < len_b ? a : b;

	if (len == 0 || strncmp(a, b, len) != 0)
		return false;
	return len_a == len_b || shorter[len - 1] == '/';
}

/* Whether the job can be taken in. */
static int admit_locked(struct jobs *jobs, const struct job *job,
                        struct err *reterr)
{
	if (jobs->closing)
		return err_set(reterr, -EAGAIN, "the mount is ending");
	if (jobs->queued >= jobs->config.queue_max)
		return err_set(reterr, -EAGAIN, "%u jobs are waiting already",
		               jobs->queued);
	list_for_each(pos, &jobs->list) {
		const struct job *other = container_of(pos, struct job, link);

		if (strcmp(other->id, job->id) == 0)
			return err_set(reterr, -EEXIST,
			               "there is a job '%s' already", job->id);
		if (!job->dry && !other->dry && job->target && other->target &&
		    (other->running || other->state == JOB_QUEUED) &&
		    targets_meet(job->target, other->target))
			return err_set(reterr, -EBUSY,
			               "job '%s' writes to '%s' already",
			               other->id, other->target);
	}
	return 0;
}

/* The id that the command gives, or a fresh one. */
static int take_id(struct job *job, struct err *reterr)
{
	const char *id = command_text(&job->command, "id", 0);

	if (!id) {
		make_id(job->jobs, job->id);
		return 0;
	}
	if (!id[0] || strlen(id) >= JOB_ID_MAX || id[0] == '.' ||
	    strspn(id, ID_CHARS) != strlen(id))
		return err_set(reterr, -EINVAL,
		               "id='%s' is not 1 to 64 of A-Za-z0-9._- without "
		               "a dot in front",
		               id);
	(void)str_copy(job->id, sizeof(job->id), id);
	return 0;
}

/* What every job's command may say beside its kind's own words. */
static const struct command_rule common_rules[] = {
	{.key = "id", .help = "the job's name"},
	{.key = "sync", .type = COMMAND_FLAG, .help = "return at its end"},
	{.key = "paused", .type = COMMAND_FLAG, .help = "wait for resume"},
	{.key = "dryrun", .type = COMMAND_FLAG, .help = "only count"},
};
#define COMMON_RULES (sizeof(common_rules) / sizeof(common_rules[0]))

/* The command against the rules of its kind and of all jobs. */
static int check_command(const struct job_ops *ops,
                         const struct command *command, struct err *reterr)
{
	size_t count = ops->rule_count + COMMON_RULES;
	cleanup(freep) struct command_rule *rules =
		calloc(count, sizeof(*rules));

	if (!rules)
		return err_set(reterr, -ENOMEM, "out of memory");
	if (ops->rule_count > 0)
		memcpy(rules, ops->rules, ops->rule_count * sizeof(*rules));
	memcpy(rules + ops->rule_count, common_rules, sizeof(common_rules));
	return command_check(command, rules, count, reterr);
}

static int copy_command(struct job *job, const struct command *command)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < command->count; i++)
		r = command_add(&job->command, command->words[i].key,
		                command->words[i].value);
	return r;
}

/* A job that is checked and prepared, in no list yet. */
static int make_job(struct jobs *jobs, const struct job_request *request,
                    struct job **ret, struct err *reterr)
{
	cleanup(job_unrefp) struct job *job = NULL;
	int r = check_command(request->ops, request->command, reterr);

	if (r < 0)
		return r;
	r = job_new(jobs, request->ops, &job);
	if (r == 0)
		r = copy_command(job, request->command);
	if (r < 0)
		return err_set(reterr, r, "out of memory");
	job->dry = request->dry || command_flag(&job->command, "dryrun");
	job->uid = request->uid;
	job->pid = request->pid;
	if (job->dry && !request->ops->changes)
		return err_set(reterr, -EINVAL, "%s has no dry run",
		               request->ops->kind);
	r = take_id(job, reterr);
	if (r == 0)
		r = prepare_again(job, reterr);
	if (r < 0)
		return r;
	*ret = take(&job);
	return 0;
}

/* The oldest ended job when there are too many of them, shared; or NULL. */
static struct job *find_stale(struct jobs *jobs)
{
	struct job *oldest = NULL;
	unsigned count = 0;
	WITH_LOCK(&jobs->lock);

	list_for_each(pos, &jobs->list) {
		struct job *job = container_of(pos, struct job, link);

		if (job->running || job->state == JOB_QUEUED)
			continue;
		oldest = oldest ? oldest : job;
		count++;
	}
	return count > ENDED_MAX ? job_ref(oldest) : NULL;
}

/* Forget what ended long ago. */
static void forget_stale(struct jobs *jobs)
{
	struct job *job;

	while ((job = find_stale(jobs)) != NULL) {
		int r = job_control(job, "forget", NULL);

		job_unref(job);
		if (r < 0)
			break;
	}
}

/*
 * The job's record is on disk before anybody is told that there is a job; one
 * that cannot be kept is none.
 */
static int keep_new(struct job *job, struct err *reterr)
{
	struct jobs *jobs = job->jobs;
	int r;

	job_keep(job);
	r = job->record && !job->dry ? journal_sync(jobs->config.journal) : 0;
	if (r == 0) {
		WITH_LOCK(&jobs->lock);
		job->ready = true;
		return 0;
	}
	{
		WITH_LOCK(&jobs->lock);
		list_remove(&job->link);
		job->listed = false;
		jobs->queued--;
	}
	job_unkeep(job);
	job_unref(job);
	return err_set(reterr, r, "the job cannot be kept on disk: %s",
	               strerror(-r));
}

int jobs_start(struct jobs *jobs, const struct job_request *request,
               struct job **ret, struct err *reterr)
{
	cleanup(job_unrefp) struct job *job = NULL;
	int r = make_job(jobs, request, &job, reterr);

	if (r < 0)
		return r;
	{
		WITH_LOCK(&jobs->lock);
		r = admit_locked(jobs, job, reterr);
		if (r < 0)
			return r;
		list_append(&jobs->list, &job->link);
		job->listed = true;
		job->paused = command_flag(&job->command, "paused");
		job->record = journal_id(jobs->config.journal);
		jobs->queued++;
	}
	*ret = job_ref(job);
	(void)take(&job); /* the list's */
	forget_stale(jobs);
	r = keep_new(*ret, reterr);
	if (r < 0) {
		job_unref(*ret);
		*ret = NULL;
		return r;
	}
	jobs_schedule(jobs);
	return 0;
}

/* ---- looking ---- */

struct job *jobs_find(struct jobs *jobs, const char *id)
{
	WITH_LOCK(&jobs->lock);

	list_for_each(pos, &jobs->list) {
		struct job *job = container_of(pos, struct job, link);

		if (strcmp(job->id, id) == 0)
			return job_ref(job);
	}
	return NULL;
}

void jobs_each(struct jobs *jobs, void (*each)(void *ctx, struct job *job),
               void *ctx)
{
	struct job **all;
	size_t count = 0;

	{
		WITH_LOCK(&jobs->lock);
		list_for_each(pos, &jobs->list)
			count++;
		all = calloc(count + 1, sizeof(struct job *));
		count = 0;
		list_for_each(pos, &jobs->list) {
			if (all)
				all[count++] = job_ref(
					container_of(pos, struct job, link));
		}
	}
	for (size_t i = 0; i < count; i++) {
		each(ctx, all[i]);
		job_unref(all[i]);
	}
	free(all);
}
