/* SPDX-License-Identifier: MIT */
/*
 * Each request becomes a call that carries its own copy of it.  The copy goes
 * down; what comes back is copied into the original, whose done() runs then.
 *
 *   submit -> verdict -> [HELD | DELAYED] -> BELOW -> [ANSWERED] -> done
 *
 * A call is in the list of all calls until its done() is about to run, so that
 * cancel() finds it by the address of the original and nothing else.  Whoever
 * moves a call out of HELD, DELAYED or ANSWERED, under the lock, owns it.
 */
#include "fault_store.h"

#include "base/list.h"
#include "base/lock.h"
#include "base/timer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum call_state {
	CALL_TAKEN,    /* in the hands of one thread */
	CALL_DELAYED,  /* its timer is running */
	CALL_HELD,     /* not passed down yet */
	CALL_BELOW,    /* passed down */
	CALL_ANSWERED, /* its reply is held */
};

struct fault_call {
	struct list link; /* lock */
	struct fault_store *fault;
	struct store_req *original;
	struct store_req req;   /* what goes down */
	struct fault_rule rule; /* what decides, if spoilt */
	bool spoilt;
	uint64_t serial;
	enum call_state state; /* lock */
	bool cancelled;        /* lock */
	struct timer timer;
};

/* A rule and how many requests it has picked. */
struct rule {
	struct list link;
	struct fault_rule rule;
	unsigned picked;
};

struct fault_store {
	struct object_store store;
	struct object_store *below;
	struct timers *timers;
	pthread_mutex_t lock;
	pthread_cond_t changed; /* of the number held */
	struct list calls;      /* lock; of fault_call */
	struct list rules;      /* lock; of rule */
	uint64_t serial;        /* lock */
	unsigned seen;          /* lock */
	unsigned fired;         /* lock */
	unsigned held;          /* lock */
};

static const struct object_store_ops fault_ops;

static struct fault_store *fault_of(struct object_store *store)
{
	return container_of(store, struct fault_store, store);
}

/* Copy into the original what the verb puts out, not what it was given. */
static void give_back(struct store_req *original, const struct store_req *req)
{
	original->status = req->status;
	original->err = req->err;
	original->info = req->info;
	original->attempts = req->attempts;
	original->maybe_applied = req->maybe_applied;

	switch (req->verb) {
	case STORE_GET:
		original->get.received = req->get.received;
		break;
	case STORE_MPU_CREATE:
		original->create = req->create;
		break;
	case STORE_LIST:
		original->list = req->list;
		break;
	case STORE_MPU_LIST_PARTS:
		original->list_parts = req->list_parts;
		break;
	case STORE_MPU_LIST:
		original->list_uploads = req->list_uploads;
		break;
	case STORE_HEAD:
	case STORE_PUT:
	case STORE_COPY:
	case STORE_DELETE:
	case STORE_DELETE_MANY:
	case STORE_MPU_PART:
	case STORE_MPU_PART_COPY:
	case STORE_MPU_COMPLETE:
	case STORE_MPU_ABORT:
		break;
	}
}

/* The call's reply goes to the original; frees the call. */
static void finish(struct fault_call *call)
{
	struct fault_store *fault = call->fault;
	struct store_req *original = call->original;

	(void)pthread_mutex_lock(&fault->lock);
	list_remove(&call->link);
	(void)pthread_mutex_unlock(&fault->lock);
	if (fault->timers)
		(void)timer_cancel(fault->timers, &call->timer);

	give_back(original, &call->req);
	original->done(original);
	free(call);
}

/* Put a failure in place of a call's reply. */
static void spoil(struct fault_call *call, int code, const char *text)
{
	struct store_req *req = &call->req;

	req->status = err_set(&req->err, code, "%s '%s': %s",
	                      store_verb_name(req->verb),
	                      req->key ? req->key : "", text);
}

/* Hold a call in state until release() or cancel(). */
static void hold(struct fault_call *call, enum call_state state)
{
	struct fault_store *fault = call->fault;

	WITH_LOCK(&fault->lock);
	call->state = state;
	fault->held++;
	if (call->cancelled && fault->timers)
		timer_start(fault->timers, &call->timer, 0);
	(void)pthread_cond_broadcast(&fault->changed);
}

/* done() of the copy. */
static void answered(struct store_req *req)
{
	struct fault_call *call = req->owner;
	const struct fault_rule *rule = &call->rule;

	if (call->spoilt && rule->action == FAULT_HOLD_REPLY) {
		/* They die with this done(). */
		req->info.headers = (struct store_headers){0};
		hold(call, CALL_ANSWERED);
		return;
	}
	if (call->spoilt && req->status == 0 &&
	    (rule->action == FAULT_LOSE_REPLY || rule->action == FAULT_CUT)) {
		spoil(call, rule->code, "injected fault");
		req->maybe_applied = rule->action == FAULT_LOSE_REPLY;
	}
	finish(call);
}

/* progress() of the copy. */
static void progressed(struct store_req *req)
{
	struct fault_call *call = req->owner;

	call->original->info = req->info;
	call->original->get.received = req->get.received;
	call->original->get.progress(call->original);
}

/* The store a copy's source is in, seen from below. */
static struct object_store *source_below(struct object_store *source)
{
	return source && source->ops == &fault_ops ? fault_of(source)->below
	                                           : source;
}

/* Turn the copy of a request into one that reports to its call. */
static void redirect(struct fault_call *call)
{
	struct store_req *req = &call->req;

	req->done = answered;
	req->owner = call;
	if (req->verb == STORE_GET && req->get.progress)
		req->get.progress = progressed;
	if (req->verb == STORE_COPY)
		req->copy.source = source_below(req->copy.source);
	if (req->verb == STORE_MPU_PART_COPY)
		req->part.source = source_below(req->part.source);
	if (call->spoilt && call->rule.action == FAULT_CUT &&
	    req->verb == STORE_GET && call->rule.bytes < req->get.length)
		req->get.length = call->rule.bytes;
}

/* Hand a call that this thread has taken to the store below. */
static void pass_down(struct fault_call *call)
{
	struct fault_store *fault = call->fault;
	uint64_t serial = call->serial;

	redirect(call);
	store_submit(fault->below, &call->req);

	/* Here the call may be gone; if not, a cancel may have come. */
	WITH_LOCK(&fault->lock);
	list_for_each(node, &fault->calls) {
		call = container_of(node, struct fault_call, link);
		if (call->serial != serial || call->state != CALL_TAKEN)
			continue;
		call->state = CALL_BELOW;
		if (call->cancelled)
			store_cancel(fault->below, &call->req);
	}
}

/* A delay is over, or a held call was cancelled. */
static void fire(struct timer *timer)
{
	struct fault_call *call = container_of(timer, struct fault_call, timer);
	struct fault_store *fault = call->fault;
	enum call_state state;
	bool cancelled;

	(void)pthread_mutex_lock(&fault->lock);
	state = call->state;
	cancelled = call->cancelled;
	if (state != CALL_BELOW)
		call->state = CALL_TAKEN;
	if (state == CALL_HELD || state == CALL_ANSWERED)
		fault->held--;
	(void)pthread_mutex_unlock(&fault->lock);

	if (state == CALL_ANSWERED) {
		finish(call);
	} else if (state == CALL_HELD || (state == CALL_DELAYED && cancelled)) {
		spoil(call, -ECANCELED, "cancelled");
		finish(call);
	} else if (state == CALL_DELAYED) {
		pass_down(call);
	}
}

/* Whether a rule picks a request and has its turn. Needs the lock. */
static bool picks_locked(struct rule *rule, const struct store_req *req)
{
	const struct fault_rule *r = &rule->rule;
	unsigned count = r->count ? r->count : 1;

	if (r->verbs && !(r->verbs & FAULT_VERB(req->verb)))
		return false;
	if (r->key && (!req->key || strcmp(r->key, req->key) != 0))
		return false;
	rule->picked++;
	return r->nth == 0 ||
	       (rule->picked >= r->nth && rule->picked - r->nth < count);
}

/* What a rule means for a verb: lists and headers cannot outlive done(). */
static enum fault_action action_for(const struct fault_rule *rule,
                                    enum store_verb verb)
{
	bool read = verb == STORE_HEAD || verb == STORE_LIST ||
	            verb == STORE_MPU_LIST || verb == STORE_MPU_LIST_PARTS;

	return read && rule->action == FAULT_HOLD_REPLY ? FAULT_HOLD
	                                                : rule->action;
}

/* Enter a call and find out what is to become of it. */
static void judge(struct fault_store *fault, struct fault_call *call)
{
	WITH_LOCK(&fault->lock);
	list_append(&fault->calls, &call->link);
	call->serial = ++fault->serial;
	fault->seen++;
	list_for_each(node, &fault->rules) {
		struct rule *rule = container_of(node, struct rule, link);

		/* Every rule counts, but the first to have its turn decides. */
		if (!picks_locked(rule, &call->req) || call->spoilt)
			continue;
		call->spoilt = true;
		call->rule = rule->rule;
		call->rule.action = action_for(&rule->rule, call->req.verb);
		fault->fired++;
	}
}

/* Start the timer of a call. */
static void delay(struct fault_call *call)
{
	struct fault_store *fault = call->fault;

	assert(fault->timers);
	WITH_LOCK(&fault->lock);
	call->state = CALL_DELAYED;
	timer_start(fault->timers, &call->timer,
	            call->cancelled ? 0 : call->rule.delay_ms);
}

/* submit() of the store. */
static void fault_submit(struct object_store *store, struct store_req *req)
{
	struct fault_store *fault = fault_of(store);
	struct fault_call *call = calloc(1, sizeof(*call));

	if (!call) {
		req->status = err_set(&req->err, -ENOMEM, "out of memory");
		req->done(req);
		return;
	}
	call->fault = fault;
	call->original = req;
	call->req = *req;
	call->req.err = (struct err){0};
	call->req.info = (struct object_info){0};
	call->req.attempts = 1;
	call->req.maybe_applied = false;
	call->timer.fire = fire;
	judge(fault, call);

	if (call->spoilt && call->rule.action == FAULT_FAIL) {
		spoil(call, call->rule.code, "injected fault");
		finish(call);
	} else if (call->spoilt && call->rule.action == FAULT_HOLD) {
		hold(call, CALL_HELD);
	} else if (call->spoilt && call->rule.action == FAULT_DELAY) {
		delay(call);
	} else {
		pass_down(call);
	}
}

/* cancel() of the store. */
static void fault_cancel(struct object_store *store, struct store_req *req)
{
	struct fault_store *fault = fault_of(store);

	WITH_LOCK(&fault->lock);
	list_for_each(node, &fault->calls) {
		struct fault_call *call =
			container_of(node, struct fault_call, link);

		if (call->original != req)
			continue;
		call->cancelled = true;
		if (call->state == CALL_BELOW)
			store_cancel(fault->below, &call->req);
		else if (call->state != CALL_TAKEN && fault->timers)
			timer_start(fault->timers, &call->timer, 0);
	}
}

static const struct store_limits *fault_limits(struct object_store *store)
{
	return store_limits(fault_of(store)->below);
}

static int fault_presign(struct object_store *store, enum store_verb verb,
                         const char *key, uint64_t ttl_s, char **ret,
                         struct err *reterr)
{
	struct object_store *below = fault_of(store)->below;

	return below->ops->presign(below, verb, key, ttl_s, ret, reterr);
}

static void fault_destroy(struct object_store *store)
{
	struct fault_store *fault = fault_of(store);

	store_destroy(fault->below);
	fault_store_free(fault);
}

static const struct object_store_ops fault_ops = {
	.name = "fault",
	.submit = fault_submit,
	.cancel = fault_cancel,
	.limits = fault_limits,
	.presign = fault_presign,
	.destroy = fault_destroy,
};

struct fault_store *fault_store_new(struct object_store *below,
                                    struct timers *timers)
{
	struct fault_store *fault = calloc(1, sizeof(*fault));

	if (!fault)
		return NULL;
	fault->store.ops = &fault_ops;
	fault->below = below;
	fault->timers = timers;
	list_init(&fault->calls);
	list_init(&fault->rules);
	(void)pthread_mutex_init(&fault->lock, NULL);
	(void)pthread_cond_init(&fault->changed, NULL);
	return fault;
}

void fault_store_free(struct fault_store *fault)
{
	if (!fault)
		return;

	assert(list_empty(&fault->calls));
	fault_store_clear(fault);
	(void)pthread_cond_destroy(&fault->changed);
	(void)pthread_mutex_destroy(&fault->lock);
	free(fault);
}

struct object_store *fault_store_object_store(struct fault_store *fault)
{
	return &fault->store;
}

int fault_store_add(struct fault_store *fault, const struct fault_rule *rule)
{
	struct rule *mine = calloc(1, sizeof(*mine));

	if (!mine)
		return -ENOMEM;
	mine->rule = *rule;
	if (mine->rule.code == 0)
		mine->rule.code = -EIO;

	WITH_LOCK(&fault->lock);
	list_append(&fault->rules, &mine->link);
	return 0;
}

void fault_store_clear(struct fault_store *fault)
{
	WITH_LOCK(&fault->lock);
	list_for_each_safe(node, &fault->rules) {
		list_remove(node);
		free(container_of(node, struct rule, link));
	}
	fault->seen = 0;
	fault->fired = 0;
}

unsigned fault_store_seen(struct fault_store *fault)
{
	WITH_LOCK(&fault->lock);
	return fault->seen;
}

unsigned fault_store_fired(struct fault_store *fault)
{
	WITH_LOCK(&fault->lock);
	return fault->fired;
}

unsigned fault_store_held(struct fault_store *fault)
{
	WITH_LOCK(&fault->lock);
	return fault->held;
}

int fault_store_wait_held(struct fault_store *fault, unsigned count)
{
	struct timespec end;
	int r = 0;

	(void)clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += 10;
	WITH_LOCK(&fault->lock);
	while (fault->held < count && r == 0)
		r = pthread_cond_timedwait(&fault->changed, &fault->lock, &end);
	return fault->held < count ? -ETIMEDOUT : 0;
}

/* Take the first held call out of hold; NULL when there is none. */
static struct fault_call *take_held(struct fault_store *fault, uint64_t last,
                                    enum call_state *ret_state)
{
	WITH_LOCK(&fault->lock);
	list_for_each(node, &fault->calls) {
		struct fault_call *call =
			container_of(node, struct fault_call, link);

		if (call->serial > last ||
		    (call->state != CALL_HELD && call->state != CALL_ANSWERED))
			continue;
		*ret_state = call->state;
		call->state = CALL_TAKEN;
		fault->held--;
		return call;
	}
	return NULL;
}

unsigned fault_store_release(struct fault_store *fault, int status)
{
	struct fault_call *call;
	enum call_state state;
	unsigned count = 0;
	uint64_t last;

	/* Only what is held now, not what these answers bring on. */
	(void)pthread_mutex_lock(&fault->lock);
	last = fault->serial;
	(void)pthread_mutex_unlock(&fault->lock);

	while ((call = take_held(fault, last, &state))) {
		count++;
		if (call->cancelled && state == CALL_HELD)
			spoil(call, -ECANCELED, "cancelled");
		else if (status < 0)
			spoil(call, status, "injected fault");
		else if (state == CALL_HELD) {
			pass_down(call);
			continue;
		}
		finish(call);
	}
	return count;
}
