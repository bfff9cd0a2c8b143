/* SPDX-License-Identifier: MIT */
/*
 * Sending a draft: part after part of the plan, piece after piece of a part.
 *
 *   wait at the gate -> plan -> { copy | expect, { gather -> append }, cut }
 *
 * As in draft_gather.c, send->turns counts who has something to do, so that
 * pieces that are there at once make a loop and not a tower of calls.
 */
#include "draft_send.h"

#include "base/lock.h"

#include <stdlib.h>
#include <string.h>

/* Bytes gathered and appended at a time. */
#define PIECE ((size_t)1 << 20)

/* Drafts that may have a piece in memory at the same time. */
#define GATE_MAX 8

/* ---- the gate ---- */

void draft_gate_init(struct draft_gate *gate)
{
	(void)pthread_mutex_init(&gate->lock, NULL);
	list_init(&gate->waits);
	gate->passed = 0;
}

void draft_gate_release(struct draft_gate *gate)
{
	(void)pthread_mutex_destroy(&gate->lock);
}

/* Whether it may go on now; else it is queued. */
static bool gate_enter(struct draft_send *send)
{
	struct draft_gate *gate = send->gate;

	WITH_LOCK(&gate->lock);
	if (gate->passed == GATE_MAX) {
		list_append(&gate->waits, &send->link);
		return false;
	}
	gate->passed++;
	return true;
}

/* Let the next one in. */
static void gate_leave(struct draft_gate *gate)
{
	struct draft_send *next;

	{
		WITH_LOCK(&gate->lock);
		next = list_first(&gate->waits, struct draft_send, link);
		if (next)
			list_remove(&next->link);
		else
			gate->passed--;
	}
	if (next)
		exec_run(next->exec, &next->task);
}

/* ---- the plan ---- */

/* copies() of the plan: what is stored where this store can copy from. */
static bool can_copy(void *ctx, unsigned source)
{
	struct draft_send *send = ctx;
	struct stored *stored = draft_source(send->draft, source);
	bool foreign = stored->store != send->store;
	bool copies = store_copies_from(send->store, stored->store) &&
	              !(foreign && send->sends_foreign) && !send->guarded;

	send->copies_foreign |= foreign && copies;
	stored_unref(stored);
	return copies;
}

/* whole() of the plan. */
static bool is_whole(void *ctx, unsigned source, uint64_t length)
{
	struct draft_send *send = ctx;
	struct stored *stored = draft_source(send->draft, source);
	bool whole = stored->size == length;

	stored_unref(stored);
	return whole;
}

/* What is copied and what is sent. */
static int make_plan(struct draft_send *send)
{
	struct commit_plan_config config = {
		.copies = can_copy,
		.whole = is_whole,
		.ctx = send,
	};
	struct extents map;
	int r = draft_map(send->draft, &map);

	if (r < 0)
		return r;
	uploads_commit_config(send->uploads, send->store, &config);
	r = commit_plan(&map, &config, &send->plan, &send->err);
	extents_release(&map);
	return r;
}

/* Parts of a plan that is one PUT: one that is sent, unless there is no byte. */
static int plan_parts(struct draft_send *send)
{
	struct commit_plan *plan = &send->plan;
	uint64_t size = draft_size(send->draft);

	if (plan->shape != PLAN_PUT || size == 0)
		return 0;
	plan->parts = calloc(1, sizeof(plan->parts[0]));
	if (!plan->parts)
		return -ENOMEM;
	plan->parts[0] = (struct plan_part){.kind = PLAN_SEND, .length = size};
	plan->count = 1;
	return 0;
}

/* Let the store copy a part. */
static int copy(struct draft_send *send, const struct plan_part *part)
{
	struct stored *stored = draft_source(send->draft, part->source);
	const struct upload_source source = {
		.store = stored->store,
		.key = stored->key,
		.etag = stored->etag,
		.offset = part->source_offset,
		.length = part->length,
	};
	int r = send->plan.shape == PLAN_WHOLE
	                ? upload_copy_whole(send->up, &source)
	                : upload_append_copy(send->up, &source);

	if (r < 0)
		(void)upload_status(send->up, &send->err);
	stored_unref(stored);
	return r;
}

/* Begin a part: a copied one is over at once. */
static int part_begin(struct draft_send *send, const struct plan_part *part)
{
	int r;

	if (part->kind == PLAN_COPY) {
		send->offset = part->offset + part->length;
		return copy(send, part);
	}
	if (send->plan.shape != PLAN_PARTS)
		return 0;
	r = upload_expect_part(send->up, part->length);
	if (r < 0)
		(void)upload_status(send->up, &send->err);
	return r;
}

/* End it; all of its bytes are appended. */
static int part_end(struct draft_send *send, const struct plan_part *part)
{
	int r = 0;

	if (part->kind == PLAN_SEND && send->plan.shape == PLAN_PARTS)
		r = upload_cut(send->up);
	if (r < 0)
		(void)upload_status(send->up, &send->err);
	return r;
}

/* ---- pieces ---- */

/* One thing has come to its end: go on, here or on the executor. */
static void turn(struct draft_send *send)
{
	if (atomic_fetch_add(&send->turns, 1) == 0)
		exec_run(send->exec, &send->task);
}

/* done() of the next piece. */
static void gathered(struct draft_gather *gather)
{
	struct draft_send *send =
		container_of(gather, struct draft_send, gather);

	send->status = gather->status;
	if (gather->status < 0)
		send->err = gather->err;
	send->gathered = true;
	turn(send);
}

/* done() of the append. */
static void appended(struct upload_write *write)
{
	struct draft_send *send = container_of(write, struct draft_send, write);

	send->status = write->status;
	if (write->status < 0)
		(void)upload_status(send->up, &send->err);
	turn(send);
}

/* Gather the next piece of a part, or append what was gathered. */
static void move_piece(struct draft_send *send, const struct plan_part *part)
{
	uint64_t left = part->offset + part->length - send->offset;

	if (send->gathered) {
		send->gathered = false;
		send->write = (struct upload_write){
			.data = {send->buffer, send->gather.got},
			.done = appended,
		};
		send->offset += send->gather.got;
		if (send->seen)
			send->seen(send->up, &send->write.data);
		upload_append(send->up, &send->write);
		return;
	}
	send->gather.draft = send->draft;
	send->gather.reader = &send->reader;
	send->gather.offset = send->offset;
	send->gather.into = send->buffer;
	send->gather.size = left < PIECE ? (size_t)left : PIECE;
	send->gather.done = gathered;
	draft_gather(&send->gather, send->exec);
}

/* Go on until something is asked for (false) or all is over. */
static bool go(struct draft_send *send)
{
	while (send->status == 0 && send->part < send->plan.count) {
		const struct plan_part *part = &send->plan.parts[send->part];

		if (!send->in_part) {
			send->in_part = true;
			send->status = part_begin(send, part);
		} else if (send->offset < part->offset + part->length) {
			move_piece(send, part);
			return false;
		} else {
			send->status = part_end(send, part);
			send->in_part = false;
			send->part++;
		}
	}
	return true;
}

/* ---- beginning and end ---- */

/* Free what is inside, and tell. */
static void end(struct draft_send *send)
{
	struct draft_gate *gate = send->gate;

	reader_release(&send->reader);
	commit_plan_release(&send->plan);
	free(send->buffer);
	if (send->status < 0 && send->err.code == 0)
		(void)err_set(&send->err, send->status, "%s",
		              err_name(send->status));
	gate_leave(gate); /* which may be gone after done() */
	send->done(send);
}

/* The loop. */
static void run(struct task *task)
{
	struct draft_send *send = container_of(task, struct draft_send, task);

	do {
		if (go(send)) {
			end(send);
			return;
		}
	} while (atomic_fetch_sub(&send->turns, 1) > 1);
}

/* The gate is passed: plan. */
static void begin(struct task *task)
{
	struct draft_send *send = container_of(task, struct draft_send, task);
	uint64_t size = draft_size(send->draft);

	send->task.run = run;
	send->status = make_plan(send);
	if (send->status == 0)
		send->status = plan_parts(send);
	if (send->status == 0) {
		send->buffer = malloc(size < PIECE ? (size_t)size + 1 : PIECE);
		send->status = send->buffer ? 0 : -ENOMEM;
	}
	turn(send);
}

void draft_send(struct draft_send *send)
{
	send->status = 0;
	send->err.code = 0;
	send->copies_foreign = false;
	send->plan = (struct commit_plan){0};
	send->part = 0;
	send->offset = 0;
	send->gathered = false;
	send->in_part = false;
	send->buffer = NULL;
	send->task.run = begin;
	atomic_init(&send->turns, 0);
	reader_init(&send->reader, PIECE);
	if (gate_enter(send))
		exec_run(send->exec, &send->task);
}
