/* SPDX-License-Identifier: MIT */
/*
 * One store_req on its way.
 *
 * The good way: call_try() encodes and signs, the gate admits (go), the
 * transport carries, on_done() decodes, call_finish() tells.  Every attempt is
 * encoded anew: a GET asks for what is left, a region may have changed, keys
 * too.
 *
 * Ways to fail: on_done() asks retry.c; "again" waits on the timer, or for
 * fresh keys; the rest is final.  cancel() and the deadline set ended and
 * nudge whoever has the call; they never finish it themselves, since done()
 * must not run inside cancel().
 */
#include "call.h"

#include "base/lock.h"
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static uint64_t now_ms(const struct call *call)
{
	return clock_ms(call->client->net->clock);
}

/* What is left of the deadline, in ms; 0 = it is over. */
static uint64_t left_ms(const struct call *call)
{
	uint64_t gone = now_ms(call) - call->begin_ms;

	return gone < call->retry.deadline_ms ? call->retry.deadline_ms - gone
	                                      : 0;
}

/* A GET keeps what it has: only they look at headers first. */
static bool is_get(const struct call *call)
{
	return call->op->check_headers != NULL;
}

/* Take the call out of its state. Returns why it must end, or 0. */
static int take_over(struct call *call)
{
	WITH_LOCK(&call->lock);
	call->state = CALL_BUSY;
	return call->ended;
}

/* ---- before ---- */

static int sign(struct call *call)
{
	const struct s3_keys keys = {
		.access_key_id = call->keys->access_key_id,
		.secret_access_key = call->keys->secret_access_key,
		.session_token = call->keys->session_token,
	};
	char payload[OP_PAYLOAD_MAX];
	int r = op_payload(&call->request, payload);

	if (r == 0)
		r = sign_headers(&call->request, &keys,
		                 call->context.endpoint->region, payload,
		                 client_now(call->client));
	if (r < 0)
		return err_set(&call->req->err, r, "cannot sign the request");
	return 0;
}

/* Forget the last attempt, make the next. 0, or -errno with the story. */
static int prepare(struct call *call)
{
	struct s3_client *client = call->client;

	http_request_release(&call->request);
	http_reply_release(&call->http.reply);
	op_store_release(&call->results);
	creds_keys_unref(call->keys);
	call->keys = creds_get(client->creds);
	client_context(client, &call->context);

	int r = client_check_source(client, call->req);

	if (r == 0)
		r = call->op->encode(&call->context, call->req, &call->request);
	if (r < 0)
		return r;
	call->request.once = call->op->mutates;
	return sign(call);
}

void call_try(struct call *call)
{
	struct gate *gate = call->client->gate;
	int r = prepare(call);

	if (r < 0) {
		call_finish(call, r);
		return;
	}
	{
		WITH_LOCK(&call->lock);
		call->state = CALL_QUEUED;
	}
	gate_enter(gate, &call->ticket); /* the call may be gone afterwards */
}

/*
 * No room at the gate: the deadline needs a timer now.  A cancel() that came
 * before the ticket was in line could not withdraw it: it is seen here.
 */
static void on_wait(struct gate_ticket *ticket)
{
	struct call *call = container_of(ticket, struct call, ticket);

	call->timed = true;
	timer_start(call->client->net->timers, &call->timer,
	            call->ended ? 0 : left_ms(call));
}

/* Admitted: put the request on the wire, unless it is too late. */
static void on_go(struct gate_ticket *ticket)
{
	struct call *call = container_of(ticket, struct call, ticket);
	struct s3_net *net = call->client->net;
	struct gate *gate = call->client->gate;
	int ended;

	{
		WITH_LOCK(&call->lock);
		uint64_t left = left_ms(call);

		if (left == 0 && !call->ended)
			call->ended = -ETIMEDOUT;
		ended = call->ended;
		call->state = ended ? CALL_BUSY : CALL_WIRE;
		if (!ended) {
			call->retry.attempts++;
			call->sent_ms = now_ms(call);
			call->request.total_ms = left;
			metric_add(&net->metrics.in_flight, 1);
			net->transport->ops->start(net->transport, &call->http);
		}
	}
	if (ended) {
		gate_leave(gate, GATE_OTHER, now_ms(call));
		call_finish(call, ended);
	}
}

/* ---- while bytes move ---- */

static int on_headers(struct http_call *http)
{
	struct call *call = container_of(http, struct call, http);
	struct store_req *req = call->req;

	client_learn_profile(call->client, &http->reply);
	if (!is_get(call) || http->reply.status / 100 != 2)
		return 0;

	int r = call->op->check_headers(&call->context, req, &http->reply);

	if (r < 0) {
		if (req->err.code)
			http->reply.err = req->err;
		return r;
	}
	if (!call->told && req->get.progress)
		req->get.progress(req);
	call->told = true;
	return 0;
}

static void on_progress(struct http_call *http)
{
	struct call *call = container_of(http, struct call, http);
	struct store_req *req = call->req;

	if (!is_get(call))
		return;
	req->get.received = call->kept + http->reply.received;
	if (req->get.progress)
		req->get.progress(req);
}

/* ---- after ---- */

/* Nobody can know whether the server did it. */
static bool leaves_doubt(const struct http_reply *reply)
{
	if (reply->error)
		return reply->sent;
	return reply->status == 500 || reply->status == 502 ||
	       reply->status == 504;
}

/* A good reply that is not what S3 says: as bad as none. */
static void explain_decode(struct call *call, int r)
{
	call->error = (struct reply_error){
		.code = r == -EPROTO ? -EIO : r,
		.advice = r == -EPROTO || r == -EIO ? REPLY_RETRY : REPLY_FINAL,
		.status = call->http.reply.status,
	};
	(void)str_copy(call->error.message, sizeof(call->error.message),
	               call->req->err.text);
}

/* What did the reply say? 0, or -errno and call->error is filled. */
static int judge(struct call *call)
{
	struct http_reply *reply = &call->http.reply;
	bool good = !reply->error && reply->status / 100 == 2;
	bool doubt = true;

	if (good && !reply_has_error_inside(reply)) {
		int r = call->op->decode(&call->context, call->req, reply,
		                         &call->results);

		if (r == 0)
			return 0;
		explain_decode(call, r);
	} else {
		reply_explain(call->req, reply, good, &call->error);
		doubt = good || leaves_doubt(reply);
	}
	call->doubt |= doubt;
	call->retry.idempotent = call->op->idempotent || !doubt;
	return call->error.code;
}

/* Wait, then try again. */
static void try_later(struct call *call, uint64_t wait_ms)
{
	int ended;

	metric_add(&call->client->net->metrics.retries, 1);
	{
		WITH_LOCK(&call->lock);
		ended = call->ended;
		if (!ended) {
			call->state = CALL_WAITING;
			call->timed = true;
			timer_start(call->client->net->timers, &call->timer,
			            wait_ms);
		}
	}
	if (ended)
		call_finish(call, ended);
}

/* Whether the client has other keys than those this attempt was signed with. */
static bool has_other_keys(struct call *call)
{
	const struct creds_keys *keys = creds_get(call->client->creds);
	bool other = keys != call->keys;

	creds_keys_unref(keys);
	return other;
}

/* The keys were refused: try with others, if there are or can be any. */
static void try_other_keys(struct call *call, bool force)
{
	struct s3_client *client = call->client;
	int ended = 0;

	call->retry.keys_refreshed = true;
	if (has_other_keys(call)) {
		call_try(call);
		return;
	}
	if (!creds_may_change(client->creds)) {
		call_finish(call, call->error.code);
		return;
	}
	{
		WITH_LOCK(&call->lock);
		ended = call->ended;
		if (!ended) {
			call->state = CALL_KEYS;
			call->timed = true;
			timer_start(client->net->timers, &call->timer,
			            left_ms(call));
			client_line_up(client, call, force);
			client_hold(client); /* call may go while we ask */
		}
	}
	if (ended) {
		call_finish(call, ended);
		return;
	}
	client_ask_keys(client);
	client_release(client);
}

void call_keys_done(struct call *call)
{
	int ended = take_over(call);

	if (ended)
		call_finish(call, ended);
	else if (has_other_keys(call))
		call_try(call);
	else
		call_finish(call, call->error.code);
}

/* What the error teaches. 0, or -errno: then trying again is no use. */
static int learn(struct call *call)
{
	struct reply_error *error = &call->error;
	struct err err;
	int r = 0;

	if (error->advice == REPLY_CLOCK)
		client_learn_clock(call->client, error->server_time);
	if (error->advice == REPLY_REGION)
		r = client_learn_region(call->client, call->context.endpoint,
		                        error->region, &err);
	if (r < 0)
		(void)str_copy(error->message, sizeof(error->message),
		               err.text);
	return r;
}

/* What became of an attempt, and what comes next. */
static void log_attempt(const struct call *call, const struct retry_decision *d)
{
	const struct reply_error *error = &call->error;
	const char *code = error->s3_code;
	char next[64];

	if (!log_enabled(LOG_LEVEL_DEBUG))
		return;
	(void)snprintf(next, sizeof(next), "again in %llu ms",
	               (unsigned long long)d->wait_ms);
	log_debug("%s '%s': attempt %u: %s%s%s, %s", call->op->name,
	          call->req->key ? call->req->key : "", call->retry.attempts,
	          err_name(error->code), code[0] ? " " : "", code,
	          d->again ? next : d->why_not);
}

/* The attempt failed: again, or not? */
static void decide(struct call *call)
{
	const struct reply_error *error = &call->error;
	struct retry_state *state = &call->retry;

	if (learn(call) < 0) {
		call_finish(call, error->code);
		return;
	}
	state->elapsed_ms = now_ms(call) - call->begin_ms;

	struct retry_decision d = gate_decide(call->client->gate, state, error,
	                                      client_random(call->client));

	if (is_get(call) && call->req->get.received >= call->req->get.length)
		d.again = false; /* all there, and more: nothing left to ask */
	log_attempt(call, &d);

	if (!d.again && error->status == 403 && !state->keys_refreshed)
		try_other_keys(call, false); /* perhaps a file has new ones */
	else if (!d.again)
		call_finish(call, error->code);
	else if (error->advice == REPLY_REFRESH_KEYS)
		try_other_keys(call, true);
	else {
		state->clock_corrected |= error->advice == REPLY_CLOCK;
		state->regions_tried += error->advice == REPLY_REGION;
		try_later(call, d.wait_ms);
	}
}

static void on_done(struct http_call *http)
{
	struct call *call = container_of(http, struct call, http);
	struct s3_net *net = call->client->net;
	uint64_t now = now_ms(call);
	enum gate_outcome outcome = GATE_OTHER;
	int ended = take_over(call);

	metric_sub(&net->metrics.in_flight, 1);
	s3_net_count(net, call->req->verb, &call->request, &http->reply,
	             now - call->sent_ms);
	call->req->err = (struct err){.code = 0};
	if (is_get(call)) {
		call->kept += http->reply.received;
		call->req->get.received = call->kept;
	}

	int r = judge(call);

	if (r == 0)
		outcome = GATE_SUCCESS;
	else if (call->error.advice == REPLY_SLOW_DOWN)
		outcome = GATE_SLOW_DOWN;
	gate_leave(call->client->gate, outcome, now);

	if (r == 0)
		call_finish(call, 0);
	else if (ended)
		call_finish(call, ended);
	else
		decide(call);
}

/* ---- birth ---- */

/* The verb's own budget. */
static uint64_t deadline_of(const struct s3_client *client, const struct op *op)
{
	if (op->long_running)
		return client->long_deadline_ms;
	return op->is_write ? client->write_deadline_ms
	                    : client->op_deadline_ms;
}

static struct call *call_new(struct s3_client *client, struct store_req *req)
{
	struct call *call = calloc(1, sizeof(*call));

	if (!call)
		return NULL;
	call->client = client;
	call->req = req;
	call->op = op_get(req->verb);
	call->http.request = &call->request;
	call->http.headers = on_headers;
	call->http.progress = on_progress;
	call->http.done = on_done;
	call->ticket.go = on_go;
	call->ticket.waits = on_wait;
	call->timer.fire = call_timer;
	call->begin_ms = clock_ms(client->net->clock);
	call->retry.attempts_max = client->retry_attempts;
	call->retry.deadline_ms = req->deadline_ms
	                                  ? req->deadline_ms
	                                  : deadline_of(client, call->op);
	if (call->op->is_write)
		call->retry.patience_ms = req->deadline_ms
		                                  ? req->deadline_ms
		                                  : client->write_deadline_ms;
	(void)pthread_mutex_init(&call->lock, NULL);
	return call;
}

void call_submit(struct s3_client *client, struct store_req *req)
{
	struct call *call = call_new(client, req);

	req->err = (struct err){.code = 0};
	req->info = (struct object_info){.size = 0};
	req->attempts = 0;
	req->maybe_applied = false;
	req->private = call;
	if (!call) {
		req->status = err_set(&req->err, -ENOMEM, "out of memory");
		req->done(req);
		return;
	}
	if (is_get(call))
		req->get.received = 0;
	client_hold(client);
	client_watch_keys(client);
	call_try(call);
}
