/* SPDX-License-Identifier: MIT */
/*
 * clone, copy and move: objects of one place to another one.
 *
 * Both places are listed once and walked side by side (a merge-join): what the
 * target lacks or has otherwise is copied, copy_concurrency at a time, by the
 * server where it can.  Begun again after a killed daemon or a failure, it finds
 * most of it done.  A move deletes what was copied and checked, in batches; what
 * is the same already is deleted too.
 */
#include "job_copy.h"

#include "base/conf.h"
#include "copy_filter.h"
#include "lanes.h"
#include "sweep.h"
#include "transfer.h"

#include <string.h>

#define CONCURRENCY 64 /* without a configuration */

/* What one run of a job has at hand. */
struct run {
	struct job *job;
	const struct transfer *transfer;
	struct lanes *lanes;
	struct sweep *extra; /* deletes at the target; NULL: none */
	struct sweep *moved; /* deletes at the source; NULL: none */
};

/* ---- the three kinds ---- */

#define IF_RULE                                                                  \
	{                                                                        \
		.key = "if", .type = COMMAND_CHOICE,                             \
		.choices = "differs|newer|missing|always",                       \
		.help = "when to overwrite: differs (default), newer, missing, " \
			"always"                                                 \
	}

/* Where the filter's rules are put behind these. */
static const struct command_rule clone_rules[] = {
	TRANSFER_PLACE_RULES,
	IF_RULE,
	{.key = "delete-extra",
         .type = COMMAND_FLAG,
         .help = "1: remove what only the target has"},
	COPY_FILTER_RULE_LIST,
};
/* Those of copy and move. */
static const struct command_rule copy_rules[] = {
	TRANSFER_PLACE_RULES,
	IF_RULE,
	COPY_FILTER_RULE_LIST,
};

/* clone: without words, from source to primary, as the guide has it. */
static int prepare_clone(struct job *job, struct err *reterr)
{
	static const struct transfer_presets presets = {
		.from = "source",
		.to = "primary",
		.changes = true,
	};
	const struct conf *conf = job_conf(job);
	struct transfer_presets named = presets;
	struct transfer *transfer;
	int r;

	if (conf) {
		named.from = conf_text(conf, NULL, "source_name");
		named.to = conf_text(conf, NULL, "primary_name");
	}
	r = transfer_new(job, &named, &transfer, reterr);
	if (r == 0)
		job_set_private(job, transfer);
	return r;
}

static int prepare_copy(struct job *job, struct err *reterr)
{
	static const struct transfer_presets presets = {.changes = true};
	struct transfer *transfer;
	int r = transfer_new(job, &presets, &transfer, reterr);

	if (r == 0)
		job_set_private(job, transfer);
	return r;
}

static int prepare_move(struct job *job, struct err *reterr)
{
	static const struct transfer_presets presets = {
		.changes = true,
		.removes_source = true,
	};
	struct transfer *transfer;
	int r = transfer_new(job, &presets, &transfer, reterr);

	if (r == 0)
		job_set_private(job, transfer);
	return r;
}

/* ---- one object ---- */

/* A key of the place with that name below it, into a sweep. */
static int sweep_name(struct sweep *sweep, const struct place *place,
                      const char *name)
{
	cleanup(freep) char *key = str_printf("%s%s", place->key, name);

	return key ? sweep_add(sweep, key) : -ENOMEM;
}

/* lanes_config.then: the copy is there, the source may go. */
static int forget_source(void *ctx, const char *from_key)
{
	struct run *run = ctx;

	return run->moved ? sweep_add(run->moved, from_key) : 0;
}

/* Only the target has it. */
static int remove_extra(struct run *run, const struct copy_entry *target)
{
	if (job_is_dry(run->job)) {
		job_add(run->job, JOB_DELETED, 1);
		return 0;
	}
	return sweep_name(run->extra, &run->transfer->to, target->name);
}

/* It is there already: nothing to copy; a move's source may be the same. */
static int leave(struct run *run, const struct transfer_pair *pair,
                 const char *from_key)
{
	bool same = pair->target &&
	            copy_compare(pair->source, pair->target) != COPY_OTHER;

	job_add(run->job, JOB_SKIPPED, 1);
	if (!run->moved || !same || run->transfer->when == COPY_MISSING)
		return 0;
	if (job_is_dry(run->job)) {
		job_add(run->job, JOB_DELETED, 1);
		return 0;
	}
	return sweep_add(run->moved, from_key);
}

/* transfer_walk(): one pair. */
static int take_pair(void *ctx, const struct transfer_pair *pair,
                     struct err *reterr)
{
	struct run *run = ctx;
	const struct transfer *t = run->transfer;
	cleanup(freep) char *from = NULL;
	cleanup(freep) char *to = NULL;
	int r;

	if (!pair->source)
		return remove_extra(run, pair->target);
	r = transfer_keys(t, pair->source->name, &from, &to);
	if (r == -ENAMETOOLONG) {
		job_log_failure(run->job, pair->source->name, r,
		                "the key would be too long at the target");
		return 0;
	}
	if (r < 0)
		return err_set(reterr, r, "out of memory");
	if (!copy_is_due(t->when, pair->source, pair->target))
		return leave(run, pair, from);
	if (pair->target) {
		r = fs_bucket_may(job_fs(run->job), t->to.bucket.number, true,
		                  reterr);
		if (r < 0)
			return r;
	}
	if (job_is_dry(run->job)) {
		job_add(run->job, JOB_OBJECTS, 1);
		job_add(run->job, JOB_BYTES, pair->source->size);
		job_add(run->job, JOB_REQUESTS, 1);
		if (run->moved)
			job_add(run->job, JOB_DELETED, 1);
		return 0;
	}
	return lanes_copy(run->lanes, from, to, pair->source);
}

/* ---- the run ---- */

/* copy_concurrency, within what there are connections for. */
static unsigned concurrency(struct job *job)
{
	const struct conf *conf = job_conf(job);

	return conf ? (unsigned)conf_number(conf, NULL, "copy_concurrency")
	            : CONCURRENCY;
}

static int make_parts(struct run *run, bool moves)
{
	const struct transfer *t = run->transfer;
	const struct lanes_config lanes = {
		.job = run->job,
		.from = t->from.bucket,
		.to = t->to.bucket,
		.count = t->single ? 1 : concurrency(run->job),
		.then = moves ? forget_source : NULL,
		.ctx = run,
	};
	int r = lanes_new(&lanes, &run->lanes);

	if (r == 0 && t->extra)
		r = sweep_new(run->job, &t->to.bucket, &run->extra);
	if (r == 0 && moves)
		r = sweep_new(run->job, &t->from.bucket, &run->moved);
	return r;
}

/* Let all that was begun end; deletes come last. */
static int finish(struct run *run, int status, struct err *reterr)
{
	int r = lanes_drain(run->lanes);

	if (status == 0 && r < 0)
		status = err_set(reterr, r, "out of memory");
	if (run->moved)
		sweep_flush(run->moved);
	if (run->extra && status == 0 && lanes_status(run->lanes, NULL) == 0)
		sweep_flush(run->extra);
	return status;
}

/* What failed only in part. */
static int outcome(struct run *run, int status, struct err *reterr)
{
	struct err first = {0};

	if (status < 0)
		return status;
	if (lanes_status(run->lanes, &first) == 0 && run->moved)
		(void)sweep_status(run->moved, &first);
	if (first.code == 0 && run->extra)
		(void)sweep_status(run->extra, &first);
	if (first.code == 0)
		return 0;
	return err_set(reterr, first.code, "%llu objects failed, the first: %s",
	               (unsigned long long)job_so_far(run->job, JOB_FAILURES),
	               first.text);
}

/* All of clone, copy and move. */
static int run_transfer(struct job *job, bool moves, struct err *reterr)
{
	struct run run = {.job = job, .transfer = job_private(job)};
	int r = make_parts(&run, moves);

	if (r < 0)
		r = err_set(reterr, r, "out of memory");
	else
		r = transfer_walk(job, run.transfer, take_pair, &run, reterr);
	if (run.lanes) {
		r = finish(&run, r, reterr);
		r = outcome(&run, r, reterr);
		if (lanes_streamed(run.lanes) > 0)
			job_log(job, "%llu bytes went through this machine",
			        (unsigned long long)lanes_streamed(run.lanes));
	}
	sweep_free(run.extra);
	sweep_free(run.moved);
	lanes_free(run.lanes);
	return r;
}

static int run_copy(struct job *job, struct err *reterr)
{
	return run_transfer(job, false, reterr);
}

static int run_move(struct job *job, struct err *reterr)
{
	return run_transfer(job, true, reterr);
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const struct job_ops job_clone = {
	.kind = "clone",
	.help = "make the target as the source is",
	.rules = clone_rules,
	.rule_count = COUNT(clone_rules),
	.limit = 2,
	.resumes = true,
	.changes = true,
	.prepare = prepare_clone,
	.run = run_copy,
	.free = transfer_free,
};

const struct job_ops job_copy = {
	.kind = "copy",
	.help = "copy an object or a prefix",
	.rules = copy_rules,
	.rule_count = COUNT(copy_rules),
	.limit = 4,
	.resumes = true,
	.changes = true,
	.prepare = prepare_copy,
	.run = run_copy,
	.free = transfer_free,
};

const struct job_ops job_move = {
	.kind = "move",
	.help = "copy, check, and remove the source",
	.rules = copy_rules,
	.rule_count = COUNT(copy_rules),
	.limit = 2,
	.resumes = true,
	.changes = true,
	.prepare = prepare_move,
	.run = run_move,
	.free = transfer_free,
};
