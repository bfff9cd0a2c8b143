/* SPDX-License-Identifier: MIT */
/*
 * A file being changed in any order: a map of its bytes (extents.h) over stored
 * objects, which it leaves alone, and a sparse staging file with what was
 * written, each byte at its own offset.
 *
 *   map      |---- clean ----|dirty|- clean -|---- hole ----|dirty|
 *   sources   object 0, 1, ...
 *   staging                   bytes                          bytes
 *
 * Everything that changes a draft or touches its file blocks, and so runs on
 * the executor as a step: one step of a draft at a time, in the order of
 * draft_do().  What can be asked without the file can be asked by any thread at
 * any time.
 *
 * Lock order: content, draft, block cache.
 */
#ifndef PORTER_FS_DRAFT_H
#define PORTER_FS_DRAFT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/exec.h"
#include "extents.h"
#include "reader.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct draft;
struct draft_note;
struct staging;
struct staging_room;
struct stored;

/* The drafts of a mount, so that its end can wait for them. */
struct drafts {
	atomic_bool keep; /* what is noted outlives its draft: it is given up
	                     by the end of the mount, not by anybody */
	pthread_mutex_t lock;
	pthread_cond_t none;
	unsigned count; /* lock */
};
void drafts_init(struct drafts *all);
/* Waits until the last draft is gone. */
void drafts_release(struct drafts *all);

struct draft_config {
	struct drafts *all;        /* borrowed */
	struct exec *exec;         /* borrowed */
	struct staging_room *room; /* borrowed: where its file is */
	struct stored *stored; /* shares: what it begins as; NULL = nothing */
};

/*
 * What an earlier run noted: file has the dirty ranges of map, sources are those
 * of its clean ones; count >= 1.  Takes file and map, shares the sources.  A
 * draft that was just made.  0 or -ENOMEM (then nothing was taken).
 */
int draft_restore(struct draft *draft, struct staging *file,
                  struct extents *map, struct stored *const *sources,
                  unsigned count);

/* A draft with one reference; it makes no file before it needs one. Or NULL. */
struct draft *draft_new(const struct draft_config *config);
struct draft *draft_ref(struct draft *draft);
/* Hold no lock. NULL is fine. */
void draft_unref(struct draft *draft);

struct draft_step { /* the caller's memory until run() is entered */
	void (*run)(struct draft_step *step);
	struct list link; /* draft */
};

/* Run it on the executor after all steps before. Hold no lock. */
void draft_do(struct draft *draft, struct draft_step *step);

/* ---- in a step ---- */

/*
 * Write bytes.  Returns 0, -EFBIG, -ENOMEM, or what the file says (-ENOSPC,
 * -EIO), with a story; a failed write may have changed the bytes of its range
 * that were dirty before, nothing else.
 */
int draft_write(struct draft *draft, uint64_t offset, struct slice data,
                struct err *reterr);

/* Cut, or lengthen by a hole. */
int draft_resize(struct draft *draft, uint64_t size, struct err *reterr);

/* Make a hole of a range; beyond the end only when grow says so. */
int draft_zero(struct draft *draft, uint64_t offset, uint64_t length, bool grow,
               struct err *reterr);

/*
 * Take a range of a stored object, which stays where it is: no byte is moved
 * before the commit, which has the store copy it where it can.
 */
struct draft_range {
	struct stored *stored; /* shares */
	uint64_t offset;       /* in it, bytes */
	uint64_t length;       /* bytes; within it */
};
int draft_copy(struct draft *draft, uint64_t offset,
               const struct draft_range *range, struct err *reterr);

/* What was written is on this machine's disk. */
int draft_sync(struct draft *draft, struct err *reterr);

/* Bytes that are dirty, all of them. Also elsewhere, where blocking is fine. */
int draft_pread(struct draft *draft, uint64_t offset, void *dst, size_t len);

/* The file, for whoever gives it a name; NULL: nothing was written. */
struct staging *draft_staging(struct draft *draft);

/* What the journal knows of it (draft_note.h); takes note. */
void draft_set_note(struct draft *draft, struct draft_note *note);

/* ---- any thread ---- */

/* Borrowed, or NULL: it was never made durable. */
struct draft_note *draft_get_note(struct draft *draft);

/* What is noted outlives the draft, for the next start to finish. */
void draft_keep_note(struct draft *draft);

/*
 * All stored objects by number, each shared or NULL, in a fresh array: unref
 * them, free it.  0 or -ENOMEM.
 */
int draft_sources(struct draft *draft, struct stored ***ret,
                  unsigned *ret_count);

/* Bytes of the file. */
uint64_t draft_size(struct draft *draft);

/* Bytes of it that are holes. */
uint64_t draft_holes(struct draft *draft);

/* Whether it still is the whole object it began as, and nothing else. */
bool draft_unchanged(struct draft *draft);

/* Whether it is one whole stored object, of whatever name. */
bool draft_is_copy(struct draft *draft);

/* As extents_seek(). */
int64_t draft_seek(struct draft *draft, uint64_t offset, bool hole);

/* As extents_slice(): a fresh array, free it. */
int draft_slice(struct draft *draft, uint64_t offset, uint64_t length,
                struct extent **ret, size_t *ret_count);

/* The map as a whole, for a plan; release it. 0 or -ENOMEM. */
int draft_map(struct draft *draft, struct extents *ret);

/* A stored object by its number, shared. */
struct stored *draft_source(struct draft *draft, unsigned number);

/* The object it began as, shared, or NULL. */
struct stored *draft_base(struct draft *draft);

/*
 * The object it began as is another version now, with the same bytes: a copy
 * onto itself, or under another name.
 */
void draft_repin(struct draft *draft, struct stored *stored);

/*
 * When all bytes of [offset, offset + length), cut at the end, are a range of
 * one object: that, shared, and where they are in it; else NULL.
 */
struct stored *draft_clean_range(struct draft *draft, uint64_t offset,
                                 size_t length, uint64_t *ret_offset,
                                 size_t *ret_length);

/* ---- collecting bytes (draft_gather.c) ---- */

/*
 * Bytes of any kind into a buffer: zeros, staged bytes, GETs.  The caller's
 * memory until done(); starts on the executor.
 */
struct draft_gather {
	struct draft *draft;   /* borrowed until done() */
	struct reader *reader; /* borrowed: paces the GETs */
	uint64_t offset;       /* bytes, in the file */
	uint8_t *into;         /* borrowed, room for size */
	size_t size;           /* cut at the end of the file: see got */

	/* Once, any thread, no lock held; must not block. */
	void (*done)(struct draft_gather *gather);
	size_t got;
	int status; /* -ESTALE: an object of it is gone */
	struct err err;

	/* Inside. */
	struct exec *exec;
	struct task task;
	struct extent *ranges;
	size_t count;
	size_t next;
	struct stored *stored; /* shares: being read */
	struct reader_read read;
	atomic_uint turns;
};
void draft_gather(struct draft_gather *gather, struct exec *exec);

#endif
