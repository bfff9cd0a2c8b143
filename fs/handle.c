/* SPDX-License-Identifier: MIT */
/*
 * Descriptors: made by open and create, flushed at every close of a copy,
 * released at the last.
 *
 * An operation that outlives its call (the caller was interrupted) holds a
 * reference, so a handle may be released before everything on it has ended.
 */
#include "base/digest.h"
#include "content_state.h"

#include <assert.h>
#include <fcntl.h>
#include <string.h>

/* ---- birth and end ---- */

int handle_new(struct inode *inode, int flags, struct fs_handle **ret)
{
	struct contents *all = inode->bucket->fs->contents;
	struct fs_handle *handle = calloc(1, sizeof(*handle));
	int mode = flags & O_ACCMODE;

	if (!handle)
		return -ENOMEM;
	handle->content = content_get(inode);
	if (!handle->content) {
		free(handle);
		return -ENOMEM;
	}

	handle->all = all;
	handle->inode = inode_ref(inode);
	handle->writes = mode == O_WRONLY || mode == O_RDWR;
	handle->reads = mode != O_WRONLY;
	handle->appends = flags & O_APPEND;
	atomic_init(&handle->refs, 1);
	reader_init(&handle->reader, all->fs->config.read_ahead_max);
	(void)pthread_mutex_init(&handle->lock, NULL);
	{
		WITH_LOCK(&handle->content->lock);
		handle->content->readers += handle->reads;
	}

	WITH_LOCK(&all->lock);
	list_append(&all->handles, &handle->link);
	*ret = handle;
	return 0;
}

struct fs_handle *handle_ref(struct fs_handle *handle)
{
	atomic_fetch_add(&handle->refs, 1);
	return handle;
}

void handle_unref(struct fs_handle *handle)
{
	struct content *content = handle->content;

	if (atomic_fetch_sub(&handle->refs, 1) > 1)
		return;

	if (handle->stored) {
		stored_end(handle->stored);
		stored_unref(handle->stored);
	}
	reader_release(&handle->reader);
	(void)pthread_mutex_destroy(&handle->lock);
	inode_unref(handle->inode);
	free(handle);
	content_put(content);
}

/* Stop reading: what was fetched ahead for it is of no use. */
static void end_reading(struct fs_handle *handle)
{
	struct stored *stored;

	{
		WITH_LOCK(&handle->lock);
		stored = take(&handle->stored);
	}
	if (!stored)
		return;
	stored_end(stored);
	stored_unref(stored);
}

void handle_close(struct fs_handle *handle)
{
	struct contents *all = handle->all;

	if (atomic_exchange(&handle->closed, true))
		return;
	{
		WITH_LOCK(&all->lock);
		list_remove(&handle->link);
	}
	end_reading(handle);
	content_leave_as(handle->content, atomic_load(&handle->counted),
	                 handle->reads);
	handle_unref(handle);
}

void fs_release(struct fs *fs, struct fs_handle *handle)
{
	(void)fs;
	handle_close(handle);
}

struct stored *handle_stored(struct fs_handle *handle)
{
	struct stored *stored = content_stored(handle->content);
	struct stored *old;

	if (!stored)
		return NULL;

	(void)pthread_mutex_lock(&handle->lock);
	old = handle->stored;
	if (old == stored || atomic_load(&handle->closed)) {
		(void)pthread_mutex_unlock(&handle->lock);
		return stored;
	}
	stored_begin(stored);
	handle->stored = stored_ref(stored);
	(void)pthread_mutex_unlock(&handle->lock);

	if (old) {
		reader_reset(&handle->reader);
		stored_end(old);
		stored_unref(old);
	}
	return stored;
}

/* ---- answering an open ---- */

/*
 * Whether the kernel's pages of this inode are of its present version: they
 * are when the last open was of that one too.
 */
static bool pages_are_right(struct inode *inode)
{
	const char *etag = inode->attr.etag;
	uint64_t version;
	bool right;

	WITH_LOCK(&inode->lock);
	version = inode->local ? 0 : digest_xxh64(etag, strlen(etag), 1);
	right = version != 0 && version == inode->pages;
	inode->pages = version;
	return right;
}

void handle_answer_open(struct fs_call *call, struct fs_handle *handle)
{
	struct content *content = handle->content;
	bool clean;
	bool draft;

	{
		WITH_LOCK(&content->lock);
		clean = content->step == CONTENT_CLEAN;
		draft = content->draft || content->updaters > 0;
	}
	/*
	 * Who only writes needs no pages.  A stream that others write grows
	 * beside them: its readers come to us.  Everybody else shares pages, so
	 * that a file can be mapped, for writing too.
	 */
	call->direct_io = handle->writes ? !handle->reads : (!clean && !draft);
	call->keep_cache =
		handle->reads && clean && pages_are_right(handle->inode);
	call->handle = handle;
	if (handle->wants_entry) {
		inode_entry(handle->inode, &call->entry);
		inode_add_lookup(handle->inode);
	}
	call_answer(call, 0);
}

/* ---- opening for writing ---- */

struct open_op {
	struct fs_call *slot;
	struct fs_handle *handle;
	struct content_wait wait;
	bool truncates;
	bool entered; /* counted as a writer; waits for the HEAD */
};

/* The handle comes to nothing. */
static void open_fail(struct open_op *op, struct fs_call *call, int status,
                      const struct err *err)
{
	handle_close(op->handle);
	free(op);
	if (call)
		call_fail(call, status, err);
}

/* Become a writer. */
static void enter_locked(struct content *content, struct fs_handle *handle)
{
	content_enter_locked(content);
	content->updaters += handle->reads;
	content->opener = handle->opener;
	atomic_store(&handle->counted, true);
}

/*
 * Whether the open must first hear what is at the store: who does not truncate
 * goes on from what is there, and that must be the version we know.
 */
static bool must_hear_locked(const struct open_op *op)
{
	const struct content *content = op->handle->content;

	return !op->truncates && !content->created &&
	       content->step == CONTENT_CLEAN;
}

/* Wait for the HEAD, then answer. */
static void open_hear(struct open_op *op)
{
	struct content *content = op->handle->content;
	struct fs_call *call;
	struct err err = {0};
	int check;

	{
		WITH_LOCK(&content->lock);
		if (content->base == BASE_ASKING) {
			list_append(&content->waits, &op->wait.link);
			return;
		}
		check = content->step == CONTENT_CLEAN ? content->base_check
		                                       : 0;
		if (content->base == BASE_FAILED)
			err = content->base_err;
	}
	call = call_claim(op->handle->all->fs, &op->slot);
	if (!call || check < 0) {
		if (check == -ESTALE)
			inode_outdated(op->handle->inode);
		open_fail(op, call, check, &err);
		return;
	}
	handle_answer_open(call, op->handle);
	free(op);
}

/* Begin an empty object in place of what was there. */
static void open_truncate(struct open_op *op, struct fs_call *call,
                          struct content_rest *rest)
{
	struct content *content = op->handle->content;

	content_drop_rest(content, rest);
	inode_changed(op->handle->inode, 0);
	content_ask_base(content);
	handle_answer_open(call, op->handle);
	free(op);
}

/* go(): run the open from where it is. */
static void open_go(struct content_wait *wait)
{
	struct open_op *op = container_of(wait, struct open_op, wait);
	struct content *content = op->handle->content;
	struct fs_call *call = NULL;
	struct content_rest rest = {0};
	struct err err = {0};
	bool hear = false;
	int status = 0;

	if (op->entered) {
		open_hear(op);
		return;
	}
	{
		WITH_LOCK(&content->lock);
		if (content_waits_locked(content)) {
			list_append(&content->waits, &op->wait.link);
			return;
		}
		if (content->step == CONTENT_FAILED)
			status = content_latched_locked(content, &err);
		if (status == 0 && op->truncates) {
			/* Cut nothing for nobody. */
			call = call_claim(op->handle->all->fs, &op->slot);
			status = call ? 0 : -EINTR;
		}
		if (status == 0) {
			enter_locked(content, op->handle);
			hear = must_hear_locked(op);
			if (op->truncates)
				content_truncate_locked(content, &rest);
		}
	}
	if (status < 0) {
		call = call_claim(op->handle->all->fs, &op->slot);
		open_fail(op, call, status, &err);
		return;
	}
	if (op->truncates) {
		open_truncate(op, call, &rest);
		return;
	}
	op->entered = true;
	content_ask_base(content);
	if (hear) {
		open_hear(op);
		return;
	}
	call = call_claim(op->handle->all->fs, &op->slot);
	if (call)
		handle_answer_open(call, op->handle);
	else
		handle_close(op->handle);
	free(op);
}

/* Open an existing file for writing. */
static void open_write(struct fs_handle *handle, struct fs_call *call,
                       int flags)
{
	struct open_op *op = calloc(1, sizeof(*op));

	if (!op) {
		handle_close(handle);
		call_answer(call, -ENOMEM);
		return;
	}
	op->handle = handle;
	op->truncates = flags & O_TRUNC;
	op->wait.go = open_go;
	if (call_park(handle->all->fs, call, &op->slot)) {
		open_go(&op->wait);
		return;
	}
	handle_close(handle);
	free(op);
	call_answer(call, -EINTR);
}

/* Who opens; nobody where that cannot be told. */
static void find_opener(struct fs_handle *handle, const struct fs_who *who)
{
	struct fs_callers *callers = handle->all->fs->parts.callers;

	if (callers && who->tid != 0 && handle->writes)
		callers->find(callers, who->tid, &handle->opener);
}

/* Whether an inode can be opened like that. */
static int may_open(struct inode *inode, int flags, struct err *reterr)
{
	int r;

	if (inode->kind == INODE_SYMLINK)
		return -ELOOP;
	if (inode->kind != INODE_FILE)
		return -EISDIR;
	r = bucket_works(inode->bucket, reterr);
	if (r < 0 || (flags & O_ACCMODE) == O_RDONLY)
		return r;

	WITH_LOCK(&inode->lock);
	return bucket_may_change(inode->bucket, inode->attr.etag[0] != '\0',
	                         reterr);
}

/* Open an inode that exists. */
static void open_inode(struct inode *inode, struct fs_call *call, int flags,
                       bool wants_entry)
{
	struct fs_handle *handle = NULL;
	int r = may_open(inode, flags, &call->err);

	if (r == 0)
		r = handle_new(inode, flags, &handle);
	if (r < 0) {
		call_answer(call, r);
		return;
	}
	handle->wants_entry = wants_entry;
	find_opener(handle, &call->who);
	if (handle->writes)
		open_write(handle, call, flags);
	else
		handle_open_read(handle, call);
}

void fs_open(struct fs *fs, struct fs_call *call, uint64_t nodeid, int flags)
{
	cleanup(inode_unrefp) struct inode *inode =
		inode_get(fs->inodes, nodeid);

	call->err.code = 0;
	if (inode)
		open_inode(inode, call, flags, false);
	else
		call_answer(call, -ESTALE);
}

/* ---- create ---- */

/* The handle of a file that was just made here. */
static void open_created(struct inode *inode, struct fs_call *call, int flags)
{
	struct fs_handle *handle;
	struct content *content;
	int r = handle_new(inode, flags, &handle);

	if (r < 0) {
		inode_reverted(inode);
		call_answer(call, r);
		return;
	}
	content = handle->content;
	find_opener(handle, &call->who);
	{
		WITH_LOCK(&content->lock);
		content->created = true;
		content->exclusive = flags & O_EXCL;
		content->step = CONTENT_DIRTY;
		content->size = 0;
		enter_locked(content, handle);
	}
	handle->wants_entry = true;
	handle_answer_open(call, handle);
}

/* O_CREAT of a name that exists after all. */
static void open_existing(struct inode *inode, struct fs_call *call, int flags)
{
	if (flags & O_EXCL) {
		call_answer(call, -EEXIST);
		return;
	}
	open_inode(inode, call, flags, true);
}

void fs_create(struct fs *fs, struct fs_call *call,
               const struct fs_create *create)
{
	cleanup(inode_unrefp) struct inode *parent =
		inode_get(fs->inodes, create->parent);
	cleanup(inode_unrefp) struct inode *inode = NULL;
	int flags = create->flags;
	int r;

	call->err.code = 0;
	if (!parent) {
		call_answer(call, -ESTALE);
		return;
	}
	/* The kernel only creates to write or to have a file. */
	if ((flags & O_ACCMODE) == O_RDONLY)
		flags = (flags & ~O_ACCMODE) | O_RDWR;
	r = inode_create(parent, create->name, create->mode, &call->who,
	                 &inode);
	if (r == 0)
		open_created(inode, call, flags);
	else if (r == -EEXIST && inode)
		open_existing(inode, call, flags);
	else
		call_answer(call, r);
}
