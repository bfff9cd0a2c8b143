/* SPDX-License-Identifier: MIT */
/*
 * What we began at the store and must finish or undo, on this machine's disk.
 *
 * The journal is a set of records, each under a kind and an id, in an LMDB
 * environment of its own in state_dir/journal: synced, never thrown away.  A
 * record is written before the first request of what it is about (intent) and
 * deleted after the last one; what is found at start is recovered (recover.h).
 * Values are the owner's (pure encoders beside it, each with a version byte);
 * the journal wraps each in a checksum that covers kind and id too.
 *
 * Writes are collected by the thread "journal" and committed together with one
 * sync: done() means on disk.  A journal that cannot be written (full disk)
 * answers -ENOSPC or -EIO; what depends on it must not begin then.  When a
 * batch cannot be committed, each of its writes is tried alone, so the one that
 * is too large harms no other.  Notes nobody waits for are tried again until
 * they are on disk, and no later put is acknowledged before that: done() with 0
 * means that this write and all before it are on disk.
 *
 * A mount without a state_dir (tests) has no journal: every function takes
 * NULL and then answers 0 at once, done() running before the return.
 *
 * Any thread; done() runs on "journal", with no lock held, and must not block.
 */
#ifndef PORTER_FS_JOURNAL_H
#define PORTER_FS_JOURNAL_H

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/list.h"

#include <stdbool.h>
#include <stdint.h>

struct journal;
struct metrics;

enum journal_kind {
	JOURNAL_UPLOAD = 1, /* a multipart upload (upload_record.h) */
	JOURNAL_DRAFT,      /* an edit whose bytes are in staging */
	JOURNAL_RENAME,     /* copies to verify, names to delete */
	JOURNAL_DELETE,     /* unlinked, DELETE not yet answered */
	JOURNAL_JOB,        /* of the control tree */
	JOURNAL_EXPIRY,     /* an object that this machine stamped */
	JOURNAL_PARTS,      /* parts of an upload (upload_record.h) */
};

struct journal_config {
	const char *dir;   /* state_dir/journal, made when not there */
	uint64_t size_max; /* bytes */
	bool read_only; /* to look at what a running daemon has: journal_each()
	                      alone; -ENOENT when there is none */
	struct metrics *metrics; /* borrowed; may be NULL */
};

/*
 * Open it.  A damaged one is moved aside (journal.damaged-TIME) and refused with
 * -EUCLEAN and a sentence that names where it went; the next open begins anew.
 */
int journal_open(const struct journal_config *config, struct journal **ret,
                 struct err *reterr);
/* Waits for what was put. NULL is fine. */
void journal_close(struct journal *journal);
DEFINE_CLEANUP(struct journal *, journal_close);

/* A fresh id, never used before in this state_dir; 0 without a journal. */
uint64_t journal_id(struct journal *journal);

struct journal_put { /* the caller's memory until done() */
	enum journal_kind kind;
	uint64_t id;
	struct slice value; /* copied at once; data NULL = delete the record */

	/* NULL: nobody waits, the write is on disk some milliseconds later. */
	void (*done)(struct journal_put *put);
	int status;       /* 0, -ENOSPC, -EIO, -ENOMEM */
	struct list link; /* the journal's */
};

/* Records of one (kind, id) are written in the order of the calls. */
void journal_put(struct journal *journal, struct journal_put *put);

/* The same without an answer: done is NULL, nothing is borrowed. */
void journal_note(struct journal *journal, enum journal_kind kind, uint64_t id,
                  struct slice value);
void journal_drop(struct journal *journal, enum journal_kind kind, uint64_t id);

/*
 * Block until everything put before is on disk.  Returns 0, or the first error
 * of a note since the last call.  Not on "journal".
 */
int journal_sync(struct journal *journal);

/*
 * Every record of a kind in the order of ids, as it is on disk; value is
 * borrowed during each().  Stops when that returns non-zero, and returns it.
 * Damaged single records are skipped, counted and logged.  each() may put and
 * drop.
 */
int journal_each(struct journal *journal, enum journal_kind kind,
                 int (*each)(void *ctx, uint64_t id, struct slice value),
                 void *ctx);

#endif
