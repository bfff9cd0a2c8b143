/* SPDX-License-Identifier: MIT */
/*
 * The peer as a server: who may ask, what it answers, and how the three kinds
 * of servers differ.
 */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* One request's status; its body is appended to *body unless NULL. */
static int ask(struct world *world, const struct talk_request *request,
               struct str *body)
{
	struct talk_reply reply;
	int status;

	talk(world->port, request, &reply);
	assert_int_equal(reply.end, TALK_WHOLE);
	if (body) {
		cleanup(str_release) struct str text = talk_body(&reply);

		str_reset(body);
		str_add_mem(body, str_text(&text), text.len);
	}
	status = reply.status;
	talk_reply_release(&reply);
	return status;
}

/* Likewise, and whether the head has a line. */
static bool head_has(struct world *world, const struct talk_request *request,
                     const char *line)
{
	struct talk_reply reply;
	bool has;

	talk(world->port, request, &reply);
	has = strcasestr(str_text(&reply.bytes), line) != NULL;
	if (!has)
		print_message("%s\n", str_text(&reply.bytes));
	talk_reply_release(&reply);
	return has;
}

static void an_object_goes_in_and_out(void **state)
{
	struct world *world = world_new(NULL, false);
	cleanup(str_release) struct str body = {0};
	struct talk_request put = {.method = "PUT",
	                           .bucket = "one",
	                           .key = "a b/\xc3\xa9%\n",
	                           .headers = {{"content-type", "text/x"},
	                                       {"x-amz-meta-Who", "me"}},
	                           .body = "0123456789",
	                           .body_len = 10,
	                           .signed_payload = true};
	struct talk_request get = {.method = "GET",
	                           .bucket = "one",
	                           .key = put.key,
	                           .presigned = true};

	(void)state;
	assert_int_equal(ask(world, &put, NULL), 200);
	assert_int_equal(ask(world, &get, &body), 200);
	assert_string_equal(str_text(&body), "0123456789");
	assert_true(head_has(world, &get, "\r\nContent-Type: text/x\r\n"));
	assert_true(head_has(world, &get, "\r\nx-amz-meta-who: me\r\n"));
	assert_true(head_has(world, &get,
	                     "\r\nETag: \"781e5e245d69b566979b86e28d23f2c7\""));
	get.method = "HEAD";
	assert_true(head_has(world, &get, "\r\nContent-Length: 10\r\n"));
	get.method = "DELETE";
	assert_int_equal(ask(world, &get, NULL), 204);
	assert_int_equal(fake_store_count(world->one), 0);
	world_free(world);
}

static void ranges_are_answered_as_http_says(void **state)
{
	static const struct {
		const char *range;
		int status;
		const char *body;
		const char *line;
	} cases[] = {
		{"bytes=0-3", 206, "0123", "Content-Range: bytes 0-3/10\r\n"},
		{"bytes=8-", 206, "89", "Content-Range: bytes 8-9/10\r\n"},
		{"bytes=8-99", 206, "89", "Content-Range: bytes 8-9/10\r\n"},
		{"bytes=-3", 206, "789", "Content-Range: bytes 7-9/10\r\n"},
		{"bytes=10-", 416, NULL, ""},
		{"bytes=-0", 416, NULL, ""},
		{"lines=1-2", 200, "0123456789", "Content-Length: 10\r\n"},
	};
	struct world *world = world_new(NULL, false);
	cleanup(str_release) struct str body = {0};

	(void)state;
	(void)fake_store_put_text(world->one, "k", "0123456789");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct talk_request get = {
			.method = "GET",
			.bucket = "one",
			.key = "k",
			.headers = {{"range", cases[i].range}},
		};

		assert_int_equal(ask(world, &get, &body), cases[i].status);
		if (cases[i].body)
			assert_string_equal(str_text(&body), cases[i].body);
		assert_true(head_has(world, &get, cases[i].line));
	}
	world_free(world);
}

static void strangers_are_turned_away(void **state)
{
	struct world *world = world_new(NULL, false);
	cleanup(str_release) struct str body = {0};
	struct talk_request get = {.method = "GET",
	                           .bucket = "one",
	                           .key = "k",
	                           .secret = "SKWRONG"};

	(void)state;
	assert_int_equal(ask(world, &get, &body), 403);
	assert_non_null(strstr(str_text(&body), "SignatureDoesNotMatch"));
	get.secret = NULL;
	get.now = time(NULL) - 3600;
	assert_int_equal(ask(world, &get, &body), 403);
	assert_non_null(strstr(str_text(&body), "RequestTimeTooSkewed"));
	get.now = 0;
	get.token = "stolen";
	assert_int_equal(ask(world, &get, &body), 400);
	assert_non_null(strstr(str_text(&body), "InvalidToken"));
	get.token = NULL;
	get.bucket = "three";
	assert_int_equal(ask(world, &get, &body), 404);
	assert_non_null(strstr(str_text(&body), "NoSuchBucket"));
	world_free(world);
}

static void keys_can_be_changed_while_it_runs(void **state)
{
	struct world *world = world_new(NULL, false);
	struct talk_request head = {.method = "HEAD", .bucket = "one"};

	(void)state;
	assert_int_equal(ask(world, &head, NULL), 200);
	assert_int_equal(s3peer_set_keys(world->front, "AKPEER", "SKNEW", "T"),
	                 0);
	assert_int_equal(ask(world, &head, NULL), 400); /* no token */
	head.token = "T";
	assert_int_equal(ask(world, &head, NULL), 403);
	head.secret = "SKNEW";
	assert_int_equal(ask(world, &head, NULL), 200);
	world_free(world);
}

static void a_body_that_was_changed_is_refused(void **state)
{
	const struct s3peer_config config = {
		.rules = "request=PUT action=flip phase=mid-request",
	};
	struct world *world = world_new(&config, false);
	cleanup(str_release) struct str body = {0};
	struct talk_request put = {.method = "PUT",
	                           .bucket = "one",
	                           .key = "k",
	                           .body = "0123456789",
	                           .body_len = 10,
	                           .signed_payload = true};

	(void)state;
	assert_int_equal(ask(world, &put, &body), 400);
	assert_non_null(strstr(str_text(&body), "XAmzContentSHA256Mismatch"));

	put.signed_payload = false;
	put.headers[0].name = "content-md5";
	put.headers[0].value = "eB5eJF1ptWaXm4bijSPyxw==";
	assert_int_equal(ask(world, &put, &body), 400);
	assert_non_null(strstr(str_text(&body), "BadDigest"));

	put.headers[0].name = "x-amz-checksum-crc32c";
	put.headers[0].value = "KAwGng=="; /* of 0123456789 */
	assert_int_equal(ask(world, &put, &body), 400);
	assert_non_null(strstr(str_text(&body), "BadDigest"));
	assert_int_equal(fake_store_count(world->one), 0);

	assert_int_equal(s3peer_set_rules(world->front, "", NULL), 0);
	assert_int_equal(ask(world, &put, NULL), 200);
	world_free(world);
}

static void lists_are_what_the_store_says(void **state)
{
	struct world *world = world_new(NULL, false);
	cleanup(str_release) struct str body = {0};
	struct talk_request list = {.method = "GET",
	                            .bucket = "one",
	                            .query = {{"delimiter", "/"},
	                                      {"encoding-type", "url"},
	                                      {"list-type", "2"},
	                                      {"max-keys", "2"}}};

	(void)state;
	(void)fake_store_put_text(world->one, "a\x01<", "x");
	(void)fake_store_put_text(world->one, "d/1", "x");
	(void)fake_store_put_text(world->one, "z", "x");
	assert_int_equal(ask(world, &list, &body), 200);
	assert_non_null(strstr(str_text(&body), "<Key>a%01%3C</Key>"));
	assert_non_null(
		strstr(str_text(&body), "<CommonPrefixes><Prefix>d/</Prefix>"));
	assert_non_null(strstr(str_text(&body), "<IsTruncated>true<"));
	assert_null(strstr(str_text(&body), "<Key>z</Key>"));

	list.query[1].name = NULL;
	assert_int_equal(ask(world, &list, &body), 200);
	assert_non_null(strstr(str_text(&body), "<Key>a&#x01;&lt;</Key>"));
	world_free(world);
}

/* An upload of one part; its id. */
static void upload_part(struct world *world, char *ret_id, size_t size)
{
	cleanup(str_release) struct str body = {0};
	struct talk_request create = {.method = "POST",
	                              .bucket = "one",
	                              .key = "k",
	                              .query = {{"uploads", ""}}};
	struct talk_request part = {.method = "PUT",
	                            .bucket = "one",
	                            .key = "k",
	                            .query = {{"partNumber", "1"},
	                                      {"uploadId", ret_id}},
	                            .body = "hello",
	                            .body_len = 5};

	assert_int_equal(ask(world, &create, &body), 200);

	const char *id = strstr(str_text(&body), "<UploadId>") + 10;

	(void)snprintf(ret_id, size, "%.*s", (int)strcspn(id, "<"), id);
	assert_int_equal(ask(world, &part, NULL), 200);
}

/* Complete it; status and body. */
static int complete(struct world *world, const char *id, struct str *body)
{
	static const char xml[] =
		"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>"
		"<ETag>&quot;5d41402abc4b2a76b9719d911017c592&quot;</ETag>"
		"</Part></CompleteMultipartUpload>";
	const struct talk_request request = {.method = "POST",
	                                     .bucket = "one",
	                                     .key = "k",
	                                     .query = {{"uploadId", id}},
	                                     .body = xml,
	                                     .body_len = strlen(xml)};

	return ask(world, &request, body);
}

static void aws_completes_once_and_says_the_etag(void **state)
{
	struct world *world = world_new(NULL, false);
	cleanup(str_release) struct str body = {0};
	char id[64] = "";

	(void)state;
	upload_part(world, id, sizeof(id));
	assert_int_equal(complete(world, id, &body), 200);
	assert_non_null(strstr(str_text(&body), "-1&quot;</ETag>"));
	assert_int_equal(complete(world, id, &body), 404);
	assert_non_null(strstr(str_text(&body), "NoSuchUpload"));
	world_free(world);
}

static void rgw_completes_without_an_etag_and_again_with_one(void **state)
{
	const struct s3peer_config config = {.habits = S3PEER_RGW16};
	struct world *world = world_new(&config, false);
	cleanup(str_release) struct str body = {0};
	char id[64] = "";

	(void)state;
	upload_part(world, id, sizeof(id));
	assert_int_equal(complete(world, id, &body), 200);
	assert_non_null(strstr(str_text(&body), "<ETag></ETag>"));
	assert_int_equal(complete(world, id, &body), 200);
	assert_non_null(strstr(str_text(&body), "-1&quot;</ETag>"));
	world_free(world);
}

/* The status of a PUT with one header, over an object that is there. */
static int put_over(enum s3peer_habits habits, const char *name,
                    const char *value)
{
	const struct s3peer_config config = {.habits = habits};
	struct world *world = world_new(&config, false);
	const struct talk_request put = {.method = "PUT",
	                                 .bucket = "one",
	                                 .key = "k",
	                                 .headers = {{name, value}}};
	int status;

	(void)fake_store_put_text(world->one, "k", "hello");
	status = ask(world, &put, NULL);
	world_free(world);
	return status;
}

#define HELLO_MD5 "5d41402abc4b2a76b9719d911017c592"

static void rgw_wants_if_match_without_quotes(void **state)
{
	const char *quoted = "\"" HELLO_MD5 "\"";

	(void)state;
	assert_int_equal(put_over(S3PEER_AWS, "if-match", quoted), 200);
	assert_int_equal(put_over(S3PEER_MINIO, "if-match", quoted), 200);
	assert_int_equal(put_over(S3PEER_RGW16, "if-match", quoted), 412);
	assert_int_equal(put_over(S3PEER_RGW16, "if-match", HELLO_MD5), 200);
	assert_int_equal(put_over(S3PEER_AWS, "if-match", "\"other\""), 412);
	for (unsigned habits = S3PEER_AWS; habits <= S3PEER_MINIO; habits++)
		assert_int_equal(put_over(habits, "if-none-match", "*"), 412);
}

static void rgw_ignores_what_others_heed(void **state)
{
	(void)state;
	assert_int_equal(put_over(S3PEER_AWS, "x-amz-checksum-crc32c", "AA=="),
	                 400);
	assert_int_equal(
		put_over(S3PEER_MINIO, "x-amz-checksum-crc32c", "AA=="), 400);
	assert_int_equal(
		put_over(S3PEER_RGW16, "x-amz-checksum-crc32c", "AA=="), 200);
}

/* The status of a copy from two/k to one/k2 with one header. */
static int copy_with(enum s3peer_habits habits, const char *name,
                     const char *value)
{
	const struct s3peer_config config = {.habits = habits};
	struct world *world = world_new(&config, false);
	const struct talk_request copy = {
		.method = "PUT",
		.bucket = "one",
		.key = "k2",
		.headers = {{"x-amz-copy-source", "/two/k"}, {name, value}},
	};
	int status;

	(void)fake_store_put_text(world->two, "k", "hello");
	status = ask(world, &copy, NULL);
	if (status == 200) {
		cleanup(freep) char *content = world_content(world->one, "k2");

		assert_string_equal(content, "hello");
	}
	world_free(world);
	return status;
}

static void copies_go_between_buckets_under_conditions(void **state)
{
	const char *name = "x-amz-copy-source-if-match";

	(void)state;
	assert_int_equal(copy_with(S3PEER_AWS, NULL, NULL), 200);
	assert_int_equal(copy_with(S3PEER_AWS, name, "\"" HELLO_MD5 "\""), 200);
	assert_int_equal(copy_with(S3PEER_AWS, name, "\"other\""), 412);
	assert_int_equal(copy_with(S3PEER_MINIO, name, "\"other\""), 412);
	assert_int_equal(copy_with(S3PEER_RGW16, name, "\"other\""), 200);
	assert_int_equal(copy_with(S3PEER_RGW16, "x-amz-copy-if-match",
	                           "\"other\""),
	                 412);
}

static void servers_are_known_by_their_heads(void **state)
{
	static const struct {
		enum s3peer_habits habits;
		const char *line;
	} cases[] = {
		{S3PEER_AWS, "\r\nServer: AmazonS3\r\n"},
		{S3PEER_MINIO, "\r\nServer: MinIO\r\n"},
		{S3PEER_RGW16, "\r\nTransfer-Encoding: chunked\r\n"},
		{S3PEER_RGW16, "\r\nx-amz-request-id: tx0000000000000"},
	};
	const struct talk_request list = {.method = "GET", .bucket = "one"};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct s3peer_config config = {.habits = cases[i].habits};
		struct world *world = world_new(&config, false);

		assert_true(head_has(world, &list, cases[i].line));
		world_free(world);
	}
}

static void a_line_serves_many_requests(void **state)
{
	struct world *world = world_new(NULL, false);
	const struct talk_request head = {.method = "HEAD", .bucket = "one"};
	cleanup(closep) int fd = talk_connect(world->port);

	(void)state;
	for (unsigned i = 1; i <= 5; i++) {
		cleanup(str_release) struct str bytes = {0};
		struct talk_reply reply;

		talk_render(&head, world->port, &bytes);
		assert_int_equal(talk_send(fd, bytes.data, bytes.len),
		                 bytes.len);
		talk_receive(fd, true, 1000, &reply);
		assert_int_equal(reply.status, 200);
		talk_reply_release(&reply);
		assert_int_equal(world_event(world, i).nth_on_connection, i);
	}
	world_free(world);
}

static void rules_and_counts_can_be_asked_for(void **state)
{
	struct world *world = world_new(NULL, false);
	cleanup(str_release) struct str body = {0};
	struct talk_request control = {.method = "PUT",
	                               .bucket = ".s3peer",
	                               .key = "rules",
	                               .body = "action=fly",
	                               .body_len = 10};
	const struct talk_request head = {.method = "HEAD", .bucket = "one"};

	(void)state;
	assert_int_equal(ask(world, &control, &body), 400);
	assert_non_null(strstr(str_text(&body), "no action 'fly'"));
	control.body = "action=status:503";
	control.body_len = strlen(control.body);
	assert_int_equal(ask(world, &control, NULL), 204);
	assert_int_equal(ask(world, &head, NULL), 503);
	control.method = "DELETE";
	assert_int_equal(ask(world, &control, NULL), 204);
	assert_int_equal(ask(world, &head, NULL), 200);
	control.method = "GET";
	control.key = "stats";
	assert_int_equal(ask(world, &control, &body), 200);
	assert_non_null(strstr(str_text(&body), "\"OTHER\":2},\"faults\":1"));
	world_free(world);
}

static void what_is_no_http_ends_the_line(void **state)
{
	static const char *const texts[] = {"hello\r\n\r\n",
	                                    "GET /%zz HTTP/1.1\r\n\r\n",
	                                    "GET /%00 HTTP/1.1\r\n\r\n"};
	struct world *world = world_new(NULL, false);

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		cleanup(closep) int fd = talk_connect(world->port);
		struct talk_reply reply;

		(void)talk_send(fd, texts[i], strlen(texts[i]));
		talk_receive(fd, false, 1000, &reply);
		assert_int_equal(reply.status, 400);
		assert_int_not_equal(reply.end, TALK_SILENT);
		talk_reply_release(&reply);
	}
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_object_goes_in_and_out),
		cmocka_unit_test(ranges_are_answered_as_http_says),
		cmocka_unit_test(strangers_are_turned_away),
		cmocka_unit_test(keys_can_be_changed_while_it_runs),
		cmocka_unit_test(a_body_that_was_changed_is_refused),
		cmocka_unit_test(lists_are_what_the_store_says),
		cmocka_unit_test(aws_completes_once_and_says_the_etag),
		cmocka_unit_test(
			rgw_completes_without_an_etag_and_again_with_one),
		cmocka_unit_test(rgw_wants_if_match_without_quotes),
		cmocka_unit_test(rgw_ignores_what_others_heed),
		cmocka_unit_test(copies_go_between_buckets_under_conditions),
		cmocka_unit_test(servers_are_known_by_their_heads),
		cmocka_unit_test(a_line_serves_many_requests),
		cmocka_unit_test(rules_and_counts_can_be_asked_for),
		cmocka_unit_test(what_is_no_http_ends_the_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
