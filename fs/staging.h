/* SPDX-License-Identifier: MIT */
/*
 * Bytes that are not in memory: a file of one part's beginning (appended to), or
 * a sparse one with the changed bytes of a draft at their own offsets.
 *
 * It has no name (O_TMPFILE, or unlinked at once), so nothing is left of it
 * after a crash and nobody else can open it, unless it is given one: then the
 * bytes are wanted after a crash.  What was written is read through
 * a shared mapping: those pages are the kernel's file cache, not our memory.
 *
 * Not thread safe, the owner has the lock; but bytes that were written may be
 * read while others are being written.
 */
#ifndef PORTER_FS_STAGING_H
#define PORTER_FS_STAGING_H

#include "base/buf.h"
#include "base/cleanup.h"

#include <stdint.h>

struct staging;

/* dir NULL: $TMPDIR, else /var/tmp. Returns 0, -ENOMEM or open's errno. */
int staging_new(const char *dir, struct staging **ret);
void staging_free(struct staging *staging);
DEFINE_CLEANUP(struct staging *, staging_free);

/* Append the chain.  Blocks.  Returns 0 or negative errno (-ENOSPC, -EIO). */
int staging_append(struct staging *staging, const struct chain *chain);

/* Bytes in it. */
uint64_t staging_size(const struct staging *staging);

/* Copy bytes that were appended. Returns 0 or negative errno. */
int staging_read(const struct staging *staging, uint64_t offset, void *dst,
                 size_t len);

/*
 * All bytes as one slice, valid until the next append or free. Returns 0 or
 * -ENOMEM.
 */
int staging_map(struct staging *staging, struct slice *ret);

/* ---- a sparse file ---- */

/* Write at an offset.  Blocks.  0 or negative errno (-ENOSPC, -EIO, ...). */
int staging_write(struct staging *staging, uint64_t offset, struct slice data);

/* Give the room of a range back where the file system can.  Blocks. */
void staging_punch(struct staging *staging, uint64_t offset, uint64_t length);

/* Everything written is on disk.  Blocks.  0 or negative errno. */
int staging_sync(struct staging *staging);

/*
 * Give it a name, which must not be taken; whoever gives it removes it.  0 or
 * negative errno (-EEXIST; -ENOENT: the file system made it so that it cannot
 * get one any more).
 */
int staging_link(struct staging *staging, const char *path);

#endif
