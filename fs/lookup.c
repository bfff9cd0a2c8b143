/* SPDX-License-Identifier: MIT */
/*
 * LOOKUP and GETATTR: from the inode when it is local or fresh, else by a find.
 *
 * A nodeid is one version.  When GETATTR finds another one under the name, the
 * old inode is off its name: who has it open goes on seeing it, anybody else
 * gets ESTALE, on which the kernel looks the name up again.
 */
#include "lookup.h"

#include "base/lock.h"
#include "call.h"
#include "key.h"
#include "walk.h"

#include <string.h>

/* A LOOKUP or GETATTR that has to find out. */
struct looking {
	struct find find;
	struct fs *fs;
	struct fs_call *call; /* slot */
	struct inode *inode;  /* the one to be fresh: shares */
	lookup_then_fn *then; /* goes on with it */
	char *text;           /* what then() is told */
	char key[];
};

int lookup_see(struct bucket *bucket, const char *key, const struct meta *meta,
               uint64_t moment, struct inode **ret)
{
	const struct inode_seen seen = {
		.bucket = bucket,
		.key = key,
		.kind = meta->kind == META_DIR     ? INODE_DIR
	                : S_ISLNK(meta->attr.mode) ? INODE_SYMLINK
	                                           : INODE_FILE,
		.attr = &meta->attr,
		.fresh_ms = meta->fresh_ms,
		.moment = moment,
	};

	return inode_see(&seen, ret);
}

struct inode *lookup_node(struct fs *fs, struct fs_call *call, uint64_t nodeid)
{
	struct inode *inode = inode_get(fs->inodes, nodeid);

	if (!inode)
		call_answer(call, -ESTALE);
	return inode;
}

/* A looking for a key, parked; NULL: the call is answered. */
static struct looking *looking_new(struct bucket *bucket, struct fs_call *call,
                                   const char *key, const char *text)
{
	size_t len = strlen(key) + 1;
	size_t text_len = text ? strlen(text) + 1 : 0;
	struct looking *looking = calloc(1, sizeof(*looking) + len + text_len);

	if (!looking) {
		call_answer(call, -ENOMEM);
		return NULL;
	}
	memcpy(looking->key, key, len);
	if (text)
		looking->text = memcpy(looking->key + len, text, text_len);
	looking->fs = bucket->fs;
	looking->find.bucket = bucket;
	looking->find.key = looking->key;
	if (!call_park(looking->fs, call, &looking->call)) {
		free(looking);
		call_answer(call, -EINTR);
		return NULL;
	}
	return looking;
}

static void looking_free(struct looking *looking)
{
	find_release(&looking->find);
	inode_unref(looking->inode);
	free(looking);
}

/* Answer a LOOKUP with an inode; takes the reference. */
static void answer_entry(struct fs_call *call, struct inode *inode)
{
	inode_entry(inode, &call->entry);
	inode_add_lookup(inode);
	inode_unref(inode);
	call_answer(call, 0);
}

/* Answer a LOOKUP of an absent name, which the kernel may believe a while. */
static void answer_absent(struct fs *fs, struct fs_call *call,
                          uint64_t fresh_ms)
{
	uint64_t now = clock_ms(fs->parts.clock);

	call->entry = (struct fs_entry){
		.entry_ms = fresh_ms > now ? fresh_ms - now : 0,
	};
	call_answer(call, -ENOENT);
}

/* The store has nothing under a name: who stood on it does so no more. */
static void nothing_there(const struct find *find)
{
	struct bucket *bucket = find->bucket;
	const struct meta_name name = inode_name(bucket, find->key);
	cleanup(inode_unrefp) struct inode *inode =
		inode_of_key(bucket, find->key);
	bool local;

	if (!inode ||
	    meta_cache_changed(bucket->fs->cache, &name, find->moment))
		return;
	(void)pthread_mutex_lock(&inode->lock);
	local = inode->local;
	(void)pthread_mutex_unlock(&inode->lock);
	if (!local)
		inode_take_off(inode);
}

/* The end of a LOOKUP. */
static void looked_up(struct find *find)
{
	struct looking *looking = container_of(find, struct looking, find);
	struct inode *inode = NULL;
	struct fs_call *call;
	int r = find->status;

	if (r == 0)
		r = lookup_see(find->bucket, find->key, &find->meta,
		               find->moment, &inode);
	if (r == -EAGAIN) {
		find_release(find);
		find_start(find);
		return;
	}
	if (r == -ENOENT)
		nothing_there(find);
	call = call_claim(looking->fs, &looking->call);
	if (!call)
		inode_unref(inode);
	else if (r == 0)
		answer_entry(call, inode);
	else if (r == -ENOENT)
		answer_absent(looking->fs, call, find->meta.fresh_ms);
	else
		call_fail(call, r, &find->err);
	looking_free(looking);
}

/* LOOKUP in the root: a bucket's name. */
static void lookup_bucket(struct fs *fs, struct fs_call *call, const char *name)
{
	struct bucket *bucket = bucket_find(fs, name);

	if (bucket)
		answer_entry(call, inode_ref(bucket->root));
	else
		answer_absent(fs, call, 0);
}

/* The inode of a name that is local, or NULL. */
static struct inode *local_inode(struct bucket *bucket, const char *key)
{
	struct inode *inode = inode_of_key(bucket, key);
	bool local;

	if (!inode)
		return NULL;
	(void)pthread_mutex_lock(&inode->lock);
	local = inode->local;
	(void)pthread_mutex_unlock(&inode->lock);
	if (!local)
		inode_unref(take(&inode));
	return inode;
}

/* LOOKUP in a bucket. */
static void lookup_name(struct fs_call *call, struct inode *parent,
                        const char *name)
{
	struct bucket *bucket = parent->bucket;
	cleanup(freep) char *key = NULL;
	cleanup(freep) char *dir = NULL;
	struct looking *looking;
	struct inode *local;
	int r = inode_child_key(parent, name, &key);

	if (r == 0)
		r = bucket_works(bucket, &call->err);
	if (r < 0) {
		call_answer(call, r == -EINVAL || r == -EILSEQ ? -ENOENT : r);
		return;
	}
	local = local_inode(bucket, key);
	if (local) {
		answer_entry(call, local);
		return;
	}
	looking = looking_new(bucket, call, key, NULL);
	if (!looking)
		return;
	looking->find.done = looked_up;
	find_start(&looking->find);
	dir = key_parent(key);
	if (dir)
		walks_step(bucket->walks, dir, name);
}

void fs_lookup(struct fs *fs, struct fs_call *call, uint64_t parent,
               const char *name)
{
	cleanup(inode_unrefp) struct inode *inode =
		lookup_node(fs, call, parent);

	if (!inode)
		return;
	if (inode->kind == INODE_ROOT)
		lookup_bucket(fs, call, name);
	else
		lookup_name(call, inode, name);
}

/* Whether somebody has the inode open, so that it goes on being seen. */
static bool seen_by_openers(struct inode *inode)
{
	WITH_LOCK(&inode->lock);

	return inode->content || inode->unlinked || inode->local;
}

/*
 * The store has another version under the inode's name, or none: 0 for who has
 * it open, else status.  A file that is being rewritten is its own truth.
 */
static int superseded(struct inode *inode, int status)
{
	bool local;

	(void)pthread_mutex_lock(&inode->lock);
	local = inode->local;
	(void)pthread_mutex_unlock(&inode->lock);
	if (local)
		return 0;
	inode_tell_name(inode);
	inode_take_off(inode);
	return seen_by_openers(inode) ? 0 : status;
}

/* The end of a question about an inode. */
static void looked_at(struct find *find)
{
	struct looking *looking = container_of(find, struct looking, find);
	struct inode *inode = looking->inode;
	cleanup(inode_unrefp) struct inode *current = NULL;
	struct fs_call *call;
	int r = find->status;

	if (r == 0)
		r = lookup_see(find->bucket, find->key, &find->meta,
		               find->moment, &current);
	if (r == -EAGAIN) {
		find_release(find);
		find_start(find);
		return;
	}
	if (r == -ENOENT || (r == 0 && current != inode))
		r = superseded(inode, r < 0 ? r : -ESTALE);
	call = call_claim(looking->fs, &looking->call);
	if (call && r == 0)
		looking->then(call, inode, looking->text);
	else if (call)
		call_fail(call, r, &find->err);
	looking_free(looking);
}

/* Whether the inode's attributes can be shown as they are. */
static bool is_known(struct inode *inode)
{
	uint64_t now = clock_ms(inode->table->fs->parts.clock);
	WITH_LOCK(&inode->lock);

	return inode->kind == INODE_ROOT || inode->kind == INODE_BUCKET ||
	       inode->local || inode->unlinked || now < inode->fresh_ms;
}

void lookup_fresh(struct fs_call *call, struct inode *inode,
                  lookup_then_fn *then, const char *text)
{
	cleanup(freep) char *key = NULL;
	cleanup(freep) char *dir = NULL;
	struct bucket *bucket = inode->bucket;
	struct looking *looking;

	if (!inode_linked(inode)) {
		if (seen_by_openers(inode))
			then(call, inode, text);
		else
			call_answer(call, -ESTALE);
		return;
	}
	if (is_known(inode)) {
		then(call, inode, text);
		return;
	}
	key = inode_copy_key(inode);
	dir = key ? key_parent(key) : NULL;
	if (!dir) {
		call_answer(call, -ENOMEM);
		return;
	}
	looking = looking_new(bucket, call, key, text);
	if (!looking)
		return;
	looking->inode = inode_ref(inode);
	looking->then = then;
	looking->find.alone = inode->kind != INODE_DIR;
	looking->find.done = looked_at;
	find_start(&looking->find);
	walks_step(bucket->walks, dir, key_base(key));
}

/* The attributes of an inode, as they are. */
static void answer_attr(struct fs_call *call, struct inode *inode,
                        const char *text)
{
	(void)text;
	inode_entry(inode, &call->entry);
	call_answer(call, 0);
}

void fs_getattr(struct fs *fs, struct fs_call *call, uint64_t nodeid)
{
	cleanup(inode_unrefp) struct inode *inode =
		lookup_node(fs, call, nodeid);

	if (inode)
		lookup_fresh(call, inode, answer_attr, NULL);
}
