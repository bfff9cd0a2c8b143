/* SPDX-License-Identifier: MIT */
/*
 * A file's bytes and its one error, shared by all its descriptors.
 *
 *            open for writing            write            FLUSH that commits
 *   CLEAN -------------------> CLEAN ----------> DIRTY ------------------+
 *     ^  \_ O_TRUNC, create: DIRTY of 0 bytes      |                     v
 *     |                                            | part failed     COMMITTING
 *     |   committed: inode_committed()             v                 |      |
 *     +--------------------------------------- FAILED <--------------+      |
 *     +----------------------------------------------------- done ----------+
 *
 * CLEAN: the bytes are the stored object inode->attr.etag.  DIRTY: a new
 * object is being written: a stream, whose bytes are a run from 0 and are sent
 * meanwhile, or a draft (draft.h), any mixture of stored ranges, changed ones
 * and holes, which is sent at the commit.  FAILED: the first error is latched; write, fsync and close return it and nothing is published.
 *
 * Lock order: inode, content, upload, pool; none is held across submit,
 * pool_take or done().
 */
#ifndef PORTER_FS_CONTENT_H
#define PORTER_FS_CONTENT_H

#include "fs/fs.h"

#include <stdbool.h>
#include <stdint.h>

struct content;
struct contents;
struct fs;
struct inode;

/* All contents of a mount: what fs.c makes, counts, aborts and ends. */
int contents_new(struct fs *fs, const struct fs_config *config,
                 struct contents **ret, struct err *reterr);

/* Files being written or committed now. */
unsigned contents_writing(struct contents *contents);

/* Cancel and abort every upload; commits under way end soon. */
void contents_abort(struct contents *contents);

/*
 * Drop the handles that are still open, as if released without a commit, and
 * wait for what is under way. NULL is fine.
 */
void contents_free(struct contents *contents);

/*
 * What the naming side asks of the writing side.  inode->lock is not held;
 * the inode is referenced by the caller.
 */

/* Something open for writing, uncommitted or being committed. */
bool content_busy(struct inode *inode);

/*
 * setattr of the size; answers call (whose reply content does not fill: status
 * only).  Without a handle (truncate(2)) the file is committed at once.
 */
void content_truncate(struct inode *inode, struct fs_call *call,
                      struct fs_handle *handle, uint64_t size);

/*
 * The name was unlinked or replaced while the content was open: never publish
 * it; what was not sent is dropped, an upload is aborted.  Reads of a stored
 * version go on.
 */
void content_abandon(struct inode *inode);

/*
 * The inode (not yet at the store) gets a new key: nothing was sent yet, so
 * only the name changes.  -EBUSY with a story when parts were sent already.
 * The caller changes inode->key after a 0.
 */
int content_may_rename(struct inode *inode, struct err *reterr);

/*
 * The stored object of a file that is being rewritten is moved to another key:
 * until the end nothing is sent under the old one, and whoever wants to change
 * or read the file waits.  -EBUSY with a story when something was sent already;
 * else each beginning has its end, with no lock held.
 */
int content_begin_move(struct inode *inode, struct err *reterr);
void content_end_move(struct inode *inode);

#endif
