/* SPDX-License-Identifier: MIT */
/* From a bucket's configuration to its store. */
#ifndef PORTER_CMD_BUILD_STORE_H
#define PORTER_CMD_BUILD_STORE_H

#include "base/conf.h"
#include "base/err.h"
#include "s3/store.h"

struct exec;
struct s3_net;

/*
 * The store of a bucket directory: file:///dir is a local store, anything else
 * an S3 client; with probe it is asked once whether the bucket is there
 * (blocks).  The caller destroys it.  Returns 0 or -errno with a sentence that
 * does not name the directory.
 */
int build_store(const struct conf *conf, const char *directory, bool probe,
                struct s3_net *net, struct exec *exec,
                struct object_store **ret, struct err *reterr);

/*
 * What makes a bucket's inode numbers its own: "endpoint/bucket/prefix",
 * malloc'ed; NULL when out of memory.
 */
char *build_identity(const struct conf *conf, const char *directory);

#endif
