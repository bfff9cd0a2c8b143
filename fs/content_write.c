/* SPDX-License-Identifier: MIT */
/*
 * Bytes in.
 *
 * What continues a stream goes into its upload; any other place is written in
 * the draft that the content becomes for it (content_draft.c), in a step on the
 * executor.  A write to a stream is admitted under the content's lock, which also puts it into the
 * upload's queue, so that two writers cannot change places; it is copied
 * without any lock and answered when its last byte is in a slab.  One that
 * waits for memory can be interrupted as long as nothing of it was taken: then
 * it is as if it had never come.
 */
#include "base/str.h"
#include "content_state.h"
#include "notify.h"

#include <assert.h>
#include <string.h>

/* ---- write ---- */

struct write_op {
	struct fs_call *slot;
	struct content *content; /* shares */
	struct content_edit edit;
	struct upload_write write;
	struct draft *draft; /* shares: the one to write to */
	struct draft_step step;
	uint64_t offset;
	uint64_t asked; /* the caller's offset */
	bool append;
	bool dropped; /* into nothing: the file is unlinked */
};

enum admit {
	ADMIT_QUEUED,
	ADMIT_WAIT,   /* for the end of a commit */
	ADMIT_UPLOAD, /* an upload is needed first */
	ADMIT_EDIT,   /* it becomes a draft first */
	ADMIT_DRAFT,  /* op->draft: do op->step */
	ADMIT_DROP,   /* of an unlinked file: taken and forgotten */
	ADMIT_REFUSE,
};

static void write_free(struct write_op *op)
{
	struct content *content = op->content;

	draft_unref(op->draft);
	free(op);
	content_put(content);
}

/* Answer and free. */
static void write_end(struct write_op *op, int status, const struct err *err)
{
	struct fs_call *call = call_claim(op->content->all->fs, &op->slot);
	uint64_t count = op->dropped ? op->write.data.len : op->write.copied;

	write_free(op);
	if (!call)
		return;
	if (status == 0)
		call->count = count;
	call_fail(call, status, err);
}

/* Take back what cancelled writes had reserved. Their ops go to reaped. */
static void reap_locked(struct content *content, struct list *reaped)
{
	struct list fresh;

	list_init(&fresh);
	if (content->up)
		upload_reap(content->up, &fresh);
	list_for_each(node, &fresh)
		content->size -=
			container_of(node, struct upload_write, link)->data.len;
	list_splice(reaped, &fresh);
}

/*
 * Free the op of a cancelled write, whose call is answered.  write_cancel() may
 * still be in it: it ends under the lock that emptying the slot takes.
 */
static void write_forget(struct write_op *op)
{
	struct fs_call *call = call_claim(op->content->all->fs, &op->slot);

	assert(!call);
	(void)call;
	write_free(op);
}

/* Free the ops of cancelled writes. */
static void free_reaped(struct list *reaped)
{
	while (!list_empty(reaped)) {
		struct upload_write *write =
			list_first(reaped, struct upload_write, link);

		list_remove(&write->link);
		write_forget(container_of(write, struct write_op, write));
	}
}

/* Whether a write goes on where a stream ends, and it may stay one. */
static bool streams_locked(const struct content *content,
                           const struct write_op *op, uint64_t size)
{
	uint64_t end = op->offset + op->write.data.len;

	if (content->draft || op->offset != size)
		return false;
	if (content->step == CONTENT_CLEAN && size > 0)
		return false;
	/* Who can read it may want any byte back. */
	return content->updaters == 0 || end <= CONTENT_STREAM_MAX ||
	       (content->up && upload_started(content->up));
}

/* Whether the bytes still fit into an object of this store. */
static int check_reach(struct upload *up, const struct write_op *op,
                       struct err *reterr)
{
	uint64_t end = op->offset + op->write.data.len;
	uint64_t reach = upload_reach(up);

	if (end <= reach)
		return 0;
	return err_set(reterr, -EFBIG,
	               "the file would get %llu bytes, the parts of this store "
	               "hold %llu (a larger part_size or staging_max may hold "
	               "more)",
	               (unsigned long long)end, (unsigned long long)reach);
}

/* Admit a write to a stream. */
static enum admit admit_stream_locked(struct content *content,
                                      struct write_op *op, struct err *reterr)
{
	int r;

	if (!content->up)
		return ADMIT_UPLOAD;
	r = check_reach(content->up, op, reterr);
	if (r < 0) {
		reterr->code = r;
		return ADMIT_REFUSE;
	}
	if (content->step == CONTENT_CLEAN)
		content->size = 0;
	content->step = CONTENT_DIRTY;
	if (!upload_queue(content->up, &op->write)) {
		reterr->code = upload_status(content->up, reterr);
		return ADMIT_REFUSE;
	}
	content->size += op->write.data.len;
	return ADMIT_QUEUED;
}

/* Admit a write, or say what is in its way; *ret_edit is of ADMIT_EDIT. */
static enum admit admit_locked(struct content *content, struct write_op *op,
                               uint64_t stored_size, enum edit *ret_edit,
                               struct err *reterr)
{
	uint64_t size =
		content->step == CONTENT_CLEAN ? stored_size : content->size;

	if (content_waits_locked(content)) {
		list_append(&content->waits, &op->edit.wait.link);
		return ADMIT_WAIT;
	}
	if (content->step == CONTENT_FAILED) {
		(void)content_latched_locked(content, reterr);
		reterr->code = content->status;
		return ADMIT_REFUSE;
	}
	if (content->abandoned &&
	    (content->forgotten || content->readers == 0)) {
		content->forgotten = true;
		return ADMIT_DROP;
	}
	if (op->append)
		op->offset = size;
	if (op->write.data.len > INT64_MAX ||
	    op->offset > INT64_MAX - op->write.data.len) {
		(void)err_set(reterr, -EFBIG, "offsets end at 2^63");
		return ADMIT_REFUSE;
	}
	if (streams_locked(content, op, size))
		return admit_stream_locked(content, op, reterr);

	*ret_edit = content_edit_locked(&op->edit, reterr);
	if (*ret_edit == EDIT_REFUSED)
		return ADMIT_REFUSE;
	if (*ret_edit != EDIT_READY)
		return ADMIT_EDIT;
	content->step = CONTENT_DIRTY;
	draft_unref(op->draft);
	op->draft = draft_ref(content->draft);
	return ADMIT_DRAFT;
}

/* Give the content an upload, unless somebody else just did. */
static int make_upload(struct content *content)
{
	struct upload *up = content_new_upload(content);

	if (!up)
		return -ENOMEM;
	{
		WITH_LOCK(&content->lock);
		if (!content->up) {
			content->up = up;
			return 0;
		}
	}
	content_drop_upload(content, up);
	return 0;
}

/* A write that ends by an error: latch what is the upload's. */
static void write_fail(struct write_op *op, int status, const struct err *err)
{
	struct content *content = op->content;
	struct upload *up = NULL;

	{
		WITH_LOCK(&content->lock);
		up = content_latch_upload_locked(content);
	}
	content_drop_upload(content, up);
	(void)content_ref(content);
	write_end(op, status, err);
	content_wake(content); /* a commit may wait for these bytes */
	content_put(content);
}

/* Bytes the store has, when the content is clean. */
static uint64_t stored_size(struct content *content)
{
	WITH_LOCK(&content->inode->lock);
	return content->inode->attr.size;
}

/* Do what the admission came to; op may be gone afterwards. */
static void write_admitted(struct write_op *op, enum admit admit,
                           enum edit edit, const struct err *err)
{
	switch (admit) {
	case ADMIT_WAIT:
	case ADMIT_QUEUED: /* the caller pumps */
		break;
	case ADMIT_DRAFT:
		draft_do(op->draft, &op->step);
		break;
	case ADMIT_EDIT:
		content_edit_go(&op->edit, edit);
		break;
	case ADMIT_DROP:
		op->dropped = true;
		write_end(op, 0, NULL);
		break;
	case ADMIT_UPLOAD:
		write_end(op, -ENOMEM, NULL);
		break;
	case ADMIT_REFUSE:
		write_fail(op, err->code, err);
		break;
	}
}

/* Run a write from its beginning. */
static void write_go(struct write_op *op)
{
	struct content *content = op->content;
	uint64_t size = stored_size(content);
	enum edit edit = EDIT_READY;
	struct err err = {0};
	struct list reaped;
	struct upload *up;
	enum admit admit;
	bool shrank;
	int r = 0;

	(void)content_ref(content);
	list_init(&reaped);
	do {
		{
			WITH_LOCK(&content->lock);
			reap_locked(content, &reaped);
			admit = admit_locked(content, op, size, &edit, &err);
			up = content->up;
			if (admit == ADMIT_QUEUED)
				upload_hold(up);
		}
		if (admit == ADMIT_UPLOAD)
			r = make_upload(content);
	} while (admit == ADMIT_UPLOAD && r == 0);
	shrank = !list_empty(&reaped);
	free_reaped(&reaped);

	write_admitted(op, admit, edit, &err);
	if (admit == ADMIT_QUEUED) {
		upload_pump(up);
		upload_let_go(up);
	}
	if (shrank)
		content_wake(content); /* a commit may wait for what went */
	content_put(content);
}

/* go() of a write that waited. */
static void write_again(struct content_wait *wait)
{
	write_go(container_of(wait, struct write_op, edit.wait));
}

/* Tell the kernel when bytes went elsewhere than it thinks. */
static void tell_moved(struct write_op *op)
{
	struct inode *inode = op->content->inode;

	if (op->offset != op->asked)
		notify_inode(inode->bucket->fs->notify, inode->nodeid);
}

/* run() of a write's step. */
static void write_step(struct draft_step *step)
{
	struct write_op *op = container_of(step, struct write_op, step);
	struct content *content = op->content;
	struct err err = {0};
	int r;

	if (!content_edits(content, op->draft)) {
		write_go(op); /* committed or truncated meanwhile */
		return;
	}
	if (!upload_write_take(&op->write)) {
		write_forget(op); /* interrupted */
		return;
	}
	if (op->append)
		op->offset = draft_size(op->draft);
	r = content_may_reach(content, op->draft, op->offset,
	                      op->offset + op->write.data.len, &err);
	if (r == 0)
		r = draft_write(op->draft, op->offset, op->write.data, &err);
	if (r == 0) {
		op->write.copied = op->write.data.len;
		content_edited(content, op->draft);
		tell_moved(op);
	}
	write_end(op, r, &err);
}

/* A cancelled write reaches its turn: others may stand behind it. */
static int write_undo(struct write_op *op, struct upload **ret_up)
{
	struct content *content = op->content;
	struct err err;

	WITH_LOCK(&content->lock);
	if (content->size == op->offset + op->write.data.len) {
		content->size = op->offset;
		return -EINTR;
	}
	(void)err_set(&err, -EIO,
	              "a write was interrupted while others followed it");
	*ret_up = content_latch_locked(content, -EIO, &err);
	return -EINTR;
}

/* done() of the copy into the upload. */
static void write_copied(struct upload_write *write)
{
	struct write_op *op = container_of(write, struct write_op, write);
	struct content *content = op->content;
	struct upload *up = NULL;
	struct err err = {0};
	uint64_t size = 0;
	bool waited = false;
	bool gone = false;

	if (write->status == 0)
		content_guard_see(content, &write->data);
	if (write->status == -EINTR) {
		(void)write_undo(op, &up);
		content_drop_upload(content, up);
		content_wake(content); /* who waits until all is copied */
		write_end(op, -EINTR, NULL);
		return;
	}
	{
		WITH_LOCK(&content->lock);
		waited = !list_empty(&content->waits);
		size = content->size;
		if (content->up)
			(void)upload_status(content->up, &err);
		/* Given up by an unlink or a truncation, not by a failure. */
		gone = write->status == -ECANCELED &&
		       content->step == CONTENT_DIRTY && err.code == 0;
	}
	if (write->status < 0 && gone) {
		op->dropped = true;
		write_end(op, 0, NULL);
	} else if (write->status < 0) {
		write_fail(op, write->status, &err);
	} else {
		inode_changed(content->inode, size);
		tell_moved(op);
		(void)content_ref(content);
		write_end(op, 0, NULL);
		if (waited)
			content_wake(content);
		content_put(content);
	}
}

/*
 * on_cancel() of a write, under fs->call_lock: fs_cancel() answers the call
 * when its data will not be looked at any more.
 */
static void write_cancel(struct fs_call *call)
{
	struct fs_call **slot = call->private;
	struct write_op *op = container_of(slot, struct write_op, slot);

	if (!upload_write_cancel(&op->write))
		return;
	*slot = NULL;
	call->private = NULL;
	call->on_cancel = NULL;
}

void content_write(struct content *content, struct fs_call *call,
                   const struct content_write *write)
{
	struct write_op *op = calloc(1, sizeof(*op));

	if (!op) {
		call_answer(call, -ENOMEM);
		return;
	}
	op->content = content_ref(content);
	op->edit.content = content;
	op->edit.wait.go = write_again;
	op->offset = write->offset;
	op->asked = write->offset;
	op->append = write->append;
	op->write.data = write->data;
	op->write.done = write_copied;
	op->step.run = write_step;
	if (call_park_with(content->all->fs, call, &op->slot, write_cancel)) {
		write_go(op);
		return;
	}
	write_free(op);
	call_answer(call, -EINTR);
}
