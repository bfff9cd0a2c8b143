/* SPDX-License-Identifier: MIT */
/* What replies teach the client: region, clock, profile. And what not. */
#include "desk.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* A client of AWS that was told no region. */
static void aws(struct desk *d)
{
	desk_open(d, 8, NULL);
	d->config.endpoint = NULL;
	desk_client(d);
}

static const char *host(struct desk *d)
{
	return fake_http_request(d->http, 0)->host;
}

static void the_region_is_asked_of_the_server(void **state)
{
	struct desk d;
	struct errand e, next;

	(void)state;
	aws(&d);
	errand_send(&d, &e, STORE_HEAD, "k");
	assert_string_equal(host(&d), "bkt.s3.us-east-1.amazonaws.com");
	fake_http_reply(d.http, 0, 301, "x-amz-bucket-region: eu-west-1", NULL);
	desk_wait(&d, 0);
	assert_string_equal(host(&d), "bkt.s3.eu-west-1.amazonaws.com");
	assert_non_null(strstr(fake_http_header(d.http, 0, "Authorization"),
	                       "/eu-west-1/s3/"));
	fake_http_reply(d.http, 0, 200, R_HEAD, NULL);
	assert_ended(&e, 0);
	assert_int_equal(e.req.attempts, 2);

	errand_send(&d, &next, STORE_HEAD, "k");
	assert_string_equal(host(&d), "bkt.s3.eu-west-1.amazonaws.com");
	fake_http_reply(d.http, 0, 200, R_HEAD, NULL);
	assert_ended(&next, 0);
	desk_close(&d);
}

static void all_who_were_sent_astray_find_the_way(void **state)
{
	struct desk d;
	struct errand e[3];

	(void)state;
	aws(&d);
	for (unsigned i = 0; i < 3; i++)
		errand_send(&d, &e[i], STORE_HEAD, "k");
	for (unsigned i = 0; i < 3; i++)
		fake_http_reply(d.http, 0, 301,
		                "x-amz-bucket-region: eu-west-1", NULL);
	desk_wait(&d, 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_string_equal(host(&d), "bkt.s3.eu-west-1.amazonaws.com");
		fake_http_reply(d.http, 0, 200, R_HEAD, NULL);
		assert_ended(&e[i], 0);
	}
	desk_close(&d);
}

static void another_servers_region_changes_no_host(void **state)
{
	struct desk d;
	struct errand e;

	(void)state;
	desk_start(&d);
	errand_send(&d, &e, STORE_HEAD, "k");
	fake_http_reply(d.http, 0, 400, "x-amz-bucket-region: here", NULL);
	desk_wait(&d, 0);
	assert_string_equal(host(&d), "127.0.0.1:9000");
	assert_non_null(strstr(fake_http_header(d.http, 0, "Authorization"),
	                       "/here/s3/"));
	fake_http_reply(d.http, 0, 200, R_HEAD, NULL);
	assert_ended(&e, 0);
	desk_close(&d);
}

static void a_region_that_is_none_leads_nowhere(void **state)
{
	const char *evil[] = {"evil.example/", "x@evil.example", "a b"};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		char *header = str_printf("x-amz-bucket-region: %s", evil[i]);
		struct desk d;
		struct errand e;

		aws(&d);
		errand_send(&d, &e, STORE_HEAD, "k");
		fake_http_reply(d.http, 0, 301, header, NULL);
		desk_wait(&d, 0);
		assert_int_equal(e.done, 1);
		assert_true(e.req.status < 0);
		assert_int_equal(fake_http_started(d.http), 1);
		desk_close(&d);
		free(header);
	}
}

static void a_server_that_sends_us_in_circles_is_left(void **state)
{
	const char *regions[] = {"x-amz-bucket-region: eu-west-1",
	                         "x-amz-bucket-region: eu-west-2"};
	struct desk d;
	struct errand e;
	unsigned n = 0;

	(void)state;
	aws(&d);
	errand_send(&d, &e, STORE_HEAD, "k");
	while (!e.done && n < 20) {
		fake_http_reply(d.http, 0, 301, regions[n++ % 2], NULL);
		desk_wait(&d, 0);
	}
	assert_ended(&e, -EIO);
	assert_int_equal(n, 3);
	desk_close(&d);
}

static void a_redirect_elsewhere_is_not_followed(void **state)
{
	struct desk d;
	struct errand e;

	(void)state;
	aws(&d);
	errand_send(&d, &e, STORE_HEAD, "k");
	fake_http_reply(d.http, 0, 301, "Location: http://evil.example/k",
	                NULL);
	desk_wait(&d, 0);
	assert_int_equal(e.done, 1);
	assert_true(e.req.status < 0);
	assert_int_equal(fake_http_started(d.http), 1);
	desk_close(&d);
}

static void a_wrong_clock_is_corrected_once(void **state)
{
	struct desk d;
	struct errand e, next;

	(void)state;
	desk_start(&d);
	errand_send(&d, &e, STORE_LIST, NULL);
	assert_string_equal(fake_http_header(d.http, 0, "X-Amz-Date"),
	                    "20150830T123600Z");
	fake_http_reply(d.http, 0, 403, "Date: Sun, 30 Aug 2015 13:06:00 GMT",
	                R_ERROR("RequestTimeTooSkewed"));
	desk_wait(&d, 0);
	assert_string_equal(fake_http_header(d.http, 0, "X-Amz-Date"),
	                    "20150830T130600Z");
	fake_http_reply(d.http, 0, 403, "Date: Sun, 30 Aug 2015 13:06:00 GMT",
	                R_ERROR("RequestTimeTooSkewed"));
	desk_wait(&d, 0);
	assert_ended(&e, -EACCES);
	assert_int_equal(e.req.attempts, 2);

	errand_send(&d, &next, STORE_HEAD, "k"); /* all know it now */
	assert_string_equal(fake_http_header(d.http, 0, "X-Amz-Date"),
	                    "20150830T130600Z");
	fake_http_reply(d.http, 0, 200, R_HEAD, NULL);
	desk_close(&d);
}

static void the_server_header_tells_the_profile(void **state)
{
	struct desk d;
	struct errand e;

	(void)state;
	desk_start(&d);
	assert_string_equal(store_limits(d.store)->profile, "generic");
	errand_send(&d, &e, STORE_HEAD, "k");
	fake_http_reply(d.http, 0, 404, "Server: MinIO", NULL);
	assert_string_equal(store_limits(d.store)->profile, "minio");
	errand_send(&d, &e, STORE_HEAD, "k");
	fake_http_reply(d.http, 0, 404, "Server: AmazonS3", NULL);
	assert_string_equal(store_limits(d.store)->profile, "minio");
	desk_close(&d);
}

static void a_configured_profile_stays(void **state)
{
	struct desk d;
	struct errand e;

	(void)state;
	desk_open(&d, 8, NULL);
	d.config.profile = "rgw";
	desk_client(&d);
	errand_send(&d, &e, STORE_HEAD, "k");
	fake_http_reply(d.http, 0, 404, "Server: MinIO", NULL);
	assert_string_equal(store_limits(d.store)->profile, "rgw");
	desk_close(&d);
}

static void amazons_hosts_need_no_lesson(void **state)
{
	struct desk d;

	(void)state;
	aws(&d);
	assert_string_equal(store_limits(d.store)->profile, "aws");
	desk_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_region_is_asked_of_the_server),
		cmocka_unit_test(all_who_were_sent_astray_find_the_way),
		cmocka_unit_test(another_servers_region_changes_no_host),
		cmocka_unit_test(a_region_that_is_none_leads_nowhere),
		cmocka_unit_test(a_server_that_sends_us_in_circles_is_left),
		cmocka_unit_test(a_redirect_elsewhere_is_not_followed),
		cmocka_unit_test(a_wrong_clock_is_corrected_once),
		cmocka_unit_test(the_server_header_tells_the_profile),
		cmocka_unit_test(a_configured_profile_stays),
		cmocka_unit_test(amazons_hosts_need_no_lesson),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
