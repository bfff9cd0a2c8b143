/* SPDX-License-Identifier: MIT */
/* The kernel's requests about attributes. */
#include "op.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

static void ops_getattr(fuse_req_t req, fuse_ino_t nodeid,
                        struct fuse_file_info *fi)
{
	struct op *op = op_new(req, op_reply_attr);

	(void)fi;
	if (!op)
		return;
	op->control = op_control(req, nodeid);
	if (op->control)
		control_getattr(op->control, &op->call, nodeid);
	else
		fs_getattr(op->fs, &op->call, nodeid);
}

/* libfuse's bits to ours; atime is mtime, so setting it alone is nothing. */
static unsigned set_from_fuse(int to_set)
{
	static const struct {
		int fuse;
		unsigned ours;
	} map[] = {
		{FUSE_SET_ATTR_MODE, FS_SET_MODE},
		{FUSE_SET_ATTR_UID, FS_SET_UID},
		{FUSE_SET_ATTR_GID, FS_SET_GID},
		{FUSE_SET_ATTR_SIZE, FS_SET_SIZE},
		{FUSE_SET_ATTR_MTIME, FS_SET_MTIME},
		{FUSE_SET_ATTR_MTIME_NOW, FS_SET_MTIME_NOW},
	};
	unsigned set = 0;

	for (size_t i = 0; i < sizeof(map) / sizeof(map[0]); i++) {
		if (to_set & map[i].fuse)
			set |= map[i].ours;
	}
	return set;
}

static void ops_setattr(fuse_req_t req, fuse_ino_t nodeid, struct stat *st,
                        int to_set, struct fuse_file_info *fi)
{
	struct op *op = op_new(req, op_reply_attr);
	struct fs_attr attr = {
		.size = (uint64_t)st->st_size,
		.mode = st->st_mode,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.mtime = st->st_mtim,
	};

	if (!op)
		return;
	op->control = op_control(req, nodeid);
	if (op->control)
		control_setattr(op->control, &op->call, nodeid);
	else
		fs_setattr(op->fs, &op->call, nodeid, op_handle(fi),
		           set_from_fuse(to_set), &attr);
}

/* Access is the kernel's to judge (default_permissions). */
static void ops_access(fuse_req_t req, fuse_ino_t nodeid, int mask)
{
	(void)nodeid, (void)mask;
	(void)fuse_reply_err(req, 0);
}

static void ops_statfs(fuse_req_t req, fuse_ino_t nodeid)
{
	struct statvfs st = {0};

	(void)nodeid;
	fs_statfs(op_fs(req), &st);
	(void)fuse_reply_statfs(req, &st);
}

/* A value or a list of names; limit 0 asks for the size alone. */
static void reply_xattr(struct op *op)
{
	const struct chain *data = &op->call.data;
	uint64_t size = chain_size(data);

	if (op->limit == 0) {
		(void)fuse_reply_xattr(op->req, size);
		return;
	}
	if (size > op->limit) {
		(void)fuse_reply_err(op->req, ERANGE);
		return;
	}
	op->text = malloc(size ? size : 1);
	if (!op->text) {
		(void)fuse_reply_err(op->req, ENOMEM);
		return;
	}
	(void)fuse_reply_buf(op->req, op->text,
	                     chain_read(data, 0, op->text, size));
}

static void ops_getxattr(fuse_req_t req, fuse_ino_t nodeid, const char *name,
                         size_t size)
{
	struct op *op;

	if (op_control(req, nodeid)) {
		(void)fuse_reply_err(req, ENODATA);
		return;
	}
	op = op_new(req, reply_xattr);
	if (!op)
		return;
	op->limit = size;
	fs_getxattr(op->fs, &op->call, nodeid, name);
}

static void ops_listxattr(fuse_req_t req, fuse_ino_t nodeid, size_t size)
{
	struct op *op = op_new(req, reply_xattr);

	if (!op)
		return;
	op->limit = size;
	if (op_control(req, nodeid))
		op_end(op, 0); /* there are none */
	else
		fs_listxattr(op->fs, &op->call, nodeid);
}

static void ops_setxattr(fuse_req_t req, fuse_ino_t nodeid, const char *name,
                         const char *value, size_t size, int flags)
{
	struct op *op = op_new(req, op_reply_none);
	struct fs_xattr xattr = {
		.name = name,
		.value = value ? value : "",
		.size = size,
		.flags = flags,
	};

	if (op && op_control(req, nodeid))
		op_end(op, -EOPNOTSUPP);
	else if (op)
		fs_setxattr(op->fs, &op->call, nodeid, &xattr);
}

static void ops_removexattr(fuse_req_t req, fuse_ino_t nodeid, const char *name)
{
	struct op *op = op_new(req, op_reply_none);
	struct fs_xattr xattr = {.name = name};

	if (op && op_control(req, nodeid))
		op_end(op, -EOPNOTSUPP);
	else if (op)
		fs_setxattr(op->fs, &op->call, nodeid, &xattr);
}

void ops_attr_fill(struct fuse_lowlevel_ops *ops)
{
	ops->getattr = ops_getattr;
	ops->setattr = ops_setattr;
	ops->access = ops_access;
	ops->statfs = ops_statfs;
	ops->getxattr = ops_getxattr;
	ops->listxattr = ops_listxattr;
	ops->setxattr = ops_setxattr;
	ops->removexattr = ops_removexattr;
}
