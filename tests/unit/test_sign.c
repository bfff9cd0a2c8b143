/* SPDX-License-Identifier: MIT */
/*
 * Signatures against AWS's published examples: "Signature Calculations for the
 * Authorization Header" and "Authenticating Requests: Using Query Parameters"
 * in the S3 API reference.  tests/s3 compares with a second implementation.
 */
#include "date.h"
#include "sign.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define EMPTY_SHA256 \
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static const struct s3_keys keys = {
	.access_key_id = "AKIAIOSFODNN7EXAMPLE",
	.secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
};

/* The moment of all examples. */
static time_t moment(void)
{
	time_t t = 0;

	assert_int_equal(date_parse_iso("2013-05-24T00:00:00Z", &t), 0);
	return t;
}

/* A request to the examples' bucket; released by the caller. */
static struct http_request request(const char *method, const char *path,
                                   const char *query)
{
	struct http_request ret = {
		.method = method,
		.host = strdup("examplebucket.s3.amazonaws.com"),
	};

	str_add(&ret.path, path);
	str_add(&ret.query, query);
	return ret;
}

/* Sign and compare the signature, and the names of what was signed. */
static void assert_signature(struct http_request *req, const char *payload,
                             const char *names, const char *signature)
{
	char want[512];

	(void)snprintf(want, sizeof(want),
	               "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/"
	               "20130524/us-east-1/s3/aws4_request, SignedHeaders=%s, "
	               "Signature=%s",
	               names, signature);
	assert_int_equal(
		sign_headers(req, &keys, "us-east-1", payload, moment()), 0);
	assert_string_equal(http_headers_get(&req->headers, "authorization"),
	                    want);
	assert_string_equal(http_headers_get(&req->headers, "x-amz-date"),
	                    "20130524T000000Z");
}

static void get_object_is_signed_as_aws_says(void **state)
{
	struct http_request req = request("GET", "/test.txt", "");

	(void)state;
	http_headers_add(&req.headers, "Range", "bytes=0-9");
	assert_signature(
		&req, EMPTY_SHA256,
		"host;range;x-amz-content-sha256;x-amz-date",
		"f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039"
		"c6036bdb41");
	http_request_release(&req);
}

static void put_object_is_signed_as_aws_says(void **state)
{
	struct http_request req = request("PUT", "/test%24file.text", "");

	(void)state;
	http_headers_add(&req.headers, "Date", "Fri, 24 May 2013 00:00:00 GMT");
	http_headers_add(&req.headers, "x-amz-storage-class",
	                 "REDUCED_REDUNDANCY");
	assert_signature(
		&req,
		"44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8"
		"b803f8b072",
		"date;host;x-amz-content-sha256;x-amz-date;"
		"x-amz-storage-class",
		"98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971a"
		"f0ece108bd");
	http_request_release(&req);
}

static void a_query_without_value_is_signed_as_aws_says(void **state)
{
	struct http_request req = request("GET", "/", "lifecycle");

	(void)state;
	assert_signature(
		&req, EMPTY_SHA256, "host;x-amz-content-sha256;x-amz-date",
		"fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a"
		"0136783543");
	http_request_release(&req);
}

static void list_objects_is_signed_as_aws_says(void **state)
{
	struct http_request req = request("GET", "/", "max-keys=2&prefix=J");

	(void)state;
	assert_signature(
		&req, EMPTY_SHA256, "host;x-amz-content-sha256;x-amz-date",
		"34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed571"
		"1ef69dc6f7");
	http_request_release(&req);
}

static void a_presigned_url_is_signed_as_aws_says(void **state)
{
	struct http_request req = request("GET", "/test.txt", "");

	(void)state;
	assert_int_equal(sign_query(&req, &keys, "us-east-1", 86400, moment()),
	                 0);
	assert_string_equal(
		str_text(&req.query),
		"X-Amz-Algorithm=AWS4-HMAC-SHA256"
		"&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1"
		"%2Fs3%2Faws4_request"
		"&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400"
		"&X-Amz-SignedHeaders=host"
		"&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c26"
		"5957d157751f604d404");
	http_request_release(&req);
}

static void a_url_lives_for_one_second_to_seven_days(void **state)
{
	struct http_request req = request("GET", "/a", "");

	(void)state;
	assert_int_equal(sign_query(&req, &keys, "r", 0, 0), -EDOM);
	assert_int_equal(sign_query(&req, &keys, "r", 604801, 0), -EDOM);
	assert_string_equal(str_text(&req.query), "");
	assert_int_equal(sign_query(&req, &keys, "r", 604800, 0), 0);
	http_request_release(&req);
}

/* An attempt after 15 minutes, with new keys that need no token. */
static void a_second_signature_replaces_the_first(void **state)
{
	struct http_request once = request("GET", "/test.txt", "");
	struct http_request twice = request("GET", "/test.txt", "");
	struct s3_keys session = keys;

	(void)state;
	session.session_token = "token";
	assert_int_equal(sign_headers(&twice, &session, "us-west-2",
	                              SIGN_UNSIGNED_PAYLOAD, moment() - 900),
	                 0);
	assert_string_equal(http_headers_get(&twice.headers,
	                                     "x-amz-security-token"),
	                    "token");
	assert_int_equal(sign_headers(&twice, &keys, "us-east-1", EMPTY_SHA256,
	                              moment()),
	                 0);
	assert_int_equal(sign_headers(&once, &keys, "us-east-1", EMPTY_SHA256,
	                              moment()),
	                 0);

	assert_int_equal(twice.headers.count, once.headers.count);
	assert_null(http_headers_get(&twice.headers, "x-amz-security-token"));
	assert_string_equal(http_headers_get(&twice.headers, "authorization"),
	                    http_headers_get(&once.headers, "authorization"));
	http_request_release(&once);
	http_request_release(&twice);
}

static void headers_are_sorted_squeezed_and_joined(void **state)
{
	struct http_request req = request("PUT", "/a//b/../c%20d", "b&a=2&a=1");
	struct str text = {0};

	(void)state;
	http_headers_add(&req.headers, "X-Amz-Meta-Two", "  a \t b  ");
	http_headers_add(&req.headers, "x-amz-meta-b", "second");
	http_headers_add(&req.headers, "Content-Type", "text/plain");
	http_headers_add(&req.headers, "X-Amz-Meta-B", "first");
	http_headers_add(&req.headers, "x-amz-meta-empty", "");
	assert_int_equal(sign_canonical(&req, "UNSIGNED-PAYLOAD", &text), 0);
	assert_string_equal(str_text(&text),
	                    "PUT\n"
	                    "/a//b/../c%20d\n"
	                    "a=1&a=2&b=\n"
	                    "content-type:text/plain\n"
	                    "host:examplebucket.s3.amazonaws.com\n"
	                    "x-amz-meta-b:second,first\n"
	                    "x-amz-meta-empty:\n"
	                    "x-amz-meta-two:a b\n"
	                    "\n"
	                    "content-type;host;x-amz-meta-b;x-amz-meta-empty;"
	                    "x-amz-meta-two\n"
	                    "UNSIGNED-PAYLOAD");
	str_release(&text);
	http_request_release(&req);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(get_object_is_signed_as_aws_says),
		cmocka_unit_test(put_object_is_signed_as_aws_says),
		cmocka_unit_test(a_query_without_value_is_signed_as_aws_says),
		cmocka_unit_test(list_objects_is_signed_as_aws_says),
		cmocka_unit_test(a_presigned_url_is_signed_as_aws_says),
		cmocka_unit_test(a_url_lives_for_one_second_to_seven_days),
		cmocka_unit_test(a_second_signature_replaces_the_first),
		cmocka_unit_test(headers_are_sorted_squeezed_and_joined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
