/* SPDX-License-Identifier: MIT */
#include "exchange.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* An exchange under test with its request. */
struct fixture {
	struct http_request request;
	struct http_call call;
	struct exchange ex;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->request.method = "GET";
	f->request.scheme = strdup("http");
	f->request.host = strdup("h");
	f->call.request = &f->request;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	exchange_release(&f->ex);
	http_request_release(&f->request);
	http_reply_release(&f->call.reply);
	free(f);
	return 0;
}

/* Feed lines as curl would: one call each. */
static int feed(struct fixture *f, const char *text)
{
	int r = 0;

	while (*text && r == 0) {
		size_t len = strcspn(text, "\n") + 1;

		r = exchange_header(&f->ex, text, len);
		text += len;
	}
	return r;
}

static void a_block_of_headers_becomes_a_reply(void **state)
{
	struct fixture *f = *state;

	exchange_begin(&f->ex, &f->call);
	assert_int_equal(feed(f, "HTTP/1.1 100 Continue\r\nX-No: 1\r\n\r\n"),
	                 0);
	assert_false(f->ex.final);
	assert_int_equal(f->call.reply.status, 0);
	assert_int_equal(
		feed(f, "HTTP/1.1 206\r\nETag:\"x\" \r\nA:\t b:c\r\n\r\n"), 0);
	assert_true(f->ex.final);
	assert_int_equal(f->call.reply.status, 206);
	assert_int_equal(f->call.reply.headers.count, 2);
	assert_string_equal(http_headers_get(&f->call.reply.headers, "etag"),
	                    "\"x\"");
	assert_string_equal(http_headers_get(&f->call.reply.headers, "a"),
	                    "b:c");
}

static void lines_that_are_no_headers_end_it(void **state)
{
	const char *bad[] = {"HTTP/1.1 OK\r\n", "HTTP/1.1\r\n",
	                     "HTTP/1.1 200 OK\r\nno colon\r\n",
	                     "HTTP/1.1 200 OK\r\n: no name\r\n",
	                     "HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n"};
	struct fixture *f = *state;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		http_reply_release(&f->call.reply);
		exchange_begin(&f->ex, &f->call);
		assert_int_equal(feed(f, bad[i]), -EPROTO);
		assert_int_equal(f->ex.stop, -EPROTO);
		assert_int_equal(f->call.reply.err.code, -EPROTO);
	}
}

static void the_first_reason_stays(void **state)
{
	struct fixture *f = *state;

	exchange_begin(&f->ex, &f->call);
	assert_int_equal(exchange_stop(&f->ex, -ESTALE, "first"), -ESTALE);
	assert_int_equal(exchange_stop(&f->ex, -EIO, "second"), -ESTALE);
	assert_string_equal(f->call.reply.err.text, "first");
}

static void a_body_is_read_across_its_seams_and_rewound(void **state)
{
	struct fixture *f = *state;
	uint8_t data[] = "0123456789";
	const struct slice slices[] = {
		{data, 3}, {data, 0}, {data + 3, 1}, {data + 4, 6}};
	char got[16] = "";

	f->request.body = (struct chain){slices, 4};
	exchange_begin(&f->ex, &f->call);
	assert_int_equal(f->ex.out_size, 10);
	assert_int_equal(exchange_read(&f->ex, got, 4), 4);
	assert_int_equal(exchange_read(&f->ex, got + 4, 12), 6);
	assert_string_equal(got, "0123456789");
	assert_int_equal(exchange_read(&f->ex, got, 1), 0);

	for (uint64_t at = 0; at <= 10; at++) {
		assert_int_equal(exchange_seek(&f->ex, at), 0);
		assert_int_equal(exchange_read(&f->ex, got, 16), 10 - at);
		assert_memory_equal(got, data + at, 10 - at);
	}
	assert_int_equal(exchange_seek(&f->ex, 11), -EINVAL);
}

static void plain_http_stays_on_this_machine(void **state)
{
	const char *near[] = {"127.0.0.1", "127.8.9.10", "::1",
	                      "::ffff:127.0.0.1"};
	const char *far[] = {"10.0.0.1", "::ffff:10.0.0.1", "fe80::1",
	                     "12.7.0.1"};
	struct fixture *f = *state;

	for (unsigned i = 0; i < 4; i++) {
		exchange_begin(&f->ex, &f->call);
		assert_int_equal(exchange_send(&f->ex, near[i], false), 0);
		http_reply_release(&f->call.reply);
		exchange_begin(&f->ex, &f->call);
		assert_int_equal(exchange_send(&f->ex, far[i], false), -EPERM);
		http_reply_release(&f->call.reply);
		exchange_begin(&f->ex, &f->call);
		assert_int_equal(exchange_send(&f->ex, far[i], true), 0);
	}
	free(f->request.scheme);
	f->request.scheme = strdup("https");
	exchange_begin(&f->ex, &f->call);
	assert_int_equal(exchange_send(&f->ex, far[0], false), 0);
}

static void once_means_once(void **state)
{
	struct fixture *f = *state;

	exchange_begin(&f->ex, &f->call);
	assert_int_equal(exchange_send(&f->ex, "::1", false), 0);
	assert_int_equal(exchange_send(&f->ex, "::1", false), 0);
	f->request.once = true;
	exchange_begin(&f->ex, &f->call);
	assert_int_equal(exchange_send(&f->ex, "::1", false), 0);
	assert_int_equal(exchange_send(&f->ex, "::1", false), -ECONNRESET);
}

static void silence_after_the_request_is_measured_from_its_end(void **state)
{
	struct fixture *f = *state;
	uint8_t data[100];
	const struct slice slice = {data, 100};

	f->request.body = (struct chain){&slice, 1};
	f->request.first_byte_ms = 30000;
	exchange_begin(&f->ex, &f->call);
	assert_int_equal(exchange_watch(&f->ex, 1000, 50, 0), 0);
	assert_int_equal(exchange_watch(&f->ex, 9000, 100, 0), 0); /* all out */
	assert_int_equal(exchange_watch(&f->ex, 38999, 100, 0), 0);
	assert_int_equal(exchange_watch(&f->ex, 39000, 100, 0), -ETIMEDOUT);
	assert_string_equal(f->call.reply.err.text,
	                    "'h' has not answered for 30000 ms");
}

static void a_trickle_is_a_stall_a_stream_is_not(void **state)
{
	struct fixture *f = *state;
	uint64_t got = 0;

	exchange_begin(&f->ex, &f->call);
	assert_int_equal(feed(f, "HTTP/1.1 200 OK\r\n\r\n"), 0);
	for (uint64_t s = 0; s < 60; s++) { /* 2 KiB/s is slow but well */
		assert_int_equal(exchange_watch(&f->ex, s * 1000, 0, got), 0);
		got += 2048;
	}
	for (uint64_t s = 60; s < 71; s++) /* 15 s since the last 15 KiB */
		assert_int_equal(exchange_watch(&f->ex, s * 1000, 0, ++got), 0);
	assert_int_equal(exchange_watch(&f->ex, 71000, 0, ++got), -ETIMEDOUT);
	assert_string_equal(f->call.reply.err.text,
	                    "'h' sent less than 1 KiB/s for 15 s");
}

static void a_server_that_takes_nothing_is_a_stall(void **state)
{
	struct fixture *f = *state;
	uint8_t data[100];
	const struct slice slice = {data, 100};

	f->request.body = (struct chain){&slice, 1};
	exchange_begin(&f->ex, &f->call);
	assert_int_equal(exchange_watch(&f->ex, 0, 50, 0), 0);
	assert_int_equal(exchange_watch(&f->ex, 14999, 51, 0), 0);
	assert_int_equal(exchange_watch(&f->ex, 15000, 51, 0), -ETIMEDOUT);
	assert_string_equal(f->call.reply.err.text,
	                    "'h' took less than 1 KiB/s for 15 s");
}

static void who_may_idle_may(void **state)
{
	struct fixture *f = *state;

	f->request.may_idle = true;
	exchange_begin(&f->ex, &f->call);
	for (uint64_t s = 0; s < 600; s++)
		assert_int_equal(exchange_watch(&f->ex, s * 1000, 0, 0), 0);
	assert_int_equal(feed(f, "HTTP/1.1 200 OK\r\n\r\n"), 0);
	for (uint64_t s = 600; s < 1200; s++)
		assert_int_equal(exchange_watch(&f->ex, s * 1000, 0, s / 10),
		                 0);
}

#define t(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		t(a_block_of_headers_becomes_a_reply),
		t(lines_that_are_no_headers_end_it),
		t(the_first_reason_stays),
		t(a_body_is_read_across_its_seams_and_rewound),
		t(plain_http_stays_on_this_machine),
		t(once_means_once),
		t(silence_after_the_request_is_measured_from_its_end),
		t(a_trickle_is_a_stall_a_stream_is_not),
		t(a_server_that_takes_nothing_is_a_stall),
		t(who_may_idle_may),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
