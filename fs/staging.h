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
#include "base/metrics.h"

#include <stdbool.h>
#include <stdint.h>

struct metrics;
struct staging;

/* Where the files of a mount are, and what all of them may take together. */
struct staging_room {
	char *dir;          /* owned; NULL = $TMPDIR, else /var/tmp */
	uint64_t max;       /* bytes; 0 = as much as the disk has */
	struct metric used; /* bytes now */
	struct metrics *metrics;
};

/* dir is copied; metrics may be NULL, else outlives it. 0 or -ENOMEM. */
int staging_room_init(struct staging_room *room, const char *dir, uint64_t max,
                      struct metrics *metrics);
/* Every file must be gone. */
void staging_room_release(struct staging_room *room);

/* Whether bytes more have room, as far as can be said beforehand. */
bool staging_has_room(const struct staging_room *room, uint64_t bytes);

/* The room outlives the file. Returns 0, -ENOMEM or open's errno. */
int staging_new(struct staging_room *room, struct staging **ret);
void staging_free(struct staging *staging);
DEFINE_CLEANUP(struct staging *, staging_free);

/*
 * Append the chain.  Blocks.  Returns 0 or negative errno (-EIO; -ENOSPC when
 * the disk is full, or the room), and then nothing was appended.
 */
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

/*
 * Write at an offset.  Blocks.  0 or negative errno (-EIO; -ENOSPC when the disk
 * is full, or the room is and not all of the range is there already).
 */
int staging_write(struct staging *staging, uint64_t offset, struct slice data);

/* Give the room of a range back where the file system can.  Blocks. */
void staging_punch(struct staging *staging, uint64_t offset, uint64_t length);

/* Everything written is on disk.  Blocks.  0 or negative errno. */
int staging_sync(struct staging *staging);

/* One that an earlier run gave a name; it keeps that. 0 or negative errno. */
int staging_open(struct staging_room *room, const char *path,
                 struct staging **ret);

/*
 * Give it a name, which must not be taken; whoever gives it removes it.  0 or
 * negative errno (-EEXIST; -ENOENT: the file system made it so that it cannot
 * get one any more).
 */
int staging_link(struct staging *staging, const char *path);

#endif
