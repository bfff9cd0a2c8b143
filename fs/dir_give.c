/* SPDX-License-Identifier: MIT */
/*
 * Giving the names of an open directory to a reader, from its pages.
 *
 * A plus reader gets an entry with each name whose attributes are known without
 * asking; the kernel looks the others up, and the walk (walk.h) asks ahead.
 */
#include "base/lock.h"
#include "dir_impl.h"
#include "key.h"
#include "lookup.h"
#include "overlay.h"

#include <string.h>

#define DOTS       2 /* names before the first page */
#define PAGES_KEPT 4 /* with their names, up to the reader's */

/* Forget names of pages that lie far from the one being read. */
static void drop_far_locked(struct fs_dir *dir, size_t number)
{
	for (size_t i = 0; i < dir->count; i++)
		if (i + PAGES_KEPT <= number || i > number + 1)
			dir_page_drop(&dir->pages[i]);
}

/* The inode of a name as far as it is known without asking; NULL: it is not. */
static struct inode *known_inode(struct fs_dir *dir, const char *key)
{
	struct meta_cache *cache = dir->fs->cache;
	const struct meta_name name = {dir->bucket->number, key};
	uint64_t moment = meta_cache_moment(cache);
	struct inode *inode = inode_of_key(dir->bucket, key);
	struct meta meta;

	if (inode) {
		WITH_LOCK(&inode->lock);

		if (inode->local)
			return inode;
	}
	inode_unref(inode);
	inode = NULL;
	if (meta_cache_get(cache, &name, &meta) == 0 &&
	    (dir->bucket->attrs == FS_ATTRS_LIST ||
	     meta.attr.known & ATTR_FROM_HEAD))
		(void)lookup_see(dir->bucket, key, &meta, moment, &inode);
	meta_release(&meta);
	return inode;
}

/* Whether a listed file is known to be a symlink. */
static uint32_t file_type(struct fs_dir *dir, const char *key)
{
	const struct meta_name name = {dir->bucket->number, key};
	struct meta meta;
	uint32_t type = S_IFREG;

	if (meta_cache_get(dir->fs->cache, &name, &meta) == 0 &&
	    meta.attr.known & ATTR_FROM_HEAD)
		type = meta.attr.mode & S_IFMT;
	meta_release(&meta);
	return type;
}

/* Give one name of a page; false: no room. */
static bool give(struct fs_dir *dir, const struct fs_readdir *read,
                 const char *text, uint64_t next)
{
	cleanup(inode_unrefp) struct inode *inode = NULL;
	cleanup(freep) char *key = NULL;
	struct fs_entry entry;
	struct fs_dirent dirent = {.name = text + 1, .next = next};

	if (key_join(dir->key, dirent.name, &key) < 0)
		return true; /* too long for here: skipped */
	if (overlay_get(dir->bucket->overlay, key) == OVERLAY_HIDDEN)
		return true;
	dirent.ino = inode_number(dir->bucket, key);
	dirent.type = text[0] == DIR_PAGE_DIR ? S_IFDIR : file_type(dir, key);
	if (read->plus)
		inode = known_inode(dir, key);
	if (inode) {
		inode_entry(inode, &entry);
		dirent.ino = entry.attr.ino;
		dirent.type = entry.attr.mode & S_IFMT;
		dirent.entry = &entry;
	}
	if (!read->fill(read->ctx, &dirent))
		return false;
	if (inode)
		inode_add_lookup(inode);
	return true;
}

/* "." or "..". */
static bool give_dot(struct fs_dir *dir, const struct fs_readdir *read,
                     uint64_t number)
{
	const struct fs_dirent dirent = {
		.name = number == 0 ? "." : "..",
		.ino = number == 0 ? dir->inode->ino : FS_ROOT_ID,
		.type = S_IFDIR,
		.next = number + 1,
	};

	return read->fill(read->ctx, &dirent);
}

/* One bucket of the root. */
static bool give_bucket(struct fs_dir *dir, const struct fs_readdir *read,
                        uint64_t number)
{
	struct inode *root = dir->fs->buckets[number].root;
	struct fs_entry entry;
	const struct fs_dirent dirent = {
		.name = dir->fs->buckets[number].name,
		.ino = root->ino,
		.type = S_IFDIR,
		.next = number + DOTS + 1,
		.entry = read->plus ? &entry : NULL,
	};

	inode_entry(root, &entry);
	if (!read->fill(read->ctx, &dirent))
		return false;
	if (read->plus)
		inode_add_lookup(root);
	return true;
}

/* The directory of the root that is somebody else's, which knows no more. */
static bool give_extra(struct fs_dir *dir, const struct fs_readdir *read,
                       uint64_t number)
{
	const struct fs_dirent dirent = {
		.name = dir->fs->config.root_extra,
		.ino = UINT64_MAX,
		.type = S_IFDIR,
		.next = number + DOTS + 1,
	};

	return read->fill(read->ctx, &dirent);
}

/* The page on which name number stands, or would stand. */
static size_t page_of(const struct fs_dir *dir, uint64_t number)
{
	size_t i = dir->count;

	while (i > 1 && dir->pages[i - 1].first > number)
		i--;
	return i - 1;
}

/* Give names of one page from number on; false: no room. */
static bool give_page(struct fs_dir *dir, const struct fs_readdir *read,
                      const struct dir_page *page, uint64_t *number)
{
	size_t i = page->first;

	for (size_t at = 0; at < page->names.len; i++) {
		const char *text = page->names.data + at;

		if (i >= *number) {
			if (!give(dir, read, text, i + DOTS + 1))
				return false;
			*number = i + 1;
		}
		at += strlen(text) + 1;
	}
	return true;
}

bool dir_give_locked(struct fs_dir *dir, const struct fs_readdir *read,
                     size_t *ret_missing)
{
	uint64_t offset = read->offset;
	bool gave = false;
	size_t at = 0;

	while (offset < DOTS) {
		if (dir->bucket && !dir->pages[0].filled) {
			*ret_missing = 0;
			return false;
		}
		if (!give_dot(dir, read, offset))
			return true;
		offset++;
		gave = true;
	}
	dir->begun = true;
	offset -= DOTS;
	if (!dir->bucket) {
		while (offset < dir->fs->bucket_count &&
		       give_bucket(dir, read, offset))
			offset++;
		if (offset == dir->fs->bucket_count &&
		    dir->fs->config.root_extra)
			(void)give_extra(dir, read, offset);
		return true;
	}
	for (at = page_of(dir, offset); at < dir->count; at++) {
		if (!dir->pages[at].filled) {
			*ret_missing = at;
			return gave;
		}
		uint64_t before = offset;

		dir->reading = at;
		drop_far_locked(dir, at);
		if (!give_page(dir, read, &dir->pages[at], &offset))
			return true;
		gave = gave || offset > before;
	}
	return true;
}
