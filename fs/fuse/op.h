/* SPDX-License-Identifier: MIT */
/*
 * One kernel request on its way through the file system.
 *
 * An op holds the call, the request to answer and, for a write that had to
 * wait, the buffer its data lies in.  op_new() arms the kernel's INTERRUPT;
 * op_done() disarms it, so an interrupt never meets freed memory.
 */
#ifndef PORTER_FUSE_OP_H
#define PORTER_FUSE_OP_H

#define FUSE_USE_VERSION 314

#include "fs/control.h"
#include "fs/fs.h"

#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdatomic.h>

struct op;
struct session;

/* Answers the kernel; the op is freed afterwards. */
typedef void op_reply_fn(struct op *op);

struct op {
	struct fs_call call;
	struct session *session;
	struct fs *fs;
	struct control *control; /* not NULL: the call is the control tree's */
	fuse_req_t req;
	op_reply_fn *reply; /* success; a failure is answered by its errno */

	size_t limit; /* xattrs, readdir: bytes the kernel has room for */
	char *text;   /* readdir: the reply being filled, owned */
	size_t text_len;
	struct fuse_file_info fi; /* open, create: what is answered */
	bool stale_is_final;      /* of an open file: ESTALE is for the user */

	atomic_int turn; /* write: of enum op_turn */
	void *buffer;    /* write: the kept request buffer, owned */

	/* An interrupt that ends the call on its own thread defers the answer. */
	pthread_t interrupter; /* valid while interrupting */
	atomic_bool interrupting;
	bool deferred; /* that thread alone */
};

/* NULL: out of memory, and the kernel was told so. */
struct op *op_new(fuse_req_t req, op_reply_fn *reply);

/* End a call that nobody was given. */
void op_end(struct op *op, int status);

/* Common replies. */
op_reply_fn op_reply_none;  /* status 0 */
op_reply_fn op_reply_entry; /* lookup, mkdir, symlink */
op_reply_fn op_reply_attr;
op_reply_fn op_reply_count;

void op_fill_entry(const struct fs_entry *entry, struct fuse_entry_param *ret);
void op_fill_stat(const struct fs_attr *attr, struct stat *ret);

/* The fs behind a request. */
struct fs *op_fs(fuse_req_t req);

/*
 * The control tree, when a request for that node, or for that name in it, is
 * its own; else NULL.
 */
struct control *op_control(fuse_req_t req, uint64_t nodeid);
struct control *op_control_name(fuse_req_t req, uint64_t parent,
                                const char *name);

/* Give back lookup counts, to whom they belong. */
void op_forget(struct session *session, uint64_t nodeid, uint64_t count);

/*
 * A write's data lie in the thread's request buffer.  Most writes are done when
 * fs_write() returns and the buffer is used again; one that was parked takes
 * it along.  Both sides swap turn, and whoever comes second acts.
 */
enum op_turn {
	OP_PLAIN,   /* not a write */
	OP_RUNNING, /* fs_write() has not returned */
	OP_PARKED,  /* it has; done() frees the buffer and answers */
	OP_ENDED,   /* done() ran first; the request thread answers */
};

/* After fs_write() returned on a request thread. */
void op_write_returned(struct op *op);

/* The rows of the kernel's table, one file each. */
void ops_name_fill(struct fuse_lowlevel_ops *ops);
void ops_attr_fill(struct fuse_lowlevel_ops *ops);
void ops_dir_fill(struct fuse_lowlevel_ops *ops);
void ops_data_fill(struct fuse_lowlevel_ops *ops);

/* Handles travel through the kernel as numbers. */
static inline struct fs_handle *op_handle(const struct fuse_file_info *fi)
{
	return fi ? (struct fs_handle *)(uintptr_t)fi->fh : NULL;
}

/* The same of the control tree. */
static inline struct control_handle *
op_control_handle(const struct fuse_file_info *fi)
{
	return (struct control_handle *)(uintptr_t)fi->fh;
}

#endif
