/* SPDX-License-Identifier: MIT */
/*
 * What fs/control asks of a mount beside calls: which buckets there are, who
 * is writing, and to forget what is believed of names.  Any thread.
 */
#ifndef PORTER_FS_ADMIN_H
#define PORTER_FS_ADMIN_H

#include "base/buf.h"
#include "base/err.h"
#include "fs/fs.h"

#include <stdbool.h>
#include <stdint.h>

struct object_store;

/* ---- buckets ---- */

struct fs_bucket_view {
	const char *name; /* of the directory; borrowed, stays as the fs does */
	struct object_store *store; /* NULL: does not work */
	int broken;                 /* and this is why */
	enum fs_bucket_mode mode;
	unsigned number;
};

size_t fs_bucket_count(const struct fs *fs);
void fs_bucket_at(const struct fs *fs, size_t index,
                  struct fs_bucket_view *ret);
/* The bucket of that directory: 0 or -ENOENT. */
int fs_bucket_named(const struct fs *fs, const char *name,
                    struct fs_bucket_view *ret);

/*
 * May objects be made in it (replaces = false), replaced or removed (true)?
 * 0, the broken bucket's errno, -EROFS or -EPERM, each with a story.
 */
int fs_bucket_may(const struct fs *fs, unsigned number, bool replaces,
                  struct err *reterr);

/* The budget for file data, in bytes. */
uint64_t fs_memory_budget(const struct fs *fs);

/* ---- what is believed of names ---- */

/* The object was made, replaced or removed past the mount's calls. */
void fs_name_changed(struct fs *fs, unsigned number, const char *key);

/*
 * Forget what is believed of a name and, where it is a directory, of which names
 * are in it; recursive: and of everything below.  bucket NULL: of all buckets.
 */
void fs_forget_names(struct fs *fs, const char *bucket, const char *key,
                     bool recursive);

/* ---- who writes ---- */

struct fs_writer {
	const char *bucket; /* directory */
	const char *key;
	int pid;           /* thread group of the last opener; 0 = not known */
	uint64_t bytes;    /* written so far */
	const char *state; /* "clean", "writing", "committing", "failed" */
};
/* Every descriptor open for writing; texts are borrowed in each(). */
void fs_writers_each(struct fs *fs,
                     void (*each)(void *ctx, const struct fs_writer *writer),
                     void *ctx);

/* ---- waiting ---- */

/*
 * Answered once nothing is under way: commits, deletes, uploads of closed
 * files.  Status 0, or -EIO when something failed since the last time.
 */
void fs_sync(struct fs *fs, struct fs_call *call);

/* Something else keeps the mount busy (a job), and does no more. */
void fs_hold(struct fs *fs);
void fs_let_go(struct fs *fs);

#endif
