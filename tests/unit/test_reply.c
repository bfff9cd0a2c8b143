/* SPDX-License-Identifier: MIT */
#include "reply.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A reply with an error document, explained. */
static struct reply_error explain(const struct store_req *req, int status,
                                  const char *document)
{
	struct http_reply reply = {.status = status};
	struct reply_error error;

	str_add(&reply.text, document);
	reply_explain(req, &reply, false, &error);
	http_reply_release(&reply);
	return error;
}

/* The same with a code alone. */
static struct reply_error explain_code(const struct store_req *req, int status,
                                       const char *code)
{
	char document[256];

	(void)snprintf(document, sizeof(document),
	               "<?xml version=\"1.0\"?><Error><Code>%s</Code>"
	               "<Message>server's words</Message></Error>",
	               code);
	return explain(req, status, document);
}

static const struct {
	int status;
	const char *s3_code;
	int code;
	enum reply_advice advice;
} codes[] = {
	{403, "AccessDenied", -EACCES, REPLY_FINAL},
	{403, "AllAccessDisabled", -EACCES, REPLY_FINAL},
	{403, "InvalidAccessKeyId", -EACCES, REPLY_REFRESH_KEYS},
	{403, "SignatureDoesNotMatch", -EACCES, REPLY_REFRESH_KEYS},
	{400, "ExpiredToken", -EACCES, REPLY_REFRESH_KEYS},
	{400, "InvalidToken", -EACCES, REPLY_REFRESH_KEYS},
	{403, "RequestTimeTooSkewed", -EACCES, REPLY_CLOCK},
	{403, "InvalidObjectState", -EACCES, REPLY_FINAL},
	{404, "NoSuchKey", -ENOENT, REPLY_FINAL},
	{404, "NoSuchBucket", -ENOENT, REPLY_FINAL},
	{404, "NoSuchUpload", -ENOENT, REPLY_FINAL},
	{412, "PreconditionFailed", -ESTALE, REPLY_FINAL},
	{416, "InvalidRange", -ESTALE, REPLY_FINAL},
	{409, "OperationAborted", -EBUSY, REPLY_RETRY},
	{409, "ConditionalRequestConflict", -EBUSY, REPLY_RETRY},
	{400, "EntityTooLarge", -EFBIG, REPLY_FINAL},
	{400, "EntityTooSmall", -EINVAL, REPLY_FINAL},
	{400, "InvalidPart", -EIO, REPLY_FINAL},
	{400, "InvalidPartOrder", -EINVAL, REPLY_FINAL},
	{400, "KeyTooLongError", -ENAMETOOLONG, REPLY_FINAL},
	{400, "MetadataTooLarge", -E2BIG, REPLY_FINAL},
	{403, "QuotaExceeded", -EDQUOT, REPLY_FINAL},
	{400, "XMinioAdminBucketQuotaExceeded", -EDQUOT, REPLY_FINAL},
	{507, "XMinioStorageFull", -ENOSPC, REPLY_FINAL},
	{400, "XMinioParentIsObject", -ENOTDIR, REPLY_FINAL},
	{400, "BadDigest", -EIO, REPLY_RETRY},
	{400, "IncompleteBody", -EIO, REPLY_RETRY},
	{400, "XAmzContentSHA256Mismatch", -EIO, REPLY_RETRY},
	{400, "RequestTimeout", -ETIMEDOUT, REPLY_RETRY},
	{500, "InternalError", -EIO, REPLY_RETRY},
	{503, "SlowDown", -EIO, REPLY_SLOW_DOWN},
	{503, "ServiceUnavailable", -EIO, REPLY_SLOW_DOWN},
	{429, "TooManyRequests", -EIO, REPLY_SLOW_DOWN},
	{501, "NotImplemented", -EOPNOTSUPP, REPLY_FINAL},
	{405, "MethodNotAllowed", -EOPNOTSUPP, REPLY_FINAL},
	/* Codes that nobody knows: the status decides. */
	{400, "Strange", -EINVAL, REPLY_FINAL},
	{403, "Strange", -EACCES, REPLY_FINAL},
	{404, "Strange", -ENOENT, REPLY_FINAL},
	{409, "Strange", -EBUSY, REPLY_RETRY},
	{418, "Strange", -EINVAL, REPLY_FINAL},
	{500, "Strange", -EIO, REPLY_RETRY},
	{599, "Strange", -EIO, REPLY_RETRY},
};

static void every_code_has_its_errno_and_advice(void **state)
{
	const struct store_req req = {.verb = STORE_GET, .key = "a"};

	(void)state;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		struct reply_error e =
			explain_code(&req, codes[i].status, codes[i].s3_code);

		if (e.code != codes[i].code || e.advice != codes[i].advice)
			fail_msg("%s: %s, advice %d", codes[i].s3_code,
			         err_name(e.code), e.advice);
		assert_string_equal(e.s3_code, codes[i].s3_code);
		assert_string_equal(e.message, "server's words");
		assert_int_equal(e.status, codes[i].status);
	}
}

static void a_status_alone_is_enough(void **state)
{
	static const struct {
		int status;
		int code;
		enum reply_advice advice;
	} rows[] = {
		{301, -EIO, REPLY_FINAL},
		{304, -EEXIST, REPLY_FINAL},
		{307, -EIO, REPLY_RETRY},
		{400, -EINVAL, REPLY_FINAL},
		{401, -EACCES, REPLY_FINAL},
		{403, -EACCES, REPLY_FINAL},
		{404, -ENOENT, REPLY_FINAL},
		{405, -EOPNOTSUPP, REPLY_FINAL},
		{408, -ETIMEDOUT, REPLY_RETRY},
		{409, -EBUSY, REPLY_RETRY},
		{411, -EINVAL, REPLY_FINAL},
		{412, -ESTALE, REPLY_FINAL},
		{413, -EFBIG, REPLY_FINAL},
		{416, -ESTALE, REPLY_FINAL},
		{429, -EIO, REPLY_SLOW_DOWN},
		{500, -EIO, REPLY_RETRY},
		{501, -EOPNOTSUPP, REPLY_FINAL},
		{502, -EIO, REPLY_RETRY},
		{503, -EIO, REPLY_SLOW_DOWN},
		{504, -EIO, REPLY_RETRY},
		{507, -ENOSPC, REPLY_FINAL},
	};
	static const char *const bodies[] = {
		"",
		"<html><head><title>no</title></head></html>",
		"nonsense \xff",
	};
	const struct store_req req = {.verb = STORE_GET, .key = "a"};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t j = 0; j < 3; j++) {
			struct reply_error e =
				explain(&req, rows[i].status, bodies[j]);

			if (e.code != rows[i].code ||
			    e.advice != rows[i].advice)
				fail_msg("%d: %s, advice %d", rows[i].status,
				         err_name(e.code), e.advice);
			assert_string_equal(e.s3_code, "");
		}
	}
}

static void a_must_not_exist_that_failed_is_eexist(void **state)
{
	struct store_req req = {.verb = STORE_PUT, .key = "a"};

	(void)state;
	req.if_none_match = "*";
	assert_int_equal(explain_code(&req, 412, "PreconditionFailed").code,
	                 -EEXIST);
	assert_int_equal(explain(&req, 412, "").code, -EEXIST);
	req.if_none_match = "\"etag\"";
	assert_int_equal(explain(&req, 412, "").code, -ESTALE);
	req.if_none_match = NULL;
	req.if_match = "\"etag\"";
	assert_int_equal(explain(&req, 412, "").code, -ESTALE);
}

static void ids_and_message_are_kept(void **state)
{
	const struct store_req req = {.verb = STORE_GET, .key = "a"};
	struct http_reply reply = {.status = 403};
	struct reply_error e;

	(void)state;
	str_add(&reply.text,
	        "<Error><Code>AccessDenied</Code><Message>Access Denied"
	        "</Message><RequestId>body</RequestId><HostId>host</HostId>"
	        "<Deep><Code>Other</Code></Deep></Error>");
	reply_explain(&req, &reply, false, &e);
	assert_string_equal(e.request_id, "body");
	assert_string_equal(e.host_id, "host");
	assert_string_equal(e.message, "Access Denied");
	assert_string_equal(e.s3_code, "AccessDenied");
	assert_int_equal(e.server_time, 0);

	http_headers_add(&reply.headers, "x-amz-request-id", "header");
	http_headers_add(&reply.headers, "x-amz-id-2", "header2");
	http_headers_add(&reply.headers, "date",
	                 "Sun, 06 Nov 1994 08:49:37 GMT");
	reply_explain(&req, &reply, false, &e);
	assert_string_equal(e.request_id, "header");
	assert_string_equal(e.host_id, "header2");
	assert_int_equal(e.server_time, 784111777);
	http_reply_release(&reply);
}

static void long_texts_are_cut_not_overrun(void **state)
{
	const struct store_req req = {.verb = STORE_GET, .key = "a"};
	struct http_reply reply = {.status = 403};
	struct reply_error e;
	char *text = calloc(1, 60001);

	(void)state;
	assert_non_null(text);
	memset(text, 'x', 60000);
	str_addf(&reply.text,
	         "<Error><Code>%s</Code><Message>%s</Message></Error>", text,
	         text);
	http_headers_add(&reply.headers, "x-amz-request-id", text);
	reply_explain(&req, &reply, false, &e);
	assert_int_equal(strlen(e.s3_code), sizeof(e.s3_code) - 1);
	assert_int_equal(strlen(e.message), sizeof(e.message) - 1);
	assert_int_equal(strlen(e.request_id), sizeof(e.request_id) - 1);
	assert_int_equal(e.code, -EACCES);
	http_reply_release(&reply);
	free(text);
}

static void a_cut_document_still_tells_its_code(void **state)
{
	const struct store_req req = {.verb = STORE_GET, .key = "a"};
	struct reply_error e =
		explain(&req, 503, "<Error><Code>SlowDown</Code><Mess");

	(void)state;
	assert_string_equal(e.s3_code, "SlowDown");
	assert_int_equal(e.advice, REPLY_SLOW_DOWN);
}

/* A reply that names a region, in a header or in its body. */
static struct reply_error explain_region(enum store_verb verb, int status,
                                         const char *document,
                                         const char *header)
{
	const struct store_req req = {.verb = verb, .key = "a"};
	struct http_reply reply = {.status = status};
	struct reply_error e;

	str_add(&reply.text, document);
	if (header)
		http_headers_add(&reply.headers, "x-amz-bucket-region", header);
	reply_explain(&req, &reply, false, &e);
	http_reply_release(&reply);
	return e;
}

static void a_named_region_is_worth_a_try(void **state)
{
	static const char malformed[] =
		"<Error><Code>AuthorizationHeaderMalformed</Code>"
		"<Region>eu-west-1</Region></Error>";
	static const char redirect[] =
		"<Error><Code>PermanentRedirect</Code></Error>";
	struct reply_error e = explain_region(STORE_LIST, 400, malformed, NULL);

	(void)state;
	assert_int_equal(e.advice, REPLY_REGION);
	assert_string_equal(e.region, "eu-west-1");

	e = explain_region(STORE_LIST, 301, redirect, "eu-west-2");
	assert_int_equal(e.advice, REPLY_REGION);
	assert_string_equal(e.region, "eu-west-2");

	e = explain_region(STORE_HEAD, 301, "", "eu-west-2");
	assert_int_equal(e.advice, REPLY_REGION);
	e = explain_region(STORE_HEAD, 400, "", "eu-west-2");
	assert_int_equal(e.advice, REPLY_REGION);
	assert_int_equal(e.code, -EIO);

	/* Nowhere to go. */
	e = explain_region(STORE_LIST, 301, redirect, NULL);
	assert_int_equal(e.advice, REPLY_FINAL);
	assert_int_equal(e.code, -EIO);

	/* A region that comes along with another error changes nothing. */
	e = explain_region(STORE_PUT, 400,
	                   "<Error><Code>EntityTooLarge</Code></Error>",
	                   "eu-west-2");
	assert_int_equal(e.advice, REPLY_FINAL);
	assert_int_equal(e.code, -EFBIG);
	e = explain_region(STORE_HEAD, 403, "", "eu-west-2");
	assert_int_equal(e.advice, REPLY_FINAL);
	assert_int_equal(e.code, -EACCES);
}

/* AWS answers a HEAD with an expired token by a bare 400. */
static void a_bare_400_of_a_head_may_be_an_old_key(void **state)
{
	const struct store_req head = {.verb = STORE_HEAD, .key = "a"};
	const struct store_req get = {.verb = STORE_GET, .key = "a"};

	(void)state;
	assert_int_equal(explain(&head, 400, "").advice, REPLY_REFRESH_KEYS);
	assert_int_equal(explain(&get, 400, "").advice, REPLY_FINAL);
}

static void transport_errors_keep_their_meaning(void **state)
{
	static const struct {
		int error;
		int code;
		enum reply_advice advice;
	} rows[] = {
		{-ETIMEDOUT, -ETIMEDOUT, REPLY_RETRY},
		{-ECONNREFUSED, -ECONNREFUSED, REPLY_RETRY},
		{-EHOSTUNREACH, -EHOSTUNREACH, REPLY_RETRY},
		{-ECONNRESET, -EIO, REPLY_RETRY},
		{-EPROTO, -EIO, REPLY_RETRY},
		{-EKEYREJECTED, -EKEYREJECTED, REPLY_FINAL},
		{-ECANCELED, -ECANCELED, REPLY_FINAL},
		{-ESTALE, -ESTALE, REPLY_FINAL},
		{-ENOMEM, -ENOMEM, REPLY_FINAL},
	};
	const struct store_req req = {.verb = STORE_GET, .key = "a"};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct http_reply reply = {.error = rows[i].error};
		struct reply_error e;

		(void)err_set(&reply.err, rows[i].error, "told by curl");
		reply_explain(&req, &reply, false, &e);
		assert_int_equal(e.code, rows[i].code);
		assert_int_equal(e.advice, rows[i].advice);
		assert_int_equal(e.status, 0);
		assert_string_equal(e.message, "told by curl");
	}
}

static void an_error_inside_a_200_is_found(void **state)
{
	static const struct {
		const char *text;
		bool error;
	} rows[] = {
		{"<Error><Code>InternalError</Code></Error>", true},
		{"  \n <?xml version=\"1.0\"?>\n<Error><Code>x</Code>", true},
		{"<CompleteMultipartUploadResult/>", false},
		{"<ListBucketResult><Error/></ListBucketResult>", false},
		{"<Errors/>", false},
		{"Error", false},
		{"", false},
		{"     ", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct http_reply reply = {.status = 200};

		str_add(&reply.text, rows[i].text);
		assert_int_equal(reply_has_error_inside(&reply), rows[i].error);
		http_reply_release(&reply);
	}
}

static void an_error_inside_a_200_is_explained(void **state)
{
	const struct store_req req = {.verb = STORE_MPU_COMPLETE, .key = "a"};
	struct http_reply reply = {.status = 200};
	struct reply_error e;

	(void)state;
	str_add(&reply.text, "\n\n<Error><Code>InternalError</Code></Error>");
	reply_explain(&req, &reply, true, &e);
	assert_int_equal(e.code, -EIO);
	assert_int_equal(e.advice, REPLY_RETRY);

	str_reset(&reply.text);
	str_add(&reply.text, "<Error><Code>Unheard</Code></Error>");
	reply_explain(&req, &reply, true, &e);
	assert_int_equal(e.code, -EIO);
	assert_int_equal(e.advice, REPLY_RETRY);

	str_reset(&reply.text);
	str_add(&reply.text, "<Error><Code>NoSuchUpload</Code></Error>");
	reply_explain(&req, &reply, true, &e);
	assert_int_equal(e.code, -ENOENT);
	assert_int_equal(e.advice, REPLY_FINAL);
	http_reply_release(&reply);
}

static void codes_alone_have_errnos(void **state)
{
	(void)state;
	assert_int_equal(reply_code_errno("AccessDenied"), -EACCES);
	assert_int_equal(reply_code_errno("NoSuchKey"), -ENOENT);
	assert_int_equal(reply_code_errno("Unheard"), -EIO);
	assert_int_equal(reply_code_errno(""), -EIO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_has_its_errno_and_advice),
		cmocka_unit_test(a_status_alone_is_enough),
		cmocka_unit_test(a_must_not_exist_that_failed_is_eexist),
		cmocka_unit_test(ids_and_message_are_kept),
		cmocka_unit_test(long_texts_are_cut_not_overrun),
		cmocka_unit_test(a_cut_document_still_tells_its_code),
		cmocka_unit_test(a_named_region_is_worth_a_try),
		cmocka_unit_test(a_bare_400_of_a_head_may_be_an_old_key),
		cmocka_unit_test(transport_errors_keep_their_meaning),
		cmocka_unit_test(an_error_inside_a_200_is_found),
		cmocka_unit_test(an_error_inside_a_200_is_explained),
		cmocka_unit_test(codes_alone_have_errnos),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
