/* SPDX-License-Identifier: MIT */
/*
 * Changing a file's size: to nothing, by an open descriptor or by name.
 *
 * The bytes written so far are given up (an upload is aborted) and a new, empty
 * object begins.  By name (truncate(2)) nobody will close the file, so it is
 * committed before the answer.
 */
#include "content_state.h"

struct truncate_op {
	struct fs_call *slot;
	struct content *content; /* shares */
	struct content_wait wait;
	uint64_t size;
	bool by_name;
	bool committing; /* the commit is ours */
};

/* Answer and free. */
static void truncate_end(struct truncate_op *op, int status,
                         const struct err *err)
{
	struct content *content = op->content;
	struct fs_call *call = call_claim(content->all->fs, &op->slot);

	if (op->committing) {
		{
			WITH_LOCK(&content->lock);
			content->writers--;
		}
		content_settle(content);
	}
	free(op);
	content_put(content);
	if (call)
		call_fail(call, status, err);
}

/* What is to be done. */
enum truncate {
	TRUNCATE_WAIT,
	TRUNCATE_ANSWER,
	TRUNCATE_CUT,
	TRUNCATE_COMMIT,
};

/* Decide, and cut; *ret_up is to be dropped. */
static enum truncate truncate_locked(struct truncate_op *op, uint64_t stored,
                                     struct upload **ret_up, struct err *reterr)
{
	struct content *content = op->content;
	uint64_t size = content->step == CONTENT_CLEAN ? stored : content->size;

	if (content->step == CONTENT_COMMITTING) {
		list_append(&content->waits, &op->wait.link);
		return TRUNCATE_WAIT;
	}
	if (content->step == CONTENT_FAILED || op->committing) {
		reterr->code = content_latched_locked(content, reterr);
		return TRUNCATE_ANSWER;
	}
	if (op->size == size || (content->abandoned &&
	                         (content->forgotten || content->readers == 0)))
		return TRUNCATE_ANSWER;
	if (op->size != 0) {
		reterr->code = content_unsupported_locked(
			content, reterr,
			op->size > size ? "making a file longer than its bytes"
					: "cutting a part of a file");
		return TRUNCATE_ANSWER;
	}

	*ret_up = content_truncate_locked(content);
	op->committing =
		op->by_name && content->writers == 0 && !content->abandoned;
	if (!op->committing)
		return TRUNCATE_CUT;
	content->writers++;
	return TRUNCATE_COMMIT;
}

/* Commit, and come back when that has ended. */
static void commit_and_wait(struct truncate_op *op)
{
	struct content *content = op->content;

	{
		WITH_LOCK(&content->lock);
		content_commit_begin_locked(content);
		list_append(&content->waits, &op->wait.link);
	}
	content_commit(content);
}

/* go(): run it from its beginning. */
static void truncate_go(struct content_wait *wait)
{
	struct truncate_op *op = container_of(wait, struct truncate_op, wait);
	struct content *content = op->content;
	struct inode *inode = content->inode;
	struct upload *up = NULL;
	struct err err = {0};
	enum truncate what;
	uint64_t stored;

	{
		WITH_LOCK(&inode->lock);
		stored = inode->attr.size;
	}
	{
		WITH_LOCK(&content->lock);
		what = truncate_locked(op, stored, &up, &err);
	}
	content_drop_upload(content, up);
	if (what == TRUNCATE_CUT || what == TRUNCATE_COMMIT)
		inode_changed(inode, 0);
	if (what == TRUNCATE_COMMIT)
		commit_and_wait(op);
	else if (what != TRUNCATE_WAIT)
		truncate_end(op, err.code, &err);
}

void content_truncate(struct inode *inode, struct fs_call *call,
                      struct fs_handle *handle, uint64_t size)
{
	struct fs *fs = inode->bucket->fs;
	struct truncate_op *op = calloc(1, sizeof(*op));
	int r = bucket_may_change(inode->bucket, false, &call->err);

	if (r == 0 && !op)
		r = -ENOMEM;
	if (r == 0) {
		op->content = content_get(inode);
		r = op->content ? 0 : -ENOMEM;
	}
	if (r < 0) {
		free(op);
		call_answer(call, r);
		return;
	}
	op->wait.go = truncate_go;
	op->size = size;
	op->by_name = !handle;
	if (call_park(fs, call, &op->slot)) {
		truncate_go(&op->wait);
		return;
	}
	content_put(op->content);
	free(op);
	call_answer(call, -EINTR);
}
