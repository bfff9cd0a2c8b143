/* SPDX-License-Identifier: MIT */
/*
 * Who sends: one thread at a time is in an upload's loop.
 *
 * Whoever changed something calls upload_go_on().  It does all that can be
 * done now, request after request, without recursion when a store answers
 * inside submit(): the inner call only leaves word that there is more.
 */
#include "base/log.h"
#include "upload_state.h"

#include <assert.h>
#include <string.h>

void upload_target_free(struct upload_target *target)
{
	if (!target)
		return;

	free(target->key);
	attr_headers_release(&target->headers);
	free(target);
}

int upload_ask_target(struct upload *up, bool stream,
                      struct upload_target **ret)
{
	struct upload_target *target = calloc(1, sizeof(*target));
	int r;

	if (!target)
		return -ENOMEM;

	r = up->describe(up->owner, up->nonce, stream, target);
	if (r < 0) {
		free(target);
		return r;
	}
	*ret = target;
	return 0;
}

void upload_req_submit(struct upload *up)
{
	upload_req_submit_to(up, up->store);
}

void upload_req_submit_to(struct upload *up, struct object_store *store)
{
	up->req_store = store;
	up->req.owner = up;
	up->req_flying = true;
	up->req_submitted = false;
	up->req_submitting = true;
	(void)upload_ref(up);
	(void)pthread_mutex_unlock(&up->lock);

	store_submit(store, &up->req);

	(void)pthread_mutex_lock(&up->lock);
	if (up->req_submitting) {
		up->req_submitted = true;
		if (up->cancelled)
			store_cancel(store, &up->req);
	}
	up->req_submitting = false;
}

void upload_req_ended_locked(struct upload *up)
{
	up->req_flying = false;
	up->req_submitted = false;
	up->req_submitting = false;
}

/* ---- MPU_CREATE ---- */

/* How many Creates may have made an upload that nobody told us of. */
static unsigned lost_creates(const struct store_req *req)
{
	if (req->status == 0)
		return req->attempts > 1 ? req->attempts - 1 : 0;
	if (req->attempts > 1)
		return req->attempts;
	return req->maybe_applied ? 1 : 0;
}

/* done() of MPU_CREATE. */
static void create_done(struct store_req *req)
{
	struct upload *up = req->owner;
	struct upload_debris debris;
	unsigned lost;
	bool hunts;

	upload_debris_init(&debris);
	(void)pthread_mutex_lock(&up->lock);
	upload_req_ended_locked(up);
	lost = lost_creates(req);
	hunts = lost > 0 && up->record > 0;
	upload_hunt_locked(up, lost);
	if (req->status < 0) {
		up->create = CREATE_NONE;
		if (!hunts)
			upload_forget_locked(up);
		upload_fail_locked(up, req->status, &req->err, &debris);
	} else {
		memcpy(up->upload_id, req->create.upload_id,
		       sizeof(up->upload_id));
		if (!upload_note_opened_locked(up))
			up->create = CREATE_DONE;
	}
	(void)pthread_mutex_unlock(&up->lock);

	upload_debris_clear(up, &debris);
	upload_hunt(up, hunts);
	upload_go_on(up);
	upload_unref(up);
}

/* Whether bytes wait for the upload to exist. */
static bool wants_create_locked(const struct upload *up)
{
	const struct upload_part *first =
		list_first(&up->parts, struct upload_part, link);

	if (up->status < 0 || up->create != CREATE_NONE || up->req_flying)
		return false;
	if (up->stage != STAGE_OPEN && up->stage != STAGE_DRAIN)
		return false;
	return (first && first->sealed) || upload_sync_wants_tail_locked(up);
}

void upload_create_submit(struct upload *up)
{
	up->req = (struct store_req){
		.verb = STORE_MPU_CREATE,
		.key = up->target->key,
		.deadline_ms = up->all->config.deadline_ms,
		.create = {.headers = up->target->headers.headers},
		.done = create_done,
	};
	upload_req_submit(up);
}

int upload_describe(struct upload *up, bool stream)
{
	struct upload_target *target = NULL;
	int r = upload_ask_target(up, stream, &target);

	if (r == 0) {
		WITH_LOCK(&up->lock);
		up->target = target;
	}
	return r;
}

/* Create the upload at the store when it is time to. */
static bool create_next(struct upload *up)
{
	bool wanted;
	int r;

	{
		WITH_LOCK(&up->lock);
		wanted = wants_create_locked(up);
		if (wanted) {
			up->describing = true;
			up->create = CREATE_FLYING;
		}
	}
	if (!wanted)
		return false;

	r = upload_describe(up, true);
	if (r < 0) {
		{
			WITH_LOCK(&up->lock);
			up->create = CREATE_NONE;
		}
		upload_fail(up, r, NULL);
		return true;
	}

	if (upload_intend(up))
		return true;
	WITH_LOCK(&up->lock);
	upload_create_submit(up);
	return true;
}

/* ---- the loop ---- */

/* Answer the syncs that are satisfied. */
static void tell_syncs(struct upload *up)
{
	struct list ready;

	list_init(&ready);
	{
		WITH_LOCK(&up->lock);
		upload_take_syncs_locked(up, &ready);
	}
	while (!list_empty(&ready)) {
		struct upload_sync *sync =
			list_first(&ready, struct upload_sync, link);

		list_remove(&sync->link);
		upload_end_sync(up, sync);
	}
}

/* Enter the loop, unless somebody is in it. */
static bool loop_enter(struct upload *up)
{
	WITH_LOCK(&up->lock);
	up->more = true;
	if (up->sending)
		return false;
	up->sending = true;
	(void)upload_ref(up);
	return true;
}

/* Leave the loop, unless there is more to look at. */
static bool loop_leave(struct upload *up)
{
	WITH_LOCK(&up->lock);
	if (up->more)
		return false;
	up->sending = false;
	return true;
}

void upload_go_on(struct upload *up)
{
	if (!loop_enter(up))
		return;

	do {
		{
			WITH_LOCK(&up->lock);
			up->more = false;
		}
		tell_syncs(up);
		while (upload_origins_next(up) || create_next(up) ||
		       upload_parts_next(up) || upload_advance(up))
			tell_syncs(up);
	} while (!loop_leave(up));
	upload_unref(up);
}
