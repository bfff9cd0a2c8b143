/* SPDX-License-Identifier: MIT */
/*
 * What clients share, as they see it: transport, time, gates, counters.
 */
#ifndef PORTER_S3_NET_H
#define PORTER_S3_NET_H

#include "base/clock.h"
#include "base/exec.h"
#include "base/metrics.h"
#include "base/timer.h"
#include "gate.h"
#include "http.h"
#include "s3/client.h"
#include "s3/store.h"

/* Of a reply's status, and of replies that never came. */
enum s3_class {
	S3_CLASS_2XX,
	S3_CLASS_3XX,
	S3_CLASS_4XX,
	S3_CLASS_5XX,
	S3_CLASS_NONE,
};
#define S3_CLASSES 5

struct s3_metrics {
	struct metric requests[STORE_VERBS][S3_CLASSES];
	char labels[STORE_VERBS][S3_CLASSES][40];
	struct metric latency;
	struct metric retries;
	struct metric bytes_in;
	struct metric bytes_out;
	struct metric in_flight;
	struct metric connections;
};

struct s3_net {
	const struct clock *clock;
	struct timers *timers;
	struct metrics *registry;         /* may be NULL */
	struct http_transport *transport; /* owned */
	struct exec *exec;                /* for what may block; owned */
	bool allow_plaintext;
	unsigned max_connections;
	struct s3_metrics metrics;
	pthread_mutex_t lock;
	struct list gates; /* lock */
};

/*
 * s3_net_new() with a transport and an executor of one's own: takes both, the
 * transport even when it fails.
 */
int s3_net_new_over(const struct s3_net_config *config,
                    struct http_transport *transport, struct exec *exec,
                    struct s3_net **ret);

/*
 * The gate of an endpoint, shared by all who name it the same way.  NULL when
 * out of memory.  One release for each.
 */
struct gate *s3_net_gate(struct s3_net *net, const char *endpoint);
void s3_net_gate_release(struct s3_net *net, struct gate *gate);

/* Count one exchange that ended. */
void s3_net_count(struct s3_net *net, enum store_verb verb,
                  const struct http_request *request,
                  const struct http_reply *reply, uint64_t took_ms);

#endif
