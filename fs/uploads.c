/* SPDX-License-Identifier: MIT */
/*
 * All uploads of a mount, and what they do when memory is short.
 *
 * Memory comes back by itself as long as a sealed part or a spill is under way
 * (all->moving counts them).  When a writer waits and nothing moves, all
 * memory is in half-filled parts, and one of them must give way: the one that
 * has not grown for longest among those big enough to be sent, else among all
 * by being spilled.  This is asked whenever either side changes: a writer
 * begins to wait (pressure), something stopped moving, a filler ended.
 */
#include "base/log.h"
#include "upload_state.h"

#include <assert.h>
#include <string.h>

/* Parts of an upload that may go before they are full, as a share of all. */
#define SHORT_PARTS_SHARE 10

/* ---- spilling ---- */

/* The slabs are in the file: count the bytes there, hand the slabs out. */
static size_t spill_end_locked(struct upload *up, struct upload_part *part,
                               uint8_t ***ret)
{
	size_t count = part->slab_count;

	part->spilling = false;
	part->staged = part->size;
	*ret = part->slabs;
	part->slabs = NULL;
	part->slab_count = 0;
	part->slab_cap = 0;
	(void)up;
	return count;
}

/* A spill failed, or was for nothing: the upload fails, or failed already. */
static void spill_fail_locked(struct upload *up, struct upload_part *part,
                              int status, struct upload_debris *debris)
{
	struct err err;

	part->spilling = false;
	if (status < 0)
		(void)err_set(&err, status,
		              "memory is short and the staging file cannot "
		              "be written: %s",
		              strerror(-status));
	upload_fail_locked(up, status < 0 ? status : up->status,
	                   status < 0 ? &err : NULL, debris);
}

/* After a spill: give the memory back and wake who waited for it. */
static void spill_finish(struct upload_part *part, int status)
{
	struct upload *up = part->up;
	struct upload_debris debris;
	uint8_t **slabs = NULL;
	size_t count = 0;
	bool resume;

	upload_debris_init(&debris);
	(void)pthread_mutex_lock(&up->lock);
	if (status < 0 || up->status < 0)
		spill_fail_locked(up, part, status, &debris);
	else
		count = spill_end_locked(up, part, &slabs);
	resume = up->stalled;
	up->stalled = false;
	(void)pthread_mutex_unlock(&up->lock);

	if (count > 0)
		pool_give(up->pool, POOL_WRITE, slabs, count);
	free(slabs);
	upload_debris_clear(up, &debris);
	atomic_fetch_sub(&up->all->moving, 1);
	if (resume)
		upload_fill(up);
	upload_go_on(up);
	uploads_relieve(up->all);
	upload_unref(up);
}

/* Write the slabs of a part behind what is in its file already. */
static int spill_write(struct upload_part *part, const char *dir)
{
	uint64_t left = part->size - part->staged;
	struct slice slice;
	int r = 0;

	if (!part->staging)
		r = staging_new(dir, &part->staging);
	for (size_t i = 0; r == 0 && left > 0; i++) {
		const struct chain chain = {.slices = &slice, .count = 1};

		slice.data = part->slabs[i];
		slice.len =
			left < POOL_SLAB_SIZE ? (size_t)left : POOL_SLAB_SIZE;
		left -= slice.len;
		r = staging_append(part->staging, &chain);
	}
	return r;
}

/* The task: blocking, on the executor. */
static void spill_run(struct task *task)
{
	struct upload_part *part = container_of(task, struct upload_part, task);

	spill_finish(part, spill_write(part, part->up->all->staging_dir));
}

/* ---- relief ---- */

/* Whether the tail can be sent as it is. */
static bool can_send_locked(const struct upload *up)
{
	const struct upload_part *part = up->tail;

	return part->size >= up->limits->part_min && !up->plan.equal &&
	       !part->planned &&
	       up->short_parts < up->plan.parts_max / SHORT_PARTS_SHARE;
}

/* Whether the tail holds memory that can be had. */
static bool can_give_locked(const struct upload *up)
{
	const struct upload_part *part = up->tail;

	return part && up->status == 0 && !up->copying && !part->spilling &&
	       !part->flying && part->slab_count > 0 &&
	       part->size > part->staged;
}

/* The upload that shall give way, with a reference; NULL: none can. */
static struct upload *choose(struct uploads *all)
{
	struct upload *best = NULL;
	bool best_sends = false;
	uint64_t best_grown = 0;

	WITH_LOCK(&all->lock);
	list_for_each(node, &all->list) {
		struct upload *up = container_of(node, struct upload, link);
		bool sends;

		WITH_LOCK(&up->lock);
		if (!can_give_locked(up))
			continue;
		sends = can_send_locked(up);
		if (best && (best_sends > sends ||
		             (best_sends == sends && best_grown <= up->grown)))
			continue;
		best = up;
		best_sends = sends;
		best_grown = up->grown;
	}
	return best && upload_try_ref(best) ? best : NULL;
}

/* Send or spill its tail, if that still can be; takes the reference. */
static void give_way(struct upload *up)
{
	struct upload_part *spill = NULL;
	bool send = false;

	(void)pthread_mutex_lock(&up->lock);
	if (can_give_locked(up)) {
		send = can_send_locked(up);
		if (send) {
			upload_seal_locked(up);
		} else {
			spill = up->tail;
			spill->spilling = true;
			atomic_fetch_add(&up->all->moving, 1);
		}
	}
	(void)pthread_mutex_unlock(&up->lock);

	if (spill) {
		spill->task.run = spill_run;
		exec_run(up->all->config.exec, &spill->task);
		return; /* the reference goes along */
	}
	if (send)
		upload_go_on(up);
	upload_unref(up);
}

void uploads_relieve(struct uploads *all)
{
	struct upload *up;

	if (!pool_pressed(all->config.pool) || atomic_load(&all->moving) > 0)
		return;

	up = choose(all);
	if (up)
		give_way(up);
}

/* pressure() of the pool. */
static void pressure(struct pool_reclaimer *reclaimer)
{
	uploads_relieve(container_of(reclaimer, struct uploads, reclaimer));
}

/* reclaim() of the pool: what we hold is not clean. */
static size_t reclaim_nothing(struct pool_reclaimer *reclaimer, size_t want)
{
	(void)reclaimer;
	(void)want;
	return 0;
}

/* ---- counting ---- */

/* Tell busy() how it stands now, in order. */
static void tell_busy(struct uploads *all)
{
	bool busy;
	bool changed;

	if (!all->config.busy)
		return;

	WITH_LOCK(&all->tell_lock);
	{
		WITH_LOCK(&all->lock);
		busy = all->count > 0;
		changed = busy != all->told_busy;
		all->told_busy = busy;
	}
	if (changed)
		all->config.busy(all->config.ctx, busy);
}

void uploads_enter(struct upload *up)
{
	struct uploads *all = up->all;

	{
		WITH_LOCK(&all->lock);
		list_append(&all->list, &up->link);
		all->count++;
		all->present++;
	}
	tell_busy(all);
}

void uploads_forget(struct upload *up)
{
	WITH_LOCK(&up->all->lock);
	list_remove(&up->link);
}

void uploads_leave(struct uploads *all)
{
	{
		WITH_LOCK(&all->lock);
		all->count--;
	}
	tell_busy(all);

	/* The last one to go: from here on nothing of ours is touched. */
	WITH_LOCK(&all->lock);
	if (--all->present == 0)
		(void)pthread_cond_broadcast(&all->ended);
}

unsigned uploads_count(struct uploads *uploads)
{
	WITH_LOCK(&uploads->lock);
	return uploads->count;
}

void uploads_settle(struct uploads *uploads)
{
	WITH_LOCK(&uploads->lock);
	while (uploads->present > 0)
		(void)pthread_cond_wait(&uploads->ended, &uploads->lock);
}

/*
 * What is at the store stays there for a person, or for the next start: to
 * settle whether Complete was applied.
 */
static void keep_cancelled_locked(struct upload *up)
{
	if (up->record == 0 || up->create != CREATE_DONE || up->keep ||
	    up->remade || up->status < 0 || up->published ||
	    up->stage >= STAGE_ENDED)
		return;
	if (up->noting || up->noted) {
		up->keep = true;
	} else if (up->info_cap > 0 && up->infos[0].number > 0) {
		up->keep = true;
		upload_note_kept_locked(
			up, "porterfs was stopped while it was written", false);
		log_warning("'%s' was not published, its upload stays open "
		            "(upload id %s, incomplete): porterfs was stopped "
		            "while it was written",
		            up->target->key, up->upload_id);
	}
}

/* The next upload that was not cancelled yet, with a reference, or NULL. */
static struct upload *next_to_cancel(struct uploads *all)
{
	WITH_LOCK(&all->lock);
	list_for_each(node, &all->list) {
		struct upload *up = container_of(node, struct upload, link);

		WITH_LOCK(&up->lock);
		if (up->cancel_asked || !upload_try_ref(up))
			continue;
		up->cancel_asked = true;
		up->cancelled = true;
		keep_cancelled_locked(up);
		if (up->req_flying && up->req_submitted)
			store_cancel(up->req_store, &up->req);
		return up;
	}
	return NULL;
}

void uploads_cancel(struct uploads *uploads)
{
	struct upload *up;

	while ((up = next_to_cancel(uploads))) {
		upload_fail(up, -ECANCELED, NULL);
		upload_unref(up);
	}
}

int uploads_new(const struct uploads_config *config, struct uploads **ret)
{
	struct uploads *all = calloc(1, sizeof(*all));
	struct pool_stats stats;

	if (!all)
		return -ENOMEM;
	if (config->staging_dir) {
		all->staging_dir = strdup(config->staging_dir);
		if (!all->staging_dir) {
			free(all);
			return -ENOMEM;
		}
	}

	all->config = *config;
	if (all->config.max_inflight == 0)
		all->config.max_inflight = 1;
	pool_get_stats(config->pool, &stats);
	all->held_max = stats.budget / 4;
	all->fill_slabs = (size_t)(stats.budget / POOL_SLAB_SIZE / 4);
	if (all->fill_slabs > UPLOAD_FILL_SLABS)
		all->fill_slabs = UPLOAD_FILL_SLABS;
	(void)pthread_mutex_init(&all->lock, NULL);
	(void)pthread_mutex_init(&all->tell_lock, NULL);
	(void)pthread_cond_init(&all->ended, NULL);
	list_init(&all->list);
	all->reclaimer.reclaim = reclaim_nothing;
	all->reclaimer.pressure = pressure;
	pool_add_reclaimer(config->pool, &all->reclaimer);
	*ret = all;
	return 0;
}

void uploads_free(struct uploads *uploads)
{
	if (!uploads)
		return;

	assert(uploads->present == 0);
	pool_remove_reclaimer(uploads->config.pool, &uploads->reclaimer);
	free(uploads->staging_dir);
	(void)pthread_cond_destroy(&uploads->ended);
	(void)pthread_mutex_destroy(&uploads->tell_lock);
	(void)pthread_mutex_destroy(&uploads->lock);
	free(uploads);
}
