/* SPDX-License-Identifier: MIT */
/*
 * Open directories.
 *
 * A directory is a row of pages, one per page of the listing; names are
 * numbered through them, and that number is the offset ("." is 0, ".." is 1).
 * While a reader is on the last page that is known, the next one is already
 * being asked for.  Pages that lie far behind the reader are dropped but for
 * their continuation token: who seeks back has them listed again.
 *
 * Reading from offset 0 a second time is rewinddir(): all is listed anew.
 *
 * A reader that finds its page missing waits in the directory; a page that
 * fails answers those who wait with its errno, and is asked again by the next
 * who comes.  dir->lock is held while names are filled in; it comes before the
 * inode's.
 */
#include "dir.h"

#include "ask.h"
#include "base/lock.h"
#include "call.h"
#include "dir_impl.h"
#include "escape.h"
#include "key.h"
#include "lookup.h"
#include "meta_disk.h"
#include "overlay.h"
#include "walk.h"

#include <string.h>

/* One page on its way. */
struct page_ask {
	struct ask ask;
	struct fs_dir *dir; /* one reference */
	unsigned generation;
	size_t number;
	char *token; /* owned */
	char *start; /* owned: behind which path, without a token */
	uint64_t moment;
	uint64_t asked_ms;
};

/* A page that came, from the store or out of the cache. */
struct page_source {
	struct store_list list;
	const char *next; /* the key the next one goes on behind; NULL = that of
	                     the last line */
	size_t number;
	uint64_t moment;
	uint64_t asked_ms;
	bool cached;
};

static void release_extras(struct dir_extras *extras)
{
	for (size_t i = 0; i < extras->count; i++)
		free(extras->names[i]);
	free(extras->names);
	*extras = (struct dir_extras){0};
}

static void release_pages(struct fs_dir *dir)
{
	for (size_t i = 0; i < dir->count; i++)
		dir_page_release(&dir->pages[i]);
	dir->count = 0;
}

static void dir_free(struct fs_dir *dir)
{
	release_pages(dir);
	release_extras(&dir->extras);
	free(dir->pages);
	free(dir->prefix);
	free(dir->key);
	inode_unref(dir->inode);
	(void)pthread_mutex_destroy(&dir->lock);
	free(dir);
}

static void dir_unref(struct fs_dir *dir)
{
	bool last;

	(void)pthread_mutex_lock(&dir->lock);
	last = --dir->refs == 0;
	(void)pthread_mutex_unlock(&dir->lock);
	if (last)
		dir_free(dir);
}

/* The page behind the last one, empty; NULL: out of memory. */
static struct dir_page *add_page_locked(struct fs_dir *dir)
{
	size_t cap = dir->cap ? dir->cap * 2 : 4;

	if (dir->count == dir->cap) {
		struct dir_page *more =
			realloc(dir->pages, cap * sizeof(*more));

		if (!more)
			return NULL;
		dir->pages = more;
		dir->cap = cap;
	}
	memset(&dir->pages[dir->count], 0, sizeof(*dir->pages));
	return &dir->pages[dir->count++];
}

/* Begin anew: what is only here, and a first page that is not read yet. */
static int restart_locked(struct fs_dir *dir)
{
	int count;

	dir->generation++;
	dir->asking = false;
	dir->begun = false;
	dir->reading = 0;
	release_pages(dir);
	release_extras(&dir->extras);
	if (!dir->bucket)
		return 0;
	count = overlay_children(dir->bucket->overlay, dir->key,
	                         &dir->extras.names);
	if (count < 0)
		return count;
	dir->extras.count = (size_t)count;
	return add_page_locked(dir) ? 0 : -ENOMEM;
}

static void page_done(struct ask *base);

/* The path behind which a page without a token begins; NULL: out of memory. */
static char *start_path(const struct fs_dir *dir, const struct dir_page *page)
{
	char path[ESCAPE_PATH_MAX + 1];

	if (escape_path(page->after, strlen(page->after), path) < 0)
		path[0] = 0; /* too long for us: what lies behind is not */
	return str_printf("%s%s", dir->prefix, path);
}

/* A request for the page of that number; NULL: out of memory. */
static struct page_ask *page_ask_locked(struct fs_dir *dir, size_t number)
{
	const struct dir_page *page = &dir->pages[number];
	struct page_ask *ask = calloc(1, sizeof(*ask));

	if (!ask)
		return NULL;
	ask->token = page->token ? strdup(page->token) : NULL;
	ask->start = page->token || !page->after ? NULL : start_path(dir, page);
	if ((page->token && !ask->token) ||
	    (!page->token && page->after && !ask->start)) {
		free(ask->token);
		free(ask);
		return NULL;
	}
	ask->dir = dir;
	ask->generation = dir->generation;
	ask->number = number;
	ask->moment = meta_cache_moment(dir->fs->cache);
	ask->asked_ms = clock_ms(dir->fs->parts.clock);
	ask->ask.done = page_done;
	ask->ask.req.verb = STORE_LIST;
	ask->ask.req.list.prefix = dir->prefix;
	ask->ask.req.list.delimiter = "/";
	ask->ask.req.list.token = ask->token;
	ask->ask.req.list.start_after = ask->start;
	dir->refs++;
	dir->asking = true;
	return ask;
}

/* The last page came: was the directory seen whole, in one go? */
static void learn_whole(const struct fs_dir *dir)
{
	const struct meta_name name = {dir->bucket->number, dir->key};
	const struct meta_whole whole = {
		.moment = dir->moment,
		.fresh_ms = dir->asked_ms + dir->bucket->negative_ms,
	};

	if (dir->count == 1)
		return; /* the listing of one page said so itself */
	for (size_t i = 0; i < dir->count; i++)
		if (dir->pages[i].asides)
			return;
	meta_cache_whole(dir->fs->cache, &name, &whole);
	meta_cache_big(dir->fs->cache, &name,
	               dir->asked_ms + dir->bucket->ttl_ms);
}

/* The walkers' names of a page. */
static void learn_walk(struct fs_dir *dir, const struct dir_page *page)
{
	struct walks *walks = dir->bucket->walks;
	char text[STORE_KEY_MAX + 2];

	if (dir->bucket->attrs != FS_ATTRS_HEAD)
		return;
	if (page == dir->pages)
		dir->ticket = walks_begin(walks, dir->key);
	for (size_t at = 0; at < page->names.len;) {
		const char *name = page->names.data + at;
		size_t len = strlen(name);

		memcpy(text, name + 1, len);
		if (name[0] == DIR_PAGE_DIR)
			memcpy(text + len - 1, "/", 2);
		walks_add(walks, dir->key, dir->ticket, text);
		at += len + 1;
	}
}

/* What the page behind this one has to know. */
static int begin_next(const struct listing *listing,
                      const struct page_source *source, struct dir_page *next)
{
	const struct store_list *list = &source->list;
	char key[STORE_KEY_MAX + 1] = "";

	if (source->next)
		(void)str_copy(key, sizeof(key), source->next);
	for (size_t i = list->count; i > 0 && !key[0]; i--)
		(void)listing_key(listing, &list->entries[i - 1], key);
	if (!source->cached) {
		next->token = strdup(list->next_token);
		if (!next->token)
			return -ENOMEM;
	}
	next->after = strdup(key);
	return next->after ? 0 : -ENOMEM;
}

/* Leave a line out that the page before ended with, as prefixes come again. */
static void skip_first(const struct listing *listing, struct store_list *list)
{
	char key[STORE_KEY_MAX + 1];

	if (listing->after && list->count > 0 &&
	    listing_key(listing, &list->entries[0], key) &&
	    strcmp(key, listing->after) == 0) {
		list->entries++;
		list->count--;
	}
}

/* The directory is known as of its oldest page. */
static void note_age(struct fs_dir *dir, const struct page_source *source)
{
	bool first = source->number == 0;

	if (first || source->moment < dir->moment)
		dir->moment = source->moment;
	if (first || source->asked_ms < dir->asked_ms)
		dir->asked_ms = source->asked_ms;
}

/* The page is filled, for the first time: make place for the next one. */
static int add_next_locked(struct fs_dir *dir, size_t number, bool more,
                           const struct dir_page *next)
{
	struct dir_page *place;

	learn_walk(dir, &dir->pages[number]);
	dir->pages[number].learnt = true;
	if (!more) {
		learn_whole(dir);
		return 0;
	}
	place = add_page_locked(dir);
	if (!place) {
		dir->pages[number].learnt = false;
		dir_page_drop(&dir->pages[number]);
		return -ENOMEM;
	}
	*place = *next;
	return 0;
}

/* Put a page that came into its place. */
static int fill_page_locked(struct fs_dir *dir, struct page_source *source)
{
	struct dir_page *page = &dir->pages[source->number];
	const struct listing listing = {
		.bucket = dir->bucket,
		.dir = dir->key,
		.prefix_len = strlen(dir->prefix),
		.moment = source->moment,
		.asked_ms = source->asked_ms,
		.first = source->number == 0,
		.cached = source->cached,
		.after = page->after,
		.page = &source->list,
	};
	bool more = source->list.next_token != NULL;
	bool known = page->learnt;
	struct dir_page next = {0};
	int r = 0;

	skip_first(&listing, &source->list);
	if (more)
		r = begin_next(&listing, source, &next);
	if (r == 0) {
		listing_learn(&listing);
		r = dir_page_build(page, &listing, &dir->extras,
		                   more ? &next : NULL);
	}
	if (r == 0 && !known) {
		note_age(dir, source);
		r = add_next_locked(dir, source->number, more, &next);
		if (r == 0)
			return 0;
	}
	dir_page_release(&next);
	return r;
}

/* Fill a page from what is known without asking; false: it is not known. */
static bool fill_from_cache_locked(struct fs_dir *dir, size_t number)
{
	const struct dir_page *page = &dir->pages[number];
	const struct meta_name name = {dir->bucket->number, dir->key};
	const char *after = page->after ? page->after : "";
	const struct slice low = {(uint8_t *)(uintptr_t)after, strlen(after)};
	struct meta_page got;
	struct meta_seen seen;
	int r;

	if (dir->asking ||
	    meta_cache_page(dir->fs->cache, &name, &low, &got, &seen) < 0)
		return false;

	struct page_source source = {
		.list = {.entries = got.entries,
	                 .count = got.count,
	                 .next_token = got.complete ? NULL : ""},
		.next = got.complete ? NULL : str_text(&got.next),
		.number = number,
		.moment = seen.moment,
		.asked_ms = seen.asked_ms,
		.cached = true,
	};

	r = fill_page_locked(dir, &source);
	meta_page_release(&got);
	return r == 0;
}

static void serve_readers(struct fs_dir *dir, int status,
                          const struct err *err);

/* A page came, or failed: fill it in, serve who waits. */
static void page_done(struct ask *base)
{
	struct page_ask *ask = container_of(base, struct page_ask, ask);
	struct fs_dir *dir = ask->dir;
	struct page_source source = {
		.list = base->req.list,
		.number = ask->number,
		.moment = ask->moment,
		.asked_ms = ask->asked_ms,
	};
	int r = ask_status(base);
	bool current;

	(void)pthread_mutex_lock(&dir->lock);
	current = ask->generation == dir->generation;
	if (current) {
		dir->asking = false;
		if (r == 0)
			r = fill_page_locked(dir, &source);
		dir->failed = r < 0 ? ask->number : 0;
	}
	(void)pthread_mutex_unlock(&dir->lock);

	if (current)
		serve_readers(dir, r, &base->req.err);
	free(ask->start);
	free(ask->token);
	free(ask);
	dir_unref(dir);
}

/* ---- readers ---- */

/* The page behind the reader's, if it is worth asking for now. */
static size_t ahead_locked(const struct fs_dir *dir)
{
	size_t next = dir->reading + 1;

	return dir->begun && next < dir->count && next != dir->failed &&
	                       !dir->pages[next].filled
	               ? next
	               : SIZE_MAX;
}

/* Serve one reader, or let it wait; whether it is answered. */
static bool try_reader_locked(struct fs_dir *dir, struct reader *reader,
                              struct page_ask **ret_ask)
{
	size_t missing = SIZE_MAX;
	bool answered = dir_give_locked(dir, &reader->read, &missing);

	while (!answered && fill_from_cache_locked(dir, missing))
		answered = dir_give_locked(dir, &reader->read, &missing);
	if (answered && dir->bucket)
		missing = ahead_locked(dir);
	if (answered && missing != SIZE_MAX &&
	    fill_from_cache_locked(dir, missing))
		missing = SIZE_MAX;
	if (missing == SIZE_MAX || dir->asking)
		return answered;
	*ret_ask = page_ask_locked(dir, missing);
	if (*ret_ask || answered)
		return answered;
	reader->status = -ENOMEM;
	return true;
}

/* Answer a reader and free it. */
static void answer_reader(struct fs_call *call, struct reader *reader)
{
	call_fail(call, reader->status, &reader->err);
	free(reader);
}

/*
 * Serve a reader whose call is in our hands: it is answered, or parked in the
 * directory, or was interrupted.
 */
static void serve(struct fs_dir *dir, struct fs_call *call,
                  struct reader *reader)
{
	struct page_ask *ask = NULL;
	bool answered = reader->status < 0;

	(void)pthread_mutex_lock(&dir->lock);
	if (!answered)
		answered = try_reader_locked(dir, reader, &ask);
	if (!answered) {
		answered = !call_park(dir->fs, call, &reader->call);
		reader->status = answered ? -EINTR : 0;
	}
	if (!answered)
		list_append(&dir->readers, &reader->link);
	(void)pthread_mutex_unlock(&dir->lock);

	if (answered)
		answer_reader(call, reader);
	if (ask)
		ask_submit(dir->bucket, &ask->ask);
}

/* A page came or failed: everybody who waits has another try. */
static void serve_readers(struct fs_dir *dir, int status, const struct err *err)
{
	struct list readers;

	list_init(&readers);
	(void)pthread_mutex_lock(&dir->lock);
	list_splice(&readers, &dir->readers);
	(void)pthread_mutex_unlock(&dir->lock);

	list_for_each_safe(pos, &readers) {
		struct reader *reader = container_of(pos, struct reader, link);
		struct fs_call *call = call_claim(dir->fs, &reader->call);

		if (!call) {
			free(reader);
			continue;
		}
		if (status < 0) {
			reader->status = status;
			reader->err = *err;
		}
		serve(dir, call, reader);
	}
}

/* ---- calls ---- */

/* An open directory; NULL: out of memory. */
static struct fs_dir *dir_new(struct fs *fs, struct inode *inode)
{
	struct fs_dir *dir = calloc(1, sizeof(*dir));

	if (!dir)
		return NULL;
	(void)pthread_mutex_init(&dir->lock, NULL);
	dir->fs = fs;
	dir->inode = inode_ref(inode);
	dir->bucket = inode->bucket;
	dir->refs = 1;
	list_init(&dir->readers);
	list_init(&dir->link);
	(void)pthread_mutex_lock(&inode->lock);
	dir->key = strdup(inode->key);
	(void)pthread_mutex_unlock(&inode->lock);
	dir->prefix = dir->key ? key_as_dir(dir->key) : NULL;
	if (dir->prefix)
		return dir;
	dir_free(dir);
	return NULL;
}

void fs_opendir(struct fs *fs, struct fs_call *call, uint64_t nodeid)
{
	cleanup(inode_unrefp) struct inode *inode =
		lookup_node(fs, call, nodeid);
	struct fs_dir *dir;
	int r = 0;

	if (!inode)
		return;
	if (inode->kind == INODE_FILE || inode->kind == INODE_SYMLINK)
		r = -ENOTDIR;
	else if (inode->bucket)
		r = bucket_works(inode->bucket, &call->err);
	if (r < 0) {
		call_answer(call, r);
		return;
	}
	dir = dir_new(fs, inode);
	if (!dir) {
		call_answer(call, -ENOMEM);
		return;
	}
	(void)pthread_mutex_lock(&fs->lock);
	list_append(&fs->dirs, &dir->link);
	(void)pthread_mutex_unlock(&fs->lock);
	call->dir = dir;
	call_answer(call, 0);
}

void fs_readdir(struct fs *fs, struct fs_call *call,
                const struct fs_readdir *read)
{
	struct fs_dir *dir = read->dir;
	struct reader *reader = calloc(1, sizeof(*reader));
	int r = 0;

	(void)fs;
	if (!reader) {
		call_answer(call, -ENOMEM);
		return;
	}
	reader->read = *read;
	(void)pthread_mutex_lock(&dir->lock);
	if (dir->begun ? read->offset == 0 : dir->bucket && dir->count == 0)
		r = restart_locked(dir);
	(void)pthread_mutex_unlock(&dir->lock);
	if (r < 0) /* who waited for the old pages waits for nothing now */
		serve_readers(dir, r, &(struct err){0});
	reader->status = r;
	serve(dir, call, reader);
}

void fs_fsyncdir(struct fs *fs, struct fs_call *call, struct fs_dir *dir)
{
	(void)fs, (void)dir;
	call_answer(call, 0); /* nothing of a directory waits to be sent */
}

void fs_releasedir(struct fs *fs, struct fs_dir *dir)
{
	(void)pthread_mutex_lock(&fs->lock);
	list_remove(&dir->link);
	(void)pthread_mutex_unlock(&fs->lock);
	dir_unref(dir);
}

void dirs_close(struct fs *fs)
{
	struct fs_dir *dir;

	do {
		(void)pthread_mutex_lock(&fs->lock);
		dir = list_first(&fs->dirs, struct fs_dir, link);
		if (dir)
			list_remove(&dir->link);
		(void)pthread_mutex_unlock(&fs->lock);
		if (dir)
			dir_unref(dir);
	} while (dir);
}
