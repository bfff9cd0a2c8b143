/* SPDX-License-Identifier: MIT */
/*
 * What is known of names: attributes, absence, and which directories are known
 * whole.  It can always be rebuilt: losing a record costs a request.
 *
 * Two levels: records in memory, the least recently used going first, and behind
 * them the cache on disk (meta_disk.h), if there is one, which also knows what
 * listings showed.  What is learnt or changed here is passed on to it; what it
 * has not written yet is never read from it.
 *
 * A record is fresh until its time is over.  A stale one still says what a
 * HEAD once taught of that version (mode, owner, mtime, metadata): when a
 * listing shows the same object, that is true again without a HEAD.
 *
 * Replies race with our own changes.  Whoever asks the store notes the moment
 * before it asks; an own change (meta_cache_change) makes every answer asked
 * before it worthless for that name, and meta_cache_put() refuses it.
 *
 * Keys are object keys in a bucket, directories without their trailing slash;
 * the bucket's root is "".  Any thread; a leaf in the order of locks.
 */
#ifndef PORTER_FS_META_CACHE_H
#define PORTER_FS_META_CACHE_H

#include "attr.h"
#include "base/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct clock;
struct meta_cache;

enum meta_kind {
	META_UNKNOWN,
	META_ABSENT,
	META_FILE, /* or symlink: see attr.mode */
	META_DIR,
};

struct meta {
	enum meta_kind kind;
	uint64_t fresh_ms; /* clock_ms() until which it is believed */
	struct attr attr;  /* META_FILE, META_DIR; shares */

	/*
	 * META_DIR: until when what a HEAD taught is believed, as no listing
	 * shows a directory's version.  attr.known lacks ATTR_FROM_HEAD later.
	 */
	uint64_t attr_ms;
};

struct meta_cache_config {
	const struct clock *clock; /* borrowed */
	unsigned buckets;          /* numbers are below this */
	size_t records_max;        /* the least recently used goes first */
	struct meta_disk *disk;    /* borrowed; NULL = memory alone */
	struct timespec started;   /* mtime of a directory that has none */
};

/* What holds for the records of one bucket; needed for the disk. */
struct meta_policy {
	uint64_t seed; /* the bucket's number on disk */
	uint64_t ttl_ms;
	uint64_t negative_ms;
	bool attrs_head; /* what a HEAD taught is wanted */
};

int meta_cache_new(const struct meta_cache_config *config,
                   struct meta_cache **ret);
void meta_cache_free(struct meta_cache *cache);
DEFINE_CLEANUP(struct meta_cache *, meta_cache_free);

/* Before anything of the bucket is asked or told. */
void meta_cache_set_policy(struct meta_cache *cache, unsigned bucket,
                           const struct meta_policy *policy);

/* Drop what a struct meta shares, and zero it. */
void meta_release(struct meta *meta);

/* Which name: bucket's number and key. */
struct meta_name {
	unsigned bucket;
	const char *key;
};

/*
 * 0: it is there, freshly known. -ENOENT: freshly known to be absent, by its
 * own record or by its directory being known whole.  -ENODATA: unknown; ret is
 * then what was last known (META_UNKNOWN: nothing), stale.  The caller
 * releases ret in every case; ret->fresh_ms is set for -ENOENT too.
 */
int meta_cache_get(struct meta_cache *cache, const struct meta_name *name,
                   struct meta *ret);

/* The moment before a question is asked. Never 0, grows. */
uint64_t meta_cache_moment(struct meta_cache *cache);

/* Whether the mount changed the name after that moment. */
bool meta_cache_changed(struct meta_cache *cache, const struct meta_name *name,
                        uint64_t moment);

/*
 * What the store answered to a question asked at moment. False: refused, the
 * name changed here since.  An attr that does not come from a HEAD is completed
 * by what a HEAD taught of the same object, in *meta too.
 */
bool meta_cache_put(struct meta_cache *cache, const struct meta_name *name,
                    uint64_t moment, struct meta *meta);

/* The same for one line of a listing, which meta_cache_range() tells the disk. */
bool meta_cache_put_line(struct meta_cache *cache, const struct meta_name *name,
                         uint64_t moment, struct meta *meta);

/* The mount itself changed the name into meta; NULL: into it knows not what. */
void meta_cache_change(struct meta_cache *cache, const struct meta_name *name,
                       const struct meta *meta);

/* Forget what is known, so that the next question asks. */
void meta_cache_forget(struct meta_cache *cache, const struct meta_name *name);

/*
 * Forget a name, what is in the directory of that name, and with below whatever
 * lies under it; answers to questions that are under way are not taken.
 */
void meta_cache_forget_tree(struct meta_cache *cache,
                            const struct meta_name *name, bool below);

/*
 * Directories.  dir is the name of a directory.  whole: every name in it was
 * put, from answers asked at moment or later; what was not is absent until
 * fresh_ms.  Own changes keep that true; a record that is thrown away to make
 * room, or forgotten, ends it.
 */
struct meta_whole {
	uint64_t moment;
	uint64_t fresh_ms;
};
void meta_cache_whole(struct meta_cache *cache, const struct meta_name *dir,
                      const struct meta_whole *whole);

/* It has more names than one page of a listing holds; believed until then. */
void meta_cache_big(struct meta_cache *cache, const struct meta_name *dir,
                    uint64_t until_ms);
bool meta_cache_is_big(struct meta_cache *cache, const struct meta_name *dir);

/*
 * Note that a name of the directory is asked about; returns clock_ms() of the
 * time before, 0 = never.
 */
uint64_t meta_cache_asked(struct meta_cache *cache,
                          const struct meta_name *dir);

/* ---- listings, on disk ---- */

struct meta_page;
struct meta_range_writer;
struct slice;

/*
 * A listing of dir, asked at moment and clock_ms() asked_ms, showed the lines in
 * writer above low up to high (NULL = to the end), and no others.  Takes what is
 * in writer.  Not kept when a name of the directory changed since.
 */
struct meta_seen {
	uint64_t moment;
	uint64_t asked_ms;
	const struct slice *low;
	const struct slice *high;
};
void meta_cache_range(struct meta_cache *cache, const struct meta_name *dir,
                      const struct meta_seen *seen,
                      struct meta_range_writer *writer);

/*
 * The names of dir behind low as far as they are known freshly, and the moment
 * and clock_ms() of that knowledge. 0, -ENODATA, -ENOMEM.
 */
int meta_cache_page(struct meta_cache *cache, const struct meta_name *dir,
                    const struct slice *low, struct meta_page *ret,
                    struct meta_seen *ret_seen);

#endif
