/* SPDX-License-Identifier: MIT */
/*
 * Inside a content, and the handles that look at it.
 *
 *   content.c         all of them; references; waking; the naming side's hooks
 *   content_base.c    what is at the store when writing begins: a HEAD
 *   content_write.c   bytes in
 *   content_draft.c   how it becomes a draft: what can be changed anywhere
 *   content_change.c  its size, holes, ranges of other files
 *   content_sync.c    fsync
 *   content_read.c    reading what is not at the store yet
 *   content_commit.c  to the store: commit, keep, revert
 *   draft_send.c      a draft's bytes into an upload
 *   handle.c          descriptors: open for writing, create, release
 *   handle_open.c     open for reading
 *   handle_io.c       read, lseek, fallocate
 *   handle_flush.c    flush
 *
 * A content exists while a handle or an operation refers to it (content->refs,
 * under inode->lock).  Operations that must let a commit (or the HEAD) end
 * first wait in content->waits and are run again from their beginning.
 *
 * Order of locks: handle, inode, contents, content, then upload or block cache,
 * pool.
 */
#ifndef PORTER_FS_CONTENT_STATE_H
#define PORTER_FS_CONTENT_STATE_H

#include "ask.h"
#include "base/lock.h"
#include "block_cache.h"
#include "call.h"
#include "commit_rule.h"
#include "content.h"
#include "core.h"
#include "draft.h"
#include "draft_send.h"
#include "inode.h"
#include "reader.h"
#include "staging.h"
#include "turn.h"
#include "upload.h"

#include <stdatomic.h>

/* ---- all contents of a mount ---- */

struct guard;
struct guards;

struct contents {
	struct fs *fs;
	struct uploads *uploads;
	struct block_cache *cache;
	struct commit_policy policy;
	struct drafts drafts;
	struct draft_gate gate;      /* how many drafts are sent at a time */
	struct staging_room staging; /* of spilled bytes and of drafts */
	struct guards *guards;

	pthread_mutex_t lock;
	pthread_cond_t empty; /* the last content went */
	struct list list;     /* lock: struct content */
	struct list handles;  /* lock: struct fs_handle */
};

/* ---- one content ---- */

enum content_step {
	CONTENT_CLEAN,
	CONTENT_DIRTY,
	CONTENT_CONVERTING, /* becomes a draft; then it is what it was */
	CONTENT_COMMITTING,
	CONTENT_FAILED,
};

/* A write-only stream that somebody reads becomes a draft at this, in bytes. */
#define CONTENT_STREAM_MAX (UINT64_C(1) << 20)

/* What is known of the version that a commit will replace. */
enum content_base {
	BASE_NONE,   /* not asked */
	BASE_ASKING, /* a HEAD is under way */
	BASE_KNOWN,
	BASE_FAILED, /* base_err says why */
};

/* Somebody who waits for the end of a commit or of the HEAD. */
struct content_wait {
	/* Run without a lock, on any thread; must not block. */
	void (*go)(struct content_wait *wait);
	struct list link;
};

struct content {
	struct contents *all;
	struct inode *inode; /* shares */
	struct list link;    /* all->lock */
	unsigned refs;       /* inode->lock */

	pthread_mutex_t lock;
	enum content_step step; /* lock */
	bool created;           /* lock: made here, never at the store */
	bool exclusive;         /* lock: by O_EXCL */
	bool abandoned;         /* lock: unlinked; never publish it */
	bool moving;            /* lock: to another key; nothing is sent */
	bool forgotten;         /* lock: and bytes were dropped for that */
	unsigned writers;       /* lock: handles open for writing, and what
	                           must end before the file is committed */
	unsigned readers;       /* lock: handles that can read */
	unsigned updaters;      /* lock: handles that can do both */
	uint64_t size;          /* lock: bytes, while not CLEAN */
	struct upload *up;      /* lock: a stream; NULL = no byte, or a draft */
	struct draft *draft; /* lock: changed anywhere; NULL = a stream.  When
	                           CLEAN: ready to be changed */
	int status;          /* lock: the latched error */
	struct err err;      /* lock: its story */
	int late_status;     /* lock: of the last commit's late metadata */
	struct err late_err; /* lock: its story */
	struct list waits;   /* lock: content_wait */

	struct fs_process opener; /* lock: who opened it for writing last */

	enum content_base base;         /* lock */
	bool base_ours;                 /* lock: it was inode->attr.etag */
	char base_etag[STORE_ETAG_MAX]; /* lock: "" = there is none */
	struct err base_err;            /* lock: of BASE_FAILED */
	int base_check;                 /* lock: inode_checked()'s answer */

	struct stored *stored; /* lock: the version being read, or NULL */
};

/* The inode's content, made when it has none; a reference. NULL: no memory. */
struct content *content_get(struct inode *inode);
/* The inode's content if there is one, with a reference. */
struct content *content_peek(struct inode *inode);
struct content *content_ref(struct content *content);
/* Hold no lock. */
void content_put(struct content *content);

/* Run what waits again. No lock held. */
void content_wake(struct content *content);

/*
 * Latch the first error.  Returns the upload for the caller to free without
 * the lock, or NULL.
 */
struct upload *content_latch_locked(struct content *content, int status,
                                    const struct err *err);
/* The same when the upload has failed meanwhile; else NULL. */
struct upload *content_latch_upload_locked(struct content *content);
/* Copy the latched error out. Returns it. */
int content_latched_locked(const struct content *content, struct err *reterr);

/* The version that reads go to now, shared; NULL: none, or no memory. */
struct stored *content_stored(struct content *content);

/* Let go of an upload that is not to be published, or was. No lock held. */
void content_drop_upload(struct content *content, struct upload *up);

/* Leave it open at the store; why is static text, for the log. */
void content_keep_upload(struct content *content, struct upload *up,
                         const char *why);

/*
 * The same for a draft, which is sent for it (content_keep.c). Takes draft.
 */
void content_keep_draft(struct content *content, struct draft *draft,
                        const char *why);

/* Fill in all that sending a draft borrows. */
void content_send_init(struct draft_send *send, struct content *content,
                       struct draft *draft, struct upload *up);

/* An upload for the content as it is now, or NULL. */
struct upload *content_new_upload(struct content *content);

/* The guard of an upload that was made for a content, or NULL. */
struct guard *content_guard(const struct upload *up);
/* Show it bytes in the order of the file; and how many it was shown. */
void content_guard_feed(struct upload *up, const struct slice *data);
uint64_t content_guarded(const struct upload *up);

/* content_note.c */
/*
 * In a draft's step, after draft_sync(): name its file and put its record; put
 * is the caller's until done().  Returns 0 (done() comes), 1 (nothing is to be
 * waited for), or negative errno with a story.
 */
int content_note_draft(struct content *content, struct draft *draft,
                       struct journal_put *put, struct err *reterr);
/* An upload of an edit that was noted: its nonce, and it can be made again. */
void content_take_note(struct content *content, struct upload_config *config,
                       char nonce[FS_NONCE_MAX]);

/* content_guard.c */
/* The rules of [guard]. 0, -EINVAL with a sentence, -ENOMEM. */
int content_guards_new(const struct fs_config *config, struct guards **ret,
                       struct err *reterr);
void content_guards_free(struct guards *guards);
/* A guard for the file as it is called now; *ret NULL: it needs none. */
int content_guard_new(struct content *content, struct guard **ret);
/* Bytes were appended to the stream, on the thread that appends. */
void content_guard_see(struct content *content, const struct slice *data);
/* All bytes of the upload went by: 0, or -EIO with a sentence. */
int content_guard_judge(struct content *content, struct upload *up,
                        struct err *reterr);

/* What a content has given up, to be dropped without its lock. */
struct content_rest {
	struct upload *up;
	struct draft *draft;
};
void content_drop_rest(struct content *content, struct content_rest *rest);

/* Give up all bytes that are not at the store. */
void content_give_up_locked(struct content *content, struct content_rest *ret);

/* An empty new object begins; *ret is to be dropped. */
void content_truncate_locked(struct content *content, struct content_rest *ret);

/* Whether operations must wait in content->waits now. */
bool content_waits_locked(const struct content *content);

/*
 * Become a writer that is no descriptor, so that the file is not committed and
 * forgotten before something has ended; and cease to be one: the last writer
 * commits what is left. Hold no lock for the latter.
 */
void content_enter_locked(struct content *content);
void content_leave(struct content *content);

/* The same for a descriptor that goes. */
void content_leave_as(struct content *content, bool writer, bool reader);

/* content_base.c */
/* Ask the store what is there, unless that is known. No lock held. */
void content_ask_base(struct content *content);

/* content_write.c */
struct content_write {
	uint64_t offset; /* bytes */
	bool append;     /* at the end, wherever that is */
	struct slice data;
};
void content_write(struct content *content, struct fs_call *call,
                   const struct content_write *write);

/* content_draft.c */
/*
 * An operation that changes a file at any place, for which the content must be
 * a draft.  Zero it, set wait.go (which runs the operation from its beginning)
 * and content.
 */
struct content_edit {
	struct content_wait wait;
	struct content *content; /* the operation's */

	/* Inside. */
	struct task task;
	bool was_dirty;
	int status; /* of a conversion of its own that failed */
	struct err err;
};

enum edit {
	EDIT_READY, /* content->draft is there */
	EDIT_WAIT,  /* wait.go() will run */
	EDIT_ASK,   /* the same, after content_edit_go() */
	EDIT_COMMIT,
	EDIT_CONVERT,
	EDIT_REFUSED, /* reterr->code */
};
enum edit content_edit_locked(struct content_edit *edit, struct err *reterr);
/* What content_edit_locked() began, without the lock. */
void content_edit_go(struct content_edit *edit, enum edit what);

/* Whether a step may go on: the draft still is the content's, and DIRTY. */
bool content_edits(struct content *content, struct draft *draft);
/* A step has changed the draft: what the content and the inode are to know. */
void content_edited(struct content *content, struct draft *draft);
/*
 * Whether the file may get so long that its end is at end, when bytes are put
 * at offset: 0, or -EFBIG with the figure (the store's largest object,
 * sparse_max of zeros).
 */
int content_may_reach(struct content *content, struct draft *draft,
                      uint64_t offset, uint64_t end, struct err *reterr);
/* The inode's version moved by our own doing: so does the draft's source. */
void content_repin(struct content *content, struct draft *draft);

/* content_change.c */
struct content_range {
	int mode; /* fallocate(2)'s */
	uint64_t offset;
	uint64_t length;
};
void content_allocate(struct content *content, struct fs_call *call,
                      const struct content_range *range);

/*
 * Put a range of a stored object at offset: call->count is its length.  No byte
 * moves before the commit.
 */
struct content_copy {
	uint64_t offset; /* bytes */
	struct draft_range range;
};
void content_copy(struct content *content, struct fs_call *call,
                  const struct content_copy *copy);

/* content_sync.c */
void content_fsync(struct content *content, struct fs_call *call);

/* content_read.c */
/* A read of a stream that is not at the store yet; DIRTY. */
void content_read_back(struct content *content, struct fs_call *call,
                       uint64_t offset, size_t size);

/* content_commit.c */
/* Publish what is there: DIRTY becomes COMMITTING. */
void content_commit_begin_locked(struct content *content);
/* And the rest of it, without the lock; tells the waits at the end. */
void content_commit(struct content *content);
/* After the last writer is gone: forget a failure. No lock held. */
void content_settle(struct content *content);

/* ---- handles ---- */

struct fs_handle {
	struct contents *all;
	struct inode *inode;     /* shares */
	struct content *content; /* shares */
	struct list link;        /* all->lock */
	atomic_uint refs;        /* the kernel's one, and operations */
	bool writes;
	bool reads;
	bool appends;        /* O_APPEND */
	bool wants_entry;    /* of a create: the answer has the entry too */
	atomic_bool counted; /* in content->writers */
	atomic_bool closed;
	struct fs_process opener; /* of one that writes */

	struct reader reader;
	pthread_mutex_t lock;
	struct stored *stored; /* lock: begun; the version read last */
};

/* handle.c */
int handle_new(struct inode *inode, int flags, struct fs_handle **ret);
struct fs_handle *handle_ref(struct fs_handle *handle);
void handle_unref(struct fs_handle *handle);
/* The version to read now, shared; NULL as content_stored(). */
struct stored *handle_stored(struct fs_handle *handle);
/* Answer an open with the handle, or with its failure. */
void handle_answer_open(struct fs_call *call, struct fs_handle *handle);
/* As fs_release(). */
void handle_close(struct fs_handle *handle);

/* handle_open.c */
/* Open for reading: validate the version, answer, or answer the failure. */
void handle_open_read(struct fs_handle *handle, struct fs_call *call);

/*
 * The store said that a version is gone.  Wait until nobody of us changes the
 * key any more, then tell: moved = true, the inode has another version now by
 * our own doing, so try again; else inode_outdated() was done.
 */
struct stale {
	void (*done)(struct stale *stale, bool moved);
	struct turn turn;
	struct inode *inode;   /* borrowed */
	struct stored *stored; /* what was asked for, taken by stale_ask();
	                          NULL: another file's */
};
void stale_ask(struct stale *stale);

#endif
