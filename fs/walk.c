/* SPDX-License-Identifier: MIT */
/*
 * Names of a directory in the order of its listing, a position in them, and a
 * window: names from the position on that have been asked about.
 *
 *   names   a b c d e f g h i j k l m n ...
 *               ^ position    ^ asked
 *               |-- window ---|
 */
#include "walk.h"

#include "base/hash.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/str.h"
#include "core.h"
#include "find.h"
#include "key.h"

#include <string.h>

#define WALKS_MAX  4     /* directories remembered, of one bucket */
#define NAMES_MAX  65536 /* of one directory */
#define WINDOW_MIN 4
#define WINDOW_MAX 128
#define SKIP_MAX   16 /* names a walker may leave out */

struct walk {
	UT_hash_handle hh;
	struct list used; /* walks->used, oldest first */
	uint64_t ticket;
	struct str text;   /* names, each with its NUL */
	uint32_t *offsets; /* of names in text */
	size_t count;
	size_t cap;
	size_t position; /* the name expected next */
	size_t asked;    /* names before it were asked about */
	size_t window;
	char dir[];
};

struct walks {
	struct bucket *bucket;
	pthread_mutex_t lock;
	struct walk *table; /* lock */
	struct list used;   /* lock */
	size_t count;       /* lock */
	uint64_t tickets;   /* lock */
};

/* A find whose answer only the cache wants. */
struct ahead {
	struct find find;
	char key[];
};

int walks_new(struct bucket *bucket, struct walks **ret)
{
	struct walks *walks = calloc(1, sizeof(*walks));

	if (!walks)
		return -ENOMEM;
	walks->bucket = bucket;
	(void)pthread_mutex_init(&walks->lock, NULL);
	list_init(&walks->used);
	*ret = walks;
	return 0;
}

/* Take a walk out of the table and free it. */
static void drop_locked(struct walks *walks, struct walk *walk)
{
	HASH_DEL(walks->table, walk);
	list_remove(&walk->used);
	walks->count--;
	str_release(&walk->text);
	free(walk->offsets);
	free(walk);
}

void walks_free(struct walks *walks)
{
	if (!walks)
		return;
	while (walks->table)
		drop_locked(walks, walks->table);
	(void)pthread_mutex_destroy(&walks->lock);
	free(walks);
}

static struct walk *find_locked(struct walks *walks, const char *dir)
{
	struct walk *walk;

	HASH_FIND_STR(walks->table, dir, walk);
	return walk;
}

/* A walk for a directory; NULL: out of memory, then there is none. */
static struct walk *make_locked(struct walks *walks, const char *dir)
{
	size_t len = strlen(dir);
	struct walk *walk = calloc(1, sizeof(*walk) + len + 1);

	if (!walk)
		return NULL;
	memcpy(walk->dir, dir, len);
	HASH_ADD_KEYPTR(hh, walks->table, walk->dir, len, walk);
	if (!walk->hh.tbl) {
		free(walk);
		return NULL;
	}
	list_append(&walks->used, &walk->used);
	if (++walks->count > WALKS_MAX)
		drop_locked(walks, list_first(&walks->used, struct walk, used));
	return walk;
}

uint64_t walks_begin(struct walks *walks, const char *dir)
{
	WITH_LOCK(&walks->lock);
	struct walk *old = find_locked(walks, dir);
	struct walk *walk;

	if (old)
		drop_locked(walks, old);
	walk = make_locked(walks, dir);
	if (!walk)
		return 0;
	walk->ticket = ++walks->tickets;
	return walk->ticket;
}

static const char *name_at(const struct walk *walk, size_t i)
{
	return walk->text.data + walk->offsets[i];
}

/* Forget the names that the walker has passed. */
static void forget_passed(struct walk *walk)
{
	size_t gone = walk->position;
	uint32_t cut = gone < walk->count ? walk->offsets[gone]
	                                  : (uint32_t)walk->text.len;

	if (gone < NAMES_MAX / 2)
		return;
	memmove(walk->text.data, walk->text.data + cut, walk->text.len - cut);
	walk->text.len -= cut;
	walk->count -= gone;
	for (size_t i = 0; i < walk->count; i++)
		walk->offsets[i] = walk->offsets[i + gone] - cut;
	walk->position = 0;
	walk->asked = walk->asked > gone ? walk->asked - gone : 0;
}

/* Make room for one more offset. */
static bool grow(struct walk *walk)
{
	size_t cap = walk->cap ? walk->cap * 2 : 256;
	uint32_t *more;

	if (walk->count < walk->cap)
		return true;
	more = realloc(walk->offsets, cap * sizeof(*more));
	if (!more)
		return false;
	walk->offsets = more;
	walk->cap = cap;
	return true;
}

void walks_add(struct walks *walks, const char *dir, uint64_t ticket,
               const char *name)
{
	WITH_LOCK(&walks->lock);
	struct walk *walk = find_locked(walks, dir);
	size_t at;

	if (!walk || walk->ticket != ticket)
		return;
	if (walk->count == NAMES_MAX)
		forget_passed(walk);
	if (walk->count == NAMES_MAX || !grow(walk))
		return;
	at = walk->text.len;
	str_add_mem(&walk->text, name, strlen(name) + 1);
	if (str_status(&walk->text) == 0)
		walk->offsets[walk->count++] = (uint32_t)at;
}

/* Whether the i-th name, with or without its slash, is that name. */
static bool is_name(const struct walk *walk, size_t i, const char *name,
                    size_t len)
{
	const char *at = name_at(walk, i);

	return strncmp(at, name, len) == 0 &&
	       (at[len] == 0 || (at[len] == '/' && at[len + 1] == 0));
}

/* Binary search of a text; count when it is not there. */
static size_t search(const struct walk *walk, const char *text)
{
	size_t low = 0;
	size_t high = walk->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int r = strcmp(name_at(walk, mid), text);

		if (r == 0)
			return mid;
		if (r < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return walk->count;
}

/* Where a name is: first near the position, then anywhere. */
static size_t locate(const struct walk *walk, const char *name)
{
	size_t len = strlen(name);
	size_t near = walk->position + SKIP_MAX;
	cleanup(freep) char *dir = NULL;
	size_t i;

	for (i = walk->position; i < walk->count && i < near; i++)
		if (is_name(walk, i, name, len))
			return i;
	i = search(walk, name);
	dir = i == walk->count ? key_as_dir(name) : NULL;
	return dir ? search(walk, dir) : i;
}

/* Move the walk to the i-th name: further in order, or a jump. */
static void move_to(struct walk *walk, size_t i)
{
	bool in_order = i >= walk->position && i < walk->position + SKIP_MAX;

	if (!in_order) {
		walk->window = 0;
		walk->asked = i + 1;
	} else if (walk->window < WINDOW_MAX) {
		walk->window = walk->window ? walk->window * 2 : WINDOW_MIN;
	}
	walk->position = i + 1;
	if (walk->asked < walk->position)
		walk->asked = walk->position;
}

/* An ahead for the i-th name; NULL: out of memory. */
static struct ahead *ahead_new(struct bucket *bucket, const struct walk *walk,
                               size_t i)
{
	const char *name = name_at(walk, i);
	size_t len = strlen(name);
	size_t dir_len = strlen(walk->dir);
	struct ahead *ahead = calloc(1, sizeof(*ahead) + dir_len + len + 2);
	char *at;

	if (!ahead)
		return NULL;
	if (name[len - 1] == '/')
		len--;
	at = ahead->key;
	if (dir_len > 0) {
		memcpy(at, walk->dir, dir_len);
		at[dir_len] = '/';
		at += dir_len + 1;
	}
	memcpy(at, name, len);
	ahead->find.bucket = bucket;
	ahead->find.key = ahead->key;
	return ahead;
}

static void ahead_done(struct find *find)
{
	find_release(find);
	free(container_of(find, struct ahead, find));
}

/* What is to be asked now, into aheads; returns how many. */
static size_t plan_locked(struct walks *walks, const char *dir,
                          const char *name, struct ahead **aheads)
{
	struct walk *walk = find_locked(walks, dir);
	size_t planned = 0;
	size_t i = walk ? locate(walk, name) : 0;

	if (!walk || i == walk->count)
		return 0;
	move_to(walk, i);
	while (walk->asked < walk->count &&
	       walk->asked < walk->position + walk->window) {
		struct ahead *ahead =
			ahead_new(walks->bucket, walk, walk->asked++);

		if (ahead)
			aheads[planned++] = ahead;
	}
	return planned;
}

void walks_step(struct walks *walks, const char *dir, const char *name)
{
	struct ahead *aheads[WINDOW_MAX];
	size_t planned;

	if (walks->bucket->attrs != FS_ATTRS_HEAD)
		return;
	(void)pthread_mutex_lock(&walks->lock);
	planned = plan_locked(walks, dir, name, aheads);
	(void)pthread_mutex_unlock(&walks->lock);

	for (size_t i = 0; i < planned; i++) {
		aheads[i]->find.done = ahead_done;
		find_start(&aheads[i]->find);
	}
}
