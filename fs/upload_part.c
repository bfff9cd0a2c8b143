/* SPDX-License-Identifier: MIT */
/*
 * The parts of an upload: sealed, sent, acknowledged, read back, made durable.
 *
 * A part that failed fails the upload; one that was acknowledged leaves its
 * ETag behind and gives its slabs back.  A provisional part (of a sync) is
 * acknowledged without being complete: it stays, and is sent again under the
 * same number once it has grown.  No part is on the wire twice, for the store
 * would be free to keep the older one.
 */
#include "base/str.h"
#include "upload_state.h"

#include <assert.h>
#include <string.h>

struct upload_part *upload_tail_locked(struct upload *up)
{
	struct upload_part *part = up->tail;

	if (part)
		return part;

	part = calloc(1, sizeof(*part));
	if (!part)
		return NULL;
	part->up = up;
	part->number = ++up->last_number;
	part->offset = up->size;
	part->planned = up->expected > 0;
	part->target = part->planned
	                       ? up->expected
	                       : upload_plan_part(&up->plan, part->number);
	up->expected = 0;
	list_append(&up->parts, &part->link);
	up->tail = part;
	return part;
}

int upload_part_reserve(struct upload_part *part, size_t count)
{
	size_t cap = part->slab_cap ? part->slab_cap : 4;
	uint8_t **slabs;

	if (part->slab_count + count <= part->slab_cap)
		return 0;

	while (cap < part->slab_count + count)
		cap *= 2;
	slabs = realloc(part->slabs, cap * sizeof(part->slabs[0]));
	if (!slabs)
		return -ENOMEM;
	part->slabs = slabs;
	part->slab_cap = cap;
	return 0;
}

void upload_seal_locked(struct upload *up)
{
	struct upload_part *part = up->tail;

	part->sealed = true;
	up->tail = NULL;
	if (part->size < part->target)
		up->short_parts++;
	atomic_fetch_add(&up->all->moving, 1);
}

void upload_part_free(struct upload_part *part)
{
	struct uploads *all = part->up->all;
	bool moved = part->sealed && !part->origin;

	if (part->slab_count > 0)
		pool_give(part->up->pool, POOL_WRITE, part->slabs,
		          part->slab_count);
	staging_free(part->staging);
	free(part->slabs);
	free(part->slices);
	free(part);
	if (moved)
		atomic_fetch_sub(&all->moving, 1);
	uploads_relieve(all);
}

int upload_part_chain(struct upload_part *part, struct chain *ret)
{
	uint64_t left = part->size - part->staged;
	size_t count = 0;

	free(part->slices);
	part->slices = malloc((part->slab_count + 1) * sizeof(struct slice));
	if (!part->slices)
		return -ENOMEM;

	if (part->staged > 0) {
		int r = staging_map(part->staging, &part->slices[count++]);

		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < part->slab_count && left > 0; i++) {
		size_t len =
			left < POOL_SLAB_SIZE ? (size_t)left : POOL_SLAB_SIZE;

		part->slices[count++] =
			(struct slice){.data = part->slabs[i], .len = len};
		left -= len;
	}
	ret->slices = part->slices;
	ret->count = count;
	return 0;
}

/* ---- reading back ---- */

/* Copy bytes at offset of a part that are there. */
static int part_read(const struct upload_part *part, uint64_t offset,
                     uint8_t *dst, size_t len)
{
	if (offset < part->staged) {
		uint64_t staged = part->staged - offset;
		size_t n = len < staged ? len : (size_t)staged;
		int r = staging_read(part->staging, offset, dst, n);

		if (r < 0)
			return r;
		offset += n;
		dst += n;
		len -= n;
	}
	while (len > 0) {
		size_t at = (size_t)(offset - part->staged);
		size_t room = POOL_SLAB_SIZE - at % POOL_SLAB_SIZE;
		size_t n = len < room ? len : room;

		memcpy(dst,
		       part->slabs[at / POOL_SLAB_SIZE] + at % POOL_SLAB_SIZE,
		       n);
		offset += n;
		dst += n;
		len -= n;
	}
	return 0;
}

int upload_read(struct upload *up, uint64_t offset, void *dst, size_t len)
{
	uint8_t *at = dst;

	WITH_LOCK(&up->lock);
	if (up->status < 0)
		return up->status;
	list_for_each(node, &up->parts) {
		struct upload_part *part =
			container_of(node, struct upload_part, link);
		size_t n = len;
		int r;

		if (len == 0 || offset < part->offset)
			break;
		if (offset >= part->offset + part->size)
			continue;
		if (part->origin)
			return -EBUSY;
		if (n > part->offset + part->size - offset)
			n = (size_t)(part->offset + part->size - offset);
		r = part_read(part, offset - part->offset, at, n);
		if (r < 0)
			return r;
		offset += n;
		at += n;
		len -= n;
	}
	return len == 0 ? 0 : -EBUSY;
}

/* ---- durable bytes ---- */

/* Whether every byte before until is at the store. */
static bool durable_locked(const struct upload *up, uint64_t until)
{
	if (up->size < until)
		return false;
	list_for_each(node, &up->parts) {
		const struct upload_part *part =
			container_of(node, struct upload_part, link);
		uint64_t need = part->size;

		if (part->offset >= until)
			break;
		if (need > until - part->offset)
			need = until - part->offset;
		if (part->durable < need)
			return false;
	}
	return true;
}

bool upload_sync_wants_tail_locked(const struct upload *up)
{
	const struct upload_part *part = up->tail;
	const struct upload_sync *sync =
		list_first(&up->syncs, struct upload_sync, link);

	if (!part || !sync || up->size < sync->until)
		return false;
	return part->offset + part->durable < sync->until;
}

void upload_take_syncs_locked(struct upload *up, struct list *ret)
{
	struct upload_sync *sync;

	while ((sync = list_first(&up->syncs, struct upload_sync, link)) &&
	       durable_locked(up, sync->until)) {
		list_remove(&sync->link);
		list_append(ret, &sync->link);
	}
}

/* ---- on the wire ---- */

/* Room for the ETag of part number. */
static int reserve_infos_locked(struct upload *up, unsigned number)
{
	size_t cap = up->info_cap ? up->info_cap : 8;
	struct store_part_info *infos;

	if (number <= up->info_cap)
		return 0;

	while (cap < number)
		cap *= 2;
	infos = realloc(up->infos, cap * sizeof(infos[0]));
	if (!infos)
		return -ENOMEM;
	memset(infos + up->info_cap, 0,
	       (cap - up->info_cap) * sizeof(infos[0]));
	up->infos = infos;
	up->info_cap = cap;
	return 0;
}

/* A sealed part is at the store with all its bytes: keep its ETag only. */
static void settle_locked(struct upload *up, struct upload_part *part,
                          struct upload_debris *debris)
{
	struct store_part_info *info = &up->infos[part->number - 1];

	info->number = part->number;
	info->size = part->size;
	(void)str_copy(info->etag, sizeof(info->etag), part->etag);
	(void)str_copy(info->checksum, sizeof(info->checksum), part->checksum);
	list_remove(&part->link);
	list_append(&debris->parts, &part->link);
}

/* Take in the reply to a part. */
static void acknowledge_locked(struct upload *up, struct upload_part *part,
                               struct upload_debris *debris)
{
	const struct store_req *req = &part->req;
	struct err err = req->err;
	int status = req->status;

	if (status == 0 && req->info.etag[0] == '\0')
		status = err_set(&err, -EIO, "the store gave no ETag");
	if (status < 0) {
		if (part->origin)
			status = upload_copy_errno(status);
		err.code = status;
		(void)err_wrap(&err, "part %u of '%s'", part->number,
		               up->target->key);
		upload_fail_locked(up, status, &err, debris);
	} else {
		part->durable = part->sent;
		(void)str_copy(part->etag, sizeof(part->etag), req->info.etag);
		(void)str_copy(part->checksum, sizeof(part->checksum),
		               req->info.checksum);
		upload_note_part_locked(up, part);
	}

	if (up->status == 0 && part->sealed && part->durable == part->size) {
		settle_locked(up, part, debris);
	} else if (up->status < 0 && !list_empty(&part->link) &&
	           !(part == up->tail && up->copying)) {
		if (part == up->tail)
			up->tail = NULL;
		list_remove(&part->link);
		list_append(&debris->parts, &part->link);
	}
}

/* done() of a part. */
static void part_done(struct store_req *req)
{
	struct upload_part *part = req->owner;
	struct upload *up = part->up;
	struct upload_debris debris;

	upload_debris_init(&debris);
	(void)pthread_mutex_lock(&up->lock);
	up->flying--;
	part->flying = false;
	part->submitted = false;
	if (up->submitting == part)
		up->submitting = NULL; /* it is not that thread's any more */
	acknowledge_locked(up, part, &debris);
	(void)pthread_mutex_unlock(&up->lock);

	upload_debris_clear(up, &debris);
	upload_go_on(up);
	upload_unref(up);
}

/* Fill in the request for a part as it is now. */
static int prepare_locked(struct upload *up, struct upload_part *part)
{
	struct store_req *req = &part->req;
	struct chain body = {0};
	int r = reserve_infos_locked(up, part->number);

	if (r == 0 && !part->origin)
		r = upload_part_chain(part, &body);
	if (r < 0)
		return r;

	*req = (struct store_req){
		.verb = STORE_MPU_PART,
		.key = up->target->key,
		.deadline_ms = up->all->config.deadline_ms,
		.part = {.upload_id = up->upload_id,
	                 .number = part->number,
	                 .body = body},
		.done = part_done,
		.owner = part,
	};
	if (part->origin)
		upload_copy_fill_locked(part);
	part->sent = part->size;
	return 0;
}

/* The next part that must go and may. */
static struct upload_part *next_locked(struct upload *up)
{
	if (up->create != CREATE_DONE ||
	    up->flying >= up->all->config.max_inflight)
		return NULL;

	list_for_each(node, &up->parts) {
		struct upload_part *part =
			container_of(node, struct upload_part, link);

		if (part->flying || part->spilling ||
		    (part->origin && part->origin->state < ORIGIN_KNOWN))
			continue;
		if (part->sealed ||
		    (part == up->tail && upload_sync_wants_tail_locked(up)))
			return part;
	}
	return NULL;
}

/* Send a part; the lock is held on entry and on return. */
static void submit_part(struct upload *up, struct upload_part *part)
{
	part->flying = true;
	up->flying++;
	up->submitting = part;
	(void)upload_ref(up);
	(void)pthread_mutex_unlock(&up->lock);

	store_submit(up->store, &part->req);

	(void)pthread_mutex_lock(&up->lock);
	if (up->submitting == part) {
		part->submitted = true;
		if (up->status < 0) /* too late for whoever failed it */
			store_cancel(up->store, &part->req);
	}
	up->submitting = NULL;
}

bool upload_parts_next(struct upload *up)
{
	struct upload_debris debris;
	struct upload_part *part;
	int r = 0;

	upload_debris_init(&debris);
	(void)pthread_mutex_lock(&up->lock);
	part = up->status == 0 ? next_locked(up) : NULL;
	if (part && part->sealed && part->durable == part->size)
		settle_locked(up, part, &debris); /* a sync has sent it all */
	else if (part && (r = prepare_locked(up, part)) < 0)
		upload_fail_locked(up, r, NULL, &debris);
	else if (part)
		submit_part(up, part);
	(void)pthread_mutex_unlock(&up->lock);
	upload_debris_clear(up, &debris);
	return part != NULL;
}
