/* SPDX-License-Identifier: MIT */
/* The requests of a directory's rename, one round after the other. */
#include "rename_dir.h"

#include "base/lock.h"
#include "base/log.h"
#include "base/str.h"
#include "call.h"
#include "key.h"
#include "overlay.h"
#include "rename_dir_impl.h"

#include <stdio.h>
#include <string.h>

/* Rounds until somebody who goes on changing the directory wins. */
#define ROUNDS_MAX 8

static void list_page(struct dir_move *move);
static void copy_some(struct dir_move *move);

/* ---- birth and end ---- */

static void move_free(struct dir_move *move)
{
	if (!move)
		return;
	move_set_release(&move->set);
	inode_unref(move->inode);
	free(move->slots);
	free(move->keys);
	free(move->results);
	free(move->token);
	free(move->from);
	free(move->to);
	free(move->from_dir);
	free(move->to_dir);
	(void)pthread_mutex_destroy(&move->lock);
	free(move);
}
DEFINE_CLEANUP(struct dir_move *, move_free);

static void move_drop(struct errand *errand)
{
	move_free(container_of(errand, struct dir_move, errand));
}

/* End the turns, which are the entries' own. */
static void end_turns(struct dir_move *move)
{
	for (size_t i = 0; i < move->set.count; i++) {
		struct move_entry *entry = move->set.order[i];

		if (!entry->turn)
			continue;
		turn_end(entry->turn);
		free(entry->turn);
		entry->turn = NULL;
	}
}

/* The end: what happened is told, then the turns, then the call. */
static void move_end(struct dir_move *move, int status)
{
	struct fs_call *call;
	bool unheard;

	if (status == 0)
		status = rename_dir_tell(move);
	else if (move->changed)
		rename_dir_forget(move);
	rename_dir_let_go(move);
	end_turns(move);
	(void)errand_resume(&move->errand);
	call = errand_end(&move->errand, status, "rename directory");
	unheard = !call && move->changed;
	if (unheard)
		rename_dir_notify(move);
	if (call)
		call_fail(call, status, &move->errand.ask.req.err);
	move_free(move);
}

/* Remember the first failure of a round. */
static void note_failure(struct dir_move *move, int status,
                         const struct err *err)
{
	WITH_LOCK(&move->lock);

	if (move->status < 0)
		return;
	move->status = status;
	move->err = *err;
	move->err.code = status;
}

/* End by what was noted. */
static void move_failed(struct dir_move *move)
{
	struct err *err = &move->errand.ask.req.err;

	*err = move->err;
	if (move->changed)
		(void)err_wrap(err,
		               "\"%s\" was renamed in part: %zu of %zu "
		               "objects are copied to \"%s\", %zu old names "
		               "are gone; move the rest file by file",
		               move->from, move->copied, move->set.count,
		               move->to, move->deleted);
	move_end(move, move->status);
}

/* ---- deleting what was copied ---- */

/*
 * Whether the caller still waits: the kernel keeps others out of both names
 * only so long.
 */
static bool wanted(struct dir_move *move)
{
	bool waits = errand_resume(&move->errand);

	errand_pause(&move->errand);
	return waits;
}

/* After a page: the next one, another round, or the end. */
static void page_over(struct dir_move *move)
{
	if (move->status < 0) {
		move_failed(move);
	} else if (!move->token && move->to_copy == 0) {
		move_end(move, 0); /* also when nobody waits any more */
	} else if (!wanted(move)) {
		struct err err;

		note_failure(move, err_set(&err, -EINTR, "interrupted"), &err);
		move_failed(move);
	} else if (move->token) {
		list_page(move);
	} else if (++move->round > ROUNDS_MAX) {
		struct err err;

		note_failure(move,
		             err_set(&err, -EBUSY,
		                     "others go on changing what is in it"),
		             &err);
		move_failed(move);
	} else {
		rename_dir_take_turns(move); /* of what is new, then copy */
	}
}

/* One key of the batch was answered. */
static void note_deleted(struct dir_move *move, size_t i)
{
	const char *name = move->keys[i] + strlen(move->from_dir);
	int result = move->results[i];
	struct move_entry *entry = move_set_find(&move->set, name);
	struct err err;

	if (result == 0 || result == -ENOENT) {
		entry->deleted = true;
		move->deleted++;
		return;
	}
	(void)err_set(&err, result, "\"%s\" cannot be deleted: %s",
	              move->keys[i], err_name(result));
	note_failure(move, result, &err);
}

/* Free the batch's keys. */
static void drop_batch(struct dir_move *move)
{
	for (size_t i = 0; i < move->batch; i++)
		free(move->keys[i]);
	move->batch = 0;
}

/* The batch's DELETE is answered. */
static void batch_deleted(struct ask *ask)
{
	struct dir_move *move = container_of(ask, struct dir_move, errand.ask);
	int status = ask_status(ask);

	if (status < 0)
		note_failure(move, status, &ask->req.err);
	for (size_t i = 0; i < move->batch && status == 0; i++)
		note_deleted(move, i);
	drop_batch(move);
	page_over(move);
}

/* Delete what the page showed to be copied. */
static void delete_batch(struct dir_move *move)
{
	struct ask *ask = &move->errand.ask;

	if (move->batch == 0) {
		page_over(move);
		return;
	}
	ask->req.verb = STORE_DELETE_MANY;
	ask->req.key = NULL;
	ask->req.delete_many = (struct store_delete_many){
		.keys = (const char *const *)move->keys,
		.count = move->batch,
		.results = move->results,
	};
	ask->done = batch_deleted;
	ask_submit(move->errand.bucket, ask);
}

/* ---- listing ---- */

/* What can be known of an object before anything was changed. */
static int check_entry(struct dir_move *move, const char *key,
                       const struct store_entry *seen, struct err *reterr)
{
	const struct store_limits *limits =
		store_limits(move->errand.bucket->store);
	size_t grown = strlen(key) - strlen(move->from) + strlen(move->to);
	unsigned max = move->errand.bucket->fs->config.rename_dir_max;

	if (move->set.count > max)
		return err_set(reterr, -EXDEV,
		               "\"%s\" has more than %u objects "
		               "(rename_dir_max)",
		               move->from, max);
	if (seen->size > limits->copy_max)
		return err_set(reterr, -EXDEV,
		               "\"%s\" is too large to be copied in one "
		               "request",
		               key);
	if (grown > STORE_KEY_MAX)
		return err_set(reterr, -ENAMETOOLONG,
		               "the new name of \"%s\" would be too long", key);
	return 0;
}

/* One line of a page. */
static int take_entry(struct dir_move *move, const struct store_entry *seen,
                      struct err *reterr)
{
	char key[STORE_KEY_MAX + 1];
	struct move_entry *entry;

	if (seen->key_len > STORE_KEY_MAX)
		return err_set(reterr, -ENAMETOOLONG,
		               "a key below \"%s\" is too long", move->from);
	memcpy(key, seen->key, seen->key_len);
	key[seen->key_len] = 0;
	if (overlay_get(move->errand.bucket->overlay, key) == OVERLAY_HIDDEN)
		return 0; /* unlinked, its DELETE comes */
	entry = move_set_see(&move->set, key + strlen(move->from_dir), seen);
	if (!entry)
		return -ENOMEM;
	if (!move_entry_is_copied(entry)) {
		move->to_copy++;
		return move->changed ? 0 : check_entry(move, key, seen, reterr);
	}
	if (move->batch == STORE_BATCH_MAX) {
		move->to_copy++; /* a page longer than can be: in another round */
		return 0;
	}
	move->keys[move->batch] = strdup(key);
	return move->keys[move->batch++] ? 0 : -ENOMEM;
}

/* A page came. */
static void page_came(struct ask *ask)
{
	struct dir_move *move = container_of(ask, struct dir_move, errand.ask);
	const struct store_list *page = &ask->req.list;
	struct err err = {0};
	int status = ask_status(ask);

	free(move->token);
	move->token = NULL;
	if (status < 0) {
		note_failure(move, status, &ask->req.err);
		move_failed(move);
		return;
	}
	for (size_t i = 0; i < page->count && status == 0; i++)
		status = take_entry(move, &page->entries[i], &err);
	if (status == 0 && page->next_token) {
		move->token = strdup(page->next_token);
		status = move->token ? 0 : -ENOMEM;
	}
	if (status < 0) {
		if (!err.code)
			(void)err_set(&err, status, "out of memory");
		note_failure(move, status, &err);
		drop_batch(move);
		move_failed(move);
		return;
	}
	delete_batch(move);
}

/* Ask for the next page, or the first one. */
static void list_page(struct dir_move *move)
{
	struct ask *ask = &move->errand.ask;

	ask->req.verb = STORE_LIST;
	ask->req.key = NULL;
	ask->req.list = (struct store_list){
		.prefix = move->from_dir,
		.token = move->token,
	};
	ask->done = page_came;
	ask_submit(move->errand.bucket, ask);
}

/* ---- copying ---- */

/* All that was to be copied in this round is, or something failed. */
static void round_copied(struct dir_move *move)
{
	struct err err;

	if (move->status == 0 && !wanted(move))
		note_failure(move, err_set(&err, -EINTR, "interrupted"), &err);
	if (move->status < 0) {
		move_failed(move);
		return;
	}
	move->to_copy = 0;
	list_page(move);
}

/* The slot's object is there, or cannot be. */
static void slot_over(struct copy_slot *slot, int status, const struct err *err)
{
	struct dir_move *move = slot->move;
	bool last;

	if (status < 0)
		note_failure(move, status, err);
	{
		WITH_LOCK(&move->lock);
		if (status == 0 && slot->entry->etag[0]) {
			memcpy(slot->entry->copied, slot->entry->etag,
			       sizeof(slot->entry->copied));
			move->copied++;
		}
		slot->entry = NULL;
		last = --move->flying == 0;
	}
	if (last)
		copy_some(move);
}

/* The HEAD of a copy in doubt, or of one whose ETag says nothing. */
static void copy_checked(struct ask *ask)
{
	struct copy_slot *slot = container_of(ask, struct copy_slot, ask);
	struct move_entry *entry = slot->entry;
	const struct object_info *info = &ask->req.info;
	bool parts = strchr(entry->etag, '-') != NULL;
	int status = ask_status(ask);

	if (status == -ENOENT)
		status = err_set(&ask->req.err, -EIO,
		                 "the store did not copy \"%s\"", slot->from);
	else if (status == 0 &&
	         (info->size != entry->size ||
	          (parts && strcmp(info->etag, entry->copy_etag) == 0) ||
	          (!parts && strcmp(info->etag, entry->etag) != 0)))
		entry->etag[0] = 0; /* of another version: list it again */
	if (status == 0)
		(void)str_copy(entry->copy_etag, sizeof(entry->copy_etag),
		               info->etag);
	slot_over(slot, status, &ask->req.err);
}

/* The COPY is answered: sure, in doubt, gone, or failed. */
static void copied(struct ask *ask)
{
	struct copy_slot *slot = container_of(ask, struct copy_slot, ask);
	struct move_entry *entry = slot->entry;
	int status = ask_status(ask);
	bool same = strcmp(ask->req.info.etag, entry->etag) == 0;

	if (status == 0 && same) {
		memcpy(entry->copy_etag, entry->etag, sizeof(entry->etag));
		slot_over(slot, 0, NULL);
	} else if (status == 0 || ask->req.maybe_applied) {
		ask->req.verb = STORE_HEAD;
		ask->req.key = slot->to;
		ask->done = copy_checked;
		ask_submit(slot->move->errand.bucket, ask);
	} else if (status == -ENOENT || status == -ESTALE) {
		entry->etag[0] = 0; /* the next listing tells */
		slot_over(slot, 0, NULL);
	} else {
		slot_over(slot, status, &ask->req.err);
	}
}

/* Send the slot's COPY. */
static void copy_send(struct copy_slot *slot)
{
	struct dir_move *move = slot->move;
	struct bucket *bucket = move->errand.bucket;
	struct ask *ask = &slot->ask;

	*ask = (struct ask){0};
	(void)snprintf(slot->from, sizeof(slot->from), "%s%s", move->from_dir,
	               slot->entry->name);
	(void)snprintf(slot->to, sizeof(slot->to), "%s%s", move->to_dir,
	               slot->entry->name);
	ask->req.verb = STORE_COPY;
	ask->req.key = slot->to;
	ask->req.copy = (struct store_copy){
		.source = bucket->store,
		.source_key = slot->from,
		.source_if_match =
			store_limits(bucket->store)->copy_source_match
				? slot->entry->etag
				: NULL,
	};
	ask->done = copied;
	ask_submit(bucket, ask);
}

/* Give the slots their next objects. Returns how many. */
static size_t fill_slots_locked(struct dir_move *move)
{
	size_t count = 0;

	while (count < move->slot_count && move->next < move->set.count) {
		struct move_entry *entry = move->set.order[move->next++];

		if (move_entry_is_copied(entry) || !entry->etag[0])
			continue;
		move->slots[count].move = move;
		move->slots[count++].entry = entry;
	}
	/* One more, so that none of them ends the round before all are sent. */
	move->flying = (unsigned)count + 1;
	return count;
}

/* Copy the next ones side by side, then come back here. */
static void copy_some(struct dir_move *move)
{
	size_t count = 0;
	bool last;

	{
		bool goes_on = wanted(move);

		WITH_LOCK(&move->lock);
		if (move->status == 0 && goes_on)
			count = fill_slots_locked(move);
	}
	if (count == 0) {
		move->next = 0;
		round_copied(move);
		return;
	}
	move->changed = true;
	for (size_t i = 0; i < count; i++)
		copy_send(&move->slots[i]);
	{
		WITH_LOCK(&move->lock);
		last = --move->flying == 0;
	}
	if (last)
		copy_some(move);
}

void rename_dir_have_turns(struct dir_move *move)
{
	copy_some(move);
}

/* ---- what comes before ---- */

/* Begin: it is known that the target may be taken. */
void rename_dir_begin(struct dir_move *move)
{
	struct err err = {0};
	int r = rename_dir_may(move, &err);

	if (r < 0) {
		note_failure(move, r, &err);
		move_failed(move);
		return;
	}
	list_page(move);
}

void rename_dir_refuse(struct dir_move *move, int status, const struct err *err)
{
	note_failure(move, status, err);
	move_failed(move);
}

/* The texts and rooms of a move. */
static int fill(struct dir_move *move, struct inode *dir, const char *to)
{
	unsigned slots = dir->bucket->fs->config.copy_concurrency;

	move->slot_count = slots > 0 ? slots : 1;
	move->inode = inode_ref(dir);
	move->from = inode_copy_key(dir);
	move->to = strdup(to);
	move->from_dir = move->from ? key_as_dir(move->from) : NULL;
	move->to_dir = key_as_dir(to);
	move->slots = calloc(move->slot_count, sizeof(*move->slots));
	move->keys = calloc(STORE_BATCH_MAX, sizeof(*move->keys));
	move->results = calloc(STORE_BATCH_MAX, sizeof(*move->results));
	if (!move->from_dir || !move->to || !move->to_dir || !move->slots ||
	    !move->keys || !move->results)
		return -ENOMEM;
	return key_below(to, move->from) ? -EINVAL : 0;
}

void rename_dir(struct fs_call *call, struct inode *dir, const char *to,
                bool no_replace)
{
	cleanup(move_freep) struct dir_move *move = calloc(1, sizeof(*move));
	int r = bucket_may_change(dir->bucket, true, &call->err);

	if (r == 0 && !move)
		r = -ENOMEM;
	if (move) {
		(void)pthread_mutex_init(&move->lock, NULL);
		move_set_init(&move->set);
	}
	if (r == 0)
		r = fill(move, dir, to);
	if (r < 0) {
		call_answer(call, r);
		return;
	}

	struct dir_move *going = take(&move);

	going->no_replace = no_replace;
	going->errand.bucket = dir->bucket;
	going->errand.go = rename_dir_go;
	going->errand.free = move_drop;
	errand_start(&going->errand, call, going->from);
}
