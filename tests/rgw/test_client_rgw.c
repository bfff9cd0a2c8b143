/* SPDX-License-Identifier: MIT */
/*
 * The real client keeps the contract of every store on a real Ceph gateway,
 * whose address and keys are in the environment, as scripts/rgw prints them.
 */
#include "client_place.h"
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

int main(void)
{
	struct client_place place;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(the_gateway_is_known_for_what_it_is,
	                                  &place),
		cmocka_unit_test_prestate(a_wrong_secret_is_told_in_a_sentence,
	                                  &place),
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
