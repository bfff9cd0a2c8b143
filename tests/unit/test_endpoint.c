/* SPDX-License-Identifier: MIT */
#include "endpoint.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* One configuration and where it must lead: "scheme://host/base style region". */
struct row {
	const char *endpoint;
	const char *region;
	enum s3_path_style style;
	const char *bucket;
	const char *want;
};

static const struct row rows[] = {
	/* Amazon. */
	{NULL, "eu-west-1", S3_PATH_AUTO, "bucket",
         "https://bucket.s3.eu-west-1.amazonaws.com host eu-west-1 known aws"},
	{"", "eu-west-1", S3_PATH_AUTO, "bucket",
         "https://bucket.s3.eu-west-1.amazonaws.com host eu-west-1 known aws"},
	{NULL, NULL, S3_PATH_AUTO, "bucket",
         "https://bucket.s3.us-east-1.amazonaws.com host us-east-1 aws"},
	{NULL, "eu-west-1", S3_PATH_ON, "bucket",
         "https://s3.eu-west-1.amazonaws.com path eu-west-1 known aws"},
	{NULL, "eu-west-1", S3_PATH_AUTO, "dotted.bucket",
         "https://s3.eu-west-1.amazonaws.com path eu-west-1 known aws"},
	{NULL, "eu-west-1", S3_PATH_OFF, "dotted.bucket",
         "https://dotted.bucket.s3.eu-west-1.amazonaws.com host eu-west-1 "
         "known aws"},
	{NULL, "eu-west-1", S3_PATH_AUTO, "Old_Bucket",
         "https://s3.eu-west-1.amazonaws.com path eu-west-1 known aws"},
	{NULL, "cn-north-1", S3_PATH_AUTO, "bucket",
         "https://bucket.s3.cn-north-1.amazonaws.com.cn host cn-north-1 known "
         "aws"},
	{"https://s3.eu-west-3.amazonaws.com", NULL, S3_PATH_AUTO, "bucket",
         "https://bucket.s3.eu-west-3.amazonaws.com host eu-west-3 known aws"},
	{"https://s3-eu-west-3.amazonaws.com/", NULL, S3_PATH_ON, "bucket",
         "https://s3-eu-west-3.amazonaws.com path eu-west-3 known aws"},
	{"https://s3.amazonaws.com", NULL, S3_PATH_ON, "bucket",
         "https://s3.amazonaws.com path us-east-1 aws"},
	{"https://s3.dualstack.us-west-2.amazonaws.com", NULL, S3_PATH_AUTO,
         "bucket",
         "https://bucket.s3.dualstack.us-west-2.amazonaws.com host us-west-2 "
         "known aws"},
	{"https://s3-fips.us-gov-west-1.amazonaws.com", NULL, S3_PATH_ON,
         "bucket",
         "https://s3-fips.us-gov-west-1.amazonaws.com path us-gov-west-1 known "
         "aws"},
	{"https://bucket.vpce-1a2b-5e6f.s3.us-east-1.vpce.amazonaws.com", NULL,
         S3_PATH_AUTO, "data",
         "https://data.bucket.vpce-1a2b-5e6f.s3.us-east-1.vpce.amazonaws.com "
         "host us-east-1 known aws"},
	{"https://s3-accelerate.amazonaws.com", NULL, S3_PATH_AUTO, "bucket",
         "https://bucket.s3-accelerate.amazonaws.com host us-east-1 aws"},

	/* Others. */
	{"http://127.0.0.1:9000", NULL, S3_PATH_AUTO, "bucket",
         "http://127.0.0.1:9000 path us-east-1 loopback"},
	{"http://127.0.0.1", NULL, S3_PATH_AUTO, "bucket",
         "http://127.0.0.1 path us-east-1 loopback"},
	{"http://[::1]:7480/", "default", S3_PATH_AUTO, "bucket",
         "http://[::1]:7480 path default known loopback"},
	{"http://[2001:db8::1]", NULL, S3_PATH_AUTO, "bucket",
         "http://[2001:db8::1] path us-east-1"},
	{"http://localhost", NULL, S3_PATH_AUTO, "bucket",
         "http://localhost path us-east-1 loopback"},
	{"http://minio:9000", NULL, S3_PATH_AUTO, "bucket",
         "http://minio:9000 path us-east-1"},
	{"http://minio", NULL, S3_PATH_AUTO, "bucket",
         "http://minio path us-east-1"},
	{"HTTPS://Store.Example.COM", NULL, S3_PATH_AUTO, "bucket",
         "https://bucket.store.example.com host us-east-1"},
	{"https://store.example.com:443", NULL, S3_PATH_AUTO, "bucket",
         "https://bucket.store.example.com host us-east-1"},
	{"http://store.example.com:80", NULL, S3_PATH_AUTO, "bucket",
         "http://bucket.store.example.com host us-east-1"},
	{"https://store.example.com:80", NULL, S3_PATH_AUTO, "bucket",
         "https://store.example.com:80 path us-east-1"},
	{"https://store.example.com:8443", NULL, S3_PATH_OFF, "bucket",
         "https://bucket.store.example.com:8443 host us-east-1"},
	{"https://store.example.com/s3/api//", NULL, S3_PATH_AUTO, "bucket",
         "https://store.example.com/s3/api path us-east-1"},
	{"https://10.1.2.3", NULL, S3_PATH_AUTO, "bucket",
         "https://10.1.2.3 path us-east-1"},
	{"https://s3.fr-par.scw.cloud", NULL, S3_PATH_AUTO, "bucket",
         "https://bucket.s3.fr-par.scw.cloud host fr-par"},
	{"https://s3.us-west-004.backblazeb2.com", NULL, S3_PATH_AUTO, "bucket",
         "https://bucket.s3.us-west-004.backblazeb2.com host us-west-004"},
	{"https://s3.eu-central-1.wasabisys.com", NULL, S3_PATH_AUTO, "bucket",
         "https://bucket.s3.eu-central-1.wasabisys.com host eu-central-1"},
	{"https://s3.wasabisys.com", NULL, S3_PATH_AUTO, "bucket",
         "https://bucket.s3.wasabisys.com host us-east-1"},
	{"https://s3.gra.io.cloud.ovh.net", NULL, S3_PATH_AUTO, "bucket",
         "https://bucket.s3.gra.io.cloud.ovh.net host gra"},
	{"https://0123456789abcdef.r2.cloudflarestorage.com", NULL,
         S3_PATH_AUTO, "bucket",
         "https://bucket.0123456789abcdef.r2.cloudflarestorage.com host auto"},
	{"https://store.example.com", NULL, S3_PATH_AUTO, "TENANT:bucket",
         "https://store.example.com path us-east-1"},
	{"https://s3.amazonaws.com.evil.example", NULL, S3_PATH_AUTO, "bucket",
         "https://bucket.s3.amazonaws.com.evil.example host us-east-1"},
};

/* An endpoint as the rows write it. */
static void describe(const struct s3_endpoint *e, char *ret, size_t size)
{
	(void)snprintf(ret, size, "%s://%s%s %s %s%s%s%s",
	               e->tls ? "https" : "http", e->host, e->base_path,
	               e->path_style ? "path" : "host", e->region,
	               e->region_known ? " known" : "", e->aws ? " aws" : "",
	               e->loopback ? " loopback" : "");
}

static void every_configuration_leads_to_its_host(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		struct s3_endpoint e;
		struct err err = {0};
		char got[768];

		if (endpoint_parse(row->endpoint, row->region, row->style,
		                   row->bucket, &e, &err) < 0)
			fail_msg("%s: %s", row->want, err.text);
		describe(&e, got, sizeof(got));
		assert_string_equal(got, row->want);
	}
}

/* What cannot be, and a word of the sentence that says so. */
static const struct row wrong[] = {
	{"minio:9000", NULL, S3_PATH_AUTO, "bucket", "https://"},
	{"ftp://host", NULL, S3_PATH_AUTO, "bucket", "https://"},
	{"file:///tmp", NULL, S3_PATH_AUTO, "bucket", "https://"},
	{"https://", NULL, S3_PATH_AUTO, "bucket", "host"},
	{"https://:443", NULL, S3_PATH_AUTO, "bucket", "host"},
	{"https:///path", NULL, S3_PATH_AUTO, "bucket", "host"},
	{"https://a..b", NULL, S3_PATH_AUTO, "bucket", "host"},
	{"https://-a.b", NULL, S3_PATH_AUTO, "bucket", "host"},
	{"https://a b", NULL, S3_PATH_AUTO, "bucket", "host"},
	{"https://h\xc3\xb6st.de", NULL, S3_PATH_AUTO, "bucket", "host"},
	{"https://[::1", NULL, S3_PATH_AUTO, "bucket", "host"},
	{"https://[]", NULL, S3_PATH_AUTO, "bucket", "host"},
	{"https://[1.2.3.4]", NULL, S3_PATH_AUTO, "bucket", "host"},
	{"https://[::1]x", NULL, S3_PATH_AUTO, "bucket", "host"},
	{"https://h:0", NULL, S3_PATH_AUTO, "bucket", "port"},
	{"https://h:65536", NULL, S3_PATH_AUTO, "bucket", "port"},
	{"https://h:", NULL, S3_PATH_AUTO, "bucket", "port"},
	{"https://h:80x", NULL, S3_PATH_AUTO, "bucket", "port"},
	{"https://h:-1", NULL, S3_PATH_AUTO, "bucket", "port"},
	{"https://key:secret@h", NULL, S3_PATH_AUTO, "bucket", "password"},
	{"https://h?x=y", NULL, S3_PATH_AUTO, "bucket", "query"},
	{"https://h/#x", NULL, S3_PATH_AUTO, "bucket", "query"},
	{"https://h/a b", NULL, S3_PATH_AUTO, "bucket", "path"},
	{"https://h/%zz", NULL, S3_PATH_AUTO, "bucket", "path"},
	{"https://h", "eu west", S3_PATH_AUTO, "bucket", "region"},
	{"https://h", "eu-west-1.evil.example/", S3_PATH_AUTO, "bucket",
         "region"},
	{NULL, "EU-West-1", S3_PATH_AUTO, "bucket", "lower-case"},
	{NULL, "evil.example#", S3_PATH_AUTO, "bucket", "region"},
	{"https://h", NULL, S3_PATH_AUTO, "", "bucket"},
	{"https://h", NULL, S3_PATH_AUTO, NULL, "bucket"},
	{"https://h", NULL, S3_PATH_AUTO, "a/b", "'/'"},
	{"https://h", NULL, S3_PATH_AUTO, "..", "bucket"},
	{"https://h", NULL, S3_PATH_AUTO, "a b", "bucket"},
	{"https://h", NULL, S3_PATH_AUTO,
         "arn:aws:s3:us-west-2:1:accesspoint/x", "ARN"},
	{"http://127.0.0.1:9000", NULL, S3_PATH_OFF, "bucket", "path_style"},
	{"http://[::1]", NULL, S3_PATH_OFF, "bucket", "path_style"},
	{"https://h.example", NULL, S3_PATH_OFF, "Big", "path_style"},
	{"https://h.example", NULL, S3_PATH_OFF, "a_b", "path_style"},
	{"https://h.example", NULL, S3_PATH_OFF, "ab", "path_style"},
	{"https://h.example", NULL, S3_PATH_OFF, "1.2.3.4", "path_style"},
};

static void what_cannot_work_is_refused_in_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		const struct row *row = &wrong[i];
		struct s3_endpoint e = {.host = "untouched"};
		struct err err = {0};

		assert_int_equal(endpoint_parse(row->endpoint, row->region,
		                                row->style, row->bucket, &e,
		                                &err),
		                 -EINVAL);
		if (!strstr(err.text, row->want))
			fail_msg("%s: \"%s\" lacks \"%s\"", row->endpoint,
			         err.text, row->want);
		assert_null(strstr(err.text, "secret"));
		assert_string_equal(e.host, "untouched");
	}
}

static void what_is_too_long_is_refused(void **state)
{
	char url[1024] = "https://";
	struct s3_endpoint e;
	struct err err = {0};

	(void)state;
	memset(url + 8, 'h', 300);
	assert_int_equal(endpoint_parse(url, NULL, S3_PATH_ON, "bucket", &e,
	                                &err),
	                 -EINVAL);
	(void)snprintf(url, sizeof(url), "https://h/%0300d", 0);
	assert_int_equal(endpoint_parse(url, NULL, S3_PATH_ON, "bucket", &e,
	                                &err),
	                 -EINVAL);
	(void)snprintf(url, sizeof(url), "%0256d", 0);
	assert_int_equal(endpoint_parse("https://h", NULL, S3_PATH_ON, url, &e,
	                                &err),
	                 -EINVAL);
	(void)snprintf(url, sizeof(url), "%064d", 0);
	assert_int_equal(endpoint_parse("https://h", url, S3_PATH_ON, "bucket",
	                                &e, &err),
	                 -EINVAL);

	/* Host and bucket fit, but not together. */
	memset(url, 0, sizeof(url));
	memcpy(url, "https://", 8);
	memset(url + 8, 'h', 230);
	assert_int_equal(endpoint_parse(url, NULL, S3_PATH_OFF,
	                                "a-bucket-of-thirty-two-letters-x", &e,
	                                &err),
	                 -EINVAL);
}

/* From a host to another region: the new host, or the errno's name. */
struct move {
	const char *endpoint;
	const char *region;
	const char *bucket;
	const char *to;
	const char *want;
};

static const struct move moves[] = {
	{NULL, NULL, "bucket", "eu-west-1",
         "https://bucket.s3.eu-west-1.amazonaws.com host eu-west-1 known aws"},
	{NULL, "us-east-1", "my.s3.us-east-1.bucket", "eu-west-1",
         "https://s3.eu-west-1.amazonaws.com path eu-west-1 known aws"},
	{"https://s3.amazonaws.com", NULL, "bucket", "ap-south-2",
         "https://bucket.s3.ap-south-2.amazonaws.com host ap-south-2 known "
         "aws"},
	{"https://s3-us-west-1.amazonaws.com", NULL, "bucket", "eu-north-1",
         "https://bucket.s3.eu-north-1.amazonaws.com host eu-north-1 known "
         "aws"},
	{"https://s3.dualstack.us-west-1.amazonaws.com", NULL, "bucket",
         "eu-north-1",
         "https://bucket.s3.dualstack.eu-north-1.amazonaws.com host eu-north-1 "
         "known aws"},
	{"https://s3-accelerate.amazonaws.com", NULL, "bucket", "eu-north-1",
         "https://bucket.s3-accelerate.amazonaws.com host eu-north-1 known "
         "aws"},
	{"http://s3.us-east-1.amazonaws.com", NULL, "bucket", "eu-west-1",
         "http://bucket.s3.eu-west-1.amazonaws.com host eu-west-1 known aws"},
	{"https://s3.cn-north-1.amazonaws.com.cn", NULL, "bucket",
         "cn-northwest-1",
         "https://bucket.s3.cn-northwest-1.amazonaws.com.cn host "
         "cn-northwest-1 known aws"},
	{"https://store.example.com", NULL, "bucket", "garage",
         "https://bucket.store.example.com host garage known"},
	{"http://127.0.0.1:9000", "us-east-1", "bucket", "default",
         "http://127.0.0.1:9000 path default known loopback"},
	{"https://s3.us-east-1.amazonaws.com", NULL, "bucket", "cn-north-1",
         "EPERM"},
	{"https://s3.cn-north-1.amazonaws.com.cn", NULL, "bucket", "us-east-1",
         "EPERM"},
	{"https://bucket.vpce-1a.s3.us-east-1.vpce.amazonaws.com", NULL, "data",
         "eu-west-1", "EPERM"},
	{"https://bucket.vpce-1a.s3.us-east-1.vpce.amazonaws.com", NULL, "data",
         "us-east-1",
         "https://data.bucket.vpce-1a.s3.us-east-1.vpce.amazonaws.com host "
         "us-east-1 known aws"},
	{NULL, NULL, "bucket", "", "EINVAL"},
	{NULL, NULL, "bucket", "evil.example/", "EINVAL"},
	{NULL, NULL, "bucket", "eu-west-1.evil", "EINVAL"},
	{NULL, NULL, "bucket", "eu west", "EINVAL"},
	{NULL, NULL, "bucket", "EU-WEST-1", "EINVAL"},
	{"https://store.example.com", NULL, "bucket", "RegionOne",
         "https://bucket.store.example.com host RegionOne known"},
	{"https://store.example.com", NULL, "bucket", "a\nb", "EINVAL"},
};

static void a_region_moves_only_where_the_signature_may_go(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++) {
		const struct move *move = &moves[i];
		struct s3_endpoint e;
		struct err err = {0};
		char before[768];
		char got[768];

		assert_int_equal(endpoint_parse(move->endpoint, move->region,
		                                S3_PATH_AUTO, move->bucket, &e,
		                                &err),
		                 0);
		describe(&e, before, sizeof(before));
		int r = endpoint_set_region(&e, move->to, &err);

		describe(&e, got, sizeof(got));
		if (r < 0) {
			assert_string_equal(err_name(r), move->want);
			assert_string_equal(got, before);
			assert_true(err.text[0] != '\0');
		} else {
			assert_string_equal(got, move->want);
		}
	}
}

static void a_url_alone_can_be_taken_apart(void **state)
{
	struct s3_endpoint e;
	struct err err = {0};

	(void)state;
	assert_int_equal(endpoint_parse_url("http://localhost:9000/local/", &e,
	                                    &err),
	                 0);
	assert_false(e.tls);
	assert_string_equal(e.host, "localhost:9000");
	assert_string_equal(e.base_path, "/local");
	assert_string_equal(e.region, "");
	assert_int_equal(endpoint_parse_url("localhost", &e, &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_configuration_leads_to_its_host),
		cmocka_unit_test(what_cannot_work_is_refused_in_words),
		cmocka_unit_test(what_is_too_long_is_refused),
		cmocka_unit_test(
			a_region_moves_only_where_the_signature_may_go),
		cmocka_unit_test(a_url_alone_can_be_taken_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
