/* SPDX-License-Identifier: MIT */
/*
 * One request and its reply on the way through the four phases.
 *
 * At each phase: wait its delay; then, if the fault belongs here, suffer it;
 * else go on.  What only bends bytes (flip, drip, ...) stops nobody.
 */
#include "s3peer_core.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CONTROL "/.s3peer/"

/* Whether the exchange's fault is this action in this phase. */
static bool has_fault(const struct peer_exchange *ex, enum peer_phase phase)
{
	return ex->plan.fault.action != PEER_NOTHING &&
	       ex->plan.fault.phase == phase;
}

/* Faults that happen while bytes pass, not instead of them. */
static bool only_bends(const struct peer_fault *fault)
{
	switch (fault->action) {
	case PEER_FLIP:
	case PEER_DRIP:
	case PEER_CUT_MATCHING_LENGTH:
		return true;
	case PEER_JUNK:
		return fault->phase == PEER_MID_REPLY;
	case PEER_NOTHING:
	case PEER_STATUS:
	case PEER_RESET:
	case PEER_STALL:
	case PEER_CUT:
	case PEER_DELAY:
	case PEER_WRONG_ETAG:
	case PEER_OK_WITH_ERROR_BODY:
	case PEER_REDIRECT:
	case PEER_LOSE_REPLY:
		break;
	}
	return false;
}

/* Whether nothing stops an exchange in this phase. */
static bool passes(const struct peer_exchange *ex, enum peer_phase phase)
{
	return ex->plan.delay_ms[phase] == 0 &&
	       (!has_fault(ex, phase) || only_bends(&ex->plan.fault));
}

/* Ask the rules. */
static void make_plan(struct peer_exchange *ex)
{
	struct s3peer *peer = ex->peer;

	if (!ex->control) {
		WITH_LOCK(&peer->lock);
		peer_rules_match(peer->rules, ex->route.verb, ex->route.key,
		                 &ex->plan);
	}
	ex->mid_request_over = passes(ex, PEER_MID_REQUEST);
	ex->mid_reply_over = passes(ex, PEER_MID_REPLY);
}

struct peer_exchange *peer_exchange_new(struct peer_conn *conn,
                                        const char *data, size_t len)
{
	struct s3peer *peer = conn->peer;
	struct peer_exchange *ex = calloc(1, sizeof(*ex));

	if (!ex)
		return NULL;
	ex->peer = peer;
	ex->start_us = loop_now_us();
	if (peer->forwards)
		str_add_mem(&ex->raw, data, len);
	if (str_status(&ex->raw) < 0 ||
	    peer_head_parse_request(&ex->head, data, len) < 0 ||
	    peer_route_parse(&ex->head, peer->domain, &ex->route) < 0 ||
	    (ex->head.chunked && !peer->forwards)) {
		peer_exchange_free(ex);
		return NULL;
	}
	ex->control = str_starts(ex->route.path, CONTROL);
	ex->id = ++peer->last_id;
	(void)snprintf(ex->id_text, sizeof(ex->id_text), "%s%021jx%s",
	               peer->habit->id_prefix, (uintmax_t)ex->id,
	               peer->habit->id_suffix);
	ex->reply.no_body = strcmp(ex->head.method, "HEAD") == 0;
	ex->nth_on_connection = ++conn->exchanges;
	make_plan(ex);
	return ex;
}

/* What belongs to the front's side. */
static void op_release(struct peer_op *op)
{
	for (size_t i = 0; op->keys && i < op->key_count; i++)
		free(op->keys[i]);
	free(op->keys);
	free(op->results);
	free(op->meta);
	free(op->source_bucket);
	free(op->source_key);
	free(op->parts);
	free(op->if_match);
}

void peer_exchange_free(struct peer_exchange *ex)
{
	if (!ex)
		return;
	op_release(&ex->op);
	str_release(&ex->raw);
	str_release(&ex->body);
	peer_wire_release(&ex->wire);
	peer_reply_release(&ex->reply);
	peer_route_release(&ex->route);
	peer_head_release(&ex->head);
	free(ex);
}

uint64_t peer_exchange_body_stop(const struct peer_exchange *ex)
{
	return ex->mid_request_over ? ex->head.length : ex->head.length / 2;
}

size_t peer_exchange_wire_stop(const struct peer_exchange *ex)
{
	return ex->mid_reply_over ? ex->wire.size : ex->wire.half;
}

uint64_t peer_exchange_drop(const struct peer_exchange *ex,
                            enum peer_phase phase)
{
	if (!has_fault(ex, phase) || ex->plan.fault.action != PEER_DRIP)
		return 0;

	uint64_t drop = ex->plan.fault.number * PEER_DRIP_US / 1000000;

	return drop ? drop : 1;
}

/* Render the reply and begin to send it. */
static void start_sending(struct peer_exchange *ex)
{
	struct s3peer *peer = ex->peer;
	bool own = !peer->forwards || ex->control || ex->spoilt;
	struct peer_manner manner = {
		.server = own ? peer->habit->server : NULL,
		.id = own ? ex->id_text : NULL,
		.now = time(NULL) + (time_t)peer->clock_offset_s,
	};

	if (has_fault(ex, PEER_MID_REPLY) && only_bends(&ex->plan.fault) &&
	    ex->reply.body.len > 0) {
		peer_reply_spoil(&ex->reply, &ex->plan.fault);
		ex->suffered = true;
		ex->spoilt = ex->plan.fault.action != PEER_DRIP;
	}
	ex->reply.close = ex->reply.close || ex->head.close;
	ex->status = ex->reply.not_http ? 0 : ex->reply.status;
	if (peer_reply_render(&ex->reply, &manner, &ex->wire) < 0) {
		peer_conn_close(ex->conn, true);
		return;
	}
	peer_conn_send(ex->conn);
}

/* The fault of this phase happens. */
static void suffer(struct peer_exchange *ex)
{
	const struct peer_fault *fault = &ex->plan.fault;

	ex->suffered = true;
	switch (fault->action) {
	case PEER_RESET:
	case PEER_LOSE_REPLY:
		peer_conn_close(ex->conn, true);
		return;
	case PEER_CUT:
		peer_conn_linger(ex->conn);
		return;
	case PEER_STALL:
		return; /* until the client has enough */
	case PEER_STATUS:
	case PEER_OK_WITH_ERROR_BODY:
	case PEER_REDIRECT:
	case PEER_JUNK:
	case PEER_WRONG_ETAG:
		break;
	case PEER_NOTHING:
	case PEER_DELAY:
	case PEER_DRIP:
	case PEER_CUT_MATCHING_LENGTH:
	case PEER_FLIP:
		return; /* are no reason to be here */
	}
	ex->spoilt = true;
	/* The rest of the body would be taken for the next request. */
	ex->reply.close = fault->phase == PEER_MID_REQUEST;
	peer_reply_spoil(&ex->reply, fault);
	start_sending(ex);
}

void peer_exchange_go(struct peer_exchange *ex)
{
	if (has_fault(ex, ex->phase) && !only_bends(&ex->plan.fault)) {
		suffer(ex);
		return;
	}
	switch (ex->phase) {
	case PEER_BEFORE:
		if (ex->peer->forwards)
			peer_relay_start(ex);
		else
			peer_front_start(ex);
		break;
	case PEER_MID_REQUEST:
		ex->mid_request_over = true;
		peer_conn_read_body(ex->conn);
		break;
	case PEER_AFTER_COMMIT:
		if (ex->peer->forwards && !ex->control && peer_relay_plain(ex))
			peer_relay_go_on(ex);
		else
			start_sending(ex);
		break;
	case PEER_MID_REPLY:
		ex->mid_reply_over = true;
		peer_conn_send(ex->conn);
		break;
	}
}

void peer_exchange_enter(struct peer_exchange *ex, enum peer_phase phase)
{
	uint64_t delay_us = ex->plan.delay_ms[phase] * 1000;

	ex->phase = phase;
	if (phase == PEER_BEFORE && !ex->control)
		delay_us += ex->peer->delay_us;
	if (delay_us > 0)
		loop_wait(&ex->peer->loop, &ex->conn->wait, delay_us);
	else
		peer_exchange_go(ex);
}

void peer_exchange_body_came(struct peer_exchange *ex)
{
	ex->bytes_in = ex->body.len;
	if (ex->control) {
		peer_control_answer(ex);
		peer_exchange_enter(ex, PEER_AFTER_COMMIT);
		return;
	}
	if (has_fault(ex, PEER_MID_REQUEST) && only_bends(&ex->plan.fault) &&
	    ex->body.len > 0) {
		ex->suffered = true;
		if (ex->plan.fault.action == PEER_FLIP)
			peer_flip(ex->body.data, ex->body.len);
	}
	peer_exchange_enter(ex, PEER_BEFORE);
}

void peer_exchange_replied(struct peer_exchange *ex)
{
	struct s3peer *peer = ex->peer;

	{
		WITH_LOCK(&peer->lock);
		list_append(&peer->replied, &ex->link);
	}
	loop_wake(&peer->loop);
}

/* Add it to the counts. */
static void count(struct peer_exchange *ex)
{
	struct s3peer_stats *stats = &ex->peer->stats;

	WITH_LOCK(&ex->peer->lock);
	stats->requests[ex->route.verb]++;
	stats->bytes_in += ex->bytes_in;
	stats->bytes_out += ex->bytes_out;
	stats->faults += ex->suffered;
	stats->errors += ex->status / 100 != 2 && ex->status != 304;
}

/* Keep, of the keys to be deleted, those that are gone. */
static size_t keys_gone(struct peer_op *op)
{
	size_t gone = 0;

	for (size_t i = 0; i < op->key_count; i++) {
		char *key = op->keys[i];

		if (op->results[i] < 0)
			continue;
		op->keys[i] = op->keys[gone];
		op->keys[gone++] = key;
	}
	return gone;
}

void peer_exchange_tell(struct peer_exchange *ex)
{
	struct s3peer *peer = ex->peer;
	const struct peer_fault *fault = &ex->plan.fault;
	const char *upload_id = peer_route_get(&ex->route, "uploadId");
	const char *part = peer_route_get(&ex->route, "partNumber");
	uint64_t now = loop_now_us();

	if (ex->control)
		return;
	count(ex);
	if (!peer->observe)
		return;

	struct s3peer_event event = {
		.id = ex->id,
		.verb = peer_verb_name(ex->route.verb),
		.bucket = ex->route.bucket,
		.key = ex->route.key,
		.keys = (const char *const *)ex->op.keys,
		.key_count = ex->committed ? keys_gone(&ex->op) : 0,
		.status = ex->status,
		.committed = ex->committed,
		.acknowledged = ex->acknowledged,
		.fault = ex->suffered ? peer_action_name(fault->action) : NULL,
		.phase = ex->suffered ? peer_phase_name(fault->phase) : NULL,
		.etag = ex->etag,
		.upload_id = upload_id ? upload_id : ex->upload_id,
		.part = part ? (unsigned)strtoul(part, NULL, 10) : 0,
		.bytes_in = ex->bytes_in,
		.bytes_out = ex->bytes_out,
		.start_us = ex->start_us - peer->born_us,
		.took_us = now - ex->start_us,
		.nth_on_connection = ex->nth_on_connection,
	};
	peer->observe(peer->ctx, &event);
}
