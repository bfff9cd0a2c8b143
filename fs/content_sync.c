/* SPDX-License-Identifier: MIT */
/*
 * fsync: of a stream every byte is at the store then (its end as a provisional
 * part), of a draft on this machine's disk, in state_dir.
 */
#include "content_state.h"

struct sync_op {
	struct fs_call *slot;
	struct content *content; /* shares */
	struct content_edit edit;
	struct upload_sync sync;
	struct draft *draft; /* shares */
	struct draft_step step;
	struct journal_put put; /* what the draft's fsync waits for */
};

/* Answer and free. */
static void sync_end(struct sync_op *op, int status, const struct err *err)
{
	struct content *content = op->content;
	struct fs_call *call = call_claim(content->all->fs, &op->slot);
	struct err story = err ? *err : (struct err){0};

	draft_unref(op->draft);
	free(op);
	content_put(content);
	if (call)
		call_fail(call, status, &story);
}

/* done() of the upload's sync. */
static void sync_done(struct upload_sync *sync)
{
	struct sync_op *op = container_of(sync, struct sync_op, sync);
	struct content *content = op->content;
	struct upload *up = NULL;

	if (sync->status < 0) {
		WITH_LOCK(&content->lock);
		up = content_latch_upload_locked(content);
	}
	content_drop_upload(content, up);
	sync_end(op, sync->status, &sync->err);
}

/* done() of the record: bytes and map are on disk. */
static void sync_noted(struct journal_put *put)
{
	struct sync_op *op = container_of(put, struct sync_op, put);
	struct err err = {0};

	if (put->status < 0)
		(void)err_set(&err, put->status,
		              "the journal in state_dir cannot be written: %s",
		              err_name(put->status));
	sync_end(op, put->status, &err);
}

/* run() of a draft's step. */
static void sync_step(struct draft_step *step)
{
	struct sync_op *op = container_of(step, struct sync_op, step);
	struct err err = {0};
	int r = draft_sync(op->draft, &err);

	op->put.done = sync_noted;
	if (r == 0)
		r = content_note_draft(op->content, op->draft, &op->put, &err);
	if (r != 0) /* else sync_noted() has op */
		sync_end(op, r < 0 ? r : 0, &err);
}

enum sync {
	SYNC_WAIT,
	SYNC_ANSWER, /* nothing to do, or reterr->code */
	SYNC_STREAM, /* *ret_up, held */
	SYNC_DRAFT,  /* op->draft */
	SYNC_EDIT,   /* it becomes a draft first: *ret_edit */
};

/* What an fsync comes to. */
static enum sync sync_locked(struct sync_op *op, struct upload **ret_up,
                             enum edit *ret_edit, struct err *reterr)
{
	struct content *content = op->content;

	if (content_waits_locked(content)) {
		list_append(&content->waits, &op->edit.wait.link);
		return SYNC_WAIT;
	}
	if (content->step == CONTENT_FAILED)
		reterr->code = content_latched_locked(content, reterr);
	if (content->step != CONTENT_DIRTY)
		return SYNC_ANSWER;
	if (content->draft) {
		op->draft = draft_ref(content->draft);
		return SYNC_DRAFT;
	}
	if (!content->up)
		return SYNC_ANSWER;
	if (content->updaters > 0 && !upload_started(content->up)) {
		*ret_edit = content_edit_locked(&op->edit, reterr);
		return *ret_edit == EDIT_REFUSED ? SYNC_ANSWER : SYNC_EDIT;
	}
	*ret_up = content->up;
	upload_hold(content->up);
	return SYNC_STREAM;
}

/* Run an fsync from its beginning. */
static void sync_go(struct content_wait *wait)
{
	struct sync_op *op = container_of(wait, struct sync_op, edit.wait);
	struct content *content = op->content;
	struct upload *up = NULL;
	enum edit edit = EDIT_READY;
	struct err err = {0};
	enum sync what;

	{
		WITH_LOCK(&content->lock);
		what = sync_locked(op, &up, &edit, &err);
	}
	switch (what) {
	case SYNC_WAIT:
		break;
	case SYNC_ANSWER:
		sync_end(op, err.code, &err);
		break;
	case SYNC_STREAM:
		op->sync.done = sync_done;
		upload_sync(up, &op->sync);
		upload_let_go(up);
		break;
	case SYNC_DRAFT:
		op->step.run = sync_step;
		draft_do(op->draft, &op->step);
		break;
	case SYNC_EDIT:
		content_edit_go(&op->edit, edit);
		break;
	}
}

void content_fsync(struct content *content, struct fs_call *call)
{
	struct sync_op *op = calloc(1, sizeof(*op));

	if (!op) {
		call_answer(call, -ENOMEM);
		return;
	}
	op->content = content_ref(content);
	op->edit.content = content;
	op->edit.wait.go = sync_go;
	if (call_park(content->all->fs, call, &op->slot)) {
		sync_go(&op->edit.wait);
		return;
	}
	free(op);
	content_put(content);
	call_answer(call, -EINTR);
}
