/* SPDX-License-Identifier: MIT */
/*
 * How a content becomes a draft, which can be changed at any place.
 *
 *   CLEAN, asked at the store      a draft of the stored object
 *   stream, nothing sent yet       its buffers are copied into the draft's file
 *   stream, parts were sent        first it is committed (a checkpoint): what
 *                                  was sent can be had back from the object only
 *
 * Meanwhile the content is CONVERTING and everybody else waits.  The operation
 * is run again from its beginning afterwards, until nothing is in its way.
 */
#include "base/str.h"
#include "content_state.h"

#include <string.h>

/* Bytes copied at a time from buffers to the file. */
#define COPY_SIZE ((size_t)256 << 10)

/* ---- what is in the way ---- */

/* Wait for others. */
static enum edit wait_locked(struct content_edit *edit)
{
	list_append(&edit->content->waits, &edit->wait.link);
	return EDIT_WAIT;
}

/* Refuse with what err says. */
static enum edit refuse(struct err *reterr, int status)
{
	reterr->code = status;
	return EDIT_REFUSED;
}

/* A stored object: it must be known to be the one that we know. */
static enum edit edit_clean_locked(struct content_edit *edit,
                                   struct err *reterr)
{
	struct content *content = edit->content;

	if (content->draft)
		return EDIT_READY;
	switch (content->base) {
	case BASE_NONE:
		(void)wait_locked(edit);
		return EDIT_ASK;
	case BASE_ASKING:
		return wait_locked(edit);
	case BASE_FAILED:
		*reterr = content->base_err;
		return refuse(reterr, content->base_err.code);
	case BASE_KNOWN:
		break;
	}
	if (content->base_check < 0)
		return refuse(reterr, err_set(reterr, content->base_check,
		                              "another version has taken "
		                              "its place"));
	edit->was_dirty = false;
	return EDIT_CONVERT;
}

/* A stream: what of it is still here? */
static enum edit edit_stream_locked(struct content_edit *edit,
                                    struct err *reterr)
{
	struct content *content = edit->content;

	edit->was_dirty = true;
	if (!content->up)
		return EDIT_CONVERT;
	if (upload_status(content->up, reterr) < 0)
		return refuse(reterr, reterr->code);
	if (upload_size(content->up) != content->size)
		return wait_locked(edit); /* write_copied() tells */
	if (!upload_started(content->up))
		return EDIT_CONVERT;
	if (content->abandoned)
		return refuse(reterr,
		              err_set(reterr, -EIO,
		                      "part of the file was sent before it "
		                      "was deleted; those bytes are gone"));
	if (!content->all->fs->config.checkpoint)
		return refuse(reterr,
		              err_set(reterr, -EOPNOTSUPP,
		                      "these bytes were sent already, and "
		                      "\"checkpoint = off\" forbids to publish "
		                      "the file in between"));
	content_commit_begin_locked(content);
	(void)wait_locked(edit);
	return EDIT_COMMIT;
}

enum edit content_edit_locked(struct content_edit *edit, struct err *reterr)
{
	struct content *content = edit->content;
	enum edit what;

	if (edit->status < 0) {
		*reterr = edit->err;
		return refuse(reterr, edit->status);
	}
	if (content_waits_locked(content))
		return wait_locked(edit);
	if (content->step == CONTENT_FAILED)
		return refuse(reterr, content_latched_locked(content, reterr));
	if (content->step == CONTENT_DIRTY && content->draft)
		return EDIT_READY;
	what = content->step == CONTENT_CLEAN
	               ? edit_clean_locked(edit, reterr)
	               : edit_stream_locked(edit, reterr);
	if (what == EDIT_CONVERT) {
		content->step = CONTENT_CONVERTING;
		content_enter_locked(content);
	}
	return what;
}

/* ---- converting ---- */

/* Copy what a stream's buffers hold. */
static int copy_buffers(struct upload *up, struct draft *draft,
                        struct err *reterr)
{
	cleanup(freep) uint8_t *buffer = malloc(COPY_SIZE);
	uint64_t size = upload_size(up);
	int r = buffer ? 0 : -ENOMEM;

	for (uint64_t at = 0; r == 0 && at < size; at += COPY_SIZE) {
		size_t n =
			size - at < COPY_SIZE ? (size_t)(size - at) : COPY_SIZE;

		r = upload_read(up, at, buffer, n);
		if (r == 0)
			r = draft_write(draft, at, (struct slice){buffer, n},
			                reterr);
	}
	return r;
}

/* The draft that the content is to be. 0 or negative errno. */
static int make_draft(struct content_edit *edit, struct draft **ret)
{
	struct content *content = edit->content;
	struct contents *all = content->all;
	struct draft_config config = {
		.all = &all->drafts,
		.exec = all->fs->parts.exec,
		.room = &all->staging,
	};
	struct draft *draft;
	int r = 0;

	if (!edit->was_dirty) {
		config.stored = content_stored(content);
		if (!config.stored)
			return -ESTALE;
	}
	draft = draft_new(&config);
	stored_unref(config.stored);
	if (!draft)
		return -ENOMEM;
	/* Nobody else touches it while CONVERTING. */
	if (edit->was_dirty && content->up)
		r = copy_buffers(content->up, draft, &edit->err);
	if (r == 0)
		*ret = draft;
	else
		draft_unref(draft);
	return r;
}

/* The task. */
static void convert(struct task *task)
{
	struct content_edit *edit =
		container_of(task, struct content_edit, task);
	struct content *content = edit->content;
	struct draft *draft = NULL;
	struct upload *up = NULL;

	edit->err.code = 0;
	edit->status = make_draft(edit, &draft);
	if (edit->status < 0 && edit->err.code == 0)
		(void)err_set(&edit->err, edit->status, "%s",
		              err_name(edit->status));
	{
		WITH_LOCK(&content->lock);
		content->step = edit->was_dirty ? CONTENT_DIRTY : CONTENT_CLEAN;
		if (draft) {
			up = take(&content->up);
			content->draft = draft;
			content->size = draft_size(draft);
		}
	}
	content_drop_upload(content, up);
	content_wake(content);
	content_leave(content);
	edit->wait.go(&edit->wait); /* edit may be gone now */
	content_put(content);
}

void content_edit_go(struct content_edit *edit, enum edit what)
{
	struct content *content = edit->content;

	switch (what) {
	case EDIT_ASK:
		content_ask_base(content);
		break;
	case EDIT_COMMIT:
		content_commit(content);
		break;
	case EDIT_CONVERT:
		(void)content_ref(content);
		edit->task.run = convert;
		exec_run(content->all->fs->parts.exec, &edit->task);
		break;
	case EDIT_READY:
	case EDIT_WAIT:
	case EDIT_REFUSED:
		break;
	}
}

/* ---- steps ---- */

bool content_edits(struct content *content, struct draft *draft)
{
	WITH_LOCK(&content->lock);
	return content->draft == draft && content->step == CONTENT_DIRTY;
}

void content_edited(struct content *content, struct draft *draft)
{
	uint64_t size = draft_size(draft);

	{
		WITH_LOCK(&content->lock);
		if (content->draft != draft)
			return; /* truncated to nothing meanwhile */
		content->size = size;
	}
	inode_changed(content->inode, size);
}

int content_may_reach(struct content *content, struct draft *draft,
                      uint64_t offset, uint64_t end, struct err *reterr)
{
	struct inode *inode = content->inode;
	const struct store_limits *limits = store_limits(inode->bucket->store);
	uint64_t sparse_max = content->all->fs->config.sparse_max;
	uint64_t size = draft_size(draft);

	if (end > limits->object_max)
		return err_set(reterr, -EFBIG,
		               "the file would get %llu bytes, the largest "
		               "object of this store has %llu",
		               (unsigned long long)end,
		               (unsigned long long)limits->object_max);
	if (offset > size && offset - size + draft_holes(draft) > sparse_max)
		return err_set(reterr, -EFBIG,
		               "the file would get more than \"sparse_max\" "
		               "(%llu) bytes of holes, which are sent as zeros",
		               (unsigned long long)sparse_max);
	return 0;
}

void content_repin(struct content *content, struct draft *draft)
{
	struct inode *inode = content->inode;
	struct stored *source = draft_base(draft);
	struct stored *moved = NULL;

	if (!source)
		return;
	{
		WITH_LOCK(&inode->lock);
		if (inode->attr.etag[0] &&
		    (strcmp(inode->attr.etag, source->etag) != 0 ||
		     strcmp(inode->key, source->key) != 0))
			moved = stored_new(content->all->cache,
			                   inode->bucket->store, inode->key,
			                   inode->attr.etag, source->size);
	}
	if (moved)
		draft_repin(draft, moved);
	stored_unref(moved);
	stored_unref(source);
}
