/* SPDX-License-Identifier: MIT */
/*
 * Appending: bytes into slabs.
 *
 * One thread at a time is an upload's filler.  It takes the oldest write, gets
 * the slabs that it needs, copies without the lock, and goes on until no write
 * is left.  When the pool has no memory the role stays with the waiting
 * request: pool's granted() goes on with it, on the thread that gave memory
 * back.  When the tail is being spilled, the spill's end goes on with it.
 */
#include "upload_state.h"

#include <string.h>

enum fill {
	FILL_IDLE,  /* no write is left */
	FILL_STALL, /* the tail is being spilled */
	FILL_SLABS, /* memory is needed first */
	FILL_COPY,  /* there is room */
	FILL_SKIP,  /* the oldest write has no bytes, or was cancelled */
	FILL_NOMEM,
};

/* One copy: n bytes of a write to a place in the tail. */
struct fill_step {
	struct upload_write *write;
	struct upload_part *part;
	size_t n;    /* bytes */
	size_t at;   /* in the slabs */
	size_t need; /* slabs, beyond those that are there */
	bool sealed; /* something can be sent */
	bool failed;
};

/* How many more slabs part needs for n more bytes. */
static size_t slabs_for(const struct upload_part *part, size_t n)
{
	size_t bytes = (size_t)(part->size - part->staged) + n;
	size_t slabs = (bytes + POOL_SLAB_SIZE - 1) / POOL_SLAB_SIZE;

	return slabs > part->slab_count ? slabs - part->slab_count : 0;
}

/* Look at the oldest write and say what it takes to copy a piece of it. */
static enum fill fill_plan_locked(struct upload *up, struct fill_step *step)
{
	struct upload_part *part = up->tail;
	size_t limit = up->all->fill_slabs * POOL_SLAB_SIZE;

	step->write = list_first(&up->writes, struct upload_write, link);
	if (!step->write)
		return FILL_IDLE;
	if (step->write->data.len == 0 ||
	    atomic_load(&step->write->hold) == HOLD_CANCELLED)
		return FILL_SKIP;
	if (part && part->spilling)
		return FILL_STALL;
	if (part && part->size == part->target) {
		upload_seal_locked(up);
		step->sealed = true;
	}

	part = upload_tail_locked(up);
	if (!part)
		return FILL_NOMEM;
	step->part = part;
	step->n = step->write->data.len - step->write->copied;
	if (step->n > limit)
		step->n = limit;
	if (step->n > part->target - part->size)
		step->n = (size_t)(part->target - part->size);
	step->need = slabs_for(part, step->n);
	return step->need > up->spare_count ? FILL_SLABS : FILL_COPY;
}

/* Get the slabs that are missing; false: somebody else goes on with it. */
static bool fill_take(struct upload *up, size_t need)
{
	struct uploads *all = up->all;
	bool taken;

	(void)upload_ref(up); /* it may be over when it must wait */
	up->wait.count = need - up->spare_count;
	up->wait.slabs = up->spare + up->spare_count;
	(void)pthread_mutex_lock(&up->lock);
	up->taking = true;
	(void)pthread_mutex_unlock(&up->lock);

	taken = pool_take(up->pool, &up->wait);

	(void)pthread_mutex_lock(&up->lock);
	up->taking = false;
	taken = taken || up->granted_early;
	up->granted_early = false;
	if (taken)
		up->spare_count += up->wait.count;
	up->waiting = !taken;
	(void)pthread_mutex_unlock(&up->lock);
	if (!taken)
		uploads_relieve(all);
	upload_unref(up);
	return taken;
}

void upload_fill_granted(struct pool_wait *wait)
{
	struct upload *up = container_of(wait, struct upload, wait);
	bool early;

	(void)pthread_mutex_lock(&up->lock);
	early = up->taking;
	if (early)
		up->granted_early = true;
	else
		up->spare_count += wait->count;
	up->waiting = false;
	(void)pthread_mutex_unlock(&up->lock);
	if (!early)
		upload_fill(up);
}

void upload_fill_stop_waiting(struct upload *up)
{
	{
		WITH_LOCK(&up->lock);
		up->waiting = false;
	}
	upload_fill(up);
}

/* Copy into slabs from position at on. No lock: they are the filler's. */
static void copy_in(uint8_t *const *slabs, size_t at, const uint8_t *src,
                    size_t n)
{
	while (n > 0) {
		size_t offset = at % POOL_SLAB_SIZE;
		size_t room = POOL_SLAB_SIZE - offset;
		size_t len = n < room ? n : room;

		memcpy(slabs[at / POOL_SLAB_SIZE] + offset, src, len);
		at += len;
		src += len;
		n -= len;
	}
}

/* Hand spare slabs to the part and begin to copy. 0, -ENOMEM, or -EINTR. */
static int copy_begin_locked(struct upload *up, struct fill_step *step)
{
	struct upload_part *part = step->part;
	int queued = HOLD_QUEUED;
	int r = upload_part_reserve(part, step->need);

	if (r < 0)
		return r;
	if (!atomic_compare_exchange_strong(&step->write->hold, &queued,
	                                    HOLD_TAKEN) &&
	    queued == HOLD_CANCELLED)
		return -EINTR;

	up->spare_count -= step->need;
	for (size_t i = 0; i < step->need; i++)
		part->slabs[part->slab_count++] =
			up->spare[up->spare_count + i];
	step->at = (size_t)(part->size - part->staged);
	up->copying = true;
	return 0;
}

/* The bytes are there. Collects the write when it is done. */
static void copy_end_locked(struct upload *up, struct fill_step *step,
                            struct upload_debris *debris)
{
	struct upload_part *part = step->part;
	struct upload_write *write = step->write;

	up->copying = false;
	if (up->status < 0) {
		upload_fail_locked(up, up->status, NULL, debris);
		step->write = NULL;
		return;
	}

	part->size += step->n;
	up->size += step->n;
	up->grown = atomic_fetch_add(&up->all->tick, 1);
	write->copied += step->n;
	if (write->copied == write->data.len) {
		list_remove(&write->link);
		write->status = 0;
	} else {
		step->write = NULL;
	}
	if (part->size == part->target &&
	    (part->number > 1 || up->create != CREATE_NONE)) {
		upload_seal_locked(up);
		step->sealed = true;
	}
	/* A sync or a finish may have waited for these bytes. */
	if (!list_empty(&up->syncs) || up->finish)
		step->sealed = true;
}

/* Copy one piece; the lock is held on entry and not on return. */
static bool fill_copy(struct upload *up, struct fill_step *step)
{
	struct upload_debris debris;
	struct upload_part *stage = NULL;
	const uint8_t *src = step->write->data.data + step->write->copied;
	int r = copy_begin_locked(up, step);

	upload_debris_init(&debris);
	if (r < 0) {
		(void)pthread_mutex_unlock(&up->lock);
		if (r != -EINTR)
			upload_fail(up, r, NULL);
		return true;
	}
	(void)pthread_mutex_unlock(&up->lock);

	copy_in(step->part->slabs, step->at, src, step->n);

	(void)pthread_mutex_lock(&up->lock);
	copy_end_locked(up, step, &debris);
	if (up->status == 0)
		stage = upload_stage_locked(up);
	if (!up->tail)
		step->sealed = true;
	(void)pthread_mutex_unlock(&up->lock);

	upload_debris_clear(up, &debris);
	if (stage)
		upload_spill_start(stage);
	if (step->sealed)
		upload_go_on(up);
	if (step->write)
		step->write->done(step->write);
	return true;
}

/* No write is left: give back what was not needed and step down. */
static void fill_stop(struct upload *up)
{
	uint8_t *slabs[UPLOAD_FILL_SLABS];
	size_t count = up->spare_count;

	memcpy(slabs, up->spare, count * sizeof(slabs[0]));
	up->spare_count = 0;
	up->filling = false;
	(void)pthread_mutex_unlock(&up->lock);
	if (count > 0)
		pool_give(up->pool, POOL_WRITE, slabs, count);
	uploads_relieve(up->all);
	upload_unref(up);
}

/* Let go of a write that is not to be copied. The lock is held on entry only. */
static bool fill_skip(struct upload *up, struct upload_write *write)
{
	if (atomic_load(&write->hold) == HOLD_CANCELLED)
		upload_write_leave_locked(up, write);
	else
		list_remove(&write->link);
	(void)pthread_mutex_unlock(&up->lock);
	write->done(write);
	upload_go_on(up);
	return true;
}

/* One step of the filler; false: it no longer is one. */
static bool fill_once(struct upload *up)
{
	struct fill_step step = {0};

	(void)pthread_mutex_lock(&up->lock);
	switch (fill_plan_locked(up, &step)) {
	case FILL_IDLE:
		fill_stop(up);
		return false;
	case FILL_STALL:
		up->stalled = true;
		(void)pthread_mutex_unlock(&up->lock);
		return false;
	case FILL_SLABS:
		(void)pthread_mutex_unlock(&up->lock);
		if (step.sealed)
			upload_go_on(up);
		return fill_take(up, step.need);
	case FILL_COPY:
		return fill_copy(up, &step);
	case FILL_SKIP:
		return fill_skip(up, step.write);
	case FILL_NOMEM:
		break;
	}
	(void)pthread_mutex_unlock(&up->lock);
	upload_fail(up, -ENOMEM, NULL);
	return true;
}

void upload_fill(struct upload *up)
{
	while (fill_once(up))
		;
}
