/* SPDX-License-Identifier: MIT */
/*
 * How a call ends: done, too late, cancelled.
 *
 * cancel() and the deadline set ended and nudge whoever has the call.  They
 * take it only out of states in which nobody would come by for long.
 */
#include "base/lock.h"
#include "call.h"

#include <errno.h>
#include <string.h>

void call_timer(struct timer *timer)
{
	struct call *call = container_of(timer, struct call, timer);
	bool mine = false;
	int ended;

	{
		WITH_LOCK(&call->lock);
		enum call_state state = call->state;

		if (state == CALL_QUEUED || state == CALL_KEYS) {
			if (!call->ended)
				call->ended = -ETIMEDOUT;
			mine = state == CALL_QUEUED
			               ? gate_withdraw(call->client->gate,
			                               &call->ticket)
			               : client_leave_keys(call->client, call);
		}
		if (state == CALL_WAITING || state == CALL_ENDING)
			mine = true;
		if (mine)
			call->state = CALL_BUSY;
		ended = call->ended;
	}
	if (!mine)
		return; /* somebody else has the call and will see ended */
	if (ended)
		call_finish(call, ended);
	else
		call_try(call);
}

/* Nobody is to go on with the call but the timer, and that at once. */
static void end_soon_locked(struct call *call)
{
	call->state = CALL_ENDING;
	call->timed = true;
	timer_start(call->client->net->timers, &call->timer, 0);
}

void call_cancel(struct store_req *req)
{
	struct call *call = req->private;
	struct http_transport *transport = call->client->net->transport;

	WITH_LOCK(&call->lock);
	if (call->ended)
		return;
	call->ended = -ECANCELED;
	switch (call->state) {
	case CALL_QUEUED:
		if (gate_withdraw(call->client->gate, &call->ticket))
			end_soon_locked(call);
		break;
	case CALL_KEYS:
		if (client_leave_keys(call->client, call))
			end_soon_locked(call);
		break;
	case CALL_WAITING:
		end_soon_locked(call);
		break;
	case CALL_WIRE:
		transport->ops->cancel(transport, &call->http);
		break;
	case CALL_SINGLES:
		singles_cancel(call->singles);
		break;
	case CALL_BUSY:
	case CALL_ENDING:
	case CALL_FINISHED:
		break; /* whoever has the call will see it */
	}
}

/* Say in req->err why it ended. */
static void tell_story(struct call *call, int status)
{
	struct store_req *req = call->req;
	const char *key = req->key ? req->key : "";

	if (status == -ECANCELED && call->ended) {
		(void)err_set(&req->err, status, "%s '%s': cancelled",
		              call->op->name, key);
		return;
	}
	if (status == -ETIMEDOUT && call->ended && call->error.code == 0) {
		(void)err_set(&req->err, status,
		              "%s '%s': no turn within %llu ms: too many "
		              "requests wait",
		              call->op->name, key,
		              (unsigned long long)call->retry.deadline_ms);
		return;
	}
	if (call->error.code == 0) {
		if (req->err.code == 0)
			(void)err_set(&req->err, status, "%s",
			              strerrordesc_np(-status));
		(void)err_wrap(&req->err, "%s '%s'", call->op->name, key);
		return; /* never sent: encode() has told */
	}
	(void)reply_story(req, &call->error, call->context.bucket, &req->err);
	if (status != call->error.code)
		(void)err_wrap(&req->err, "not done within %llu ms",
		               (unsigned long long)call->retry.deadline_ms);
	req->err.code = status;
}

static void call_free(struct call *call)
{
	http_request_release(&call->request);
	http_reply_release(&call->http.reply);
	op_store_release(&call->results);
	singles_free(call->singles);
	if (call->keys)
		creds_keys_unref(call->keys);
	(void)pthread_mutex_destroy(&call->lock);
	free(call);
}

void call_finish(struct call *call, int status)
{
	struct s3_client *client = call->client;
	struct store_req *req = call->req;

	if (!call->ended && singles_needed(call, status)) {
		singles_run(call);
		return;
	}
	{
		WITH_LOCK(&call->lock);
		call->state = CALL_FINISHED;
	}
	if (call->timed)
		(void)timer_cancel(client->net->timers, &call->timer);

	req->attempts += call->retry.attempts;
	req->maybe_applied = status < 0 && call->op->mutates && call->doubt;
	if (status < 0)
		tell_story(call, status);
	else
		req->err = (struct err){.code = 0};
	req->status = status;
	crash_point();
	req->done(req); /* the request is the caller's from here on */
	call_free(call);
	client_release(client);
}
