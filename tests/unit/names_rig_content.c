/* SPDX-License-Identifier: MIT */
/* The writing side's stand-in: who has what open, and one PUT as a commit. */
#include "base/lock.h"
#include "content.h"
#include "names_rig.h"
#include "turn.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

static atomic_uint abandoned;
static atomic_int rename_status;

int contents_new(struct fs *fs, const struct fs_config *config,
                 struct contents **ret, struct err *reterr)
{
	(void)fs, (void)config, (void)reterr;
	*ret = NULL;
	return 0;
}

unsigned contents_writing(struct contents *contents)
{
	(void)contents;
	return 0;
}

void contents_abort(struct contents *contents)
{
	(void)contents;
}

void contents_free(struct contents *contents)
{
	(void)contents;
}

bool content_busy(struct inode *inode)
{
	WITH_LOCK(&inode->lock);

	return inode->content && inode->local;
}

void content_truncate(struct inode *inode, struct fs_call *call,
                      struct fs_handle *handle, uint64_t size)
{
	(void)handle;
	inode_changed(inode, size);
	call->status = 0;
	call->done(call);
}

void content_abandon(struct inode *inode)
{
	(void)inode;
	abandoned++;
}

/* What inode->content points to while a commit is under way. */
static char committing;

int content_may_rename(struct inode *inode, struct err *reterr)
{
	WITH_LOCK(&inode->lock);

	if (inode->content == (struct content *)&committing)
		return err_set(reterr, -EBUSY, "it is being committed");
	if (rename_status < 0)
		return err_set(reterr, rename_status, "parts were sent");
	return 0;
}

unsigned rig_abandoned(void)
{
	return abandoned;
}

void rig_refuse_rename(int status)
{
	rename_status = status;
}

/* ---- the writing side's part ---- */

struct inode *rig_open(struct rig *rig, uint64_t nodeid)
{
	struct inode *inode = inode_get(rig->fs->inodes, nodeid);

	assert_non_null(inode);
	(void)pthread_mutex_lock(&inode->lock);
	inode->content = (struct content *)rig; /* only ever compared to NULL */
	(void)pthread_mutex_unlock(&inode->lock);
	return inode;
}

void rig_close(struct inode *inode)
{
	(void)pthread_mutex_lock(&inode->lock);
	inode->content = NULL;
	(void)pthread_mutex_unlock(&inode->lock);
	inode_unref(inode);
}

int rig_create(struct rig *rig, uint64_t parent, const char *name,
               struct inode **ret)
{
	static const struct fs_who who = {.uid = 1000, .gid = 1001};
	struct inode *dir = inode_get(rig->fs->inodes, parent);
	int r;

	assert_non_null(dir);
	r = inode_create(dir, name, 0640, &who, ret);
	inode_unref(dir);
	if (r < 0)
		return r;
	inode_add_lookup(*ret);
	(void)pthread_mutex_lock(&(*ret)->lock);
	(*ret)->content = (struct content *)rig;
	(void)pthread_mutex_unlock(&(*ret)->lock);
	return 0;
}

void rig_write(struct inode *inode, const char *text)
{
	inode_changed(inode, strlen(text));
}

/* A commit of the stand-in, waited for by its thread. */
struct commit {
	struct store_req req;
	struct turn turn;
	atomic_bool granted;
	atomic_bool done;
	char etag[STORE_ETAG_MAX];
};

static void put_done(struct store_req *req)
{
	container_of(req, struct commit, req)->done = true;
}

static void commit_granted(struct turn *turn)
{
	container_of(turn, struct commit, turn)->granted = true;
}

/* Wait for a flag, while the store is told to go on. */
static void await(struct rig *rig, atomic_bool *flag)
{
	while (!*flag)
		if (fake_store_run(rig->fake) == 0)
			(void)sched_yield();
}

/* The commit's condition, as inode.h says it. */
static void set_condition(struct inode *inode, struct commit *commit)
{
	WITH_LOCK(&inode->lock);

	if (inode->attr.etag[0])
		memcpy(commit->etag, inode->attr.etag, STORE_ETAG_MAX);
	else if (inode->extra)
		memcpy(commit->etag, inode->extra->replaces, STORE_ETAG_MAX);
	if (commit->etag[0])
		commit->req.if_match = commit->etag;
	else
		commit->req.if_none_match = "*";
}

/* Begin a commit: nobody may rename the file until it ends. */
static struct content *begin_commit(struct inode *inode)
{
	WITH_LOCK(&inode->lock);
	struct content *content = inode->content;

	inode->content = (struct content *)&committing;
	return content;
}

/* Take the turn of the key that the inode has then. */
static void take_turn(struct rig *rig, struct inode *inode,
                      struct commit *commit)
{
	bool fits = false;

	while (!fits) {
		char *key = inode_copy_key(inode);

		commit->granted = false;
		commit->turn.granted = commit_granted;
		if (!turn_take(inode->bucket, key, &commit->turn))
			await(rig, &commit->granted);
		free(key);
		key = inode_copy_key(inode);
		fits = strcmp(key, commit->turn.key) == 0;
		free(key);
		if (!fits)
			turn_end(&commit->turn);
	}
}

/* Whether the file was unlinked or replaced, so that it must not be sent. */
static bool end_commit(struct inode *inode, struct content *content)
{
	WITH_LOCK(&inode->lock);

	if (inode->content == (struct content *)&committing)
		inode->content = content;
	return inode->unlinked;
}

/* Send the PUT and tell the inode. */
static int put(struct rig *rig, struct inode *inode, struct commit *commit,
               struct slice *body)
{
	struct object_store *store = inode->bucket->store;
	struct attr_headers *headers = calloc(1, sizeof(*headers));

	assert_int_equal(inode_headers(inode, "nonce", headers), 0);
	set_condition(inode, commit);
	commit->req.verb = STORE_PUT;
	commit->req.key = commit->turn.key;
	commit->req.put.body = (struct chain){body, 1};
	commit->req.put.headers = headers->headers;
	commit->req.done = put_done;
	store_submit(store, &commit->req);
	await(rig, &commit->done);
	commit->req.info.size = body->len;
	attr_headers_release(headers);
	free(headers);
	return commit->req.status;
}

/* rig_commit(), with its PUT on its way before any unlink if late. */
static int do_commit(struct rig *rig, struct inode *inode, const char *text,
                     bool late)
{
	struct slice body = {.len = strlen(text)};
	struct commit *commit = calloc(1, sizeof(*commit));
	struct content *content;
	int r;

	body.data = (uint8_t *)strdup(text);
	inode_changed(inode, body.len);
	content = begin_commit(inode);
	take_turn(rig, inode, commit);
	r = end_commit(inode, content) && !late
	            ? -ENOENT
	            : put(rig, inode, commit, &body);
	if (r == 0)
		inode_committed(inode, &commit->req.info);
	else
		inode_reverted(inode);
	turn_end(&commit->turn);
	free(commit);
	free(body.data);
	return r;
}

int rig_commit(struct rig *rig, struct inode *inode, const char *text)
{
	return do_commit(rig, inode, text, false);
}

int rig_commit_late(struct rig *rig, struct inode *inode, const char *text)
{
	return do_commit(rig, inode, text, true);
}

int content_begin_move(struct inode *inode, struct err *reterr)
{
	int r = atomic_load(&rename_status);
	WITH_LOCK(&inode->lock);

	if (inode->attr.etag[0])
		return err_set(reterr, -EBUSY, "it is being rewritten");
	return r < 0 ? err_set(reterr, r, "it cannot be renamed") : 0;
}

void content_end_move(struct inode *inode)
{
	(void)inode;
}
