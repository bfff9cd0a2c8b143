/* SPDX-License-Identifier: MIT */
/*
 * Many threads, a server that fails half of the time, cancels at any moment:
 * every request ends exactly once, and what says 0 is true.
 */
#include "base/list.h"
#include "base/lock.h"
#include "base/timer.h"
#include "fake_store.h"
#include "s3/client.h"
#include "s3peer.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define THREADS 4
#define ROUNDS  30
#define BATCH   12 /* requests of a thread at once */
#define SIZE    ((size_t)200 << 10)

struct stress {
	struct object_store *store;
	uint8_t *data;     /* what every object holds */
	atomic_uint seeds; /* one per thread */
	atomic_uint wrong; /* requests that lied */
	atomic_uint good;  /* requests that went through */
};

/* One thread's request; its lock lets cancel() and done() exclude each other. */
struct ride {
	struct store_req req;
	pthread_mutex_t *lock;
	pthread_cond_t *changed;
	unsigned ended; /* lock */
	uint8_t *room;
	struct slice slice;
};

static void on_done(struct store_req *req)
{
	struct ride *ride = container_of(req, struct ride, req);

	WITH_LOCK(ride->lock);
	ride->ended++;
	(void)pthread_cond_signal(ride->changed);
}

/* A GET, a PUT, a HEAD or a LIST. */
static void load(struct ride *ride, struct stress *s, unsigned kind)
{
	ride->ended = 0;
	ride->req = (struct store_req){.key = "k", .done = on_done};
	ride->slice = (struct slice){kind ? s->data : ride->room, SIZE};
	switch (kind) {
	case 0:
		(void)memset(ride->room, 0, SIZE);
		ride->req.verb = STORE_GET;
		ride->req.get.length = SIZE;
		ride->req.get.into = (struct chain){&ride->slice, 1};
		break;
	case 1:
		ride->req.verb = STORE_PUT;
		ride->req.put.body = (struct chain){&ride->slice, 1};
		break;
	case 2:
		ride->req.verb = STORE_HEAD;
		break;
	default:
		ride->req.verb = STORE_LIST;
		ride->req.list.prefix = "";
	}
}

/* Whether a request that ended tells the truth. */
static bool is_true(const struct ride *ride, const struct stress *s)
{
	const struct store_req *req = &ride->req;

	if (ride->ended != 1)
		return false;
	if (req->status != 0)
		return req->err.code == req->status;
	if (req->verb == STORE_GET)
		return req->get.received == SIZE &&
		       memcmp(ride->room, s->data, SIZE) == 0;
	return req->verb != STORE_HEAD || req->info.size == SIZE;
}

/* Submit a batch, cancel every third, wait for all. */
static void play(struct ride *rides, struct stress *s, unsigned *seed)
{
	pthread_mutex_t *lock = rides->lock;

	for (unsigned i = 0; i < BATCH; i++) {
		load(&rides[i], s, (unsigned)rand_r(seed) % 4);
		store_submit(s->store, &rides[i].req);
	}
	for (unsigned i = 0; i < BATCH; i += 1 + (unsigned)rand_r(seed) % 4) {
		WITH_LOCK(lock);
		if (!rides[i].ended)
			store_cancel(s->store, &rides[i].req);
	}
	for (unsigned i = 0; i < BATCH; i++) {
		{
			WITH_LOCK(lock);
			while (!rides[i].ended)
				(void)pthread_cond_wait(rides->changed, lock);
		}
		s->wrong += !is_true(&rides[i], s);
		s->good += rides[i].req.status == 0;
	}
}

static void *thread_main(void *arg)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
	struct ride *rides = calloc(BATCH, sizeof(*rides));
	struct stress *s = arg;
	unsigned seed = s->seeds++;

	for (unsigned i = 0; i < BATCH; i++) {
		rides[i].lock = &lock;
		rides[i].changed = &changed;
		rides[i].room = malloc(SIZE);
	}
	for (unsigned round = 0; round < ROUNDS; round++)
		play(rides, s, &seed);
	for (unsigned i = 0; i < BATCH; i++)
		free(rides[i].room);
	free(rides);
	return NULL;
}

/* A peer with one object and faults of all kinds. */
static struct s3peer *open_peer(struct fake_store *fake)
{
	const struct s3peer_bucket bucket = {"bkt",
	                                     fake_store_object_store(fake)};
	const struct s3peer_config config = {
		.buckets = &bucket,
		.bucket_count = 1,
		.seed = 7,
		.rules =
			"request=* probability=0.1 action=reset\n"
			"request=* probability=0.1 action=status:503:SlowDown\n"
			"request=GET probability=0.2 action=cut\n"
			"request=PUT probability=0.1 action=lose-reply\n"
			"request=* probability=0.1 action=status:500\n"
			"request=* probability=0.1 action=junk\n",
	};
	struct s3peer *peer = NULL;
	struct err err = {.code = 0};

	if (s3peer_new(&config, &peer, &err) < 0)
		fail_msg("%s", err.text);
	return peer;
}

static void run(struct s3_net *net, struct s3peer *peer, uint8_t *data)
{
	char endpoint[64];
	pthread_t threads[THREADS];
	struct stress s = {.data = data};
	struct err err = {.code = 0};

	(void)snprintf(endpoint, sizeof(endpoint), "http://127.0.0.1:%u",
	               s3peer_port(peer));

	const struct s3_client_config config = {
		.bucket = "bkt",
		.endpoint = endpoint,
		.creds = {.access_key_id = "AKPEER",
	                  .secret_access_key = "SKPEER"},
		.retry_attempts = 3,
		.op_deadline_ms = 2000,
		.write_deadline_ms = 2000,
		.retry_seed = 1,
	};

	if (s3_client_new(net, &config, &s.store, &err) < 0)
		fail_msg("%s", err.text);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, thread_main, &s), 0);
	for (unsigned i = 0; i < THREADS; i++)
		(void)pthread_join(threads[i], NULL);
	store_destroy(s.store);
	assert_int_equal(s.wrong, 0);
	assert_true(s.good > 100);
}

static void every_request_ends_once_and_truly(void **state)
{
	struct fake_store *fake = fake_store_new(NULL);
	struct s3peer *peer = open_peer(fake);
	struct timers *timers = NULL;
	struct s3_net *net = NULL;
	uint8_t *data = malloc(SIZE);

	(void)state;
	for (size_t i = 0; i < SIZE; i++)
		data[i] = (uint8_t)(i * 2654435761U >> 11);

	const struct slice slice = {data, SIZE};
	struct store_req put = {
		.verb = STORE_PUT, .key = "k", .put.body = {&slice, 1}};

	assert_int_equal(store_call(fake_store_object_store(fake), &put), 0);
	assert_int_equal(timers_new(clock_system(), &timers), 0);

	const struct s3_net_config config = {.threads = 2,
	                                     .max_connections = 8,
	                                     .clock = clock_system(),
	                                     .timers = timers};

	assert_int_equal(s3_net_new(&config, &net, NULL), 0);
	run(net, peer, data);
	s3_net_free(net);
	timers_free(timers);
	s3peer_free(peer);
	fake_store_free(fake);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_request_ends_once_and_truly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
