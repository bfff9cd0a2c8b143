/* SPDX-License-Identifier: MIT */
/*
 * What is known of one file or directory, and how it stands in object metadata
 * (pure).
 *
 * The names are those that s3fs and rclone read: x-amz-meta-mtime (seconds,
 * with decimals), -mode (decimal st_mode with the type bits), -uid, -gid.  A
 * symlink is an object whose mode says S_IFLNK and whose body is the target,
 * as s3fs writes it.  Ours alone: x-amz-meta-porter-commit, a random nonce of
 * every commit.  A mode with a leading 0 is octal, as rclone writes it.  What
 * is out of range or no number is taken as not said.
 */
#ifndef PORTER_FS_ATTR_H
#define PORTER_FS_ATTR_H

#include "base/cleanup.h"
#include "fs/fs.h"
#include "s3/store.h"

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/*
 * What an object's metadata holds beside ours: user metadata (name, value)
 * and the content headers, so that a self-copy can say them again.  Immutable
 * and counted; any thread.
 */
struct attr_meta;
struct attr_meta *attr_meta_ref(struct attr_meta *meta); /* NULL is fine */
void attr_meta_unref(struct attr_meta *meta);
DEFINE_CLEANUP(struct attr_meta *, attr_meta_unref);

/* User metadata alone. get: NULL = none. at: i < count, in order of names. */
size_t attr_meta_count(const struct attr_meta *meta);
const struct store_meta *attr_meta_at(const struct attr_meta *meta, size_t i);
const char *attr_meta_get(const struct attr_meta *meta, const char *name);

/*
 * A copy in which name (lower case) has that value, or with value NULL is not
 * there.  old may be NULL, and so may the result when nothing is left.
 */
int attr_meta_set(const struct attr_meta *old, const char *name,
                  const char *value, struct attr_meta **ret);

/*
 * A copy for new bytes: without Content-Type and Content-Encoding, which told
 * of the old ones.
 */
int attr_meta_for_new_bytes(const struct attr_meta *old,
                            struct attr_meta **ret);

/*
 * A symlink's target, kept beside its metadata once it was read; NULL: not
 * known. with_target() makes a copy that knows it; old may be NULL.
 */
const char *attr_meta_target(const struct attr_meta *meta);
int attr_meta_with_target(const struct attr_meta *old, const char *target,
                          struct attr_meta **ret);

/* Names that are ours, and no user metadata: mtime, mode, ... */
bool attr_meta_reserved(const char *name);

enum attr_known {
	ATTR_FROM_LIST = 1 << 0, /* size, etag, LastModified */
	ATTR_FROM_HEAD = 1 << 1, /* and the metadata */
	ATTR_GUESSED = 1 << 2,   /* modified is our own clock's, not theirs */
};

struct attr {
	unsigned known; /* of enum attr_known; 0 = nothing */
	uint32_t mode;  /* with type; S_IFREG assumed until HEAD */
	uint32_t uid;
	uint32_t gid;
	uint64_t size;         /* bytes */
	struct timespec mtime; /* ours if the metadata has it, else modified */
	struct timespec modified;  /* LastModified: ctime */
	char etag[STORE_ETAG_MAX]; /* "" = not at the store yet */
	struct attr_meta *meta;    /* shares; NULL = none */
};

/* Drop what attr shares and zero it. */
void attr_release(struct attr *attr);
/* Copy with its shares. */
void attr_copy(struct attr *dst, const struct attr *src);

/*
 * From replies, into an empty ret. config gives owner and modes of what says
 * nothing. type is S_IFREG for an object that may also be a symlink, S_IFDIR
 * for a directory's object, whose other types are not believed. Returns 0 or
 * -ENOMEM.
 */
int attr_from_info(const struct fs_config *config,
                   const struct object_info *info, uint32_t type,
                   struct attr *ret);
void attr_from_entry(const struct fs_config *config,
                     const struct store_entry *entry, struct attr *ret);

/* A directory without an object. */
void attr_of_dir(const struct fs_config *config, const struct timespec *mtime,
                 struct attr *ret);

/* The same bytes: ETag and size. */
bool attr_same_version(const struct attr *a, const struct attr *b);
/* And the same object: LastModified too, where it is not guessed. */
bool attr_same_object(const struct attr *a, const struct attr *b);

/* To the kernel. */
void attr_to_stat(const struct attr *attr, uint64_t ino, struct fs_attr *ret);

/*
 * What a commit sends: headers with metadata, in memory of its own.  Not
 * movable: headers point into the struct.
 */
struct attr_headers {
	struct store_headers headers;
	struct store_meta meta[64];
	char text[512];         /* mode, uid, gid, mtime, nonce as text */
	struct attr_meta *user; /* shares */
};

/*
 * name gives the Content-Type by its ending (a small table; NULL or none of
 * them = octets) unless attr->meta says another; nonce may be NULL.  An mtime
 * of 0 s 0 ns is not sent: LastModified will do.  Returns 0, or -ENOSPC when
 * the metadata is beyond limits->meta_max or more names than fit.
 */
int attr_to_headers(const struct attr *attr, const char *name,
                    const char *nonce, const struct store_limits *limits,
                    struct attr_headers *ret);
void attr_headers_release(struct attr_headers *headers);

/* The nonce in a reply's metadata, or NULL. */
const char *attr_nonce(const struct store_headers *headers);

#endif
