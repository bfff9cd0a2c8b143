/* SPDX-License-Identifier: MIT */
/*
 * Planned parts, and parts that the store copies from what it has.
 *
 * A copied part is one version of another object, or of the one that is being
 * replaced.  Where the store does not compare that version itself, nothing may
 * be copied before a HEAD has shown it, and nothing counts before another one,
 * after the last copy, has shown it again: what was copied in between was that
 * version, for no store goes back to an old one.
 *
 *   NEW --- HEAD ---> ASKED --- it is ---> KNOWN --- parts copied, HEAD ---> SURE
 *    |                  |                               |
 *    |                  +-------- another one: the upload fails, -ESTALE
 *    +--- the store compares ------------------------------------------> SURE
 */
#include "base/str.h"
#include "commit_plan.h"
#include "upload_state.h"

#include <assert.h>
#include <string.h>

/* Bytes of a copied part where the number of parts does not ask for more. */
#define COPY_PART (UINT64_C(256) << 20)

void uploads_commit_config(struct uploads *uploads, struct object_store *store,
                           struct commit_plan_config *ret)
{
	const struct store_limits *limits = store_limits(store);
	struct upload_plan plan;

	upload_plan_init(&plan, limits, &uploads->sizes);
	ret->limits = limits;
	ret->part_size = plan.first;
	ret->part_held = plan.held;
	ret->copy_part =
		COPY_PART < limits->part_max ? COPY_PART : limits->part_max;
}

int upload_copy_errno(int status)
{
	return status == -ENOENT || status == -EEXIST ? -ESTALE : status;
}

/* ---- origins ---- */

/* The origin of a source, which is made when it is new; NULL: no memory. */
static struct upload_origin *origin_get_locked(struct upload *up,
                                               const struct upload_source *of)
{
	struct upload_origin *origin;

	list_for_each(node, &up->origins) {
		origin = container_of(node, struct upload_origin, link);
		if (origin->store == of->store &&
		    strcmp(origin->key, of->key) == 0 &&
		    strcmp(origin->etag, of->etag) == 0)
			return origin;
	}

	origin = calloc(1, sizeof(*origin));
	if (!origin)
		return NULL;
	origin->key = strdup(of->key);
	if (!origin->key) {
		free(origin);
		return NULL;
	}
	origin->store = of->store;
	(void)str_copy(origin->etag, sizeof(origin->etag), of->etag);
	origin->state =
		up->limits->copy_source_match ? ORIGIN_SURE : ORIGIN_NEW;
	list_append(&up->origins, &origin->link);
	return origin;
}

void upload_origins_free(struct upload *up)
{
	while (!list_empty(&up->origins)) {
		struct upload_origin *origin =
			list_first(&up->origins, struct upload_origin, link);

		list_remove(&origin->link);
		free(origin->key);
		free(origin);
	}
}

/* Whether the HEAD that checks the commit's own condition shows it too. */
static bool checked_anyway(const struct upload *up,
                           const struct upload_origin *origin)
{
	return up->expect == UPLOAD_ETAG && upload_must_check(up) &&
	       origin->store == up->store && up->target &&
	       strcmp(origin->key, up->target->key) == 0 &&
	       strcmp(origin->etag, up->expect_etag) == 0;
}

/* The next origin that a HEAD must look at again before Complete, or NULL. */
static struct upload_origin *unsure_locked(const struct upload *up)
{
	list_for_each(node, &up->origins) {
		struct upload_origin *origin =
			container_of(node, struct upload_origin, link);

		if (origin->state == ORIGIN_KNOWN &&
		    !checked_anyway(up, origin))
			return origin;
	}
	return NULL;
}

bool upload_origins_unsure_locked(const struct upload *up)
{
	return unsure_locked(up) != NULL;
}

/* What a HEAD says of an origin: 0, or why the upload fails. */
static int judge(const struct upload_origin *origin,
                 const struct store_req *head, struct err *reterr)
{
	if (head->status == 0 && strcmp(head->info.etag, origin->etag) == 0)
		return 0;
	if (head->status == 0 || head->status == -ENOENT)
		return err_set(reterr, -ESTALE,
		               "'%s', which bytes were to be copied from, was "
		               "%s by somebody else meanwhile; not published",
		               origin->key,
		               head->status < 0 ? "deleted" : "written");
	*reterr = head->err;
	return head->status;
}

/* done() of an origin's HEAD, the first or the last. */
static void origin_done(struct store_req *req)
{
	struct upload *up = req->owner;
	struct upload_debris debris;
	struct err err;
	int r;

	upload_debris_init(&debris);
	(void)pthread_mutex_lock(&up->lock);
	upload_req_ended_locked(up);
	r = up->status < 0 ? 0 : judge(up->asked, req, &err);
	if (r < 0) {
		up->stage =
			up->stage == STAGE_ORIGINS ? STAGE_ENDED : up->stage;
		upload_fail_locked(up, r, &err, &debris);
	} else {
		bool first = up->asked->state == ORIGIN_ASKED;

		up->asked->state = first ? ORIGIN_KNOWN : ORIGIN_SURE;
		if (up->stage == STAGE_ORIGINS)
			up->stage = upload_stage_of_commit(up);
	}
	up->asked = NULL;
	(void)pthread_mutex_unlock(&up->lock);

	upload_debris_clear(up, &debris);
	upload_go_on(up);
	upload_unref(up);
}

/* Send the HEAD. Lock as in upload_req_submit(). */
static void head_submit(struct upload *up, struct upload_origin *origin)
{
	up->asked = origin;
	up->req = (struct store_req){
		.verb = STORE_HEAD,
		.key = origin->key,
		.done = origin_done,
	};
	upload_req_submit_to(up, origin->store);
}

void upload_origins_step_locked(struct upload *up)
{
	head_submit(up, unsure_locked(up));
}

bool upload_origins_next(struct upload *up)
{
	WITH_LOCK(&up->lock);
	if (up->status < 0 || up->req_flying ||
	    (up->stage != STAGE_OPEN && up->stage != STAGE_DRAIN))
		return false;

	list_for_each(node, &up->origins) {
		struct upload_origin *origin =
			container_of(node, struct upload_origin, link);

		if (origin->state != ORIGIN_NEW)
			continue;
		origin->state = ORIGIN_ASKED;
		head_submit(up, origin);
		return true;
	}
	return false;
}

/* ---- parts ---- */

/* The tail ends here; the next part is of the plan's own size again. */
static void cut_locked(struct upload *up)
{
	assert(list_empty(&up->writes) && !up->copying);
	assert(up->stage == STAGE_OPEN);
	upload_drop_empty_tail_locked(up);
	if (up->tail)
		upload_seal_locked(up);
	up->expected = 0;
}

/* Whether one more part of length bytes has room. */
static int check_room(const struct upload *up, uint64_t length,
                      struct err *reterr)
{
	uint64_t end = up->size + length;

	if (up->last_number >= up->limits->parts_max)
		return err_set(reterr, -EFBIG,
		               "the file would need more than the %u parts "
		               "that this store takes",
		               up->limits->parts_max);
	if (length > up->limits->object_max || end > up->limits->object_max)
		return err_set(reterr, -EFBIG,
		               "the file would get %llu bytes, this store "
		               "takes %llu",
		               (unsigned long long)end,
		               (unsigned long long)up->limits->object_max);
	return 0;
}

/* A copied part behind all others. */
static int copy_append_locked(struct upload *up,
                              const struct upload_source *source,
                              struct err *reterr)
{
	struct upload_origin *origin;
	struct upload_part *part;
	int r = check_room(up, source->length, reterr);

	if (r < 0)
		return r;
	origin = origin_get_locked(up, source);
	part = calloc(1, sizeof(*part));
	if (!origin || !part) {
		free(part);
		return err_set(reterr, -ENOMEM, "out of memory");
	}

	part->up = up;
	part->number = ++up->last_number;
	part->origin = origin;
	part->origin_offset = source->offset;
	part->offset = up->size;
	part->target = source->length;
	part->size = source->length;
	part->sealed = true;
	list_append(&up->parts, &part->link);
	up->size += source->length;
	up->accepted += source->length;
	return 0;
}

/* The three calls have the same frame: what is done under the lock differs. */
enum planned {
	PLANNED_COPY,
	PLANNED_WHOLE,
	PLANNED_PART,
	PLANNED_CUT,
};

/* The content is all of one object. */
static int whole_locked(struct upload *up, const struct upload_source *source,
                        struct err *reterr)
{
	assert(up->size == 0 && source->offset == 0);
	if (!up->limits->copy_source_match)
		return copy_append_locked(up, source, reterr);

	up->whole_of = origin_get_locked(up, source);
	if (!up->whole_of)
		return err_set(reterr, -ENOMEM, "out of memory");
	up->size = source->length;
	up->accepted = source->length;
	return 0;
}

/* Cut, then do what is asked for. source: of copies; length: of a part. */
static int planned(struct upload *up, enum planned what,
                   const struct upload_source *source, uint64_t length)
{
	struct upload_debris debris;
	struct err err = {0};
	int r;

	upload_debris_init(&debris);
	(void)pthread_mutex_lock(&up->lock);
	r = up->status;
	if (r == 0) {
		cut_locked(up);
		if (what == PLANNED_COPY)
			r = copy_append_locked(up, source, &err);
		else if (what == PLANNED_WHOLE)
			r = whole_locked(up, source, &err);
		else if (what == PLANNED_PART)
			r = check_room(up, length, &err);
		if (r < 0)
			upload_fail_locked(up, r, &err, &debris);
		else if (what == PLANNED_PART)
			up->expected = length;
	}
	(void)pthread_mutex_unlock(&up->lock);

	upload_debris_clear(up, &debris);
	upload_go_on(up);
	return r;
}

int upload_append_copy(struct upload *up, const struct upload_source *source)
{
	assert(source->length > 0 && source->length <= up->limits->part_max);
	return planned(up, PLANNED_COPY, source, 0);
}

int upload_expect_part(struct upload *up, uint64_t length)
{
	assert(length > 0 && length <= up->limits->part_max);
	return planned(up, PLANNED_PART, NULL, length);
}

int upload_cut(struct upload *up)
{
	return planned(up, PLANNED_CUT, NULL, 0);
}

int upload_copy_whole(struct upload *up, const struct upload_source *source)
{
	assert(source->length > 0 && source->length <= up->limits->copy_max);
	return planned(up, PLANNED_WHOLE, source, 0);
}

void upload_copy_fill_locked(struct upload_part *part)
{
	const struct upload_origin *origin = part->origin;
	struct store_req *req = &part->req;

	req->verb = STORE_MPU_PART_COPY;
	req->deadline_ms = 0; /* the store's own, for long things */
	req->part.source = origin->store;
	req->part.source_key = origin->key;
	req->part.source_if_match =
		part->up->limits->copy_source_match ? origin->etag : NULL;
	req->part.source_offset = part->origin_offset;
	req->part.source_length = part->size;
}
