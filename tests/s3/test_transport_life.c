/* SPDX-License-Identifier: MIT */
/* Connections kept, lost, refused; calls cancelled, queued, timed out. */
#include "base/clock.h"
#include "raw_peer.h"
#include "trip.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define OK_REPLY "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static const struct raw_step always_ok[] = {
	{RAW_REQUEST, NULL, 0},
	{RAW_SEND, OK_REPLY, 0},
	{RAW_AGAIN, NULL, 0},
};
static const struct raw_step once_ok[] = {
	{RAW_REQUEST, NULL, 0},
	{RAW_SEND, OK_REPLY, 0},
};
static const struct raw_step ok_then_reset[] = {
	{RAW_REQUEST, NULL, 0},
	{RAW_SEND, OK_REPLY, 0},
	{RAW_REQUEST, NULL, 0},
	{RAW_RESET, NULL, 0},
};
static const struct raw_step reset_in_request[] = {
	{RAW_TAKE, NULL, 100000},
	{RAW_RESET, NULL, 0},
};
static const struct raw_step closing[] = {
	{RAW_REQUEST, NULL, 0},
	{RAW_SEND,
         "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
         0},
};
static const struct raw_step silent[] = {{RAW_STALL, NULL, 0}};
static const struct raw_step half_a_body[] = {
	{RAW_REQUEST, NULL, 0},
	{RAW_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234", 0},
	{RAW_STALL, NULL, 0},
};

static uint64_t now_ms(void)
{
	return clock_ms(clock_system());
}

static void a_thousand_requests_take_few_connections(void **state)
{
	const struct raw_script script = RAW_SCRIPT(always_ok);
	struct raw_peer *peer = raw_peer_new(&script, 1);
	struct http_transport *t = trip_transport(2, 8);
	struct trip *trips = calloc(20, sizeof(*trips));

	(void)state;
	for (size_t i = 0; i < 20; i++)
		trip_init(&trips[i], "GET", raw_peer_host(peer), "/k");
	for (size_t round = 0; round < 50; round++) {
		for (size_t i = 0; i < 20; i++)
			trip_start(&trips[i], t);
		for (size_t i = 0; i < 20; i++) {
			trip_wait(&trips[i]);
			assert_int_equal(trips[i].call.reply.error, 0);
			assert_string_equal(str_text(&trips[i].call.reply.text),
			                    "ok");
		}
	}
	assert_int_equal(raw_peer_requests(peer), 1000);
	assert_true(raw_peer_connections(peer) <= 8);
	assert_true(trips[19].call.reply.reused);
	for (size_t i = 0; i < 20; i++)
		trip_release(&trips[i]);
	free(trips);
	trip_transport_free(t);
	raw_peer_free(peer);
}

static void one_after_another_takes_one_connection(void **state)
{
	const struct raw_script script = RAW_SCRIPT(always_ok);
	struct raw_peer *peer = raw_peer_new(&script, 1);
	struct http_transport *t = trip_transport(2, 8);
	struct trip trip;

	(void)state;
	trip_init(&trip, "GET", raw_peer_host(peer), "/k");
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(trip_run(&trip, t), 0);
		assert_int_equal(trip.call.reply.reused, i > 0);
	}
	assert_int_equal(raw_peer_connections(peer), 1);
	trip_release(&trip);
	trip_transport_free(t);
	raw_peer_free(peer);
}

static void connection_close_is_heeded(void **state)
{
	const struct raw_script script = RAW_SCRIPT(closing);
	struct raw_peer *peer = raw_peer_new(&script, 1);
	struct http_transport *t = trip_transport(1, 4);
	struct trip trip;

	(void)state;
	trip_init(&trip, "GET", raw_peer_host(peer), "/k");
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(trip_run(&trip, t), 0);
		assert_false(trip.call.reply.reused);
	}
	assert_int_equal(raw_peer_connections(peer), 3);
	trip_release(&trip);
	trip_transport_free(t);
	raw_peer_free(peer);
}

static void a_kept_connection_that_was_closed_does_no_harm(void **state)
{
	const struct raw_script script = RAW_SCRIPT(once_ok);
	struct raw_peer *peer = raw_peer_new(&script, 1);
	struct http_transport *t = trip_transport(1, 4);
	struct trip trip;

	(void)state;
	trip_init(&trip, "GET", raw_peer_host(peer), "/k");
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(trip_run(&trip, t), 0);
		assert_string_equal(str_text(&trip.call.reply.text), "ok");
	}
	trip_release(&trip);
	trip_transport_free(t);
	raw_peer_free(peer);
}

static void
a_kept_connection_dies_in_use_and_the_body_is_sent_again(void **state)
{
	const struct raw_script scripts[] = {RAW_SCRIPT(ok_then_reset),
	                                     RAW_SCRIPT(always_ok)};
	struct raw_peer *peer = raw_peer_new(scripts, 2);
	struct http_transport *t = trip_transport(1, 4);
	char body[] = "the whole body";
	struct trip trip;

	(void)state;
	trip_init(&trip, "PUT", raw_peer_host(peer), "/k");
	trip_body(&trip, body, 14);
	assert_int_equal(trip_run(&trip, t), 0);
	assert_int_equal(trip_run(&trip, t), 0);
	assert_int_equal(raw_peer_connections(peer), 2);
	assert_int_equal(raw_peer_requests(peer), 3);
	assert_string_equal(strstr(raw_peer_request(peer, 2), "\r\n\r\n") + 4,
	                    body);
	trip_release(&trip);
	trip_transport_free(t);
	raw_peer_free(peer);
}

static void what_may_go_out_once_is_not_sent_again_unseen(void **state)
{
	const struct raw_script scripts[] = {RAW_SCRIPT(ok_then_reset),
	                                     RAW_SCRIPT(always_ok)};
	struct raw_peer *peer = raw_peer_new(scripts, 2);
	struct http_transport *t = trip_transport(1, 4);
	struct trip trip;

	(void)state;
	trip_init(&trip, "POST", raw_peer_host(peer), "/k");
	trip.request.once = true;
	assert_int_equal(trip_run(&trip, t), 0);
	assert_int_equal(trip_run(&trip, t), -ECONNRESET);
	assert_true(trip.call.reply.sent);
	assert_int_equal(raw_peer_requests(peer), 2);
	trip_release(&trip);
	trip_transport_free(t);
	raw_peer_free(peer);
}

static void a_reset_inside_the_request_is_told(void **state)
{
	const struct raw_script script = RAW_SCRIPT(reset_in_request);
	struct raw_peer *peer = raw_peer_new(&script, 1);
	struct http_transport *t = trip_transport(1, 4);
	size_t size = (size_t)8 << 20;
	char *body = calloc(1, size);
	struct trip trip;

	(void)state;
	trip_init(&trip, "PUT", raw_peer_host(peer), "/k");
	trip_body(&trip, body, size);
	assert_int_equal(trip_run(&trip, t), -ECONNRESET);
	assert_true(trip.call.reply.sent);
	trip_release(&trip);
	free(body);
	trip_transport_free(t);
	raw_peer_free(peer);
}

static void nobody_listening_is_refused(void **state)
{
	const struct raw_script script = RAW_SCRIPT(always_ok);
	struct raw_peer *peer = raw_peer_new(&script, 1);
	struct http_transport *t = trip_transport(1, 4);
	struct trip trip;

	(void)state;
	trip_init(&trip, "GET", raw_peer_host(peer), "/k");
	raw_peer_free(peer);
	assert_int_equal(trip_run(&trip, t), -ECONNREFUSED);
	assert_false(trip.call.reply.sent);
	assert_non_null(strstr(trip.call.reply.err.text,
	                       "refused: nothing listens there"));
	trip_release(&trip);
	trip_transport_free(t);
}

static void a_name_nobody_knows_is_unreachable(void **state)
{
	struct http_transport *t = trip_transport(1, 4);
	struct trip trip;

	(void)state;
	trip_init(&trip, "GET", "no-such-host.invalid", "/k");
	assert_int_equal(trip_run(&trip, t), -EHOSTUNREACH);
	assert_string_equal(
		trip.call.reply.err.text,
		"the name of 'no-such-host.invalid' cannot be resolved");
	trip_release(&trip);
	trip_transport_free(t);
}

static void a_silent_server_is_given_up_after_first_byte_ms(void **state)
{
	const struct raw_script script = RAW_SCRIPT(silent);
	struct raw_peer *peer = raw_peer_new(&script, 1);
	struct http_transport *t = trip_transport(1, 4);
	uint64_t begin = now_ms();
	struct trip trip;

	(void)state;
	trip_init(&trip, "GET", raw_peer_host(peer), "/k");
	trip.request.first_byte_ms = 300;
	assert_int_equal(trip_run(&trip, t), -ETIMEDOUT);
	assert_true(now_ms() - begin >= 300);
	assert_true(now_ms() - begin < 3000);
	assert_non_null(strstr(trip.call.reply.err.text,
	                       "has not answered for 300 ms"));
	assert_true(trip.call.reply.sent);
	trip_release(&trip);
	trip_transport_free(t);
	raw_peer_free(peer);
}

static void an_exchange_is_given_up_after_total_ms(void **state)
{
	const struct raw_script script = RAW_SCRIPT(half_a_body);
	struct raw_peer *peer = raw_peer_new(&script, 1);
	struct http_transport *t = trip_transport(1, 4);
	struct trip trip;
	char data[10];

	(void)state;
	trip_init(&trip, "GET", raw_peer_host(peer), "/k");
	trip_into(&trip, data, 10);
	trip.request.total_ms = 300;
	assert_int_equal(trip_run(&trip, t), -ETIMEDOUT);
	assert_int_equal(trip.call.reply.received, 5);
	assert_non_null(
		strstr(trip.call.reply.err.text, "not done within 300 ms"));
	trip_release(&trip);
	trip_transport_free(t);
	raw_peer_free(peer);
}

static void a_stalled_call_is_cancelled_at_once(void **state)
{
	const struct raw_script script = RAW_SCRIPT(half_a_body);
	struct raw_peer *peer = raw_peer_new(&script, 1);
	struct http_transport *t = trip_transport(1, 4);
	struct trip trip;
	char data[10];

	(void)state;
	trip_init(&trip, "GET", raw_peer_host(peer), "/k");
	trip_into(&trip, data, 10);
	trip_start(&trip, t);
	trip_wait_received(&trip, 5);

	uint64_t begin = now_ms();

	t->ops->cancel(t, &trip.call);
	trip_wait(&trip);
	assert_true(now_ms() - begin < 1000);
	assert_int_equal(trip.call.reply.error, -ECANCELED);
	assert_int_equal(trip.call.reply.received, 5);
	assert_true(trip.call.reply.sent);
	trip_release(&trip);
	trip_transport_free(t);
	raw_peer_free(peer);
}

static void calls_beyond_the_connections_wait_their_turn(void **state)
{
	const struct raw_script scripts[] = {RAW_SCRIPT(half_a_body),
	                                     RAW_SCRIPT(always_ok)};
	struct raw_peer *peer = raw_peer_new(scripts, 2);
	struct http_transport *t = trip_transport(1, 1);
	struct trip first, second, third;
	char data[10];

	(void)state;
	trip_init(&first, "GET", raw_peer_host(peer), "/1");
	trip_init(&second, "GET", raw_peer_host(peer), "/2");
	trip_init(&third, "GET", raw_peer_host(peer), "/3");
	trip_into(&first, data, 10);
	trip_start(&first, t);
	trip_wait_received(&first, 5);
	trip_start(&second, t);
	trip_start(&third, t);
	t->ops->cancel(t, &second.call);
	trip_wait(&second);
	assert_int_equal(second.call.reply.error, -ECANCELED);
	assert_false(second.call.reply.sent);
	assert_int_equal(raw_peer_connections(peer), 1);

	t->ops->cancel(t, &first.call);
	trip_wait(&first);
	trip_wait(&third);
	assert_int_equal(third.call.reply.error, 0);
	assert_int_equal(raw_peer_requests(peer), 2);
	trip_release(&first);
	trip_release(&second);
	trip_release(&third);
	trip_transport_free(t);
	raw_peer_free(peer);
}

static void time_spent_waiting_counts(void **state)
{
	const struct raw_script script = RAW_SCRIPT(half_a_body);
	struct raw_peer *peer = raw_peer_new(&script, 1);
	struct http_transport *t = trip_transport(1, 1);
	struct trip first, second;
	char data[10];

	(void)state;
	trip_init(&first, "GET", raw_peer_host(peer), "/1");
	trip_init(&second, "GET", raw_peer_host(peer), "/2");
	trip_into(&first, data, 10);
	trip_start(&first, t);
	trip_wait_received(&first, 5);
	second.request.total_ms = 200;
	assert_int_equal(trip_run(&second, t), -ETIMEDOUT);
	assert_string_equal(second.call.reply.err.text,
	                    "no connection became free in time");
	t->ops->cancel(t, &first.call);
	trip_wait(&first);
	trip_release(&first);
	trip_release(&second);
	trip_transport_free(t);
	raw_peer_free(peer);
}

static void cancelling_what_has_ended_does_nothing(void **state)
{
	const struct raw_script script = RAW_SCRIPT(always_ok);
	struct raw_peer *peer = raw_peer_new(&script, 1);
	struct http_transport *t = trip_transport(2, 8);
	struct trip *trips = calloc(16, sizeof(*trips));

	(void)state;
	for (size_t i = 0; i < 16; i++)
		trip_init(&trips[i], "GET", raw_peer_host(peer), "/k");
	for (unsigned round = 0; round < 20; round++) {
		for (size_t i = 0; i < 16; i++)
			trip_start(&trips[i], t);
		for (size_t i = 0; i < 16; i++)
			t->ops->cancel(t, &trips[i].call);
		for (size_t i = 0; i < 16; i++) {
			trip_wait(&trips[i]);
			assert_true(trips[i].call.reply.error == 0 ||
			            trips[i].call.reply.error == -ECANCELED);
		}
	}
	for (size_t i = 0; i < 16; i++)
		trip_release(&trips[i]);
	free(trips);
	trip_transport_free(t);
	raw_peer_free(peer);
}

static void a_proxy_gets_the_whole_address(void **state)
{
	const struct raw_script script = RAW_SCRIPT(always_ok);
	struct raw_peer *peer = raw_peer_new(&script, 1);
	char *proxy = str_printf("http://%s", raw_peer_host(peer));
	const struct transport_config config = {
		.threads = 1, .max_connections = 1, .proxy = proxy};
	struct http_transport *t = NULL;
	struct trip trip;

	(void)state;
	assert_int_equal(transport_new(&config, &t, NULL), 0);
	trip_init(&trip, "GET", "s3.invalid", "/k");
	assert_int_equal(trip_run(&trip, t), 0);
	assert_true(str_starts(raw_peer_request(peer, 0),
	                       "GET http://s3.invalid/k HTTP/1.1\r\n"));
	trip_release(&trip);
	trip_transport_free(t);
	raw_peer_free(peer);
	free(proxy);
}

static void a_missing_ca_bundle_is_told_at_birth(void **state)
{
	const struct transport_config config = {
		.threads = 1,
		.max_connections = 1,
		.ca_bundle = "/nonexistent/ca.pem",
	};
	struct http_transport *t = NULL;
	struct err err;

	(void)state;
	assert_int_equal(transport_new(&config, &t, &err), -ENOENT);
	assert_string_equal(err.text, "cannot read the CA bundle "
	                              "'/nonexistent/ca.pem': No such file or "
	                              "directory");
	assert_null(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thousand_requests_take_few_connections),
		cmocka_unit_test(one_after_another_takes_one_connection),
		cmocka_unit_test(connection_close_is_heeded),
		cmocka_unit_test(
			a_kept_connection_that_was_closed_does_no_harm),
		cmocka_unit_test(
			a_kept_connection_dies_in_use_and_the_body_is_sent_again),
		cmocka_unit_test(what_may_go_out_once_is_not_sent_again_unseen),
		cmocka_unit_test(a_reset_inside_the_request_is_told),
		cmocka_unit_test(nobody_listening_is_refused),
		cmocka_unit_test(a_name_nobody_knows_is_unreachable),
		cmocka_unit_test(
			a_silent_server_is_given_up_after_first_byte_ms),
		cmocka_unit_test(an_exchange_is_given_up_after_total_ms),
		cmocka_unit_test(a_stalled_call_is_cancelled_at_once),
		cmocka_unit_test(calls_beyond_the_connections_wait_their_turn),
		cmocka_unit_test(time_spent_waiting_counts),
		cmocka_unit_test(cancelling_what_has_ended_does_nothing),
		cmocka_unit_test(a_proxy_gets_the_whole_address),
		cmocka_unit_test(a_missing_ca_bundle_is_told_at_birth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
