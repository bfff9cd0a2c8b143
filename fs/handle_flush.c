/* SPDX-License-Identifier: MIT */
/*
 * FLUSH: a copy of a descriptor was closed.  The facts for the commit rule are
 * gathered without a lock, from the process table; then the rule decides, and
 * what has changed meanwhile makes it start over.
 *
 * Only waiting for a commit can be interrupted, never the decision: a process
 * that is killed sends its FLUSH and interrupts it at once, and if that were
 * answered before the rule has spoken, the RELEASE that follows would publish
 * what the killed writer left.
 */
#include "content_state.h"
#include "key.h"

#include <stdio.h>

struct flush_op {
	struct fs_call *call;     /* in hand while it decides */
	struct fs_call *slot;     /* and here while it waits */
	struct fs_handle *handle; /* shares */
	struct content_wait wait;
	struct fs_who who;
	bool committed; /* a commit has ended since the FLUSH came */
};

/* Free, and answer unless the call was interrupted meanwhile. */
static void flush_end(struct flush_op *op, int status, const struct err *err)
{
	struct fs_handle *handle = op->handle;
	struct fs_call *call = op->call;
	struct err story = err ? *err : (struct err){0};

	free(op);
	handle_unref(handle);
	if (call)
		call_fail(call, status, &story);
}

/* Whether two are the same process; false when either is unknown. */
static bool same_process(const struct fs_process *a, const struct fs_process *b)
{
	return a->tgid != 0 && a->tgid == b->tgid && a->id == b->id;
}

/* Ask the process table. */
static struct commit_facts gather(struct flush_op *op)
{
	struct fs_callers *callers = op->handle->all->fs->parts.callers;
	struct content *content = op->handle->content;
	struct commit_facts facts = {.fresh = true};
	struct fs_process caller = {0};
	struct fs_process opener = op->handle->opener;

	if (!callers || op->who.tid == 0)
		return facts;
	if (!op->handle->writes) {
		WITH_LOCK(&content->lock);
		opener = content->opener;
	}
	callers->find(callers, op->who.tid, &caller);
	facts.caller_known = caller.tgid != 0;
	if (!facts.caller_known) {
		facts.exit_code = -ESRCH;
		return facts;
	}
	facts.caller_opened = same_process(&caller, &opener);
	facts.opener_alive =
		facts.caller_opened ||
		(opener.tgid != 0 && callers->alive(callers, &opener));
	facts.exit_code = callers->exit_code(callers, &caller);
	facts.descriptors =
		callers->descriptors(callers, &caller, op->handle->inode->ino);
	return facts;
}

/* What the flush comes to. */
enum flush {
	FLUSH_WAIT,
	FLUSH_ANSWER,
	FLUSH_ASK, /* the rule */
	FLUSH_COMMIT,
};

/* Without the rule: what is clear from the content alone. */
static enum flush look_locked(struct flush_op *op, struct err *reterr)
{
	struct content *content = op->handle->content;

	switch (content->step) {
	case CONTENT_CONVERTING:
		return FLUSH_WAIT;
	case CONTENT_COMMITTING:
		op->committed = true;
		return FLUSH_WAIT;
	case CONTENT_FAILED:
		reterr->code = content_latched_locked(content, reterr);
		return FLUSH_ANSWER;
	case CONTENT_CLEAN:
		if (op->committed && content->late_status < 0) {
			*reterr = content->late_err;
			reterr->code = content->late_status;
		}
		return FLUSH_ANSWER;
	case CONTENT_DIRTY:
		break;
	}
	return content->abandoned ? FLUSH_ANSWER : FLUSH_ASK;
}

/* Give the bytes up, or keep them at the store, as the rule says. */
static void give_up_locked(struct content *content, bool keep,
                           struct content_rest *ret, struct err *reterr)
{
	(void)err_set(reterr, -EIO, "not published: its writer %s",
	              keep ? "ended badly; its upload is kept"
	                   : "ended badly; its upload is aborted");
	ret->draft = take(&content->draft);
	ret->up = content_latch_locked(content, -EIO, reterr);
}

/* Do what the rule says; the content is DIRTY. */
static enum flush obey_locked(struct flush_op *op, enum commit_verdict verdict,
                              struct content_rest *ret, struct err *reterr)
{
	struct content *content = op->handle->content;

	switch (verdict) {
	case COMMIT_NOT_YET:
		ret->up = content_latch_upload_locked(content);
		if (ret->up)
			reterr->code = content_latched_locked(content, reterr);
		return FLUSH_ANSWER;
	case COMMIT_KEEP:
	case COMMIT_ABORT:
		give_up_locked(content, verdict == COMMIT_KEEP, ret, reterr);
		return FLUSH_ANSWER;
	case COMMIT_NOW:
		break;
	}
	op->committed = true;
	content_commit_begin_locked(content);
	return FLUSH_COMMIT;
}

/* Leave what a writer that ended badly has written at the store. */
static void keep_rest(struct content *content, struct content_rest *rest)
{
	static const char why[] = "its writer ended badly";

	content_keep_upload(content, rest->up, why);
	if (rest->draft)
		content_keep_draft(content, rest->draft, why);
}

/* Decide, and do it but for waiting. reterr is the answer of FLUSH_ANSWER. */
static enum flush decide(struct flush_op *op, struct err *reterr)
{
	struct content *content = op->handle->content;
	enum commit_verdict verdict = COMMIT_NOT_YET;
	struct content_rest rest = {0};
	enum flush what;

	{
		WITH_LOCK(&content->lock);
		what = look_locked(op, reterr);
	}
	if (what == FLUSH_ASK) {
		const struct commit_facts facts = gather(op);

		verdict = commit_rule(&facts, &content->all->policy);
		WITH_LOCK(&content->lock);
		what = look_locked(op, reterr);
		if (what == FLUSH_ASK)
			what = obey_locked(op, verdict, &rest, reterr);
	}
	if (verdict == COMMIT_KEEP)
		keep_rest(content, &rest);
	else
		content_drop_rest(content, &rest);
	if (what == FLUSH_COMMIT)
		content_commit(content);
	return what;
}

/* Wait for the commit under way. False: there is none any more. */
static bool wait_for_commit(struct flush_op *op)
{
	struct content *content = op->handle->content;

	WITH_LOCK(&content->lock);
	if (!content_waits_locked(content))
		return false;
	list_append(&content->waits, &op->wait.link);
	return true;
}

/* The call is in hand: decide, and again after each commit waited for. */
static void flush_run(struct flush_op *op)
{
	struct fs *fs = op->handle->all->fs;
	struct err err = {0};

	while (decide(op, &err) != FLUSH_ANSWER) {
		if (!call_park(fs, op->call, &op->slot)) {
			flush_end(op, -EINTR, NULL); /* the commit goes on */
			return;
		}
		op->call = NULL;
		if (wait_for_commit(op))
			return;
		op->call = call_claim(fs, &op->slot);
		if (!op->call)
			break; /* interrupted, and answered */
	}
	flush_end(op, err.code, &err);
}

/* go(): a commit has ended. */
static void flush_go(struct content_wait *wait)
{
	struct flush_op *op = container_of(wait, struct flush_op, wait);

	op->call = call_claim(op->handle->all->fs, &op->slot);
	if (op->call)
		flush_run(op);
	else
		flush_end(op, 0, NULL);
}

void fs_flush(struct fs *fs, struct fs_call *call, struct fs_handle *handle)
{
	struct flush_op *op = calloc(1, sizeof(*op));

	(void)fs;
	call->err.code = 0;
	if (!op) {
		call_answer(call, -ENOMEM);
		return;
	}
	op->call = call;
	op->handle = handle_ref(handle);
	op->who = call->who;
	op->wait.go = flush_go;
	flush_run(op);
}
