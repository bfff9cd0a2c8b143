/* SPDX-License-Identifier: MIT */
/*
 * Changing a file's size, making holes, taking ranges of other files.
 *
 * Cut to nothing, the bytes written so far are given up (an upload is aborted)
 * and a new, empty object begins.  Anything else is a change of the draft that
 * the content becomes for it.  By name (truncate(2)) nobody will close the
 * file, so it is committed before the answer.
 */
#include "content_state.h"

#include <linux/falloc.h>

struct change_op {
	struct fs_call *slot;
	struct content *content; /* shares */
	struct content_edit edit;
	struct draft *draft; /* shares */
	struct draft_step step;
	bool resize; /* to length; else [offset, offset + length) gets zeros */
	struct stored *source;  /* shares: or bytes of this, from */
	uint64_t source_offset; /* on */
	bool grow;              /* may make the file longer */
	bool shrink;            /* may make it shorter */
	uint64_t offset;
	uint64_t length;
	bool by_name;
	bool entered;    /* counted as a writer */
	bool committing; /* the commit is ours */
};

static void change_free(struct change_op *op)
{
	struct content *content = op->content;

	draft_unref(op->draft);
	stored_unref(op->source);
	free(op);
	content_put(content);
}

/* Answer and free. */
static void change_end(struct change_op *op, int status, const struct err *err)
{
	struct content *content = op->content;
	struct fs_call *call = call_claim(content->all->fs, &op->slot);

	if (op->entered)
		content_leave(content);
	if (call && op->source && status == 0)
		call->count = op->length;
	change_free(op);
	if (call)
		call_fail(call, status, err);
}

/* What is to be done. */
enum change_next {
	CHANGE_WAIT,
	CHANGE_ANSWER,
	CHANGE_CUT,
	CHANGE_COMMIT, /* after the cut */
	CHANGE_STEP,   /* op->draft */
	CHANGE_EDIT,
};

/* Whether nobody will commit the file but us. */
static bool commits_locked(const struct change_op *op)
{
	const struct content *content = op->content;

	return op->by_name && content->writers == (op->entered ? 1 : 0) &&
	       !content->abandoned;
}

/* Stay a writer until the end. */
static void enter_locked(struct change_op *op)
{
	if (!op->entered)
		content_enter_locked(op->content);
	op->entered = true;
}

/* Whether it changes nothing of a file of size bytes. */
static bool is_idle(const struct change_op *op, uint64_t size)
{
	if (!op->resize)
		return !op->grow && op->offset >= size;
	return op->length == size || (op->length < size && !op->shrink) ||
	       (op->length > size && !op->grow);
}

/* An empty object begins. */
static enum change_next cut_locked(struct change_op *op,
                                   struct content_rest *ret)
{
	content_truncate_locked(op->content, ret);
	op->committing = commits_locked(op);
	if (!op->committing)
		return CHANGE_CUT;
	enter_locked(op);
	return CHANGE_COMMIT;
}

/* Decide, and cut; *ret is to be dropped. */
static enum change_next change_locked(struct change_op *op, uint64_t stored,
                                      struct content_rest *ret,
                                      enum edit *ret_edit, struct err *reterr)
{
	struct content *content = op->content;
	uint64_t size = content->step == CONTENT_CLEAN ? stored : content->size;

	if (content_waits_locked(content)) {
		list_append(&content->waits, &op->edit.wait.link);
		return CHANGE_WAIT;
	}
	if (content->step == CONTENT_FAILED || op->committing) {
		reterr->code = content_latched_locked(content, reterr);
		return CHANGE_ANSWER;
	}
	if (is_idle(op, size) ||
	    (content->abandoned &&
	     (content->forgotten || content->readers == 0)))
		return CHANGE_ANSWER;
	if (op->resize && op->length == 0)
		return cut_locked(op, ret);

	enter_locked(op);
	*ret_edit = content_edit_locked(&op->edit, reterr);
	if (*ret_edit == EDIT_REFUSED)
		return CHANGE_ANSWER;
	if (*ret_edit != EDIT_READY)
		return CHANGE_EDIT;
	content->step = CONTENT_DIRTY;
	draft_unref(op->draft);
	op->draft = draft_ref(content->draft);
	return CHANGE_STEP;
}

/* Commit, and come back when that has ended. */
static void commit_and_wait(struct change_op *op)
{
	struct content *content = op->content;

	{
		WITH_LOCK(&content->lock);
		if (content->step == CONTENT_DIRTY) {
			content_commit_begin_locked(content);
			list_append(&content->waits, &op->edit.wait.link);
			op->committing = true;
		} else {
			op->committing = false;
		}
	}
	if (op->committing)
		content_commit(content);
	else
		change_end(op, 0, NULL); /* somebody else does */
}

/* go(): run it from its beginning. */
static void change_go(struct content_wait *wait)
{
	struct change_op *op = container_of(wait, struct change_op, edit.wait);
	struct content *content = op->content;
	struct inode *inode = content->inode;
	struct content_rest rest = {0};
	enum edit edit = EDIT_READY;
	struct err err = {0};
	enum change_next what;
	uint64_t stored;

	{
		WITH_LOCK(&inode->lock);
		stored = inode->attr.size;
	}
	{
		WITH_LOCK(&content->lock);
		what = change_locked(op, stored, &rest, &edit, &err);
	}
	content_drop_rest(content, &rest);
	if (what == CHANGE_CUT || what == CHANGE_COMMIT)
		inode_changed(inode, 0);
	switch (what) {
	case CHANGE_WAIT:
		break;
	case CHANGE_CUT:
	case CHANGE_ANSWER:
		change_end(op, err.code, &err);
		break;
	case CHANGE_COMMIT:
		commit_and_wait(op);
		break;
	case CHANGE_STEP:
		draft_do(op->draft, &op->step);
		break;
	case CHANGE_EDIT:
		content_edit_go(&op->edit, edit);
		break;
	}
}

/* Change the draft. */
static int change_draft(struct change_op *op, struct err *reterr)
{
	const struct draft_range range = {
		.stored = op->source,
		.offset = op->source_offset,
		.length = op->length,
	};
	uint64_t end = op->resize ? op->length : op->offset + op->length;
	uint64_t begin = op->source ? op->offset : end;
	int r = 0;

	if (op->grow)
		r = content_may_reach(op->content, op->draft, begin, end,
		                      reterr);
	if (r < 0)
		return r;
	if (op->source)
		return draft_copy(op->draft, op->offset, &range, reterr);
	if (op->resize)
		return draft_resize(op->draft, op->length, reterr);
	return draft_zero(op->draft, op->offset, op->length, op->grow, reterr);
}

/* run() of a draft's step. */
static void change_step(struct draft_step *step)
{
	struct change_op *op = container_of(step, struct change_op, step);
	struct content *content = op->content;
	struct err err = {0};
	bool commit;
	int r;

	if (!content_edits(content, op->draft)) {
		change_go(&op->edit.wait); /* committed or cut meanwhile */
		return;
	}
	r = change_draft(op, &err);
	if (r == 0)
		content_edited(content, op->draft);
	{
		WITH_LOCK(&content->lock);
		commit = r == 0 && commits_locked(op);
	}
	if (commit)
		commit_and_wait(op);
	else
		change_end(op, r, &err);
}

/* Begin, with an op that is filled in. */
static void change_start(struct content *content, struct fs_call *call,
                         const struct change_op *plan)
{
	struct change_op *op = calloc(1, sizeof(*op));

	if (!op) {
		stored_unref(plan->source);
		call_answer(call, -ENOMEM);
		return;
	}
	*op = *plan;
	op->content = content_ref(content);
	op->edit.content = content;
	op->edit.wait.go = change_go;
	op->step.run = change_step;
	if (call_park(content->all->fs, call, &op->slot)) {
		change_go(&op->edit.wait);
		return;
	}
	change_free(op);
	call_answer(call, -EINTR);
}

void content_truncate(struct inode *inode, struct fs_call *call,
                      struct fs_handle *handle, uint64_t size)
{
	const struct change_op plan = {
		.resize = true,
		.grow = true,
		.shrink = true,
		.length = size,
		.by_name = !handle,
	};
	struct content *content;
	int r = bucket_may_change(inode->bucket, false, &call->err);

	if (r < 0) {
		call_answer(call, r);
		return;
	}
	content = content_get(inode);
	if (!content) {
		call_answer(call, -ENOMEM);
		return;
	}
	change_start(content, call, &plan);
	content_put(content);
}

void content_allocate(struct content *content, struct fs_call *call,
                      const struct content_range *range)
{
	bool keep = range->mode & FALLOC_FL_KEEP_SIZE;
	int mode = range->mode & ~FALLOC_FL_KEEP_SIZE;
	struct change_op plan = {
		.offset = range->offset,
		.length = range->length,
		.grow = !keep,
	};

	if (range->length > INT64_MAX ||
	    range->offset > INT64_MAX - range->length) {
		call_answer(call,
		            err_set(&call->err, -EFBIG, "offsets end at 2^63"));
	} else if (mode == 0 && keep) {
		call_answer(call, 0); /* room needs no reserving */
	} else if (mode == 0) {
		plan.resize = true;
		plan.length = range->offset + range->length;
		change_start(content, call, &plan);
	} else if (mode == FALLOC_FL_ZERO_RANGE ||
	           (mode == FALLOC_FL_PUNCH_HOLE && keep)) {
		change_start(content, call, &plan);
	} else {
		call_answer(call, err_set(&call->err, -EOPNOTSUPP,
		                          "ranges can be punched and zeroed, "
		                          "not collapsed, inserted or "
		                          "unshared"));
	}
}

void content_copy(struct content *content, struct fs_call *call,
                  const struct content_copy *copy)
{
	const struct change_op plan = {
		.grow = true,
		.offset = copy->offset,
		.length = copy->range.length,
		.source = stored_ref(copy->range.stored),
		.source_offset = copy->range.offset,
	};

	change_start(content, call, &plan);
}
