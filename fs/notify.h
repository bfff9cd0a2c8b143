/* SPDX-License-Identifier: MIT */
/*
 * Telling the kernel what changed, on a thread of its own ("notify"): the
 * calls into the kernel take its locks, so they must never be made by a
 * request thread or a completion callback.
 *
 * Messages are told in order; the same one twice in a row is told once.
 * Without a kernel (before the session starts, after it ended) they are
 * dropped.  Any thread; a leaf in the order of locks.
 */
#ifndef PORTER_FS_NOTIFY_H
#define PORTER_FS_NOTIFY_H

#include "fs/fs.h"

struct notify;

int notify_new(struct notify **ret);

/* Drops what is not told yet. */
void notify_free(struct notify *notify);

/*
 * From now on, tell this kernel; NULL: nobody.  Waits for a message that is
 * being told to the old one.  Not on the notify thread.
 */
void notify_set_kernel(struct notify *notify, struct fs_kernel *kernel);

/* A message that finds no memory is dropped: the timeouts will do. */
void notify_inode(struct notify *notify, uint64_t nodeid);
void notify_entry(struct notify *notify, uint64_t parent, const char *name);

/* Wait until everything queued before has been told (tests, fs_settle). */
void notify_drain(struct notify *notify);

#endif
