/* SPDX-License-Identifier: MIT */
/*
 * A flight is one name being asked about, with everybody who waits for it.
 * It asks what the rule says, side by side, and when the last answer is in,
 * asks the rule again, until that decides.  Its answer goes into the cache and
 * to those who wait; if the mount itself changed the name meanwhile, the
 * answer is worth nothing and each of them begins anew.
 */
#include "find.h"

#include "ask.h"
#include "base/lock.h"
#include "core.h"
#include "escape.h"
#include "find_rule.h"
#include "inode.h"
#include "key.h"
#include "listing.h"
#include "overlay.h"

#include <string.h>

/* A name is looked at alone when none of its neighbours was for so long. */
#define ALONE_MS 2000

struct flight {
	UT_hash_handle hh;   /* bucket->flights_lock: bucket->flights */
	struct list waiters; /* bucket->flights_lock; of find */
	unsigned open;       /* bucket->flights_lock: questions under way */
	bool standing;       /* bucket->flights_lock: in bucket->flights */
	struct bucket *bucket;
	uint64_t moment;
	uint64_t asked_ms;
	struct find_facts facts;
	struct meta hint;

	struct ask head;
	struct ask prefix;
	struct ask dir_head;
	struct page_wait page;
	struct attr file; /* of HEAD, or of the page's line */
	struct attr dir;  /* of HEAD "key/" */
	int status;       /* of the first answer that failed */
	struct err err;
	char *dir_key; /* "key/" */
	char key[];
};

static void flight_free(struct flight *flight)
{
	if (!flight)
		return;
	meta_release(&flight->hint);
	attr_release(&flight->file);
	attr_release(&flight->dir);
	free(flight->dir_key);
	free(flight);
}

/* Remember a failure; the first one is the story. */
static enum find_answer failed(struct flight *flight, int status,
                               const struct err *err)
{
	WITH_LOCK(&flight->bucket->flights_lock);

	if (flight->status == 0) {
		flight->status = status;
		if (err)
			flight->err = *err;
	}
	return FIND_FAILED;
}

static void flight_go(struct flight *flight);

/* One question is answered; after the last one the rule is asked again. */
static void answered(struct flight *flight)
{
	bool last;

	(void)pthread_mutex_lock(&flight->bucket->flights_lock);
	last = --flight->open == 0;
	(void)pthread_mutex_unlock(&flight->bucket->flights_lock);
	if (last)
		flight_go(flight);
}

/* What a HEAD said, as attributes. */
static enum find_answer head_answer(struct flight *flight, struct ask *ask,
                                    uint32_t type, struct attr *ret)
{
	const struct fs_config *config = &flight->bucket->fs->config;
	int r = ask->req.status;

	if (r == -ENOENT)
		return FIND_NO;
	if (r < 0)
		return failed(flight, r, &ask->req.err);
	r = attr_from_info(config, &ask->req.info, type, ret);
	return r < 0 ? failed(flight, r, NULL) : FIND_YES;
}

static void head_done(struct ask *ask)
{
	struct flight *flight = container_of(ask, struct flight, head);

	flight->facts.head = head_answer(flight, ask, S_IFREG, &flight->file);
	answered(flight);
}

static void dir_head_done(struct ask *ask)
{
	struct flight *flight = container_of(ask, struct flight, dir_head);

	flight->facts.dir_head =
		head_answer(flight, ask, S_IFDIR, &flight->dir);
	answered(flight);
}

static void prefix_done(struct ask *ask)
{
	struct flight *flight = container_of(ask, struct flight, prefix);

	if (ask->req.status < 0)
		flight->facts.dir =
			failed(flight, ask->req.status, &ask->req.err);
	else
		flight->facts.dir =
			ask->req.list.count > 0 ? FIND_YES : FIND_NO;
	answered(flight);
}

/*
 * The page's line of the name: all that is wanted, or a version of which a HEAD
 * has taught.
 */
static void take_line(struct flight *flight, const struct store_entry *entry)
{
	struct find_facts *facts = &flight->facts;
	struct attr seen;

	attr_from_entry(&flight->bucket->fs->config, entry, &seen);
	facts->same = facts->hint == META_FILE && facts->hint_head &&
	              attr_same_object(&seen, &flight->hint.attr);
	if (facts->same) {
		attr_copy(&flight->file, &flight->hint.attr);
		flight->file.modified = seen.modified;
		flight->file.known &= ~(unsigned)ATTR_GUESSED;
	} else if (!facts->attrs_head) {
		attr_copy(&flight->file, &seen);
	}
}

static void page_done(struct page_wait *wait)
{
	struct flight *flight = container_of(wait, struct flight, page);

	flight->facts.listed = wait->listed;
	flight->facts.dir = wait->dir;
	if (wait->status < 0)
		(void)failed(flight, wait->status, &wait->err);
	else if (wait->entry)
		take_line(flight, wait->entry);
	answered(flight);
}

/* Send the questions, which are counted already. */
static void send(struct flight *flight, unsigned ask)
{
	struct bucket *bucket = flight->bucket;

	if (ask & FIND_HEAD) {
		flight->head.req.verb = STORE_HEAD;
		flight->head.req.key = flight->key;
		flight->head.done = head_done;
		ask_submit(bucket, &flight->head);
	}
	if (ask & FIND_DIR_HEAD) {
		flight->dir_head.req.verb = STORE_HEAD;
		flight->dir_head.req.key = flight->dir_key;
		flight->dir_head.done = dir_head_done;
		ask_submit(bucket, &flight->dir_head);
	}
	if (ask & FIND_PREFIX) {
		flight->prefix.req.verb = STORE_LIST;
		flight->prefix.req.list.prefix = flight->dir_key;
		flight->prefix.req.list.max_keys = 1;
		flight->prefix.done = prefix_done;
		ask_submit(bucket, &flight->prefix);
	}
	if (ask & FIND_PAGE) {
		flight->page.key = flight->key;
		flight->page.done = page_done;
		page_ask(bucket, &flight->page);
	}
}

/* A directory's attributes: its object's, those known before, or none. */
static void dir_result(struct flight *flight, struct meta *meta)
{
	struct fs *fs = flight->bucket->fs;
	bool asked = flight->facts.dir_head != FIND_NOT_ASKED;

	if (flight->facts.dir_head == FIND_YES)
		attr_copy(&meta->attr, &flight->dir);
	else if (!asked && flight->facts.hint == META_DIR)
		attr_copy(&meta->attr, &flight->hint.attr);
	else
		attr_of_dir(&fs->config, &fs->started, &meta->attr);
	meta->attr_ms = flight->hint.attr_ms;
	if (!asked)
		return;
	meta->attr.known |= ATTR_FROM_LIST | ATTR_FROM_HEAD;
	meta->attr_ms = flight->asked_ms + flight->bucket->ttl_ms;
}

/* The decided answer as a record of the cache. */
static struct meta result(struct flight *flight, enum meta_kind kind)
{
	struct bucket *bucket = flight->bucket;
	struct meta meta = {.kind = kind};

	meta.fresh_ms =
		flight->asked_ms +
		(kind == META_ABSENT ? bucket->negative_ms : bucket->ttl_ms);
	if (kind == META_FILE)
		attr_copy(&meta.attr, &flight->file);
	if (kind == META_DIR)
		dir_result(flight, &meta);
	return meta;
}

/* Answer with what the cache said or a flight brought. */
static void deliver(struct find *find, const struct meta *meta, uint64_t moment)
{
	struct bucket *bucket = find->bucket;
	struct fs *fs = bucket->fs;

	find->moment = moment;
	find->meta = *meta;
	find->meta.attr.meta = attr_meta_ref(meta->attr.meta);
	find->status = meta->kind == META_ABSENT ? -ENOENT : 0;
	if (meta->kind != META_DIR &&
	    overlay_get(bucket->overlay, find->key) == OVERLAY_DIR) {
		find_release(find);
		find->meta.kind = META_DIR;
		attr_of_dir(&fs->config, &fs->started, &find->meta.attr);
		find->status = 0;
	}
	find->done(find);
}

/* Let nobody join the flight any more. */
static void stand_down_locked(struct flight *flight)
{
	if (flight->standing)
		HASH_DEL(flight->bucket->flights, flight);
	flight->standing = false;
}

/* Let others join the flight, instead of an older one that is outdated. */
static void stand_locked(struct flight *flight)
{
	struct bucket *bucket = flight->bucket;
	struct flight *old;

	HASH_FIND_STR(bucket->flights, flight->key, old);
	if (old)
		stand_down_locked(old);
	HASH_ADD_KEYPTR(hh, bucket->flights, flight->key, strlen(flight->key),
	                flight);
	flight->standing = flight->hh.tbl != NULL;
}

/* The flight is over: nobody joins any more, all who wait are told. */
static void land(struct flight *flight, const struct find_verdict *verdict)
{
	struct bucket *bucket = flight->bucket;
	const struct meta_name name = {bucket->number, flight->key};
	struct meta meta = {0};
	bool current = true;

	(void)pthread_mutex_lock(&bucket->flights_lock);
	stand_down_locked(flight);
	(void)pthread_mutex_unlock(&bucket->flights_lock);

	if (!verdict->failed) {
		meta = result(flight, verdict->kind);
		current = meta_cache_put(bucket->fs->cache, &name,
		                         flight->moment, &meta);
	}
	list_for_each_safe(pos, &flight->waiters) {
		struct find *find = container_of(pos, struct find, link);

		if (!current) {
			find_start(find);
		} else if (verdict->failed) {
			find->status = flight->status;
			find->err = flight->err;
			find->done(find);
		} else {
			deliver(find, &meta, flight->moment);
		}
	}
	meta_release(&meta);
	flight_free(flight);
}

/* Ask the rule, then the store; or land. */
static void flight_go(struct flight *flight)
{
	struct find_verdict verdict = find_rule(&flight->facts);
	unsigned open = (unsigned)__builtin_popcount(verdict.ask);

	if (open == 0) {
		land(flight, &verdict);
		return;
	}
	(void)pthread_mutex_lock(&flight->bucket->flights_lock);
	flight->open = open;
	(void)pthread_mutex_unlock(&flight->bucket->flights_lock);
	send(flight, verdict.ask);
}

/* Whether a file's key is beside a directory that only is here. */
static bool beside_kept_dir(struct bucket *bucket, const char *key)
{
	cleanup(freep) char *plain =
		escape_is_aside(key)
			? strndup(key, strlen(key) - strlen(ESCAPE_ASIDE))
			: NULL;

	return plain && overlay_get(bucket->overlay, plain) == OVERLAY_DIR;
}

/* What is known of "key/" before anything is asked. */
static enum find_answer dir_before(const struct flight *flight)
{
	if (beside_kept_dir(flight->bucket, flight->key))
		return FIND_YES;
	return strlen(flight->dir_key) > STORE_KEY_MAX ? FIND_NO
	                                               : FIND_NOT_ASKED;
}

/* What is known before anything is asked. */
static void known_before(struct flight *flight, const struct find *find)
{
	struct bucket *bucket = find->bucket;
	struct fs *fs = bucket->fs;
	cleanup(freep) char *dir = key_parent(find->key);
	const struct meta_name name = {bucket->number, dir ? dir : ""};
	uint64_t last = meta_cache_asked(fs->cache, &name);

	flight->moment = meta_cache_moment(fs->cache);
	flight->asked_ms = clock_ms(fs->parts.clock);
	flight->facts = (struct find_facts){
		.attrs_head = bucket->attrs == FS_ATTRS_HEAD,
		.hint = flight->hint.kind,
		.hint_fresh = flight->asked_ms < flight->hint.fresh_ms,
		.hint_head = flight->hint.attr.known & ATTR_FROM_HEAD,
		.big = meta_cache_is_big(fs->cache, &name),
		.aside = escape_is_aside(find->key),
		.dir = dir_before(flight),
		.alone = find->alone &&
	                 (last == 0 || flight->asked_ms - last >= ALONE_MS),
	};
}

/* "key/", without the mark of a file beside that directory. */
static char *dir_key(const char *key)
{
	cleanup(freep) char *plain = strdup(key);

	if (plain && escape_is_aside(key))
		plain[strlen(key) - strlen(ESCAPE_ASIDE)] = 0;
	return plain ? key_as_dir(plain) : NULL;
}

/* A flight for a name, on which hint is the last knowledge; takes hint. */
static struct flight *flight_new(const struct find *find, struct meta *hint)
{
	size_t len = strlen(find->key);
	struct flight *flight = calloc(1, sizeof(*flight) + len + 1);

	if (!flight) {
		meta_release(hint);
		return NULL;
	}
	memcpy(flight->key, find->key, len);
	flight->bucket = find->bucket;
	flight->hint = *hint;
	list_init(&flight->waiters);
	flight->dir_key = dir_key(find->key);
	if (!flight->dir_key) {
		flight_free(flight);
		return NULL;
	}
	known_before(flight, find);
	return flight;
}

/* Join the flight of a name, if one is under way that is no older than our
 * last change of it. */
static bool join_locked(struct find *find)
{
	struct bucket *bucket = find->bucket;
	const struct meta_name name = {bucket->number, find->key};
	struct flight *flight;

	HASH_FIND_STR(bucket->flights, find->key, flight);
	if (!flight ||
	    meta_cache_changed(bucket->fs->cache, &name, flight->moment))
		return false;
	list_append(&flight->waiters, &find->link);
	return true;
}

/* Join a flight or start one; takes hint. */
static void fly(struct find *find, struct meta *hint)
{
	struct bucket *bucket = find->bucket;
	struct flight *flight = NULL;
	bool joined;

	(void)pthread_mutex_lock(&bucket->flights_lock);
	joined = join_locked(find);
	if (joined)
		meta_release(hint);
	else
		flight = flight_new(find, hint);
	if (flight) {
		list_append(&flight->waiters, &find->link);
		stand_locked(flight);
	}
	(void)pthread_mutex_unlock(&bucket->flights_lock);

	if (flight) {
		flight_go(flight);
	} else if (!joined) {
		find->status = err_set(&find->err, -ENOMEM, "out of memory");
		find->done(find);
	}
}

/* Whether what is known freshly is enough. */
static bool enough(const struct bucket *bucket, const struct meta *meta)
{
	return bucket->attrs == FS_ATTRS_LIST ||
	       meta->attr.known & ATTR_FROM_HEAD;
}

void find_start(struct find *find)
{
	struct bucket *bucket = find->bucket;
	struct fs *fs = bucket->fs;
	const struct meta_name name = {bucket->number, find->key};
	uint64_t moment = meta_cache_moment(fs->cache);
	struct meta meta;
	int r;

	find->meta = (struct meta){0};
	if (overlay_get(bucket->overlay, find->key) == OVERLAY_HIDDEN) {
		meta = (struct meta){.kind = META_ABSENT};
		deliver(find, &meta, moment);
		return;
	}
	r = meta_cache_get(fs->cache, &name, &meta);
	if (r == -ENOENT && beside_kept_dir(bucket, find->key))
		r = -ENODATA;
	if (r == -ENOENT || (r == 0 && enough(bucket, &meta))) {
		deliver(find, &meta, moment);
		meta_release(&meta);
		return;
	}
	fly(find, &meta);
}
