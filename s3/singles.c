/* SPDX-License-Identifier: MIT */
/*
 * Deleting one by one what DeleteObjects cannot: keys that no XML can hold, and
 * everything where a server has no DeleteObjects.
 *
 * A few DELETEs of the same client are under way at once, each a store_req in a
 * slot.  Whoever finds the pump idle runs it: it fills free slots until there
 * is nothing to fill, so a DELETE that ends inside submit() makes no recursion.
 */
#include "base/lock.h"
#include "call.h"

#include <errno.h>

#define SLOTS 8 /* DELETEs at once */

enum slot_state {
	SLOT_FREE,
	SLOT_STARTING, /* inside submit(), or already over */
	SLOT_RUNNING,
};

struct slot {
	struct store_req req;
	struct singles *singles;
	enum slot_state state; /* lock */
	size_t index;          /* of the key */
};

struct singles {
	struct call *call; /* whose keys they are */
	pthread_mutex_t lock;
	struct slot slots[SLOTS];
	size_t next;      /* key to look at next; lock */
	unsigned running; /* slots that are not free; lock */
	unsigned sent;    /* requests; lock */
	bool pumping;     /* lock */
	bool stop;        /* cancelled; lock */
};

/* The server does not know DeleteObjects. */
static bool unknown_to_server(const struct call *call)
{
	return call->error.status == 501 || call->error.status == 405;
}

bool singles_needed(const struct call *call, int status)
{
	const struct store_delete_many *many = &call->req->delete_many;

	if (call->req->verb != STORE_DELETE_MANY || call->singles)
		return false;
	if (status == -EILSEQ || (status < 0 && unknown_to_server(call)))
		return true;
	for (size_t i = 0; status == 0 && i < many->count; i++) {
		if (many->results[i] == -EILSEQ)
			return true;
	}
	return false;
}

/* What is left of the call's deadline; at least a moment. */
static uint64_t left_ms(const struct call *call)
{
	uint64_t gone = clock_ms(call->client->net->clock) - call->begin_ms;

	return gone < call->retry.deadline_ms ? call->retry.deadline_ms - gone
	                                      : 1;
}

static void pump(struct singles *s);

static void slot_done(struct store_req *req)
{
	struct slot *slot = container_of(req, struct slot, req);
	struct singles *s = slot->singles;
	int r = req->status == -ENOENT ? 0 : req->status;

	s->call->req->delete_many.results[slot->index] = r;
	(void)pthread_mutex_lock(&s->lock);
	s->sent += req->attempts;
	slot->state = SLOT_FREE;
	s->running--;
	pump(s);
}

/* A free slot with the next key that needs it, or NULL. */
static struct slot *load_slot_locked(struct singles *s)
{
	const struct store_delete_many *many = &s->call->req->delete_many;
	struct slot *slot = s->slots;

	while (s->next < many->count && many->results[s->next] != -EILSEQ)
		s->next++;
	if (s->stop || s->next == many->count || s->running == SLOTS)
		return NULL;

	while (slot->state != SLOT_FREE)
		slot++;
	slot->state = SLOT_STARTING;
	slot->index = s->next;
	slot->req = (struct store_req){
		.verb = STORE_DELETE,
		.key = many->keys[s->next],
		.deadline_ms = left_ms(s->call),
		.done = slot_done,
	};
	s->next++;
	s->running++;
	return slot;
}

/* Keys that were not tried say so. */
static void mark_rest_locked(struct singles *s)
{
	const struct store_delete_many *many = &s->call->req->delete_many;

	for (size_t i = s->next; i < many->count; i++) {
		if (many->results[i] == -EILSEQ)
			many->results[i] = -ECANCELED;
	}
}

/* Submit the request of a slot, without the lock; it may end inside. */
static void start_slot(struct singles *s, struct slot *slot)
{
	struct object_store *store = &s->call->client->base;

	(void)pthread_mutex_unlock(&s->lock);
	store_submit(store, &slot->req);
	(void)pthread_mutex_lock(&s->lock);
	if (slot->state != SLOT_STARTING)
		return;
	slot->state = SLOT_RUNNING;
	if (s->stop)
		store_cancel(store, &slot->req);
}

/*
 * Fill free slots; finish the call when all is done.  Takes over the lock: it
 * is held on entry and not on return, since s may be gone by then.
 */
static void pump(struct singles *s)
{
	struct call *call = s->call;
	bool over = false;

	if (!s->pumping) {
		s->pumping = true;
		for (struct slot *slot; (slot = load_slot_locked(s));)
			start_slot(s, slot);
		s->pumping = false;
		over = s->running == 0;
	}
	if (over) {
		if (s->stop)
			mark_rest_locked(s);
		call->req->attempts += s->sent;
	}
	(void)pthread_mutex_unlock(&s->lock);
	if (over)
		call_finish(call, call->ended);
}

void singles_run(struct call *call)
{
	const struct store_delete_many *many = &call->req->delete_many;
	struct singles *s = calloc(1, sizeof(*s));
	int ended;

	if (s) {
		s->call = call;
		(void)pthread_mutex_init(&s->lock, NULL);
		for (size_t i = 0; i < SLOTS; i++)
			s->slots[i].singles = s;
	}
	if (unknown_to_server(call)) {
		for (size_t i = 0; i < many->count; i++)
			many->results[i] = -EILSEQ;
	}
	call->error = (struct reply_error){.code = 0};
	{
		WITH_LOCK(&call->lock);
		ended = call->ended;
		call->singles = s;
		call->state = s ? CALL_SINGLES : CALL_BUSY;
	}
	if (!s)
		call_finish(call, -ENOMEM);
	else if (ended)
		call_finish(call, ended);
	else {
		(void)pthread_mutex_lock(&s->lock);
		pump(s);
	}
}

void singles_cancel(struct singles *s)
{
	WITH_LOCK(&s->lock);
	s->stop = true;
	for (size_t i = 0; i < SLOTS; i++) {
		if (s->slots[i].state == SLOT_RUNNING)
			store_cancel(&s->call->client->base, &s->slots[i].req);
	}
}

void singles_free(struct singles *s)
{
	if (!s)
		return;
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
}
