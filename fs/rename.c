/* SPDX-License-Identifier: MIT */
/*
 * RENAME of a file.
 *
 * A file that only is here just gets another key; its commit will replace what
 * the new name has.  A stored one is copied at the server, pinned to its
 * version, the copy is checked, and then the old key is deleted: after a
 * failure there are both names or the old one, never neither.
 *
 *   turns of both keys -> (HEAD) -> COPY -> (HEAD) -> DELETE -> both names told
 *
 * The inode keeps its nodeid and goes to the new name with the copy's version.
 * Directories have rename_dir.h.  Other buckets are EXDEV: mv falls back to
 * copying.
 */
#include "base/lock.h"
#include "call.h"
#include "content.h"
#include "doomed.h"
#include "errand.h"
#include "find.h"
#include "inode.h"
#include "key.h"
#include "lookup.h"
#include "overlay.h"
#include "rename_dir.h"
#include "rename_local.h"

#include <stdio.h>
#include <string.h>

struct move {
	struct errand errand; /* holds the turn of the smaller key */
	struct turn second;   /* and of the other one */
	struct find find;     /* of the target, where it must be known */
	struct inode *inode;  /* shares; the file */
	struct attr attr;     /* of the file; after the copy, of the copy */
	char etag[STORE_ETAG_MAX]; /* the version that moves */
	char *from;
	char *to;
	bool no_replace;
	bool has_second;
	bool moved;     /* the copy is there */
	bool rewritten; /* the file's own bytes are not: only the object goes */
};

static void move_free(struct move *move)
{
	if (!move)
		return;
	attr_release(&move->attr);
	inode_unref(move->inode);
	free(move->from);
	free(move->to);
	free(move);
}
DEFINE_CLEANUP(struct move *, move_free);

static void move_drop(struct errand *errand)
{
	move_free(container_of(errand, struct move, errand));
}

/* The end: both turns, the call. */
static void move_end(struct move *move, int status)
{
	struct fs_call *call;

	if (move->has_second)
		turn_end(&move->second);
	if (move->rewritten)
		content_end_move(move->inode);
	call = errand_end(&move->errand, status, "rename");
	if (call)
		call_fail(call, status, &move->errand.ask.req.err);
	move_free(move);
}

/* ---- a stored file ---- */

/* What a file that is being rewritten stands on now; the rest is its own. */
static void note_stored_locked(struct inode *inode, const struct attr *attr)
{
	memcpy(inode->attr.etag, attr->etag, sizeof(inode->attr.etag));
	if (inode->extra)
		attr_copy(&inode->extra->stored, attr);
}

/* Tell the inode, the cache and the overlay that the file has moved. */
static int tell_moved(struct move *move, bool from_is_gone)
{
	struct inode *inode = move->inode;
	struct bucket *bucket = move->errand.bucket;
	struct fs *fs = bucket->fs;
	const struct meta_name from = inode_name(bucket, move->from);
	const struct meta_name to = inode_name(bucket, move->to);
	uint64_t now = clock_ms(fs->parts.clock);
	const struct meta there = {
		.kind = META_FILE,
		.fresh_ms = now + bucket->ttl_ms,
		.attr = move->attr,
	};
	const struct meta gone = {
		.kind = META_ABSENT,
		.fresh_ms = now + bucket->negative_ms,
	};
	char etag[STORE_ETAG_MAX];
	int r;

	if (rename_replace_target(bucket, move->to, inode, etag) ||
	    doomed_take(bucket, move->to, etag))
		fs_unpend(fs); /* replaced, so it needs no DELETE */
	rename_keep_directory(bucket, move->from);
	r = inode_rekey(inode, move->to);
	(void)pthread_mutex_lock(&inode->lock);
	if (move->rewritten)
		note_stored_locked(inode, &move->attr);
	else
		attr_copy(&inode->attr, &move->attr);
	inode->fresh_ms = there.fresh_ms;
	meta_cache_change(fs->cache, &from, from_is_gone ? &gone : NULL);
	meta_cache_change(fs->cache, &to, &there);
	(void)pthread_mutex_unlock(&inode->lock);
	overlay_clear(bucket->overlay, move->to, OVERLAY_HIDDEN);
	return r;
}

/* What was under the new name may have been replaced. */
static void doubt_target(struct move *move)
{
	cleanup(inode_unrefp) struct inode *target =
		inode_of_key(move->errand.bucket, move->to);
	bool local;

	if (!target)
		return;
	(void)pthread_mutex_lock(&target->lock);
	local = target->local;
	(void)pthread_mutex_unlock(&target->lock);
	if (!local)
		inode_outdated(target);
}

/* Something failed: what both names are is not sure any more. */
static void move_failed(struct move *move, int status)
{
	struct bucket *bucket = move->errand.bucket;
	const struct meta_name from = inode_name(bucket, move->from);
	const struct meta_name to = inode_name(bucket, move->to);
	struct err *err = &move->errand.ask.req.err;

	meta_cache_forget(bucket->fs->cache, &from);
	meta_cache_change(bucket->fs->cache, &to, NULL);
	doubt_target(move);
	if (move->moved)
		(void)err_wrap(err,
		               "copied \"%s\" to \"%s\", but the old name "
		               "could not be deleted, so there are both",
		               move->from, move->to);
	if (!move->moved && move->rewritten &&
	    (status == -ENOENT || status == -ESTALE)) {
		/* Its close will say so; the name is not another file's yet. */
		status = err_set(err, -EBUSY,
		                 "\"%s\" is being rewritten, and somebody "
		                 "else has changed it meanwhile",
		                 move->from);
	} else if (!move->moved && (status == -ENOENT || status == -ESTALE)) {
		inode_outdated(move->inode);
		status = -ESTALE;
	}
	move_end(move, status);
}

/* A DELETE in doubt: is the old key still there? */
static void old_checked(struct ask *ask)
{
	struct move *move = container_of(ask, struct move, errand.ask);
	int status = ask_status(ask);

	if (status == -ENOENT)
		move_end(move, tell_moved(move, true));
	else
		move_failed(move, status < 0 ? status
		                             : err_set(&ask->req.err, -EIO,
		                                       "the store did not "
		                                       "delete it"));
}

/* The DELETE of the old key is answered. */
static void old_deleted(struct ask *ask)
{
	struct move *move = container_of(ask, struct move, errand.ask);
	int status = ask_status(ask);

	/* Gone, or another version now: the old name is somebody else's. */
	if (status == 0 || status == -ENOENT || status == -ESTALE) {
		move_end(move, tell_moved(move, status != -ESTALE));
	} else if (ask->req.maybe_applied && status != -EINTR) {
		ask->req.verb = STORE_HEAD;
		ask->req.if_match = NULL;
		ask->done = old_checked;
		ask_submit(move->errand.bucket, ask);
	} else {
		move_failed(move, status);
	}
}

/* The copy is right: delete the old key. */
static void delete_old(struct move *move)
{
	struct bucket *bucket = move->errand.bucket;
	struct ask *ask = &move->errand.ask;

	memcpy(move->attr.etag, ask->req.info.etag, sizeof(move->attr.etag));
	move->attr.modified = clock_wall(bucket->fs->parts.clock);
	move->attr.known |= ATTR_GUESSED;
	move->moved = true;
	ask->req.verb = STORE_DELETE;
	ask->req.key = move->from;
	if (store_limits(bucket->store)->delete_if_match && move->etag[0])
		ask->req.if_match = move->etag;
	ask->done = old_deleted;
	ask_submit(bucket, ask);
}

/* The HEAD of a copy in doubt: the same bytes? */
static void copy_checked(struct ask *ask)
{
	struct move *move = container_of(ask, struct move, errand.ask);
	const struct object_info *info = &ask->req.info;
	bool parts = strchr(move->etag, '-') != NULL;
	int status = ask_status(ask);

	if (status == 0 && (info->size != move->attr.size ||
	                    (!parts && strcmp(info->etag, move->etag) != 0)))
		status = err_set(&ask->req.err, -EIO,
		                 "the copy \"%s\" is not what \"%s\" is",
		                 move->to, move->from);
	else if (status == -ENOENT)
		status = err_set(&ask->req.err, -EIO,
		                 "the store did not copy \"%s\"", move->from);
	if (status < 0)
		move_failed(move, status);
	else
		delete_old(move);
}

/* Look at the copy. */
static void check_copy(struct move *move)
{
	struct ask *ask = &move->errand.ask;

	ask->req.verb = STORE_HEAD;
	ask->req.key = move->to;
	ask->done = copy_checked;
	ask_submit(move->errand.bucket, ask);
}

/* The COPY is answered: sure, in doubt, or failed. */
static void copied(struct ask *ask)
{
	struct move *move = container_of(ask, struct move, errand.ask);
	const struct store_req *req = &ask->req;
	int status = ask_status(ask);
	bool same = strcmp(req->info.etag, move->etag) == 0;

	ask->req.if_none_match = NULL;
	if (status == 0 && same)
		delete_old(move);
	else if (status == 0 || (req->maybe_applied && status != -EINTR))
		check_copy(move);
	else
		move_failed(move, status);
}

/* Copy the object to its new key. */
static void send_copy(struct move *move)
{
	struct bucket *bucket = move->errand.bucket;
	struct ask *ask = &move->errand.ask;

	ask->req.verb = STORE_COPY;
	ask->req.key = move->to;
	ask->req.copy = (struct store_copy){
		.source = bucket->store,
		.source_key = move->from,
		.source_if_match = move->etag[0] ? move->etag : NULL,
	};
	/* What is hidden is still stored, but no longer in the way. */
	if (move->no_replace && store_limits(bucket->store)->copy_conditions &&
	    overlay_get(bucket->overlay, move->to) != OVERLAY_HIDDEN)
		ask->req.if_none_match = "*";
	ask->done = copied;
	ask_submit(bucket, ask);
}

/* The HEAD of the source, where the copy cannot be pinned to its version. */
static void source_checked(struct ask *ask)
{
	struct move *move = container_of(ask, struct move, errand.ask);
	int status = ask_status(ask);

	if (status == 0 && strcmp(ask->req.info.etag, move->etag) != 0)
		status = -ESTALE;
	if (status < 0)
		move_failed(move, status);
	else
		send_copy(move);
}

/* What the file is, now that nobody else changes it. */
static int note_file(struct move *move)
{
	struct inode *inode = move->inode;
	WITH_LOCK(&inode->lock);

	attr_copy(&move->attr,
	          inode->local && inode->extra && inode->extra->stored.known
	                  ? &inode->extra->stored
	                  : &inode->attr);
	memcpy(move->etag, inode->attr.etag, sizeof(move->etag));
	if (inode->unlinked || !inode_linked(inode))
		return -ESTALE; /* replaced while we waited for our turn */
	if (!inode->local)
		return 0;
	return inode->attr.etag[0] ? -EBUSY : 1;
}

/* Both turns are ours, and the target is known where it must be. */
static void move_file(struct move *move)
{
	struct bucket *bucket = move->errand.bucket;
	const struct store_limits *limits = store_limits(bucket->store);
	struct ask *ask = &move->errand.ask;
	struct err *err = &ask->req.err;
	int r = note_file(move);

	if (r == -EBUSY) {
		r = content_begin_move(move->inode, err);
		move->rewritten = r == 0;
	}
	if (r > 0)
		move_end(move,
		         rename_local(move->inode, move->from, move->to, err));
	else if (r < 0)
		move_end(move, r);
	else if (move->attr.size > limits->copy_max)
		move_end(move, err_set(err, -EXDEV,
		                       "\"%s\" is too large to be copied in "
		                       "one request",
		                       move->from));
	else if (limits->copy_source_match) {
		send_copy(move);
	} else {
		ask->req.verb = STORE_HEAD;
		ask->req.key = move->from;
		ask->done = source_checked;
		ask_submit(bucket, ask);
	}
}

/* ---- what comes before ---- */

/* What is under the new name, which must not be there, is known. */
static void target_found(struct find *find)
{
	struct move *move = container_of(find, struct move, find);
	int status = find->status;

	find_release(find);
	if (!errand_resume(&move->errand))
		move_end(move, -EINTR);
	else if (status == -ENOENT)
		move_file(move);
	else if (status < 0)
		move_end(move, err_set(&move->errand.ask.req.err, status, "%s",
		                       find->err.text));
	else
		move_end(move, -EEXIST);
}

/* Whether the new name is that of something local. */
static bool target_is_local(struct move *move)
{
	cleanup(inode_unrefp) struct inode *target =
		inode_of_key(move->errand.bucket, move->to);

	if (!target)
		return false;

	WITH_LOCK(&target->lock);

	return target->local;
}

/* Both turns are ours: look at the target where it must not be. */
static void both_turns(struct move *move)
{
	move->has_second = true;
	if (!errand_resume(&move->errand)) {
		move_end(move, -EINTR);
	} else if (!move->no_replace) {
		move_file(move);
	} else if (target_is_local(move)) {
		move_end(move, -EEXIST);
	} else {
		errand_pause(&move->errand);
		move->find.bucket = move->errand.bucket;
		move->find.key = move->to;
		move->find.done = target_found;
		find_start(&move->find);
	}
}

static void second_granted(struct turn *turn)
{
	both_turns(container_of(turn, struct move, second));
}

/* The first turn is ours. */
static void move_go(struct errand *errand)
{
	struct move *move = container_of(errand, struct move, errand);
	const char *second =
		strcmp(move->from, move->to) < 0 ? move->to : move->from;

	errand_pause(errand);
	move->second.granted = second_granted;
	if (turn_take(errand->bucket, second, &move->second))
		both_turns(move);
}

/* Refuse what cannot be renamed here; 1: there is nothing to do. */
static int check(struct move *move, struct inode *from, struct inode *to,
                 const struct fs_rename *rename)
{
	int r;

	if (rename->flags & ~(unsigned)RENAME_NOREPLACE)
		return -EINVAL;
	r = inode_child_key(from, rename->name, &move->from);
	if (r == 0)
		r = inode_child_key(to, rename->new_name, &move->to);
	if (r == 0)
		r = key_check_new(rename->new_name, false);
	if (r < 0)
		return r;
	if (from->bucket != to->bucket)
		return -EXDEV;
	if (strcmp(move->from, move->to) == 0)
		return 1;
	if (to->kind == INODE_DIR && !inode_linked(to))
		return -ENOENT;
	move->inode = inode_of_key(from->bucket, move->from);
	if (!move->inode)
		return -ESTALE; /* the kernel looks both names up again */
	return 0;
}

/* Whether the bucket's mode allows it. */
static int may_move(struct move *move, struct err *reterr)
{
	struct bucket *bucket = move->inode->bucket;
	char etag[STORE_ETAG_MAX];
	bool stored;

	rename_known_version(bucket, move->to, etag);
	(void)pthread_mutex_lock(&move->inode->lock);
	stored = move->inode->attr.etag[0];
	(void)pthread_mutex_unlock(&move->inode->lock);
	return bucket_may_change(bucket, stored || etag[0], reterr);
}

void fs_rename(struct fs *fs, struct fs_call *call,
               const struct fs_rename *rename)
{
	cleanup(inode_unrefp) struct inode *from =
		lookup_node(fs, call, rename->parent);
	cleanup(inode_unrefp) struct inode *to = NULL;
	cleanup(move_freep) struct move *move = NULL;
	int r;

	if (!from)
		return;
	to = lookup_node(fs, call, rename->new_parent);
	if (!to)
		return;
	move = calloc(1, sizeof(*move));
	r = move ? check(move, from, to, rename) : -ENOMEM;
	if (r == 0 && move->inode->kind == INODE_DIR) {
		rename_dir(call, move->inode, move->to,
		           rename->flags & RENAME_NOREPLACE);
		return;
	}
	if (r == 0)
		r = may_move(move, &call->err);
	if (r != 0) {
		call_answer(call, r > 0 ? 0 : r);
		return;
	}

	struct move *going = take(&move);

	going->no_replace = rename->flags & RENAME_NOREPLACE;
	going->errand.bucket = from->bucket;
	going->errand.go = move_go;
	going->errand.free = move_drop;
	errand_start(&going->errand, call,
	             strcmp(going->from, going->to) < 0 ? going->from
	                                                : going->to);
}
