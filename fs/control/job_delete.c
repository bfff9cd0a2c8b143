/* SPDX-License-Identifier: MIT */
/*
 * delete: an object, or everything below a prefix, in batches.
 *
 * A whole bucket only with all=1.  Listing and deleting go side by side: a
 * listing that goes on behind what is deleted stays right.
 */
#include "copy_filter.h"
#include "job_copy.h"
#include "scan.h"
#include "sweep.h"
#include "transfer.h"

#include <string.h>

/* The words of delete. */
static const struct command_rule rules[] = {
	{.key = "", .help = "DIRECTORY/KEY or DIRECTORY/PREFIX/"},
	{.key = "path", .help = "the same"},
	{.key = "all",
         .type = COMMAND_FLAG,
         .help = "1: it may be a whole bucket"},
	COPY_FILTER_RULE_LIST,
};

struct deletion {
	struct place place;
	struct copy_filter filter;
};

static void deletion_free(void *private)
{
	struct deletion *d = private;

	if (!d)
		return;
	place_release(&d->place);
	free(d);
}

/* What the command names. */
static int fill(struct job *job, struct deletion *d, struct err *reterr)
{
	const struct command *command = job_command(job);
	const char *path = command_text(command, "path", 0);
	struct timespec now = clock_wall(job_clock(job));
	cleanup(freep) char *target = NULL;
	int r;

	if (!path)
		path = command_text(command, "", 0);
	if (!path)
		return err_set(reterr, -EINVAL, "'path' is missing");
	r = place_find(job_fs(job), job_conf(job), path, &d->place, reterr);
	if (r == 0)
		r = fs_bucket_may(job_fs(job), d->place.bucket.number, true,
		                  reterr);
	if (r < 0)
		return r;
	if (!d->place.key[0] && !command_flag(command, "all"))
		return err_set(reterr, -EINVAL,
		               "'%s' is a whole bucket: say all=1 if it is "
		               "meant",
		               path);
	copy_filter_init(&d->filter, command, (uint64_t)now.tv_sec);
	target = str_printf("%s/%s", d->place.bucket.name, d->place.key);
	if (!target || job_set_target(job, target) < 0)
		return err_set(reterr, -ENOMEM, "out of memory");
	return 0;
}

static int prepare(struct job *job, struct err *reterr)
{
	struct deletion *d = calloc(1, sizeof(*d));
	int r = d ? fill(job, d, reterr)
	          : err_set(reterr, -ENOMEM, "out of memory");

	if (r < 0)
		deletion_free(d);
	else
		job_set_private(job, d);
	return r;
}

/* Whether a listed object is meant: the key itself, or what is below it. */
static bool is_meant(const struct deletion *d, const struct copy_entry *entry)
{
	bool prefix = !d->place.key[0] || str_ends(d->place.key, "/");

	if (!prefix && entry->name[0])
		return false;
	return copy_filter_takes(&d->filter, entry);
}

/* One object. */
static int take_entry(struct job *job, const struct deletion *d,
                      struct sweep *sweep, const struct copy_entry *entry,
                      const char *key)
{
	if (!is_meant(d, entry)) {
		if (str_ends(d->place.key, "/") || !d->place.key[0])
			job_add(job, JOB_SKIPPED, 1);
		return 0;
	}
	job_add(job, JOB_BYTES, entry->size);
	if (!job_is_dry(job))
		return sweep_add(sweep, key);
	job_add(job, JOB_DELETED, 1);
	return 0;
}

static int walk(struct job *job, const struct deletion *d, struct sweep *sweep,
                struct scan *scan, struct err *reterr)
{
	struct copy_entry entry;
	int r;

	while ((r = scan_next(scan, &entry, reterr)) > 0) {
		r = job_check(job);
		if (r == 0)
			r = take_entry(job, d, sweep, &entry, scan_key(scan));
		if (r < 0)
			break;
		if (!str_ends(d->place.key, "/") && d->place.key[0] &&
		    entry.name[0])
			break; /* one object: it would have come first */
	}
	return r < 0 ? r : 0;
}

static int run(struct job *job, struct err *reterr)
{
	const struct deletion *d = job_private(job);
	cleanup(sweep_freep) struct sweep *sweep = NULL;
	cleanup(scan_freep) struct scan *scan = NULL;
	struct err first = {0};
	int r = sweep_new(job, &d->place.bucket, &sweep);

	if (r == 0)
		r = scan_new(d->place.bucket.store, d->place.key, &scan);
	if (r < 0)
		return err_set(reterr, r, "out of memory");
	r = walk(job, d, sweep, scan, reterr);
	if (r == 0)
		sweep_flush(sweep);
	job_add(job, JOB_REQUESTS, scan_requests(scan));
	if (r == 0 && sweep_status(sweep, &first) < 0)
		r = err_set(reterr, first.code,
		            "%llu objects failed, the first: %s",
		            (unsigned long long)job_so_far(job, JOB_FAILURES),
		            first.text);
	return r;
}

const struct job_ops job_delete = {
	.kind = "delete",
	.help = "remove an object or everything below a prefix",
	.rules = rules,
	.rule_count = sizeof(rules) / sizeof(rules[0]),
	.limit = 2,
	.resumes = true,
	.changes = true,
	.prepare = prepare,
	.run = run,
	.free = deletion_free,
};
