/* SPDX-License-Identifier: MIT */
#include "op_fixture.h"

#include <errno.h>

#define ETAG "\"0123456789abcdef0123456789abcdef\""

static uint8_t digits[] = "123456789";
static const struct slice digits_slice = {digits, 9};

static void begin_put(struct fixture *f, const char *profile)
{
	fixture_init(f, profile);
	f->req.verb = STORE_PUT;
	f->req.key = "a";
	f->req.put.body = (struct chain){&digits_slice, 1};
}

static void put_is_binary_unless_told_otherwise(void **state)
{
	struct fixture f;

	(void)state;
	begin_put(&f, "generic");
	assert_string_equal(fixture_wire(&f),
	                    "PUT /bucket/a\n"
	                    "Content-Type: application/octet-stream\n\n");
	assert_int_equal(f.request.body.count, 1);
	fixture_release(&f);
}

static void put_carries_headers_and_metadata(void **state)
{
	static const struct store_meta meta[] = {
		{"mtime", "1.5"},
		{"name", "h\xc3\xa9"},
		{"raw", "\x01"},
		{"empty", ""},
	};
	struct fixture f;

	(void)state;
	begin_put(&f, "aws");
	f.context.sse = "aws:kms";
	f.context.sse_kms_key_id = "key-1";
	f.context.storage_class = "STANDARD_IA";
	f.context.acl = "private";
	f.req.put.headers = (struct store_headers){
		.content_type = "text/html",
		.content_encoding = "gzip",
		.cache_control = "no-store",
		.content_disposition = "inline",
		.meta = meta,
		.meta_count = 4,
	};
	assert_string_equal(
		fixture_wire(&f),
		"PUT /bucket/a\n"
		"Content-Type: text/html\n"
		"Content-Encoding: gzip\n"
		"Cache-Control: no-store\n"
		"Content-Disposition: inline\n"
		"x-amz-meta-mtime: 1.5\n"
		"x-amz-meta-name: =?UTF-8?B?aMOp?=\n"
		"x-amz-meta-raw: %porter:%01\n"
		"x-amz-meta-empty: \n"
		"x-amz-server-side-encryption: aws:kms\n"
		"x-amz-server-side-encryption-aws-kms-key-id: key-1\n"
		"x-amz-storage-class: STANDARD_IA\n"
		"x-amz-acl: private\n\n");
	fixture_release(&f);
}

static void no_header_can_be_smuggled_in(void **state)
{
	static const char *const bad[] = {
		"text/plain\r\nX-Amz-Acl: public-read", "a\nb", "a\x7f",
		"caf\xc3\xa9"};
	struct store_meta meta = {"UPPER", "x"};
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		begin_put(&f, "aws");
		f.req.put.headers.content_type = bad[i];
		assert_int_equal(fixture_encode(&f), -EINVAL);
		f.req.put.headers.content_type = NULL;
		f.req.put.headers.meta = &meta;
		f.req.put.headers.meta_count = 1;
		meta.name = bad[i];
		assert_int_equal(fixture_encode(&f), -EINVAL);
		fixture_release(&f);
	}
	begin_put(&f, "aws");
	f.req.put.headers.meta = &meta;
	f.req.put.headers.meta_count = 1;
	meta.name = "UPPER";
	assert_int_equal(fixture_encode(&f), -EINVAL);
	meta.name = "";
	assert_int_equal(fixture_encode(&f), -EINVAL);
	fixture_release(&f);
}

static void put_sends_the_conditions_that_are_heeded(void **state)
{
	static const struct {
		const char *profile;
		const char *want;
	} rows[] = {
		{"aws", "If-None-Match: *\nIf-Match: " ETAG "\n"},
		{"rgw", "If-None-Match: *\n"
	                "If-Match: 0123456789abcdef0123456789abcdef\n"},
		{"b2", ""},
	};
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		char want[256];

		begin_put(&f, rows[i].profile);
		f.req.if_match = ETAG;
		f.req.if_none_match = "*";
		(void)snprintf(want, sizeof(want),
		               "PUT /bucket/a\nContent-Type: "
		               "application/octet-stream\n%s\n",
		               rows[i].want);
		assert_string_equal(fixture_wire(&f), want);
		fixture_release(&f);
	}
}

/* The check values of both CRCs and of SHA-256 for "123456789". */
static void put_sends_the_checksum_of_its_bytes(void **state)
{
	static const struct {
		enum s3_checksum checksum;
		const char *header;
		const char *want;
	} rows[] = {
		{S3_CHECKSUM_CRC32C, "x-amz-checksum-crc32c", "4waSgw=="},
		{S3_CHECKSUM_CRC64NVME, "x-amz-checksum-crc64nvme",
	         "rosUhgp5mIg="},
		{S3_CHECKSUM_SHA256, "x-amz-checksum-sha256",
	         "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="},
	};
	uint8_t bytes[] = "123456789";
	const struct slice pieces[] = {{bytes, 4}, {NULL, 0}, {bytes + 4, 5}};
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		begin_put(&f, "aws");
		f.context.checksum = rows[i].checksum;
		f.req.put.body = (struct chain){pieces, 3};
		assert_int_equal(fixture_encode(&f), 0);
		assert_string_equal(http_headers_get(&f.request.headers,
		                                     rows[i].header),
		                    rows[i].want);

		fixture_reply(&f, 200, "");
		fixture_header(&f, "etag", ETAG);
		fixture_header(&f, rows[i].header, rows[i].want);
		assert_int_equal(fixture_decode(&f), 0);
		assert_string_equal(f.req.info.checksum, rows[i].want);
		assert_int_equal(f.req.info.size, 9);

		fixture_reply(&f, 200, "");
		fixture_header(&f, rows[i].header, "AAAAAA==");
		assert_int_equal(fixture_decode(&f), -EIO);
		assert_non_null(strstr(f.req.err.text, "AAAAAA=="));
		fixture_release(&f);
	}
}

static void put_may_leave_the_etag_to_a_head(void **state)
{
	struct fixture f;

	(void)state;
	begin_put(&f, "rgw");
	assert_int_equal(fixture_decode(&f), 0);
	assert_string_equal(f.req.info.etag, "");
	assert_int_equal(f.req.info.size, 9);
	fixture_release(&f);
}

/* ---- COPY ---- */

/* The source's store in these tests: a value to tell them apart. */
static struct object_store near_store;
static struct object_store far_store;

static int find_source(struct object_store *store, struct op_context *ret)
{
	if (store != &near_store)
		return -EXDEV;
	*ret = (struct op_context){
		.bucket = "source",
		.prefix = "dir /",
		.sse_c_key = "c3Jj",
		.sse_c_key_md5 = "bWQ1",
		.expected_owner = "42",
	};
	return 0;
}

static void begin_copy(struct fixture *f, const char *profile)
{
	fixture_init(f, profile);
	f->context.source = find_source;
	f->req.verb = STORE_COPY;
	f->req.key = "to";
	f->req.copy.source = &near_store;
	f->req.copy.source_key = "a+b\xc3\xa9";
	f->req.copy.source_if_match = ETAG;
}

static void copy_names_its_source_and_keeps_its_headers(void **state)
{
	struct fixture f;

	(void)state;
	begin_copy(&f, "aws");
	f.req.if_none_match = "*";
	assert_string_equal(
		fixture_wire(&f),
		"PUT /bucket/to\n"
		"x-amz-copy-source: /source/dir%20/a%2Bb%C3%A9\n"
		"x-amz-copy-source-if-match: " ETAG "\n"
		"x-amz-source-expected-bucket-owner: 42\n"
		"x-amz-copy-source-server-side-encryption-customer-algorithm: "
		"AES256\n"
		"x-amz-copy-source-server-side-encryption-customer-key: c3Jj\n"
		"x-amz-copy-source-server-side-encryption-customer-key-MD5: "
		"bWQ1\n"
		"x-amz-metadata-directive: COPY\n"
		"If-None-Match: *\n\n");
	assert_true(f.request.may_idle);
	assert_int_equal(f.request.first_byte_ms, 0);
	fixture_release(&f);
}

static void copy_can_replace_headers(void **state)
{
	static const struct store_meta meta = {"mode", "33188"};
	struct fixture f;

	(void)state;
	begin_copy(&f, "rgw");
	f.req.if_none_match = "*";
	f.req.copy.replace_headers = true;
	f.req.copy.headers.meta = &meta;
	f.req.copy.headers.meta_count = 1;
	f.context.storage_class = "COLD";
	const char *wire = fixture_wire(&f);

	assert_non_null(strstr(wire, "x-amz-metadata-directive: REPLACE\n"
	                             "Content-Type: application/octet-stream\n"
	                             "x-amz-meta-mode: 33188\n"));
	assert_non_null(strstr(wire, "x-amz-copy-if-match: " ETAG "\n"));
	assert_non_null(strstr(wire, "x-amz-storage-class: COLD\n"));
	assert_null(strstr(wire, "x-amz-copy-source-if-match"));
	assert_null(strstr(wire, "If-None-Match"));
	fixture_release(&f);
}

static void copy_needs_a_source_within_reach(void **state)
{
	struct fixture f;

	(void)state;
	begin_copy(&f, "aws");
	f.req.copy.source = &far_store;
	assert_int_equal(fixture_encode(&f), -EXDEV);
	assert_non_null(strstr(f.req.err.text, "endpoint"));
	fixture_release(&f);
	begin_copy(&f, "aws");
	f.req.copy.source_key = "";
	assert_int_equal(fixture_encode(&f), -EINVAL);
	fixture_release(&f);
}

static void copy_is_done_when_a_result_says_so(void **state)
{
	struct fixture f;

	(void)state;
	begin_copy(&f, "aws");
	fixture_reply(&f, 200,
	              "  \n<?xml version=\"1.0\"?>\n\n <CopyObjectResult>"
	              "<LastModified>2009-10-12T17:50:30.000Z</LastModified>"
	              "<ETag>&quot;9b2cf535f27731c974343645a3985328&quot;"
	              "</ETag></CopyObjectResult>");
	assert_int_equal(fixture_decode(&f), 0);
	assert_string_equal(f.req.info.etag,
	                    "\"9b2cf535f27731c974343645a3985328\"");
	assert_int_equal(f.req.info.mtime.tv_sec, 1255369830);
	fixture_release(&f);
}

#define NO_DATE                                \
	"<CopyObjectResult><ETag>\"a\"</ETag>" \
	"<LastModified>x</LastModified></CopyObjectResult>"

static void copy_is_in_doubt_when_no_result_comes(void **state)
{
	static const char *const wrong[] = {
		"",
		"   ",
		"<CopyObjectResult></CopyObjectResult>",
		"<CopyObjectResult><ETag></ETag></CopyObjectResult>",
		"<CopyObjectResult><ETag>\"a\"</ETag>",
		NO_DATE,
		"<Result><ETag>\"a\"</ETag></Result>",
	};
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		begin_copy(&f, "aws");
		fixture_reply(&f, 200, wrong[i]);
		assert_int_equal(fixture_decode(&f), -EPROTO);
		assert_true(f.req.err.text[0] != '\0');
		fixture_release(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(put_is_binary_unless_told_otherwise),
		cmocka_unit_test(put_carries_headers_and_metadata),
		cmocka_unit_test(no_header_can_be_smuggled_in),
		cmocka_unit_test(put_sends_the_conditions_that_are_heeded),
		cmocka_unit_test(put_sends_the_checksum_of_its_bytes),
		cmocka_unit_test(put_may_leave_the_etag_to_a_head),
		cmocka_unit_test(copy_names_its_source_and_keeps_its_headers),
		cmocka_unit_test(copy_can_replace_headers),
		cmocka_unit_test(copy_needs_a_source_within_reach),
		cmocka_unit_test(copy_is_done_when_a_result_says_so),
		cmocka_unit_test(copy_is_in_doubt_when_no_result_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
