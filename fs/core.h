/* SPDX-License-Identifier: MIT */
/*
 * Inside struct fs: what the parts of the file system find each other by.
 *
 *   struct fs -- buckets -- struct bucket -- store
 *      |   \-- inodes (inode.h)      \-- root inode, names, overlay
 *      |   \-- cache (meta_cache.h), notify (notify.h)
 *      |   \-- contents (content.h): what is open, written, committed
 *      |
 *   inode->bucket->fs leads back from any inode
 *
 * Everything here is set by fs_new() and constant until fs_free() unless a
 * lock stands behind it.
 */
#ifndef PORTER_FS_CORE_H
#define PORTER_FS_CORE_H

#include "base/clock.h"
#include "base/err.h"
#include "base/list.h"
#include "fs/fs.h"
#include "s3/store.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct contents;
struct flight;
struct inode;
struct inodes;
struct meta_cache;
struct meta_disk;
struct notify;
struct overlay;
struct turn;
struct walks;

#define FS_NONCE_MAX 33 /* bytes: 32 hex digits and the NUL */

/* A bucket: one directory of the root. */
struct bucket {
	struct fs *fs;
	unsigned number; /* index in fs->buckets */
	char *name;
	char *identity; /* endpoint, bucket and prefix: the same for ever */
	struct object_store *store; /* takes paths (named_store.h); NULL: see
	                               broken */
	int broken;                 /* errno of every access; 0 = works */
	enum fs_bucket_mode mode;
	enum fs_attrs attrs;
	uint64_t ttl_ms;      /* names and attributes: cache_ttl */
	uint64_t negative_ms; /* absence: negative_ttl, but no more */
	uint64_t seed;        /* of st_ino */
	struct inode *root;   /* shares */
	struct inode *names;  /* fs->inodes' lock: linked inodes by key */
	struct overlay *overlay;
	struct walks *walks;

	pthread_mutex_t flights_lock;
	struct flight *flights; /* flights_lock: questions by key (find.c) */
	struct list pages;      /* flights_lock: first pages of listings */

	pthread_mutex_t turns_lock;
	struct turn *turns; /* turns_lock: turns that are on, by key (turn.h) */
};

struct fs {
	struct fs_config config; /* buckets and count: see below, 0 here */
	struct fs_parts parts;
	struct bucket *buckets;
	size_t bucket_count;
	struct timespec started; /* mtime of what has none */
	struct inodes *inodes;
	struct inode *root; /* shares */
	struct meta_cache *cache;
	struct meta_disk *disk; /* behind the cache; NULL = none */
	struct notify *notify;
	struct contents *contents;
	struct recover *recover; /* NULL: nothing was to be settled */

	pthread_mutex_t tell_lock; /* around parts.unsettled, before lock */
	pthread_mutex_t lock;
	pthread_cond_t quiet; /* under_way or asks went to 0 */
	unsigned under_way;   /* lock: what fs_settle() waits for */
	unsigned pending;     /* lock: deletes that wait for a last release */
	unsigned failures;    /* lock: since the last fs_settle() */
	unsigned failed_ever; /* lock: since the beginning */
	struct list syncs;    /* lock: who waits for under_way = 0 (fs_sync) */
	bool told_busy;       /* tell_lock: last told to parts.unsettled */
	bool aborting;        /* lock */
	struct list dirs;     /* lock: open directories (dir.c) */
	struct list asks;     /* lock: requests of the naming side (ask.h) */
	unsigned asks_under_way; /* lock: those and their done() */
	uint64_t nonce_state;    /* lock: generator, when seeded */

	pthread_mutex_t call_lock; /* last but the pool's; see call.h */
};

/*
 * Something that fs_settle() must wait for begins (a commit, a delete, an
 * upload being finished), and ends: status < 0 makes fs_settle() answer -EIO;
 * whoever ends it has logged it.  Any thread; hold no lock across them: they
 * tell parts.unsettled.
 */
void fs_begin(struct fs *fs);
void fs_end(struct fs *fs, int status);

/* The same for what only a later event can settle: counted, not waited for. */
void fs_pend(struct fs *fs);
void fs_unpend(struct fs *fs);

/* A fresh nonce for a commit. Any thread. */
void fs_nonce(struct fs *fs, char ret[FS_NONCE_MAX]);

/* bucket.c */
int bucket_init(struct bucket *bucket, struct fs *fs, unsigned number,
                const struct fs_bucket_config *config);
void bucket_release(struct bucket *bucket);

/*
 * Names may have changed elsewhere: key ("" = the bucket), what is in the
 * directory of that key, with below whatever lies under it.  From now on the
 * store is asked, and the kernel asks us.  Any thread; hold no lock.
 */
void fs_invalidate(struct bucket *bucket, const char *key, bool below);

/* The bucket of that directory name, or NULL. */
struct bucket *bucket_find(struct fs *fs, const char *name);

/* 0, or the errno and story of a bucket that does not work. */
int bucket_works(const struct bucket *bucket, struct err *reterr);

/*
 * May names be made here (replaces = false), may something that the store has
 * be changed or removed (true)?  0, the broken bucket's errno, -EROFS, or
 * -EPERM, each with a story.
 */
int bucket_may_change(const struct bucket *bucket, bool replaces,
                      struct err *reterr);

#endif
