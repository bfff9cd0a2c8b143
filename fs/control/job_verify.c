/* SPDX-License-Identifier: MIT */
/*
 * verify: is all of the source at the target, by size and ETag?
 *
 * Two listings and no other request.  ETags of multipart uploads depend on how
 * they were cut: where they differ, the size alone counts, and the log says of
 * how many objects that is true.
 */
#include "copy_filter.h"
#include "job_copy.h"
#include "transfer.h"

#include <string.h>

/* The words of verify. */
static const struct command_rule rules[] = {
	TRANSFER_PLACE_RULES,
	{.key = "exact",
         .type = COMMAND_FLAG,
         .help = "1: what only the target has is a failure too"},
	COPY_FILTER_RULE_LIST,
};

struct verification {
	struct job *job;
	const struct transfer *transfer;
	uint64_t by_size; /* objects whose ETags could not be compared */
	struct err first;
};

static int prepare(struct job *job, struct err *reterr)
{
	static const struct transfer_presets presets = {0};
	struct transfer *transfer;
	int r = transfer_new(job, &presets, &transfer, reterr);

	if (r == 0)
		job_set_private(job, transfer);
	return r;
}

/* One object is not as it should be. */
static void note(struct verification *v, const char *name, int code,
                 const char *what)
{
	const struct place *to = &v->transfer->to;
	cleanup(freep) char *path =
		str_printf("%s/%s%s", to->bucket.name, to->key, name);

	job_log_failure(v->job, path ? path : name, code, what);
	if (v->first.code == 0)
		(void)err_set(&v->first, code, "%s: %s", path ? path : name,
		              what);
}

/* transfer_walk(): one pair. */
static int compare(void *ctx, const struct transfer_pair *pair,
                   struct err *reterr)
{
	struct verification *v = ctx;

	(void)reterr;
	if (!pair->source) {
		note(v, pair->target->name, -EEXIST, "only the target has it");
		return 0;
	}
	job_add(v->job, JOB_OBJECTS, 1);
	job_add(v->job, JOB_BYTES, pair->source->size);
	if (!pair->target) {
		note(v, pair->source->name, -ENOENT, "it is missing");
		return 0;
	}
	switch (copy_compare(pair->source, pair->target)) {
	case COPY_SAME_ETAG:
		break;
	case COPY_SAME_SIZE:
		v->by_size++;
		break;
	case COPY_OTHER:
		note(v, pair->source->name, -EILSEQ,
		     pair->source->size != pair->target->size
		             ? "the sizes differ"
		             : "the ETags differ");
		break;
	}
	return 0;
}

static int run(struct job *job, struct err *reterr)
{
	struct verification v = {.job = job, .transfer = job_private(job)};
	int r = transfer_walk(job, v.transfer, compare, &v, reterr);

	if (v.by_size > 0)
		job_log(job,
		        "%llu objects were compared by size alone: their ETags "
		        "are of multipart uploads",
		        (unsigned long long)v.by_size);
	if (r == 0 && v.first.code < 0)
		r = err_set(reterr, v.first.code,
		            "%llu objects differ, the first: %s",
		            (unsigned long long)job_so_far(job, JOB_FAILURES),
		            v.first.text);
	return r;
}

const struct job_ops job_verify = {
	.kind = "verify",
	.help = "compare source and target by size and ETag",
	.rules = rules,
	.rule_count = sizeof(rules) / sizeof(rules[0]),
	.limit = 4,
	.resumes = true,
	.prepare = prepare,
	.run = run,
	.free = transfer_free,
};
