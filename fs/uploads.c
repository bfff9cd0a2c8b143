/* SPDX-License-Identifier: MIT */
/*
 * All uploads of a mount, and what they do when memory is short.
 *
 * Memory comes back by itself as long as a sealed part or a spill is under way
 * (all->moving counts them).  When a writer waits and nothing moves, all
 * memory is in half-filled parts, and one of them must give way: the one that
 * has not grown for longest among those big enough to be sent, else among all
 * by being spilled.  When staging is full too, one of those who wait fails.
 * This is asked whenever either side changes: a writer begins to wait
 * (pressure), something stopped moving, a filler ended.
 */
#include "base/log.h"
#include "upload_state.h"

#include <assert.h>
#include <string.h>

/* A part takes at most this share of staging: one fills while one is sent. */
#define STAGED_SHARE 2

/* Bytes of a large part that go to staging at once, as a share of memory. */
#define CHUNK_SHARE 32
#define CHUNK_MAX   (UINT64_C(8) << 20)

/* ---- relief ---- */

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
		sends = upload_can_send_locked(up);
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
		send = upload_can_send_locked(up);
		if (send) {
			upload_seal_locked(up);
		} else {
			spill = up->tail;
			upload_spill_locked(up);
		}
	}
	(void)pthread_mutex_unlock(&up->lock);

	if (spill)
		upload_spill_start(spill);
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

/* Whoever waits for memory and holds most of it, with a reference, or NULL. */
static struct upload *choose_starving(struct uploads *all)
{
	struct upload *best = NULL;
	size_t most = 0;

	WITH_LOCK(&all->lock);
	list_for_each(node, &all->list) {
		struct upload *up = container_of(node, struct upload, link);
		size_t held;

		WITH_LOCK(&up->lock);
		if (!up->waiting || up->status < 0)
			continue;
		held = 1 + (up->tail ? up->tail->slab_count : 0);
		if (held <= most)
			continue;
		best = up;
		most = held;
	}
	return best && upload_try_ref(best) ? best : NULL;
}

void uploads_starve(struct uploads *all)
{
	struct upload *up;
	struct err err;

	if (!pool_pressed(all->config.pool) || atomic_load(&all->moving) > 0)
		return;
	up = choose_starving(all);
	if (!up)
		return; /* it will come here when it begins to wait */

	if (pool_cancel(all->config.pool, &up->wait)) {
		(void)err_set(&err, -ENOSPC,
		              "memory_limit is used up, and staging is full "
		              "too (staging_max, or the disk of state_dir)");
		upload_fail(up, -ENOSPC, &err);
		upload_fill_stop_waiting(up);
	}
	upload_unref(up);
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

/* What parts may be, and how much of a large one waits in memory. */
static void set_sizes(struct uploads *all, uint64_t budget)
{
	uint64_t staged = all->config.staging->max / STAGED_SHARE;

	all->sizes = (struct upload_sizes){
		.part_size = all->config.part_size,
		.held_max = budget / 4,
		.staged_max =
			all->config.staging->max > 0 ? staged : UINT64_MAX,
	};
	all->chunk = budget / CHUNK_SHARE;
	if (all->chunk > CHUNK_MAX)
		all->chunk = CHUNK_MAX;
}

static void register_metrics(struct uploads *all)
{
	all->spills = (struct metric){
		.kind = METRIC_COUNTER,
		.name = "porterfs_spills_total",
		.help = "Times written bytes left memory for staging.",
	};
	all->spilled = (struct metric){
		.kind = METRIC_COUNTER,
		.name = "porterfs_spilled_bytes_total",
		.help = "Written bytes that left memory for staging.",
	};
	metrics_register(all->config.metrics, &all->spills);
	metrics_register(all->config.metrics, &all->spilled);
}

int uploads_new(const struct uploads_config *config, struct uploads **ret)
{
	struct uploads *all = calloc(1, sizeof(*all));
	struct pool_stats stats;

	if (!all)
		return -ENOMEM;
	all->config = *config;
	if (all->config.max_inflight == 0)
		all->config.max_inflight = 1;
	pool_get_stats(config->pool, &stats);
	set_sizes(all, stats.budget);
	all->fill_slabs = (size_t)(stats.budget / POOL_SLAB_SIZE / 4);
	if (all->fill_slabs > UPLOAD_FILL_SLABS)
		all->fill_slabs = UPLOAD_FILL_SLABS;
	(void)pthread_mutex_init(&all->lock, NULL);
	(void)pthread_mutex_init(&all->tell_lock, NULL);
	(void)pthread_cond_init(&all->ended, NULL);
	list_init(&all->list);
	all->reclaimer.reclaim = reclaim_nothing;
	all->reclaimer.pressure = pressure;
	register_metrics(all);
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
	metrics_remove(uploads->config.metrics, &uploads->spills);
	metrics_remove(uploads->config.metrics, &uploads->spilled);
	(void)pthread_cond_destroy(&uploads->ended);
	(void)pthread_mutex_destroy(&uploads->tell_lock);
	(void)pthread_mutex_destroy(&uploads->lock);
	free(uploads);
}
