/* SPDX-License-Identifier: MIT */
/*
 * What an upload does when no more bytes come: it commits, aborts, or stays.
 *
 * What failed is aborted at the store as soon as nothing of it is on the wire
 * any more, except where a person may want to decide: a kept upload, and a
 * Complete whose condition was not met, stay open, and a warning names them.
 */
#include "base/log.h"
#include "upload_state.h"

/* ---- the abort ---- */

/* done() of MPU_ABORT. */
static void abort_done(struct store_req *req)
{
	struct upload *up = req->owner;

	if (req->status < 0 && req->status != -ENOENT)
		log_warning("the upload of '%s' stays open at the store "
		            "(upload id %s): %s",
		            up->target->key, up->upload_id, req->err.text);
	(void)pthread_mutex_lock(&up->lock);
	upload_req_ended_locked(up);
	up->stage = STAGE_GONE;
	if (req->status == 0 || req->status == -ENOENT)
		upload_forget_locked(up);
	(void)pthread_mutex_unlock(&up->lock);
	upload_unref(up);
}

/* Whether the upload is a failure that nothing of is on the wire any more. */
static bool wants_abort_locked(const struct upload *up)
{
	return up->status < 0 && !up->published && !up->keep &&
	       up->create == CREATE_DONE && up->flying == 0 &&
	       up->stage < STAGE_ABORT;
}

static void abort_submit(struct upload *up)
{
	up->stage = STAGE_ABORT;
	upload_note_locked(up, UPLOAD_ABORTING);
	up->cancelled = false; /* that much is owed to the store */
	up->req = (struct store_req){
		.verb = STORE_MPU_ABORT,
		.key = up->target->key,
		.abort = {.upload_id = up->upload_id},
		.done = abort_done,
	};
	upload_req_submit(up);
}

/* ---- keeping ---- */

/* done() of the sync that brings the last bytes to a kept upload. */
static void kept(struct upload_sync *sync)
{
	struct upload *up = container_of(sync, struct upload, keep_sync);
	struct upload_debris debris;

	upload_debris_init(&debris);
	(void)pthread_mutex_lock(&up->lock);
	up->stage = STAGE_ENDED;
	up->tail = NULL;
	if (sync->status == 0)
		list_splice(&debris.parts, &up->parts);
	upload_note_kept_locked(up, up->keep_why, sync->status == 0);
	(void)pthread_mutex_unlock(&up->lock);

	if (up->create == CREATE_DONE)
		log_warning("'%s' was not published, its upload stays open "
		            "(upload id %s%s): %s",
		            up->target->key, up->upload_id,
		            sync->status < 0 ? ", incomplete" : "",
		            up->keep_why);
	upload_debris_clear(up, &debris);
	upload_unref(up);
}

void upload_keep(struct upload *up, const char *why)
{
	bool worth;

	{
		WITH_LOCK(&up->lock);
		worth = up->status == 0 && up->stage == STAGE_OPEN &&
		        up->accepted > 0;
		up->keep = worth;
		up->keep_why = why;
	}
	if (!worth) {
		upload_free(up);
		return;
	}
	up->keep_sync.done = kept;
	upload_sync(up, &up->keep_sync);
}

/* ---- one step ---- */

void upload_drop_empty_tail_locked(struct upload *up)
{
	struct upload_part *part = up->tail;

	if (!part || part->size > 0)
		return;
	list_remove(&part->link);
	free(part->slabs);
	free(part);
	up->tail = NULL;
	up->last_number--;
}

/* All bytes are in and all parts acknowledged, or they are one PUT's. */
static bool drained_locked(struct upload *up)
{
	const struct upload_part *first;

	if (up->stage != STAGE_DRAIN || !list_empty(&up->writes) ||
	    (up->tail && up->tail->spilling))
		return false;

	upload_drop_empty_tail_locked(up);
	first = list_first(&up->parts, struct upload_part, link);
	if (up->create == CREATE_NONE && (!first || first == up->tail)) {
		up->whole = up->tail;
		if (up->tail)
			upload_seal_locked(up);
		return true;
	}
	if (up->tail) {
		upload_seal_locked(up);
		up->more = true;
	}
	return list_empty(&up->parts) && up->flying == 0 &&
	       up->create == CREATE_DONE;
}

/* What upload_advance() is to do. */
enum advance {
	ADVANCE_NOT,
	ADVANCE_STEP,
	ADVANCE_DESCRIBE,
	ADVANCE_RESTAMP,
	ADVANCE_ABORT,
};

/* Decide it; moves the stage on. */
static enum advance decide_locked(struct upload *up)
{
	if (up->req_flying)
		return ADVANCE_NOT;
	if (wants_abort_locked(up))
		return ADVANCE_ABORT;
	if (up->status < 0 || up->noting)
		return ADVANCE_NOT;
	if (drained_locked(up)) {
		up->stage = upload_stage_of_commit(up);
		if (!up->target) {
			up->describing = true;
			return ADVANCE_DESCRIBE;
		}
	}
	if (up->stage == STAGE_RESTAMP)
		return ADVANCE_RESTAMP;
	if (up->stage >= STAGE_ORIGINS && up->stage <= STAGE_VERIFY)
		return ADVANCE_STEP;
	return ADVANCE_NOT;
}

bool upload_advance(struct upload *up)
{
	enum advance what;
	int r = 0;

	(void)pthread_mutex_lock(&up->lock);
	what = decide_locked(up);
	if (what == ADVANCE_STEP)
		r = upload_step_locked(up);
	if (what == ADVANCE_ABORT)
		abort_submit(up);
	(void)pthread_mutex_unlock(&up->lock);

	if (what == ADVANCE_DESCRIBE)
		r = upload_describe(up, false);
	if (what == ADVANCE_RESTAMP)
		upload_restamp(up);
	if (r < 0)
		upload_fail(up, r, NULL);
	return what != ADVANCE_NOT;
}
