/* SPDX-License-Identifier: MIT */
/* One upload of an earlier run, settled.  All of it blocks. */
#ifndef PORTER_FS_RECOVER_UPLOAD_H
#define PORTER_FS_RECOVER_UPLOAD_H

#include "base/err.h"
#include "core.h"
#include "upload_record.h"

/*
 * Do what its state asks for and write the record anew, or drop it.  Returns 0,
 * or the errno of a store that did not answer: the record stays as it is.
 */
int recover_upload(struct bucket *bucket, uint64_t id,
                   const struct upload_record *record);

/* The name has another version: what the metadata cache had is worth nothing. */
void recover_published(struct bucket *bucket, const char *key);

/* A person's decisions. 0, or what the store said with a story. */
int recover_publish(struct bucket *bucket, uint64_t id,
                    const struct upload_record *record, struct err *reterr);
int recover_abort(struct bucket *bucket, uint64_t id,
                  const struct upload_record *record, struct err *reterr);

#endif
