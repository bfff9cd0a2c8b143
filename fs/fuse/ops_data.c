/* SPDX-License-Identifier: MIT */
/* The kernel's requests about the bytes of files. */
#include "op.h"
#include "session_impl.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

/* What open and create answer about the handle. */
static void fill_open(struct op *op)
{
	op->fi.fh = op->control ? (uint64_t)(uintptr_t)op->call.control
	                        : (uint64_t)(uintptr_t)op->call.handle;
	op->fi.direct_io = op->call.direct_io;
	op->fi.keep_cache = op->call.keep_cache;
}

static void reply_open(struct op *op)
{
	fill_open(op);
	if (fuse_reply_open(op->req, &op->fi) != -ENOENT)
		return;
	if (op->control)
		control_release(op->control, op->call.control);
	else
		fs_release(op->fs, op->call.handle);
}

static void ops_open(fuse_req_t req, fuse_ino_t nodeid,
                     struct fuse_file_info *fi)
{
	struct op *op = op_new(req, reply_open);

	if (!op)
		return;
	op->fi = *fi;
	op->control = op_control(req, nodeid);
	if (op->control)
		control_open(op->control, &op->call, nodeid, fi->flags);
	else
		fs_open(op->fs, &op->call, nodeid, fi->flags);
}

static void reply_create(struct op *op)
{
	const struct fs_entry *entry = &op->call.entry;
	struct fuse_entry_param param;

	fill_open(op);
	op_fill_entry(entry, &param);
	if (fuse_reply_create(op->req, &param, &op->fi) == -ENOENT) {
		fs_release(op->fs, op->call.handle);
		fs_forget(op->fs, entry->nodeid, 1);
	}
}

static void ops_create(fuse_req_t req, fuse_ino_t parent, const char *name,
                       mode_t mode, struct fuse_file_info *fi)
{
	struct op *op;
	struct fs_create create = {
		.parent = parent,
		.name = name,
		.mode = mode,
		.flags = fi->flags,
	};

	if (op_control_name(req, parent, name)) {
		/* what is there was found before: this is not */
		(void)fuse_reply_err(req, ENOENT);
		return;
	}
	op = op_new(req, reply_create);
	if (!op)
		return;
	op->fi = *fi;
	fs_create(op->fs, &op->call, &create);
}

/* A request of an open file: what is stale stays so. */
static struct op *op_new_data(fuse_req_t req, op_reply_fn *reply)
{
	struct op *op = op_new(req, reply);

	if (op)
		op->stale_is_final = true;
	return op;
}

/* Bytes go to the kernel from where they lie. */
static void reply_read(struct op *op)
{
	const struct chain *data = &op->call.data;
	struct iovec iov[64];

	if (data->count > sizeof(iov) / sizeof(iov[0])) {
		(void)fuse_reply_err(op->req, EIO);
		return;
	}
	for (size_t i = 0; i < data->count; i++) {
		iov[i].iov_base = data->slices[i].data;
		iov[i].iov_len = data->slices[i].len;
	}
	(void)fuse_reply_iov(op->req, iov, (int)data->count);
}

static void ops_read(fuse_req_t req, fuse_ino_t nodeid, size_t size,
                     off_t offset, struct fuse_file_info *fi)
{
	struct op *op = op_new_data(req, reply_read);

	if (!op)
		return;
	op->control = op_control(req, nodeid);
	if (op->control)
		control_read(op->control, &op->call, op_control_handle(fi),
		             (uint64_t)offset, size);
	else
		fs_read(op->fs, &op->call, op_handle(fi), (uint64_t)offset,
		        size);
}

/* A data pointer that we may hand down: fs_write() only reads it. */
static uint8_t *unconst(const char *data)
{
	union {
		const char *in;
		uint8_t *out;
	} u = {.in = data};

	return u.out;
}

static void ops_write(fuse_req_t req, fuse_ino_t nodeid, const char *data,
                      size_t size, off_t offset, struct fuse_file_info *fi)
{
	struct op *op = op_new_data(req, op_reply_count);
	struct slice slice = {.data = unconst(data), .len = size};

	if (!op)
		return;
	op->control = op_control(req, nodeid);
	if (op->control) {
		control_write(op->control, &op->call, op_control_handle(fi),
		              (uint64_t)offset, slice);
		return;
	}

	atomic_store(&op->turn, OP_RUNNING);
	op->call.page_back = fi->writepage;
	fs_write(op->fs, &op->call, op_handle(fi), (uint64_t)offset, slice);
	op_write_returned(op);
}

static void ops_flush(fuse_req_t req, fuse_ino_t nodeid,
                      struct fuse_file_info *fi)
{
	struct op *op = op_new_data(req, op_reply_none);

	if (op && op_control(req, nodeid))
		op_end(op, 0); /* no work is done in close */
	else if (op)
		fs_flush(op->fs, &op->call, op_handle(fi));
}

static void ops_fsync(fuse_req_t req, fuse_ino_t nodeid, int datasync,
                      struct fuse_file_info *fi)
{
	struct op *op = op_new_data(req, op_reply_none);

	(void)datasync;
	if (op && op_control(req, nodeid))
		op_end(op, 0);
	else if (op)
		fs_fsync(op->fs, &op->call, op_handle(fi));
}

static void ops_release(fuse_req_t req, fuse_ino_t nodeid,
                        struct fuse_file_info *fi)
{
	struct control *control = op_control(req, nodeid);

	if (control)
		control_release(control, op_control_handle(fi));
	else
		fs_release(op_fs(req), op_handle(fi));
	(void)fuse_reply_err(req, 0);
}

static void ops_fallocate(fuse_req_t req, fuse_ino_t nodeid, int mode,
                          off_t offset, off_t length, struct fuse_file_info *fi)
{
	struct op *op = op_new(req, op_reply_none);

	if (op && op_control(req, nodeid))
		op_end(op, -EOPNOTSUPP);
	else if (op)
		fs_fallocate(op->fs, &op->call, op_handle(fi), mode,
		             (uint64_t)offset, (uint64_t)length);
}

static void reply_lseek(struct op *op)
{
	(void)fuse_reply_lseek(op->req, (off_t)op->call.count);
}

static void ops_lseek(fuse_req_t req, fuse_ino_t nodeid, off_t offset,
                      int whence, struct fuse_file_info *fi)
{
	struct op *op = op_new(req, reply_lseek);

	if (op && op_control(req, nodeid))
		op_end(op, -EINVAL);
	else if (op)
		fs_lseek(op->fs, &op->call, op_handle(fi), (uint64_t)offset,
		         whence);
}

static void ops_copy_file_range(fuse_req_t req, fuse_ino_t source_nodeid,
                                off_t source_offset,
                                struct fuse_file_info *source,
                                fuse_ino_t target_nodeid, off_t target_offset,
                                struct fuse_file_info *target, size_t length,
                                int flags)
{
	struct op *op = op_new(req, op_reply_count);
	struct fs_copy copy = {
		.source = op_handle(source),
		.source_offset = (uint64_t)source_offset,
		.target = op_handle(target),
		.target_offset = (uint64_t)target_offset,
		.length = length,
	};

	(void)flags;
	if (op &&
	    (op_control(req, source_nodeid) || op_control(req, target_nodeid)))
		op_end(op, -EOPNOTSUPP); /* cp then reads and writes */
	else if (op)
		fs_copy_file_range(op->fs, &op->call, &copy);
}

/*
 * Ordinary files never wait.  Handles of the control tree keep ph and tell the
 * kernel when there is something to read.
 */
static void ops_poll(fuse_req_t req, fuse_ino_t nodeid,
                     struct fuse_file_info *fi, struct fuse_pollhandle *ph)
{
	struct control *control = op_control(req, nodeid);
	unsigned events = POLLIN | POLLOUT;

	if (control)
		events = control_poll(control, op_control_handle(fi), ph);
	else if (ph)
		fuse_pollhandle_destroy(ph);
	(void)fuse_reply_poll(req, events);
}

void ops_data_fill(struct fuse_lowlevel_ops *ops)
{
	ops->open = ops_open;
	ops->create = ops_create;
	ops->read = ops_read;
	ops->write = ops_write;
	ops->flush = ops_flush;
	ops->fsync = ops_fsync;
	ops->release = ops_release;
	ops->fallocate = ops_fallocate;
	ops->lseek = ops_lseek;
	ops->poll = ops_poll;
	ops->copy_file_range = ops_copy_file_range;
}
