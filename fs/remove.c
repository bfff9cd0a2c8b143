/* SPDX-License-Identifier: MIT */
/*
 * UNLINK and RMDIR.
 *
 * A file that only is here goes without a request; one that somebody has open
 * is hidden and doomed (doomed.h); any other is deleted at the store before the
 * call is answered.  A directory is removed when nothing lies below it, by
 * deleting its object if it has one.  The directory in which something was
 * removed stays here even if nothing is left of it at the store.
 */
#include "base/lock.h"
#include "call.h"
#include "content.h"
#include "doomed.h"
#include "errand.h"
#include "escape.h"
#include "inode.h"
#include "key.h"
#include "lookup.h"
#include "overlay.h"

#include <stdio.h>
#include <string.h>

/* One name being removed. */
struct removal {
	struct errand errand;
	struct inode *inode; /* shares; NULL = none is known */
	char *key;
	char *object; /* "key/", of a directory */
};

static void removal_free(struct removal *removal)
{
	if (!removal)
		return;
	inode_unref(removal->inode);
	free(removal->object);
	free(removal->key);
	free(removal);
}
DEFINE_CLEANUP(struct removal *, removal_free);

static void removal_drop(struct errand *errand)
{
	removal_free(container_of(errand, struct removal, errand));
}

/* Keep the directory of key in sight, unless its own object does that. */
static void keep_parent(struct bucket *bucket, const char *key)
{
	cleanup(freep) char *dir = key_parent(key);
	cleanup(inode_unrefp) struct inode *parent =
		dir ? inode_of_key(bucket, dir) : NULL;

	if (!dir || !dir[0])
		return;
	if (parent) {
		WITH_LOCK(&parent->lock);

		if (parent->attr.etag[0])
			return;
	}
	(void)overlay_keep_dir(bucket->overlay, dir); /* else it may vanish */
}

/* The name is gone, for all we know. */
static void forget_name(struct bucket *bucket, const char *key)
{
	const struct meta_name name = inode_name(bucket, key);
	const struct meta absent = {
		.kind = META_ABSENT,
		.fresh_ms =
			clock_ms(bucket->fs->parts.clock) + bucket->negative_ms,
	};

	keep_parent(bucket, key);
	meta_cache_change(bucket->fs->cache, &name, &absent);
}

/*
 * A directory is gone.  Unless it is known that no file stood beside it
 * (escape.h), its name may be that file's now.
 */
static void forget_dir(struct bucket *bucket, const char *key)
{
	struct meta_cache *cache = bucket->fs->cache;
	char beside[ESCAPE_PATH_MAX + sizeof(ESCAPE_ASIDE)];
	const struct meta_name name = inode_name(bucket, key);
	const struct meta_name aside = inode_name(bucket, beside);
	struct meta meta;
	int r;

	(void)snprintf(beside, sizeof(beside), "%s%s", key, ESCAPE_ASIDE);
	r = meta_cache_get(cache, &aside, &meta);
	meta_release(&meta);
	forget_name(bucket, key);
	if (r == -ENOENT)
		return;
	meta_cache_change(cache, &name, NULL);
	meta_cache_change(cache, &aside, NULL);
}

/* ---- unlink ---- */

enum unlink_way {
	UNLINK_GONE,  /* it has no name any more */
	UNLINK_HERE,  /* it only is here: no request */
	UNLINK_LATER, /* somebody has it open: at the last release */
	UNLINK_NOW,
};

/* Whether the inode still has that name. */
static bool has_name_locked(const struct inode *inode, const char *key)
{
	return !inode->unlinked && strcmp(inode->key, key) == 0;
}

/* How an inode (NULL = none known) is unlinked from key. */
static enum unlink_way way_to_unlink(struct inode *inode, const char *key)
{
	if (!inode)
		return UNLINK_NOW;

	WITH_LOCK(&inode->lock);

	if (!has_name_locked(inode, key))
		return UNLINK_GONE;
	if (inode->local && !inode->attr.etag[0])
		return UNLINK_HERE;
	return inode->local || inode->content ? UNLINK_LATER : UNLINK_NOW;
}

/* Remove a name that only is here. False: it no longer is only here. */
static bool unlink_here(struct inode *inode, const char *key)
{
	struct bucket *bucket = inode->bucket;
	char replaces[STORE_ETAG_MAX] = "";
	bool counted = false;
	bool here;

	(void)pthread_mutex_lock(&inode->lock);
	here = has_name_locked(inode, key) && inode->local &&
	       !inode->attr.etag[0];
	if (here) {
		inode->unlinked = true;
		overlay_clear(bucket->overlay, key, OVERLAY_LOCAL);
	}
	if (here && inode->extra) {
		memcpy(replaces, inode->extra->replaces, sizeof(replaces));
		counted = inode->extra->replaces_deleted;
		inode->extra->replaces_deleted = false;
	}
	(void)pthread_mutex_unlock(&inode->lock);
	if (!here)
		return false;

	forget_name(bucket, key);
	inode_take_off(inode);
	if (replaces[0]) /* or the old file would come back */
		inode_doom(inode, replaces);
	if (counted)
		fs_unpend(bucket->fs);
	content_abandon(inode);
	return true;
}

/*
 * Hide a name whose file is open; its DELETE comes with the last release.
 * False: it changed meanwhile.
 */
static bool unlink_later(struct inode *inode, const char *key)
{
	char etag[STORE_ETAG_MAX];
	bool stored;

	(void)pthread_mutex_lock(&inode->lock);
	memcpy(etag, inode->attr.etag, sizeof(etag));
	stored = has_name_locked(inode, key) && etag[0];
	if (stored)
		inode->unlinked = true;
	(void)pthread_mutex_unlock(&inode->lock);
	if (!stored)
		return false;

	keep_parent(inode->bucket, key);
	inode_take_off(inode);
	inode_doom(inode, etag);
	content_abandon(inode);
	return true;
}

/* Unlink without a request: 0 or -ENOENT; 1: by a DELETE, now. */
static int unlink_at_once(struct inode *inode, const char *key)
{
	bool done = false;

	while (!done) {
		switch (way_to_unlink(inode, key)) {
		case UNLINK_GONE:
			return -ENOENT;
		case UNLINK_HERE:
			done = unlink_here(inode, key);
			break;
		case UNLINK_LATER:
			done = unlink_later(inode, key);
			break;
		case UNLINK_NOW:
			return 1;
		}
	}
	return 0;
}

/* A directory went whose open files are still stored: it does not show. */
static void hide_directory(struct removal *removal)
{
	struct bucket *bucket = removal->errand.bucket;

	if (removal->object &&
	    overlay_count_below(bucket->overlay, removal->key, OVERLAY_HIDDEN) >
	            0)
		(void)overlay_set(bucket->overlay, removal->key,
		                  OVERLAY_HIDDEN);
}

/* The end of a removal that asked the store. */
static void removal_end(struct removal *removal, int status)
{
	struct bucket *bucket = removal->errand.bucket;
	const struct meta_name name = inode_name(bucket, removal->key);
	struct fs_call *call;

	if (status == 0) {
		overlay_clear(bucket->overlay, removal->key, OVERLAY_DIR);
		if (removal->object)
			forget_dir(bucket, removal->key);
		else
			forget_name(bucket, removal->key);
		hide_directory(removal);
		if (removal->inode)
			inode_take_off(removal->inode);
	} else {
		meta_cache_change(bucket->fs->cache, &name, NULL);
	}
	call = errand_end(&removal->errand, status, "remove");
	if (call)
		call_fail(call, status, &removal->errand.ask.req.err);
	removal_free(removal);
}

/* A DELETE in doubt: is the object still there? */
static void looked_for(struct ask *ask)
{
	struct removal *removal = container_of(ask, struct removal, errand.ask);
	int status = ask_status(ask);

	if (status == 0)
		status = err_set(&ask->req.err, -EIO,
		                 "the store did not delete \"%s\"",
		                 removal->key);
	else if (status < 0 && status != -ENOENT && removal->inode)
		inode_outdated(removal->inode); /* who knows */
	removal_end(removal, status == -ENOENT ? 0 : status);
}

/* The DELETE is answered. */
static void deleted(struct ask *ask)
{
	struct removal *removal = container_of(ask, struct removal, errand.ask);
	int status = ask_status(ask);

	if (status < 0 && ask->req.maybe_applied && status != -EINTR) {
		ask->req.verb = STORE_HEAD;
		ask->done = looked_for;
		ask_submit(removal->errand.bucket, ask);
		return;
	}
	removal_end(removal, status == -ENOENT ? 0 : status);
}

/* Send the DELETE of an object. */
static void send_delete(struct removal *removal, const char *object)
{
	struct ask *ask = &removal->errand.ask;

	ask->req.verb = STORE_DELETE;
	ask->req.key = object;
	ask->done = deleted;
	ask_submit(removal->errand.bucket, ask);
}

/* Our turn: the file may have been opened while we waited for it. */
static void unlink_go(struct errand *errand)
{
	struct removal *removal = container_of(errand, struct removal, errand);
	int r = unlink_at_once(removal->inode, removal->key);
	struct fs_call *call;

	if (r > 0) {
		send_delete(removal, removal->key);
		return;
	}
	call = errand_end(errand, r, "remove");
	if (call)
		call_answer(call, r);
	removal_free(removal);
}

/* What both calls begin with. */
static int removal_new(struct inode *parent, const char *name,
                       struct removal **ret)
{
	cleanup(removal_freep) struct removal *removal =
		calloc(1, sizeof(*removal));
	int r;

	if (!removal)
		return -ENOMEM;
	r = inode_child_key(parent, name, &removal->key);
	if (r < 0)
		return r;
	removal->inode = inode_of_key(parent->bucket, removal->key);
	removal->errand.bucket = parent->bucket;
	removal->errand.free = removal_drop;
	*ret = take(&removal);
	return 0;
}

void fs_unlink(struct fs *fs, struct fs_call *call, uint64_t parent,
               const char *name)
{
	cleanup(inode_unrefp) struct inode *dir = lookup_node(fs, call, parent);
	cleanup(removal_freep) struct removal *removal = NULL;
	bool stored;
	int r;

	if (!dir)
		return;
	r = removal_new(dir, name, &removal);
	if (r == 0 && removal->inode && removal->inode->kind == INODE_DIR)
		r = -EISDIR;
	if (r == 0) {
		stored = way_to_unlink(removal->inode, removal->key) !=
		         UNLINK_HERE;
		r = bucket_may_change(dir->bucket, stored, &call->err);
	}
	if (r == 0)
		r = unlink_at_once(removal->inode, removal->key);
	if (r <= 0) {
		call_answer(call, r);
		return;
	}

	struct removal *going = take(&removal);

	going->errand.go = unlink_go;
	errand_start(&going->errand, call, going->key);
}

/* ---- rmdir ---- */

/* What a listing of everything below the directory says. */
static int judge(struct removal *removal, bool *ret_object)
{
	struct bucket *bucket = removal->errand.bucket;
	const struct store_list *list = &removal->errand.ask.req.list;
	char key[STORE_KEY_MAX + 1];

	*ret_object = false;
	for (size_t i = 0; i < list->count; i++) {
		const struct store_entry *entry = &list->entries[i];

		if (entry->key_len > STORE_KEY_MAX)
			return -ENOTEMPTY;
		memcpy(key, entry->key, entry->key_len);
		key[entry->key_len] = 0;
		if (strcmp(key, removal->object) == 0)
			*ret_object = true;
		else if (overlay_get(bucket->overlay, key) != OVERLAY_HIDDEN)
			return -ENOTEMPTY;
	}
	if (list->count == 0 &&
	    overlay_get(bucket->overlay, removal->key) != OVERLAY_DIR)
		return -ENOENT;
	return 0;
}

/* The listing came. */
static void listed(struct ask *ask)
{
	struct removal *removal = container_of(ask, struct removal, errand.ask);
	int status = ask_status(ask);
	bool object = false;

	if (status == 0)
		status = judge(removal, &object);
	if (status == 0 && object)
		send_delete(removal, removal->object);
	else
		removal_end(removal, status);
}

/* Our turn: is anything below it? */
static void rmdir_go(struct errand *errand)
{
	struct removal *removal = container_of(errand, struct removal, errand);
	struct store_req *req = &errand->ask.req;
	size_t hidden = overlay_count_below(errand->bucket->overlay,
	                                    removal->key, OVERLAY_HIDDEN);

	req->verb = STORE_LIST;
	req->list.prefix = removal->object;
	req->list.max_keys = hidden < 998 ? (unsigned)hidden + 2 : 1000;
	errand->ask.done = listed;
	ask_submit(errand->bucket, &errand->ask);
}

/* Whether something that only is here keeps the directory from going. */
static bool has_local_names(struct bucket *bucket, const char *key)
{
	return overlay_count(bucket->overlay, key, OVERLAY_DIR) > 0 ||
	       overlay_count_below(bucket->overlay, key, OVERLAY_LOCAL) > 0;
}

void fs_rmdir(struct fs *fs, struct fs_call *call, uint64_t parent,
              const char *name)
{
	cleanup(inode_unrefp) struct inode *dir = lookup_node(fs, call, parent);
	cleanup(removal_freep) struct removal *removal = NULL;
	int r;

	if (!dir)
		return;
	r = removal_new(dir, name, &removal);
	if (r == 0)
		r = bucket_may_change(dir->bucket, true, &call->err);
	if (r == 0 && removal->inode && removal->inode->kind != INODE_DIR)
		r = -ENOTDIR;
	if (r == 0 && has_local_names(dir->bucket, removal->key))
		r = -ENOTEMPTY;
	if (r == 0) {
		removal->object = key_as_dir(removal->key);
		r = removal->object ? 0 : -ENOMEM;
	}
	if (r < 0) {
		call_answer(call, r);
		return;
	}

	struct removal *going = take(&removal);

	going->errand.go = rmdir_go;
	errand_start(&going->errand, call, going->key);
}
