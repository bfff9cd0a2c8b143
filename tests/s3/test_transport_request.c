/* SPDX-License-Identifier: MIT */
/* What the transport puts on the wire, byte by byte. */
#include "raw_peer.h"
#include "trip.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define OK_REPLY "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

static const struct raw_step always_ok[] = {
	{RAW_REQUEST, NULL, 0},
	{RAW_SEND, OK_REPLY, 0},
	{RAW_AGAIN, NULL, 0},
};
static const struct raw_script ok_script = RAW_SCRIPT(always_ok);

struct bench {
	struct raw_peer *peer;
	struct http_transport *transport;
};

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	b->peer = raw_peer_new(&ok_script, 1);
	b->transport = trip_transport(1, 4);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	trip_transport_free(b->transport);
	raw_peer_free(b->peer);
	free(b);
	return 0;
}

/* Send it and return what the peer read. */
static const char *sent(struct bench *b, struct trip *trip)
{
	assert_int_equal(trip_run(trip, b->transport), 0);
	assert_int_equal(trip->call.reply.status, 200);
	return raw_peer_request(b->peer, raw_peer_requests(b->peer) - 1);
}

static void a_get_is_as_plain_as_can_be(void **state)
{
	struct bench *b = *state;
	struct trip trip;
	char *want = str_printf("GET /b/k?a=1&b= HTTP/1.1\r\n"
	                        "Host: %s\r\nUser-Agent: porterfs/%s\r\n"
	                        "Accept: */*\r\nX-Amz-Date: now\r\n"
	                        "X-Empty:\r\n\r\n",
	                        raw_peer_host(b->peer), PORTERFS_VERSION);

	trip_init(&trip, "GET", raw_peer_host(b->peer), "/b/k");
	str_add(&trip.request.query, "a=1&b=");
	http_headers_add(&trip.request.headers, "X-Amz-Date", "now");
	http_headers_add(&trip.request.headers, "X-Empty", "");
	assert_string_equal(sent(b, &trip), want);
	free(want);
	trip_release(&trip);
}

static void paths_are_sent_as_they_are(void **state)
{
	struct bench *b = *state;
	const char *path = "/b/../a//./%2E%2e/%20~'()*!";
	struct trip trip;

	trip_init(&trip, "GET", raw_peer_host(b->peer), path);
	assert_memory_equal(sent(b, &trip) + 4, path, strlen(path));
	trip_release(&trip);
}

static void a_put_sends_its_slices_in_order(void **state)
{
	struct bench *b = *state;
	char body[] = "0123456789abcdef";
	struct trip trip;

	trip_init(&trip, "PUT", raw_peer_host(b->peer), "/k");
	trip_body(&trip, body, 16);

	const char *got = sent(b, &trip);

	assert_non_null(strstr(got, "PUT /k HTTP/1.1\r\n"));
	assert_non_null(strstr(got, "\r\nContent-Length: 16\r\n"));
	assert_string_equal(strstr(got, "\r\n\r\n") + 4, body);
	assert_null(strstr(got, "Expect"));
	assert_null(strstr(got, "Content-Type"));
	trip_release(&trip);
}

static void a_large_put_expects_no_100(void **state)
{
	struct bench *b = *state;
	size_t size = (size_t)5 << 20;
	char *body = malloc(size);
	struct trip trip;

	for (size_t i = 0; i < size; i++)
		body[i] = (char)('a' + i % 23);
	trip_init(&trip, "PUT", raw_peer_host(b->peer), "/k");
	trip_body(&trip, body, size);

	const char *got = sent(b, &trip);
	const char *end = strstr(got, "\r\n\r\n");

	assert_memory_equal(end + 4, body, size);
	assert_null(memmem(got, (size_t)(end - got), "Expect", 6));
	free(body);
	trip_release(&trip);
}

static void an_empty_put_says_so(void **state)
{
	struct bench *b = *state;
	struct trip trip;

	trip_init(&trip, "PUT", raw_peer_host(b->peer), "/k");
	assert_non_null(strstr(sent(b, &trip), "\r\nContent-Length: 0\r\n"));
	trip_release(&trip);
}

static void a_post_sends_its_text(void **state)
{
	struct bench *b = *state;
	struct trip trip;

	trip_init(&trip, "POST", raw_peer_host(b->peer), "/k");
	str_add(&trip.request.query, "uploads=");
	str_add(&trip.request.text, "<Delete/>");

	const char *got = sent(b, &trip);

	assert_non_null(strstr(got, "POST /k?uploads= HTTP/1.1\r\n"));
	assert_string_equal(strstr(got, "\r\n\r\n") + 4, "<Delete/>");
	trip_release(&trip);
}

static void an_empty_post_says_so(void **state)
{
	struct bench *b = *state;
	struct trip trip;

	trip_init(&trip, "POST", raw_peer_host(b->peer), "/k");
	assert_non_null(strstr(sent(b, &trip), "\r\nContent-Length: 0\r\n"));
	trip_release(&trip);
}

static void a_delete_has_no_body(void **state)
{
	struct bench *b = *state;
	struct trip trip;

	trip_init(&trip, "DELETE", raw_peer_host(b->peer), "/k");

	const char *got = sent(b, &trip);

	assert_non_null(strstr(got, "DELETE /k HTTP/1.1\r\n"));
	assert_null(strstr(got, "Content-Length"));
	trip_release(&trip);
}

/* The same easy handle carries them all: nothing of one is in the next. */
static void methods_do_not_rub_off(void **state)
{
	struct bench *b = *state;
	const char *methods[] = {"PUT",  "GET",  "HEAD",   "GET",
	                         "POST", "HEAD", "DELETE", "GET"};
	char body[] = "body";

	for (size_t i = 0; i < 8; i++) {
		struct trip trip;

		trip_init(&trip, methods[i], raw_peer_host(b->peer), "/k");
		if (methods[i][0] == 'P')
			trip_body(&trip, body, 4);

		const char *got = sent(b, &trip);

		assert_memory_equal(got, methods[i], strlen(methods[i]));
		assert_string_equal(strstr(got, "\r\n\r\n") + 4,
		                    methods[i][0] == 'P' ? "body" : "");
		trip_release(&trip);
	}
	assert_int_equal(raw_peer_connections(b->peer), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_get_is_as_plain_as_can_be),
		cmocka_unit_test(paths_are_sent_as_they_are),
		cmocka_unit_test(a_put_sends_its_slices_in_order),
		cmocka_unit_test(a_large_put_expects_no_100),
		cmocka_unit_test(an_empty_put_says_so),
		cmocka_unit_test(a_post_sends_its_text),
		cmocka_unit_test(an_empty_post_says_so),
		cmocka_unit_test(a_delete_has_no_body),
		cmocka_unit_test_setup_teardown(methods_do_not_rub_off, setup,
	                                        teardown),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
