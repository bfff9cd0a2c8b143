/* SPDX-License-Identifier: MIT */
/*
 * The metadata cache on disk: names and ranges of listings (meta_record.h) in
 * an LMDB environment, which may be lost at any time.
 *
 * One thread, "meta", writes: what is queued is applied in order, many changes
 * in one transaction, without a sync.  Readers take no lock.  A directory's
 * records lie side by side under a hash of bucket and path; when the file is
 * nearly full the directories that were written longest ago go.
 *
 * Trust.  Every record has a checksum; a directory's names are only taken for
 * all of them within a range, which is one record.  A change that cannot be
 * written makes what is there wrong: then everything is thrown away, and if even
 * that fails the files are unlinked and the cache is off until the next start.
 * A daemon that did not end well leaves a mark; the next one believes no
 * existence older than itself, only what a HEAD taught of a version; if the
 * machine itself went down meanwhile, it begins anew.
 *
 * Times are of the wall clock: they outlive a mount.
 */
#ifndef PORTER_FS_META_DISK_H
#define PORTER_FS_META_DISK_H

#include "base/cleanup.h"
#include "base/err.h"
#include "meta_record.h"

struct clock;
struct fs_config;
struct meta_disk;

struct meta_disk_config {
	const char *dir;            /* exists, ours alone, locked; copied */
	uint64_t size_max;          /* bytes of the file */
	const struct clock *clock;  /* borrowed */
	const struct fs_config *fs; /* borrowed: owners and modes of what says
	                               nothing */
};

/*
 * Open it, beginning anew where it is damaged, foreign or of another format (a
 * warning says so).  -EACCES, -EROFS, -ENOSPC, -ENOMEM with a story.
 */
int meta_disk_open(const struct meta_disk_config *config,
                   struct meta_disk **ret, struct err *reterr);
/* Writes what is queued. NULL is fine. */
void meta_disk_close(struct meta_disk *disk);
DEFINE_CLEANUP(struct meta_disk *, meta_disk_close);

/*
 * Queue, in the order of seq, which the caller gives and which grows; none
 * blocks.  Any thread; leaves in the order of locks.
 */

/* What the store said of a name; record is copied. */
void meta_disk_learn(struct meta_disk *disk, uint64_t seq,
                     const struct meta_key *key,
                     const struct meta_record *record);
/* The mount itself changed it, into record or (NULL) it knows not what. */
void meta_disk_change(struct meta_disk *disk, uint64_t seq,
                      const struct meta_key *key,
                      const struct meta_record *record);
/* A range of the directory; takes the encoded record's text. */
void meta_disk_range(struct meta_disk *disk, uint64_t seq,
                     const struct meta_key *key,
                     const struct meta_bounds *bounds, struct str *record);
/* Forget a name and, if it is a directory, what is in it; "" with everything
 * below is the whole bucket. */
void meta_disk_forget(struct meta_disk *disk, uint64_t seq,
                      const struct meta_key *key, bool below);

/* What was queued up to that seq can be read. */
uint64_t meta_disk_applied(const struct meta_disk *disk);
/* Wait until all that is queued can be read. Not on "meta". */
void meta_disk_drain(struct meta_disk *disk);

/* ---- reading ---- */

struct meta_found {
	enum meta_kind kind;
	uint64_t asked_ms; /* when it was known to be so */
	uint64_t head_ms;  /* when a HEAD last taught; 0 = never */
	bool by_range;     /* META_ABSENT: a listing shows no such name */
	struct attr attr;  /* META_FILE, META_DIR; shares */
};
/* 0 and what was known last, which attr_release() drops; -ENODATA. */
int meta_disk_get(struct meta_disk *disk, const struct meta_key *key,
                  struct meta_found *ret);

/*
 * A piece of a directory as a listing would give it: what stands behind low (a
 * key relative to the directory, "" = from the beginning) without a gap, none
 * of it asked before oldest_ms, at least 1,000 lines unless it ends.
 */
struct meta_page {
	struct store_entry *entries; /* keys are paths in the bucket */
	size_t count;
	struct str texts;  /* where their texts stand */
	struct str next;   /* go on behind this key; unless complete */
	bool complete;     /* nothing stands behind */
	uint64_t asked_ms; /* the oldest */
};
/* 0, -ENODATA: not known, -ENOMEM. */
int meta_disk_page(struct meta_disk *disk, const struct meta_key *dir,
                   struct slice low, uint64_t oldest_ms, struct meta_page *ret);
void meta_page_release(struct meta_page *page);

struct meta_disk_stats {
	uint64_t damaged; /* records that were none */
	uint64_t evicted; /* directories */
	uint64_t bytes;   /* of the file that hold something */
	bool off;         /* given up */
};
void meta_disk_stats(struct meta_disk *disk, struct meta_disk_stats *ret);

#endif
