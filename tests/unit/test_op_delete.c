/* SPDX-License-Identifier: MIT */
#include "op_fixture.h"

#include <errno.h>

static void delete_names_key_and_version(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f, "aws");
	f.req.verb = STORE_DELETE;
	f.req.key = "a";
	f.req.version = "v1";
	f.req.if_match = "\"e\"";
	assert_string_equal(fixture_wire(&f), "DELETE /bucket/a?versionId=v1\n"
	                                      "If-Match: \"e\"\n\n");
	f.context.profile = profile_find("minio");
	assert_string_equal(fixture_wire(&f),
	                    "DELETE /bucket/a?versionId=v1\n\n");

	fixture_reply(&f, 204, "");
	fixture_header(&f, "x-amz-version-id", "marker");
	assert_int_equal(fixture_decode(&f), 0);
	assert_string_equal(f.req.info.version, "marker");
	fixture_release(&f);
}

/* Keys, room for results, and the fixture around them. */
static int results[8];

static void begin_many(struct fixture *f, const char *const *keys, size_t count)
{
	fixture_init(f, "generic");
	f->req.verb = STORE_DELETE_MANY;
	f->req.delete_many.keys = keys;
	f->req.delete_many.count = count;
	f->req.delete_many.results = results;
	for (size_t i = 0; i < 8; i++)
		results[i] = -EINPROGRESS;
}

static void many_keys_are_one_quiet_document(void **state)
{
	static const char *const keys[] = {"a", "b&c <d>", "t\tn\nr\r\xc3\xa9"};
	struct fixture f;

	(void)state;
	begin_many(&f, keys, 3);
	f.context.prefix = "p/";
	f.context.checksum = S3_CHECKSUM_CRC32C;
	const char *wire = fixture_wire(&f);

	assert_non_null(strstr(
		wire,
		"<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
		"<Quiet>true</Quiet>"
		"<Object><Key>p/a</Key></Object>"
		"<Object><Key>p/b&#38;c &#60;d&#62;</Key></Object>"
		"<Object><Key>p/t&#9;n&#10;r&#13;\xc3\xa9</Key></Object>"
		"</Delete>"));
	assert_true(str_starts(wire, "POST /bucket?delete=\n"));
	assert_non_null(
		http_headers_get(&f.request.headers, "x-amz-checksum-crc32c"));
	assert_int_equal(results[0], 0);
	fixture_release(&f);
}

/* The value is md5sum(1)'s of the document. */
static void the_document_has_an_md5(void **state)
{
	static const char *const keys[] = {"a"};
	struct fixture f;

	(void)state;
	begin_many(&f, keys, 1);
	assert_int_equal(fixture_encode(&f), 0);
	assert_string_equal(http_headers_get(&f.request.headers, "content-md5"),
	                    "rDjvBw8te3aMfgzCWHCkxg==");
	fixture_release(&f);
}

static void keys_that_xml_cannot_hold_are_left_to_the_caller(void **state)
{
	static const char *const keys[] = {"a", "\x01", "\xff", "b"};
	struct fixture f;

	(void)state;
	begin_many(&f, keys, 4);
	const char *wire = fixture_wire(&f);

	assert_non_null(strstr(wire, "<Object><Key>a</Key></Object>"
	                             "<Object><Key>b</Key></Object></Delete>"));
	assert_int_equal(results[0], 0);
	assert_int_equal(results[1], -EILSEQ);
	assert_int_equal(results[2], -EILSEQ);

	fixture_reply(&f, 200, "<DeleteResult/>");
	assert_int_equal(fixture_decode(&f), 0);
	assert_int_equal(results[0], 0);
	assert_int_equal(results[1], -EILSEQ);
	assert_int_equal(results[2], -EILSEQ);
	assert_int_equal(results[3], 0);

	fixture_release(&f);
	begin_many(&f, keys + 1, 2);
	assert_int_equal(fixture_encode(&f), -EILSEQ);
	assert_int_equal(results[0], -EILSEQ);
	assert_int_equal(results[1], -EILSEQ);
	fixture_release(&f);
}

static void a_batch_has_1_to_1000_real_keys(void **state)
{
	static const char *const keys[] = {""};
	char key[STORE_KEY_MAX + 2];
	const char *const longest[] = {key};
	struct fixture f;

	(void)state;
	begin_many(&f, keys, 0);
	assert_int_equal(fixture_encode(&f), -EINVAL);
	begin_many(&f, keys, 1001);
	assert_int_equal(fixture_encode(&f), -EINVAL);
	fixture_release(&f);
	begin_many(&f, keys, 1);
	assert_int_equal(fixture_encode(&f), -EINVAL);
	fixture_release(&f);
	memset(key, 'k', sizeof(key));
	key[sizeof(key) - 1] = '\0';
	begin_many(&f, longest, 1);
	assert_int_equal(fixture_encode(&f), -ENAMETOOLONG);
	fixture_release(&f);
	begin_many(&f, longest, 1);
	key[sizeof(key) - 2] = '\0';
	assert_int_equal(fixture_encode(&f), 0);
	fixture_release(&f);
}

static void the_reply_names_what_failed(void **state)
{
	static const char *const keys[] = {"a", "b", "c", "d", "b", "e"};
	struct fixture f;

	(void)state;
	begin_many(&f, keys, 6);
	f.context.prefix = "p/";
	fixture_reply(&f, 200,
	              "<?xml version=\"1.0\"?><DeleteResult>"
	              "<Deleted><Key>p/a</Key></Deleted>"
	              "<Error><Key>p/b</Key><Code>AccessDenied</Code>"
	              "<Message>Access Denied</Message></Error>"
	              "<Error><Code>InternalError</Code><Key>p/c</Key></Error>"
	              "<Error><Key>p/d</Key><Code>Strange</Code></Error>"
	              "<Error><Key>p/e</Key><Code>NoSuchKey</Code></Error>"
	              "</DeleteResult>");
	assert_int_equal(fixture_decode(&f), 0);
	assert_int_equal(results[0], 0);
	assert_int_equal(results[1], -EACCES);
	assert_int_equal(results[2], -EIO);
	assert_int_equal(results[3], -EIO);
	assert_int_equal(results[4], -EACCES);
	assert_int_equal(results[5], 0); /* gone is gone */
	fixture_release(&f);
}

static void a_reply_that_tells_nothing_is_no_success(void **state)
{
	static const char *const wrong[] = {
		"",
		"<DeleteResult>",
		"<Other/>",
		"<DeleteResult><Error><Key>x</Key><Code>AccessDenied</Code>"
		"</Error></DeleteResult>",
		"<DeleteResult><Error><Code>AccessDenied</Code></Error>"
		"</DeleteResult>",
	};
	static const char *const keys[] = {"a"};
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		begin_many(&f, keys, 1);
		fixture_reply(&f, 200, wrong[i]);
		assert_int_equal(fixture_decode(&f), -EPROTO);
		fixture_release(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(delete_names_key_and_version),
		cmocka_unit_test(many_keys_are_one_quiet_document),
		cmocka_unit_test(the_document_has_an_md5),
		cmocka_unit_test(
			keys_that_xml_cannot_hold_are_left_to_the_caller),
		cmocka_unit_test(a_batch_has_1_to_1000_real_keys),
		cmocka_unit_test(the_reply_names_what_failed),
		cmocka_unit_test(a_reply_that_tells_nothing_is_no_success),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
