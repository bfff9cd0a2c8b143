/* SPDX-License-Identifier: MIT */
/*
 * The real client keeps the contract of every store, through HTTP, with three
 * kinds of servers that it gets to know by their replies.
 */
#include "client_place.h"
#include "fake_store.h"
#include "s3peer.h"
#include "store_contract.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* A server with two buckets, made anew with the first that is asked for. */
struct server {
	enum s3peer_habits habits;
	unsigned open;
	struct fake_store *one;
	struct fake_store *two;
	struct s3peer *peer;
	struct client_place place;
};

static void server_start(struct server *server)
{
	server->one = fake_store_new(NULL);
	server->two = fake_store_new(NULL);
	assert_non_null(server->one);
	assert_non_null(server->two);

	const struct s3peer_bucket buckets[] = {
		{"one", fake_store_object_store(server->one)},
		{"two", fake_store_object_store(server->two)},
	};
	const struct s3peer_config config = {.buckets = buckets,
	                                     .bucket_count = 2,
	                                     .habits = server->habits};
	char endpoint[64];

	assert_int_equal(s3peer_new(&config, &server->peer, NULL), 0);
	(void)snprintf(endpoint, sizeof(endpoint), "http://127.0.0.1:%u",
	               s3peer_port(server->peer));
	client_place_open(&server->place, endpoint, "AKPEER", "SKPEER");
}

/* An empty bucket. */
static struct object_store *open_store(void *ctx, const char *bucket)
{
	struct server *server = ctx;

	if (server->open++ == 0)
		server_start(server);
	return client_place_store(&server->place, bucket);
}

static void close_store(void *ctx, struct object_store *store)
{
	struct server *server = ctx;

	store_destroy(store);
	if (--server->open > 0)
		return;
	client_place_close(&server->place);
	s3peer_free(server->peer);
	fake_store_free(server->one);
	fake_store_free(server->two);
}

int main(void)
{
	struct server aws = {.habits = S3PEER_AWS};
	struct server rgw = {.habits = S3PEER_RGW16};
	struct server minio = {.habits = S3PEER_MINIO};
	int failed = store_contract_run(&(struct store_contract){
		.name = "client, aws habits",
		.open = open_store,
		.close = close_store,
		.ctx = &aws,
	});

	failed += store_contract_run(&(struct store_contract){
		.name = "client, rgw16 habits",
		.flags = CONTRACT_SLOW | CONTRACT_ALL_PARTS |
	                 CONTRACT_COMPLETES_TWICE | CONTRACT_UTF8_KEYS |
	                 CONTRACT_MATCH_ABSENT | CONTRACT_LOST_UPLOADS,
		.open = open_store,
		.close = close_store,
		.ctx = &rgw,
	});
	return failed + store_contract_run(&(struct store_contract){
				.name = "client, minio habits",
				.flags = CONTRACT_SLOW,
				.open = open_store,
				.close = close_store,
				.ctx = &minio,
			});
}
