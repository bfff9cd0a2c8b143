/* SPDX-License-Identifier: MIT */
/*
 * The real client keeps the contract of every store on a real Ceph gateway,
 * whose address and keys are in the environment, as scripts/rgw prints them.
 */
#include "client_place.h"
#include "s3peer.h"
#include "store_contract.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The contract's buckets, by their names on the gateway. */
static const char *real_name(const char *bucket)
{
	return getenv(strcmp(bucket, "one") == 0 ? "AWS_BUCKET"
	                                         : "AWS_SOURCE_BUCKET");
}

static struct object_store *open_store(void *ctx, const char *bucket)
{
	struct object_store *store = client_place_store(ctx, real_name(bucket));

	client_place_empty(store);
	return store;
}

static void close_store(void *ctx, struct object_store *store)
{
	(void)ctx;
	client_place_empty(store);
	store_destroy(store);
}

/* By its replies alone, none of which says so in words. */
static void the_gateway_is_known_for_what_it_is(void **state)
{
	struct object_store *store =
		client_place_store(*state, real_name("one"));

	assert_string_equal(store_limits(store)->profile, "rgw");
	store_destroy(store);
}

static void a_wrong_secret_is_told_in_a_sentence(void **state)
{
	const struct client_place *place = *state;
	const struct s3_client_config config = {
		.name = "primary",
		.bucket = real_name("one"),
		.endpoint = place->endpoint,
		.creds = {.access_key_id = place->access_key_id,
	                  .secret_access_key = "wrong"},
		.retry_attempts = 2,
		.op_deadline_ms = 10000,
		.write_deadline_ms = 10000,
	};
	struct object_store *store = NULL;
	struct err why = {0};

	assert_int_equal(s3_client_new(place->net, &config, &store, &why), 0);
	assert_int_equal(s3_client_probe(store, &why), -EACCES);
	assert_non_null(strstr(why.text, "SignatureDoesNotMatch"));
	store_destroy(store);
}

static void a_bucket_that_is_none_is_enoent(void **state)
{
	const struct client_place *place = *state;
	const struct s3_client_config config = {
		.name = "primary",
		.bucket = "no-such-bucket",
		.endpoint = place->endpoint,
		.creds = {.access_key_id = place->access_key_id,
	                  .secret_access_key = place->secret_access_key},
		.retry_attempts = 2,
		.op_deadline_ms = 10000,
		.write_deadline_ms = 10000,
	};
	struct object_store *store = NULL;
	struct err why = {0};

	assert_int_equal(s3_client_new(place->net, &config, &store, &why), 0);
	assert_int_equal(s3_client_probe(store, &why), -ENOENT);
	assert_non_null(strstr(why.text, "no-such-bucket"));
	store_destroy(store);
}

/* A peer in front of the gateway, with these rules. */
static struct s3peer *forwarder_new(const struct client_place *place,
                                    const char *rules)
{
	const struct s3peer_config config = {.forward = place->endpoint,
	                                     .rules = rules};
	struct s3peer *peer = NULL;
	struct err why = {0};

	if (s3peer_new(&config, &peer, &why) < 0)
		fail_msg("%s", why.text);
	return peer;
}

/* Signatures hold, as the forwarder leaves Host alone; faults are overcome. */
static void faults_before_the_gateway_are_overcome(void **state)
{
	static const char rules[] =
		"request=* every=7 action=reset\n"
		"request=GET every=3 action=cut\n"
		"request=PUT every=3 action=lose-reply\n"
		"request=* every=11 action=status:503:SlowDown\n"
		"request=* action=delay:2\n";
	const struct client_place *direct = *state;
	struct s3peer *peer = forwarder_new(direct, rules);
	struct client_place place;
	char endpoint[64];

	(void)snprintf(endpoint, sizeof(endpoint), "http://127.0.0.1:%u",
	               s3peer_port(peer));
	client_place_open(&place, endpoint, direct->access_key_id,
	                  direct->secret_access_key);

	struct object_store *store =
		client_place_store(&place, real_name("one"));

	for (unsigned i = 0; i < 10; i++) {
		uint8_t text[32];
		uint8_t got[32] = {0};
		struct slice slice = {text, sizeof(text)};
		struct store_req put = {
			.verb = STORE_PUT, .key = "k", .put.body = {&slice, 1}};

		memset(text, 'a' + (int)i, sizeof(text));
		if (store_call(store, &put) < 0)
			fail_msg("%s", put.err.text);

		struct slice into = {got, sizeof(got)};
		struct store_req get = {.verb = STORE_GET,
		                        .key = "k",
		                        .get = {.length = sizeof(got),
		                                .into = {&into, 1}}};

		if (store_call(store, &get) < 0)
			fail_msg("%s", get.err.text);
		assert_memory_equal(got, text, sizeof(text));
	}

	struct s3peer_stats stats;

	s3peer_get_stats(peer, &stats);
	assert_true(stats.faults >= 5);
	store_destroy(store);
	client_place_close(&place);
	s3peer_free(peer);
}

int main(void)
{
	struct client_place place;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(the_gateway_is_known_for_what_it_is,
	                                  &place),
		cmocka_unit_test_prestate(a_wrong_secret_is_told_in_a_sentence,
	                                  &place),
		cmocka_unit_test_prestate(
			faults_before_the_gateway_are_overcome, &place),
		cmocka_unit_test_prestate(a_bucket_that_is_none_is_enoent,
	                                  &place),
	};
	const char *endpoint = getenv("AWS_ENDPOINT");
	const char *key = getenv("AWS_ACCESS_KEY_ID");
	const char *secret = getenv("AWS_SECRET_ACCESS_KEY");

	if (!endpoint || !key || !secret || !real_name("one") ||
	    !real_name("two")) {
		(void)fprintf(stderr, "run me by tests/rgw/run\n");
		return 1;
	}
	client_place_open(&place, endpoint, key, secret);

	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	failed += store_contract_run(&(struct store_contract){
		.name = "client, Ceph RGW",
		.flags = CONTRACT_ALL_PARTS | CONTRACT_LOOSE_NUMBERS |
	                 CONTRACT_SLOW | CONTRACT_COMPLETES_TWICE |
	                 CONTRACT_UTF8_KEYS | CONTRACT_MATCH_ABSENT |
	                 CONTRACT_LOST_UPLOADS,
		.open = open_store,
		.close = close_store,
		.ctx = &place,
	});
	client_place_close(&place);
	return failed;
}
