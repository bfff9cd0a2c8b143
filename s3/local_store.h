/* SPDX-License-Identifier: MIT */
/*
 * Inside the embedded store.
 *
 *   local_store.c   birth, submission, cancellation, temporary files
 *   local_path.c    key to path and back (pure)
 *   local_meta.c    ETag and headers in the extended attribute
 *   local_tree.c    finding, publishing and removing the file of a key;
 *                   local_prune.c the directories that this leaves empty
 *   local_io.c      bytes between chains and files, and between files
 *   local_object.c  verbs on objects
 *   local_mpu.c     uploads; local_part.c their parts, local_complete.c
 *                   Complete, local_mpu_list.c listings
 *   local_list.c    LIST, on local_level.c, the names in one directory
 *
 * A request is one struct local_op, run on the executor.  Everything that
 * changes the tree of a bucket (rename, unlink, mkdir, rmdir) happens under
 * local_tree_lock(), which excludes the threads of this store as well as other
 * stores and processes on the same directory, and never spans any input or
 * output of file bytes.  Reading a file needs no lock: a published file is
 * never written to again.
 */
#ifndef PORTER_S3_LOCAL_STORE_H
#define PORTER_S3_LOCAL_STORE_H

#include "base/clock.h"
#include "base/exec.h"
#include "base/json.h"
#include "base/list.h"
#include "base/lock.h"
#include "local_path.h"
#include "s3/local.h"
#include "s3/store.h"

#include <stdatomic.h>
#include <sys/stat.h>

#define LOCAL_COPY_STEP ((size_t)16 << 20) /* bytes between looks at cancel */

struct local_store {
	struct object_store store;
	char *where;  /* DIR/BUCKET, for sentences */
	char *prefix; /* before every key; "" = none */
	size_t prefix_len;
	bool sync;
	struct exec *exec;         /* borrowed */
	const struct clock *clock; /* borrowed */
	int bucket;                /* directory DIR/BUCKET */
	int temp;                  /* directory DIR/.porterfs/.tmp */
	int uploads;               /* directory DIR/.porterfs/BUCKET */
	int tree_lock_file;        /* DIR/.porterfs/BUCKET/.lock, for others */
	pthread_rwlock_t tree;     /* names in the bucket */
	char witness_dir[LOCAL_PATH_MAX]; /* tree; see local_prune.c */
	char witness[LOCAL_NAME_MAX + 1]; /* tree */
	pthread_mutex_t lock;             /* last in order */
	struct list ops;                  /* lock; of local_op */
	struct local_level *last_level;   /* lock; shared; see local_level.c */
};

/* What a reply points to until done() has returned. */
struct local_reply {
	struct local_meta *meta; /* owned */
	void *rows;              /* owned array */
	struct str texts;        /* owned */
};

/* One request under way. */
struct local_op {
	struct task task;
	struct list link; /* lock */
	struct local_store *local;
	struct store_req *req;
	struct local_reply reply;
	atomic_bool cancelled;
};

/* Whether the request shall end early: -ECANCELED, else 0. */
int local_check_cancel(struct local_op *op);

/*
 * Fail a request with its story: "PUT 'a/b': TEXT".  local_fail_errno() tells
 * what could not be done and why, and lets no errno out that would mean
 * something else to the caller (-EIO then).
 */
int local_fail(struct local_op *op, int code, const char *text);
int local_fail_errno(struct local_op *op, int code, const char *what);

/*
 * The whole key in the bucket of local (op's own store, or a copy's source):
 * prefix and key.  -EINVAL, -ENAMETOOLONG; the story is told.
 */
int local_full_key(struct local_op *op, const struct local_store *local,
                   const char *key, char ret[STORE_KEY_MAX + 1]);

/*
 * A new file in the temporary directory, open for reading and writing, locked
 * so that no start of another process takes it for left over.
 */
struct local_temp {
	struct local_store *local;
	int fd;        /* -1 = none */
	char name[40]; /* in local->temp; "" = there is no file any more */
};
int local_temp_new(struct local_store *local, struct local_temp *ret);
/* Closes it and removes the file, if it is still there. */
void local_temp_release(struct local_temp *temp);
#define LOCAL_TEMP_NONE ((struct local_temp){.fd = -1})

/* openat2() that stays below dir and follows no symbolic link. */
int local_open(int dir, const char *path, int flags, mode_t mode);

/* local_meta.c */

/* What the extended attribute of an object or part says. */
struct local_meta {
	struct jval *doc; /* owned; NULL = a file put there by hand */
	uint64_t size;    /* bytes */
	struct timespec mtime;
	char etag[STORE_ETAG_MAX];
	bool by_hand; /* no attribute, or it speaks of other bytes */
	struct store_headers headers; /* into doc and texts */
	struct store_meta *meta;      /* owned */
	char **texts;                 /* owned, each and all; meta_count */
};

/*
 * Read it from an open file.  A file without, or one that was changed by hand
 * since, gets an ETag made of its size, time and inode.  Returns 0, -EIO for a
 * damaged attribute, -ENOMEM or another errno.
 */
int local_meta_read(int fd, struct local_meta **ret);
/* The same as if there were no attribute. */
int local_meta_read_bare(int fd, struct local_meta **ret);
void local_meta_free(struct local_meta *meta);
DEFINE_CLEANUP(struct local_meta *, local_meta_free);

/* What the attribute of a part of an upload says besides. */
struct local_part {
	unsigned number;
	uint64_t size; /* bytes */
	bool in_slot;  /* they are in LOCAL_DATA, the file itself is empty */
	char etag[STORE_ETAG_MAX];
};
/* -ENOENT: the file is no part. */
int local_part_read(int fd, struct local_part *ret);

/*
 * Write it to a file that has all its bytes; headers and part may be NULL.
 * -E2BIG: too long for this file system.
 */
int local_meta_write(int fd, const char *etag,
                     const struct store_headers *headers,
                     const struct local_part *part);

/* Headers as JSON and back, for uploads; headers point into *ret. */
int local_headers_to_json(const struct store_headers *headers,
                          struct jval *object);
int local_headers_from_json(struct jval *object, struct local_meta *ret);

/* Bytes of user metadata, names and values, as S3 counts them. */
uint64_t local_meta_size(const struct store_headers *headers);

/* What HEAD and GET say; meta stays alive in op->reply, which takes it. */
void local_fill_info(struct local_op *op, struct local_meta *meta);

/* "\"HEX\"", or "\"HEX-PARTS\"" when parts > 0. */
struct digest128;
void local_etag(struct digest128 hash, unsigned parts,
                char ret[STORE_ETAG_MAX]);
/* Whether a condition ("*" or an ETag, quotes may be missing) names etag. */
bool local_etag_match(const char *condition, const char *etag);

/* local_tree.c */

/* Lock out everybody else who changes names. Returns 0 or -errno. */
int local_tree_lock(struct local_store *local);
void local_tree_unlock(struct local_store *local);

/* Open the file of a whole key to read. Returns it or -ENOENT, -errno. */
int local_open_key(struct local_store *local, const char *key);

/*
 * Rename file name in directory dir to be the object of a whole key, if the
 * conditions of op's request hold, and sync the directories.  -EEXIST, -ESTALE
 * and -ENOENT are the conditions'; the story is told.
 */
int local_publish(struct local_op *op, const char *key, int dir,
                  const char *name);
/* The same checks without doing anything. */
int local_check_conditions(struct local_op *op, const char *key);

/*
 * Remove an object, if the conditions hold; what is not there is gone.  Sets
 * *ret_dir to the nearest directory that is still there: local_sync_path() it.
 */
int local_remove(struct local_op *op, const char *key,
                 char ret_dir[LOCAL_PATH_MAX]);

/* Cut path into its directory ("." for none) and its last name. */
const char *local_split(char *path, const char **ret_dir);

/*
 * Remove the directory at path and those above it while they are empty; path
 * is then the nearest one that is left.  Needs the tree lock.
 */
void local_prune_locked(struct local_store *local, char *path);

/* Sync a directory below the bucket, if the store syncs; absent is fine. */
int local_sync_path(struct local_store *local, const char *path);
/* Sync a directory that is open, if the store syncs at all. */
int local_sync_dir(struct local_store *local, int dir);

/* local_io.c */

/* Write a chain at an offset of a file; its hash goes to *ret_hash. */
int local_write_chain(struct local_op *op, const struct chain *chain, int fd,
                      uint64_t offset, struct digest128 *ret_hash);
/* Read a range of a file into op's GET, telling progress. */
int local_read_chain(struct local_op *op, int fd, uint64_t length);
/* Append a range of one file at offset of another, sharing if possible. */
int local_copy_range(struct local_op *op, int from, uint64_t from_offset,
                     int to, uint64_t to_offset, uint64_t length);

/* Verbs: do it and return the status, its story told. */
typedef int local_verb_fn(struct local_op *op);
local_verb_fn local_head;
local_verb_fn local_get;
local_verb_fn local_put;
local_verb_fn local_copy;
local_verb_fn local_delete;
local_verb_fn local_delete_many;
local_verb_fn local_list;
local_verb_fn local_mpu_create;
local_verb_fn local_mpu_part;
local_verb_fn local_mpu_part_copy;
local_verb_fn local_mpu_complete;
local_verb_fn local_mpu_abort;
local_verb_fn local_mpu_list_parts;
local_verb_fn local_mpu_list;

/*
 * Open the source of a copy, its conditions checked.  Returns a descriptor or
 * a negative errno; *ret_meta is the caller's.
 */
int local_open_source(struct local_op *op, struct local_meta **ret_meta);

/* local_mpu.c */

#define LOCAL_UPLOAD_ID_LEN 32 /* hex digits */

/* An upload, found and open. */
struct local_upload {
	int dir;       /* its directory; -1 = none */
	int meta_file; /* -1 = none; Complete and Abort lock it */
	char id[LOCAL_UPLOAD_ID_LEN + 1];
	char *key; /* whole key, owned */
	struct timespec initiated;
	struct local_meta *meta; /* headers, owned */
};
#define LOCAL_UPLOAD_NONE ((struct local_upload){.dir = -1, .meta_file = -1})

/*
 * Find an upload of the request's key.  locked: wait until no other Complete
 * or Abort works on it.  -ENOENT: no such upload; the story is told.
 */
int local_upload_find(struct local_op *op, const char *id, bool locked,
                      struct local_upload *ret);
/* The same by its id alone: 0, -ENOENT or -errno. */
int local_upload_open(struct local_store *local, const char *id, bool locked,
                      struct local_upload *ret);
void local_upload_release(struct local_upload *upload);
/* Remove all that is in the directory of an upload, and the directory. */
void local_upload_remove(struct local_store *local, const char *id);
/* Remove what crashes left of uploads: unborn, dead, or already published. */
int local_uploads_clean(struct local_store *local);

/*
 * Call each with the id of every upload's directory (which may be none) until
 * it returns other than 0; returns that, 0 or -errno.
 */
int local_uploads_each(struct local_store *local,
                       int (*each)(struct local_store *local, const char *id,
                                   void *ctx),
                       void *ctx);

/*
 * Names in an upload's directory besides its parts.  DATA has parts of SLOT
 * bytes (a symbolic link to the number) at the places where they are in the
 * object.  Complete renames it to JOINED; COMPLETING is there from before
 * JOINED is renamed to be the object.  So COMPLETING without JOINED is an
 * upload that has become an object, and JOINED alone one whose Complete was
 * interrupted.
 */
#define LOCAL_META       "meta"
#define LOCAL_DATA       "data"
#define LOCAL_SLOT       "slot"
#define LOCAL_JOINED     "joined"
#define LOCAL_COMPLETING "completing"

/* Undo an interrupted Complete: JOINED is DATA again. */
int local_unjoin(const struct local_upload *upload);

/* local_part.c */

/* "00042" */
void local_part_name(unsigned number, char ret[8]);
/* Bytes of the upload's slots; 0 = it has none yet. */
uint64_t local_slot_size(const struct local_upload *upload);
/* How many parts an upload has, or -errno. */
int local_parts_count(const struct local_upload *upload);

/* local_level.c */

/* A name in a directory of keys. */
struct local_entry {
	uint32_t text; /* where in the level's texts its component begins */
	uint16_t len;  /* bytes, with the "/" of a directory */
	bool is_dir;
	bool is_aside;
};

/* All keys' components in one directory, sorted; immutable and shared. */
struct local_level {
	atomic_uint refs;
	char *path; /* of the directory, below the bucket */
	struct stat stat;
	bool settled; /* too old to have been changed within stat's grain */
	struct str texts;
	struct local_entry *entries;
	size_t count;
	size_t cap;
};

/*
 * Read a directory.  An absent one is an empty level.  The last level read is
 * kept and served again while its directory has not changed.
 */
int local_level_read(struct local_store *local, const char *path,
                     struct local_level **ret);
void local_level_unref(struct local_level *level);
DEFINE_CLEANUP(struct local_level *, local_level_unref);

/* The bytes of an entry. */
static inline const char *local_entry_text(const struct local_level *level,
                                           const struct local_entry *entry)
{
	return level->texts.data + entry->text;
}

/* 1 if any object lies in or below a directory, 0 if none, or -errno. */
int local_has_objects(struct local_store *local, const char *path);

#endif
