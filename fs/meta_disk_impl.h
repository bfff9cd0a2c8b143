/* SPDX-License-Identifier: MIT */
/*
 * The inside of the cache on disk.  Keys in LMDB:
 *
 *   meta    "format"                    version and what records depend on
 *   dirs    ID                          a directory: when written, its path
 *   names   ID name                     a name (what is long, cut and hashed)
 *   ranges  ID 01 high | ID 02          the range up to high | to the end
 *
 * ID are 16 bytes, a hash of bucket and path of the directory.
 */
#ifndef PORTER_FS_META_DISK_IMPL_H
#define PORTER_FS_META_DISK_IMPL_H

#include "base/list.h"
#include "kv.h"
#include "meta_disk.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

enum disk_table {
	TABLE_META,
	TABLE_DIRS,
	TABLE_NAMES,
	TABLE_RANGES,
	TABLES,
};

#define DIR_ID_SIZE 16 /* bytes */

enum disk_op_kind {
	OP_LEARN,
	OP_CHANGE,
	OP_RANGE,
	OP_FORGET,
	OP_FORGET_BELOW,
};

/* Something to be written. */
struct disk_op {
	struct list link;
	enum disk_op_kind kind;
	uint64_t seq;
	uint64_t bucket;
	bool known;                /* OP_CHANGE: record is set */
	struct meta_record record; /* shares */
	struct meta_bounds bounds; /* OP_RANGE: high and low stand in data */
	struct str data;           /* OP_RANGE: the record */
	size_t size;               /* about, in memory */
	char path[];
};

struct meta_disk {
	struct kv *kv;
	const struct clock *clock;
	const struct fs_config *fs;
	char *dir;
	uint64_t size_max;
	uint64_t trusted_ms; /* existence asked before is not believed */

	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct list queue; /* lock */
	size_t queued;     /* lock: bytes */
	uint64_t last;     /* lock: seq queued last */
	unsigned hurry;    /* lock: how many wait */
	bool listed;       /* lock: a range is queued, wanted soon */
	bool stopping;     /* lock */
	pthread_t thread;
	bool started;

	atomic_ullong applied;
	atomic_ullong damaged;
	atomic_ullong evicted;
	atomic_bool off;
};

/* A key in LMDB. */
struct disk_key {
	uint8_t bytes[KV_KEY_MAX];
	size_t len;
};

/* ID of a directory by the first len bytes of a path. */
void disk_id(uint64_t bucket, const char *path, size_t len,
             uint8_t ret[DIR_ID_SIZE]);
struct slice disk_slice(struct disk_key *key);
/* Of a name; of a range up to high, NULL = to the end. */
void disk_name_key(const struct meta_key *key, struct disk_key *ret);
void disk_range_key(const struct meta_key *dir, const struct slice *high,
                    struct disk_key *ret);

/* Whether k begins with the directory's ID. */
bool disk_of_dir(struct slice k, const uint8_t id[DIR_ID_SIZE]);

/*
 * The key, relative to its directory, of a path's last component ("name"), and
 * whether that is a file beside a directory.  False: it has none.
 */
bool disk_component(const char *path, char ret[STORE_KEY_MAX + 1],
                    bool *ret_aside);

/* Note a damaged record. */
void disk_damage(struct meta_disk *disk);
/* Give up: what is there must not be read any more, now or later. */
void disk_give_up(struct meta_disk *disk, const char *why, int status);
/* What a failed transaction means for readers. */
void disk_failed(struct meta_disk *disk, int status);

/* The range in which target stands: 0, -ENOENT, -EUCLEAN (damaged). */
int disk_find_range(struct kv_txn *txn, const struct meta_key *dir,
                    struct slice target, struct meta_range *ret,
                    struct disk_key *ret_key);

/* apply: one change, inside a write transaction. 0, -ENOSPC, ... */
int disk_apply(struct meta_disk *disk, struct kv_txn *txn,
               const struct disk_op *op);

/* keep: remove directories. */
int disk_remove_dir(struct kv_txn *txn, const uint8_t id[DIR_ID_SIZE]);
int disk_forget_below(struct kv_txn *txn, uint64_t bucket, const char *path);
int disk_touch_dir(struct meta_disk *disk, struct kv_txn *txn,
                   const struct meta_key *dir);
/* Make room: 0, or what makes it impossible. */
int disk_evict(struct meta_disk *disk);
/* Throw all records away. */
int disk_clear(struct meta_disk *disk);

#endif
