/* SPDX-License-Identifier: MIT */
/* Files that start jobs, and jobs/. */
#include "control_impl.h"

#include <string.h>

/* Read back what a shell can use: the id, alone in its line. */
static int start(const struct node_at *at, const struct job_ops *ops,
                 struct node_command *command, struct job **ret,
                 struct err *reterr)
{
	const struct job_request request = {
		.ops = ops,
		.command = command->command,
		.uid = command->who.uid,
		.pid = command->who.tid,
	};
	int r = jobs_start(at->control->jobs, &request, ret, reterr);

	if (r == 0)
		str_addf(command->reply, "%s\n", job_id(*ret));
	return r;
}

int do_job(const struct node_at *at, struct node_command *command,
           struct err *reterr)
{
	const struct job_ops *ops = jobs_kind(at->control->jobs, at->path);
	struct job *job;
	int r;

	if (!ops)
		return err_set(reterr, -EOPNOTSUPP, "there is no such job");
	r = start(at, ops, command, &job, reterr);
	if (r < 0)
		return r;
	if (command_flag(command->command, "sync"))
		command->until = job;
	else
		job_unref(job);
	return 0;
}

/* The command without its first word, which is the kind. */
static int without_kind(const struct command *from, struct command *ret)
{
	bool skipped = false;
	int r = 0;

	for (size_t i = 0; r == 0 && i < from->count; i++) {
		if (!skipped && !from->words[i].key[0])
			skipped = true;
		else
			r = command_add(ret, from->words[i].key,
			                from->words[i].value);
	}
	return r;
}

/* "clone src=... dst=...": count, reply with the status, forget. */
int do_dryrun(const struct node_at *at, struct node_command *command,
              struct err *reterr)
{
	const char *kind = command_text(command->command, "", 0);
	const struct job_ops *ops =
		kind ? jobs_kind(at->control->jobs, kind) : NULL;
	struct command rest = {0};
	struct job_request request = {
		.ops = ops, .command = &rest, .dry = true};
	struct job *job;
	int r;

	if (!ops)
		return err_set(reterr, -EINVAL,
		               "the first word is none of the commands that "
		               "start a job");
	request.uid = command->who.uid;
	request.pid = command->who.tid;
	r = without_kind(command->command, &rest);
	if (r == 0)
		r = jobs_start(at->control->jobs, &request, &job, reterr);
	command_release(&rest);
	if (r < 0)
		return r;
	r = job_wait(job, reterr);
	if (r == 0)
		r = job_status_json(job, command->reply);
	str_add_char(command->reply, '\n');
	(void)job_control(job, "forget", NULL);
	job_unref(job);
	return r;
}

/* ---- jobs/ ---- */

/* jobs_each(): a line each. */
static void add_line(void *ctx, struct job *job)
{
	struct str *ret = ctx;

	if (job_status_json(job, ret) == 0)
		str_add_char(ret, '\n');
}

int show_jobs(const struct node_at *at, struct str *ret, struct err *reterr)
{
	(void)reterr;
	jobs_each(at->control->jobs, add_line, ret);
	return 0;
}

/* The job that a path is about, shared; NULL: it is gone. */
static struct job *job_of(const struct node_at *at)
{
	return jobs_find(at->control->jobs, at->arg[0]);
}

int job_is_there(const struct node_at *at)
{
	cleanup(job_unrefp) struct job *job = job_of(at);

	return job ? 0 : -ENOENT;
}

/* What list_jobs() hands through jobs_each(). */
struct listing {
	node_list_fn *each;
	void *ctx;
};

static void give_job(void *ctx, struct job *job)
{
	const struct listing *listing = ctx;

	(void)listing->each(listing->ctx, job_id(job), true);
}

void list_jobs(const struct node_at *at, node_list_fn *each, void *ctx)
{
	struct listing listing = {each, ctx};

	jobs_each(at->control->jobs, give_job, &listing);
}

int show_job_spec(const struct node_at *at, struct str *ret, struct err *reterr)
{
	cleanup(job_unrefp) struct job *job = job_of(at);
	int r = job ? job_spec_json(job, ret) : -ENOENT;

	(void)reterr;
	str_add_char(ret, '\n');
	return r;
}

int show_job_type(const struct node_at *at, struct str *ret, struct err *reterr)
{
	cleanup(job_unrefp) struct job *job = job_of(at);

	(void)reterr;
	if (!job)
		return -ENOENT;
	str_addf(ret, "%s\n", job_kind(job)->kind);
	return 0;
}

int show_job_state(const struct node_at *at, struct str *ret,
                   struct err *reterr)
{
	cleanup(job_unrefp) struct job *job = job_of(at);

	(void)reterr;
	if (!job)
		return -ENOENT;
	str_addf(ret, "%s\n", job_state_name(job_state(job)));
	return 0;
}

int show_job_status(const struct node_at *at, struct str *ret,
                    struct err *reterr)
{
	cleanup(job_unrefp) struct job *job = job_of(at);
	int r = job ? job_status_json(job, ret) : -ENOENT;

	(void)reterr;
	str_add_char(ret, '\n');
	return r;
}

/* All of a feed that is kept. */
static void add_feed(struct feed *feed, struct str *ret)
{
	struct feed_reader reader = {.at = feed_begin(feed)};
	char part[4096];
	ssize_t n;

	while ((n = feed_read(feed, &reader, part, sizeof(part))) > 0)
		str_add_mem(ret, part, (size_t)n);
}

int show_job_log(const struct node_at *at, struct str *ret, struct err *reterr)
{
	cleanup(job_unrefp) struct job *job = job_of(at);
	cleanup(feed_unrefp) struct feed *log = NULL;

	(void)reterr;
	if (!job)
		return -ENOENT;
	log = job_log_feed(job);
	add_feed(log, ret);
	return 0;
}

int do_job_control(const struct node_at *at, struct node_command *command,
                   struct err *reterr)
{
	cleanup(job_unrefp) struct job *job = job_of(at);

	if (!job)
		return err_set(reterr, -ENOENT, "there is no such job");
	return job_control(job, command_text(command->command, "", 0), reterr);
}

struct feed *follow_progress(const struct node_at *at, uint64_t *ret_from)
{
	cleanup(job_unrefp) struct job *job = job_of(at);
	struct feed *feed;

	if (!job)
		return NULL;
	feed = job_progress_feed(job);
	*ret_from = feed_begin(feed);
	return feed;
}

struct feed *follow_wait(const struct node_at *at, uint64_t *ret_from)
{
	cleanup(job_unrefp) struct job *job = job_of(at);
	struct feed *feed;

	if (!job)
		return NULL;
	feed = job_wait_feed(job);
	*ret_from = feed_last(feed);
	return feed;
}
