/* SPDX-License-Identifier: MIT */
/*
 * One bucket for a subcommand that needs no mount: the store of the directory
 * that a place names, and the threads it stands on.
 */
#ifndef PORTER_CMD_TOOL_BUCKET_H
#define PORTER_CMD_TOOL_BUCKET_H

#include "base/cleanup.h"
#include "base/err.h"
#include "s3/store.h"

struct conf;
struct tool_bucket;

/*
 * place is BUCKET/KEY or s3://BUCKET/KEY, BUCKET a directory of the
 * configuration or a bucket's own name; a place without "/" is a key of
 * preset, a directory (may be NULL).  Asks once whether the bucket is there.
 * Returns 0 or -errno with a sentence: -ENOENT (no such bucket), -EINVAL (no
 * key), what the store says.
 */
int tool_bucket_open(const struct conf *conf, const char *place,
                     const char *preset, struct tool_bucket **ret,
                     struct err *reterr);
void tool_bucket_close(struct tool_bucket *bucket);
DEFINE_CLEANUP(struct tool_bucket *, tool_bucket_close);

/* Borrowed: the store, whose keys are below the bucket's prefix; the key. */
struct object_store *tool_bucket_store(const struct tool_bucket *bucket);
const char *tool_bucket_key(const struct tool_bucket *bucket);
const char *tool_bucket_directory(const struct tool_bucket *bucket);

/* The directory for what is exported: alt-export when there is one, else primary. */
const char *tool_export_directory(const struct conf *conf);

#endif
