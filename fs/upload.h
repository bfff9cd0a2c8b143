/* SPDX-License-Identifier: MIT */
/*
 * One object being written: the one path of every multipart upload.
 *
 *            append            more than one part      finish
 *   EMPTY ---------> SINGLE ----------------> PARTS ---------> FINISHING
 *     |                | \                    ^ |                  |
 *     |                |  +-- sync -----------+ |                  |
 *     | finish         | finish: one PUT        | failure          v
 *     +----------------+---> FINISHING          +--> FAILED      DONE
 *                                               |
 *                                               | keep: stays open, journalled
 *                                               +--> KEPT
 *
 * Bytes are appended in order and copied into slabs of the pool (class WRITE).
 * What stays within one part is one PUT at the end and nothing else.  Beyond
 * that the upload is created at the store, and full parts are sent while
 * appending goes on, up to max_inflight at once; a part's slabs are given back
 * when the store has acknowledged it.
 *
 * The first failure is final: it is the status of every later call, bytes not
 * sent are dropped and the upload is aborted at the store by itself.
 *
 * Conditions.  A finish can demand that the name be absent, or still be the
 * version of an ETag.  Where the store heeds conditions they travel with the
 * commit; else a HEAD just before compares.  Every commit carries a random
 * nonce in its metadata: when it is in doubt whether a commit was applied (the
 * reply got lost, a 200 with an error inside, an ETag that cannot be checked),
 * a HEAD settles it by nonce and size.
 *
 * Any thread.  An upload's lock comes after content's and before the pool's;
 * it is held across no request, no pool_take() and no callback.
 */
#ifndef PORTER_FS_UPLOAD_H
#define PORTER_FS_UPLOAD_H

#include "attr.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/list.h"
#include "fs/journal.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct commit_plan_config; /* commit_plan.h */
struct clock;
struct exec;
struct object_info;
struct object_store;
struct metrics;
struct pool;
struct staging_room;
struct upload;
struct uploads;

/* ---- all uploads of a mount ---- */

struct uploads_config {
	struct pool *pool;            /* borrowed */
	struct exec *exec;            /* borrowed: writes spilled bytes */
	struct staging_room *staging; /* borrowed: where they are spilled to */
	struct metrics *metrics;      /* borrowed, may be NULL */
	uint64_t part_size;           /* bytes */
	unsigned max_inflight;        /* parts of one upload on the wire */
	uint64_t deadline_ms;         /* for a part, a PUT, a Create, a doubt */
	struct journal *journal;   /* borrowed; NULL: nothing is remembered */
	const struct clock *clock; /* borrowed; with a journal */

	/*
	 * May be NULL.  Told when the first upload begins (true) and when none
	 * is left, aborts at the store included (false).  Any thread, one call
	 * at a time, no lock held.
	 */
	void (*busy)(void *ctx, bool busy);
	void *ctx;
};

/*
 * The uploads of a mount look after the pool together: when a writer must wait
 * for memory and no part is on its way out, the half-filled part that has not
 * grown for longest is sent early or, while it is too small to be a part,
 * spilled into a nameless staging file from which it is sent later.  So any
 * number of slow writers makes progress within any budget.
 */
int uploads_new(const struct uploads_config *config, struct uploads **ret);
/* Every upload must have ended. */
void uploads_free(struct uploads *uploads);
DEFINE_CLEANUP(struct uploads *, uploads_free);

/* Block until no upload is left. Not on a thread that runs callbacks. */
void uploads_settle(struct uploads *uploads);
/*
 * Give up all of them; they fail with -ECANCELED soon.  With a journal, those
 * that have parts at the store are kept there, else aborted.
 */
void uploads_cancel(struct uploads *uploads);
/* Uploads that have not ended. */
unsigned uploads_count(struct uploads *uploads);

/*
 * The sizes by which a commit to that store is to be planned, and its limits.
 * copies, whole, ctx and open_end are the caller's to fill.
 */
void uploads_commit_config(struct uploads *uploads, struct object_store *store,
                           struct commit_plan_config *ret);

/* ---- one upload ---- */

/* What the first request says of the object. Filled in place, not movable. */
struct upload_target {
	char *key; /* malloc'ed, the upload's */
	struct attr_headers headers;
};

struct upload_config {
	struct uploads *uploads;    /* borrowed */
	struct object_store *store; /* borrowed, outlives the upload */
	const char *bucket;         /* likewise: for the journal, its name */
	const char *identity;       /* and endpoint, bucket and prefix */
	bool remade; /* its bytes are kept elsewhere: after a crash or a
	                cancel it is aborted, never left open */

	/*
	 * Describe the object as it is now, the nonce in its headers.  Asked
	 * without a lock when the first request goes out (until then the name
	 * may change).  A stream is described before its bytes are all there,
	 * and again at the end, to see whether the headers moved.  Returns 0 or
	 * negative errno; then *ret holds nothing.
	 */
	int (*describe)(void *owner, const char *nonce, bool stream,
	                struct upload_target *ret);

	/* May be NULL: the upload will not ask owner any more, no lock held. */
	void (*released)(void *owner);
	void *owner;
	const char *nonce; /* copied; NULL = random (tests fix it) */
};

/* Returns 0, or -ENOMEM (released() is not called then). */
int upload_new(const struct upload_config *config, struct upload **ret);

/* The owner it was made for. */
void *upload_owner(const struct upload *up);

/* A reference beside the owner's, to call it without a lock of one's own. */
void upload_hold(struct upload *up);
void upload_let_go(struct upload *up);

/* The longest object that can still come of it, in bytes. */
uint64_t upload_reach(struct upload *up);

/* 0, or the first failure with its story (reterr may be NULL). */
int upload_status(struct upload *up, struct err *reterr);

/* The key that its requests name; NULL: none was sent yet. */
const char *upload_key(struct upload *up);

/* Whether a request was ever sent for it: the name is fixed then. */
bool upload_started(struct upload *up);

struct upload_write {      /* the caller's memory until done() */
	struct slice data; /* borrowed until done() or a cancel */
	size_t copied;     /* bytes taken; all of them unless it failed */
	int status;        /* 0 or negative errno */
	void (*done)(struct upload_write *write);
	struct list link; /* upload */
	atomic_int hold;  /* upload; 0 at first */
};

/* Append bytes.  Order of calls is order in the object. */
void upload_append(struct upload *up, struct upload_write *write);

/*
 * The same in two steps, for callers that have an order to keep: queue under a
 * lock of their own, then pump without it.  False: the upload failed before,
 * write->status says how and done() is not called.
 */
bool upload_queue(struct upload *up, struct upload_write *write);
void upload_pump(struct upload *up);

/*
 * Stop a write of which nothing was taken yet.  True: its data is not looked at
 * any more, and done() will come with -EINTR.  Takes no lock.
 */
bool upload_write_cancel(struct upload_write *write);

/*
 * Take the data of a write that goes elsewhere than into an upload.  False: it
 * was cancelled before.
 */
bool upload_write_take(struct upload_write *write);

/*
 * Take out the cancelled writes that nobody's stand behind, as if they had
 * never been: they are moved to ret, in order, with status -EINTR and without
 * done().  One with others behind it hears of it by done(), in its turn.
 */
void upload_reap(struct upload *up, struct list *ret);

/* Bytes that were copied in so far. */
uint64_t upload_size(struct upload *up);

/*
 * Copy bytes that are still held.  Returns 0, or -EBUSY when one of them was
 * sent and let go, or never here because the store copies it. offset + len must be within what was appended.
 */
int upload_read(struct upload *up, uint64_t offset, void *dst, size_t len);

/*
 * Planned parts.  Who has a commit_plan walks it from its first part on:
 *
 *   PLAN_COPY   upload_append_copy()
 *   PLAN_SEND   upload_expect_part(length), upload_append() of its bytes until
 *               they are done, upload_cut()
 *
 * and then either finishes, or (open_end) goes on with upload_append() alone:
 * those parts get the sizes that fit their numbers.  What is appended and what
 * is copied makes one object in the order of the calls; none of the three may
 * be called while an appended write is not done.  They wait for nothing, and
 * return 0 or the first failure (which they are themselves: the upload has
 * failed then).
 */

/* A range of one version of a stored object. */
struct upload_source {
	struct object_store *store; /* borrowed, outlives the upload */
	const char *key;            /* copied */
	const char *etag;           /* copied; of the version meant */
	uint64_t offset;            /* bytes */
	uint64_t length;            /* bytes, 1..limits->part_max */
};

/*
 * Append a range that the store copies as exactly one part: it goes out like
 * any part, as one of max_inflight, and takes no memory.  What was appended
 * before is cut first.  A source that is not that version any more fails the
 * upload with -ESTALE: where limits->copy_source_match the store itself looks,
 * else a HEAD does before the source's first copy is sent, and another one
 * after its last was acknowledged, before Complete.  -EFBIG: no part or no room
 * in the object is left.  -ENOMEM.
 */
int upload_append_copy(struct upload *up, const struct upload_source *source);

/*
 * The next part will have length bytes: it is not sent before it has them or is
 * cut, also not when memory is short (then it is spilled).  What was appended
 * before is cut.  length: 1..limits->part_max; only the object's last part may
 * be below part_min.  -EFBIG: no part is left.
 */
int upload_expect_part(struct upload *up, uint64_t length);

/* Seal the part here, and let the plan's size be that of the next one. */
int upload_cut(struct upload *up);

/*
 * The whole content is that of a whole stored object (PLAN_WHOLE: offset 0, at
 * most limits->copy_max bytes, not empty).  Nothing may be appended before or
 * after; upload_finish() then sends one COPY with the described headers and
 * settles its doubts like those of any commit.  Where the store does not look
 * at a copy's source, it is a multipart upload of one copied part, so that the
 * source can be compared before it counts.  0, -ENOMEM or the first failure.
 */
int upload_copy_whole(struct upload *up, const struct upload_source *source);

struct upload_sync { /* the caller's memory until done() */
	int status;
	struct err err;
	void (*done)(struct upload_sync *sync);
	uint64_t until;         /* upload */
	struct journal_put put; /* upload */
	struct list link;       /* upload */
};

/*
 * done() with 0 when every byte appended so far is at the store, and upload id
 * and parts are in the journal.  The last,
 * unfilled part goes as a provisional one (a small file becomes a multipart
 * upload for it); its bytes are kept and it is replaced when it has grown.
 */
void upload_sync(struct upload *up, struct upload_sync *sync);

enum upload_expect {
	UPLOAD_ANY,    /* replace whatever there is */
	UPLOAD_ABSENT, /* the name must not exist: -EEXIST if exclusive, else
	                  -ESTALE */
	UPLOAD_ETAG,   /* it must still be that version, else -ESTALE */
};

struct upload_finish { /* the caller's memory until done() */
	enum upload_expect expect;
	bool exclusive;
	char etag[STORE_ETAG_MAX]; /* of UPLOAD_ETAG */

	/* Valid in done(). */
	int status; /* 0 or negative errno */
	struct err err;
	bool published;          /* the object is there: also when only its
	                            late metadata failed (status < 0) */
	struct object_info info; /* of the new version, when published */
	void (*done)(struct upload_finish *finish);
};

/*
 * Make the object visible, after all that was appended.  Nothing may be
 * appended after it.  When the headers changed since the upload was created, a
 * copy onto itself brings them along before done().
 */
void upload_finish(struct upload *up, struct upload_finish *finish);

/*
 * Stop here but leave the bytes at the store as an open upload (small ones too:
 * the tail is sent), which the journal and a warning name so that a person can
 * publish or abort it; takes up.
 */
void upload_keep(struct upload *up, const char *why);

/* The end for the owner; takes up. Aborts unless it was finished. */
void upload_free(struct upload *up);
DEFINE_CLEANUP(struct upload *, upload_free);

#endif
