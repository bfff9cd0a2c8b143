/* SPDX-License-Identifier: MIT */
/*
 * The embedded store: an object_store in a local directory (endpoints
 * file:///dir).
 *
 * DIR/BUCKET/key/as/path holds each object as a plain file whose ETag, headers
 * and metadata are in one extended attribute ("user.porterfs", JSON); a file
 * that somebody put there by hand is an object too.  Uploads live in
 * DIR/.porterfs/BUCKET/UPLOAD_ID/ until they are completed.  Everything
 * becomes visible by rename after fsync, so a crash leaves old or new, never
 * half.  SPEC.md has the layout.
 */
#ifndef PORTER_S3_LOCAL_H
#define PORTER_S3_LOCAL_H

#include "base/err.h"

#include <stdbool.h>

struct exec;
struct object_store;

struct local_store_config {
	const char *root;   /* absolute directory, must exist */
	const char *bucket; /* sub-directory; created if create_bucket */
	const char *prefix; /* keys are relative to it; NULL or "" = all */
	bool create_bucket; /* mkdir the bucket when it is not there */
	bool sync;          /* fsync before rename; off only for tests */
	struct exec *exec;  /* borrowed; runs the blocking calls */
};

/*
 * -ENOENT: no such bucket; -EOPNOTSUPP: the file system there has no user
 * extended attributes; each with a sentence.
 */
int local_store_new(const struct local_store_config *config,
                    struct object_store **ret, struct err *reterr);

#endif
