/* SPDX-License-Identifier: MIT */
/*
 * Everything built: the library behind the daemon and the tool.
 *
 * porter_new() makes every part from the configuration, bottom up, and asks
 * each bucket whether it is there.  Only build.c looks inside; no module is
 * ever given a struct porter.
 */
#ifndef PORTER_FS_PORTER_H
#define PORTER_FS_PORTER_H

#include "base/cleanup.h"
#include "base/err.h"

#include <stdbool.h>

struct conf;
struct control;
struct fs;
struct fs_callers;
struct porter;

struct porter_config {
	const struct conf *conf;    /* borrowed until porter_free */
	struct fs_callers *callers; /* as in struct fs_parts */
	bool has_cache_dir;         /* cache_dir is there and locked by us */
	void (*unsettled)(void *ctx, bool busy);
	void *ctx;

	/* Told of each bucket that does not work, while others do. */
	void (*broken)(void *ctx, const char *directory, const struct err *err);
};

/*
 * Build. Starts threads; blocks until every bucket answered or timed out, all
 * of them asked at the same time.  Fails when no bucket works, or when one does
 * not and strict_start is on.
 */
int porter_new(const struct porter_config *config, struct porter **ret,
               struct err *reterr);

/* Borrowed. */
struct fs *porter_fs(struct porter *porter);

/* The control tree; borrowed; NULL when control = off. */
struct control *porter_control(struct porter *porter);

/* The session must be gone. */
void porter_free(struct porter *porter);
DEFINE_CLEANUP(struct porter *, porter_free);

#endif
