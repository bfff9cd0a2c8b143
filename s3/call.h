/* SPDX-License-Identifier: MIT */
/*
 * One store_req on its way, and the client it belongs to.
 *
 *            admitted          reply: done, or final
 *   QUEUED ----------> WIRE --------------------------> FINISHED
 *     ^                  |
 *     |  timer           | reply: again     keys refused
 *     +------ WAITING <--+--------------------> KEYS --> QUEUED
 *
 *   ENDING: cancelled or too late while nothing was on the wire; the timers'
 *   thread finishes it, because cancel() must not call done().
 *
 * Each state has one who goes on with the call: QUEUED the gate, WIRE the
 * transport, WAITING and ENDING the timer, KEYS the refresh.  Between states
 * (BUSY) it is the thread that took the call out of the last one.  Lock order:
 * call, then client, gate, transport, timers; done() is called without any.
 */
#ifndef PORTER_S3_CALL_H
#define PORTER_S3_CALL_H

#include "creds.h"
#include "net.h"
#include "op.h"

#include <stdatomic.h>

/* An endpoint the client has been at; kept, because requests borrow it. */
struct place {
	struct s3_endpoint endpoint;
	struct place *before;
};

struct s3_client {
	struct object_store base;
	struct s3_net *net; /* borrowed */
	struct gate *gate;  /* shared with others of the endpoint */
	struct creds *creds;
	struct op_context context; /* but endpoint, profile, checksum */
	char *texts[16];           /* what context borrows; owned */
	unsigned text_count;
	const char *name;
	const char *url;
	enum s3_checksum checksum; /* as configured */
	unsigned retry_attempts;
	uint64_t op_deadline_ms;
	uint64_t write_deadline_ms;
	uint64_t long_deadline_ms;

	/* What replies teach. */
	_Atomic(const struct s3_profile *) profile;
	atomic_bool profile_known;
	_Atomic(struct place *) place;
	atomic_llong clock_offset_s; /* the server's time minus ours */

	atomic_ullong random;
	atomic_ullong keys_seen_ms; /* when files were looked at last */

	pthread_mutex_t lock;
	pthread_cond_t quiet;     /* live became 0 */
	unsigned live;            /* calls that are not gone; lock */
	struct list keys_waiting; /* calls in KEYS; lock */
	bool keys_force;          /* lock */
	bool keys_busy;           /* a refresh is under way; lock */
	struct task keys_task;
};

enum call_state {
	CALL_BUSY,
	CALL_QUEUED,
	CALL_WIRE,
	CALL_WAITING,
	CALL_KEYS,
	CALL_SINGLES, /* DELETE_MANY, key by key: singles.c */
	CALL_ENDING,
	CALL_FINISHED,
};

struct call {
	struct http_call http;
	struct http_request request;
	struct s3_client *client;
	struct store_req *req; /* borrowed until done() */
	const struct op *op;
	struct op_context context;     /* of this attempt */
	const struct creds_keys *keys; /* it was signed with; shared */
	struct op_store results;
	struct gate_ticket ticket;
	struct timer timer;
	struct list keys_link; /* client->lock */
	uint64_t begin_ms;
	uint64_t sent_ms; /* when this attempt began */
	uint64_t kept;    /* GET: bytes there before this attempt */
	struct retry_state retry;
	struct reply_error error; /* of the last attempt */
	struct singles *singles;  /* or NULL */
	bool told;                /* progress heard of the headers */
	bool doubt;               /* some attempt may have been applied */
	bool timed;               /* the timer was started */

	pthread_mutex_t lock;
	enum call_state state; /* lock */
	atomic_int ended; /* -ECANCELED, -ETIMEDOUT, or 0; set under lock */
};

/* ---- call.c ---- */

void call_submit(struct s3_client *client, struct store_req *req);

/* Try again now: the state is BUSY and nobody else has the call. */
void call_try(struct call *call);

/* The keys were looked at; the call was taken off the client's list. */
void call_keys_done(struct call *call);

/* ---- call_end.c ---- */

/* The end: tell req->done() and forget the call. */
void call_finish(struct call *call, int status);
void call_cancel(struct store_req *req);

/* The call's timer fired: by state it is a retry, the deadline, or the end. */
void call_timer(struct timer *timer);

/* ---- learn.c: what replies teach a client ---- */

/* Fill ret with what requests need now. */
void client_context(struct s3_client *client, struct op_context *ret);

/* From every reply: its Server header. */
void client_learn_profile(struct s3_client *client,
                          const struct http_reply *reply);

/*
 * The server named a region for a request that was sent to seen.  0: try
 * again; -EPERM, -EINVAL, -ELOOP: do not.
 */
int client_learn_region(struct s3_client *client,
                        const struct s3_endpoint *seen, const char *region,
                        struct err *reterr);

void client_learn_clock(struct s3_client *client, time_t server_time);

/* The time to sign with. */
time_t client_now(struct s3_client *client);

/* ---- keys.c: fresh keys, never on a transport's thread ---- */

/* Look at key files if that is due (once a second); never blocks. */
void client_watch_keys(struct s3_client *client);

/*
 * Put call (in state KEYS, its lock held) in line for fresh keys;
 * call_keys_done() follows.  client_ask_keys() starts the work: call it without
 * locks.  client_leave_keys(): true = the call was still in line.
 */
void client_refresh_keys(struct task *task);
void client_line_up(struct s3_client *client, struct call *call, bool force);
void client_ask_keys(struct s3_client *client);
bool client_leave_keys(struct s3_client *client, struct call *call);

/* ---- singles.c ---- */

/*
 * Whether a DELETE_MANY that ended with status has keys left that need a
 * DELETE each: those that XML cannot carry, or all where the server has no
 * DeleteObjects.
 */
bool singles_needed(const struct call *call, int status);

/* Delete them, then call_finish() again. */
void singles_run(struct call *call);
/* The call's lock is held. */
void singles_cancel(struct singles *s);
void singles_free(struct singles *s);

/* ---- client.c ---- */

/* One call more, or one less, is alive. */
void client_hold(struct s3_client *client);
void client_release(struct s3_client *client);

/* Uniform in 0 … UINT64_MAX; a sequence of its own for each seed. */
uint64_t client_random(struct s3_client *client);

/*
 * COPY and PART_COPY: 0, or -EXDEV with a story when the source is not at the
 * client's endpoint.  0 for other verbs.
 */
int client_check_source(struct s3_client *client, struct store_req *req);

/* The client behind a store, NULL when it is no S3 store. */
struct s3_client *client_of(struct object_store *store);

#endif
