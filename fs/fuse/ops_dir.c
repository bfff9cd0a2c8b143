/* SPDX-License-Identifier: MIT */
/* The kernel's requests about directories. */
#include "op.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

static struct fs_dir *op_dir(const struct fuse_file_info *fi)
{
	return (struct fs_dir *)(uintptr_t)fi->fh;
}

/*
 * The kernel may keep what it read of a directory only as long as entries are
 * valid, which it does not check; so nothing is kept (cache_readdir off).
 */
static void reply_opendir(struct op *op)
{
	op->fi.fh = op->control ? (uint64_t)(uintptr_t)op->call.control
	                        : (uint64_t)(uintptr_t)op->call.dir;
	if (fuse_reply_open(op->req, &op->fi) != -ENOENT)
		return;
	if (op->control)
		control_release(op->control, op->call.control);
	else
		fs_releasedir(op->fs, op->call.dir);
}

static void ops_opendir(fuse_req_t req, fuse_ino_t nodeid,
                        struct fuse_file_info *fi)
{
	struct op *op = op_new(req, reply_opendir);

	if (!op)
		return;
	op->fi = *fi;
	op->control = op_control(req, nodeid);
	if (op->control)
		control_opendir(op->control, &op->call, nodeid);
	else
		fs_opendir(op->fs, &op->call, nodeid);
}

static void reply_readdir(struct op *op)
{
	(void)fuse_reply_buf(op->req, op->text, op->text_len);
}

/* fs_fill_fn: one name into the reply of a READDIR. */
static bool fill_plain(void *ctx, const struct fs_dirent *dirent)
{
	struct op *op = ctx;
	size_t room = op->limit - op->text_len;
	struct stat st = {.st_ino = dirent->ino, .st_mode = dirent->type};
	size_t need = fuse_add_direntry(op->req, op->text + op->text_len, room,
	                                dirent->name, &st, (off_t)dirent->next);

	if (need > room)
		return false;
	op->text_len += need;
	return true;
}

/* fs_fill_fn: one name with its attributes. No entry: nodeid 0 says so. */
static bool fill_plus(void *ctx, const struct fs_dirent *dirent)
{
	struct op *op = ctx;
	size_t room = op->limit - op->text_len;
	struct fuse_entry_param param = {
		.attr = {.st_ino = dirent->ino, .st_mode = dirent->type},
	};

	if (dirent->entry)
		op_fill_entry(dirent->entry, &param);

	size_t need = fuse_add_direntry_plus(op->req, op->text + op->text_len,
	                                     room, dirent->name, &param,
	                                     (off_t)dirent->next);

	if (need > room)
		return false;
	op->text_len += need;
	return true;
}

/* READDIR and READDIRPLUS. */
static void readdir_any(fuse_req_t req, fuse_ino_t nodeid, size_t size,
                        const struct fs_readdir *wanted)
{
	struct op *op = op_new(req, reply_readdir);
	struct fs_readdir read = *wanted;

	if (!op)
		return;

	op->limit = size;
	op->text = malloc(size);
	if (!op->text) {
		op->call.status = -ENOMEM;
		op->call.done(&op->call);
		return;
	}
	read.ctx = op;
	op->control = op_control(req, nodeid);
	if (op->control)
		control_readdir(op->control, &op->call,
		                (struct control_handle *)(void *)wanted->dir,
		                &read);
	else
		fs_readdir(op->fs, &op->call, &read);
}

static void ops_readdir(fuse_req_t req, fuse_ino_t nodeid, size_t size,
                        off_t offset, struct fuse_file_info *fi)
{
	struct fs_readdir read = {
		.dir = op_dir(fi),
		.offset = (uint64_t)offset,
		.fill = fill_plain,
	};

	readdir_any(req, nodeid, size, &read);
}

static void ops_readdirplus(fuse_req_t req, fuse_ino_t nodeid, size_t size,
                            off_t offset, struct fuse_file_info *fi)
{
	struct fs_readdir read = {
		.dir = op_dir(fi),
		.offset = (uint64_t)offset,
		.plus = true,
		.fill = fill_plus,
	};

	readdir_any(req, nodeid, size, &read);
}

static void ops_fsyncdir(fuse_req_t req, fuse_ino_t nodeid, int datasync,
                         struct fuse_file_info *fi)
{
	struct op *op = op_new(req, op_reply_none);

	(void)datasync;
	if (op && op_control(req, nodeid))
		op_end(op, 0);
	else if (op)
		fs_fsyncdir(op->fs, &op->call, op_dir(fi));
}

static void ops_releasedir(fuse_req_t req, fuse_ino_t nodeid,
                           struct fuse_file_info *fi)
{
	struct control *control = op_control(req, nodeid);

	if (control)
		control_release(control, op_control_handle(fi));
	else
		fs_releasedir(op_fs(req), op_dir(fi));
	(void)fuse_reply_err(req, 0);
}

void ops_dir_fill(struct fuse_lowlevel_ops *ops)
{
	ops->opendir = ops_opendir;
	ops->readdir = ops_readdir;
	ops->readdirplus = ops_readdirplus;
	ops->fsyncdir = ops_fsyncdir;
	ops->releasedir = ops_releasedir;
}
