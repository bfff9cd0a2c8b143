/* SPDX-License-Identifier: MIT */
#include "op_fixture.h"

#include <errno.h>

static uint8_t digits[] = "123456789";
static const struct slice digits_slice = {digits, 9};

static void begin_create(struct fixture *f)
{
	fixture_init(f, "aws");
	f->req.verb = STORE_MPU_CREATE;
	f->req.key = "a";
}

static void create_says_what_the_object_will_be(void **state)
{
	static const struct store_meta meta = {"mode", "33188"};
	struct fixture f;

	(void)state;
	begin_create(&f);
	f.context.sse = "AES256";
	f.context.acl = "private";
	f.context.checksum = S3_CHECKSUM_CRC32C;
	f.req.create.headers.meta = &meta;
	f.req.create.headers.meta_count = 1;
	assert_string_equal(fixture_wire(&f),
	                    "POST /bucket/a?uploads=\n"
	                    "Content-Type: application/octet-stream\n"
	                    "x-amz-meta-mode: 33188\n"
	                    "x-amz-server-side-encryption: AES256\n"
	                    "x-amz-acl: private\n"
	                    "x-amz-checksum-algorithm: CRC32C\n\n");
	fixture_release(&f);
}

static void create_brings_an_upload_id(void **state)
{
	struct fixture f;

	(void)state;
	begin_create(&f);
	fixture_reply(&f, 200,
	              "<InitiateMultipartUploadResult><Bucket>bucket</Bucket>"
	              "<Key>a</Key><UploadId>VXBsb2Fk.+_-</UploadId>"
	              "</InitiateMultipartUploadResult>");
	assert_int_equal(fixture_decode(&f), 0);
	assert_string_equal(f.req.create.upload_id, "VXBsb2Fk.+_-");
	fixture_release(&f);
}

/* The reply repeats the key, whatever XML thinks of it. */
static void a_key_of_control_bytes_can_be_uploaded(void **state)
{
	struct fixture f;

	(void)state;
	begin_create(&f);
	fixture_reply(&f, 200,
	              "<InitiateMultipartUploadResult><Key>&#x01;</Key>"
	              "<UploadId>id</UploadId>"
	              "</InitiateMultipartUploadResult>");
	assert_int_equal(fixture_decode(&f), 0);
	assert_string_equal(f.req.create.upload_id, "id");
	fixture_release(&f);
}

static void create_without_an_id_is_no_success(void **state)
{
	struct fixture f;
	char text[STORE_UPLOAD_ID_MAX + 200];

	(void)state;
	begin_create(&f);
	fixture_reply(&f, 200, "<InitiateMultipartUploadResult/>");
	assert_int_equal(fixture_decode(&f), -EPROTO);
	fixture_reply(&f, 200,
	              "<InitiateMultipartUploadResult><UploadId></UploadId>"
	              "</InitiateMultipartUploadResult>");
	assert_int_equal(fixture_decode(&f), -EPROTO);
	fixture_reply(&f, 200, "");
	assert_int_equal(fixture_decode(&f), -EPROTO);

	(void)snprintf(text, sizeof(text),
	               "<InitiateMultipartUploadResult><UploadId>%0*d"
	               "</UploadId></InitiateMultipartUploadResult>",
	               STORE_UPLOAD_ID_MAX - 1, 0);
	fixture_reply(&f, 200, text);
	assert_int_equal(fixture_decode(&f), 0);
	(void)snprintf(text, sizeof(text),
	               "<InitiateMultipartUploadResult><UploadId>%0*d"
	               "</UploadId></InitiateMultipartUploadResult>",
	               STORE_UPLOAD_ID_MAX, 0);
	fixture_reply(&f, 200, text);
	assert_int_equal(fixture_decode(&f), -EPROTO);
	fixture_release(&f);
}

static void begin_part(struct fixture *f, const char *profile, unsigned number)
{
	fixture_init(f, profile);
	f->req.verb = STORE_MPU_PART;
	f->req.key = "a";
	f->req.part.upload_id = "id+/";
	f->req.part.number = number;
	f->req.part.body = (struct chain){&digits_slice, 1};
}

static void a_part_carries_number_id_and_checksum(void **state)
{
	struct fixture f;

	(void)state;
	begin_part(&f, "aws", 10000);
	f.context.checksum = S3_CHECKSUM_CRC32C;
	f.context.sse_c_key = "a2V5";
	f.context.sse_c_key_md5 = "bWQ1";
	assert_string_equal(
		fixture_wire(&f),
		"PUT /bucket/a?partNumber=10000&uploadId=id%2B%2F\n"
		"x-amz-server-side-encryption-customer-algorithm: AES256\n"
		"x-amz-server-side-encryption-customer-key: a2V5\n"
		"x-amz-server-side-encryption-customer-key-MD5: bWQ1\n"
		"x-amz-checksum-crc32c: 4waSgw==\n\n");

	fixture_reply(&f, 200, "");
	fixture_header(&f, "etag", "\"e\"");
	assert_int_equal(fixture_decode(&f), 0);
	assert_string_equal(f.req.info.etag, "\"e\"");
	assert_string_equal(f.req.info.checksum, "4waSgw==");
	assert_int_equal(f.req.info.size, 9);
	fixture_release(&f);
}

static void every_store_has_its_last_part(void **state)
{
	static const struct {
		const char *profile;
		unsigned number;
		int want;
	} rows[] = {
		{"aws", 0, -EINVAL},   {"aws", 1, 0},
		{"aws", 10000, 0},     {"aws", 10001, -EINVAL},
		{"scaleway", 1000, 0}, {"scaleway", 1001, -EINVAL},
	};
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin_part(&f, rows[i].profile, rows[i].number);
		assert_int_equal(fixture_encode(&f), rows[i].want);
		fixture_release(&f);
	}
}

static void a_part_without_an_etag_is_no_success(void **state)
{
	struct fixture f;

	(void)state;
	begin_part(&f, "aws", 1);
	assert_int_equal(fixture_decode(&f), -EPROTO);
	fixture_release(&f);
}

static void a_part_damaged_on_the_way_is_found(void **state)
{
	struct fixture f;

	(void)state;
	begin_part(&f, "aws", 1);
	f.context.checksum = S3_CHECKSUM_CRC32C;
	assert_int_equal(fixture_encode(&f), 0);
	fixture_reply(&f, 200, "");
	fixture_header(&f, "etag", "\"e\"");
	fixture_header(&f, "x-amz-checksum-crc32c", "AAAAAA==");
	assert_int_equal(fixture_decode(&f), -EIO);
	fixture_release(&f);
}

static int find_source(struct object_store *store, struct op_context *ret)
{
	(void)store;
	*ret = (struct op_context){.bucket = "source", .prefix = "p/"};
	return 0;
}

static void begin_part_copy(struct fixture *f, const char *profile)
{
	fixture_init(f, profile);
	f->context.source = find_source;
	f->req.verb = STORE_MPU_PART_COPY;
	f->req.key = "a";
	f->req.part.upload_id = "id";
	f->req.part.number = 2;
	f->req.part.source_key = "k";
	f->req.part.source_if_match = "\"e\"";
	f->req.part.source_offset = UINT64_C(5) << 30;
	f->req.part.source_length = UINT64_C(1) << 30;
}

static void a_part_can_be_copied_from_a_range(void **state)
{
	struct fixture f;

	(void)state;
	begin_part_copy(&f, "aws");
	assert_string_equal(
		fixture_wire(&f),
		"PUT /bucket/a?partNumber=2&uploadId=id\n"
		"x-amz-copy-source: /source/p/k\n"
		"x-amz-copy-source-if-match: \"e\"\n"
		"x-amz-copy-source-range: bytes=5368709120-6442450943\n\n");
	assert_true(f.request.may_idle);

	f.context.checksum = S3_CHECKSUM_CRC32C;
	fixture_reply(&f, 200,
	              "\n\n<CopyPartResult><ETag>\"x\"</ETag>"
	              "<LastModified>2009-10-12T17:50:30.000Z</LastModified>"
	              "<ChecksumCRC32C>4waSgw==</ChecksumCRC32C>"
	              "</CopyPartResult>");
	assert_int_equal(fixture_decode(&f), 0);
	assert_string_equal(f.req.info.etag, "\"x\"");
	assert_string_equal(f.req.info.checksum, "4waSgw==");
	assert_int_equal(f.req.info.size, UINT64_C(1) << 30);
	fixture_release(&f);
}

static void a_copied_part_needs_a_range(void **state)
{
	struct fixture f;

	(void)state;
	begin_part_copy(&f, "rgw");
	assert_null(strstr(fixture_wire(&f), "if-match"));
	f.req.part.source_length = 0;
	assert_int_equal(fixture_encode(&f), -EINVAL);
	f.req.part.source_offset = UINT64_MAX;
	f.req.part.source_length = 2;
	assert_int_equal(fixture_encode(&f), -EINVAL);
	fixture_release(&f);
}

static const struct store_part_info parts[] = {
	{1, 5 << 20, "\"e1\"", "c1=="},
	{3, 7, "\"e3-x<\"", ""},
};

static void begin_complete(struct fixture *f, const char *profile)
{
	fixture_init(f, profile);
	f->req.verb = STORE_MPU_COMPLETE;
	f->req.key = "a";
	f->req.if_none_match = "*";
	f->req.complete.upload_id = "id";
	f->req.complete.parts = parts;
	f->req.complete.count = 2;
}

static void complete_lists_the_parts(void **state)
{
	struct fixture f;

	(void)state;
	begin_complete(&f, "aws");
	f.context.checksum = S3_CHECKSUM_CRC64NVME;
	assert_string_equal(
		fixture_wire(&f),
		"POST /bucket/a?uploadId=id\n"
		"Content-Type: application/xml\n"
		"If-None-Match: *\n\n"
		"<CompleteMultipartUpload "
		"xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
		"<Part><PartNumber>1</PartNumber><ETag>&#34;e1&#34;</ETag>"
		"<ChecksumCRC64NVME>c1==</ChecksumCRC64NVME></Part>"
		"<Part><PartNumber>3</PartNumber><ETag>&#34;e3-x&#60;&#34;"
		"</ETag></Part></CompleteMultipartUpload>");
	assert_true(f.request.may_idle);
	assert_int_equal(f.request.first_byte_ms, 0);

	fixture_release(&f);
	begin_complete(&f, "rgw");
	assert_null(strstr(fixture_wire(&f), "If-None-Match"));
	assert_null(strstr(fixture_wire(&f), "Checksum"));
	fixture_release(&f);
}

static void complete_wants_parts_in_order(void **state)
{
	const struct store_part_info twice[] = {parts[0], parts[0]};
	const struct store_part_info wrong[] = {parts[1], parts[0]};
	struct fixture f;

	(void)state;
	begin_complete(&f, "aws");
	f.req.complete.count = 0;
	assert_int_equal(fixture_encode(&f), -EINVAL);
	f.req.complete.count = 2;
	f.req.complete.parts = twice;
	assert_int_equal(fixture_encode(&f), -EINVAL);
	f.req.complete.parts = wrong;
	assert_int_equal(fixture_encode(&f), -EINVAL);
	fixture_release(&f);
}

static void complete_is_done_when_a_result_says_so(void **state)
{
	struct fixture f;

	(void)state;
	begin_complete(&f, "aws");
	fixture_reply(
		&f, 200,
		"    \r\n   <?xml version=\"1.0\"?>"
		"<CompleteMultipartUploadResult><Location>x</Location>"
		"<ETag>\"0123-2\"</ETag></CompleteMultipartUploadResult>");
	fixture_header(&f, "x-amz-version-id", "v7");
	assert_int_equal(fixture_decode(&f), 0);
	assert_string_equal(f.req.info.etag, "\"0123-2\"");
	assert_string_equal(f.req.info.version, "v7");
	assert_int_equal(f.req.info.parts, 2);
	fixture_release(&f);
}

/* RGW's first reply. */
static void an_empty_etag_of_complete_is_unknown(void **state)
{
	struct fixture f;

	(void)state;
	begin_complete(&f, "rgw");
	fixture_reply(&f, 200,
	              "<CompleteMultipartUploadResult><ETag></ETag>"
	              "</CompleteMultipartUploadResult>");
	assert_int_equal(fixture_decode(&f), 0);
	assert_string_equal(f.req.info.etag, "");
	fixture_reply(&f, 200,
	              "<CompleteMultipartUploadResult><ETag>\"\"</ETag>"
	              "</CompleteMultipartUploadResult>");
	assert_int_equal(fixture_decode(&f), 0);
	assert_string_equal(f.req.info.etag, "");
	fixture_release(&f);
}

static void complete_is_in_doubt_when_no_result_comes(void **state)
{
	static const char *const wrong[] = {
		"",
		"          ",
		"<CompleteMultipartUploadResult>",
		"<Something><ETag>\"a\"</ETag></Something>",
	};
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		begin_complete(&f, "aws");
		fixture_reply(&f, 200, wrong[i]);
		assert_int_equal(fixture_decode(&f), -EPROTO);
		fixture_release(&f);
	}
}

static void abort_names_the_upload(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f, "aws");
	f.req.verb = STORE_MPU_ABORT;
	f.req.key = "a b";
	f.req.abort.upload_id = "id";
	assert_string_equal(fixture_wire(&f),
	                    "DELETE /bucket/a%20b?uploadId=id\n\n");
	fixture_reply(&f, 204, "");
	assert_int_equal(fixture_decode(&f), 0);
	fixture_release(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(create_says_what_the_object_will_be),
		cmocka_unit_test(create_brings_an_upload_id),
		cmocka_unit_test(a_key_of_control_bytes_can_be_uploaded),
		cmocka_unit_test(create_without_an_id_is_no_success),
		cmocka_unit_test(a_part_carries_number_id_and_checksum),
		cmocka_unit_test(every_store_has_its_last_part),
		cmocka_unit_test(a_part_without_an_etag_is_no_success),
		cmocka_unit_test(a_part_damaged_on_the_way_is_found),
		cmocka_unit_test(a_part_can_be_copied_from_a_range),
		cmocka_unit_test(a_copied_part_needs_a_range),
		cmocka_unit_test(complete_lists_the_parts),
		cmocka_unit_test(complete_wants_parts_in_order),
		cmocka_unit_test(complete_is_done_when_a_result_says_so),
		cmocka_unit_test(an_empty_etag_of_complete_is_unknown),
		cmocka_unit_test(complete_is_in_doubt_when_no_result_comes),
		cmocka_unit_test(abort_names_the_upload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
