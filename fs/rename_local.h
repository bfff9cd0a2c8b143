/* SPDX-License-Identifier: MIT */
/*
 * RENAME of a file that only is here: it just gets another key, and its commit
 * will replace what the new name has; and what every rename of a file does to
 * the names.  The turns of both keys are the caller's.
 */
#ifndef PORTER_FS_RENAME_LOCAL_H
#define PORTER_FS_RENAME_LOCAL_H

#include "inode.h"

/*
 * Rename a file that the store has not got.  What it would have replaced under
 * its old name, because it was renamed over that before, is deleted now.
 * 0, -EBUSY with a story, -ENOMEM.
 */
int rename_local(struct inode *inode, const char *from, const char *to,
                 struct err *reterr);

/*
 * The file that had the new name: whoever has it open keeps an unnamed one.
 * True: it stood on a version whose DELETE was promised, written to etag.
 */
bool rename_replace_target(struct bucket *bucket, const char *key,
                           const struct inode *mover, char *etag);

/* Remember the directory that lost a name. */
void rename_keep_directory(struct bucket *bucket, const char *key);

/*
 * The version that the store has under a key, as far as it is known; of a new
 * file the one that it will replace.
 */
void rename_known_version(struct bucket *bucket, const char *key,
                          char ret[STORE_ETAG_MAX]);

#endif
