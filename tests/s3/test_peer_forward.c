/* SPDX-License-Identifier: MIT */
/*
 * The forwarder: everything passes unchanged, in both directions, however large
 * and however many at once.
 */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define BIG ((size_t)20 << 20)

/* Bytes that repeat nowhere near. */
static char *big_body(void)
{
	uint32_t *words = malloc(BIG);
	uint32_t x = 1;

	assert_non_null(words);
	for (size_t i = 0; i < BIG / sizeof(x); i++) {
		x = x * 1664525 + 1013904223;
		words[i] = x;
	}
	return (char *)words;
}

/* Send on an open connection and read the reply, or fail. */
static int ask_on(int fd, struct world *world,
                  const struct talk_request *request, struct str *ret_body)
{
	cleanup(str_release) struct str bytes = {0};
	struct talk_reply reply;
	int status;

	/* Signed for the front: the forwarder must not touch Host. */
	talk_render(request, s3peer_port(world->front), &bytes);
	assert_int_equal(talk_send(fd, bytes.data, bytes.len), bytes.len);
	talk_receive(fd, strcmp(request->method, "HEAD") == 0, 5000, &reply);
	assert_int_equal(reply.end, TALK_WHOLE);
	status = reply.status;
	if (ret_body)
		*ret_body = talk_body(&reply);
	talk_reply_release(&reply);
	return status;
}

static void big_bodies_pass_both_ways_on_one_line(void **state)
{
	struct world *world = world_new(NULL, true);
	cleanup(freep) char *bytes = big_body();
	cleanup(closep) int fd = talk_connect(world->port);
	struct talk_request request = {.method = "PUT",
	                               .bucket = "one",
	                               .key = "big",
	                               .body = bytes,
	                               .body_len = BIG,
	                               .signed_payload = true};
	struct str body = {0};

	(void)state;
	assert_int_equal(ask_on(fd, world, &request, NULL), 200);
	request = (struct talk_request){
		.method = "GET", .bucket = "one", .key = "big"};
	assert_int_equal(ask_on(fd, world, &request, &body), 200);
	assert_int_equal(body.len, BIG);
	assert_memory_equal(body.data, bytes, BIG);
	str_release(&body);

	struct world_event put = world_event(world, 1);
	struct world_event get = world_event(world, 2);

	assert_int_equal(put.bytes_in, BIG);
	assert_true(put.committed && put.acknowledged);
	assert_int_equal(get.bytes_out, BIG);
	assert_int_equal(get.nth_on_connection, 2);
	world_free(world);
}

static void chunked_replies_pass(void **state)
{
	const struct s3peer_config config = {.habits = S3PEER_RGW16};
	struct world *world = world_new(&config, true);
	cleanup(closep) int fd = talk_connect(world->port);
	const struct talk_request list = {.method = "GET", .bucket = "one"};
	const struct talk_request head = {.method = "HEAD", .bucket = "one"};
	struct str body = {0};

	(void)state;
	(void)fake_store_put_text(world->one, "here", "x");
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(ask_on(fd, world, &list, &body), 200);
		assert_non_null(strstr(str_text(&body), "<Key>here</Key>"));
		str_release(&body);
		assert_int_equal(ask_on(fd, world, &head, NULL), 200);
	}
	world_free(world);
}

static void a_collected_chunked_reply_is_whole(void **state)
{
	const struct s3peer_config config = {
		.habits = S3PEER_RGW16,
		.rules = "request=LIST action=delay:1 phase=mid-reply",
	};
	struct world *world = world_new(&config, true);
	cleanup(closep) int fd = talk_connect(world->port);
	const struct talk_request list = {.method = "GET", .bucket = "one"};
	struct str body = {0};

	(void)state;
	(void)fake_store_put_text(world->one, "here", "x");
	assert_int_equal(ask_on(fd, world, &list, &body), 200);
	assert_non_null(strstr(str_text(&body), "<Key>here</Key>"));
	assert_non_null(strstr(str_text(&body), "</ListBucketResult>"));
	str_release(&body);
	world_free(world);
}

static void a_dead_server_is_a_bad_gateway(void **state)
{
	struct s3peer *forwarder = NULL;
	struct s3peer *gone = NULL;
	const struct s3peer_config nobody = {.bucket_count = 0};
	const struct talk_request head = {.method = "GET", .bucket = "one"};
	struct talk_reply reply;
	char url[64];

	(void)state;
	assert_int_equal(s3peer_new(&nobody, &gone, NULL), 0);
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u",
	               s3peer_port(gone));
	s3peer_free(gone);

	const struct s3peer_config config = {.forward = url};

	assert_int_equal(s3peer_new(&config, &forwarder, NULL), 0);
	talk(s3peer_port(forwarder), &head, &reply);
	assert_int_equal(reply.status, 502);
	assert_int_equal(reply.end, TALK_WHOLE);
	talk_reply_release(&reply);
	s3peer_free(forwarder);
}

/* One of many clients, each with its own object. */
struct worker {
	pthread_t thread;
	struct world *world;
	unsigned number;
	unsigned good;
};

#define WORKERS 64
#define TURNS   20

/* Put and get, again and again. */
static void *work(void *arg)
{
	struct worker *worker = arg;
	int fd = talk_connect(worker->world->port);
	char key[16];
	char text[64];

	(void)snprintf(key, sizeof(key), "k%u", worker->number);
	for (unsigned i = 0; i < TURNS; i++) {
		struct talk_request request = {.method = "PUT",
		                               .bucket = "one",
		                               .key = key,
		                               .body = text};
		struct str body = {0};

		request.body_len = (size_t)snprintf(
			text, sizeof(text), "%u of %u", i, worker->number);
		bool good = ask_on(fd, worker->world, &request, NULL) == 200;

		request.method = "GET";
		request.body_len = 0;
		good = good &&
		       ask_on(fd, worker->world, &request, &body) == 200 &&
		       strcmp(str_text(&body), text) == 0;
		str_release(&body);
		worker->good += good;
	}
	(void)close(fd);
	return NULL;
}

static void many_clients_at_once_get_their_own(void **state)
{
	struct world *world = world_new(NULL, true);
	struct worker workers[WORKERS] = {0};
	struct s3peer_stats stats;

	(void)state;
	for (unsigned i = 0; i < WORKERS; i++) {
		workers[i].world = world;
		workers[i].number = i;
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work,
		                                &workers[i]),
		                 0);
	}
	for (unsigned i = 0; i < WORKERS; i++) {
		(void)pthread_join(workers[i].thread, NULL);
		assert_int_equal(workers[i].good, TURNS);
	}
	(void)world_event(world, 2 * WORKERS * TURNS);
	s3peer_get_stats(world->forwarder, &stats);
	assert_int_equal(stats.requests[STORE_PUT], WORKERS * TURNS);
	assert_int_equal(stats.requests[STORE_GET], WORKERS * TURNS);
	assert_int_equal(stats.connections, WORKERS);
	assert_int_equal(stats.errors, 0);
	world_free(world);
}

static void a_delay_is_added_to_each_request_but_not_to_all(void **state)
{
	struct world *world = world_new(NULL, false);
	char url[64];
	struct s3peer *forwarder = NULL;
	const struct talk_request head = {.method = "HEAD", .bucket = "one"};
	cleanup(str_release) struct str bytes = {0};
	int fds[16];
	struct talk_reply reply;

	(void)state;
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", world->port);

	const struct s3peer_config config = {.forward = url,
	                                     .delay_us = 100000};

	assert_int_equal(s3peer_new(&config, &forwarder, NULL), 0);
	talk_render(&head, s3peer_port(forwarder), &bytes);
	for (unsigned i = 0; i < 16; i++) {
		fds[i] = talk_connect(s3peer_port(forwarder));
		(void)talk_send(fds[i], bytes.data, bytes.len);
	}
	talk_receive(fds[0], true, 2000, &reply);
	assert_int_equal(reply.status, 200);
	assert_true(reply.took_ms >= 80);
	talk_reply_release(&reply);
	for (unsigned i = 1; i < 16; i++) {
		talk_receive(fds[i], true, 2000, &reply);
		assert_int_equal(reply.status, 200);
		assert_true(reply.took_ms < 80); /* they waited together */
		talk_reply_release(&reply);
	}
	for (unsigned i = 0; i < 16; i++)
		(void)close(fds[i]);
	s3peer_free(forwarder);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(big_bodies_pass_both_ways_on_one_line),
		cmocka_unit_test(chunked_replies_pass),
		cmocka_unit_test(a_collected_chunked_reply_is_whole),
		cmocka_unit_test(a_dead_server_is_a_bad_gateway),
		cmocka_unit_test(many_clients_at_once_get_their_own),
		cmocka_unit_test(
			a_delay_is_added_to_each_request_but_not_to_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
