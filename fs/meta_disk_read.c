/* SPDX-License-Identifier: MIT */
/*
 * Reading: a name is what its record or the range it stands in says, whichever
 * is younger; what a HEAD taught of a version comes with that version again.
 */
#include "base/log.h"
#include "escape.h"
#include "key.h"
#include "meta_disk_impl.h"

#include <string.h>

#define PAGE_LINES 1000

/* What a range says of one name. */
struct answer {
	bool known;
	bool there;
	uint64_t asked_ms;
	struct meta_line line;
};

static struct slice slice_of(const char *text)
{
	return (struct slice){(uint8_t *)(uintptr_t)text, strlen(text)};
}

/* Look for a line in the range it must stand in. */
static int ask_range(struct meta_disk *disk, struct kv_txn *txn,
                     const struct meta_key *dir, const char *name,
                     struct answer *ret)
{
	struct slice wanted = slice_of(name);
	struct meta_range range;
	struct disk_key key;
	int r = disk_find_range(txn, dir, wanted, &range, &key);

	*ret = (struct answer){0};
	if (r == 0) {
		ret->known = true;
		ret->asked_ms = range.bounds.asked_ms;
		r = meta_range_find(&range, wanted, &ret->line);
		ret->there = r > 0;
		ret->line.name = ""; /* stood in the range */
	}
	if (r == -EUCLEAN) {
		disk_damage(disk);
		ret->known = false;
	}
	return r > 0 || r == -ENOENT || r == -EUCLEAN ? 0 : r;
}

/* A file's attributes as a listing tells them. */
static void listed_attr(const struct meta_disk *disk,
                        const struct meta_line *line, struct attr *ret)
{
	const struct store_entry entry = {
		.key = line->name,
		.key_len = line->len,
		.size = line->size,
		.mtime = line->modified,
		.etag = line->etag,
	};

	attr_from_entry(disk->fs, &entry, ret);
}

/* Two answers, about "name" and "name/", as one; -ENODATA: not both known. */
static int judge(const struct meta_disk *disk, bool aside,
                 const struct answer *file, const struct answer *below,
                 struct meta_found *ret)
{
	static const struct timespec never;

	if (below->known && below->there && !aside) {
		ret->kind = META_DIR;
		ret->asked_ms = below->asked_ms;
		attr_of_dir(disk->fs, &never, &ret->attr);
		return 0;
	}
	if (!file->known || !below->known)
		return -ENODATA;
	ret->asked_ms = file->asked_ms < below->asked_ms ? file->asked_ms
	                                                 : below->asked_ms;
	ret->kind =
		file->there && below->there == aside ? META_FILE : META_ABSENT;
	ret->by_range = ret->kind == META_ABSENT;
	if (ret->kind == META_FILE)
		listed_attr(disk, &file->line, &ret->attr);
	return 0;
}

/* What listings say of a name. */
static int get_listed(struct meta_disk *disk, struct kv_txn *txn,
                      const struct meta_key *key, struct meta_found *ret)
{
	cleanup(freep) char *path = key_parent(key->path);
	const struct meta_key dir = {key->bucket, path};
	char name[STORE_KEY_MAX + 2];
	struct answer file;
	struct answer below;
	bool aside;
	int r;

	if (!path)
		return -ENOMEM;
	if (!disk_component(key->path, name, &aside))
		return -ENODATA;
	r = ask_range(disk, txn, &dir, name, &file);
	memcpy(name + strlen(name), "/", 2);
	if (r == 0)
		r = ask_range(disk, txn, &dir, name, &below);
	return r < 0 ? r : judge(disk, aside, &file, &below, ret);
}

/* A name's own record. */
static int get_own(struct meta_disk *disk, struct kv_txn *txn,
                   const struct meta_key *key, struct meta_record *ret)
{
	struct disk_key k;
	struct slice value;
	int r;

	disk_name_key(key, &k);
	r = kv_get(txn, TABLE_NAMES, disk_slice(&k), &value);
	if (r < 0)
		return r == -ENOENT ? -ENODATA : r;
	r = meta_record_decode(key, value, ret);
	if (r != -EUCLEAN)
		return r;
	disk_damage(disk);
	return -ENODATA;
}

/* The younger of both, completed by what a HEAD taught. Takes own's shares. */
static void merge(struct meta_record *own, struct meta_found *ret)
{
	bool head = own->attr.known & ATTR_FROM_HEAD;
	bool same = own->kind == ret->kind &&
	            (own->kind == META_DIR ||
	             (own->kind == META_FILE &&
	              attr_same_object(&own->attr, &ret->attr)));
	struct timespec modified = ret->attr.modified;

	if (own->asked_ms >= ret->asked_ms) {
		ret->kind = own->kind;
		ret->asked_ms = own->asked_ms;
		ret->by_range = false;
	} else if (!same || !head) {
		attr_release(&own->attr);
		return;
	}
	attr_release(&ret->attr);
	ret->attr = own->attr;
	ret->head_ms = head ? own->asked_ms : 0;
	if (same && ret->kind == META_FILE && modified.tv_sec) {
		ret->attr.modified = modified;
		ret->attr.known &= ~(unsigned)ATTR_GUESSED;
	}
}

/* Both sources, in one transaction. */
static int get_both(struct meta_disk *disk, struct kv_txn *txn,
                    const struct meta_key *key, struct meta_found *ret)
{
	struct meta_record own;
	int listed = get_listed(disk, txn, key, ret);
	int named = listed == 0 || listed == -ENODATA
	                    ? get_own(disk, txn, key, &own)
	                    : listed;

	if (named < 0)
		return named == -ENODATA ? listed : named;
	merge(&own, ret);
	return 0;
}

int meta_disk_get(struct meta_disk *disk, const struct meta_key *key,
                  struct meta_found *ret)
{
	struct kv_txn *txn;
	int r;

	*ret = (struct meta_found){0};
	if (atomic_load(&disk->off))
		return -ENODATA;
	r = kv_begin(disk->kv, false, &txn);
	if (r == 0) {
		r = get_both(disk, txn, key, ret);
		kv_abort(txn);
	}
	if (r == 0 && ret->asked_ms < disk->trusted_ms)
		ret->asked_ms = 0;
	if (r == 0 || r == -ENODATA)
		return r;
	disk_failed(disk, r);
	attr_release(&ret->attr);
	return -ENODATA;
}

/* ---- pages ---- */

/* A path of a line behind the directory's, into texts. */
static int add_line(struct meta_page *page, const char *dir,
                    const struct meta_line *line)
{
	struct store_entry *entry = &page->entries[page->count];
	char path[ESCAPE_PATH_MAX + 1];
	size_t start = page->texts.len;

	if (escape_path(line->name, line->len, path) < 0)
		return 0;
	if (dir[0]) {
		str_add(&page->texts, dir);
		str_add_char(&page->texts, '/');
	}
	str_add(&page->texts, path);
	*entry = (struct store_entry){
		.key_len = page->texts.len - start,
		.is_prefix = line->is_dir,
		.size = line->size,
		.mtime = line->modified,
	};
	if (entry->key_len > ESCAPE_PATH_MAX) {
		page->texts.len = start;
		return 0;
	}
	str_add_char(&page->texts, 0);
	if (!line->is_dir) {
		str_add(&page->texts, line->etag);
		str_add_char(&page->texts, 0);
	}
	page->count++;
	return str_status(&page->texts);
}

/* The lines of a range above low. */
static int add_range(struct meta_page *page, const char *dir, struct slice low,
                     struct meta_range *range)
{
	size_t room = page->count + (size_t)range->count;
	struct store_entry *more =
		realloc(page->entries, (room + 1) * sizeof(*more));
	struct meta_line line;
	int r;

	if (!more)
		return -ENOMEM;
	page->entries = more;
	while ((r = meta_range_next(range, &line)) > 0) {
		int status = 0;

		if (meta_compare(slice_of(line.name), low) > 0)
			status = add_line(page, dir, &line);
		if (status < 0)
			return status;
	}
	return r;
}

/* Where each entry's texts stand, now that they do not move any more. */
static void point_to_texts(struct meta_page *page)
{
	const char *text = str_text(&page->texts);

	for (size_t i = 0; i < page->count; i++) {
		struct store_entry *entry = &page->entries[i];

		entry->key = text;
		text += entry->key_len + 1;
		if (entry->is_prefix)
			continue;
		entry->etag = text;
		text += strlen(text) + 1;
	}
}

/* The range that begins at low or before it. */
static int range_behind(struct meta_disk *disk, struct kv_txn *txn,
                        const struct meta_key *dir, const struct str *low,
                        struct meta_range *ret)
{
	char above[STORE_KEY_MAX + 2];
	struct disk_key key;
	int r;

	/* the least key above low */
	memcpy(above, str_text(low), low->len);
	above[low->len] = 0;
	r = disk_find_range(txn, dir,
	                    (struct slice){(uint8_t *)above, low->len + 1}, ret,
	                    &key);
	if (r == -EUCLEAN)
		disk_damage(disk);
	return r == -EUCLEAN || r == -ENOENT ? -ENODATA : r;
}

/* Ranges without a gap between them. */
static int collect(struct meta_disk *disk, struct kv_txn *txn,
                   const struct meta_key *dir, uint64_t oldest_ms,
                   struct meta_page *page)
{
	while (!page->complete && page->count < PAGE_LINES) {
		struct meta_range range;
		struct slice low = {(uint8_t *)page->next.data, page->next.len};
		size_t before = page->count;
		int r = range_behind(disk, txn, dir, &page->next, &range);

		if (r == 0 && range.bounds.asked_ms < oldest_ms)
			r = -ENODATA;
		if (r == 0)
			r = add_range(page, dir->path, low, &range);
		if (r == -EUCLEAN) {
			disk_damage(disk);
			r = -ENODATA;
		}
		if (r < 0) {
			page->count = before;
			return r;
		}
		if (page->asked_ms == 0 ||
		    range.bounds.asked_ms < page->asked_ms)
			page->asked_ms = range.bounds.asked_ms;
		page->complete = range.bounds.to_end;
		if (page->complete)
			break;
		str_reset(&page->next);
		str_add_mem(&page->next, range.bounds.high.data,
		            range.bounds.high.len);
	}
	return str_status(&page->next);
}

void meta_page_release(struct meta_page *page)
{
	free(page->entries);
	str_release(&page->texts);
	str_release(&page->next);
	*page = (struct meta_page){0};
}

int meta_disk_page(struct meta_disk *disk, const struct meta_key *dir,
                   struct slice low, uint64_t oldest_ms, struct meta_page *ret)
{
	struct kv_txn *txn;
	int r;

	*ret = (struct meta_page){0};
	if (atomic_load(&disk->off))
		return -ENODATA;
	if (oldest_ms < disk->trusted_ms)
		oldest_ms = disk->trusted_ms;
	str_add_mem(&ret->next, low.data, low.len);
	r = kv_begin(disk->kv, false, &txn);
	if (r == 0) {
		r = collect(disk, txn, dir, oldest_ms, ret);
		kv_abort(txn);
	}
	if (r < 0 && r != -ENODATA && r != -ENOMEM)
		disk_failed(disk, r);
	if (r < 0 && (r != -ENODATA || ret->asked_ms == 0)) {
		meta_page_release(ret);
		return r == -ENOMEM ? r : -ENODATA;
	}
	point_to_texts(ret);
	return 0;
}
