/* SPDX-License-Identifier: MIT */
/*
 * Directories as a whole: when they were written, and how they go.
 *
 *   dirs: ID -> time, bucket, path, checksum
 */
#include "base/clock.h"
#include "base/digest.h"
#include "base/lock.h"
#include "base/log.h"
#include "key.h"
#include "meta_disk_impl.h"

#include <string.h>

#define TOUCH_MS 600000 /* a directory's time is written that seldom */
#define OLDEST   64     /* directories that go at once */
#define NUMBERS  16     /* bytes: time and bucket */
#define SUM_SIZE 8
#define ROUNDS   4096 /* of eviction before all is thrown away */
#define GOAL     75   /* per cent that are kept */

/* A directory's record, in memory. */
struct dir_entry {
	uint64_t used_ms;
	uint64_t bucket;
	const char *path; /* in the transaction's memory, not ended by a NUL */
	size_t len;
};

/* False: damaged. */
static bool parse_dir(struct slice value, struct dir_entry *ret)
{
	size_t len = value.len;
	uint64_t sum;

	if (len < NUMBERS + SUM_SIZE)
		return false;
	memcpy(&sum, value.data + len - SUM_SIZE, SUM_SIZE);
	if (sum != digest_xxh64(value.data, len - SUM_SIZE, 'd'))
		return false;
	memcpy(&ret->used_ms, value.data, 8);
	memcpy(&ret->bucket, value.data + 8, 8);
	ret->path = (const char *)value.data + NUMBERS;
	ret->len = len - NUMBERS - SUM_SIZE;
	return true;
}

int disk_touch_dir(struct meta_disk *disk, struct kv_txn *txn,
                   const struct meta_key *dir)
{
	size_t len = strlen(dir->path);
	struct timespec wall = clock_wall(disk->clock);
	uint64_t now = (uint64_t)wall.tv_sec * 1000;
	uint8_t value[NUMBERS + STORE_KEY_MAX + SUM_SIZE];
	uint8_t id[DIR_ID_SIZE];
	struct slice key = {id, sizeof(id)};
	struct dir_entry entry;
	struct slice old;
	uint64_t sum;

	disk_id(dir->bucket, dir->path, len, id);
	if (kv_get(txn, TABLE_DIRS, key, &old) == 0 && parse_dir(old, &entry) &&
	    entry.used_ms <= now && now - entry.used_ms < TOUCH_MS)
		return 0;
	memcpy(value, &now, 8);
	memcpy(value + 8, &dir->bucket, 8);
	memcpy(value + NUMBERS, dir->path, len);
	sum = digest_xxh64(value, NUMBERS + len, 'd');
	memcpy(value + NUMBERS + len, &sum, SUM_SIZE);
	return kv_put(txn, TABLE_DIRS, key,
	              (struct slice){value, NUMBERS + len + SUM_SIZE});
}

/*
 * Remove records of a table that begin with the directory's ID, as many as the
 * budget allows.
 */
static int remove_from(struct kv_txn *txn, unsigned table,
                       const uint8_t id[DIR_ID_SIZE], size_t *budget)
{
	cleanup(kv_cursor_closep) struct kv_cursor *cursor = NULL;
	int r = kv_cursor_open(txn, table, &cursor);

	for (; r == 0 && *budget > 0; --*budget) {
		uint8_t from[DIR_ID_SIZE];
		struct disk_key key;
		struct slice value;
		struct slice k;

		memcpy(from, id, sizeof(from));
		r = kv_cursor_seek(cursor, (struct slice){from, sizeof(from)},
		                   &k, &value);
		if (r < 0 || !disk_of_dir(k, id))
			break;
		memcpy(key.bytes, k.data, k.len);
		key.len = k.len;
		r = kv_delete(txn, table, disk_slice(&key));
	}
	return r == -ENOENT ? 0 : r;
}

/* The same with a directory's own record, which goes last. */
static int remove_some(struct kv_txn *txn, const uint8_t id[DIR_ID_SIZE],
                       size_t *budget)
{
	uint8_t copy[DIR_ID_SIZE];
	int r;

	memcpy(copy, id, sizeof(copy));
	r = remove_from(txn, TABLE_NAMES, copy, budget);
	if (r == 0)
		r = remove_from(txn, TABLE_RANGES, copy, budget);
	if (r < 0 || *budget == 0)
		return r;
	return kv_delete(txn, TABLE_DIRS, (struct slice){copy, sizeof(copy)});
}

int disk_remove_dir(struct kv_txn *txn, const uint8_t id[DIR_ID_SIZE])
{
	size_t all = SIZE_MAX;

	return remove_some(txn, id, &all);
}

/* Whether a directory is path or lies below it. */
static bool is_below(const struct dir_entry *entry, uint64_t bucket,
                     const char *path)
{
	size_t len = strlen(path);

	return entry->bucket == bucket && entry->len >= len &&
	       memcmp(entry->path, path, len) == 0 &&
	       (len == 0 || entry->len == len || entry->path[len] == '/');
}

/* The next directory from *from on that is to go; -ENOENT: none. */
static int next_below(struct kv_txn *txn, uint64_t bucket, const char *path,
                      uint8_t from[DIR_ID_SIZE])
{
	cleanup(kv_cursor_closep) struct kv_cursor *cursor = NULL;
	struct slice key;
	struct slice value;
	int r = kv_cursor_open(txn, TABLE_DIRS, &cursor);

	if (r == 0)
		r = kv_cursor_seek(cursor, (struct slice){from, DIR_ID_SIZE},
		                   &key, &value);
	for (; r == 0; r = kv_cursor_next(cursor, &key, &value)) {
		struct dir_entry entry;

		if (key.len != DIR_ID_SIZE)
			continue;
		/* what cannot be read might be below it */
		if (parse_dir(value, &entry) && !is_below(&entry, bucket, path))
			continue;
		memcpy(from, key.data, DIR_ID_SIZE);
		return 0;
	}
	return r;
}

int disk_forget_below(struct kv_txn *txn, uint64_t bucket, const char *path)
{
	uint8_t from[DIR_ID_SIZE] = {0};
	int r;

	while ((r = next_below(txn, bucket, path, from)) == 0) {
		r = disk_remove_dir(txn, from);
		if (r < 0)
			return r;
	}
	return r == -ENOENT ? 0 : r;
}

/* ---- room ---- */

/* A directory that may have to go. */
struct old_dir {
	uint64_t used_ms;
	uint8_t id[DIR_ID_SIZE];
};

/* Put a directory among the oldest, in order; returns how many there are. */
static size_t note_old(struct old_dir *oldest, size_t count,
                       const struct old_dir *dir)
{
	size_t i = count;

	if (count == OLDEST && dir->used_ms >= oldest[OLDEST - 1].used_ms)
		return count;
	if (count == OLDEST)
		i = OLDEST - 1;
	else
		count++;
	for (; i > 0 && oldest[i - 1].used_ms > dir->used_ms; i--)
		oldest[i] = oldest[i - 1];
	oldest[i] = *dir;
	return count;
}

/* The oldest directories; damaged ones count as very old. */
static int find_oldest(struct kv_txn *txn, struct old_dir *oldest,
                       size_t *ret_count)
{
	cleanup(kv_cursor_closep) struct kv_cursor *cursor = NULL;
	struct slice key;
	struct slice value;
	int r = kv_cursor_open(txn, TABLE_DIRS, &cursor);

	*ret_count = 0;
	if (r == 0)
		r = kv_cursor_seek(cursor, (struct slice){NULL, 0}, &key,
		                   &value);
	for (; r == 0; r = kv_cursor_next(cursor, &key, &value)) {
		struct dir_entry entry = {0};
		struct old_dir dir = {0};

		if (key.len != DIR_ID_SIZE)
			continue;
		if (parse_dir(value, &entry))
			dir.used_ms = entry.used_ms;
		memcpy(dir.id, key.data, DIR_ID_SIZE);
		*ret_count = note_old(oldest, *ret_count, &dir);
	}
	return r == -ENOENT ? 0 : r;
}

/* Remove the oldest directories, but never the last written one. */
static int evict_some(struct meta_disk *disk, size_t *ret_count)
{
	/* a page is copied for each, at worst */
	size_t budget = (size_t)(disk->size_max / 4096 / 64) + 1;
	struct old_dir oldest[OLDEST];
	struct kv_txn *txn;
	int r = kv_begin(disk->kv, true, &txn);

	if (r < 0)
		return r;
	r = find_oldest(txn, oldest, ret_count);
	if (*ret_count > 1)
		*ret_count = (*ret_count + 1) / 2;
	for (size_t i = 0; r == 0 && i < *ret_count && budget > 0; i++)
		r = remove_some(txn, oldest[i].id, &budget);
	if (r < 0) {
		kv_abort(txn);
		return r;
	}
	atomic_fetch_add(&disk->evicted, *ret_count);
	return kv_commit(txn);
}

int disk_evict(struct meta_disk *disk)
{
	uint64_t used;
	uint64_t max;

	for (unsigned i = 0; i < ROUNDS; i++) {
		size_t count = 0;
		int r;

		kv_usage(disk->kv, &used, &max);
		if (used < max / 100 * GOAL)
			return 0;
		r = evict_some(disk, &count);
		if (r < 0)
			return r;
		if (count == 0)
			break;
	}
	return disk_clear(disk);
}

int disk_clear(struct meta_disk *disk)
{
	struct kv_txn *txn;
	int r = kv_begin(disk->kv, true, &txn);

	if (r < 0)
		return r;
	for (unsigned table = TABLE_DIRS; r == 0 && table < TABLES; table++)
		r = kv_clear(txn, table);
	if (r < 0) {
		kv_abort(txn);
		return r;
	}
	return kv_commit(txn);
}
