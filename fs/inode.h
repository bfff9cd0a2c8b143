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
#include "core.h"
#include "meta_cache.h"

#include <pthread.h>

struct change;
struct content;

enum inode_kind {
	INODE_ROOT,   /* the mount's root */
	INODE_BUCKET, /* a bucket's root */
	INODE_DIR,    /* a directory in a bucket, implicit or explicit */
	INODE_FILE,
	INODE_SYMLINK,
};

/* What only a few inodes need: those with something not at the store. */
struct inode_extra {
	struct attr stored; /* what the store had when local began; known 0 =
	                       nothing */
	unsigned changes;   /* setattr and setxattr of a local inode */
	unsigned sent;      /* changes when the commit took its headers */

	/*
	 * A new file (attr.etag "") on a name that the store still has a
	 * version of: the file was renamed over it, or (replaces_deleted) it was
	 * deleted while somebody had it open and its DELETE has not been sent.
	 * The commit replaces it (If-Match) instead of expecting nothing there.
	 */
	char replaces[STORE_ETAG_MAX];
	bool replaces_deleted; /* counts as pending */

	/* unlinked: the version whose DELETE goes at the last release. */
	char delete_etag[STORE_ETAG_MAX];
};

struct inode {
	uint64_t nodeid; /* never changes */
	uint64_t ino;    /* st_ino: hash of bucket and first key, or of that
	                          while a renamed inode has this number */
	enum inode_kind kind;  /* never changes */
	struct bucket *bucket; /* never changes; NULL for the root */
	struct inodes *table;

	pthread_mutex_t lock; /* guards what says so */
	char *key;         /* lock, and table->lock: read under either; in the
	                      bucket; directories without their trailing slash;
	                      "" for a bucket's root */
	struct attr attr;  /* lock: as the mount shows it */
	uint64_t fresh_ms; /* lock: attr is believed until then (clock_ms) */
	bool local;        /* lock: attr is the truth, the store has not got it
	                      all: being written, or commit under way */
	bool unlinked;     /* lock: unlinked here while open: never commit, and
	                      extra->delete_etag's object goes at the last
	                      release */
	struct inode_extra *extra; /* lock: NULL = none */
	struct change *change;     /* lock: a self-copy under way (change.c) */
	struct content *content;   /* lock: the bytes, while anybody has them
	                            open or they are not at the store yet */
	uint64_t pages; /* lock: digest of the ETag that was opened last, whose
	                   pages the kernel may hold; 0 = none */

	uint64_t lookups; /* table->lock: the kernel's count */
	unsigned refs;    /* table->lock: handles and operations under way */
	bool linked;      /* table->lock: this is the name's current inode */
	bool doomed;      /* table->lock: the last reference sends the DELETE of
	                     extra->delete_etag */
	struct list doomed_link; /* table->lock: table->doomed */
	UT_hash_handle by_id;
	UT_hash_handle by_name;
	bool stray; /* table->lock: in table->strays */
	UT_hash_handle by_ino;
};

struct inodes {
	struct fs *fs;
	pthread_mutex_t lock;
	struct inode *by_id; /* lock */

	/*
	 * lock: those whose st_ino is not their key's, because they were
	 * renamed: whoever gets their old name must have another number, or mv
	 * and cp take the two for one file.
	 */
	struct inode *strays;
	uint64_t last_id;   /* lock */
	struct list doomed; /* lock */
};

/* The table. Bucket roots are made by bucket_init(). */
int inodes_new(struct fs *fs, struct inodes **ret);
void inodes_free(struct inodes *table);

/*
 * References of ours; the inode goes when both counts are 0.  Hold no lock
 * when dropping one: the last reference of a file that was unlinked while open
 * sends its DELETE.
 */
struct inode *inode_get(struct inodes *table, uint64_t nodeid); /* or NULL */
struct inode *inode_ref(struct inode *inode);
void inode_unref(struct inode *inode);
DEFINE_CLEANUP(struct inode *, inode_unref);

/* The kernel's count. */
void inode_add_lookup(struct inode *inode);
void inode_forget(struct inodes *table, uint64_t nodeid, uint64_t count);

/* The current inode of a key, referenced, or NULL when none is known. */
struct inode *inode_of_key(struct bucket *bucket, const char *key);

/*
 * The current inodes of all names below a directory's key, each referenced, as
 * an array (free it). Returns how many, or -ENOMEM.
 */
int inodes_below(struct bucket *bucket, const char *dir, struct inode ***ret);

/* Whether this is still its name's current inode. */
bool inode_linked(struct inode *inode);

/*
 * The object key of a name in a directory (root: -EPERM, names live in
 * buckets), malloc'ed for the caller. -ENAMETOOLONG, -EINVAL, -ENOMEM.
 */
int inode_child_key(struct inode *parent, const char *name, char **ret);

/* What the kernel is told of it now; hands over no lookup count. */
void inode_entry(struct inode *inode, struct fs_entry *ret);
void inode_stat(struct inode *inode, struct fs_attr *ret);

/*
 * What the store said of a key, asked at moment (meta_cache.h): the inode that
 * now stands for it, referenced.  A local one stays as it is; another version
 * than the linked one's makes a new inode.  -EAGAIN: the mount itself changed
 * the name since; ask again.  -ENOMEM.
 */
struct inode_seen {
	struct bucket *bucket;
	const char *key;
	enum inode_kind kind;
	const struct attr *attr; /* copied */
	uint64_t fresh_ms;
	uint64_t moment;
};
int inode_see(const struct inode_seen *seen, struct inode **ret);

/*
 * A new, empty, local file in parent: its name's current inode, with one
 * reference for the caller and no lookup count.  Asks the store nothing.
 * -EEXIST: the name is known to exist; *ret is its inode, referenced (for
 * O_CREAT without O_EXCL).  Else -EROFS, -EPERM, the errno of a broken bucket,
 * -ENOENT (parent is gone), -ENAMETOOLONG, -EINVAL, -ENOMEM; *ret untouched.
 */
int inode_create(struct inode *parent, const char *name, uint32_t mode,
                 const struct fs_who *who, struct inode **ret);

/* The inode's extra part, made when it has none. NULL: out of memory. */
struct inode_extra *inode_extra_locked(struct inode *inode);

/* A new linked inode with one reference: for bucket.c, and inode_see(). */
struct inode_plan {
	struct bucket *bucket; /* NULL: the root */
	const char *key;       /* NULL: the root */
	enum inode_kind kind;
	const struct attr *attr;
	uint64_t fresh_ms;
	uint64_t moment; /* 0: the name cannot have changed */
	bool local;
};
/* -EEXIST: the name has an inode. -EAGAIN: changed since moment. -ENOMEM. */
int inode_make(struct inodes *table, const struct inode_plan *plan,
               struct inode **ret);

/*
 * Take the inode off its name, if it is on it; what the cache says of the name
 * is the caller's business.
 */
void inode_take_off(struct inode *inode);

/*
 * Put the inode on another name, which whatever was on it loses.  The overlay
 * and the cache are the caller's business. 0 or -ENOMEM.
 */
int inode_rekey(struct inode *inode, const char *key);

/* Its key as it is now, malloc'ed for the caller; NULL: out of memory. */
char *inode_copy_key(struct inode *inode);

/* st_ino of a key; never 0 or FS_ROOT_ID. */
uint64_t inode_number(const struct bucket *bucket, const char *key);

/* Tell the kernel to look the inode's name up again. */
void inode_tell_name(struct inode *inode);

/*
 * The version etag of the inode's key goes when nobody has the inode open any
 * more: the name is hidden until then.  Counts as pending.
 */
void inode_doom(struct inode *inode, const char *etag);

/* How a bucket's name is called in the cache. */
static inline struct meta_name inode_name(const struct bucket *bucket,
                                          const char *key)
{
	return (struct meta_name){bucket->number, key};
}

/*
 * What the writing side tells the naming side.  A commit takes the key's turn
 * (turn.h) before it reads the inode's version and headers, and ends it after
 * inode_committed() or inode_reverted().  Its condition: If-Match attr.etag
 * when there is one, else extra->replaces when there is one, else
 * If-None-Match *.  All take and drop inode->lock
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
 * what it caches of the old bytes.  An inode that was unlinked meanwhile gets
 * its object deleted.
 */
void inode_committed(struct inode *inode, const struct object_info *info);

/*
 * The writing failed for good or was given up: forget what was local; a name
 * that only existed here disappears.
 */
void inode_reverted(struct inode *inode);

/*
 * What a HEAD or GET of the inode's key said, asked at moment: 0 and its
 * attributes are fresh again, or -ESTALE: it is another version now
 * (inode_outdated() was done).  A local inode is always 0.
 */
int inode_checked(struct inode *inode, const struct object_info *info,
                  uint64_t moment);

/*
 * The store says that the inode's version is no longer the current one (412,
 * 404 or another ETag at open): unlink it from its name and forget what the
 * cache knows, so that the next lookup asks.
 */
void inode_outdated(struct inode *inode);

#endif
