/* SPDX-License-Identifier: MIT */
#include "s3peer_log.h"
#include "s3peer_reply.h"
#include "s3peer_route.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The route of "METHOD TARGET" and more header lines; release it. */
static int route_of(const char *start, const char *lines, const char *domain,
                    struct peer_route *ret)
{
	char text[512];
	struct peer_head head;

	(void)snprintf(text, sizeof(text), "%s HTTP/1.1\r\n%s\r\n", start,
	               lines);
	assert_int_equal(peer_head_parse_request(&head, text, strlen(text)), 0);

	int r = peer_route_parse(&head, domain, ret);

	peer_head_release(&head);
	return r;
}

static void every_verb_is_recognized(void **state)
{
	static const struct {
		const char *start;
		const char *lines;
		unsigned verb;
	} cases[] = {
		{"HEAD /b/k", "", STORE_HEAD},
		{"GET /b/k", "", STORE_GET},
		{"GET /b/k?versionId=1", "", STORE_GET},
		{"PUT /b/k", "", STORE_PUT},
		{"PUT /b/k", "x-amz-copy-source: b/c\r\n", STORE_COPY},
		{"DELETE /b/k", "", STORE_DELETE},
		{"POST /b?delete", "", STORE_DELETE_MANY},
		{"POST /b/?delete=", "", STORE_DELETE_MANY},
		{"GET /b?list-type=2", "", STORE_LIST},
		{"GET /b/", "", STORE_LIST},
		{"POST /b/k?uploads", "", STORE_MPU_CREATE},
		{"PUT /b/k?partNumber=1&uploadId=x", "", STORE_MPU_PART},
		{"PUT /b/k?partNumber=1&uploadId=x",
	         "X-Amz-Copy-Source: b/c\r\n", STORE_MPU_PART_COPY},
		{"POST /b/k?uploadId=x", "", STORE_MPU_COMPLETE},
		{"DELETE /b/k?uploadId=x", "", STORE_MPU_ABORT},
		{"GET /b/k?uploadId=x", "", STORE_MPU_LIST_PARTS},
		{"GET /b?uploads", "", STORE_MPU_LIST},
		{"GET /", "", PEER_VERB_OTHER},
		{"HEAD /b", "", PEER_VERB_OTHER},
		{"GET /b?location", "", PEER_VERB_OTHER},
		{"PUT /b", "", PEER_VERB_OTHER},
		{"PUT /b/k?acl", "", PEER_VERB_OTHER},
		{"POST /b/k", "", PEER_VERB_OTHER},
		{"PATCH /b/k", "", PEER_VERB_OTHER},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct peer_route route;

		assert_int_equal(route_of(cases[i].start, cases[i].lines, NULL,
		                          &route),
		                 0);
		if (route.verb != cases[i].verb)
			fail_msg("%s is %s", cases[i].start,
			         peer_verb_name(route.verb));
		peer_route_release(&route);
	}
}

static void names_are_decoded(void **state)
{
	struct peer_route route;

	(void)state;
	assert_int_equal(route_of("GET /b/a%20b%2Fc+d//?x=1+2&y=%2B&z", "",
	                          NULL, &route),
	                 0);
	assert_string_equal(route.bucket, "b");
	assert_string_equal(route.key, "a b/c+d//");
	assert_string_equal(peer_route_get(&route, "x"), "1 2");
	assert_string_equal(peer_route_get(&route, "y"), "+");
	assert_string_equal(peer_route_get(&route, "z"), "");
	assert_null(peer_route_get(&route, "Z"));
	peer_route_release(&route);
}

static void a_bucket_can_be_in_the_host(void **state)
{
	static const struct {
		const char *host;
		const char *bucket;
		const char *key;
	} cases[] = {
		{"Host: my.bucket.localhost:80\r\n", "my.bucket", "a/k"},
		{"Host: my.LOCALHOST\r\n", "my", "a/k"},
		{"Host: localhost:80\r\n", "a", "k"},
		{"Host: .localhost\r\n", "a", "k"},
		{"Host: mylocalhost\r\n", "a", "k"},
		{"", "a", "k"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct peer_route route;

		assert_int_equal(route_of("GET /a/k", cases[i].host,
		                          "localhost", &route),
		                 0);
		assert_string_equal(route.bucket, cases[i].bucket);
		assert_string_equal(route.key, cases[i].key);
		peer_route_release(&route);
	}
}

static void bad_targets_are_refused(void **state)
{
	static const char *const starts[] = {"GET /b/%", "GET /b/%4",
	                                     "GET /b/%zz", "GET /b/a%00b",
	                                     "GET /b?x=%"};
	struct peer_route route;

	(void)state;
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
		assert_int_equal(route_of(starts[i], "", NULL, &route),
		                 -EINVAL);
}

static void copy_sources_are_split(void **state)
{
	static const char *const bad[] = {"",   "/",   "b",
	                                  "b/", "/b/", "b/k?versionId=1"};
	char *bucket = NULL;
	char *key = NULL;

	(void)state;
	assert_int_equal(peer_route_source("/b/x%2Fy/z%20", &bucket, &key), 0);
	assert_string_equal(bucket, "b");
	assert_string_equal(key, "x/y/z ");
	free(bucket);
	free(key);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(peer_route_source(bad[i], &bucket, &key),
		                 -EINVAL);
}

static void utf8_is_told_from_other_bytes(void **state)
{
	static const char *const good[] = {"",
	                                   "a\x01\x7f",
	                                   "\xc3\x9f",
	                                   "\xe2\x82\xac",
	                                   "\xf0\x9f\x98\x80",
	                                   "\xf4\x8f\xbf\xbf"};
	static const char *const bad[] = {"\x80",
	                                  "\xff",
	                                  "\xc3",
	                                  "\xc3z",
	                                  "\xc0\xaf",
	                                  "\xe0\x80\xaf",
	                                  "\xed\xa0\x80",
	                                  "\xe2\x82",
	                                  "\xf4\x90\x80\x80",
	                                  "\xf0\x80\x80\x80"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(peer_is_utf8(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(peer_is_utf8(bad[i]));
}

static void xml_texts_go_in_and_out(void **state)
{
	static const char odd[] = "a<b>&\"'c\x01\n\xc3\x9f";
	struct str s = {0};
	char *decoded;

	(void)state;
	peer_xml_add(&s, odd, strlen(odd));
	assert_string_equal(str_text(&s),
	                    "a&lt;b&gt;&amp;&quot;'c&#x01;&#x0a;\xc3\x9f");
	decoded = peer_xml_decode(s.data, s.len);
	assert_string_equal(decoded, odd);
	free(decoded);
	str_release(&s);
	assert_null(peer_xml_decode("a&b", 3));
	assert_null(peer_xml_decode("&#x;", 4));
	assert_null(peer_xml_decode("&#0;", 4));
}

static void elements_are_found(void **state)
{
	const char *xml = "<A><B>one</B><B>two</B><C></C><D>";
	size_t len = 0;
	const char *text = peer_xml_find(xml, strlen(xml), "B", &len);

	(void)state;
	assert_memory_equal(text, "one", 3);
	assert_int_equal(len, 3);
	assert_non_null(peer_xml_find(xml, strlen(xml), "C", &len));
	assert_int_equal(len, 0);
	assert_null(peer_xml_find(xml, strlen(xml), "D", &len));
	assert_null(peer_xml_find(xml, strlen(xml), "E", &len));
	assert_null(peer_xml_find(xml, 5, "B", &len));
}

static void a_reply_becomes_bytes(void **state)
{
	struct peer_reply reply = {.status = 206};
	const struct peer_manner manner = {.server = "S", .id = "1", .now = 0};
	struct peer_wire wire = {0};

	(void)state;
	peer_reply_field(&reply, "ETag", "\"%d\"", 7);
	str_add(&reply.body, "body");
	assert_int_equal(peer_reply_render(&reply, &manner, &wire), 0);
	assert_string_equal(str_text(&wire.head),
	                    "HTTP/1.1 206 Partial Content\r\n"
	                    "ETag: \"7\"\r\nServer: S\r\n"
	                    "x-amz-request-id: 1\r\n"
	                    "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
	                    "Content-Length: 4\r\n\r\n");
	assert_int_equal(wire.size, wire.head.len + 4);
	assert_int_equal(wire.half, wire.head.len + 2);
	peer_wire_release(&wire);
	peer_reply_release(&reply);
}

static void etags_in_heads_and_documents_are_spoilt(void **state)
{
	const struct peer_fault fault = {.action = PEER_WRONG_ETAG};
	struct peer_reply reply = {.status = 200};

	(void)state;
	peer_reply_field(&reply, "ETag", "\"0123\"");
	str_add(&reply.body, "<R><ETag>&quot;89ab&quot;</ETag></R>");
	peer_reply_spoil(&reply, &fault);
	assert_string_equal(str_text(&reply.fields), "ETag: \"1123\"\r\n");
	assert_string_equal(str_text(&reply.body),
	                    "<R><ETag>&quot;09ab&quot;</ETag></R>");
	peer_reply_release(&reply);
}

static void logs_are_lines_of_json(void **state)
{
	const struct s3peer_event event = {
		.id = 7,
		.verb = "MPU_PART",
		.bucket = "b",
		.key = "a \"\xff",
		.status = 200,
		.committed = true,
		.fault = "flip",
		.phase = "mid-reply",
		.etag = "\"x\"",
		.upload_id = "u\\",
		.part = 3,
		.bytes_in = 5,
		.start_us = 1,
		.took_us = 2,
		.nth_on_connection = 1,
	};
	struct s3peer_event read = event;
	struct str s = {0};

	(void)state;
	peer_log_request(&s, &event);
	assert_string_equal(
		str_text(&s),
		"{\"id\":7,\"verb\":\"MPU_PART\",\"bucket\":\"b\","
		"\"key\":\"a%20%22%FF\",\"upload\":\"u\\\\\",\"part\":3,"
		"\"status\":200,\"in\":5,\"out\":0,\"start_us\":1,"
		"\"took_us\":2,\"nth\":1,\"fault\":\"flip\","
		"\"phase\":\"mid-reply\"}\n");
	str_reset(&s);
	peer_log_oracle(&s, &event);
	assert_string_equal(
		str_text(&s),
		"{\"id\":7,\"verb\":\"MPU_PART\",\"bucket\":\"b\","
		"\"key\":\"a%20%22%FF\",\"upload\":\"u\\\\\",\"part\":3,"
		"\"status\":200,\"committed\":true,\"acknowledged\":false,"
		"\"etag\":\"\\\"x\\\"\",\"fault\":\"flip\","
		"\"phase\":\"mid-reply\"}\n");
	str_reset(&s);
	read.verb = "GET";
	peer_log_oracle(&s, &read);
	assert_string_equal(str_text(&s), "");
	str_release(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_verb_is_recognized),
		cmocka_unit_test(names_are_decoded),
		cmocka_unit_test(a_bucket_can_be_in_the_host),
		cmocka_unit_test(bad_targets_are_refused),
		cmocka_unit_test(copy_sources_are_split),
		cmocka_unit_test(utf8_is_told_from_other_bytes),
		cmocka_unit_test(xml_texts_go_in_and_out),
		cmocka_unit_test(elements_are_found),
		cmocka_unit_test(a_reply_becomes_bytes),
		cmocka_unit_test(etags_in_heads_and_documents_are_spoilt),
		cmocka_unit_test(logs_are_lines_of_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
