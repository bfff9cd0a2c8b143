/* SPDX-License-Identifier: MIT */
/*
 * The embedded store: an object_store in a local directory (endpoints
 * file:///dir).
 *
 * DIR/BUCKET/key/as/path holds each object as a plain file whose ETag, headers
 * and metadata are in one extended attribute ("user.porterfs", JSON).  A file
 * that somebody put there by hand is an object too, unless its name has a "%"
 * that is not ours (s3/local_path.h says how keys become names); its ETag is
 * made of its size, time and inode, and so is that of an object which was
 * changed by hand.  Links and special files are no objects and are never
 * followed.
 *
 * Uploads live in DIR/.porterfs/BUCKET/UPLOAD_ID/ until they are completed,
 * what is being written in DIR/.porterfs/.tmp/.  Everything becomes visible by
 * rename after fsync, so a crash leaves old or new, never half.  Several stores
 * and processes may share a directory: conditions hold among them, and a start
 * removes only what dead ones left.  SPEC.md has the layout.
 */
#ifndef PORTER_S3_LOCAL_H
#define PORTER_S3_LOCAL_H

#include "base/err.h"

#include <stdbool.h>

struct clock;
struct exec;
struct object_store;

struct local_store_config {
	const char *root;   /* absolute directory, must exist */
	const char *bucket; /* sub-directory; created if create_bucket */
	const char *prefix; /* keys are relative to it; NULL or "" = all */
	bool create_bucket; /* mkdir the bucket when it is not there */
	bool sync;          /* fsync before rename; off only for tests */
	struct exec *exec;  /* borrowed; runs the blocking calls */
	const struct clock *clock; /* borrowed; NULL = the system's */
};

/*
 * -ENOENT: no such bucket; -EOPNOTSUPP: the file system there has no user
 * extended attributes; each with a sentence.
 */
int local_store_new(const struct local_store_config *config,
                    struct object_store **ret, struct err *reterr);

#endif
