/* SPDX-License-Identifier: MIT */
/* What the transport makes of replies, good and bad. */
#include "raw_peer.h"
#include "trip.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define REPLY(text)                                            \
	{                                                      \
		{RAW_REQUEST, NULL, 0}, {RAW_SEND, (text), 0}, \
	}

/* Play steps to one GET of "/key" and keep the trip for its asserts. */
static int get(struct trip *trip, const struct raw_step *steps, size_t count)
{
	const struct raw_script script = {steps, count};
	struct raw_peer *peer = raw_peer_new(&script, 1);
	struct http_transport *t = trip_transport(1, 4);
	char *host = trip->request.host;

	trip->request.host = strdup(raw_peer_host(peer));
	int r = trip_run(trip, t);

	free(trip->request.host);
	trip->request.host = host;
	trip_transport_free(t);
	raw_peer_free(peer);
	return r;
}

static void setup(struct trip *trip)
{
	trip_init(trip, "GET", "unused", "/key");
}

static const char *text(const struct trip *trip)
{
	return str_text(&trip->call.reply.text);
}

static void a_whole_reply_is_collected(void **state)
{
	const struct raw_step steps[] =
		REPLY("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
	              "X-Amz-Request-Id:  4711 \r\nEmpty:\r\n\r\nhello");
	struct trip trip;

	(void)state;
	setup(&trip);
	assert_int_equal(get(&trip, steps, 2), 0);
	assert_int_equal(trip.call.reply.status, 200);
	assert_int_equal(trip.status, 200);
	assert_string_equal(text(&trip), "hello");

	const struct http_headers *h = &trip.call.reply.headers;

	assert_int_equal(h->count, 3);
	assert_string_equal(h->items[1].name, "x-amz-request-id");
	assert_string_equal(h->items[1].value, "4711");
	assert_string_equal(http_headers_get(h, "Empty"), "");
	assert_true(trip.call.reply.sent);
	assert_false(trip.call.reply.reused);
	trip_release(&trip);
}

static void a_body_lands_in_the_slices(void **state)
{
	const struct raw_step steps[] =
		REPLY("HTTP/1.1 206 Partial Content\r\n"
	              "Content-Length: 10\r\n\r\n0123456789");
	struct trip trip;
	char data[12] = "----------##";

	(void)state;
	setup(&trip);
	trip_into(&trip, data, 10);
	assert_int_equal(get(&trip, steps, 2), 0);
	assert_memory_equal(data, "0123456789##", 12);
	assert_int_equal(trip.call.reply.received, 10);
	assert_int_equal(trip.received, 10);
	assert_int_equal(trip.call.reply.text.len, 0);
	trip_release(&trip);
}

static void a_rest_lands_behind_what_is_there(void **state)
{
	const struct raw_step steps[] = REPLY("HTTP/1.1 206 Partial Content\r\n"
	                                      "Content-Length: 4\r\n\r\n6789");
	struct trip trip;
	char data[11] = "012345----";

	(void)state;
	setup(&trip);
	trip_into(&trip, data, 10);
	trip.request.into_offset = 6;
	trip.request.into_length = 4;
	assert_int_equal(get(&trip, steps, 2), 0);
	assert_string_equal(data, "0123456789");
	assert_int_equal(trip.call.reply.received, 4);
	trip_release(&trip);
}

static void more_than_was_asked_is_refused(void **state)
{
	const struct raw_step steps[] =
		REPLY("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n"
	              "0123456789A");
	struct trip trip;
	char data[11] = "----------";

	(void)state;
	setup(&trip);
	trip_into(&trip, data, 10);
	assert_int_equal(get(&trip, steps, 2), -EPROTO);
	assert_string_equal(trip.call.reply.err.text,
	                    "the server sent more than the 10 bytes that were "
	                    "asked for");
	trip_release(&trip);
}

static void an_error_body_is_text_even_for_a_chain(void **state)
{
	const struct raw_step steps[] =
		REPLY("HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\n\r\n"
	              "<Error");
	struct trip trip;
	char data[11] = "----------";

	(void)state;
	setup(&trip);
	trip_into(&trip, data, 10);
	assert_int_equal(get(&trip, steps, 2), 0);
	assert_int_equal(trip.call.reply.status, 404);
	assert_string_equal(text(&trip), "<Error");
	assert_string_equal(data, "----------");
	trip_release(&trip);
}

static void the_verdict_on_headers_ends_it_before_the_body(void **state)
{
	const struct raw_step steps[] =
		REPLY("HTTP/1.1 206 Partial Content\r\n"
	              "Content-Length: 10\r\n\r\n0123456789");
	struct trip trip;
	char data[11] = "----------";

	(void)state;
	setup(&trip);
	trip_into(&trip, data, 10);
	trip.verdict = -ESTALE;
	assert_int_equal(get(&trip, steps, 2), -ESTALE);
	assert_string_equal(data, "----------");
	assert_int_equal(trip.call.reply.status, 206);
	trip_release(&trip);
}

static void a_cut_body_is_an_error(void **state)
{
	const struct raw_step steps[] =
		REPLY("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234");
	struct trip trip;
	char data[11] = "----------";

	(void)state;
	setup(&trip);
	trip_into(&trip, data, 10);
	assert_int_equal(get(&trip, steps, 2), -EPROTO);
	assert_int_equal(trip.call.reply.received, 5);
	assert_non_null(
		strstr(trip.call.reply.err.text, "cut its reply short"));
	trip_release(&trip);
}

static void a_reset_in_the_body_is_an_error(void **state)
{
	const struct raw_step steps[] = {
		{RAW_REQUEST, NULL, 0},
		{RAW_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", 0},
		{RAW_RESET, NULL, 0},
	};
	struct trip trip;

	(void)state;
	setup(&trip);
	assert_int_equal(get(&trip, steps, 3), -ECONNRESET);
	assert_true(trip.call.reply.sent);
	trip_release(&trip);
}

static void a_connection_closed_without_a_reply_is_a_reset(void **state)
{
	const struct raw_step steps[] = {{RAW_REQUEST, NULL, 0}};
	struct trip trip;

	(void)state;
	setup(&trip);
	assert_int_equal(get(&trip, steps, 1), -ECONNRESET);
	assert_int_equal(trip.call.reply.status, 0);
	assert_true(trip.call.reply.sent);
	assert_non_null(
		strstr(trip.call.reply.err.text, "broke the connection off"));
	trip_release(&trip);
}

static void headers_that_stop_in_the_middle_are_an_error(void **state)
{
	const struct raw_step steps[] = REPLY("HTTP/1.1 200 OK\r\nContent-Le");
	struct trip trip;

	(void)state;
	setup(&trip);
	assert_true(get(&trip, steps, 2) < 0);
	assert_int_equal(trip.call.reply.status, 0);
	trip_release(&trip);
}

static void what_is_not_http_is_an_error(void **state)
{
	const struct raw_step steps[] = REPLY("SSH-2.0-OpenSSH_9.2\r\n");
	struct trip trip;

	(void)state;
	setup(&trip);
	assert_int_equal(get(&trip, steps, 2), -EPROTO);
	trip_release(&trip);
}

static void endless_headers_are_cut_off(void **state)
{
	const struct raw_step steps[] = {
		{RAW_REQUEST, NULL, 0},
		{RAW_SEND, "HTTP/1.1 200 OK\r\n", 0},
		{RAW_REPEAT, "X-Junk: 0123456789abcdef0123456789\r\n",
	         SIZE_MAX},
	};
	struct trip trip;

	(void)state;
	setup(&trip);
	assert_int_equal(get(&trip, steps, 3), -EPROTO);
	assert_string_equal(trip.call.reply.err.text,
	                    "the reply's headers exceed 65536 bytes");
	trip_release(&trip);
}

static void one_endless_header_line_is_cut_off(void **state)
{
	const struct raw_step steps[] = {
		{RAW_REQUEST, NULL, 0},
		{RAW_SEND, "HTTP/1.1 200 OK\r\nX-Junk: ", 0},
		{RAW_REPEAT, "0123456789abcdef0123456789abcdef", SIZE_MAX},
	};
	struct trip trip;

	(void)state;
	setup(&trip);
	assert_true(get(&trip, steps, 3) < 0);
	trip_release(&trip);
}

static void endless_interim_replies_are_cut_off(void **state)
{
	const struct raw_step steps[] = {
		{RAW_REQUEST, NULL, 0},
		{RAW_REPEAT, "HTTP/1.1 102 Processing\r\n\r\n", SIZE_MAX},
	};
	struct trip trip;

	(void)state;
	setup(&trip);
	assert_int_equal(get(&trip, steps, 2), -EPROTO);
	trip_release(&trip);
}

static void an_endless_error_body_is_cut_off(void **state)
{
	const struct raw_step steps[] = {
		{RAW_REQUEST, NULL, 0},
		{RAW_SEND, "HTTP/1.1 500 Oops\r\n\r\n", 0},
		{RAW_REPEAT, "0123456789abcdef0123456789abcdef", SIZE_MAX},
	};
	struct trip trip;

	(void)state;
	setup(&trip);
	assert_int_equal(get(&trip, steps, 3), -EPROTO);
	assert_int_equal(trip.call.reply.status, 500);
	assert_true(trip.call.reply.text.len <= HTTP_ERROR_BYTES_MAX);
	trip_release(&trip);
}

static void an_endless_good_body_is_cut_off(void **state)
{
	const struct raw_step steps[] = {
		{RAW_REQUEST, NULL, 0},
		{RAW_SEND, "HTTP/1.1 200 OK\r\n\r\n", 0},
		{RAW_REPEAT, "0123456789abcdef0123456789abcdef", SIZE_MAX},
	};
	struct trip trip;

	(void)state;
	setup(&trip);
	assert_int_equal(get(&trip, steps, 3), -EPROTO);
	assert_string_equal(trip.call.reply.err.text,
	                    "the reply's body exceeds 1048576 bytes");
	trip_release(&trip);
}

static void interim_replies_are_passed_over(void **state)
{
	const struct raw_step steps[] =
		REPLY("HTTP/1.1 100 Continue\r\n\r\n"
	              "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
	              "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	struct trip trip;

	(void)state;
	setup(&trip);
	assert_int_equal(get(&trip, steps, 2), 0);
	assert_int_equal(trip.call.reply.status, 200);
	assert_int_equal(trip.call.reply.headers.count, 1);
	assert_string_equal(text(&trip), "ok");
	trip_release(&trip);
}

static void chunks_are_joined_and_trailers_ignored(void **state)
{
	const struct raw_step steps[] =
		REPLY("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	              "5\r\nhello\r\n7;x=y\r\n, world\r\n0\r\n"
	              "X-Trailer: late\r\n\r\n");
	struct trip trip;

	(void)state;
	setup(&trip);
	assert_int_equal(get(&trip, steps, 2), 0);
	assert_string_equal(text(&trip), "hello, world");
	assert_null(http_headers_get(&trip.call.reply.headers, "x-trailer"));
	trip_release(&trip);
}

static void cut_chunks_are_an_error(void **state)
{
	const struct raw_step steps[] =
		REPLY("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	              "5\r\nhello\r\n");
	struct trip trip;

	(void)state;
	setup(&trip);
	assert_int_equal(get(&trip, steps, 2), -EPROTO);
	trip_release(&trip);
}

static void http_1_0_ends_with_the_connection(void **state)
{
	const struct raw_step steps[] =
		REPLY("HTTP/1.0 200 OK\r\nServer: old\r\n\r\nhello");
	struct trip trip;

	(void)state;
	setup(&trip);
	assert_int_equal(get(&trip, steps, 2), 0);
	assert_string_equal(text(&trip), "hello");
	trip_release(&trip);
}

static void redirects_are_replies_like_others(void **state)
{
	const struct raw_step steps[] =
		REPLY("HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:9/\r\n"
	              "Content-Length: 0\r\n\r\n");
	struct trip trip;

	(void)state;
	setup(&trip);
	assert_int_equal(get(&trip, steps, 2), 0);
	assert_int_equal(trip.call.reply.status, 301);
	trip_release(&trip);
}

static void a_compressed_object_stays_compressed(void **state)
{
	const struct raw_step steps[] =
		REPLY("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
	              "Content-Length: 5\r\n\r\nhello");
	struct trip trip;

	(void)state;
	setup(&trip);
	assert_int_equal(get(&trip, steps, 2), 0);
	assert_string_equal(text(&trip), "hello");
	trip_release(&trip);
}

static void head_has_a_length_and_no_body(void **state)
{
	const struct raw_step steps[] =
		REPLY("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
	struct trip trip;

	(void)state;
	trip_init(&trip, "HEAD", "unused", "/key");
	assert_int_equal(get(&trip, steps, 2), 0);
	assert_string_equal(http_headers_get(&trip.call.reply.headers,
	                                     "content-length"),
	                    "1000");
	trip_release(&trip);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_reply_is_collected),
		cmocka_unit_test(a_body_lands_in_the_slices),
		cmocka_unit_test(a_rest_lands_behind_what_is_there),
		cmocka_unit_test(more_than_was_asked_is_refused),
		cmocka_unit_test(an_error_body_is_text_even_for_a_chain),
		cmocka_unit_test(
			the_verdict_on_headers_ends_it_before_the_body),
		cmocka_unit_test(a_cut_body_is_an_error),
		cmocka_unit_test(a_reset_in_the_body_is_an_error),
		cmocka_unit_test(
			a_connection_closed_without_a_reply_is_a_reset),
		cmocka_unit_test(headers_that_stop_in_the_middle_are_an_error),
		cmocka_unit_test(what_is_not_http_is_an_error),
		cmocka_unit_test(endless_headers_are_cut_off),
		cmocka_unit_test(one_endless_header_line_is_cut_off),
		cmocka_unit_test(endless_interim_replies_are_cut_off),
		cmocka_unit_test(an_endless_error_body_is_cut_off),
		cmocka_unit_test(an_endless_good_body_is_cut_off),
		cmocka_unit_test(interim_replies_are_passed_over),
		cmocka_unit_test(chunks_are_joined_and_trailers_ignored),
		cmocka_unit_test(cut_chunks_are_an_error),
		cmocka_unit_test(http_1_0_ends_with_the_connection),
		cmocka_unit_test(redirects_are_replies_like_others),
		cmocka_unit_test(a_compressed_object_stays_compressed),
		cmocka_unit_test(head_has_a_length_and_no_body),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
