/* SPDX-License-Identifier: MIT */
#include "reply.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void assert_story(const struct store_req *req,
                         const struct reply_error *error, const char *want)
{
	struct err err = {0};

	assert_int_equal(reply_story(req, error, "bucket", &err), error->code);
	assert_int_equal(err.code, error->code);
	assert_string_equal(err.text, want);
}

/* What a reply with this code says to a person. */
static void assert_code(enum store_verb verb, const char *key,
                        const char *s3_code, const char *want)
{
	const struct store_req req = {.verb = verb, .key = key};
	struct http_reply reply = {.status = 400};
	struct reply_error error;

	str_addf(&reply.text,
	         "<Error><Code>%s</Code><RequestId>4711"
	         "</RequestId></Error>",
	         s3_code);
	reply_explain(&req, &reply, false, &error);
	assert_story(&req, &error, want);
	http_reply_release(&reply);
}

static void a_denial_names_the_missing_permission(void **state)
{
	static const struct {
		enum store_verb verb;
		const char *want;
	} rows[] = {
		{STORE_HEAD,
	         "HeadObject 'a/b': access denied (AccessDenied, request 4711)"
	         ": the key needs s3:GetObject (and s3:ListBucket, or absent "
	         "objects look forbidden)"},
		{STORE_GET,
	         "GetObject 'a/b': access denied (AccessDenied, request 4711)"
	         ": the key needs s3:GetObject"},
		{STORE_PUT,
	         "PutObject 'a/b': access denied (AccessDenied, request 4711)"
	         ": the key needs s3:PutObject"},
		{STORE_COPY,
	         "CopyObject 'a/b': access denied (AccessDenied, request 4711)"
	         ": the key needs s3:PutObject, and s3:GetObject on the source"},
		{STORE_DELETE,
	         "DeleteObject 'a/b': access denied (AccessDenied, request "
	         "4711): the key needs s3:DeleteObject"},
		{STORE_MPU_ABORT,
	         "AbortMultipartUpload 'a/b': access denied (AccessDenied, "
	         "request 4711): the key needs s3:AbortMultipartUpload"},
		{STORE_MPU_LIST_PARTS,
	         "ListParts 'a/b': access denied (AccessDenied, request 4711)"
	         ": the key needs s3:ListMultipartUploadParts"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_code(rows[i].verb, "a/b", "AccessDenied", rows[i].want);
	assert_code(STORE_LIST, NULL, "AccessDenied",
	            "ListObjectsV2 of bucket 'bucket': access denied "
	            "(AccessDenied, request 4711): the key needs "
	            "s3:ListBucket");
	assert_code(STORE_MPU_LIST, NULL, "AccessDenied",
	            "ListMultipartUploads of bucket 'bucket': access denied "
	            "(AccessDenied, request 4711): the key needs "
	            "s3:ListBucketMultipartUploads");
}

static void what_is_not_there_is_told_apart(void **state)
{
	(void)state;
	assert_code(STORE_GET, "a", "NoSuchKey",
	            "GetObject 'a': no such object (NoSuchKey, request 4711)");
	assert_code(STORE_GET, "a", "NoSuchBucket",
	            "GetObject 'a': no such bucket 'bucket' (NoSuchBucket, "
	            "request 4711): check bucket, endpoint and path_style");
	assert_code(STORE_MPU_PART, "a", "NoSuchUpload",
	            "UploadPart 'a': no such multipart upload (NoSuchUpload, "
	            "request 4711): it was completed, or aborted, perhaps by a "
	            "lifecycle rule");
}

static void a_name_that_a_store_refuses_is_told(void **state)
{
	(void)state;
	assert_code(STORE_PUT, "\xff", "InvalidObjectName",
	            "PutObject '\\xff': the store takes no such name "
	            "(InvalidObjectName, request 4711): RGW wants names in "
	            "UTF-8");
	assert_code(STORE_MPU_LIST_PARTS, "a", "NoSuchKey",
	            "ListParts 'a': no such multipart upload (NoSuchKey, "
	            "request 4711): it was completed, or aborted, perhaps by a "
	            "lifecycle rule");
}

static void wrong_keys_say_what_to_check(void **state)
{
	(void)state;
	assert_code(STORE_LIST, NULL, "InvalidAccessKeyId",
	            "ListObjectsV2 of bucket 'bucket': the store does not know "
	            "the access key (InvalidAccessKeyId, request 4711): check "
	            "access_key_id and endpoint");
	assert_code(STORE_LIST, NULL, "SignatureDoesNotMatch",
	            "ListObjectsV2 of bucket 'bucket': the signature is wrong "
	            "(SignatureDoesNotMatch, request 4711): check "
	            "secret_access_key, region and path_style");
	assert_code(STORE_LIST, NULL, "RequestTimeTooSkewed",
	            "ListObjectsV2 of bucket 'bucket': this machine's clock is "
	            "wrong (RequestTimeTooSkewed, request 4711): set it, best "
	            "by NTP");
}

static void a_wrong_region_is_put_right(void **state)
{
	const struct store_req req = {.verb = STORE_LIST};
	const struct reply_error error = {
		.code = -EIO,
		.status = 301,
		.s3_code = "PermanentRedirect",
		.region = "eu-west-1",
	};

	(void)state;
	assert_story(
		&req, &error,
		"ListObjectsV2 of bucket 'bucket': the bucket is at "
		"another endpoint (PermanentRedirect): the bucket's region "
		"is eu-west-1");
}

static void attempts_are_counted(void **state)
{
	struct store_req req = {.verb = STORE_PUT, .key = "a", .attempts = 8};
	struct reply_error error = {.code = -EIO, .status = 500};

	(void)state;
	assert_story(&req, &error,
	             "PutObject 'a': the store failed (HTTP 500, 8 attempts)");
	req.attempts = 1;
	assert_story(&req, &error,
	             "PutObject 'a': the store failed (HTTP 500)");
}

static void a_denied_head_has_a_status_only(void **state)
{
	const struct store_req req = {.verb = STORE_HEAD, .key = "a"};
	const struct reply_error error = {.code = -EACCES, .status = 403};

	(void)state;
	assert_story(&req, &error,
	             "HeadObject 'a': access denied (HTTP 403): the key needs "
	             "s3:GetObject (and s3:ListBucket, or absent objects look "
	             "forbidden)");
}

static void an_object_that_must_not_be_there_is_told_so(void **state)
{
	const struct store_req req = {
		.verb = STORE_PUT,
		.key = "a",
		.if_none_match = "*",
	};
	const struct reply_error error = {
		.code = -EEXIST,
		.status = 412,
		.s3_code = "PreconditionFailed",
	};

	(void)state;
	assert_story(&req, &error,
	             "PutObject 'a': it exists already (PreconditionFailed)");
}

static void a_silent_store_is_told_in_the_transports_words(void **state)
{
	const struct store_req req = {
		.verb = STORE_GET, .key = "a", .attempts = 3};
	struct reply_error error = {
		.code = -ECONNREFUSED,
		.message = "connection to 127.0.0.1:9 refused",
	};

	(void)state;
	assert_story(&req, &error,
	             "GetObject 'a': connection to 127.0.0.1:9 refused (3 "
	             "attempts): is it running? check endpoint");
	error = (struct reply_error){.code = -EKEYREJECTED,
	                             .message = "self-signed certificate"};
	assert_story(&req, &error,
	             "GetObject 'a': self-signed certificate (3 attempts): "
	             "check ca_bundle and endpoint");
	error = (struct reply_error){.code = -ETIMEDOUT};
	assert_story(&req, &error,
	             "GetObject 'a': the store did not answer (3 attempts)");
}

static void nothing_of_others_reaches_a_terminal(void **state)
{
	const struct store_req req = {.verb = STORE_GET,
	                              .key = "a\n\x1b[2J\xff\xc3\xa9\x7f"};
	const struct reply_error error = {
		.code = -EINVAL,
		.status = 400,
		.s3_code = "\x1b[1m",
		.message = "line\nline",
		.request_id = "id\r\n",
	};

	(void)state;
	assert_story(&req, &error,
	             "GetObject 'a\\x0a\\x1b[2J\\xff\xc3\xa9\\x7f': "
	             "line\\x0aline (\\x1b[1m, request id\\x0d\\x0a)");
}

static void long_keys_leave_room_for_the_rest(void **state)
{
	char key[1025];
	const struct store_req req = {.verb = STORE_GET, .key = key};
	const struct reply_error error = {
		.code = -EACCES,
		.status = 403,
		.s3_code = "AccessDenied",
	};
	struct err err = {0};

	(void)state;
	memset(key, 'k', sizeof(key) - 1);
	key[sizeof(key) - 1] = '\0';
	(void)reply_story(&req, &error, "bucket", &err);
	assert_non_null(strstr(err.text, "kkk...': access denied "
	                                 "(AccessDenied): the key needs "
	                                 "s3:GetObject"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_denial_names_the_missing_permission),
		cmocka_unit_test(what_is_not_there_is_told_apart),
		cmocka_unit_test(a_name_that_a_store_refuses_is_told),
		cmocka_unit_test(wrong_keys_say_what_to_check),
		cmocka_unit_test(a_wrong_region_is_put_right),
		cmocka_unit_test(attempts_are_counted),
		cmocka_unit_test(a_denied_head_has_a_status_only),
		cmocka_unit_test(an_object_that_must_not_be_there_is_told_so),
		cmocka_unit_test(
			a_silent_store_is_told_in_the_transports_words),
		cmocka_unit_test(nothing_of_others_reaches_a_terminal),
		cmocka_unit_test(long_keys_leave_room_for_the_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
