/* SPDX-License-Identifier: MIT */
/*
 * Stored versions whose name was unlinked here while somebody has them open:
 * hidden at once, deleted at the last release.
 */
#ifndef PORTER_FS_DOOMED_H
#define PORTER_FS_DOOMED_H

#include "inode.h"

/*
 * Send the DELETE of inode->extra->delete_etag, if that still is the key's
 * version; takes the caller's reference.  A failure is logged, shows the name
 * again and makes fs_settle() fail.
 */
void doomed_delete(struct inode *inode);

/* The same for a version that no inode stands for; counted as pending. */
void doomed_delete_key(struct bucket *bucket, const char *key,
                       const char etag[STORE_ETAG_MAX]);

/*
 * A new file takes the name of a doomed version: its DELETE will not be sent,
 * the new file's commit replaces it.  Writes the version's ETag; false: there
 * is none.
 */
bool doomed_take(struct bucket *bucket, const char *key,
                 char ret[STORE_ETAG_MAX]);

#endif
