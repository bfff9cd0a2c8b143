/* SPDX-License-Identifier: MIT */
#include "s3peer_http.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* A request's head that must be right; release it. */
static struct peer_head request_of(const char *text)
{
	struct peer_head head;

	assert_int_equal(peer_head_parse_request(&head, text, strlen(text)), 0);
	return head;
}

static void a_head_ends_at_its_blank_line(void **state)
{
	const char *text = "GET / HTTP/1.1\r\nA: b\r\n\r\nbody";

	(void)state;
	assert_int_equal(peer_head_find(text, strlen(text)), 24);
	for (size_t len = 0; len < 24; len++)
		assert_int_equal(peer_head_find(text, len), 0);
}

static void a_request_is_taken_apart(void **state)
{
	struct peer_head head = request_of("PUT /b/a%20b?x=1 HTTP/1.1\r\n"
	                                   "Host: h:80\r\n"
	                                   "content-LENGTH:  12 \r\n"
	                                   "Expect: 100-continue\r\n"
	                                   "X-Empty:\r\n\r\n");

	(void)state;
	assert_string_equal(head.method, "PUT");
	assert_string_equal(head.target, "/b/a%20b?x=1");
	assert_int_equal(head.count, 4);
	assert_string_equal(peer_head_get(&head, "HOST"), "h:80");
	assert_string_equal(peer_head_get(&head, "x-empty"), "");
	assert_null(peer_head_get(&head, "x-none"));
	assert_true(head.has_length);
	assert_int_equal(head.length, 12);
	assert_true(head.expect);
	assert_false(head.close);
	assert_false(head.chunked);
	peer_head_release(&head);
}

static void a_reply_is_taken_apart(void **state)
{
	const char *text = "HTTP/1.1 206 Partial Content\r\n"
			   "Transfer-Encoding: chunked\r\n"
			   "Connection: Close\r\n\r\n";
	struct peer_head head;

	(void)state;
	assert_int_equal(peer_head_parse_reply(&head, text, strlen(text)), 0);
	assert_int_equal(head.status, 206);
	assert_true(head.chunked);
	assert_true(head.close);
	assert_false(head.has_length);
	peer_head_release(&head);
}

static void http_1_0_closes_unless_told_otherwise(void **state)
{
	struct peer_head head = request_of("GET / HTTP/1.0\r\n\r\n");

	(void)state;
	assert_true(head.close);
	peer_head_release(&head);
	head = request_of("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	assert_false(head.close);
	peer_head_release(&head);
}

static void what_is_no_http_is_refused(void **state)
{
	static const char *const texts[] = {
		"\r\n\r\n",
		"GET /\r\n\r\n",
		"GET HTTP/1.1\r\n\r\n",
		"GET x HTTP/1.1\r\n\r\n",
		"GET / HTTP/2.0\r\n\r\n",
		"GET / HTTP/1.1\r\nno colon\r\n\r\n",
		"GET / HTTP/1.1\r\n: empty\r\n\r\n",
		"GET / HTTP/1.1\r\nblank : x\r\n\r\n",
		"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
		"GET / HTTP/1.1\r\nContent-Length: 1x\r\n\r\n",
		("GET / HTTP/1.1\r\nContent-Length: 1\r\n"
	         "Content-Length: 2\r\n\r\n"),
	};
	struct peer_head head;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(peer_head_parse_request(&head, texts[i],
		                                         strlen(texts[i])),
		                 -EPROTO);
	assert_int_equal(
		peer_head_parse_request(&head, "GET /\0 HTTP/1.1\r\n\r\n", 20),
		-EPROTO);
	assert_int_equal(peer_head_parse_reply(&head, "HTTP/1.1 2x0 O\r\n\r\n",
	                                       18),
	                 -EPROTO);
	assert_int_equal(peer_head_parse_reply(&head, "HTTP/1.1 20\r\n\r\n",
	                                       15),
	                 -EPROTO);
}

static void some_replies_have_no_body(void **state)
{
	(void)state;
	assert_true(peer_has_body("GET", 200));
	assert_true(peer_has_body("GET", 404));
	assert_false(peer_has_body("HEAD", 200));
	assert_false(peer_has_body("GET", 304));
	assert_false(peer_has_body("DELETE", 204));
	assert_false(peer_has_body("PUT", 100));
}

static const char chunked[] = "4\r\nWiki\r\n5;ext=1\r\npedia\r\nA\r\n"
			      "0123456789\r\n0\r\nTrailer: x\r\n\r\n";

static void chunks_are_decoded_however_they_are_cut(void **state)
{
	const size_t len = strlen(chunked);

	(void)state;
	for (size_t step = 1; step <= len; step++) {
		struct peer_chunked c = {0};
		struct str text = {0};

		for (size_t at = 0; at < len; at += step) {
			size_t n = len - at < step ? len - at : step;

			assert_false(c.done);
			assert_int_equal(peer_chunked_feed(&c, chunked + at, n,
			                                   &text),
			                 n);
		}
		assert_true(c.done);
		assert_string_equal(str_text(&text), "Wikipedia0123456789");
		str_release(&text);
	}
}

static void what_follows_the_last_chunk_is_not_taken(void **state)
{
	struct peer_chunked c = {0};
	const char *text = "1\r\nx\r\n0\r\n\r\nHTTP/1.1 200 OK";

	(void)state;
	assert_int_equal(peer_chunked_feed(&c, text, strlen(text), NULL), 11);
	assert_true(c.done);
	assert_int_equal(peer_chunked_feed(&c, text, strlen(text), NULL), 0);
}

static void bad_chunks_are_refused(void **state)
{
	static const char *const texts[] = {"x\r\n", "\r\n", "1\r\nab",
	                                    "1234567890abcdef0"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct peer_chunked c = {0};

		assert_int_equal(peer_chunked_feed(&c, texts[i],
		                                   strlen(texts[i]), NULL),
		                 -EPROTO);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_head_ends_at_its_blank_line),
		cmocka_unit_test(a_request_is_taken_apart),
		cmocka_unit_test(a_reply_is_taken_apart),
		cmocka_unit_test(http_1_0_closes_unless_told_otherwise),
		cmocka_unit_test(what_is_no_http_is_refused),
		cmocka_unit_test(some_replies_have_no_body),
		cmocka_unit_test(chunks_are_decoded_however_they_are_cut),
		cmocka_unit_test(what_follows_the_last_chunk_is_not_taken),
		cmocka_unit_test(bad_chunks_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
