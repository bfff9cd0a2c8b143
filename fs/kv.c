/* SPDX-License-Identifier: MIT */
/*
 * The door to LMDB.
 *
 * Begin, get or put, commit: LMDB does it; this file adds what it lacks.  It
 * maps a file without asking whether all of its pages are there (kv_check.h
 * asks before), it answers in numbers of its own, and it leaves the file
 * shorter than its last page when that was taken and given back within one
 * transaction, which would look like a file that was cut: so the file is made
 * long enough before each commit.
 */
#include "kv.h"

#include "base/lock.h"
#include "base/str.h"
#include "kv_check.h"

#include <assert.h>
#include <fcntl.h>
#include <lmdb.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define READERS_MAX 254
/* How far the file is made longer at once, in bytes. */
#define GROW_STEP (256u << 10)
/* Pages that one change may dirty or take: copies of a path, splits of it. */
#define PAGES_PER_CHANGE 12

struct kv {
	MDB_env *env;
	int fd; /* LMDB's, of data.mdb */
	char *path;
	size_t page_size;
	uint64_t size_max;
	unsigned table_count;
	bool has[KV_TABLES_MAX]; /* false: read only and not there */
	MDB_dbi tables[KV_TABLES_MAX];
};

struct kv_txn {
	struct kv *kv;
	MDB_txn *txn;
	bool write;
	uint64_t changes; /* puts, deletes */
	uint64_t bytes;   /* put */
};

struct kv_cursor {
	MDB_cursor *cursor; /* NULL: the table is not there */
};

/* LMDB's results as ours. */
static int errno_of(int r)
{
	switch (r) {
	case MDB_SUCCESS:
		return 0;
	case MDB_NOTFOUND:
		return -ENOENT;
	case MDB_MAP_FULL:
	case MDB_TXN_FULL:
	case MDB_CURSOR_FULL:
		return -ENOSPC;
	case MDB_BAD_VALSIZE:
		return -EINVAL;
	case MDB_READERS_FULL:
		return -EBUSY;
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_INVALID:
	case MDB_VERSION_MISMATCH:
	case MDB_INCOMPATIBLE:
	case MDB_BAD_DBI:
		return -EUCLEAN;
	default:
		return r > 0 ? -r : -EIO;
	}
}

/* A full disk may show as a short write, which LMDB calls EIO. */
static int write_error(const struct kv *kv, int r)
{
	struct statvfs fs;

	if (r == EIO && fstatvfs(kv->fd, &fs) == 0 && fs.f_bavail == 0)
		return -ENOSPC;
	return errno_of(r);
}

/* ---- open and close ---- */

void kv_close(struct kv *kv)
{
	if (!kv)
		return;

	if (kv->env)
		mdb_env_close(kv->env);
	free(kv->path);
	free(kv);
}

/* Is data.mdb whole, as far as its head tells? */
static int check_file(const struct kv_config *config, const char *path,
                      struct err *reterr)
{
	cleanup(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int r;

	if (fd < 0 && errno == ENOENT && !config->read_only)
		return 0;
	if (fd < 0) {
		r = -errno;
		return err_set(reterr, r, "'%s' cannot be read: %s", path,
		               strerror(-r));
	}
	r = kv_check(fd, config->thorough, reterr);
	return r < 0 ? err_set(reterr, r, "'%s': %s", path,
	                       reterr ? reterr->text : "")
	             : 0;
}

/* Open every table. */
static int open_tables(struct kv *kv, const struct kv_config *config)
{
	MDB_txn *txn = NULL;
	int r = mdb_txn_begin(kv->env, NULL, config->read_only ? MDB_RDONLY : 0,
	                      &txn);

	for (unsigned i = 0; r == 0 && i < config->table_count; i++) {
		r = mdb_dbi_open(txn, config->tables[i],
		                 config->read_only ? 0 : MDB_CREATE,
		                 &kv->tables[i]);
		kv->has[i] = r == 0;
		if (r == MDB_NOTFOUND && config->read_only)
			r = 0;
	}
	if (r == 0)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return r;
}

/* Let LMDB open what was checked. */
static int open_env(struct kv *kv, const struct kv_config *config)
{
	unsigned flags = MDB_NOTLS;
	int dead = 0;
	int r = mdb_env_create(&kv->env);

	if (r != 0) {
		kv->env = NULL;
		return r;
	}
	if (!config->sync)
		flags |= MDB_NOSYNC | MDB_NOMETASYNC | MDB_NORDAHEAD;
	if (config->read_only)
		flags |= MDB_RDONLY;
	r = mdb_env_set_maxdbs(kv->env, config->table_count);
	if (r == 0)
		r = mdb_env_set_maxreaders(kv->env, READERS_MAX);
	if (r == 0)
		r = mdb_env_set_mapsize(kv->env, (size_t)kv->size_max);
	if (r == 0)
		r = mdb_env_open(kv->env, config->dir, flags, 0600);
	if (r == 0)
		r = mdb_env_get_fd(kv->env, &kv->fd);
	if (r == 0 && !config->read_only)
		r = mdb_reader_check(kv->env, &dead); /* slots of the dead */
	return r;
}

int kv_open(const struct kv_config *config, struct kv **ret, struct err *reterr)
{
	cleanup(kv_closep) struct kv *kv = calloc(1, sizeof(*kv));
	long page = sysconf(_SC_PAGESIZE);
	MDB_stat stat;
	struct err err = {0};
	int r;

	assert(config->table_count <= KV_TABLES_MAX);
	if (kv)
		kv->path = str_printf("%s/data.mdb", config->dir);
	if (!kv || !kv->path)
		return err_set(reterr, -ENOMEM, "out of memory");

	kv->table_count = config->table_count;
	kv->size_max = config->size_max / (uint64_t)page * (uint64_t)page;
	r = check_file(config, kv->path, reterr ? reterr : &err);
	if (r < 0)
		return r;

	r = open_env(kv, config);
	if (r == 0)
		r = open_tables(kv, config);
	if (r == 0)
		r = mdb_env_stat(kv->env, &stat);
	if (r != 0)
		return err_set(reterr, errno_of(r), "'%s' cannot be opened: %s",
		               kv->path, mdb_strerror(r));
	kv->page_size = stat.ms_psize;
	*ret = take(&kv);
	return 0;
}

/* Pages that an earlier transaction gave back. */
static uint64_t free_pages(struct kv *kv)
{
	MDB_txn *txn = NULL;
	MDB_cursor *cursor = NULL;
	MDB_val key;
	MDB_val value;
	uint64_t sum = 0;

	if (mdb_txn_begin(kv->env, NULL, MDB_RDONLY, &txn) != 0)
		return 0;
	/* table 0 is LMDB's own list: each value begins with its length */
	if (mdb_cursor_open(txn, 0, &cursor) == 0) {
		while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
			size_t count = 0;

			if (value.mv_size >= sizeof(count))
				memcpy(&count, value.mv_data, sizeof(count));
			sum += count;
		}
		mdb_cursor_close(cursor);
	}
	mdb_txn_abort(txn);
	return sum;
}

void kv_usage(struct kv *kv, uint64_t *ret_used, uint64_t *ret_max)
{
	MDB_envinfo info;
	uint64_t spare = free_pages(kv);

	(void)mdb_env_info(kv->env, &info); /* fails without an env only */
	*ret_used = ((uint64_t)info.me_last_pgno + 1 - spare) * kv->page_size;
	*ret_max = info.me_mapsize;
}

/* ---- transactions ---- */

int kv_begin(struct kv *kv, bool write, struct kv_txn **ret)
{
	cleanup(freep) struct kv_txn *txn = calloc(1, sizeof(*txn));
	int r;

	if (!txn)
		return -ENOMEM;

	r = mdb_txn_begin(kv->env, NULL, write ? 0 : MDB_RDONLY, &txn->txn);
	if (r != 0)
		return errno_of(r);
	txn->kv = kv;
	txn->write = write;
	*ret = take(&txn);
	return 0;
}

/* Make the file as long as its last page will need after this commit. */
static int make_room(const struct kv_txn *txn)
{
	const struct kv *kv = txn->kv;
	uint64_t pages = txn->bytes / kv->page_size * 4 + txn->changes + 64;
	MDB_envinfo info;
	struct stat st;
	uint64_t want;

	(void)mdb_env_info(kv->env, &info);
	/* every page copied once, and new ones; few changes copy few */
	if (info.me_last_pgno < txn->changes * (PAGES_PER_CHANGE - 1))
		pages += info.me_last_pgno + 1;
	else
		pages += txn->changes * PAGES_PER_CHANGE;
	want = ((uint64_t)info.me_last_pgno + 1 + pages) * kv->page_size;
	want = (want + GROW_STEP - 1) / GROW_STEP * GROW_STEP;
	if (want > info.me_mapsize)
		want = info.me_mapsize;
	if (fstat(kv->fd, &st) < 0)
		return -errno;
	if ((uint64_t)st.st_size >= want)
		return 0;
	return ftruncate(kv->fd, (off_t)want) < 0 ? -errno : 0;
}

int kv_commit(struct kv_txn *txn)
{
	cleanup(freep) struct kv_txn *own = txn;
	int r = txn->write && txn->changes > 0 ? make_room(txn) : 0;

	if (r < 0) {
		mdb_txn_abort(txn->txn);
		return r;
	}
	r = mdb_txn_commit(txn->txn);
	return r == 0 ? 0 : write_error(own->kv, r);
}

void kv_abort(struct kv_txn *txn)
{
	if (!txn)
		return;

	mdb_txn_abort(txn->txn);
	free(txn);
}

/* ---- records ---- */

/* Our slice as LMDB's value. */
static MDB_val val_of(struct slice slice)
{
	return (MDB_val){.mv_size = slice.len, .mv_data = slice.data};
}

/* And back. */
static struct slice slice_of(const MDB_val *val)
{
	return (struct slice){.data = val->mv_data, .len = val->mv_size};
}

int kv_get(struct kv_txn *txn, unsigned table, struct slice key,
           struct slice *ret)
{
	MDB_val k = val_of(key);
	MDB_val value;
	int r;

	assert(table < txn->kv->table_count);
	if (!txn->kv->has[table])
		return -ENOENT;
	r = mdb_get(txn->txn, txn->kv->tables[table], &k, &value);
	if (r != 0)
		return errno_of(r);
	*ret = slice_of(&value);
	return 0;
}

int kv_put(struct kv_txn *txn, unsigned table, struct slice key,
           struct slice value)
{
	MDB_val k = val_of(key);
	MDB_val v = val_of(value);

	assert(table < txn->kv->table_count && txn->write);
	txn->changes++;
	txn->bytes += key.len + value.len + 64;
	return errno_of(mdb_put(txn->txn, txn->kv->tables[table], &k, &v, 0));
}

int kv_delete(struct kv_txn *txn, unsigned table, struct slice key)
{
	MDB_val k = val_of(key);
	int r;

	assert(table < txn->kv->table_count && txn->write);
	txn->changes++;
	r = mdb_del(txn->txn, txn->kv->tables[table], &k, NULL);
	return r == MDB_NOTFOUND ? 0 : errno_of(r);
}

int kv_clear(struct kv_txn *txn, unsigned table)
{
	MDB_stat stat;
	int r;

	assert(table < txn->kv->table_count && txn->write);
	r = mdb_stat(txn->txn, txn->kv->tables[table], &stat);
	if (r != 0)
		return errno_of(r);
	/* the freed pages are listed in pages of their own */
	txn->changes++;
	txn->bytes += (stat.ms_branch_pages + stat.ms_leaf_pages +
	               stat.ms_overflow_pages) *
	              sizeof(size_t);
	return errno_of(mdb_drop(txn->txn, txn->kv->tables[table], 0));
}

int kv_count(struct kv_txn *txn, unsigned table, uint64_t *ret)
{
	MDB_stat stat;
	int r;

	assert(table < txn->kv->table_count);
	if (!txn->kv->has[table]) {
		*ret = 0;
		return 0;
	}
	r = mdb_stat(txn->txn, txn->kv->tables[table], &stat);
	if (r != 0)
		return errno_of(r);
	*ret = stat.ms_entries;
	return 0;
}

/* ---- cursors ---- */

int kv_cursor_open(struct kv_txn *txn, unsigned table, struct kv_cursor **ret)
{
	cleanup(freep) struct kv_cursor *cursor = calloc(1, sizeof(*cursor));
	int r;

	assert(table < txn->kv->table_count);
	if (!cursor)
		return -ENOMEM;

	if (txn->kv->has[table]) {
		r = mdb_cursor_open(txn->txn, txn->kv->tables[table],
		                    &cursor->cursor);
		if (r != 0)
			return errno_of(r);
	}
	*ret = take(&cursor);
	return 0;
}

void kv_cursor_close(struct kv_cursor *cursor)
{
	if (!cursor)
		return;

	if (cursor->cursor)
		mdb_cursor_close(cursor->cursor);
	free(cursor);
}

/* One step of a cursor. */
static int step(struct kv_cursor *cursor, MDB_val *key, MDB_cursor_op op,
                struct slice *ret_key, struct slice *ret_value)
{
	MDB_val value;
	int r;

	if (!cursor->cursor)
		return -ENOENT;
	r = mdb_cursor_get(cursor->cursor, key, &value, op);
	if (r != 0)
		return errno_of(r);
	*ret_key = slice_of(key);
	*ret_value = slice_of(&value);
	return 0;
}

int kv_cursor_seek(struct kv_cursor *cursor, struct slice from,
                   struct slice *ret_key, struct slice *ret_value)
{
	MDB_val key = val_of(from);

	return step(cursor, &key, from.len > 0 ? MDB_SET_RANGE : MDB_FIRST,
	            ret_key, ret_value);
}

int kv_cursor_next(struct kv_cursor *cursor, struct slice *ret_key,
                   struct slice *ret_value)
{
	MDB_val key = {0};

	return step(cursor, &key, MDB_NEXT, ret_key, ret_value);
}
