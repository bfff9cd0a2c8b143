/* SPDX-License-Identifier: MIT */
/* Birth, calls, failure and end of an upload. */
#include "base/digest.h"
#include "base/str.h"
#include "upload_state.h"

#include <assert.h>
#include <string.h>

struct upload *upload_ref(struct upload *up)
{
	atomic_fetch_add(&up->refs, 1);
	return up;
}

bool upload_try_ref(struct upload *up)
{
	unsigned refs = atomic_load(&up->refs);

	while (refs > 0 &&
	       !atomic_compare_exchange_weak(&up->refs, &refs, refs + 1))
		;
	return refs > 0;
}

/* Nothing is under way and nobody knows it any more. */
static void upload_destroy(struct upload *up)
{
	struct uploads *all = up->all;

	uploads_forget(up);
	assert(list_empty(&up->parts) && list_empty(&up->writes));
	assert(up->spare_count == 0);
	upload_target_free(up->target);
	upload_target_free(up->late);
	upload_origins_free(up);
	free(up->infos);
	(void)pthread_mutex_destroy(&up->lock);
	if (up->released)
		up->released(up->owner);
	free(up);
	uploads_leave(all);
}

void upload_unref(struct upload *up)
{
	if (atomic_fetch_sub(&up->refs, 1) == 1)
		upload_destroy(up);
}

/* ---- failing ---- */

void upload_debris_init(struct upload_debris *debris)
{
	list_init(&debris->writes);
	list_init(&debris->syncs);
	list_init(&debris->parts);
	debris->finish = NULL;
}

/* Tell those who wait that the upload failed. */
static void tell_failed(struct upload *up, struct upload_debris *debris)
{
	while (!list_empty(&debris->writes)) {
		struct upload_write *write =
			list_first(&debris->writes, struct upload_write, link);

		list_remove(&write->link);
		write->status = up->status;
		write->done(write);
	}
	while (!list_empty(&debris->syncs)) {
		struct upload_sync *sync =
			list_first(&debris->syncs, struct upload_sync, link);

		list_remove(&sync->link);
		sync->status = up->status;
		sync->err = up->err;
		sync->done(sync);
	}
	if (debris->finish) {
		debris->finish->status = up->status;
		debris->finish->err = up->err;
		debris->finish->done(debris->finish);
	}
}

void upload_debris_clear(struct upload *up, struct upload_debris *debris)
{
	while (!list_empty(&debris->parts)) {
		struct upload_part *part =
			list_first(&debris->parts, struct upload_part, link);

		list_remove(&part->link);
		upload_part_free(part);
	}
	tell_failed(up, debris);
}

/* Let go of all parts that nobody else has in hand; the wire is told to stop. */
static void drop_parts_locked(struct upload *up, struct upload_debris *debris)
{
	list_for_each_safe(node, &up->parts) {
		struct upload_part *part =
			container_of(node, struct upload_part, link);

		if (part->flying && part->submitted)
			store_cancel(up->store, &part->req);
		if (part->flying || part->spilling ||
		    (part == up->tail && up->copying))
			continue; /* whoever holds it drops it */

		if (part == up->tail)
			up->tail = NULL;
		list_remove(&part->link);
		list_append(&debris->parts, &part->link);
	}
}

void upload_fail_locked(struct upload *up, int status, const struct err *err,
                        struct upload_debris *debris)
{
	if (up->status == 0) {
		up->status = status;
		if (err && err->code)
			up->err = *err;
		else
			(void)err_set(&up->err, status, "%s", err_name(status));
	}

	list_splice(&debris->syncs, &up->syncs);
	list_for_each_safe(node, &up->writes) {
		if (up->copying && node == up->writes.next)
			continue; /* the filler has it in hand */
		list_remove(node);
		list_append(&debris->writes, node);
	}
	if (up->finish)
		debris->finish = up->finish;
	up->finish = NULL;
	drop_parts_locked(up, debris);
}

void upload_fail(struct upload *up, int status, const struct err *err)
{
	struct upload_debris debris;

	upload_debris_init(&debris);
	(void)pthread_mutex_lock(&up->lock);
	upload_fail_locked(up, status, err, &debris);
	(void)pthread_mutex_unlock(&up->lock);
	upload_debris_clear(up, &debris);
	upload_go_on(up); /* aborts */
}

/* ---- calls ---- */

/* 128 random bits in hex. */
static void make_nonce(char ret[UPLOAD_NONCE_SIZE])
{
	uint8_t bits[(UPLOAD_NONCE_SIZE - 1) / 2];

	digest_random(bits, sizeof(bits));
	digest_hex(bits, sizeof(bits), ret);
}

int upload_new(const struct upload_config *config, struct upload **ret)
{
	struct uploads *all = config->uploads;
	struct upload *up = calloc(1, sizeof(*up));

	if (!up)
		return -ENOMEM;

	up->all = all;
	up->store = config->store;
	up->limits = store_limits(config->store);
	up->pool = all->config.pool;
	up->describe = config->describe;
	up->released = config->released;
	up->owner = config->owner;
	up->bucket = config->bucket;
	up->identity = config->identity;
	up->remade = config->remade;
	upload_plan_init(&up->plan, up->limits, &all->sizes);
	if (config->nonce)
		(void)str_copy(up->nonce, sizeof(up->nonce), config->nonce);
	else
		make_nonce(up->nonce);
	atomic_init(&up->refs, 1);
	(void)pthread_mutex_init(&up->lock, NULL);
	list_init(&up->writes);
	list_init(&up->parts);
	list_init(&up->syncs);
	list_init(&up->origins);
	up->wait.class = POOL_WRITE;
	up->wait.granted = upload_fill_granted;
	uploads_enter(up);
	*ret = up;
	return 0;
}

bool upload_queue(struct upload *up, struct upload_write *write)
{
	WITH_LOCK(&up->lock);

	assert(up->stage == STAGE_OPEN || up->status < 0);
	write->copied = 0;
	write->status = up->status;
	if (up->status < 0)
		return false;
	list_append(&up->writes, &write->link);
	up->accepted += write->data.len;
	return true;
}

void upload_pump(struct upload *up)
{
	{
		WITH_LOCK(&up->lock);
		if (up->filling || list_empty(&up->writes))
			return;
		up->filling = true;
		(void)upload_ref(up);
	}
	upload_fill(up);
}

void upload_append(struct upload *up, struct upload_write *write)
{
	if (upload_queue(up, write))
		upload_pump(up);
	else
		write->done(write);
}

bool upload_write_cancel(struct upload_write *write)
{
	int queued = HOLD_QUEUED;

	return atomic_compare_exchange_strong(&write->hold, &queued,
	                                      HOLD_CANCELLED);
}

bool upload_write_take(struct upload_write *write)
{
	int queued = HOLD_QUEUED;

	return atomic_compare_exchange_strong(&write->hold, &queued,
	                                      HOLD_TAKEN);
}

void upload_write_leave_locked(struct upload *up, struct upload_write *write)
{
	list_remove(&write->link);
	up->accepted -= write->data.len;
	write->status = -EINTR;
	list_for_each(node, &up->syncs) {
		struct upload_sync *sync =
			container_of(node, struct upload_sync, link);

		if (sync->until > up->accepted)
			sync->until = up->accepted;
	}
}

void upload_reap(struct upload *up, struct list *ret)
{
	WITH_LOCK(&up->lock);
	while (!list_empty(&up->writes)) {
		struct upload_write *write = container_of(
			up->writes.prev, struct upload_write, link);

		if (atomic_load(&write->hold) != HOLD_CANCELLED)
			return;
		upload_write_leave_locked(up, write);
		list_prepend(ret, &write->link);
	}
}

uint64_t upload_size(struct upload *up)
{
	WITH_LOCK(&up->lock);
	return up->size;
}

void *upload_owner(const struct upload *up)
{
	return up->owner;
}

void upload_hold(struct upload *up)
{
	(void)upload_ref(up);
}

void upload_let_go(struct upload *up)
{
	upload_unref(up);
}

uint64_t upload_reach(struct upload *up)
{
	WITH_LOCK(&up->lock);
	if (up->tail)
		return upload_plan_reach(&up->plan, up->last_number + 1,
		                         up->tail->offset + up->tail->target);
	return upload_plan_reach(&up->plan, up->last_number + 1, up->size);
}

int upload_status(struct upload *up, struct err *reterr)
{
	WITH_LOCK(&up->lock);
	if (up->status < 0 && reterr)
		*reterr = up->err;
	return up->status;
}

const char *upload_key(struct upload *up)
{
	WITH_LOCK(&up->lock);
	return up->target ? up->target->key : NULL;
}

bool upload_started(struct upload *up)
{
	WITH_LOCK(&up->lock);
	return up->target != NULL || up->describing;
}

void upload_sync(struct upload *up, struct upload_sync *sync)
{
	int status;

	(void)pthread_mutex_lock(&up->lock);
	status = up->status;
	sync->status = status;
	if (status < 0) {
		sync->err = up->err;
	} else {
		sync->until = up->accepted;
		list_append(&up->syncs, &sync->link);
	}
	(void)pthread_mutex_unlock(&up->lock);

	if (status < 0)
		sync->done(sync);
	else
		upload_go_on(up);
}

void upload_finish(struct upload *up, struct upload_finish *finish)
{
	int status;

	finish->published = false;
	(void)pthread_mutex_lock(&up->lock);
	assert(up->stage == STAGE_OPEN || up->status < 0);
	up->expect = finish->expect;
	up->exclusive = finish->exclusive;
	(void)str_copy(up->expect_etag, sizeof(up->expect_etag), finish->etag);
	status = up->status;
	finish->status = status;
	if (status < 0) {
		finish->err = up->err;
	} else {
		finish->err.code = 0;
		up->finish = finish;
		up->stage = STAGE_DRAIN;
	}
	(void)pthread_mutex_unlock(&up->lock);

	if (status < 0)
		finish->done(finish);
	else
		upload_go_on(up);
}

void upload_free(struct upload *up)
{
	struct upload_debris debris;

	if (!up)
		return;

	upload_debris_init(&debris);
	(void)pthread_mutex_lock(&up->lock);
	if (up->stage != STAGE_ENDED)
		upload_fail_locked(up, -ECANCELED, NULL, &debris);
	(void)pthread_mutex_unlock(&up->lock);
	upload_debris_clear(up, &debris);
	upload_go_on(up);
	upload_unref(up);
}
