/* SPDX-License-Identifier: MIT */
/*
 * What is known of one file or directory, and how it stands in object metadata
 * (pure).
 *
 * The names are those that s3fs and rclone read: x-amz-meta-mtime (seconds,
 * with decimals), -mode (decimal st_mode with the type bits), -uid, -gid.  A
 * symlink is an object whose mode says S_IFLNK and whose body is the target,
 * as s3fs writes it.  Ours alone: x-amz-meta-porter-commit, a random nonce of
 * every commit.
 */
#ifndef PORTER_FS_ATTR_H
#define PORTER_FS_ATTR_H

#include "base/cleanup.h"
#include "fs/fs.h"
#include "s3/store.h"

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* User metadata beside ours, immutable and counted (name, value, ...). */
struct attr_meta;
struct attr_meta *attr_meta_ref(struct attr_meta *meta); /* NULL is fine */
void attr_meta_unref(struct attr_meta *meta);

enum attr_known {
	ATTR_FROM_LIST = 1 << 0, /* size, etag, LastModified */
	ATTR_FROM_HEAD = 1 << 1, /* and the metadata */
};

struct attr {
	unsigned known;        /* of enum attr_known; 0 = nothing */
	uint32_t mode;         /* with type; S_IFREG assumed until HEAD */
	uint32_t uid;
	uint32_t gid;
	uint64_t size;         /* bytes */
	struct timespec mtime; /* ours if the metadata has it, else modified */
	struct timespec modified; /* LastModified: ctime */
	char etag[STORE_ETAG_MAX]; /* "" = not at the store yet */
	struct attr_meta *meta;    /* shares; NULL = none */
};

/* Drop what attr shares and zero it. */
void attr_release(struct attr *attr);
/* Copy with its shares. */
void attr_copy(struct attr *dst, const struct attr *src);

/* From replies. config gives owner and modes of what says nothing. */
int attr_from_info(const struct fs_config *config,
                   const struct object_info *info, struct attr *ret);
void attr_from_entry(const struct fs_config *config,
                     const struct store_entry *entry, struct attr *ret);

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
 * name gives the Content-Type by its ending (a small table; NULL = octets);
 * nonce may be NULL. with_mtime false: no mtime, LastModified will do.
 * -ENOSPC when the metadata is beyond limits->meta_max.
 */
int attr_to_headers(const struct attr *attr, const char *name,
                    const char *nonce, const struct store_limits *limits,
                    struct attr_headers *ret);
void attr_headers_release(struct attr_headers *headers);

/* The nonce in a reply's metadata, or NULL. */
const char *attr_nonce(const struct store_headers *headers);

#endif
