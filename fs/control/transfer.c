/* SPDX-License-Identifier: MIT */
#include "transfer.h"

#include "base/conf.h"
#include "base/str.h"
#include "s3/store.h"

#include <string.h>

/* ---- the two places ---- */

/* The word of that key, or the index-th plain one, or the preset. */
static const char *place_word(const struct command *command, const char *key,
                              size_t index, const char *preset)
{
	const char *text = command_text(command, key, 0);

	if (!text)
		text = command_text(command, "", index);
	return text ? text : preset;
}

/* Make the key a prefix: "img" is "img/". */
static int as_prefix(char **key)
{
	char *longer;

	if (!(*key)[0] || str_ends(*key, "/"))
		return 0;
	longer = str_printf("%s/", *key);
	if (!longer)
		return -ENOMEM;
	free(*key);
	*key = longer;
	return 0;
}

/* Ask whether the source is one object. 0 or an errno; single is set. */
static int ask_single(struct transfer *t, struct err *reterr)
{
	struct store_req req = {.verb = STORE_HEAD, .key = t->from.key};
	int r;

	if (!t->from.key[0] || str_ends(t->from.key, "/"))
		return 0;
	r = store_call(t->from.bucket.store, &req);
	if (r == -ENOENT)
		return as_prefix(&t->from.key);
	if (r < 0)
		return err_set(reterr, r, "%s", req.err.text);
	t->single = true;
	(void)str_copy(t->etag, sizeof(t->etag), req.info.etag);
	t->entry = (struct copy_entry){
		.name = "",
		.size = req.info.size,
		.mtime = req.info.mtime.tv_sec,
		.etag = t->etag,
		.storage_class = "",
	};
	return 0;
}

/* Where a single object goes; a prefix goes to a prefix. */
static int name_target(struct transfer *t)
{
	const char *slash = strrchr(t->from.key, '/');
	const char *base = slash ? slash + 1 : t->from.key;
	char *key;

	if (!t->single)
		return as_prefix(&t->to.key);
	if (t->to.key[0] && !str_ends(t->to.key, "/"))
		return 0;
	key = str_printf("%s%s", t->to.key, base);
	if (!key)
		return -ENOMEM;
	free(t->to.key);
	t->to.key = key;
	return 0;
}

/* Neither may lie in the other: the walk would meet its own copies. */
static int check_apart(const struct transfer *t, struct err *reterr)
{
	const char *a = t->from.key;
	const char *b = t->to.key;
	size_t len = strlen(a) < strlen(b) ? strlen(a) : strlen(b);

	if (t->from.bucket.number != t->to.bucket.number)
		return 0;
	if (t->single ? strcmp(a, b) != 0 : strncmp(a, b, len) != 0)
		return 0;
	return err_set(reterr, -EINVAL,
	               "'%s/%s' and '%s/%s' are in one another",
	               t->from.bucket.name, a, t->to.bucket.name, b);
}

/* Both places from the command. */
static int find_places(struct job *job, const struct transfer_presets *presets,
                       struct transfer *t, struct err *reterr)
{
	const struct command *command = job_command(job);
	const char *from = place_word(command, "src", 0, presets->from);
	const char *to = place_word(command, "dst",
	                            command_text(command, "src", 0) ? 0 : 1,
	                            presets->to);
	int r;

	if (!from || !to)
		return err_set(reterr, -EINVAL, "'%s' is missing",
		               from ? "dst" : "src");
	if (command_text(command, "", 2))
		return err_set(reterr, -EINVAL, "one word too many: '%s'",
		               command_text(command, "", 2));
	r = place_find(job_fs(job), job_conf(job), from, &t->from, reterr);
	if (r == 0)
		r = place_find(job_fs(job), job_conf(job), to, &t->to, reterr);
	if (r == 0 && presets->changes)
		r = fs_bucket_may(job_fs(job), t->to.bucket.number, false,
		                  reterr);
	if (r == 0 && presets->removes_source)
		r = fs_bucket_may(job_fs(job), t->from.bucket.number, true,
		                  reterr);
	return r;
}

/* Everything that can fail. */
static int fill(struct job *job, const struct transfer_presets *presets,
                struct transfer *t, struct err *reterr)
{
	const struct command *command = job_command(job);
	struct timespec now = clock_wall(job_clock(job));
	cleanup(freep) char *target = NULL;
	int r = find_places(job, presets, t, reterr);

	if (r == 0)
		r = ask_single(t, reterr);
	if (r == 0 && name_target(t) < 0)
		r = err_set(reterr, -ENOMEM, "out of memory");
	if (r == 0)
		r = check_apart(t, reterr);
	if (r < 0)
		return r;
	copy_filter_init(&t->filter, command, (uint64_t)now.tv_sec);
	t->when = copy_when_of(command_text(command, "if", 0));
	t->extra = command_flag(command, "delete-extra") ||
	           command_flag(command, "exact");
	target = str_printf("%s/%s", t->to.bucket.name, t->to.key);
	if (!target || (presets->changes && job_set_target(job, target) < 0))
		return err_set(reterr, -ENOMEM, "out of memory");
	return 0;
}

int transfer_new(struct job *job, const struct transfer_presets *presets,
                 struct transfer **ret, struct err *reterr)
{
	struct transfer *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return err_set(reterr, -ENOMEM, "out of memory");
	r = fill(job, presets, t, reterr);
	if (r < 0) {
		transfer_free(t);
		return r;
	}
	*ret = t;
	return 0;
}

void transfer_free(void *transfer)
{
	struct transfer *t = transfer;

	if (!t)
		return;
	place_release(&t->from);
	place_release(&t->to);
	free(t);
}

int transfer_keys(const struct transfer *t, const char *name, char **ret_from,
                  char **ret_to)
{
	char *from = str_printf("%s%s", t->from.key, t->single ? "" : name);
	char *to = str_printf("%s%s", t->to.key, t->single ? "" : name);
	int r = 0;

	if (!from || !to)
		r = -ENOMEM;
	else if (strlen(to) > STORE_KEY_MAX)
		r = -ENAMETOOLONG;
	if (r < 0) {
		free(from);
		free(to);
		return r;
	}
	*ret_from = from;
	*ret_to = to;
	return 0;
}

/* ---- the walk ---- */

/* One side: its scan and what stands at its head. */
struct side {
	struct scan *scan;
	struct copy_entry entry;
	bool there;
};

static int advance(struct side *side, struct err *reterr)
{
	int r = scan_next(side->scan, &side->entry, reterr);

	side->there = r > 0;
	return r < 0 ? r : 0;
}

/* What each() is told of the heads, and which of them go on. */
static int step(const struct transfer *t, struct side *source,
                struct side *target, struct transfer_pair *ret)
{
	enum copy_step what = copy_step(source->there ? &source->entry : NULL,
	                                target->there ? &target->entry : NULL);

	*ret = (struct transfer_pair){
		.source = what == COPY_STEP_TARGET ? NULL : &source->entry,
		.target = what == COPY_STEP_SOURCE ? NULL : &target->entry,
	};
	if (what == COPY_STEP_END)
		return 0;
	if (ret->source)
		return copy_filter_takes(&t->filter, ret->source) ? 2 : 1;
	return t->extra && copy_filter_takes(&t->filter, ret->target) ? 2 : 1;
}

/* What a walk is for. */
struct walk {
	struct job *job;
	const struct transfer *transfer;
	transfer_fn *each;
	void *ctx;
	struct side source;
	struct side target;
};

/* Both listings from their beginning to their end. */
static int walk_both(struct walk *w, struct err *reterr)
{
	int r = advance(&w->source, reterr);

	if (r == 0)
		r = advance(&w->target, reterr);
	while (r == 0) {
		struct transfer_pair pair;
		int what = step(w->transfer, &w->source, &w->target, &pair);

		if (what == 0)
			break;
		r = job_check(w->job);
		if (r == 0 && what == 2)
			r = w->each(w->ctx, &pair, reterr);
		else if (r == 0 && pair.source)
			job_add(w->job, JOB_SKIPPED, 1);
		if (r == 0 && pair.source)
			r = advance(&w->source, reterr);
		if (r == 0 && pair.target)
			r = advance(&w->target, reterr);
	}
	return r;
}

/* One object: the target is asked by a HEAD. */
static int walk_single(struct walk *w, struct err *reterr)
{
	const struct transfer *t = w->transfer;
	struct store_req req = {.verb = STORE_HEAD, .key = t->to.key};
	int r = store_call(t->to.bucket.store, &req);
	const struct copy_entry target = {
		.name = "",
		.size = req.info.size,
		.mtime = req.info.mtime.tv_sec,
		.etag = req.info.etag,
		.storage_class = "",
	};
	const struct transfer_pair pair = {
		.source = &t->entry,
		.target = r == 0 ? &target : NULL,
	};

	if (r < 0 && r != -ENOENT)
		return err_set(reterr, r, "%s", req.err.text);
	return w->each(w->ctx, &pair, reterr);
}

int transfer_walk(struct job *job, const struct transfer *t, transfer_fn *each,
                  void *ctx, struct err *reterr)
{
	struct walk w = {
		.job = job,
		.transfer = t,
		.each = each,
		.ctx = ctx,
	};
	int r;

	if (t->single)
		return walk_single(&w, reterr);
	r = scan_new(t->from.bucket.store, t->from.key, &w.source.scan);
	if (r == 0)
		r = scan_new(t->to.bucket.store, t->to.key, &w.target.scan);
	if (r == 0)
		r = walk_both(&w, reterr);
	if (w.source.scan)
		job_add(job, JOB_REQUESTS, scan_requests(w.source.scan));
	if (w.target.scan)
		job_add(job, JOB_REQUESTS, scan_requests(w.target.scan));
	scan_free(w.source.scan);
	scan_free(w.target.scan);
	return r;
}
