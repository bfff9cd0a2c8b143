/* SPDX-License-Identifier: MIT */
/*
 * One kernel request on its way through the file system: made, interrupted,
 * answered once.
 *
 * The interrupt callback runs under a lock of libfuse's request, and so does
 * taking it away.  op_done() takes it away first: from then on nobody but the
 * answering thread knows the op.  When the interrupt itself makes the call end
 * (fs_cancel runs done() on the same thread), that would wait for ourselves;
 * so the answer is deferred until fs_cancel is back.
 */
#include "op.h"

#include "session_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A failure, in the log and in the control tree. */
static void op_tell(struct op *op)
{
	const struct fs_call *call = &op->call;

	tell_failure(&op->session->tell, call->status, &call->err);
	if (op->session->control &&
	    tell_is_failure(call->status, call->err.text))
		control_note_failure(op->session->control, &call->who,
		                     call->status, &call->err);
}

/* Say so to people and to the kernel, which tries ESTALE of a path again. */
static void op_fail(struct op *op)
{
	const struct fs_call *call = &op->call;

	if (op->control) {
		(void)fuse_reply_err(op->req, -call->status);
		return; /* its own errors say more */
	}
	if (call->status != -ESTALE || op->stale_is_final)
		op_tell(op);
	(void)fuse_reply_err(op->req, -call->status);
}

/* Answer and free; nobody else knows the op any more. */
static void op_finish(struct op *op)
{
	if (op->call.status < 0)
		op_fail(op);
	else
		op->reply(op);
	if (op->buffer)
		session_buffer_back(op->session, op->buffer);
	free(op->text);
	free(op);
}

/* The call has ended and no interrupt can come: answer, if it is our turn. */
static void op_conclude(struct op *op)
{
	if (atomic_load(&op->turn) != OP_PLAIN &&
	    atomic_exchange(&op->turn, OP_ENDED) == OP_RUNNING)
		return;

	op_finish(op);
}

/* The call has ended. */
static void op_done(struct fs_call *call)
{
	struct op *op = call->owner;

	if (atomic_load(&op->interrupting) &&
	    pthread_equal(op->interrupter, pthread_self())) {
		op->deferred = true;
		return;
	}
	fuse_req_interrupt_func(op->req, NULL, NULL);
	op_conclude(op);
}

/* The kernel says that the caller was interrupted. */
static void op_interrupt(fuse_req_t req, void *data)
{
	struct op *op = data;

	(void)req;
	op->interrupter = pthread_self();
	atomic_store(&op->interrupting, true);
	if (op->control)
		control_cancel(op->control, &op->call);
	else
		fs_cancel(op->fs, &op->call);
	atomic_store(&op->interrupting, false);
	if (op->deferred)
		op_conclude(op);
}

struct op *op_new(fuse_req_t req, op_reply_fn *reply)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	struct op *op = calloc(1, sizeof(*op));

	if (!op) {
		(void)fuse_reply_err(req, ENOMEM);
		return NULL;
	}

	op->session = fuse_req_userdata(req);
	op->fs = op->session->fs;
	op->req = req;
	op->reply = reply;
	op->call.owner = op;
	op->call.done = op_done;
	op->call.who = (struct fs_who){
		.uid = ctx->uid,
		.gid = ctx->gid,
		.tid = ctx->pid,
	};
	fuse_req_interrupt_func(req, op_interrupt, op);
	return op;
}

void op_end(struct op *op, int status)
{
	op->call.status = status;
	op->call.done(&op->call);
}

void op_write_returned(struct op *op)
{
	struct session *session = op->session;

	op->buffer = session_buffer(session);
	if (atomic_exchange(&op->turn, OP_PARKED) == OP_ENDED) {
		op->buffer = NULL;
		op_finish(op);
		return;
	}
	session_buffer_taken(session);
}

struct fs *op_fs(fuse_req_t req)
{
	struct session *session = fuse_req_userdata(req);

	return session->fs;
}

struct control *op_control(fuse_req_t req, uint64_t nodeid)
{
	struct session *session = fuse_req_userdata(req);

	return control_owns(nodeid) ? session->control : NULL;
}

struct control *op_control_name(fuse_req_t req, uint64_t parent,
                                const char *name)
{
	struct session *session = fuse_req_userdata(req);

	return control_owns_name(parent, name) ? session->control : NULL;
}

void op_forget(struct session *session, uint64_t nodeid, uint64_t count)
{
	if (!control_owns(nodeid))
		fs_forget(session->fs, nodeid, count);
	else if (session->control)
		control_forget(session->control, nodeid, count);
}

void op_fill_stat(const struct fs_attr *attr, struct stat *ret)
{
	*ret = (struct stat){
		.st_ino = attr->ino,
		.st_mode = attr->mode,
		.st_nlink = attr->nlink,
		.st_uid = attr->uid,
		.st_gid = attr->gid,
		.st_size = (off_t)attr->size,
		.st_blksize = FS_BLKSIZE,
		/* GNU cp takes a file with fewer blocks for a sparse one */
		.st_blocks = (blkcnt_t)((attr->size + 511) / 512),
		.st_atim = attr->mtime,
		.st_mtim = attr->mtime,
		.st_ctim = attr->ctime,
	};
}

void op_fill_entry(const struct fs_entry *entry, struct fuse_entry_param *ret)
{
	*ret = (struct fuse_entry_param){
		.ino = entry->nodeid,
		.generation = 1, /* nodeids are never used twice */
		.attr_timeout = (double)entry->attr_ms / 1000.0,
		.entry_timeout = (double)entry->entry_ms / 1000.0,
	};
	op_fill_stat(&entry->attr, &ret->attr);
}

void op_reply_none(struct op *op)
{
	(void)fuse_reply_err(op->req, 0);
}

void op_reply_entry(struct op *op)
{
	const struct fs_entry *entry = &op->call.entry;
	struct fuse_entry_param param;

	op_fill_entry(entry, &param);
	/* the kernel did not get it (interrupted): the count comes back */
	if (fuse_reply_entry(op->req, &param) == -ENOENT && entry->nodeid)
		op_forget(op->session, entry->nodeid, 1);
}

void op_reply_attr(struct op *op)
{
	struct stat st;

	op_fill_stat(&op->call.entry.attr, &st);
	(void)fuse_reply_attr(op->req, &st,
	                      (double)op->call.entry.attr_ms / 1000.0);
}

void op_reply_count(struct op *op)
{
	(void)fuse_reply_write(op->req, op->call.count);
}
