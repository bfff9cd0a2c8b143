/* SPDX-License-Identifier: MIT */
/* What is done with an open descriptor: read, write, sync, and the rest. */
#include "content_state.h"

#include <stdio.h>
#include <unistd.h>

/* ---- read ---- */

/* Times a read goes after a version that we ourselves keep moving. */
#define READ_TRIES 4

struct read_op {
	struct fs_call *slot;
	struct fs_handle *handle; /* shares */
	struct content_wait wait;
	struct reader_read read;
	struct draft *draft; /* shares: what is read, or NULL */
	struct draft_gather gather;
	uint8_t *buffer; /* of the gather */
	uint64_t offset;
	size_t size;
	unsigned tries;
};

static void read_go(struct content_wait *wait);

/* A stale version's fate, and the read that asked. */
struct read_stale {
	struct stale stale;
	struct read_op *op;
};

static void read_free(struct read_op *op)
{
	struct fs_handle *handle = op->handle;

	draft_unref(op->draft);
	free(op->buffer);
	free(op);
	handle_unref(handle);
}

/* Answer without bytes and free. */
static void read_fail(struct read_op *op, int status, const struct err *err)
{
	struct fs_call *call = call_claim(op->handle->all->fs, &op->slot);
	struct err story = err ? *err : (struct err){0};

	if (call) {
		call->data = (struct chain){0};
		call_fail(call, status, &story);
	}
	read_free(op);
}

/* After a version was gone: another try, or ESTALE. */
static void read_stale_done(struct stale *stale, bool moved)
{
	struct read_stale *ask = container_of(stale, struct read_stale, stale);
	struct read_op *op = ask->op;
	struct err err;

	free(ask);
	if (moved && ++op->tries < READ_TRIES) {
		read_go(&op->wait);
		return;
	}
	(void)err_set(&err, -ESTALE,
	              "the version that was opened is gone from the store");
	read_fail(op, -ESTALE, &err);
}

/* The version that was read (NULL: another file's) is gone. */
static void read_stale(struct read_op *op, struct stored *stored)
{
	struct read_stale *ask = calloc(1, sizeof(*ask));

	if (!ask) {
		read_fail(op, -ENOMEM, NULL);
		return;
	}
	ask->op = op;
	ask->stale.done = read_stale_done;
	ask->stale.inode = op->handle->inode;
	ask->stale.stored = stored ? stored_ref(stored) : NULL;
	stale_ask(&ask->stale);
}

/* done() of the reader. */
static void read_done(struct reader_read *read)
{
	struct read_op *op = container_of(read, struct read_op, read);
	struct fs_call *call;

	if (read->status == -ESTALE || read->status == -ENOENT) {
		read_stale(op, read->pins.stored);
		return;
	}
	if (read->status < 0) {
		read_fail(op, read->status, read->err);
		return;
	}
	call = call_claim(op->handle->all->fs, &op->slot);
	if (call) {
		call->data = read->data;
		call_answer(call, 0);
	}
	read_free(op);
}

/* Read of a stored version, which stays until this returns. */
static void read_from(struct read_op *op, struct stored *stored,
                      uint64_t offset, size_t size)
{
	struct fs_handle *handle = op->handle;

	op->read.offset = offset;
	op->read.size = size;
	op->read.done = read_done;
	/* The answer frees op; RELEASE may come before the reader is back. */
	(void)handle_ref(handle);
	reader_read(&handle->reader, stored, &op->read);
	stored_unref(stored);
	handle_unref(handle);
}

/* Read the stored version. */
static void read_stored(struct read_op *op)
{
	struct stored *stored = handle_stored(op->handle);

	if (stored)
		read_from(op, stored, op->offset, op->size);
	else
		read_fail(op, -ESTALE, NULL);
}

/* ---- read of a draft ---- */

/* done() of a gather. */
static void gather_done(struct draft_gather *gather)
{
	struct read_op *op = container_of(gather, struct read_op, gather);
	struct slice slice = {op->buffer, gather->got};
	struct stored *base;
	struct fs_call *call;

	if (gather->status == -ESTALE || gather->status == -ENOENT) {
		base = draft_base(op->draft);
		read_stale(op, base);
		stored_unref(base);
		return;
	}
	if (gather->status < 0) {
		read_fail(op, gather->status, &gather->err);
		return;
	}
	call = call_claim(op->handle->all->fs, &op->slot);
	if (call) {
		call->data = (struct chain){&slice, gather->got > 0};
		call_answer(call, 0);
	}
	read_free(op);
}

/* Read the draft: of one object without a copy, else collected. */
static void read_draft(struct read_op *op)
{
	struct fs_handle *handle = op->handle;
	struct stored *stored;
	uint64_t offset;
	size_t size;

	if (op->tries > 0)
		content_repin(handle->content, op->draft);
	stored = draft_clean_range(op->draft, op->offset, op->size, &offset,
	                           &size);
	if (stored) {
		read_from(op, stored, offset, size);
		return;
	}
	if (!op->buffer)
		op->buffer = malloc(op->size ? op->size : 1);
	if (!op->buffer) {
		read_fail(op, -ENOMEM, NULL);
		return;
	}
	op->gather.draft = op->draft;
	op->gather.reader = &handle->reader;
	op->gather.offset = op->offset;
	op->gather.into = op->buffer;
	op->gather.size = op->size;
	op->gather.done = gather_done;
	draft_gather(&op->gather, handle->all->fs->parts.exec);
}

/* go(): run a read from its beginning. */
static void read_go(struct content_wait *wait)
{
	struct read_op *op = container_of(wait, struct read_op, wait);
	struct content *content = op->handle->content;
	struct fs_call *call;
	struct err err = {0};
	enum content_step step;
	int status = 0;

	{
		WITH_LOCK(&content->lock);
		step = content->step;
		if (content_waits_locked(content)) {
			list_append(&content->waits, &op->wait.link);
			return;
		}
		if (step == CONTENT_FAILED)
			status = content_latched_locked(content, &err);
		draft_unref(op->draft); /* never the last one */
		op->draft = NULL;
		if (step == CONTENT_DIRTY && content->draft)
			op->draft = draft_ref(content->draft);
	}
	if (op->draft) {
		read_draft(op);
		return;
	}
	if (step == CONTENT_CLEAN) {
		read_stored(op);
		return;
	}
	if (status < 0) {
		read_fail(op, status, &err);
		return;
	}
	call = call_claim(op->handle->all->fs, &op->slot);
	if (call)
		content_read_back(content, call, op->offset, op->size);
	read_free(op);
}

void fs_read(struct fs *fs, struct fs_call *call, struct fs_handle *handle,
             uint64_t offset, size_t size)
{
	struct read_op *op;

	call->err.code = 0;
	call->data = (struct chain){0};
	if (!handle->reads) {
		call_answer(call, -EBADF);
		return;
	}
	op = calloc(1, sizeof(*op));
	if (!op) {
		call_answer(call, -ENOMEM);
		return;
	}
	op->handle = handle_ref(handle);
	op->wait.go = read_go;
	op->offset = offset;
	op->size = size;
	if (call_park(fs, call, &op->slot)) {
		read_go(&op->wait);
		return;
	}
	read_free(op);
	call_answer(call, -EINTR);
}

/* ---- write, fsync ---- */

void fs_write(struct fs *fs, struct fs_call *call, struct fs_handle *handle,
              uint64_t offset, struct slice data)
{
	const struct content_write write = {
		.offset = offset,
		.append = handle->appends && !call->page_back,
		.data = data,
	};

	(void)fs;
	call->err.code = 0;
	if (handle->writes)
		content_write(handle->content, call, &write);
	else
		call_answer(call, -EBADF);
}

void fs_fsync(struct fs *fs, struct fs_call *call, struct fs_handle *handle)
{
	(void)fs;
	call->err.code = 0;
	content_fsync(handle->content, call);
}

/* ---- room, holes, copies ---- */

void fs_fallocate(struct fs *fs, struct fs_call *call, struct fs_handle *handle,
                  int mode, uint64_t offset, uint64_t length)
{
	const struct content_range range = {mode, offset, length};

	(void)fs;
	call->err.code = 0;
	if (handle->writes)
		content_allocate(handle->content, call, &range);
	else
		call_answer(call, -EBADF);
}

/* The draft that the file is now, shared, or NULL. */
static struct draft *draft_of(struct content *content)
{
	WITH_LOCK(&content->lock);
	return content->draft ? draft_ref(content->draft) : NULL;
}

/* Bytes of the file as it stands. */
static uint64_t size_of(struct fs_handle *handle)
{
	struct inode *inode = handle->inode;

	WITH_LOCK(&inode->lock);
	return inode->attr.size;
}

/* The next data or hole; a file that is no draft is all data. */
static int64_t seek(struct fs_handle *handle, uint64_t offset, bool hole)
{
	struct draft *draft = draft_of(handle->content);
	uint64_t size = size_of(handle);
	int64_t at;

	if (!draft)
		return offset >= size ? -ENXIO
		                      : (int64_t)(hole ? size : offset);
	at = draft_seek(draft, offset, hole);
	draft_unref(draft);
	return at;
}

void fs_lseek(struct fs *fs, struct fs_call *call, struct fs_handle *handle,
              uint64_t offset, int whence)
{
	int64_t at;

	(void)fs;
	call->err.code = 0;
	if (whence != SEEK_DATA && whence != SEEK_HOLE) {
		call_answer(call, -EINVAL);
		return;
	}
	at = seek(handle, offset, whence == SEEK_HOLE);
	if (at >= 0)
		call->count = (uint64_t)at;
	call_answer(call, at < 0 ? (int)at : 0);
}

/* ---- copies ---- */

/* Most that one reply can say: 32 bits, whole pages. */
#define COPY_MAX ((UINT64_C(1) << 32) - 4096)

/* The stored object that a range of a file is now; NULL: it is none. */
static struct stored *source_of(struct content *content, uint64_t offset,
                                uint64_t length, uint64_t *ret_offset)
{
	struct stored *stored = NULL;
	struct draft *draft = NULL;
	size_t got = 0;

	{
		WITH_LOCK(&content->lock);
		if (content->step == CONTENT_DIRTY && content->draft)
			draft = draft_ref(content->draft);
		else if (content->step != CONTENT_CLEAN)
			return NULL;
	}
	*ret_offset = offset;
	if (!draft)
		return content_stored(content);
	stored = draft_clean_range(draft, offset, (size_t)length, ret_offset,
	                           &got);
	draft_unref(draft);
	if (stored && got < length) {
		stored_unref(stored);
		stored = NULL;
	}
	return stored;
}

/* Cut the range at the source's end and at what one reply can say. */
static uint64_t copy_length(const struct fs_copy *copy)
{
	uint64_t size = size_of(copy->source);
	uint64_t left =
		copy->source_offset < size ? size - copy->source_offset : 0;
	uint64_t length = copy->length < left ? copy->length : left;

	return length < COPY_MAX ? length : COPY_MAX;
}

void fs_copy_file_range(struct fs *fs, struct fs_call *call,
                        const struct fs_copy *copy)
{
	struct content_copy range = {.offset = copy->target_offset};

	(void)fs;
	call->err.code = 0;
	call->count = 0;
	if (!copy->source->reads || !copy->target->writes) {
		call_answer(call, -EBADF);
		return;
	}
	range.range.length = copy_length(copy);
	if (range.range.length == 0) {
		call_answer(call, 0);
		return;
	}
	if (copy->source->inode != copy->target->inode)
		range.range.stored =
			source_of(copy->source->content, copy->source_offset,
		                  range.range.length, &range.range.offset);
	if (!range.range.stored) {
		/* Not at the store yet: the caller reads and writes. */
		call_answer(call, -EOPNOTSUPP);
		return;
	}
	content_copy(copy->target->content, call, &range);
	stored_unref(range.range.stored);
}
