/* SPDX-License-Identifier: MIT */
/* From a bucket's configuration to its store. */
#ifndef PORTER_CMD_BUILD_STORE_H
#define PORTER_CMD_BUILD_STORE_H

#include "base/conf.h"
#include "base/err.h"
#include "s3/store.h"

struct exec;
struct s3_net;

/* What stores stand on; borrowed by them. */
struct store_parts {
	struct s3_net *net;
	struct exec *exec; /* of local stores */
	bool probe;        /* ask once whether the bucket is there (blocks) */
};

/*
 * The store of a bucket directory: file:///dir is a local store, anything else
 * an S3 client.  The caller destroys it.  Returns 0 or -errno with a sentence
 * that does not name the directory.
 */
int build_store(const struct conf *conf, const char *directory,
                const struct store_parts *parts, struct object_store **ret,
                struct err *reterr);

/*
 * What makes a bucket's inode numbers its own: "endpoint/bucket/prefix",
 * malloc'ed; NULL when out of memory.
 */
char *build_identity(const struct conf *conf, const char *directory);

#endif
