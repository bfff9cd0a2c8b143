/* SPDX-License-Identifier: MIT */
/*
 * RENAME of a directory: every object below it is copied, checked, deleted.
 *
 * Nothing is changed before all of it is known to be possible: the target is
 * absent or an empty directory, there are at most rename_dir_max objects (else
 * -EXDEV, and mv(1) copies them one by one, on the server too), none is too
 * large for one COPY, no file below is being rewritten (-EBUSY).
 *
 *   target known -> LIST -> turns of all keys, in byte order
 *      round: COPY what is not copied, so many at a time
 *             LIST: what is unchanged since it was copied is DELETEd, page by
 *             page; what is new or changed goes into the next round
 *      until a listing finds nothing to copy
 *   -> inodes, cache and overlay told
 *
 * While it goes on, files below the directory can be read; whoever changes one
 * waits.  A failure leaves every object under its old name, its new one, or
 * both, never neither.  An interruption answers the call at once, what is on
 * the wire ends, and the kernel is told to look at both names again.
 */
#ifndef PORTER_FS_RENAME_DIR_H
#define PORTER_FS_RENAME_DIR_H

#include <stdbool.h>

struct fs_call;
struct inode;

/*
 * dir is the directory's inode; to its new key, in the same bucket, another
 * one than its own.  Answers the call.
 */
void rename_dir(struct fs_call *call, struct inode *dir, const char *to,
                bool no_replace);

#endif
