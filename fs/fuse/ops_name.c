/* SPDX-License-Identifier: MIT */
/* The kernel's requests about names. */
#include "op.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void ops_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct op *op = op_new(req, op_reply_entry);

	if (!op)
		return;
	op->control = op_control_name(req, parent, name);
	if (op->control)
		control_lookup(op->control, &op->call, parent, name);
	else
		fs_lookup(op->fs, &op->call, parent, name);
}

/* Whether the control tree owns the name: nobody makes or removes any there. */
static bool refuse_control(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	if (!op_control_name(req, parent, name))
		return false;
	(void)fuse_reply_err(req, EPERM);
	return true;
}

static void ops_forget(fuse_req_t req, fuse_ino_t nodeid, uint64_t count)
{
	op_forget(fuse_req_userdata(req), nodeid, count);
	fuse_reply_none(req);
}

static void ops_forget_multi(fuse_req_t req, size_t count,
                             struct fuse_forget_data *forgets)
{
	for (size_t i = 0; i < count; i++)
		op_forget(fuse_req_userdata(req), forgets[i].ino,
		          forgets[i].nlookup);
	fuse_reply_none(req);
}

/* Hard links, device nodes, fifos and sockets have no place in a bucket. */
static void ops_mknod(fuse_req_t req, fuse_ino_t parent, const char *name,
                      mode_t mode, dev_t rdev)
{
	(void)parent, (void)name, (void)mode, (void)rdev;
	(void)fuse_reply_err(req, EPERM);
}

static void ops_link(fuse_req_t req, fuse_ino_t nodeid, fuse_ino_t parent,
                     const char *name)
{
	(void)nodeid, (void)parent, (void)name;
	(void)fuse_reply_err(req, EPERM);
}

static void ops_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name,
                      mode_t mode)
{
	if (refuse_control(req, parent, name))
		return;

	struct op *op = op_new(req, op_reply_entry);

	if (op)
		fs_mkdir(op->fs, &op->call, parent, name, mode);
}

static void ops_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	if (refuse_control(req, parent, name))
		return;

	struct op *op = op_new(req, op_reply_none);

	if (op)
		fs_unlink(op->fs, &op->call, parent, name);
}

static void ops_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	if (refuse_control(req, parent, name))
		return;

	struct op *op = op_new(req, op_reply_none);

	if (op)
		fs_rmdir(op->fs, &op->call, parent, name);
}

static void ops_symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
                        const char *name)
{
	if (refuse_control(req, parent, name))
		return;

	struct op *op = op_new(req, op_reply_entry);

	if (op)
		fs_symlink(op->fs, &op->call, parent, name, target);
}

static void ops_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
                       fuse_ino_t new_parent, const char *new_name,
                       unsigned flags)
{
	if (refuse_control(req, parent, name) ||
	    refuse_control(req, new_parent, new_name))
		return;

	struct op *op = op_new(req, op_reply_none);
	struct fs_rename rename = {
		.parent = parent,
		.name = name,
		.new_parent = new_parent,
		.new_name = new_name,
		.flags = flags,
	};

	if (op)
		fs_rename(op->fs, &op->call, &rename);
}

/* The target, as a C string: the kernel takes it up to its NUL. */
static void reply_readlink(struct op *op)
{
	const struct chain *data = &op->call.data;
	char target[4097];
	size_t n = chain_read(data, 0, target, sizeof(target) - 1);

	target[n] = '\0';
	(void)fuse_reply_readlink(op->req, target);
}

static void ops_readlink(fuse_req_t req, fuse_ino_t nodeid)
{
	struct op *op = op_new(req, reply_readlink);

	if (op)
		fs_readlink(op->fs, &op->call, nodeid);
}

void ops_name_fill(struct fuse_lowlevel_ops *ops)
{
	ops->lookup = ops_lookup;
	ops->forget = ops_forget;
	ops->forget_multi = ops_forget_multi;
	ops->mknod = ops_mknod;
	ops->link = ops_link;
	ops->mkdir = ops_mkdir;
	ops->unlink = ops_unlink;
	ops->rmdir = ops_rmdir;
	ops->symlink = ops_symlink;
	ops->rename = ops_rename;
	ops->readlink = ops_readlink;
}
