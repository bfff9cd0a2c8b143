/* SPDX-License-Identifier: MIT */
/* Before a directory's rename changes anything: the target, what is open. */
#include "base/lock.h"
#include "content.h"
#include "overlay.h"
#include "rename_dir_impl.h"

#include <stdio.h>
#include <string.h>

/* ---- the target ---- */

/* The listing of a target that is a directory. */
static void target_listed(struct ask *ask)
{
	struct dir_move *move = container_of(ask, struct dir_move, errand.ask);
	const struct store_list *page = &ask->req.list;
	int status = ask_status(ask);
	struct err err = ask->req.err;

	for (size_t i = 0; i < page->count && status == 0; i++) {
		const struct store_entry *entry = &page->entries[i];

		if (entry->key_len != strlen(move->to_dir))
			status = err_set(&err, -ENOTEMPTY,
			                 "\"%s\" is not empty", move->to);
	}
	if (status < 0)
		rename_dir_refuse(move, status, &err);
	else
		rename_dir_begin(move);
}

/* The target is a directory: is it empty? */
static void list_target(struct dir_move *move)
{
	struct ask *ask = &move->errand.ask;

	ask->req.verb = STORE_LIST;
	ask->req.list.prefix = move->to_dir;
	ask->req.list.max_keys = 2;
	ask->done = target_listed;
	ask_submit(move->errand.bucket, ask);
}

/* What a target of that kind means; 0: it may be taken. */
static int judge_target(const struct dir_move *move, enum meta_kind kind,
                        struct err *reterr)
{
	struct overlay *overlay = move->errand.bucket->overlay;

	if (kind != META_ABSENT && move->no_replace)
		return err_set(reterr, -EEXIST, "\"%s\" exists", move->to);
	if (kind == META_FILE)
		return err_set(reterr, -ENOTDIR, "\"%s\" is a file", move->to);
	if (overlay_get(overlay, move->to) == OVERLAY_HIDDEN ||
	    overlay_count_below(overlay, move->to, OVERLAY_HIDDEN) > 0)
		return err_set(reterr, -EBUSY,
		               "files that were deleted below \"%s\" are still "
		               "open",
		               move->to);
	if (overlay_count_below(overlay, move->to, OVERLAY_LOCAL) > 0)
		return err_set(reterr, -ENOTEMPTY, "\"%s\" is not empty",
		               move->to);
	return 0;
}

/* What is under the new name is known. */
static void target_found(struct find *find)
{
	struct dir_move *move = container_of(find, struct dir_move, find);
	enum meta_kind kind = find->status == 0 ? find->meta.kind : META_ABSENT;
	int status = find->status == -ENOENT ? 0 : find->status;
	struct err err = find->err;

	find_release(find);
	if (!errand_resume(&move->errand))
		status = err_set(&err, -EINTR, "interrupted");
	errand_pause(&move->errand);
	if (status == 0)
		status = judge_target(move, kind, &err);
	if (status < 0)
		rename_dir_refuse(move, status, &err);
	else if (kind == META_DIR)
		list_target(move);
	else
		rename_dir_begin(move);
}

void rename_dir_go(struct errand *errand)
{
	struct dir_move *move = container_of(errand, struct dir_move, errand);
	cleanup(inode_unrefp) struct inode *target =
		inode_of_key(errand->bucket, move->to);
	struct err err;

	errand_pause(errand);
	if (target && target->kind == INODE_FILE) {
		(void)err_set(&err, move->no_replace ? -EEXIST : -ENOTDIR,
		              "\"%s\" is a file", move->to);
		rename_dir_refuse(move, err.code, &err);
		return;
	}
	move->find.bucket = errand->bucket;
	move->find.key = move->to;
	move->find.done = target_found;
	find_start(&move->find);
}

/* ---- what is open ---- */

/*
 * Whether a file below the directory can get another name: one that is being
 * written is held until the end, its reference goes to move->held.
 */
static int hold(struct dir_move *move, struct inode *inode, struct err *reterr)
{
	bool rewritten;
	int r;

	{
		WITH_LOCK(&inode->lock);
		rewritten = inode->local &&
		            (inode->attr.etag[0] ||
		             (inode->extra && inode->extra->replaces[0]));
		if (rewritten || inode->change)
			return err_set(reterr, -EBUSY,
			               "\"%s\" is being rewritten", inode->key);
	}
	if (!content_busy(inode))
		return 0;
	r = content_begin_move(inode, reterr);
	if (r == 0)
		move->held[move->held_count++] = inode_ref(inode);
	return r;
}

int rename_dir_may(struct dir_move *move, struct err *reterr)
{
	struct inode **inodes;
	int count = inodes_below(move->errand.bucket, move->from, &inodes);
	int r = count < 0 ? count : 0;

	if (r == 0)
		move->held = calloc((size_t)count + 1, sizeof(inodes[0]));
	if (r == 0 && !move->held)
		r = -ENOMEM;
	for (int i = 0; i < count; i++) {
		if (r == 0 && inodes[i]->kind == INODE_FILE)
			r = hold(move, inodes[i], reterr);
		inode_unref(inodes[i]);
	}
	free(inodes);
	if (r < 0 && !reterr->code)
		(void)err_set(reterr, r, "out of memory");
	return r;
}

void rename_dir_let_go(struct dir_move *move)
{
	for (size_t i = 0; i < move->held_count; i++) {
		content_end_move(move->held[i]);
		inode_unref(move->held[i]);
	}
	move->held_count = 0;
	free(move->held);
	move->held = NULL;
}

/* ---- turns ---- */

struct key_turn {
	struct turn turn; /* first: the set frees it by this address */
	struct dir_move *move;
};

static void next_turn(struct dir_move *move);

/* granted() of a turn that had to wait. */
static void turn_granted(struct turn *turn)
{
	struct key_turn *mine = container_of(turn, struct key_turn, turn);

	mine->move->turns++;
	next_turn(mine->move);
}

/* Take those that are missing; each may wait, and comes back here then. */
static void next_turn(struct dir_move *move)
{
	while (move->turns < move->set.count) {
		struct move_entry *entry = move->set.order[move->turns];
		struct key_turn *mine = calloc(1, sizeof(*mine));
		char key[STORE_KEY_MAX + 1];
		struct err err;

		if (!mine) {
			(void)err_set(&err, -ENOMEM, "out of memory");
			rename_dir_refuse(move, -ENOMEM, &err);
			return;
		}
		mine->move = move;
		mine->turn.granted = turn_granted;
		entry->turn = &mine->turn;
		(void)snprintf(key, sizeof(key), "%s%s", move->from_dir,
		               entry->name);
		if (move->round > 1 && turn_on(move->errand.bucket, key)) {
			entry->turn = NULL;
			free(mine);
			(void)err_set(&err, -EBUSY, "\"%s\" is being changed",
			              key);
			rename_dir_refuse(move, -EBUSY, &err);
			return;
		}
		if (!turn_take(move->errand.bucket, key, &mine->turn))
			return;
		move->turns++;
	}
	rename_dir_have_turns(move);
}

void rename_dir_take_turns(struct dir_move *move)
{
	next_turn(move);
}
