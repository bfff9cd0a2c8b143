/* SPDX-License-Identifier: MIT */
/* One edit of an earlier run, settled.  Blocks. */
#ifndef PORTER_FS_RECOVER_DRAFT_H
#define PORTER_FS_RECOVER_DRAFT_H

#include "core.h"
#include "draft_record.h"

/*
 * Publish the edit where what it replaces is still there; keep it as an upload
 * where somebody else has written the name meanwhile; drop the record where it
 * was published already.  Returns 0, or why it must be tried again.
 */
int recover_draft(struct bucket *bucket, uint64_t id,
                  const struct draft_record *record);

/* Remove the staging files below state_dir that no record names. */
void recover_staging(struct fs *fs);

#endif
