/* SPDX-License-Identifier: MIT */
/*
 * Inodes: numbers, versions and lookup counts.
 *
 * The table knows every nodeid the kernel may still use and, per bucket and
 * key, which of them is the current one ("linked").  When somebody else's
 * version of a name shows up, or the name is replaced, the old inode is
 * unlinked: it stays until the kernel forgets it and its handles are closed,
 * and a new nodeid takes the name.  Our own commits keep the nodeid and move
 * its version (attr.etag).
 *
 * Locks: inodes->lock (names, counts) is taken inside inode->lock, never the
 * other way round; then content, upload, pool.
 */
#ifndef PORTER_FS_INODE_H
#define PORTER_FS_INODE_H

#include "attr.h"
#include "base/hash.h"
#include "base/list.h"

#include <pthread.h>

struct bucket;
struct content;
struct inodes;

enum inode_kind {
	INODE_ROOT,   /* the mount's root */
	INODE_BUCKET, /* a bucket's root */
	INODE_DIR,    /* a directory in a bucket, implicit or explicit */
	INODE_FILE,
	INODE_SYMLINK,
};

struct inode {
	uint64_t nodeid;       /* never changes */
	uint64_t ino;          /* st_ino: hash of bucket and first key */
	enum inode_kind kind;  /* never changes */
	struct bucket *bucket; /* never changes; NULL for the root */
	struct inodes *table;

	pthread_mutex_t lock; /* guards what says so */
	char *key;         /* lock: in the bucket; directories without their
	                      trailing slash; "" for a bucket's root */
	struct attr attr;  /* lock: as the mount shows it */
	uint64_t fresh_ms; /* lock: attr is believed until then (clock_ms) */
	bool local;        /* lock: attr is the truth, the store has not got it
	                      all: being written, or commit under way */
	bool unlinked;     /* lock: unlinked here while open: never commit, and
	                      delete_etag's object goes at the last release */
	struct content *content; /* lock: the bytes, while anybody has them
	                            open or they are not at the store yet */

	uint64_t lookups; /* table->lock: the kernel's count */
	unsigned refs;    /* table->lock: handles and operations under way */
	bool linked;      /* table->lock: this is the name's current inode */
	UT_hash_handle by_id;
	UT_hash_handle by_name;
};

/* References of ours; the inode goes when both counts are 0. */
struct inode *inode_get(struct inodes *table, uint64_t nodeid); /* or NULL */
struct inode *inode_ref(struct inode *inode);
void inode_unref(struct inode *inode);
DEFINE_CLEANUP(struct inode *, inode_unref);

/*
 * What the writing side tells the naming side.  All take and drop inode->lock
 * themselves and hold no lock when they call on.
 */

/* Bytes were written or the file was truncated: size, mtime, local. */
void inode_changed(struct inode *inode, uint64_t size);

/*
 * Headers for a commit of the inode as it is now. nonce may be NULL.
 * Returns 0, -ENOSPC or -ENOMEM.
 */
int inode_headers(struct inode *inode, const char *nonce,
                  struct attr_headers *ret);

/*
 * The commit is at the store as info (size, etag; mtime of the reply when it
 * has one): moves the version, updates the cache, tells the kernel to drop
 * what it caches of the old bytes.
 */
void inode_committed(struct inode *inode, const struct object_info *info);

/*
 * The writing failed for good or was given up: forget what was local; a name
 * that only existed here disappears.
 */
void inode_reverted(struct inode *inode);

/*
 * The store says that the inode's version is no longer the current one (412,
 * 404 or another ETag at open): unlink it from its name and forget what the
 * cache knows, so that the next lookup asks.
 */
void inode_outdated(struct inode *inode);

#endif
