/* SPDX-License-Identifier: MIT */
/*
 * The door to LMDB: ordered keys and values in one environment on disk.
 *
 * An environment is a directory with data.mdb and lock.mdb; a table is a named
 * database in it.  Two uses with opposite needs: the journal (sync = true:
 * a commit is on disk when kv_commit() returns) and the metadata cache (sync =
 * false: a crash of the machine may lose or damage it, never of the process).
 * Never MDB_WRITEMAP: a full disk would be a SIGBUS.
 *
 * One write transaction at a time, begun and ended on one thread; readers are
 * free, wait for nobody and see one moment.  Keys are 1 to KV_KEY_MAX bytes
 * and ordered as memcmp() does.  What a get or a cursor returns is borrowed
 * until its transaction ends (in a write transaction: until the next change).
 *
 * A process opens an environment once at a time, and not across a fork (LMDB's
 * locks are of the process).  Records are not checksummed: their owner does.
 */
#ifndef PORTER_FS_KV_H
#define PORTER_FS_KV_H

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KV_KEY_MAX    511 /* bytes; LMDB's own limit */
#define KV_TABLES_MAX 8

struct kv;
struct kv_txn;
struct kv_cursor;

struct kv_config {
	const char *dir;   /* exists; copied */
	uint64_t size_max; /* bytes of data.mdb; beyond it -ENOSPC */
	bool sync;         /* commits are durable */
	bool read_only;    /* for a tool that looks at a live environment */
	bool thorough; /* every page is checked at open, not the head only */
	unsigned table_count;
	const char *tables[KV_TABLES_MAX]; /* names; copied */
};

/*
 * Open, making what is not there (read_only: -ENOENT).  -EUCLEAN: data.mdb is
 * damaged, foreign or shorter than its own pages say (LMDB would die of
 * SIGBUS); -EACCES, -EROFS, -ENOSPC, -ENOMEM; each with a story.  thorough
 * reads the whole file, so that LMDB, which trusts its pages, never follows a
 * wild one: for environments of some megabytes.
 */
int kv_open(const struct kv_config *config, struct kv **ret,
            struct err *reterr);
void kv_close(struct kv *kv); /* no transaction may be open */
DEFINE_CLEANUP(struct kv *, kv_close);

/* Bytes of data.mdb that hold something, and that may. */
void kv_usage(struct kv *kv, uint64_t *ret_used, uint64_t *ret_max);

/*
 * Returns 0, -ENOMEM, -EBUSY (more than 254 readers), or -EIO and -EUCLEAN for
 * a damaged file.
 */
int kv_begin(struct kv *kv, bool write, struct kv_txn **ret);
/* Ends a write transaction. 0, -ENOSPC, -EIO: then nothing was changed. */
int kv_commit(struct kv_txn *txn);
/* Ends any transaction without a change. NULL is fine. */
void kv_abort(struct kv_txn *txn);
DEFINE_CLEANUP(struct kv_txn *, kv_abort);

/* table is an index into kv_config.tables. -ENOENT, -EUCLEAN. */
int kv_get(struct kv_txn *txn, unsigned table, struct slice key,
           struct slice *ret);
/* Replaces. -ENOSPC: the environment or the disk is full: abort. */
int kv_put(struct kv_txn *txn, unsigned table, struct slice key,
           struct slice value);
/* 0, also when it is not there. */
int kv_delete(struct kv_txn *txn, unsigned table, struct slice key);
/* Every key of the table. */
int kv_clear(struct kv_txn *txn, unsigned table);
/* Records in the table. */
int kv_count(struct kv_txn *txn, unsigned table, uint64_t *ret);

/* A cursor belongs to its transaction and is closed before that ends. */
int kv_cursor_open(struct kv_txn *txn, unsigned table, struct kv_cursor **ret);
void kv_cursor_close(struct kv_cursor *cursor);
DEFINE_CLEANUP(struct kv_cursor *, kv_cursor_close);
/* The first record whose key is >= from; -ENOENT: none. */
int kv_cursor_seek(struct kv_cursor *cursor, struct slice from,
                   struct slice *ret_key, struct slice *ret_value);
/* The next one. */
int kv_cursor_next(struct kv_cursor *cursor, struct slice *ret_key,
                   struct slice *ret_value);

#endif
