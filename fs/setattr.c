/* SPDX-License-Identifier: MIT */
/*
 * SETATTR: the size is the content's business and comes first, the rest is a
 * change of metadata.
 */
#include "base/lock.h"
#include "call.h"
#include "change.h"
#include "content.h"
#include "inode.h"
#include "lookup.h"

/* A size being set, before the rest. */
struct sizing {
	struct fs_call inner; /* content's */
	struct fs_call *call; /* slot */
	struct inode *inode;  /* shares */
	struct change_plan rest;
};

/* Answer with the attributes as they are now. */
static void answer_attr(struct fs_call *call, struct inode *inode)
{
	inode_entry(inode, &call->entry);
	call_answer(call, 0);
}

/* The size is set, or not. */
static void sized(struct fs_call *inner)
{
	struct sizing *sizing = inner->owner;
	struct inode *inode = sizing->inode;
	struct fs_call *call = call_claim(inode->table->fs, &sizing->call);

	if (call && inner->status < 0)
		call_fail(call, inner->status, &inner->err);
	else if (call && sizing->rest.set)
		change_inode(inode, call, &sizing->rest, true);
	else if (call)
		answer_attr(call, inode);
	inode_unref(inode);
	free(sizing);
}

/* Set the size, then the rest. */
static void set_size(struct inode *inode, struct fs_call *call,
                     struct fs_handle *handle, const struct change_plan *rest)
{
	struct sizing *sizing = calloc(1, sizeof(*sizing));

	if (!sizing) {
		call_answer(call, -ENOMEM);
		return;
	}
	sizing->inode = inode_ref(inode);
	sizing->rest = *rest;
	/* Truncating sets the mtime to now by itself. */
	sizing->rest.set &= ~(unsigned)(FS_SET_SIZE | FS_SET_MTIME_NOW);
	sizing->inner.who = call->who;
	sizing->inner.done = sized;
	sizing->inner.owner = sizing;
	if (!call_park(inode->table->fs, call, &sizing->call)) {
		inode_unref(inode);
		free(sizing);
		call_answer(call, -EINTR);
		return;
	}
	content_truncate(inode, &sizing->inner, handle, rest->attr.size);
}

/* Refuse what cannot be set. */
static int may_set(struct inode *inode, unsigned set, struct err *reterr)
{
	bool stored;

	if (inode->kind == INODE_ROOT || inode->kind == INODE_BUCKET)
		return err_set(reterr, -EPERM,
		               "the attributes of a bucket's directory come "
		               "from the configuration");
	if (set & FS_SET_SIZE && inode->kind != INODE_FILE)
		return inode->kind == INODE_DIR ? -EISDIR : -EINVAL;
	(void)pthread_mutex_lock(&inode->lock);
	stored = !inode->local || inode->attr.etag[0];
	(void)pthread_mutex_unlock(&inode->lock);
	return bucket_may_change(inode->bucket, stored, reterr);
}

void fs_setattr(struct fs *fs, struct fs_call *call, uint64_t nodeid,
                struct fs_handle *handle, unsigned set,
                const struct fs_attr *attr)
{
	cleanup(inode_unrefp) struct inode *inode =
		lookup_node(fs, call, nodeid);
	const struct change_plan plan = {.set = set, .attr = *attr};
	int r;

	if (!inode)
		return;
	r = set ? may_set(inode, set, &call->err) : 0;
	if (r < 0)
		call_answer(call, r);
	else if (set & FS_SET_SIZE)
		set_size(inode, call, handle, &plan);
	else if (set)
		change_inode(inode, call, &plan, true);
	else
		answer_attr(call, inode);
}
