/* SPDX-License-Identifier: MIT */
/*
 * Changing the metadata of something that the store has: one self-copy of a
 * file (or one PUT of a directory's object) with other headers.
 *
 * Changes of one inode that come while a copy is under way wait and then go
 * together in the next one.
 */
#ifndef PORTER_FS_CHANGE_H
#define PORTER_FS_CHANGE_H

#include "attr.h"

#include <stddef.h>
#include <stdint.h>

struct fs_call;
struct inode;

/* What is to be different: fields of attr by enum fs_set; one user value. */
struct change_plan {
	unsigned set; /* of enum fs_set; no size */
	struct fs_attr attr;
	const char *name;  /* user metadata to set, borrowed; NULL = none */
	const char *value; /* NULL = remove it */
	int flags;         /* XATTR_CREATE, XATTR_REPLACE */
};

/*
 * Make attr different as planned (pure).  0, -EEXIST or -ENODATA by the flags,
 * -ENOMEM.
 */
int change_apply(struct attr *attr, const struct change_plan *plan);

/* Whether any of what a change can set is different (pure). */
bool change_differs(const struct attr *a, const struct attr *b);

/*
 * Do it and answer call (status, and call->entry's attr when want_attr).  The
 * caller's reference to inode stays its own.
 */
void change_inode(struct inode *inode, struct fs_call *call,
                  const struct change_plan *plan, bool want_attr);

/*
 * A commit took its headers before the last setattr: send the attributes that
 * the inode has now, in the background; a failure is logged.
 */
void change_resend(struct inode *inode);

#endif
