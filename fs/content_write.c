/* SPDX-License-Identifier: MIT */
/*
 * Bytes in: write, truncate, fsync, and reading back what is still in buffers.
 *
 * A write is admitted under the content's lock, which also puts it into the
 * upload's queue, so that two writers cannot change places; it is copied
 * without any lock and answered when its last byte is in a slab.  One that
 * waits for memory can be interrupted as long as nothing of it was taken: then
 * it is as if it had never come.
 */
#include "base/str.h"
#include "content_state.h"

#include <assert.h>
#include <string.h>

/* ---- write ---- */

struct write_op {
	struct fs_call *slot;
	struct content *content; /* shares */
	struct content_wait wait;
	struct upload_write write;
	uint64_t offset;
	bool dropped; /* into nothing: the file is unlinked */
};

enum admit {
	ADMIT_QUEUED,
	ADMIT_WAIT,   /* for the end of a commit */
	ADMIT_UPLOAD, /* an upload is needed first */
	ADMIT_DROP,   /* of an unlinked file: taken and forgotten */
	ADMIT_REFUSE,
};

static void write_free(struct write_op *op)
{
	struct content *content = op->content;

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

/* Free the ops of cancelled writes; their calls were answered. */
static void free_reaped(struct list *reaped)
{
	while (!list_empty(reaped)) {
		struct upload_write *write =
			list_first(reaped, struct upload_write, link);

		list_remove(&write->link);
		write_free(container_of(write, struct write_op, write));
	}
}

/* Whether the place of a write is one that can be written now. */
static int check_place_locked(struct content *content,
                              const struct write_op *op, uint64_t stored_size,
                              struct err *reterr)
{
	uint64_t size =
		content->step == CONTENT_CLEAN ? stored_size : content->size;
	uint64_t end;

	if (__builtin_add_overflow(op->offset, op->write.data.len, &end))
		return err_set(reterr, -EFBIG, "offsets end at 2^64");
	if (content->step == CONTENT_CLEAN && size > 0)
		return content_unsupported_locked(
			content, reterr,
			op->offset >= size
				? "appending to a stored file"
				: "changing a part of a stored file");
	if (op->offset < size)
		return content_unsupported_locked(content, reterr,
		                                  "writing over bytes that "
		                                  "were written before");
	if (op->offset > size)
		return content_unsupported_locked(content, reterr,
		                                  "leaving a hole");
	return 0;
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
	               "that memory_limit leaves room for hold %llu",
	               (unsigned long long)end, (unsigned long long)reach);
}

/* Admit a write, or say what is in its way. */
static enum admit admit_locked(struct content *content, struct write_op *op,
                               uint64_t stored_size, struct err *reterr)
{
	int r;

	if (content->step == CONTENT_COMMITTING) {
		list_append(&content->waits, &op->wait.link);
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

	r = check_place_locked(content, op, stored_size, reterr);
	if (r == 0 && !content->up)
		return ADMIT_UPLOAD;
	if (r == 0)
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
	write_end(op, status, err);
}

/* Bytes the store has, when the content is clean. */
static uint64_t stored_size(struct content *content)
{
	WITH_LOCK(&content->inode->lock);
	return content->inode->attr.size;
}

/* Run a write from its beginning. */
static void write_go(struct write_op *op)
{
	struct content *content = op->content;
	uint64_t size = stored_size(content);
	struct err err = {0};
	struct list reaped;
	struct upload *up;
	enum admit admit;
	int r = 0;

	list_init(&reaped);
	do {
		{
			WITH_LOCK(&content->lock);
			reap_locked(content, &reaped);
			admit = admit_locked(content, op, size, &err);
			up = content->up;
			if (admit == ADMIT_QUEUED)
				upload_hold(up);
		}
		if (admit == ADMIT_UPLOAD)
			r = make_upload(content);
	} while (admit == ADMIT_UPLOAD && r == 0);
	free_reaped(&reaped);

	switch (admit) {
	case ADMIT_QUEUED:
		upload_pump(up);
		upload_let_go(up);
		break;
	case ADMIT_WAIT:
		break;
	case ADMIT_DROP:
		op->dropped = true;
		write_end(op, 0, NULL);
		break;
	case ADMIT_UPLOAD:
		write_end(op, r, NULL);
		break;
	case ADMIT_REFUSE:
		write_fail(op, err.code, &err);
		break;
	}
}

/* go() of a write that waited for a commit. */
static void write_again(struct content_wait *wait)
{
	write_go(container_of(wait, struct write_op, wait));
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
	bool gone = false;

	if (write->status == -EINTR) {
		(void)write_undo(op, &up);
		content_drop_upload(content, up);
		write_end(op, -EINTR, NULL);
		return;
	}
	{
		WITH_LOCK(&content->lock);
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
		write_end(op, 0, NULL);
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
                   uint64_t offset, struct slice data)
{
	struct write_op *op = calloc(1, sizeof(*op));

	if (!op) {
		call_answer(call, -ENOMEM);
		return;
	}
	op->content = content_ref(content);
	op->offset = offset;
	op->write.data = data;
	op->write.done = write_copied;
	op->wait.go = write_again;
	if (call_park_with(content->all->fs, call, &op->slot, write_cancel)) {
		write_go(op);
		return;
	}
	write_free(op);
	call_answer(call, -EINTR);
}

/* ---- fsync ---- */

struct sync_op {
	struct fs_call *slot;
	struct content *content; /* shares */
	struct content_wait wait;
	struct upload_sync sync;
};

/* Answer and free. */
static void sync_end(struct sync_op *op, int status, const struct err *err)
{
	struct content *content = op->content;
	struct fs_call *call = call_claim(content->all->fs, &op->slot);
	struct err story = err ? *err : (struct err){0};

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

/* Run an fsync from its beginning. */
static void sync_go(struct content_wait *wait)
{
	struct sync_op *op = container_of(wait, struct sync_op, wait);
	struct content *content = op->content;
	struct upload *up = NULL;
	struct err err = {0};
	int status = 0;

	{
		WITH_LOCK(&content->lock);
		if (content->step == CONTENT_COMMITTING) {
			list_append(&content->waits, &op->wait.link);
			return;
		}
		if (content->step == CONTENT_FAILED)
			status = content_latched_locked(content, &err);
		else if (content->step == CONTENT_DIRTY && content->up)
			up = content->up;
		if (up)
			upload_hold(up);
	}
	if (!up) {
		sync_end(op, status, &err);
		return;
	}
	op->sync.done = sync_done;
	upload_sync(up, &op->sync);
	upload_let_go(up);
}

void content_fsync(struct content *content, struct fs_call *call)
{
	struct sync_op *op = calloc(1, sizeof(*op));

	if (!op) {
		call_answer(call, -ENOMEM);
		return;
	}
	op->content = content_ref(content);
	op->wait.go = sync_go;
	if (call_park(content->all->fs, call, &op->slot)) {
		sync_go(&op->wait);
		return;
	}
	free(op);
	content_put(content);
	call_answer(call, -EINTR);
}

/* ---- reading back ---- */

void content_read_back(struct content *content, struct fs_call *call,
                       uint64_t offset, size_t size)
{
	cleanup(freep) uint8_t *bytes = NULL;
	struct slice slice = {0};
	int r = 0;

	{
		WITH_LOCK(&content->lock);
		/* Writes that have not ended are not there yet. */
		uint64_t end = content->up ? upload_size(content->up) : 0;

		if (content->forgotten)
			r = err_set(&call->err, -EIO,
			            "these bytes were dropped when the file "
			            "was deleted: nobody could read them then");
		if (offset >= end)
			size = 0;
		else if (size > end - offset)
			size = (size_t)(end - offset);
		if (r == 0 && size > 0) {
			bytes = malloc(size);
			r = bytes ? 0 : -ENOMEM;
		}
		if (r == 0 && size > 0)
			r = upload_read(content->up, offset, bytes, size);
		if (r == -EBUSY)
			(void)err_set(&call->err, r,
			              "these bytes were sent already; they can "
			              "be read when the file is closed");
	}
	slice.data = bytes;
	slice.len = size;
	call->data.slices = &slice;
	call->data.count = r == 0 && size > 0 ? 1 : 0;
	call_answer(call, r);
}
