/* SPDX-License-Identifier: MIT */
/*
 * The peer from inside: connections, and the exchanges that go over them.
 *
 *   HEAD --> BODY --> WORK --> SEND --> HEAD ...      front, and forwarder with
 *                      ^                              a fault to be suffered
 *                      | delays, store, server
 *   HEAD --> WORK --> RELAY --> HEAD ...              forwarder without one
 *
 * An exchange passes the four phases of s3peer_rule.h in order; at each, its
 * delay goes by and its fault happens (s3peer_exchange.c).
 */
#ifndef PORTER_TEST_S3PEER_CORE_H
#define PORTER_TEST_S3PEER_CORE_H

#include "base/lock.h"
#include "s3peer.h"
#include "s3peer_habit.h"
#include "s3peer_http.h"
#include "s3peer_loop.h"
#include "s3peer_memory.h"
#include "s3peer_reply.h"
#include "s3peer_route.h"
#include "s3peer_rule.h"

#include <netinet/in.h>

/* Bytes that a forwarder moves at once; shared by all connections. */
#define PEER_BUFFER_SIZE ((size_t)256 << 10)

struct peer_relay;

/* A bucket of the front. */
struct peer_bucket {
	char *name;
	struct object_store *store; /* borrowed */
};

struct s3peer {
	struct loop loop;
	pthread_t thread;
	bool started;
	struct loop_watch listener;
	uint16_t port;

	/* As configured, for good. */
	const struct peer_habit *habit;
	struct peer_bucket *buckets;
	size_t bucket_count;
	bool forwards;
	struct sockaddr_in upstream;
	char *region;
	char *domain;
	int64_t clock_offset_s;
	uint64_t delay_us;
	uint64_t seed;
	s3peer_observe_fn *observe;
	void *ctx;
	uint64_t born_us;

	/* The loop's. */
	struct list conns;
	struct list graves; /* connections to be freed when the round is over */
	uint64_t last_id;
	size_t working; /* exchanges that a store has */
	char *buffer;   /* PEER_BUFFER_SIZE bytes */

	pthread_mutex_t lock;
	bool stopping;             /* lock */
	struct list replied;       /* lock: exchanges that a store gave back */
	struct peer_rules *rules;  /* lock */
	struct s3peer_stats stats; /* lock */
	char *access_key_id;       /* lock */
	char *secret_access_key;   /* lock */
	char *session_token;       /* lock */
	struct peer_memory memory; /* has its own lock */
};

enum peer_state {
	PEER_CONN_HEAD,
	PEER_CONN_BODY,
	PEER_CONN_WORK,
	PEER_CONN_SEND,
	PEER_CONN_RELAY,
	PEER_CONN_DRAIN, /* said all; waits for the client to stop talking */
};

struct peer_exchange;

/* A step of the front: asks a store, or ends with peer_exchange_replied(). */
typedef void peer_verb_fn(struct peer_exchange *ex);

struct peer_conn {
	struct s3peer *peer;
	struct list link;
	struct loop_watch watch;
	struct loop_wait wait; /* a delay, or the next drop of a drip */
	enum peer_state state;
	struct str in; /* read and not yet used */
	unsigned exchanges;
	struct peer_exchange *ex;
	struct peer_relay *relay; /* forwarder: the way to the server, or NULL */
};

/* The front's side of an exchange: what it asks of a store. */
struct peer_op {
	struct object_store *store;
	struct store_req req;
	struct slice slice; /* of a body */
	struct store_meta *meta;
	char *source_bucket;
	char *source_key;
	struct object_store *source;
	peer_verb_fn *next; /* once the source was found */
	char **keys;        /* DELETE_MANY */
	int *results;
	size_t key_count;
	struct store_part_info *parts; /* COMPLETE */
	size_t part_count;
	char etag[STORE_ETAG_MAX]; /* GET: of the HEAD before */
	char *if_match;            /* a condition as the store gets it */
	char checksum_name[32];    /* x-amz-checksum-..., "" = none */
	char checksum[48];
};

struct peer_exchange {
	struct s3peer *peer;
	struct peer_conn *conn; /* NULL = the client has gone */
	struct list link;       /* s3peer.replied */
	uint64_t id;
	char id_text[48];
	uint64_t start_us;
	unsigned nth_on_connection;
	struct str raw; /* forwarder: the head's bytes */
	struct peer_head head;
	struct peer_route route;
	bool control; /* for us, not for S3 */
	struct peer_plan plan;
	enum peer_phase phase;
	bool mid_request_over; /* its delay and fault are done */
	bool mid_reply_over;
	struct str body;
	struct peer_reply reply;
	struct peer_wire wire;
	size_t sent; /* of the wire */
	uint64_t bytes_in;
	uint64_t bytes_out;
	int status; /* that was sent */
	bool in_store;
	bool committed;
	bool suffered; /* its fault happened */
	bool spoilt;   /* so the reply is not the true one */
	bool acknowledged;
	char etag[STORE_ETAG_MAX];           /* of what was committed */
	char upload_id[STORE_UPLOAD_ID_MAX]; /* of CREATE */
	struct peer_op op;
};

/* s3peer_conn.c */

/* Somebody wants to talk: takes fd. Returns 0 or a negative errno. */
int peer_conn_open(struct s3peer *peer, int fd);
/* End it, with a RST if reset; its exchange ends too, or is the store's. */
void peer_conn_close(struct peer_conn *conn, bool reset);
/*
 * End it with a FIN even if the client is still sending: closing with unread
 * bytes would be a RST, and may take back what was just said.
 */
void peer_conn_linger(struct peer_conn *conn);
/* Read the rest of a request's body. */
void peer_conn_read_body(struct peer_conn *conn);
/* Send the rest of the exchange's wire. */
void peer_conn_send(struct peer_conn *conn);
/* The exchange is over: on to the next head, or the end. */
void peer_conn_next(struct peer_conn *conn);
/* Free those that were closed. */
void peer_conn_bury(struct s3peer *peer);

/* s3peer_exchange.c */

/* A head of len bytes came. NULL: no memory, or no HTTP. */
struct peer_exchange *peer_exchange_new(struct peer_conn *conn,
                                        const char *data, size_t len);
void peer_exchange_free(struct peer_exchange *ex);
/* Reach a phase: its delay, its fault, then what comes next. */
void peer_exchange_enter(struct peer_exchange *ex, enum peer_phase phase);
/* The delay of its phase is over. */
void peer_exchange_go(struct peer_exchange *ex);
/* Where reading the body has to stop for a moment: bytes. */
uint64_t peer_exchange_body_stop(const struct peer_exchange *ex);
/* And sending the wire. */
size_t peer_exchange_wire_stop(const struct peer_exchange *ex);
/* Bytes of one drop every PEER_DRIP_US, if this phase drips; else 0. */
#define PEER_DRIP_US 20000
uint64_t peer_exchange_drop(const struct peer_exchange *ex,
                            enum peer_phase phase);
/* All of the body is there. */
void peer_exchange_body_came(struct peer_exchange *ex);
/* The store's answer is in ex->reply; any thread. */
void peer_exchange_replied(struct peer_exchange *ex);
/* Account for it and tell the observer. */
void peer_exchange_tell(struct peer_exchange *ex);

/* s3peer_front.c: answer in ex->reply, ending with peer_exchange_replied(). */
void peer_front_start(struct peer_exchange *ex);
/* An error as the answer. */
void peer_front_error(struct peer_exchange *ex, const struct peer_error *error);
/* What a store's failure is in S3's words, as the answer. */
void peer_front_fail(struct peer_exchange *ex, const struct store_req *req);
/* Hand ex->op.req to a store; done is its done(). */
void peer_front_submit(struct peer_exchange *ex, struct object_store *store,
                       store_done_fn *done);
/* The store of a bucket, or NULL. */
struct object_store *peer_front_bucket(struct s3peer *peer, const char *name);

/* The verbs of the front, in s3peer_object.c, _list.c, _multipart.c. */
peer_verb_fn peer_verb_head, peer_verb_get, peer_verb_put, peer_verb_copy,
	peer_verb_delete;
peer_verb_fn peer_verb_list, peer_verb_delete_many, peer_verb_list_parts,
	peer_verb_list_uploads, peer_verb_other;
peer_verb_fn peer_verb_create, peer_verb_part, peer_verb_part_copy,
	peer_verb_complete, peer_verb_abort;
/*
 * Copies: look for the source, check its condition, then call next, or answer
 * with an error.
 */
void peer_source_find(struct peer_exchange *ex, peer_verb_fn *next);
/* Headers to be kept beside the bytes; the memory is the exchange's. */
int peer_headers_fill(struct peer_exchange *ex, struct store_headers *ret);
/* Conditions as the habits hand them on. */
void peer_conditions_fill(struct peer_exchange *ex, bool match,
                          bool none_match);

/* s3peer_control.c: answer a request to /.s3peer/ at once. */
void peer_control_answer(struct peer_exchange *ex);

/* s3peer_relay.c */

/* Hand the exchange to the server, in one piece if it has to suffer. */
void peer_relay_start(struct peer_exchange *ex);
/* The AFTER_COMMIT delay of a plain exchange is over. */
void peer_relay_go_on(struct peer_exchange *ex);
/* Something happened to the client's socket. */
void peer_relay_ready(struct peer_conn *conn);
void peer_relay_free(struct peer_relay *relay);
/* Whether it can be relayed as it comes. */
bool peer_relay_plain(const struct peer_exchange *ex);

#endif
