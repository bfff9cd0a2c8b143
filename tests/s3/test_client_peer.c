/* SPDX-License-Identifier: MIT */
/*
 * The whole client, sockets and all, against s3peer over a store in memory:
 * every verb, faults of each kind, and what must hold under load.
 */
#include "base/lock.h"
#include "base/timer.h"
#include "fake_store.h"
#include "s3/client.h"
#include "s3peer.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MIB ((size_t)1 << 20)

/* Everything between a test and the bucket. */
struct world {
	struct fake_store *fake;
	struct s3peer *peer;
	struct timers *timers;
	struct s3_net *net;
	struct object_store *store;
};

static void world_open(struct world *w, enum s3peer_habits habits,
                       const char *rules)
{
	struct err err = {.code = 0};

	w->fake = fake_store_new(NULL);

	const struct s3peer_bucket bucket = {"bkt",
	                                     fake_store_object_store(w->fake)};
	const struct s3peer_config peer = {.buckets = &bucket,
	                                   .bucket_count = 1,
	                                   .habits = habits,
	                                   .rules = rules};

	assert_int_equal(s3peer_new(&peer, &w->peer, &err), 0);
	assert_int_equal(timers_new(clock_system(), &w->timers), 0);

	const struct s3_net_config net = {.threads = 2,
	                                  .max_connections = 16,
	                                  .clock = clock_system(),
	                                  .timers = w->timers};

	assert_int_equal(s3_net_new(&net, &w->net, &err), 0);

	char endpoint[64];

	(void)snprintf(endpoint, sizeof(endpoint), "http://127.0.0.1:%u",
	               s3peer_port(w->peer));

	const struct s3_client_config client = {
		.name = "primary",
		.bucket = "bkt",
		.prefix = "some/",
		.endpoint = endpoint,
		.creds = {.access_key_id = "AKPEER",
	                  .secret_access_key = "SKPEER"},
		.retry_attempts = 8,
		.op_deadline_ms = 20000,
		.write_deadline_ms = 20000,
		.long_deadline_ms = 20000,
		.retry_seed = 1,
	};

	if (s3_client_new(w->net, &client, &w->store, &err) < 0)
		fail_msg("%s", err.text);
}

static void world_close(struct world *w)
{
	store_destroy(w->store);
	s3_net_free(w->net);
	timers_free(w->timers);
	s3peer_free(w->peer);
	fake_store_free(w->fake);
}

static void ok(struct world *w, struct store_req *req)
{
	if (store_call(w->store, req) < 0)
		fail_msg("%s", req->err.text);
}

/* Bytes that differ at every place within reach. */
static uint8_t *noise(size_t size)
{
	uint8_t *data = malloc(size);

	for (size_t i = 0; i < size; i++)
		data[i] = (uint8_t)(i * 2654435761U >> 13);
	return data;
}

static void put(struct world *w, const char *key, void *data, size_t size)
{
	const struct slice slice = {data, size};
	struct store_req req = {
		.verb = STORE_PUT, .key = key, .put.body = {&slice, 1}};

	ok(w, &req);
	assert_true(req.info.etag[0] == '"');
}

/* GET all of it; the errno, and what came in *ret (freed by the caller). */
static int get(struct world *w, const char *key, size_t size, uint8_t **ret,
               struct store_req *req)
{
	struct slice slice = {calloc(1, size), size};

	*req = (struct store_req){.verb = STORE_GET,
	                          .key = key,
	                          .get = {.length = size, .into = {&slice, 1}}};
	int r = store_call(w->store, req);

	*ret = slice.data;
	return r;
}

static void assert_object(struct world *w, const char *key, const uint8_t *data,
                          size_t size)
{
	struct store_req req;
	uint8_t *got = NULL;

	if (get(w, key, size, &got, &req) < 0)
		fail_msg("%s", req.err.text);
	assert_int_equal(req.get.received, size);
	assert_memory_equal(got, data, size);
	free(got);
}

static void the_bucket_answers_a_probe(void **state)
{
	struct world w;
	struct err err;

	(void)state;
	world_open(&w, S3PEER_AWS, NULL);
	assert_int_equal(s3_client_probe(w.store, &err), 0);
	world_close(&w);
}

static void objects_come_back_as_they_went(void **state)
{
	struct world w;
	uint8_t *data = noise(3 * MIB);

	(void)state;
	for (unsigned habits = 0; habits < 3; habits++) {
		world_open(&w, habits, NULL);
		put(&w, "a b/ü%+&=?", data, 3 * MIB);
		assert_object(&w, "a b/ü%+&=?", data, 3 * MIB);
		put(&w, "empty", NULL, 0);

		struct store_req head = {.verb = STORE_HEAD, .key = "empty"};

		ok(&w, &head);
		assert_int_equal(head.info.size, 0);

		struct store_req del = {.verb = STORE_DELETE, .key = "empty"};

		ok(&w, &del);
		assert_int_equal(store_call(w.store, &head), -ENOENT);
		world_close(&w);
	}
	free(data);
}

static void part(struct world *w, const char *id, uint8_t *data, size_t size,
                 struct store_part_info *ret)
{
	const struct slice slice = {data, size};
	struct store_req req = {.verb = STORE_MPU_PART,
	                        .key = "big",
	                        .part = {.upload_id = id,
	                                 .number = ret->number,
	                                 .body = {&slice, 1}}};

	ok(w, &req);
	(void)str_copy(ret->etag, sizeof(ret->etag), req.info.etag);
	(void)str_copy(ret->checksum, sizeof(ret->checksum), req.info.checksum);
}

static void uploads_in_parts_and_copies(void **state)
{
	struct world w;
	uint8_t *data = noise(11 * MIB);

	(void)state;
	for (unsigned habits = 0; habits < 3; habits++) {
		struct store_part_info parts[2] = {{.number = 1},
		                                   {.number = 2}};
		struct store_req create = {.verb = STORE_MPU_CREATE,
		                           .key = "big"};

		world_open(&w, habits, NULL);
		ok(&w, &create);
		part(&w, create.create.upload_id, data, 6 * MIB, &parts[0]);
		part(&w, create.create.upload_id, data + 6 * MIB, 5 * MIB,
		     &parts[1]);

		struct store_req complete = {
			.verb = STORE_MPU_COMPLETE,
			.key = "big",
			.complete = {.upload_id = create.create.upload_id,
		                     .parts = parts,
		                     .count = 2}};

		ok(&w, &complete);
		assert_object(&w, "big", data, 11 * MIB);

		struct store_req copy = {.verb = STORE_COPY,
		                         .key = "copy",
		                         .copy = {.source = w.store,
		                                  .source_key = "big"}};

		ok(&w, &copy);
		assert_object(&w, "copy", data, 11 * MIB);
		world_close(&w);
	}
	free(data);
}

/* Keys of a listing, joined; in done() because they live there only. */
static void join(struct store_req *req)
{
	struct str *text = (struct str *)(uintptr_t)req->version;

	req->version = NULL;
	for (size_t i = 0; i < req->list.count; i++) {
		str_add_mem(text, req->list.entries[i].key,
		            req->list.entries[i].key_len);
		str_add_char(text, '|');
	}
}

static void odd_keys_are_listed_and_deleted(void **state)
{
	const char *keys[] = {"a\x01"
	                      "b",
	                      "plain", "with <&> quotes\"",
	                      "c\xff"
	                      "d"};
	int results[4] = {1, 1, 1, 1};
	struct world w;

	(void)state;
	world_open(&w, S3PEER_MINIO, NULL);
	for (size_t i = 0; i < 4; i++)
		put(&w, keys[i], (void *)(uintptr_t) "x", 1);

	struct store_req del = {
		.verb = STORE_DELETE_MANY,
		.delete_many = {.keys = keys, .count = 4, .results = results}};
	struct str text = {0};
	struct store_req list = {.verb = STORE_LIST,
	                         .list = {.prefix = ""},
	                         .version = (const char *)&text,
	                         .done = join};

	ok(&w, &list);
	assert_string_equal(str_text(&text), "a\x01"
	                                     "b|c\xff"
	                                     "d|plain|with <&> quotes\"|");
	ok(&w, &del);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(results[i], 0);

	str_reset(&text);
	list.version = (const char *)&text;
	list.done = join;
	ok(&w, &list);
	assert_string_equal(str_text(&text), "");
	str_release(&text);

	struct s3peer_stats stats;

	s3peer_get_stats(w.peer, &stats);
	assert_int_equal(stats.requests[STORE_DELETE_MANY], 1);
	assert_int_equal(stats.requests[STORE_DELETE], 2);
	world_close(&w);
}

static void every_passing_fault_is_overcome(void **state)
{
	static const char *const rules[] = {
		"request=* every=2 action=status:503:SlowDown",
		"request=* every=2 action=status:500:InternalError",
		"request=* every=2 action=reset",
		"request=GET every=2 action=cut",
		"request=GET every=2 phase=mid-reply action=reset",
		"request=PUT every=2 phase=mid-request action=reset",
		"request=PUT every=2 action=lose-reply",
		"request=* every=2 phase=after-commit action=junk",
		"request=PUT every=2 action=ok-with-error-body",
	};
	uint8_t *data = noise(2 * MIB);
	struct world w;

	(void)state;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		world_open(&w, S3PEER_AWS, rules[i]);
		for (unsigned k = 0; k < 4; k++) {
			put(&w, "k", data, 2 * MIB);
			assert_object(&w, "k", data, 2 * MIB);
		}
		world_close(&w);
	}
	free(data);
}

static void a_cut_get_goes_on_where_it_was(void **state)
{
	uint8_t *data = noise(4 * MIB);
	uint8_t *got = NULL;
	struct store_req req;
	struct s3peer_stats stats;
	struct world w;

	(void)state;
	world_open(&w, S3PEER_AWS, "request=GET nth=1 action=cut");
	put(&w, "k", data, 4 * MIB);
	assert_int_equal(get(&w, "k", 4 * MIB, &got, &req), 0);
	assert_memory_equal(got, data, 4 * MIB);
	assert_int_equal(req.attempts, 2);
	s3peer_get_stats(w.peer, &stats);
	assert_true(stats.bytes_out < 5 * MIB); /* not all over again */
	free(got);
	free(data);
	world_close(&w);
}

static void wrong_keys_are_told_in_a_sentence(void **state)
{
	struct world w;
	struct err err;

	(void)state;
	world_open(&w, S3PEER_AWS, NULL);
	assert_int_equal(s3peer_set_keys(w.peer, "AKOTHER", "x", NULL), 0);
	assert_int_equal(s3_client_probe(w.store, &err), -EACCES);
	assert_non_null(strstr(err.text, "InvalidAccessKeyId"));
	world_close(&w);
}

/* A crowd of requests under way at once, and who waits for them. */
struct crowd {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned left;   /* lock */
	unsigned failed; /* lock */
};

static void crowd_done(struct store_req *req)
{
	struct crowd *crowd = req->owner;

	WITH_LOCK(&crowd->lock);
	crowd->failed += req->status != 0;
	crowd->left--;
	(void)pthread_cond_signal(&crowd->changed);
}

static void hundreds_at_once_take_few_connections(void **state)
{
	enum {
		COUNT = 400,
		ROUNDS = 5
	};
	struct store_req *reqs = calloc(COUNT, sizeof(*reqs));
	struct crowd crowd = {.lock = PTHREAD_MUTEX_INITIALIZER,
	                      .changed = PTHREAD_COND_INITIALIZER};
	struct s3peer_stats stats;
	struct world w;

	(void)state;
	world_open(&w, S3PEER_AWS, NULL);
	put(&w, "k", (void *)(uintptr_t) "x", 1);
	for (unsigned round = 0; round < ROUNDS; round++) {
		crowd.left = COUNT;
		for (size_t i = 0; i < COUNT; i++) {
			reqs[i] = (struct store_req){.verb = STORE_HEAD,
			                             .key = "k",
			                             .done = crowd_done,
			                             .owner = &crowd};
			store_submit(w.store, &reqs[i]);
		}
		WITH_LOCK(&crowd.lock);
		while (crowd.left > 0)
			(void)pthread_cond_wait(&crowd.changed, &crowd.lock);
	}
	assert_int_equal(crowd.failed, 0);
	s3peer_get_stats(w.peer, &stats);
	assert_true(stats.connections <= 16);
	free(reqs);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_bucket_answers_a_probe),
		cmocka_unit_test(objects_come_back_as_they_went),
		cmocka_unit_test(uploads_in_parts_and_copies),
		cmocka_unit_test(odd_keys_are_listed_and_deleted),
		cmocka_unit_test(every_passing_fault_is_overcome),
		cmocka_unit_test(a_cut_get_goes_on_where_it_was),
		cmocka_unit_test(wrong_keys_are_told_in_a_sentence),
		cmocka_unit_test(hundreds_at_once_take_few_connections),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
