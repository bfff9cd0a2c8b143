/* SPDX-License-Identifier: MIT */
/*
 * The contract among threads: versions never mix, conditions decide races.
 * Assertions are made by the main thread only; the others count.
 */
#include "contract.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#define THREADS      8
#define VERSION_SIZE 300007 /* bytes of each version */

/* What a thread works on, and what it found. */
struct worker {
	pthread_t thread;
	struct object_store *store;
	unsigned number;
	unsigned rounds;
	atomic_bool *stop;
	unsigned good;
	unsigned stale;
	unsigned wrong;
};

/* Run one function in all threads and wait for them. */
static void run_all(struct worker *workers, void *(*run)(void *arg))
{
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&workers[i].thread, NULL, run,
		                                &workers[i]),
		                 0);
	for (unsigned i = 0; i < THREADS; i++)
		(void)pthread_join(workers[i].thread, NULL);
}

/* Workers that all have one store. */
static void prepare(struct worker *workers, struct object_store *store,
                    unsigned rounds)
{
	for (unsigned i = 0; i < THREADS; i++)
		workers[i] = (struct worker){
			.store = store,
			.number = i,
			.rounds = rounds,
		};
}

/* Overwrites "a" with versions of one byte each, until told to stop. */
static void *overwrite(void *arg)
{
	struct worker *worker = arg;
	uint8_t *data = malloc(VERSION_SIZE);

	for (unsigned i = 0; data && i < worker->rounds; i++) {
		memset(data, 'a' + (int)(i % 26), VERSION_SIZE);
		if (contract_put(worker->store, "a", data, VERSION_SIZE) < 0)
			worker->wrong++;
	}
	free(data);
	atomic_store(worker->stop, true);
	return NULL;
}

/* Whether all bytes are one and the same. */
static bool is_one_version(const uint8_t *data, size_t len)
{
	return len < 2 || memcmp(data, data + 1, len - 1) == 0;
}

/* Reads "a" in two halves, the second pinned to the first. */
static void read_halves(struct worker *worker, uint8_t *room)
{
	enum {
		HALF = VERSION_SIZE / 2
	};
	struct slice slices[2] = {{room, HALF},
	                          {room + HALF, VERSION_SIZE - HALF}};
	struct store_req first = {
		.verb = STORE_GET,
		.key = "a",
		.get = {.length = HALF, .into = {&slices[0], 1}},
	};
	struct store_req second = {
		.verb = STORE_GET,
		.key = "a",
		.if_match = first.info.etag,
		.get = {.offset = HALF,
	                .length = VERSION_SIZE - HALF,
	                .into = {&slices[1], 1}},
	};

	if (store_call(worker->store, &first) < 0) {
		worker->wrong++;
		return;
	}
	switch (store_call(worker->store, &second)) {
	case 0:
		if (is_one_version(room, VERSION_SIZE))
			worker->good++;
		else
			worker->wrong++;
		break;
	case -ESTALE:
		worker->stale++;
		break;
	default:
		worker->wrong++;
	}
}

/* Reads while the other one writes. */
static void *read_on(void *arg)
{
	struct worker *worker = arg;
	uint8_t *room = malloc(VERSION_SIZE);

	while (room && !atomic_load(worker->stop))
		read_halves(worker, room);
	free(room);
	return NULL;
}

/* One worker writes, the rest read. */
static void *write_or_read(void *arg)
{
	struct worker *worker = arg;

	return worker->number == 0 ? overwrite(arg) : read_on(arg);
}

static void a_pinned_read_never_mixes_versions(struct contract_env *env)
{
	struct worker workers[THREADS];
	atomic_bool stop = false;
	unsigned seen = 0;
	uint8_t *data = calloc(1, VERSION_SIZE);

	assert_int_equal(contract_put(env->store, "a", data, VERSION_SIZE), 0);
	free(data);
	prepare(workers, env->store,
	        contract_is(env, CONTRACT_SLOW) ? 20 : 200);
	for (unsigned i = 0; i < THREADS; i++)
		workers[i].stop = &stop;
	run_all(workers, write_or_read);
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(workers[i].wrong, 0);
		seen += workers[i].good + workers[i].stale;
	}
	assert_true(seen > 0);
}

/* Tries to be the one who makes each object. */
static void *make_first(void *arg)
{
	struct worker *worker = arg;
	char key[32];
	char text[32];

	(void)snprintf(text, sizeof(text), "by %u", worker->number);
	for (unsigned i = 0; i < worker->rounds; i++) {
		int r;

		(void)snprintf(key, sizeof(key), "d%u/x", i);
		r = contract_put_if(worker->store, key, text, NULL, "*");
		if (r == 0)
			worker->good++;
		else if (r == -EEXIST || r == -ESTALE || r == -EBUSY)
			worker->stale++;
		else
			worker->wrong++;
	}
	return NULL;
}

static void one_of_many_makes_the_object(struct contract_env *env)
{
	struct worker workers[THREADS];
	unsigned rounds = contract_is(env, CONTRACT_SLOW) ? 10 : 200;
	unsigned made = 0;

	contract_need(env, env->limits->put_if_none_match);
	prepare(workers, env->store, rounds);
	run_all(workers, make_first);
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(workers[i].wrong, 0);
		made += workers[i].good;
	}
	assert_int_equal(made, rounds);
}

/* Adds one to a counter in an object, as often as it succeeds. */
static void *count_up(void *arg)
{
	struct worker *worker = arg;
	char room[32];
	struct slice slice = {(uint8_t *)room, sizeof(room) - 1};

	for (unsigned i = 0; i < worker->rounds; i++) {
		struct store_req get = {
			.verb = STORE_GET,
			.key = "n",
			.get = {.length = sizeof(room) - 1,
		                .into = {&slice, 1}},
		};
		unsigned long n;
		int r = store_call(worker->store, &get);

		if (r < 0) {
			worker->wrong++;
			continue;
		}
		room[get.get.received] = '\0';
		n = strtoul(room, NULL, 10);
		(void)snprintf(room, sizeof(room), "%lu", n + 1);
		r = contract_put_if(worker->store, "n", room, get.info.etag,
		                    NULL);
		if (r == 0)
			worker->good++;
		else if (r != -ESTALE && r != -EBUSY)
			worker->wrong++;
	}
	return NULL;
}

static void no_conditional_write_is_lost(struct contract_env *env)
{
	struct worker workers[THREADS];
	char expected[32];
	unsigned sum = 0;

	contract_need(env, env->limits->put_if_match);
	assert_int_equal(contract_put_text(env->store, "n", "0"), 0);
	prepare(workers, env->store, contract_is(env, CONTRACT_SLOW) ? 5 : 100);
	run_all(workers, count_up);
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(workers[i].wrong, 0);
		sum += workers[i].good;
	}
	(void)snprintf(expected, sizeof(expected), "%u", sum);
	contract_has_text(env->store, "n", expected);
}

/* One round of a thread's own keys, some beside other threads' directories. */
static int hammer_once(struct worker *worker, unsigned round)
{
	struct object_store *store = worker->store;
	char key[64];
	char other[64];
	struct object_info info;
	int r;

	(void)snprintf(key, sizeof(key), "s/%u/%u", worker->number, round % 7);
	(void)snprintf(other, sizeof(other), "s/%u", worker->number);
	r = contract_put_text(store, key, key);
	if (r == 0)
		r = contract_put_text(store, other, other);
	if (r == 0)
		r = contract_head(store, key, &info);
	if (r == 0 && info.size != strlen(key))
		r = -EBADMSG;
	if (r == 0)
		r = contract_head(store, other, &info);
	if (r == 0)
		r = contract_delete(store, key);
	if (r == 0 && contract_head(store, key, &info) != -ENOENT)
		r = -EBADMSG;
	if (r == 0)
		r = contract_delete(store, other);
	if (r == 0 && contract_head(store, other, &info) != -ENOENT)
		r = -EBADMSG;
	return r;
}

/* Makes and removes, in directories that come and go. */
static void *hammer(void *arg)
{
	struct worker *worker = arg;

	for (unsigned i = 0; i < worker->rounds; i++) {
		if (hammer_once(worker, i) < 0)
			worker->wrong++;
		else
			worker->good++;
	}
	return NULL;
}

static void many_threads_do_not_get_in_each_others_way(struct contract_env *env)
{
	struct worker workers[THREADS];

	contract_need(env, !env->limits->plain_key_tree);
	prepare(workers, env->store, contract_is(env, CONTRACT_SLOW) ? 5 : 200);
	run_all(workers, hammer);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(workers[i].wrong, 0);
	contract_lists(env->store, &(struct store_list){0}, "");
}

/* Uploads an object of two parts, over and over. */
static void *upload_on(void *arg)
{
	struct worker *worker = arg;
	size_t part = (size_t)store_limits(worker->store)->part_min;
	uint8_t *data = contract_bytes(part + 9, worker->number);
	char key[32];
	char id[STORE_UPLOAD_ID_MAX];

	(void)snprintf(key, sizeof(key), "u/%u", worker->number % 4);
	for (unsigned i = 0; i < worker->rounds; i++) {
		struct store_part_info parts[2] = {{.number = 1},
		                                   {.number = 2}};
		struct store_req create = {
			.verb = STORE_MPU_CREATE,
			.key = key,
		};

		if (store_call(worker->store, &create) < 0) {
			worker->wrong++;
			continue;
		}
		memcpy(id, create.create.upload_id, sizeof(id));
		if (contract_part(worker->store, key, id, data, part,
		                  &parts[0]) < 0 ||
		    contract_part(worker->store, key, id, data + part, 9,
		                  &parts[1]) < 0 ||
		    contract_complete(worker->store, key, id, parts, 2) < 0)
			worker->wrong++;
	}
	free(data);
	return NULL;
}

static void uploads_go_on_side_by_side(struct contract_env *env)
{
	struct worker workers[THREADS];
	struct object_info info;
	size_t part = (size_t)env->limits->part_min;

	prepare(workers, env->store, contract_is(env, CONTRACT_SLOW) ? 1 : 3);
	run_all(workers, upload_on);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(workers[i].wrong, 0);
	for (unsigned i = 0; i < 4; i++) {
		char key[32];

		(void)snprintf(key, sizeof(key), "u/%u", i);
		assert_int_equal(contract_head(env->store, key, &info), 0);
		assert_int_equal(info.size, part + 9);
	}
}

const struct contract_test contract_thread_tests[] = {
	CONTRACT_TEST(a_pinned_read_never_mixes_versions),
	CONTRACT_TEST(one_of_many_makes_the_object),
	CONTRACT_TEST(no_conditional_write_is_lost),
	CONTRACT_TEST(many_threads_do_not_get_in_each_others_way),
	CONTRACT_TEST(uploads_go_on_side_by_side),
};
const size_t contract_thread_count =
	sizeof(contract_thread_tests) / sizeof(contract_thread_tests[0]);
