/* SPDX-License-Identifier: MIT */
/*
 * The published examples of "Signature Calculations for the Authorization
 * Header" and "Authenticating Requests: Using Query Parameters" in Amazon S3's
 * API reference.
 */
#include "s3peer_auth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define EMPTY_HASH \
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define CREDENTIAL "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"
#define HOST       "Host: examplebucket.s3.amazonaws.com\r\n"
#define DATE       "x-amz-date: 20130524T000000Z\r\n"

/* Friday, 24 May 2013, 00:00:00 GMT. */
#define THEN ((time_t)1369353600)

static const struct peer_auth example = {
	.access_key_id = "AKIAIOSFODNN7EXAMPLE",
	.secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
	.region = "us-east-1",
	.now = THEN,
};

#define GET_OBJECT                                                     \
	"GET /test.txt HTTP/1.1\r\n" HOST "Range: bytes=0-9\r\n"       \
	"x-amz-content-sha256: " EMPTY_HASH "\r\n" DATE                \
	"Authorization: AWS4-HMAC-SHA256 Credential=" CREDENTIAL       \
	",SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"   \
	"Signature="                                                   \
	"f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036b" \
	"db41\r\n\r\n"

#define PUT_OBJECT                                                     \
	"PUT /test%24file.text HTTP/1.1\r\n" HOST                      \
	"Date: Fri, 24 May 2013 00:00:00 GMT\r\n" DATE                 \
	"x-amz-storage-class: REDUCED_REDUNDANCY\r\n"                  \
	"x-amz-content-sha256: "                                       \
	"44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8" \
	"b072\r\n"                                                     \
	"Authorization: AWS4-HMAC-SHA256 Credential=" CREDENTIAL       \
	",SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;"    \
	"x-amz-storage-class,Signature="                               \
	"98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece1" \
	"08bd\r\n\r\n"

#define LIST_OBJECTS                                                   \
	"GET /?max-keys=2&prefix=J HTTP/1.1\r\n" HOST                  \
	"x-amz-content-sha256: " EMPTY_HASH "\r\n" DATE                \
	"Authorization: AWS4-HMAC-SHA256 Credential=" CREDENTIAL       \
	",SignedHeaders=host;x-amz-content-sha256;x-amz-date,"         \
	"Signature="                                                   \
	"34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69d" \
	"c6f7\r\n\r\n"

#define PRESIGNED                                                       \
	"GET /test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"                \
	"&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1" \
	"%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z"              \
	"&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"                 \
	"&X-Amz-Signature="                                             \
	"aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604"  \
	"d404 HTTP/1.1\r\n" HOST "\r\n"

/* The code that a request is answered with, "" when it is right. */
static const char *verdict(const struct peer_auth *auth, const char *text)
{
	struct peer_head head;
	struct peer_route route;
	struct peer_error error;
	const char *payload = NULL;

	assert_int_equal(peer_head_parse_request(&head, text, strlen(text)), 0);
	assert_int_equal(peer_route_parse(&head, "s3.amazonaws.com", &route),
	                 0);
	peer_auth_check(auth, &head, &route, &payload, &error);
	peer_route_release(&route);
	peer_head_release(&head);
	return error.status ? error.code : "";
}

static void the_published_examples_are_right(void **state)
{
	(void)state;
	assert_string_equal(verdict(&example, GET_OBJECT), "");
	assert_string_equal(verdict(&example, PUT_OBJECT), "");
	assert_string_equal(verdict(&example, LIST_OBJECTS), "");
	assert_string_equal(verdict(&example, PRESIGNED), "");
}

/* A text with one occurrence of what replaced. */
static const char *changed(char *buffer, size_t size, const char *text,
                           const char *what, const char *with)
{
	const char *at = strstr(text, what);

	assert_non_null(at);
	(void)snprintf(buffer, size, "%.*s%s%s", (int)(at - text), text, with,
	               at + strlen(what));
	return buffer;
}

static void any_change_breaks_the_signature(void **state)
{
	static const struct {
		const char *what;
		const char *with;
		const char *code;
	} cases[] = {
		{"GET", "PUT", "SignatureDoesNotMatch"},
		{"test.txt", "test.txT", "SignatureDoesNotMatch"},
		{"/test.txt", "/test.txt?a", "SignatureDoesNotMatch"},
		{"bytes=0-9", "bytes=0-8", "SignatureDoesNotMatch"},
		{"f0e8", "f0e9", "SignatureDoesNotMatch"},
		{"Host: e", "Host: f", "SignatureDoesNotMatch"},
		{"Range", "Rage", "SignatureDoesNotMatch"},
		{"e3b0", "e3b1", "SignatureDoesNotMatch"},
		{"AKIAIO", "AKIAIA", "InvalidAccessKeyId"},
		{"us-east-1", "eu-east-1", "AuthorizationHeaderMalformed"},
		{"/s3/", "/s4/", "AuthorizationHeaderMalformed"},
		{"Credential", "Incredible", "AuthorizationHeaderMalformed"},
		{"Range", "x-amz-acl: private\r\nRange", "AccessDenied"},
		{"host;range", "range", "AccessDenied"},
		{"/20130524/", "/20130525/", "AccessDenied"},
		{"Range", "x-amz-security-token: t\r\nRange", "InvalidToken"},
	};
	char text[2048];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(verdict(&example,
		                            changed(text, sizeof(text),
		                                    GET_OBJECT, cases[i].what,
		                                    cases[i].with)),
		                    cases[i].code);
}

static void no_authorization_is_no_access(void **state)
{
	(void)state;
	assert_string_equal(verdict(&example, "GET /b/k HTTP/1.1\r\n\r\n"),
	                    "AccessDenied");
}

static void a_clock_may_be_a_quarter_of_an_hour_wrong(void **state)
{
	struct peer_auth auth = example;

	(void)state;
	auth.now = THEN + 900;
	assert_string_equal(verdict(&auth, GET_OBJECT), "");
	auth.now = THEN + 901;
	assert_string_equal(verdict(&auth, GET_OBJECT), "RequestTimeTooSkewed");
	auth.now = THEN - 901;
	assert_string_equal(verdict(&auth, GET_OBJECT), "RequestTimeTooSkewed");
}

static void a_presigned_url_lasts_as_long_as_it_says(void **state)
{
	struct peer_auth auth = example;

	(void)state;
	auth.now = THEN + 86400;
	assert_string_equal(verdict(&auth, PRESIGNED), "");
	auth.now = THEN + 86401;
	assert_string_equal(verdict(&auth, PRESIGNED), "AccessDenied");
}

static void without_a_region_any_will_do(void **state)
{
	struct peer_auth auth = example;

	(void)state;
	auth.region = NULL;
	assert_string_equal(verdict(&auth, GET_OBJECT), "");
	auth.region = "eu-west-1";
	assert_string_equal(verdict(&auth, GET_OBJECT),
	                    "AuthorizationHeaderMalformed");
}

static void a_wrong_secret_is_found_out(void **state)
{
	struct peer_auth auth = example;

	(void)state;
	auth.secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEX";
	assert_string_equal(verdict(&auth, GET_OBJECT),
	                    "SignatureDoesNotMatch");
	assert_string_equal(verdict(&auth, PRESIGNED), "SignatureDoesNotMatch");
}

static void the_canonical_query_is_sorted_by_name(void **state)
{
	const char *text = "GET /b/k?b=2&a-b=1&a=%2f&a=%20&c HTTP/1.1\r\n"
			   "Host:  h \r\nX-Amz-Meta-A:  x   y\r\n\r\n";
	struct peer_head head;
	struct peer_route route;
	cleanup(str_release) struct str canonical = {0};

	(void)state;
	assert_int_equal(peer_head_parse_request(&head, text, strlen(text)), 0);
	assert_int_equal(peer_route_parse(&head, NULL, &route), 0);
	assert_int_equal(peer_auth_canonical(&head, &route, "host;x-amz-meta-a",
	                                     "P", &canonical),
	                 0);
	assert_string_equal(str_text(&canonical),
	                    "GET\n/b/k\na=%20&a=%2F&a-b=1&b=2&c=\nhost:h\n"
	                    "x-amz-meta-a:x y\n\nhost;x-amz-meta-a\nP");
	peer_route_release(&route);
	peer_head_release(&head);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_published_examples_are_right),
		cmocka_unit_test(any_change_breaks_the_signature),
		cmocka_unit_test(no_authorization_is_no_access),
		cmocka_unit_test(a_clock_may_be_a_quarter_of_an_hour_wrong),
		cmocka_unit_test(a_presigned_url_lasts_as_long_as_it_says),
		cmocka_unit_test(without_a_region_any_will_do),
		cmocka_unit_test(a_wrong_secret_is_found_out),
		cmocka_unit_test(the_canonical_query_is_sorted_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
