/* SPDX-License-Identifier: MIT */
/*
 * Inside an upload.
 *
 *   upload.c         birth and end, calls, failure
 *   upload_fill.c    appending: bytes into slabs
 *   upload_part.c    parts: sealed, sent, acknowledged, read back, made durable
 *   upload_copy.c    planned parts, and those that the store copies
 *   upload_send.c    who sends; the Create
 *   upload_finish.c  the commit: conditions and doubt
 *   upload_restamp.c late metadata
 *   upload_journal.c what of it is in the journal
 *   upload_end.c     what comes next when no more bytes come; abort, keep
 *   upload_spill.c   parts whose bytes leave memory
 *   uploads.c        all of them: counting, memory pressure
 *
 * A part goes through
 *
 *   FILLING --- full, or no more bytes ---> SEALED --> on the wire --> gone
 *      |  \_ sync: on the wire, provisional; the slabs stay, it goes on filling
 *      +--- spill: its slabs are written to staging; it goes on filling; a
 *           part larger than memory is to hold does so every few MiB
 *
 * A copied part is SEALED from birth and holds nothing: it waits for a HEAD of
 * its origin where the store does not look at that itself.
 *
 * The newest part is up->tail while it is FILLING.  All live parts are in
 * up->parts, in order.
 *
 * What runs outside the lock on an upload's behalf holds a reference: the
 * filler (one thread at a time copies bytes), each part on the wire, the one
 * other request (up->req: Create, HEAD, PUT, Complete, COPY, Abort), a spill.
 */
#ifndef PORTER_FS_UPLOAD_STATE_H
#define PORTER_FS_UPLOAD_STATE_H

#include "base/exec.h"
#include "base/lock.h"
#include "base/pool.h"
#include "s3/store.h"
#include "staging.h"
#include "upload.h"
#include "upload_plan.h"
#include "upload_record.h"

#include <stdatomic.h>

#define UPLOAD_NONCE_SIZE 33 /* bytes: 128 bits in hex and NUL */
#define UPLOAD_FILL_SLABS 32 /* most slabs asked for at once */

/* Parts of an upload that may go before they are full, as a share of all. */
#define UPLOAD_SHORT_SHARE 10

/* Whose an upload_write's data is. */
enum {
	HOLD_QUEUED,    /* nobody's yet: a cancel may come */
	HOLD_TAKEN,     /* the filler's */
	HOLD_CANCELLED, /* nobody's ever */
};

/* A version of an object that parts are copied from. */
struct upload_origin {
	struct list link; /* up->origins */
	struct object_store *store;
	char *key;
	char etag[STORE_ETAG_MAX];
	enum {
		ORIGIN_NEW,   /* a HEAD must show it before its first copy */
		ORIGIN_ASKED, /* that is on the wire */
		ORIGIN_KNOWN, /* copies may go; another HEAD before Complete */
		ORIGIN_SURE,  /* no HEAD is needed any more */
	} state;
};

struct upload_part {
	struct upload *up;
	struct list link;             /* up->parts */
	struct upload_origin *origin; /* copied from there; NULL = sent */
	uint64_t origin_offset;       /* bytes */
	unsigned number;
	uint64_t offset; /* of its first byte in the object */
	uint64_t target; /* bytes it is to get */
	uint64_t size;   /* bytes in it: the staged ones, then those in slabs */
	uint64_t staged;
	struct staging *staging; /* NULL = nothing spilled */
	uint8_t **slabs;
	size_t slab_count;
	size_t slab_cap;
	bool sealed;      /* no more bytes */
	bool planned;     /* its size is the plan's: not sent before */
	bool spilling;    /* a task reads the slabs */
	bool flying;      /* on the wire */
	bool submitted;   /* and submit() has returned: may be cancelled */
	uint64_t sent;    /* bytes of it on the wire, or in the last request */
	uint64_t durable; /* bytes of it that the store acknowledged */
	char etag[STORE_ETAG_MAX];         /* of those */
	char checksum[STORE_CHECKSUM_MAX]; /* of those, as Complete wants it */
	struct slice *slices;              /* while it flies */
	struct store_req req;
	uint64_t spill_at; /* no spill for want of room before it has these */
	struct task task;  /* the spill */
};

enum upload_create {
	CREATE_NONE,
	CREATE_FLYING,
	CREATE_DONE,
};

/* What up->req is busy with, or what comes next. */
enum upload_stage {
	STAGE_OPEN,    /* bytes come */
	STAGE_DRAIN,   /* finish was called: waits for what is under way */
	STAGE_ORIGINS, /* HEAD: are they what was copied? */
	STAGE_CHECK,   /* HEAD: is the condition met? */
	STAGE_COMMIT,  /* PUT or Complete */
	STAGE_VERIFY,  /* HEAD: was it applied? */
	STAGE_RESTAMP, /* COPY: late metadata */
	STAGE_ENDED,   /* published, failed or kept */
	STAGE_ABORT,   /* MPU_ABORT is under way */
	STAGE_GONE,    /* nothing more will be asked of the store */
};

struct upload {
	struct uploads *all; /* borrowed */
	struct object_store *store;
	const struct store_limits *limits;
	struct pool *pool;
	int (*describe)(void *owner, const char *nonce, bool stream,
	                struct upload_target *ret);
	void (*released)(void *owner);
	void *owner;
	struct upload_plan plan;
	char nonce[UPLOAD_NONCE_SIZE];
	struct list link; /* all->list, under all->lock */
	atomic_uint refs;

	pthread_mutex_t lock;
	int status;              /* lock: the first failure */
	struct err err;          /* lock: its story */
	bool dropped;            /* lock: the owner has let go */
	bool keep;               /* lock: leave the upload open at the store */
	enum upload_stage stage; /* lock */

	/* Appending. */
	struct list writes;    /* lock: upload_write, oldest first */
	bool filling;          /* lock: somebody is the filler */
	bool copying;          /* lock: and copies into the tail right now */
	bool taking;           /* lock: and is inside pool_take() */
	bool granted_early;    /* lock: and was granted before that returned */
	bool stalled;          /* lock: and waits for the end of a spill */
	bool waiting;          /* lock: and waits for the pool */
	struct pool_wait wait; /* the filler's */
	uint8_t *spare[UPLOAD_FILL_SLABS]; /* the filler's: slabs to use */
	size_t spare_count;                /* the filler's */
	uint64_t accepted;                 /* lock: bytes of all writes */
	uint64_t size;                     /* lock: and those copied in */
	uint64_t grown;                    /* lock: when, by all->tick */

	/* Parts. */
	struct list parts;              /* lock: upload_part, by number */
	struct upload_part *tail;       /* lock: being filled, or NULL */
	unsigned last_number;           /* lock: of the newest part */
	unsigned short_parts;           /* lock: sent before they were full */
	unsigned flying;                /* lock: parts on the wire */
	bool sending;                   /* lock: somebody is in the send loop */
	bool more;                      /* lock: and must look again */
	struct upload_part *submitting; /* lock: inside submit(), not done */
	enum upload_create create;      /* lock */
	struct store_part_info *infos;  /* lock: by number - 1 */
	size_t info_cap;                /* lock */
	struct list syncs;              /* lock: upload_sync */
	struct list origins;            /* lock: upload_origin */
	struct upload_origin *whole_of; /* lock: the content is all of it */
	struct upload_origin *asked; /* lock: a HEAD is on its way about it */
	uint64_t expected; /* lock: bytes of the next part; 0 = by plan */

	/* The one other request, and the end. */
	bool describing;              /* lock: target is, or was, asked for */
	struct upload_target *target; /* set once, when Create or PUT begins */
	struct upload_target *late;   /* what STAGE_RESTAMP sends */
	struct store_req req;
	struct object_store *req_store; /* whom it was sent to */
	bool req_flying;                /* lock */
	bool req_submitting;            /* lock: inside submit(), not done */
	bool req_submitted;             /* lock: may be cancelled */
	bool cancelled;                 /* lock: end soon */
	bool cancel_asked;              /* lock: by uploads_cancel() */
	bool published;                 /* lock */
	char upload_id[STORE_UPLOAD_ID_MAX]; /* set by Create */
	struct upload_finish *finish;        /* lock; NULL = none */
	enum upload_expect expect;           /* set by finish, likewise: */
	bool exclusive;
	char expect_etag[STORE_ETAG_MAX];
	struct upload_part *whole; /* the one PUT's body */
	int first_error;           /* the commit's, while it is verified */
	struct err first_story;
	struct object_info info; /* of the committed object */
	struct upload_sync keep_sync;
	const char *keep_why;

	/* The journal. */
	const char *bucket;   /* borrowed */
	const char *identity; /* borrowed */
	bool remade;
	uint64_t record;         /* lock: its id in the journal; 0 = none */
	uint64_t began_s;        /* with it: wall clock */
	enum upload_state state; /* lock: as last noted */
	bool whole_kept;         /* lock: KEPT, and nothing is missing */
	char why[160];           /* lock: KEPT */
	struct journal_put record_put; /* of the intent, and before Complete */
	bool noting;                   /* lock: that one is under way */
	bool noted;                    /* lock: and was answered */
	bool doubt; /* lock: nobody knows whether Complete was applied */
	bool stray; /* lock: there may be an upload nobody told us of */
	unsigned lost_creates; /* the hunt's */
	struct task hunt;
};

struct uploads {
	struct uploads_config config;
	struct upload_sizes sizes; /* of parts */
	uint64_t chunk;            /* of a large part, to staging at once */
	struct metric spills;
	struct metric spilled; /* bytes */
	size_t fill_slabs;     /* most slabs one wait asks for */
	struct pool_reclaimer reclaimer;
	atomic_ullong tick;
	atomic_int moving; /* sealed parts and spills: memory on its way out */

	pthread_mutex_t lock; /* comes before any upload's */
	pthread_cond_t ended;
	struct list list; /* lock */
	unsigned count;   /* lock: uploads */
	unsigned present; /* lock: those that may still touch this struct */
	bool told_busy;   /* lock */
	pthread_mutex_t tell_lock; /* orders the calls of busy() */
};

/*
 * What a failure leaves behind: collected under the lock, given back and told
 * without it.
 */
struct upload_debris {
	struct list writes;
	struct list syncs;
	struct list parts;
	struct upload_finish *finish;
};

/* upload.c */
struct upload *upload_ref(struct upload *up);
void upload_unref(struct upload *up);
/* A reference, unless the last one is already gone. */
bool upload_try_ref(struct upload *up);
void upload_debris_init(struct upload_debris *debris);
void upload_debris_clear(struct upload *up, struct upload_debris *debris);
/* A cancelled write leaves the queue; who waits for its bytes need not. */
void upload_write_leave_locked(struct upload *up, struct upload_write *write);
/* Latch the first failure (err may be NULL) and drop what was not sent. */
void upload_fail_locked(struct upload *up, int status, const struct err *err,
                        struct upload_debris *debris);
/* The same as a whole. No lock held. */
void upload_fail(struct upload *up, int status, const struct err *err);

/* upload_fill.c */
/* Go on as the filler. No lock held; takes the filler's reference. */
void upload_fill(struct upload *up);
/* The filler's wait was cancelled and the upload failed: step down. */
void upload_fill_stop_waiting(struct upload *up);
/* granted() of the filler's wait. */
void upload_fill_granted(struct pool_wait *wait);

/* upload_part.c */
/* The part to fill: the tail, or a new one; NULL: out of memory. */
struct upload_part *upload_tail_locked(struct upload *up);
/* Room for count more slabs. Returns 0 or -ENOMEM. */
int upload_part_reserve(struct upload_part *part, size_t count);
/* The tail gets no more bytes and may be sent. */
void upload_seal_locked(struct upload *up);
/* Give back what a part holds; it is in no list any more. No lock held. */
void upload_part_free(struct upload_part *part);
/* All bytes of a part; the slices live until the next call. 0 or -errno. */
int upload_part_chain(struct upload_part *part, struct chain *ret);
/* Send or settle one part; false: none can be. No lock held. */
bool upload_parts_next(struct upload *up);
/* Whether a sync waits for bytes of the tail. */
bool upload_sync_wants_tail_locked(const struct upload *up);
/* Move the syncs that are satisfied to ret. */
void upload_take_syncs_locked(struct upload *up, struct list *ret);

/* upload_copy.c */
/* HEAD of the next origin that wants one before its first copy; false: none. */
bool upload_origins_next(struct upload *up);
/* Whether one must still be looked at before Complete. */
bool upload_origins_unsure_locked(const struct upload *up);
/* HEAD of such a one. Lock as in upload_req_submit(). */
void upload_origins_step_locked(struct upload *up);
/* The request of a copied part. */
void upload_copy_fill_locked(struct upload_part *part);
/* What a failed copy is for the writer. */
int upload_copy_errno(int status);
void upload_origins_free(struct upload *up);

/* upload_journal.c */
/* Write the intent, then send Create; false: there is no journal. No lock. */
bool upload_intend(struct upload *up);
/* Note the id, then send parts; false: they may be sent now. */
bool upload_note_opened_locked(struct upload *up);
/* Note the state; nobody waits. */
void upload_note_locked(struct upload *up, enum upload_state state);
/* KEPT; whole: every byte of the file is at the store. */
void upload_note_kept_locked(struct upload *up, const char *why, bool whole);
/* The store acknowledged a part: keep what Complete will need. */
void upload_note_part_locked(struct upload *up, const struct upload_part *part);
/* Note FINISHING; false: nothing is to be waited for. */
bool upload_note_finishing_locked(struct upload *up);
/* Nothing is left to be finished or undone. */
void upload_forget_locked(struct upload *up);
/* Answer a sync whose bytes are at the store. No lock held. */
void upload_end_sync(struct upload *up, struct upload_sync *sync);
/* lost Creates have no answer: look for what they made, in two steps. */
void upload_hunt_locked(struct upload *up, unsigned lost);
void upload_hunt(struct upload *up, bool wanted);

/* upload_send.c */
/* Send MPU_CREATE. The lock is held on entry and on return. */
void upload_create_submit(struct upload *up);
/* Do all that can be done now: requests, syncs, the end. No lock held. */
void upload_go_on(struct upload *up);
/* Ask the owner; ret is the caller's. No lock held. */
int upload_ask_target(struct upload *up, bool stream,
                      struct upload_target **ret);
void upload_target_free(struct upload_target *target);
/* Ask the owner for up->target. No lock held. */
int upload_describe(struct upload *up, bool stream);
/*
 * Submit up->req, with a reference that its done() drops.  The lock is held on
 * entry and on return, not in between; done() begins by upload_req_ended.
 */
void upload_req_submit(struct upload *up);
/* The same to another bucket's store. */
void upload_req_submit_to(struct upload *up, struct object_store *store);
void upload_req_ended_locked(struct upload *up);

/* upload_finish.c */
/* CHECK, COMMIT, VERIFY: submits. Lock as in upload_req_submit(). */
int upload_step_locked(struct upload *up);
/* Whether the store would not look at the condition: a HEAD must. */
bool upload_must_check(const struct upload *up);
/* ORIGINS, CHECK or COMMIT: what comes next, all parts being there. */
enum upload_stage upload_stage_of_commit(const struct upload *up);
/*
 * The object is there; status < 0: its late metadata is not.  The lock is held
 * on entry, not on return; drops a reference.
 */
void upload_publish(struct upload *up, int status, const struct err *err);

/* upload_restamp.c */
/* RESTAMP: a COPY, or nothing to do. No lock held. */
void upload_restamp(struct upload *up);

/* upload_end.c */
/* Forget a tail that was begun for a write which was then cancelled. */
void upload_drop_empty_tail_locked(struct upload *up);
/* Take one step of the end; false: there is none. No lock held. */
bool upload_advance(struct upload *up);

/* upload_spill.c */
/* Whether the tail can be sent as it is. */
bool upload_can_send_locked(const struct upload *up);
/* The tail's slabs go to staging: with a reference that the task drops. */
void upload_spill_locked(struct upload *up);
/* ... which begins here, no lock held. */
void upload_spill_start(struct upload_part *part);
/*
 * When the tail is a large part and has a chunk to stage: that is begun (start
 * it), or without room the tail is sealed.
 */
struct upload_part *upload_stage_locked(struct upload *up);

/* uploads.c */
void uploads_enter(struct upload *up);
/* Take it out of the list, then, when all of it is gone, out of the count. */
void uploads_forget(struct upload *up);
void uploads_leave(struct uploads *all);
/* If a writer waits and nothing is on its way out, make something move. */
void uploads_relieve(struct uploads *all);
/* The same when staging is full: one that waits fails with -ENOSPC. */
void uploads_starve(struct uploads *all);

#endif
