/* SPDX-License-Identifier: MIT */
/*
 * What is queued, into the tables.
 *
 * A range takes the place of all that it overlaps.  An own change is written
 * twice: as a name, and into the ranges that the name stands in, so that
 * whichever is lost, the other is right.
 */
#include "escape.h"
#include "key.h"
#include "meta_disk_impl.h"

#include <stdio.h>
#include <string.h>

/* The key of the directory that a name is in; path is malloc'ed. */
static int parent_key(const struct meta_key *key, struct meta_key *ret,
                      char **ret_path)
{
	*ret_path = key_parent(key->path);
	*ret = (struct meta_key){key->bucket, *ret_path};
	return *ret_path ? 0 : -ENOMEM;
}

static struct slice slice_of(const char *text)
{
	return (struct slice){(uint8_t *)(uintptr_t)text, strlen(text)};
}

/* A line in the order of keys against a name. */
static int compare(const struct meta_line *line, struct slice name)
{
	return meta_compare((struct slice){(uint8_t *)(uintptr_t)line->name,
	                                   line->len},
	                    name);
}

/* Copy the range's lines, with line (NULL = nothing) in place of name. */
static int copy_lines(struct meta_range *range, struct slice name,
                      const struct meta_line *line,
                      struct meta_range_writer *writer)
{
	struct meta_line old;
	int r;

	while ((r = meta_range_next(range, &old)) > 0) {
		int order = compare(&old, name);

		if (order >= 0 && line) {
			meta_range_add(writer, line);
			line = NULL;
		}
		if (order != 0)
			meta_range_add(writer, &old);
	}
	if (line)
		meta_range_add(writer, line);
	return r;
}

/* Put line (NULL = nothing) in place of name, where a range has that name. */
static int edit_range(struct meta_disk *disk, struct kv_txn *txn,
                      const struct meta_key *dir, const char *name,
                      const struct meta_line *line)
{
	struct meta_range_writer writer = {0};
	struct str record = {0};
	struct meta_range range;
	struct disk_key key;
	int r = disk_find_range(txn, dir, slice_of(name), &range, &key);

	if (r == -ENOENT)
		return 0;
	if (r == 0) {
		r = copy_lines(&range, slice_of(name), line, &writer);
		meta_range_finish(&writer, dir, &range.bounds, &record);
	}
	if (r == -EUCLEAN) {
		disk_damage(disk);
		r = kv_delete(txn, TABLE_RANGES, disk_slice(&key));
	} else if (r == 0) {
		r = str_status(&record);
		if (r == 0)
			r = kv_put(txn, TABLE_RANGES, disk_slice(&key),
			           (struct slice){(uint8_t *)record.data,
			                          record.len});
	}
	str_release(&record);
	return r;
}

/* Throw the range away in which name stands. */
static int drop_range(struct kv_txn *txn, const struct meta_key *dir,
                      const char *name)
{
	struct meta_range range;
	struct disk_key key;
	int r = disk_find_range(txn, dir, slice_of(name), &range, &key);

	if (r == -ENOENT)
		return 0;
	if (r < 0 && r != -EUCLEAN)
		return r;
	return kv_delete(txn, TABLE_RANGES, disk_slice(&key));
}

/* The line of a file. */
static struct meta_line line_of(const char *name, const struct attr *attr)
{
	struct meta_line line = {
		.name = name,
		.len = strlen(name),
		.size = attr->size,
		.modified = attr->modified,
	};

	memcpy(line.etag, attr->etag, sizeof(line.etag));
	return line;
}

/* An own change, in the ranges of its directory. */
static int change_ranges(struct meta_disk *disk, struct kv_txn *txn,
                         const struct disk_op *op, const struct meta_key *dir)
{
	char name[STORE_KEY_MAX + 1];
	char below[STORE_KEY_MAX + 2];
	struct meta_line line;
	bool aside;
	int r = 0;

	if (!disk_component(op->path, name, &aside))
		return 0;
	(void)snprintf(below, sizeof(below), "%s/", name);
	if (!op->known) {
		r = drop_range(txn, dir, name);
		return r < 0 ? r : drop_range(txn, dir, below);
	}
	line = line_of(name, &op->record.attr);
	if (op->record.kind != META_DIR)
		r = edit_range(disk, txn, dir, name,
		               op->record.kind == META_FILE ? &line : NULL);
	line = (struct meta_line){
		.name = below, .len = strlen(below), .is_dir = true};
	if (r == 0 && !aside)
		r = edit_range(disk, txn, dir, below,
		               op->record.kind == META_DIR ? &line : NULL);
	return r;
}

/* Write or remove a name's record. */
static int put_name(struct kv_txn *txn, const struct meta_key *key,
                    const struct meta_record *record)
{
	struct str value = {0};
	struct disk_key k;
	int r;

	disk_name_key(key, &k);
	if (!record)
		return kv_delete(txn, TABLE_NAMES, disk_slice(&k));
	meta_record_encode(key, record, &value);
	r = str_status(&value);
	if (r == 0)
		r = kv_put(txn, TABLE_NAMES, disk_slice(&k),
		           (struct slice){(uint8_t *)value.data, value.len});
	str_release(&value);
	return r;
}

/* Remove every range that overlaps with the bounds; 1: a younger one does. */
static int clear_bounds(struct meta_disk *disk, struct kv_txn *txn,
                        const struct meta_key *dir,
                        const struct meta_bounds *bounds)
{
	cleanup(kv_cursor_closep) struct kv_cursor *cursor = NULL;
	struct disk_key from;
	int r = kv_cursor_open(txn, TABLE_RANGES, &cursor);

	disk_range_key(dir, &bounds->low, &from);
	while (r == 0) {
		struct meta_range range;
		struct slice value;
		struct slice k;
		struct disk_key key;

		r = kv_cursor_seek(cursor, disk_slice(&from), &k, &value);
		if (r < 0 || !disk_of_dir(k, from.bytes))
			break;
		memcpy(key.bytes, k.data, k.len);
		key.len = k.len;
		r = meta_range_open(dir, value, &range);
		if (r < 0) {
			disk_damage(disk);
		} else if (!range.bounds.to_end &&
		           meta_compare(range.bounds.high, bounds->low) <= 0) {
			from = key; /* ends where this one begins: the next */
			from.bytes[from.len++] = 0;
			r = 0;
			continue;
		} else if (!bounds->to_end &&
		           meta_compare(range.bounds.low, bounds->high) >= 0) {
			break;
		} else if (range.bounds.asked_ms > bounds->asked_ms) {
			return 1;
		}
		r = kv_delete(txn, TABLE_RANGES, disk_slice(&key));
	}
	return r == -ENOENT ? 0 : r;
}

/* A range of a listing. */
static int put_range(struct meta_disk *disk, struct kv_txn *txn,
                     const struct disk_op *op)
{
	const struct meta_key dir = {op->bucket, op->path};
	const struct slice value = {(uint8_t *)op->data.data, op->data.len};
	struct meta_range range;
	struct disk_key key;
	int r = meta_range_open(&dir, value, &range);

	if (r == 0)
		r = clear_bounds(disk, txn, &dir, &range.bounds);
	if (r != 0)
		return r > 0 ? 0 : r;
	disk_range_key(&dir, range.bounds.to_end ? NULL : &range.bounds.high,
	               &key);
	r = kv_put(txn, TABLE_RANGES, disk_slice(&key), value);
	return r < 0 ? r : disk_touch_dir(disk, txn, &dir);
}

/* A name. */
static int put_one(struct meta_disk *disk, struct kv_txn *txn,
                   const struct disk_op *op)
{
	const struct meta_key key = {op->bucket, op->path};
	cleanup(freep) char *path = NULL;
	struct meta_key dir;
	int r = parent_key(&key, &dir, &path);

	if (r == 0)
		r = put_name(txn, &key, op->known ? &op->record : NULL);
	if (r == 0 && op->kind != OP_LEARN)
		r = change_ranges(disk, txn, op, &dir);
	return r < 0 || !op->known ? r : disk_touch_dir(disk, txn, &dir);
}

/* Forget a name and its directory, or all below it. */
static int forget(struct meta_disk *disk, struct kv_txn *txn,
                  const struct disk_op *op)
{
	uint8_t id[DIR_ID_SIZE];
	int r = op->path[0] ? put_one(disk, txn, op) : 0;

	if (r < 0)
		return r;
	if (op->path[0] && op->kind == OP_FORGET) {
		disk_id(op->bucket, op->path, strlen(op->path), id);
		return disk_remove_dir(txn, id);
	}
	if (op->kind == OP_FORGET) {
		disk_id(op->bucket, "", 0, id);
		return disk_remove_dir(txn, id);
	}
	return disk_forget_below(txn, op->bucket, op->path);
}

int disk_apply(struct meta_disk *disk, struct kv_txn *txn,
               const struct disk_op *op)
{
	switch (op->kind) {
	case OP_LEARN:
	case OP_CHANGE:
		return put_one(disk, txn, op);
	case OP_RANGE:
		return put_range(disk, txn, op);
	case OP_FORGET:
	case OP_FORGET_BELOW:
		break;
	}
	return forget(disk, txn, op);
}
