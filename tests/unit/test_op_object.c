/* SPDX-License-Identifier: MIT */
#include "op_fixture.h"

#include <errno.h>

#define ETAG "\"0123456789abcdef0123456789abcdef\""

/* Room for what a GET brings. */
static uint8_t memory[100];
static const struct slice room = {memory, sizeof(memory)};

static void head_asks_for_the_key(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f, "aws");
	f.req.verb = STORE_HEAD;
	f.req.key = "a/b.txt";
	assert_string_equal(fixture_wire(&f), "HEAD /bucket/a/b.txt\n\n");
	assert_string_equal(f.request.scheme, "http");
	assert_string_equal(f.request.host, "127.0.0.1:9000");
	assert_int_equal(f.request.connect_ms, 5000);
	assert_int_equal(f.request.first_byte_ms, 30000);
	assert_false(f.request.may_idle);
	assert_int_equal(f.request.text_max, HTTP_ERROR_BYTES_MAX);
	fixture_release(&f);
}

static void a_key_is_coded_once_and_never_normalised(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f, "aws");
	f.req.verb = STORE_HEAD;
	f.req.key = "/a//b/../. /100%25\x01\x7f\xff\xc3\xa9+&=?#~";
	assert_string_equal(fixture_wire(&f),
	                    "HEAD /bucket//a//b/../.%20/"
	                    "100%2525%01%7F%FF%C3%A9%2B%26%3D%3F%23~\n\n");
	fixture_release(&f);
}

static void every_byte_but_nul_can_be_in_a_key(void **state)
{
	struct fixture f;
	char key[256];

	(void)state;
	for (unsigned i = 1; i < 256; i++)
		key[i - 1] = (char)i;
	key[255] = '\0';
	fixture_init(&f, "aws");
	f.req.verb = STORE_HEAD;
	f.req.key = key;
	assert_int_equal(fixture_encode(&f), 0);

	struct str back = {0};

	assert_int_equal(str_uri_decode(f.request.path.data + 8,
	                                f.request.path.len - 8, false, &back),
	                 0);
	assert_string_equal(back.data, key);
	str_release(&back);
	fixture_release(&f);
}

static void the_bucket_may_be_in_the_host(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f, "aws");
	f.endpoint =
		(struct s3_endpoint){.tls = true, .host = "bucket.example.com"};
	f.req.verb = STORE_HEAD;
	f.req.key = "a";
	assert_string_equal(fixture_wire(&f), "HEAD /a\n\n");
	assert_string_equal(f.request.scheme, "https");
	fixture_release(&f);
}

static void a_base_path_and_a_prefix_come_before_the_key(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f, "aws");
	(void)snprintf(f.endpoint.base_path, sizeof(f.endpoint.base_path),
	               "/api");
	f.context.prefix = "some dir/";
	f.req.verb = STORE_HEAD;
	f.req.key = "a";
	assert_string_equal(fixture_wire(&f),
	                    "HEAD /api/bucket/some%20dir/a\n\n");
	fixture_release(&f);
}

static void a_key_has_1_to_1024_bytes_with_the_prefix(void **state)
{
	struct fixture f;
	char key[STORE_KEY_MAX + 2];

	(void)state;
	fixture_init(&f, "aws");
	f.req.verb = STORE_HEAD;
	assert_int_equal(fixture_encode(&f), -EINVAL);
	f.req.key = "";
	assert_int_equal(fixture_encode(&f), -EINVAL);

	memset(key, 'k', sizeof(key));
	key[STORE_KEY_MAX] = '\0';
	f.req.key = key;
	assert_int_equal(fixture_encode(&f), 0);
	f.context.prefix = "p";
	assert_int_equal(fixture_encode(&f), -ENAMETOOLONG);
	assert_non_null(strstr(f.req.err.text, "1024"));
	fixture_release(&f);
}

static void what_the_bucket_demands_goes_with_everything(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f, "aws");
	f.context.requester_pays = true;
	f.context.expected_owner = "123456789012";
	f.context.sse_c_key = "a2V5";
	f.context.sse_c_key_md5 = "bWQ1";
	f.req.verb = STORE_HEAD;
	f.req.key = "a";
	f.req.version = "v 1";
	f.req.if_match = ETAG;
	assert_string_equal(
		fixture_wire(&f),
		"HEAD /bucket/a?versionId=v%201\n"
		"x-amz-request-payer: requester\n"
		"x-amz-expected-bucket-owner: 123456789012\n"
		"If-Match: " ETAG "\n"
		"x-amz-server-side-encryption-customer-algorithm: AES256\n"
		"x-amz-server-side-encryption-customer-key: a2V5\n"
		"x-amz-server-side-encryption-customer-key-MD5: bWQ1\n\n");
	fixture_release(&f);
}

static void head_tells_all_about_an_object(void **state)
{
	struct fixture f;
	const struct object_info *info = &f.req.info;

	(void)state;
	fixture_init(&f, "aws");
	f.req.verb = STORE_HEAD;
	fixture_header(&f, "content-length", "5497558138880");
	fixture_header(&f, "etag", "\"0123456789abcdef0123456789abcdef-77\"");
	fixture_header(&f, "last-modified", "Sun, 06 Nov 1994 08:49:37 GMT");
	fixture_header(&f, "x-amz-version-id", "v1");
	fixture_header(&f, "x-amz-storage-class", "STANDARD_IA");
	fixture_header(&f, "content-type", "text/plain");
	fixture_header(&f, "content-encoding", "gzip");
	fixture_header(&f, "cache-control", "no-store");
	fixture_header(&f, "content-disposition", "inline");
	fixture_header(&f, "x-amz-meta-mtime", "1.5");
	fixture_header(&f, "X-Amz-Meta-Name", "=?UTF-8?B?aMOp?=");
	assert_int_equal(fixture_decode(&f), 0);

	assert_int_equal(info->size, UINT64_C(5497558138880));
	assert_string_equal(info->etag,
	                    "\"0123456789abcdef0123456789abcdef-77\"");
	assert_int_equal(info->parts, 77);
	assert_int_equal(info->mtime.tv_sec, 784111777);
	assert_string_equal(info->version, "v1");
	assert_string_equal(info->storage_class, "STANDARD_IA");
	assert_string_equal(info->headers.content_type, "text/plain");
	assert_string_equal(info->headers.content_encoding, "gzip");
	assert_string_equal(info->headers.cache_control, "no-store");
	assert_string_equal(info->headers.content_disposition, "inline");
	assert_int_equal(info->headers.meta_count, 2);
	assert_string_equal(info->headers.meta[0].name, "mtime");
	assert_string_equal(info->headers.meta[0].value, "1.5");
	assert_string_equal(info->headers.meta[1].name, "name");
	assert_string_equal(info->headers.meta[1].value, "h\xc3\xa9");
	fixture_release(&f);
}

static void head_without_a_length_is_no_reply_of_s3(void **state)
{
	static const char *const wrong[] = {"", "-1", "12x",
	                                    "99999999999999999999999"};
	struct fixture f;

	(void)state;
	fixture_init(&f, "aws");
	f.req.verb = STORE_HEAD;
	assert_int_equal(fixture_decode(&f), -EPROTO);
	for (size_t i = 0; i < 4; i++) {
		fixture_reply(&f, 200, "");
		fixture_header(&f, "content-length", wrong[i]);
		assert_int_equal(fixture_decode(&f), -EPROTO);
		assert_non_null(strstr(f.req.err.text, "Content-Length"));
	}
	fixture_release(&f);
}

static void odd_etags_are_quoted_and_long_ones_refused(void **state)
{
	char etag[STORE_ETAG_MAX + 10];
	struct fixture f;

	(void)state;
	fixture_init(&f, "aws");
	f.req.verb = STORE_HEAD;
	fixture_header(&f, "content-length", "0");
	fixture_header(&f, "etag", "abc-3");
	fixture_header(&f, "x-amz-version-id", "null");
	assert_int_equal(fixture_decode(&f), 0);
	assert_string_equal(f.req.info.etag, "\"abc-3\"");
	assert_int_equal(f.req.info.parts, 3);
	assert_string_equal(f.req.info.version, "");

	fixture_reply(&f, 200, "");
	fixture_header(&f, "content-length", "0");
	fixture_header(&f, "etag", "W/\"weak\"");
	assert_int_equal(fixture_decode(&f), 0);
	assert_string_equal(f.req.info.etag, "W/\"weak\"");

	memset(etag, 'e', sizeof(etag) - 1);
	etag[sizeof(etag) - 1] = '\0';
	fixture_reply(&f, 200, "");
	fixture_header(&f, "content-length", "0");
	fixture_header(&f, "etag", etag);
	assert_int_equal(fixture_decode(&f), -EPROTO);
	fixture_release(&f);
}

/* ---- GET ---- */

/* A GET of length bytes at offset. */
static void begin_get(struct fixture *f, uint64_t offset, uint64_t length)
{
	fixture_init(f, "aws");
	f->req.verb = STORE_GET;
	f->req.key = "a";
	f->req.get.offset = offset;
	f->req.get.length = length;
	f->req.get.into = (struct chain){&room, 1};
}

/* A 206; NULL leaves a header out. */
static void reply_206(struct fixture *f, const char *range, const char *length,
                      const char *etag)
{
	fixture_reply(f, 206, "");
	if (range)
		fixture_header(f, "content-range", range);
	if (length)
		fixture_header(f, "content-length", length);
	if (etag)
		fixture_header(f, "etag", etag);
}

static void get_asks_for_a_range_of_one_version(void **state)
{
	struct fixture f;

	(void)state;
	begin_get(&f, 8, 50);
	f.req.if_match = ETAG;
	assert_string_equal(fixture_wire(&f), "GET /bucket/a\n"
	                                      "Range: bytes=8-57\n"
	                                      "If-Match: " ETAG "\n\n");
	assert_int_equal(f.request.into.count, 1);
	assert_int_equal(f.request.into_offset, 0);
	assert_int_equal(f.request.into_length, 50);
	fixture_release(&f);
}

static void get_after_a_cut_asks_for_the_rest_of_that_version(void **state)
{
	struct fixture f;

	(void)state;
	begin_get(&f, 8, 50);
	reply_206(&f, "bytes 8-57/1000", "50", ETAG);
	assert_int_equal(fixture_check(&f), 0);
	f.req.get.received = 20;
	assert_string_equal(fixture_wire(&f), "GET /bucket/a\n"
	                                      "Range: bytes=28-57\n"
	                                      "If-Match: " ETAG "\n\n");
	assert_int_equal(f.request.into_offset, 20);
	assert_int_equal(f.request.into_length, 30);

	reply_206(&f, "bytes 28-57/1000", "30", ETAG);
	assert_int_equal(fixture_check(&f), 0);
	f.reply.received = 30;
	assert_int_equal(fixture_decode(&f), 0);
	assert_int_equal(f.req.get.received, 50);
	fixture_release(&f);
}

static void get_wants_a_range_and_room_for_it(void **state)
{
	struct fixture f;

	(void)state;
	begin_get(&f, 0, 0);
	assert_int_equal(fixture_encode(&f), -EINVAL);
	begin_get(&f, 0, 101);
	assert_int_equal(fixture_encode(&f), -EINVAL);
	begin_get(&f, UINT64_MAX, 2);
	assert_int_equal(fixture_encode(&f), -EINVAL);
	begin_get(&f, UINT64_MAX - 1, 1);
	assert_int_equal(fixture_encode(&f), 0);
	fixture_release(&f);
}

static void get_believes_the_exact_range_only(void **state)
{
	static const struct {
		const char *range;
		const char *length;
		int want;
	} rows[] = {
		{"bytes 8-57/1000", "50", 0},
		{"bytes 8-57/58", "50", 0},
		{"bytes 8-57/1000", NULL, 0},
		{"bytes 8-40/41", "33", 0},         /* the end */
		{"bytes 8-40/1000", "33", -EPROTO}, /* short before it */
		{"bytes 8-57/1000", "49", -EPROTO}, /* two minds */
		{"bytes 8-57/1000", "x", -EPROTO},
		{"bytes 0-49/1000", "50", -EPROTO}, /* another start */
		{"bytes 9-57/1000", "49", -EPROTO},
		{"bytes 8-58/1000", "51", -EPROTO}, /* too much */
		{"bytes 8-57/*", "50", -EPROTO},
		{"bytes */1000", "50", -EPROTO},
		{"bytes 8-57/57", "50", -EPROTO}, /* beyond the end */
		{"bytes 57-8/1000", "50", -EPROTO},
		{"bytes 8-57", "50", -EPROTO},
		{"octets 8-57/1000", "50", -EPROTO},
		{"bytes 8-57/1000 ", "50", -EPROTO},
		{"bytes 8-99999999999999999999/1000", "50", -EPROTO},
		{"bytes -8-57/1000", "50", -EPROTO},
		{NULL, "50", -EPROTO},
	};
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin_get(&f, 8, 50);
		reply_206(&f, rows[i].range, rows[i].length, ETAG);
		if (fixture_check(&f) != rows[i].want)
			fail_msg("%s, %s: %s", rows[i].range, rows[i].length,
			         f.req.err.text);
		fixture_release(&f);
	}
}

static void get_notes_the_version_before_its_bytes(void **state)
{
	struct fixture f;

	(void)state;
	begin_get(&f, 0, 50);
	reply_206(&f, "bytes 0-49/1000", "50", ETAG);
	fixture_header(&f, "last-modified", "Sun, 06 Nov 1994 08:49:37 GMT");
	assert_int_equal(fixture_check(&f), 0);
	assert_int_equal(f.req.info.size, 1000);
	assert_string_equal(f.req.info.etag, ETAG);
	assert_int_equal(f.req.info.mtime.tv_sec, 784111777);
	fixture_release(&f);
}

static void get_takes_no_other_version(void **state)
{
	struct fixture f;

	(void)state;
	begin_get(&f, 0, 50);
	f.req.if_match = "\"other\"";
	reply_206(&f, "bytes 0-49/1000", "50", ETAG);
	assert_int_equal(fixture_check(&f), -ESTALE);
	assert_string_equal(f.req.info.etag, "");

	reply_206(&f, "bytes 0-49/1000", "50", NULL);
	assert_int_equal(fixture_check(&f), -EPROTO);

	f.req.if_match = ETAG;
	reply_206(&f, "bytes 0-49/1000", "50", ETAG);
	assert_int_equal(fixture_check(&f), 0);

	/* After a cut, with one ETag and two sizes. */
	f.req.get.received = 10;
	reply_206(&f, "bytes 10-49/999", "40", ETAG);
	assert_int_equal(fixture_check(&f), -EPROTO);
	reply_206(&f, "bytes 10-49/1000", "40", "\"new\"");
	assert_int_equal(fixture_check(&f), -ESTALE);
	fixture_release(&f);
}

static void a_200_is_a_whole_object_that_fits_or_nothing(void **state)
{
	static const struct {
		uint64_t offset;
		const char *length;
		int want;
	} rows[] = {
		{0, "50", 0},       {0, "7", 0},        {0, "0", 0},
		{0, "51", -EPROTO}, {0, NULL, -EPROTO}, {8, "50", -EPROTO},
		{8, "58", -EPROTO}, {8, "0", -EPROTO},
	};
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin_get(&f, rows[i].offset, 50);
		fixture_reply(&f, 200, "");
		fixture_header(&f, "etag", ETAG);
		if (rows[i].length)
			fixture_header(&f, "content-length", rows[i].length);
		assert_int_equal(fixture_check(&f), rows[i].want);
		fixture_release(&f);
	}
}

static void other_successes_are_none_and_failures_pass(void **state)
{
	struct fixture f;

	(void)state;
	begin_get(&f, 0, 50);
	fixture_reply(&f, 204, "");
	assert_int_equal(fixture_check(&f), -EPROTO);
	fixture_reply(&f, 404, "");
	assert_int_equal(fixture_check(&f), 0);
	fixture_reply(&f, 416, "");
	assert_int_equal(fixture_check(&f), 0);
	fixture_release(&f);
}

static void get_counts_what_came(void **state)
{
	struct fixture f;

	(void)state;
	begin_get(&f, 8, 50);
	reply_206(&f, "bytes 8-40/41", "33", ETAG);
	fixture_header(&f, "x-amz-meta-mode", "33188");
	assert_int_equal(fixture_check(&f), 0);
	f.reply.received = 32;
	assert_int_equal(fixture_decode(&f), -EPROTO);
	f.reply.received = 33;
	assert_int_equal(fixture_decode(&f), 0);
	assert_int_equal(f.req.get.received, 33);
	assert_int_equal(f.req.info.headers.meta_count, 1);
	assert_string_equal(f.req.info.headers.meta[0].value, "33188");
	fixture_release(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(head_asks_for_the_key),
		cmocka_unit_test(a_key_is_coded_once_and_never_normalised),
		cmocka_unit_test(every_byte_but_nul_can_be_in_a_key),
		cmocka_unit_test(the_bucket_may_be_in_the_host),
		cmocka_unit_test(a_base_path_and_a_prefix_come_before_the_key),
		cmocka_unit_test(a_key_has_1_to_1024_bytes_with_the_prefix),
		cmocka_unit_test(what_the_bucket_demands_goes_with_everything),
		cmocka_unit_test(head_tells_all_about_an_object),
		cmocka_unit_test(head_without_a_length_is_no_reply_of_s3),
		cmocka_unit_test(odd_etags_are_quoted_and_long_ones_refused),
		cmocka_unit_test(get_asks_for_a_range_of_one_version),
		cmocka_unit_test(
			get_after_a_cut_asks_for_the_rest_of_that_version),
		cmocka_unit_test(get_wants_a_range_and_room_for_it),
		cmocka_unit_test(get_believes_the_exact_range_only),
		cmocka_unit_test(get_notes_the_version_before_its_bytes),
		cmocka_unit_test(get_takes_no_other_version),
		cmocka_unit_test(a_200_is_a_whole_object_that_fits_or_nothing),
		cmocka_unit_test(other_successes_are_none_and_failures_pass),
		cmocka_unit_test(get_counts_what_came),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
