/* SPDX-License-Identifier: MIT */
#include "profile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

static const char *const names[] = {"aws",    "rgw",    "minio",  "versitygw",
                                    "r2",     "b2",     "wasabi", "scaleway",
                                    "garage", "generic"};

static void every_profile_is_found_by_its_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct s3_profile *p = profile_find(names[i]);

		assert_non_null(p);
		assert_string_equal(p->limits.profile, names[i]);
	}
	assert_null(profile_find("auto"));
	assert_null(profile_find(""));
	assert_null(profile_find("AWS"));
	assert_string_equal(profile_generic()->limits.profile, "generic");
}

/* What any row must be for the planner of parts to work with it. */
static void every_profile_makes_sense(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct store_limits *l = &profile_find(names[i])->limits;

		assert_in_range(l->parts_max, 1000, 10000);
		assert_int_equal(l->part_min, 5 * MIB);
		assert_true(l->part_max > l->part_min);
		assert_true(l->part_max <= 5 * GIB);
		assert_true(l->put_max >= l->part_min);
		assert_true(l->copy_max >= l->part_min);
		assert_true(l->object_max <= l->parts_max * l->part_max);
		assert_true(l->object_max > l->put_max);
		assert_true(l->meta_max >= 2048);
		assert_true(profile_find(names[i])->checksum !=
		            S3_CHECKSUM_AUTO);
	}
}

static void the_limits_that_differ_are_the_published_ones(void **state)
{
	(void)state;
	/* 48.8 TiB */
	assert_int_equal(profile_find("aws")->limits.object_max,
	                 10000 * 5 * GIB);
	assert_int_equal(profile_find("rgw")->limits.object_max, 5120 * GIB);
	assert_int_equal(profile_find("scaleway")->limits.parts_max, 1000);
	assert_int_equal(profile_find("r2")->limits.object_max, 5115 * GIB);
	assert_int_equal(profile_find("r2")->limits.part_max,
	                 5 * GIB - 5 * MIB);
	assert_true(profile_find("r2")->limits.equal_parts);
	assert_int_equal(profile_find("r2")->limits.meta_max, 8192);
}

static void rgw_has_its_measured_habits(void **state)
{
	const struct s3_profile *rgw = profile_find("rgw");

	(void)state;
	assert_true(rgw->if_match_unquoted);
	assert_true(rgw->rgw_copy_if_match);
	assert_true(rgw->limits.put_if_none_match);
	assert_true(rgw->limits.put_if_match);
	assert_false(rgw->limits.complete_conditions);
	assert_false(rgw->limits.copy_source_match);
	assert_false(rgw->limits.delete_if_match);
	assert_false(rgw->limits.complete_gives_etag);
	assert_int_equal(rgw->checksum, S3_CHECKSUM_NONE);
}

static void the_unknown_store_is_trusted_with_nothing(void **state)
{
	const struct store_limits *l = &profile_generic()->limits;

	(void)state;
	assert_false(l->put_if_none_match || l->put_if_match ||
	             l->complete_conditions || l->copy_conditions ||
	             l->copy_source_match || l->delete_if_match ||
	             l->complete_gives_etag);
}

/* What host and Server header give away; NULL = nothing. */
static const struct {
	const char *host;
	const char *server;
	const char *want;
} rows[] = {
	{"bucket.s3.eu-west-1.amazonaws.com", NULL, "aws"},
	{"s3.cn-north-1.amazonaws.com.cn", NULL, "aws"},
	{"S3.AMAZONAWS.COM", NULL, "aws"},
	{"amazonaws.com.evil.example", NULL, NULL},
	{"evilamazonaws.com", NULL, NULL},
	{"b.0123.r2.cloudflarestorage.com", "cloudflare", "r2"},
	{"s3.us-west-004.backblazeb2.com", NULL, "b2"},
	{"s3.wasabisys.com", NULL, "wasabi"},
	{"s3.fr-par.scw.cloud:443", NULL, "scaleway"},
	{"127.0.0.1:9000", "MinIO", "minio"},
	{"127.0.0.1:9000", "MinIO/RELEASE.2021", "minio"},
	{"127.0.0.1:7480", "Ceph Object Gateway (reef)", "rgw"},
	{"127.0.0.1:7070", "VERSITYGW", "versitygw"},
	{"files.example.com", "AmazonS3", "aws"},
	{"files.example.com", "nginx", NULL},
	{"files.example.com", "", NULL},
	{NULL, "MinIO", "minio"},
	{NULL, NULL, NULL},
};

static void hosts_and_servers_give_stores_away(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct s3_profile *p =
			profile_learn(rows[i].host, rows[i].server);

		if (!rows[i].want)
			assert_null(p);
		else
			assert_string_equal(p->limits.profile, rows[i].want);
	}
}

static void old_rgws_are_known_by_their_request_ids(void **state)
{
	static const struct {
		const char *id;
		bool rgw;
	} ids[] = {
		{"tx00000cb8f4d1c7d8f5d7a-0065a1b2c3-103a-default", true},
		{"tx000000000000000000001-0065a1b2c3-4d2-my-zone", true},
		{"tx0001-0065-10", false},
		{"tx0001-0065-10-", false},
		{"tx-1-2-zone", false},
		{"txyz-1-2-zone", false},
		{"17A8B9C0D1E2F3A4", false},
		{"4442587FB7D0A2F9", false},
		{"", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		struct http_headers h = {0};

		http_headers_add(&h, "x-amz-request-id", ids[i].id);
		const struct s3_profile *p =
			profile_learn_reply("127.0.0.1:7480", &h);

		assert_ptr_equal(p, ids[i].rgw ? profile_find("rgw") : NULL);
		http_headers_add(&h, "server", "MinIO");
		assert_ptr_equal(profile_learn_reply("127.0.0.1:7480", &h),
		                 profile_find("minio"));
		http_headers_release(&h);
	}
	struct http_headers none = {0};

	assert_null(profile_learn_reply("127.0.0.1", &none));
	assert_ptr_equal(profile_learn_reply("s3.amazonaws.com", &none),
	                 profile_find("aws"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_profile_is_found_by_its_name),
		cmocka_unit_test(every_profile_makes_sense),
		cmocka_unit_test(the_limits_that_differ_are_the_published_ones),
		cmocka_unit_test(rgw_has_its_measured_habits),
		cmocka_unit_test(the_unknown_store_is_trusted_with_nothing),
		cmocka_unit_test(hosts_and_servers_give_stores_away),
		cmocka_unit_test(old_rgws_are_known_by_their_request_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
