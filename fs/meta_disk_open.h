/* SPDX-License-Identifier: MIT */
/*
 * The files of the cache on disk: how they are found, and left.
 *
 *   data.mdb, lock.mdb   LMDB's
 *   running              a daemon uses them, or did not end well: the number of
 *                        the machine's start
 *   data.mdb.damaged     a daemon died of reading data.mdb
 */
#ifndef PORTER_FS_META_DISK_OPEN_H
#define PORTER_FS_META_DISK_OPEN_H

#include "base/err.h"

struct meta_disk;

/* Open disk->kv, however the files are found, and leave the mark. */
int disk_open(struct meta_disk *disk, struct err *reterr);

/* Close it; what ended well leaves no mark. */
void disk_close(struct meta_disk *disk);

/* Unlink LMDB's files: the next start begins anew. */
void disk_unlink(const char *dir);

#endif
