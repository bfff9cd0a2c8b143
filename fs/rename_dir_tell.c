/* SPDX-License-Identifier: MIT */
/* After a directory's rename: who must know. */
#include "base/lock.h"
#include "base/str.h"
#include "content.h"
#include "key.h"
#include "notify.h"
#include "overlay.h"
#include "rename_dir_impl.h"

#include <stdio.h>
#include <string.h>

/* ---- inodes ---- */

/* The object of an inode below the directory, if it has one. */
static const struct move_entry *entry_of(const struct dir_move *move,
                                         const struct inode *inode,
                                         const char *key)
{
	char name[STORE_KEY_MAX + 2];

	if (inode == move->inode)
		return move_set_find(&move->set, "");
	(void)snprintf(name, sizeof(name), "%s%s", key + strlen(move->from_dir),
	               inode->kind == INODE_DIR ? "/" : "");
	return move_set_find(&move->set, name);
}

/* A file that stays under its old name, in a directory that stays for it. */
static void stay(struct dir_move *move, const char *old, const char *new)
{
	struct overlay *overlay = move->errand.bucket->overlay;
	cleanup(freep) char *dir = key_parent(old);

	if (overlay_get(overlay, new) == OVERLAY_LOCAL) {
		overlay_clear(overlay, new, OVERLAY_LOCAL);
		(void)overlay_set(overlay, old, OVERLAY_LOCAL);
	}
	if (dir)
		(void)overlay_keep_dir(overlay, dir);
}

/* Give an inode its new key and its copy's version. */
static int move_inode(struct dir_move *move, struct inode *inode)
{
	cleanup(freep) char *old = inode_copy_key(inode);
	const struct move_entry *entry;
	char key[2 * STORE_KEY_MAX];
	int r;

	if (!old)
		return -ENOMEM;
	entry = entry_of(move, inode, old);
	(void)snprintf(key, sizeof(key), "%s%s", move->to,
	               old + strlen(move->from));
	/* Begun after we looked, and sent under the old name already. */
	if (inode->kind == INODE_FILE && content_may_rename(inode, NULL) < 0) {
		stay(move, old, key);
		return 0;
	}
	r = inode_rekey(inode, key);
	if (r < 0 || !entry)
		return r;

	WITH_LOCK(&inode->lock);
	if (strcmp(inode->attr.etag, entry->etag) == 0) {
		memcpy(inode->attr.etag, entry->copy_etag,
		       sizeof(inode->attr.etag));
		inode->attr.modified =
			clock_wall(inode->table->fs->parts.clock);
		inode->attr.known |= ATTR_GUESSED;
	}
	return 0;
}

/* All inodes below it, and its own. */
static int move_inodes(struct dir_move *move)
{
	struct inode **inodes;
	int count = inodes_below(move->errand.bucket, move->from, &inodes);
	int r = count < 0 ? count : move_inode(move, move->inode);

	for (int i = 0; i < count; i++) {
		if (r == 0)
			r = move_inode(move, inodes[i]);
		inode_unref(inodes[i]);
	}
	free(inodes);
	return r;
}

/* ---- the cache ---- */

/* What the cache knows of the old name is true of the new one, if it is of that
 * version. False: it knows nothing of it. */
static bool known_copy(struct dir_move *move, const struct meta_name *old,
                       const struct move_entry *entry, struct meta *ret)
{
	struct bucket *bucket = move->errand.bucket;
	struct fs *fs = bucket->fs;
	bool known;

	(void)meta_cache_get(fs->cache, old, ret);
	known = ret->kind == META_FILE && entry->copy_etag[0] &&
	        strcmp(ret->attr.etag, entry->etag) == 0;
	if (!known)
		return false;
	ret->fresh_ms = clock_ms(fs->parts.clock) + bucket->ttl_ms;
	ret->attr.modified = clock_wall(fs->parts.clock);
	ret->attr.known |= ATTR_GUESSED;
	memcpy(ret->attr.etag, entry->copy_etag, sizeof(ret->attr.etag));
	return true;
}

/* The old name is gone. */
static void say_gone(struct dir_move *move, const struct meta_name *name)
{
	struct bucket *bucket = move->errand.bucket;
	struct fs *fs = bucket->fs;
	const struct meta gone = {
		.kind = META_ABSENT,
		.fresh_ms = clock_ms(fs->parts.clock) + bucket->negative_ms,
	};

	meta_cache_change(fs->cache, name, &gone);
}

/* One object's names; and in sure = false, that nothing is sure of them. */
static void tell_entry(struct dir_move *move, const struct move_entry *entry,
                       bool sure)
{
	struct bucket *bucket = move->errand.bucket;
	struct meta_cache *cache = bucket->fs->cache;
	char from[2 * STORE_KEY_MAX];
	char to[2 * STORE_KEY_MAX];
	const struct meta_name old = {bucket->number, from};
	const struct meta_name new = {bucket->number, to};
	size_t len = strlen(entry->name);
	bool dir = len > 0 && entry->name[len - 1] == '/';
	int take = (int)(dir ? len - 1 : len);
	struct meta meta = {0};

	(void)snprintf(from, sizeof(from), "%s%.*s", move->from_dir, take,
	               entry->name);
	(void)snprintf(to, sizeof(to), "%s%.*s", move->to_dir, take,
	               entry->name);
	if (sure && !dir && known_copy(move, &old, entry, &meta))
		meta_cache_change(cache, &new, &meta);
	else
		meta_cache_change(cache, &new, NULL);
	meta_release(&meta);
	if (sure)
		say_gone(move, &old);
	else
		meta_cache_change(cache, &old, NULL);
}

/* The directories between, which a listing of this object implies. */
static void tell_parents(struct dir_move *move, const struct move_entry *entry,
                         const char *before, bool sure)
{
	struct move_entry *parent;
	size_t len = strlen(entry->name);

	for (size_t i = 1; i + 1 < len; i++) {
		if (entry->name[i] != '/' ||
		    strncmp(before, entry->name, i + 1) == 0)
			continue; /* told with the one before */
		parent = calloc(1, sizeof(*parent) + i + 2);
		if (!parent)
			return;
		memcpy(parent->name, entry->name, i + 1);
		tell_entry(move, parent, sure);
		free(parent);
	}
}

/* All names below both. */
static void tell_cache(struct dir_move *move, bool sure)
{
	const char *before = "";

	for (size_t i = 0; i < move->set.count; i++) {
		const struct move_entry *entry = move->set.order[i];

		if (entry->name[0]) {
			tell_parents(move, entry, before, sure);
			tell_entry(move, entry, sure);
		}
		before = entry->name;
	}
}

/* The directory's own two names. */
static void tell_directory(struct dir_move *move)
{
	struct bucket *bucket = move->errand.bucket;
	const struct meta_name from = inode_name(bucket, move->from);
	const struct meta_name to = inode_name(bucket, move->to);
	struct meta there = {
		.kind = META_DIR,
		.fresh_ms = clock_ms(bucket->fs->parts.clock) + bucket->ttl_ms,
	};

	{
		WITH_LOCK(&move->inode->lock);
		attr_copy(&there.attr, &move->inode->attr);
	}
	say_gone(move, &from);
	meta_cache_change(bucket->fs->cache, &to, &there);
	meta_release(&there);
}

/* ---- all ---- */

/* Keep the directory that lost a name in sight. */
static void keep_parent(struct dir_move *move)
{
	cleanup(freep) char *dir = key_parent(move->from);

	if (dir)
		(void)overlay_keep_dir(move->errand.bucket->overlay, dir);
}

int rename_dir_tell(struct dir_move *move)
{
	struct overlay *overlay = move->errand.bucket->overlay;
	int r;

	/* What had the new name was an empty directory. */
	{
		cleanup(inode_unrefp) struct inode *target =
			inode_of_key(move->errand.bucket, move->to);

		if (target && target != move->inode)
			inode_take_off(target);
	}
	r = overlay_move(overlay, move->from, move->to);
	if (r == 0)
		r = move_inodes(move);
	tell_cache(move, true);
	tell_directory(move);
	keep_parent(move);
	if (r == 0 && move->set.count == 0)
		r = overlay_keep_dir(overlay, move->to);
	return r;
}

void rename_dir_forget(struct dir_move *move)
{
	struct bucket *bucket = move->errand.bucket;
	const struct meta_name from = inode_name(bucket, move->from);
	const struct meta_name to = inode_name(bucket, move->to);
	char key[2 * STORE_KEY_MAX];

	for (size_t i = 0; i < move->set.count; i++) {
		const struct move_entry *entry = move->set.order[i];

		if (!entry->deleted)
			continue;
		(void)snprintf(key, sizeof(key), "%s%s", move->from_dir,
		               entry->name);
		cleanup(inode_unrefp) struct inode *inode =
			inode_of_key(bucket, key);

		if (inode)
			inode_take_off(inode);
	}
	tell_cache(move, false);
	meta_cache_change(bucket->fs->cache, &from, NULL);
	meta_cache_change(bucket->fs->cache, &to, NULL);
	(void)overlay_keep_dir(bucket->overlay, move->from);
}

/* Have the kernel look a name up again. */
static void notify_name(struct bucket *bucket, const char *key)
{
	cleanup(freep) char *dir = key_parent(key);
	cleanup(inode_unrefp) struct inode *parent =
		!dir     ? NULL
		: dir[0] ? inode_of_key(bucket, dir)
			 : inode_ref(bucket->root);

	if (parent)
		notify_entry(bucket->fs->notify, parent->nodeid, key_base(key));
}

void rename_dir_notify(struct dir_move *move)
{
	notify_name(move->errand.bucket, move->from);
	notify_name(move->errand.bucket, move->to);
}
