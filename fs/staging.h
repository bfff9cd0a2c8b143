/* SPDX-License-Identifier: MIT */
/*
 * Bytes that had to leave memory: a nameless file of one part's beginning.
 *
 * It has no name (O_TMPFILE, or unlinked at once), so nothing is left of it
 * after a crash and nobody else can open it.  What was written is read through
 * a shared mapping: those pages are the kernel's file cache, not our memory.
 *
 * Not thread safe; the part it belongs to has the lock.
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

#endif
