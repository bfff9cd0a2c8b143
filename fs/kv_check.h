/* SPDX-License-Identifier: MIT */
/*
 * Is this file a whole LMDB environment?  Asked before LMDB maps it.
 *
 * LMDB believes its file: a page number behind the end is a SIGBUS, a wild
 * offset reads anything.  The head (two meta pages) tells how long the file has
 * to be; a thorough check walks every tree and looks at each page: its number,
 * its kind, the bounds of each node, the order of the keys, that no page is
 * used twice, and that there are as many records as the tables say.  What the
 * bytes of a record are worth is not asked: that is a checksum's matter.
 *
 * Reads with pread() only, so a damaged file is never followed.  The file must
 * not be written meanwhile when the check is thorough.
 */
#ifndef PORTER_FS_KV_CHECK_H
#define PORTER_FS_KV_CHECK_H

#include "base/err.h"

#include <stdbool.h>

/*
 * Returns 0 (an empty file is fine: LMDB fills it), -EUCLEAN with a story,
 * -EIO, -ENOMEM.
 */
int kv_check(int fd, bool thorough, struct err *reterr);

#endif
