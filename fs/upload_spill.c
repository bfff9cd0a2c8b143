/* SPDX-License-Identifier: MIT */
/*
 * Bytes that leave memory before they are sent.
 *
 * A part's slabs are written to its staging file by a task, for that blocks;
 * meanwhile nothing is added to it.  Two things bring it on: memory is short
 * and this part was chosen to give way (uploads.c), or it is one of the large
 * ones that memory is not to hold: then every few MiB go there.
 *
 * When staging has no room the slabs simply stay.  A large part is sent as it
 * is then; else who waits for memory must be told that there is none.
 */
#include "upload_state.h"

#include <string.h>

bool upload_can_send_locked(const struct upload *up)
{
	const struct upload_part *part = up->tail;

	return part->size >= up->limits->part_min && !up->plan.equal &&
	       !part->planned &&
	       up->short_parts < up->plan.parts_max / UPLOAD_SHORT_SHARE;
}

/* The slabs are in the file: count the bytes there, hand the slabs out. */
static size_t end_locked(struct upload_part *part, uint8_t ***ret)
{
	size_t count = part->slab_count;
	struct uploads *all = part->up->all;

	metric_add(&all->spills, 1);
	metric_add(&all->spilled, part->size - part->staged);
	part->staged = part->size;
	*ret = part->slabs;
	part->slabs = NULL;
	part->slab_count = 0;
	part->slab_cap = 0;
	return count;
}

static bool is_full(int status)
{
	return status == -ENOSPC || status == -EDQUOT;
}

/* A spill failed, or was for nothing: the upload fails, or failed already. */
static void fail_locked(struct upload *up, int status,
                        struct upload_debris *debris)
{
	struct err err;

	if (status < 0)
		(void)err_set(&err, status,
		              "memory is short and the staging file cannot "
		              "be written: %s",
		              strerror(-status));
	upload_fail_locked(up, status < 0 ? status : up->status,
	                   status < 0 ? &err : NULL, debris);
}

/* There is no room: the slabs stay, or the part goes as it is. */
static void full_locked(struct upload *up, struct upload_part *part)
{
	part->spill_at = part->size + up->all->chunk;
	if (part == up->tail && upload_can_send_locked(up))
		upload_seal_locked(up);
}

/* After a spill: give the memory back and wake who waited for it. */
static void finish(struct upload_part *part, int status)
{
	struct upload *up = part->up;
	struct uploads *all = up->all;
	struct upload_debris debris;
	uint8_t **slabs = NULL;
	size_t count = 0;
	bool resume;

	upload_debris_init(&debris);
	(void)pthread_mutex_lock(&up->lock);
	part->spilling = false;
	if (up->status < 0 || (status < 0 && !is_full(status)))
		fail_locked(up, up->status < 0 ? 0 : status, &debris);
	else if (status < 0)
		full_locked(up, part);
	else
		count = end_locked(part, &slabs);
	resume = up->stalled;
	up->stalled = false;
	(void)pthread_mutex_unlock(&up->lock);

	if (count > 0)
		pool_give(up->pool, POOL_WRITE, slabs, count);
	free(slabs);
	upload_debris_clear(up, &debris);
	atomic_fetch_sub(&all->moving, 1);
	if (resume)
		upload_fill(up);
	upload_go_on(up);
	if (is_full(status))
		uploads_starve(all);
	else
		uploads_relieve(all);
	upload_unref(up);
}

/* Write the slabs of a part behind what is in its file already. */
static int write_out(struct upload_part *part)
{
	uint64_t left = part->size - part->staged;
	cleanup(freep) struct slice *slices =
		calloc(part->slab_count, sizeof(slices[0]));
	struct chain chain = {.slices = slices};
	int r = 0;

	if (!slices)
		return -ENOMEM;
	for (size_t i = 0; left > 0; i++) {
		slices[i].data = part->slabs[i];
		slices[i].len =
			left < POOL_SLAB_SIZE ? (size_t)left : POOL_SLAB_SIZE;
		left -= slices[i].len;
		chain.count++;
	}
	if (!part->staging)
		r = staging_new(part->up->all->config.staging, &part->staging);
	return r < 0 ? r : staging_append(part->staging, &chain);
}

/* The task: blocking, on the executor. */
static void run(struct task *task)
{
	struct upload_part *part = container_of(task, struct upload_part, task);

	finish(part, write_out(part));
}

void upload_spill_locked(struct upload *up)
{
	struct upload_part *part = up->tail;

	part->spilling = true;
	part->task.run = run;
	atomic_fetch_add(&up->all->moving, 1);
	(void)upload_ref(up);
}

void upload_spill_start(struct upload_part *part)
{
	exec_run(part->up->all->config.exec, &part->task);
}

/* Whether memory is not to hold all of it. */
static bool is_large(const struct upload *up, const struct upload_part *part)
{
	return part->target > up->all->sizes.held_max &&
	       part->target > up->limits->part_min;
}

struct upload_part *upload_stage_locked(struct upload *up)
{
	struct upload_part *part = up->tail;
	struct uploads *all = up->all;

	if (!part || !is_large(up, part) || part->flying ||
	    part->size - part->staged < all->chunk ||
	    part->size < part->spill_at || part->size == part->target)
		return NULL;

	if (staging_has_room(all->config.staging, part->size - part->staged)) {
		upload_spill_locked(up);
		return part;
	}
	full_locked(up, part);
	return NULL;
}
