/* SPDX-License-Identifier: MIT */
/*
 * From unlink to the last release a doomed version is hidden and listed in the
 * table.  Then its DELETE is sent, under the key's turn, and only if the
 * version still is the key's: a store that heeds If-Match on DELETE is told,
 * any other is asked by a HEAD just before.
 */
#include "doomed.h"

#include "ask.h"
#include "base/lock.h"
#include "base/log.h"
#include "key.h"
#include "overlay.h"
#include "turn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One DELETE under way. */
struct doom {
	struct ask ask;
	struct turn turn;
	struct inode *inode; /* shares; NULL = none */
	struct bucket *bucket;
	char *key;
	char etag[STORE_ETAG_MAX];
};

static void doom_free(struct doom *doom)
{
	if (!doom)
		return;
	free(doom->key);
	free(doom);
}
DEFINE_CLEANUP(struct doom *, doom_free);

/* The new file on the name, if it is one that the store has not got; NULL. */
static struct inode *successor(struct inode *inode, const char *key)
{
	struct inode *other = inode_of_key(inode->bucket, key);
	bool fresh = false;

	if (other && other != inode) {
		WITH_LOCK(&other->lock);
		fresh = other->local && !other->attr.etag[0];
	}
	if (other && !fresh)
		inode_unref(take(&other));
	return other;
}

/* Let the new file on the name replace the version. False: it had one before. */
static bool hand_over(struct inode *other, const char *etag)
{
	WITH_LOCK(&other->lock);
	struct inode_extra *extra = inode_extra_locked(other);
	bool first = extra && !extra->replaces_deleted;

	if (!extra)
		return false;
	memcpy(extra->replaces, etag, STORE_ETAG_MAX);
	extra->replaces_deleted = true;
	return first;
}

/* List the inode as doomed. False: it was before. */
static bool list_doomed(struct inode *inode)
{
	WITH_LOCK(&inode->table->lock);

	if (inode->doomed)
		return false;
	inode->doomed = true;
	list_append(&inode->table->doomed, &inode->doomed_link);
	return true;
}

/* What is known of the name from now on; writes the key. */
static void note_doomed(struct inode *inode, const char *etag,
                        char ret_key[STORE_KEY_MAX + 1])
{
	struct fs *fs = inode->table->fs;
	const struct meta absent = {
		.kind = META_ABSENT,
		.fresh_ms =
			clock_ms(fs->parts.clock) + inode->bucket->negative_ms,
	};
	WITH_LOCK(&inode->lock);
	struct meta_name name = inode_name(inode->bucket, inode->key);
	struct inode_extra *extra = inode_extra_locked(inode);

	(void)snprintf(ret_key, STORE_KEY_MAX + 1, "%s", inode->key);
	inode->unlinked = true;
	if (extra)
		memcpy(extra->delete_etag, etag, STORE_ETAG_MAX);
	meta_cache_change(fs->cache, &name, &absent);
}

void inode_doom(struct inode *inode, const char *etag)
{
	struct fs *fs = inode->table->fs;
	char key[STORE_KEY_MAX + 1];
	char copy[STORE_ETAG_MAX];
	struct inode *other;
	bool first;

	(void)snprintf(copy, sizeof(copy), "%s", etag);
	fs_pend(fs);
	note_doomed(inode, copy, key);
	other = successor(inode, key);
	if (other) {
		first = hand_over(other, copy);
		inode_unref(other);
	} else {
		(void)overlay_set(inode->bucket->overlay, key, OVERLAY_HIDDEN);
		first = list_doomed(inode);
	}
	if (!first)
		fs_unpend(fs); /* that one counts already */
}

/* The doomed inode of a key, no longer doomed, referenced; NULL: none. */
static struct inode *pardon(struct bucket *bucket, const char *key)
{
	struct inodes *table = bucket->fs->inodes;
	WITH_LOCK(&table->lock);

	list_for_each(pos, &table->doomed) {
		struct inode *inode =
			container_of(pos, struct inode, doomed_link);

		if (inode->bucket != bucket || strcmp(inode->key, key) != 0)
			continue;
		inode->doomed = false;
		list_remove(&inode->doomed_link);
		inode->refs++;
		return inode;
	}
	return NULL;
}

bool doomed_take(struct bucket *bucket, const char *key,
                 char ret[STORE_ETAG_MAX])
{
	cleanup(inode_unrefp) struct inode *inode = pardon(bucket, key);

	if (!inode)
		return false;

	WITH_LOCK(&inode->lock);

	if (!inode->extra)
		return false;
	memcpy(ret, inode->extra->delete_etag, STORE_ETAG_MAX);
	return true;
}

/* The last hidden name below a removed directory is gone: so is the reason
 * why the directory is hidden. */
static void show_parents(struct bucket *bucket, const char *key)
{
	char *dir = key_parent(key);

	while (dir && dir[0] &&
	       overlay_get(bucket->overlay, dir) == OVERLAY_HIDDEN &&
	       overlay_count_below(bucket->overlay, dir, OVERLAY_HIDDEN) == 0) {
		const struct meta_name name = inode_name(bucket, dir);
		char *child = dir;

		/* listings have shown it meanwhile */
		meta_cache_change(bucket->fs->cache, &name, NULL);
		overlay_clear(bucket->overlay, dir, OVERLAY_HIDDEN);
		dir = key_parent(child);
		free(child);
	}
	free(dir);
}

/*
 * The end of a DELETE: gone, or with status 0 somebody else's version is there,
 * or a failure that shows the name again.
 */
static void doom_end(struct doom *doom, int status, bool gone)
{
	struct fs *fs = doom->bucket->fs;
	struct meta_name name = inode_name(doom->bucket, doom->key);
	const struct meta absent = {
		.kind = META_ABSENT,
		.fresh_ms =
			clock_ms(fs->parts.clock) + doom->bucket->negative_ms,
	};

	if (status < 0)
		log_error("cannot delete \"%s\" in bucket \"%s\" after its "
		          "last release: %s",
		          doom->key, doom->bucket->name,
		          doom->ask.req.err.text);
	if (gone &&
	    overlay_get(doom->bucket->overlay, doom->key) == OVERLAY_HIDDEN)
		meta_cache_change(fs->cache, &name, &absent);
	else /* the name came back, or was given to something new */
		meta_cache_change(fs->cache, &name, NULL);
	overlay_clear(doom->bucket->overlay, doom->key, OVERLAY_HIDDEN);
	show_parents(doom->bucket, doom->key);
	turn_end(&doom->turn);
	inode_unref(doom->inode);
	doom_free(doom);
	fs_unpend(fs);
	fs_end(fs, status);
}

/* The DELETE is answered; what is not there, or another version, is right. */
static void deleted(struct ask *ask)
{
	struct doom *doom = container_of(ask, struct doom, ask);
	int status = ask->req.status;

	if (status == -ENOENT || status == -ESTALE)
		doom_end(doom, 0, status == -ENOENT);
	else
		doom_end(doom, status, status == 0);
}

/* Send the DELETE. */
static void send_delete(struct doom *doom)
{
	struct store_req *req = &doom->ask.req;

	req->verb = STORE_DELETE;
	req->key = doom->key;
	if (store_limits(doom->bucket->store)->delete_if_match)
		req->if_match = doom->etag;
	doom->ask.done = deleted;
	ask_submit(doom->bucket, &doom->ask);
}

/* The HEAD is answered: delete only what we know. */
static void looked(struct ask *ask)
{
	struct doom *doom = container_of(ask, struct doom, ask);
	int status = ask->req.status;

	if (status == 0 && strcmp(ask->req.info.etag, doom->etag) == 0)
		send_delete(doom);
	else
		doom_end(doom, status == -ENOENT ? 0 : status,
		         status == -ENOENT);
}

/* It is our turn. */
static void begin(struct doom *doom)
{
	if (store_limits(doom->bucket->store)->delete_if_match) {
		send_delete(doom);
		return;
	}
	doom->ask.req.verb = STORE_HEAD;
	doom->ask.req.key = doom->key;
	doom->ask.done = looked;
	ask_submit(doom->bucket, &doom->ask);
}

static void granted(struct turn *turn)
{
	begin(container_of(turn, struct doom, turn));
}

/* Take the key's turn and go; takes inode's reference (may be NULL). */
static void start(struct bucket *bucket, const char *key, const char *etag,
                  struct inode *inode)
{
	struct fs *fs = bucket->fs;
	cleanup(doom_freep) struct doom *doom = calloc(1, sizeof(*doom));

	fs_begin(fs);
	if (doom)
		doom->key = strdup(key);
	if (!doom || !doom->key) {
		log_error("cannot delete \"%s\" in bucket \"%s\" after its "
		          "last release: out of memory",
		          key, bucket->name);
		overlay_clear(bucket->overlay, key, OVERLAY_HIDDEN);
		inode_unref(inode);
		fs_unpend(fs);
		fs_end(fs, -ENOMEM);
		return;
	}
	doom->inode = inode;
	doom->bucket = bucket;
	doom->turn.granted = granted;
	memcpy(doom->etag, etag, sizeof(doom->etag));
	struct doom *going = take(&doom);

	if (turn_take(bucket, going->key, &going->turn))
		begin(going);
}

void doomed_delete(struct inode *inode)
{
	char etag[STORE_ETAG_MAX] = "";
	char key[STORE_KEY_MAX + 1];

	(void)pthread_mutex_lock(&inode->lock);
	(void)snprintf(key, sizeof(key), "%s", inode->key);
	if (inode->extra)
		memcpy(etag, inode->extra->delete_etag, sizeof(etag));
	(void)pthread_mutex_unlock(&inode->lock);
	start(inode->bucket, key, etag, inode);
}

void doomed_delete_key(struct bucket *bucket, const char *key,
                       const char etag[STORE_ETAG_MAX])
{
	start(bucket, key, etag, NULL);
}
