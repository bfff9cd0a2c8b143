/* SPDX-License-Identifier: MIT */
/*
 * What is known of names: attributes, absence, and which directories are known
 * whole.  It can always be rebuilt: losing a record costs a request.
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
};

int meta_cache_new(const struct meta_cache_config *config,
                   struct meta_cache **ret);
void meta_cache_free(struct meta_cache *cache);
DEFINE_CLEANUP(struct meta_cache *, meta_cache_free);

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

/* The mount itself changed the name into meta; NULL: into it knows not what. */
void meta_cache_change(struct meta_cache *cache, const struct meta_name *name,
                       const struct meta *meta);

/* Forget what is known, so that the next question asks. */
void meta_cache_forget(struct meta_cache *cache, const struct meta_name *name);

/*
 * Directories.  dir is the name of a directory.  whole: every name in it was
 * put, from answers asked at moment or later; what was not is absent until
 * fresh_ms.  Own changes keep that true; a record that is thrown away to make
 * room, or forgotten, ends it.
 */
struct meta_whole {
	uint64_t moment;
	uint64_t fresh_ms;
	uint64_t limit_ms; /* meta_cache_extend() goes no further */
};
void meta_cache_whole(struct meta_cache *cache, const struct meta_name *dir,
                      const struct meta_whole *whole);

/* We made that name: if its directory is known whole now, so it is until
 * fresh_ms. */
void meta_cache_extend(struct meta_cache *cache, const struct meta_name *name,
                       uint64_t fresh_ms);

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

#endif
