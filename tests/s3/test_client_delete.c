/* SPDX-License-Identifier: MIT */
/* DELETE_MANY: batches, and key by key where no batch will do. */
#include "desk.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define DELETED "<DeleteResult></DeleteResult>"

/* Many keys and what became of each. */
struct batch {
	struct errand e;
	const char *keys[20];
	int results[20];
};

static void send(struct desk *d, struct batch *b, size_t count)
{
	b->e = (struct errand){.req = {.verb = STORE_DELETE_MANY}};
	b->e.req.delete_many.keys = b->keys;
	b->e.req.delete_many.count = count;
	b->e.req.delete_many.results = b->results;
	for (size_t i = 0; i < count; i++)
		b->results[i] = 1;
	errand_submit(d, &b->e);
}

static void plain_keys_are_one_request(void **state)
{
	struct batch b = {.keys = {"a", "b", "c"}};
	struct desk d;

	(void)state;
	desk_start(&d);
	send(&d, &b, 3);
	assert_string_equal(fake_http_line(d.http, 0), "POST /bkt?delete=");
	fake_http_reply(d.http, 0, 200, NULL,
	                "<DeleteResult><Error><Key>b</Key>"
	                "<Code>AccessDenied</Code></Error></DeleteResult>");
	assert_ended(&b.e, 0);
	assert_int_equal(b.results[0], 0);
	assert_int_equal(b.results[1], -EACCES);
	assert_int_equal(b.results[2], 0);
	assert_int_equal(b.e.req.attempts, 1);
	desk_close(&d);
}

static void what_xml_cannot_hold_is_deleted_by_itself(void **state)
{
	struct batch b = {.keys = {"a", "\x01", "c", "\xff"}};
	struct desk d;

	(void)state;
	desk_start(&d);
	send(&d, &b, 4);
	fake_http_reply(d.http, 0, 200, NULL, DELETED);
	assert_pending(&b.e);
	assert_int_equal(fake_http_count(d.http), 2);
	assert_string_equal(fake_http_line(d.http, 0), "DELETE /bkt/%01");
	assert_string_equal(fake_http_line(d.http, 1), "DELETE /bkt/%FF");
	fake_http_reply(d.http, 1, 403, NULL, R_ERROR("AccessDenied"));
	fake_http_reply(d.http, 0, 204, NULL, NULL);
	assert_ended(&b.e, 0);
	assert_int_equal(b.results[0], 0);
	assert_int_equal(b.results[1], 0);
	assert_int_equal(b.results[2], 0);
	assert_int_equal(b.results[3], -EACCES);
	assert_int_equal(b.e.req.attempts, 3);
	desk_close(&d);
}

static void when_xml_can_hold_none_there_is_no_batch(void **state)
{
	struct batch b = {.keys = {"\x01", "\x02"}};
	struct desk d;

	(void)state;
	desk_start(&d);
	send(&d, &b, 2);
	assert_string_equal(fake_http_line(d.http, 0), "DELETE /bkt/%01");
	fake_http_reply(d.http, 0, 204, NULL, NULL);
	fake_http_reply(d.http, 0, 404, NULL, R_ERROR("NoSuchKey"));
	assert_ended(&b.e, 0);
	assert_int_equal(b.results[0], 0);
	assert_int_equal(b.results[1], 0); /* gone is gone */
	assert_int_equal(b.e.req.attempts, 2);
	desk_close(&d);
}

static void a_server_without_batches_gets_single_requests(void **state)
{
	struct batch b = {.keys = {"0", "1", "2", "3", "4", "5", "6", "7", "8",
	                           "9", "a", "b", "c"}};
	struct desk d;
	unsigned answered = 0;

	(void)state;
	desk_open(&d, 64, NULL);
	desk_client(&d);
	send(&d, &b, 13);
	fake_http_reply(d.http, 0, 501, NULL, R_ERROR("NotImplemented"));
	while (fake_http_count(d.http) > 0) {
		assert_true(fake_http_count(d.http) <= 8);
		fake_http_reply(d.http, 0, 204, NULL, NULL);
		answered++;
	}
	assert_int_equal(answered, 13);
	assert_ended(&b.e, 0);
	for (unsigned i = 0; i < 13; i++)
		assert_int_equal(b.results[i], 0);
	desk_close(&d);
}

static void keys_that_cannot_be_end_inside_submit(void **state)
{
	char long_key[1100];
	struct batch b = {.keys = {"\x01", "", "\x02"}};
	struct desk d;

	(void)state;
	(void)memset(long_key, 1, sizeof(long_key));
	long_key[1099] = '\0';
	for (unsigned i = 3; i < 20; i++)
		b.keys[i] = long_key;
	b.keys[1] = "\x03";
	desk_start(&d);
	send(&d, &b, 20);
	assert_int_equal(fake_http_count(d.http), 3);
	for (unsigned i = 0; i < 3; i++)
		fake_http_reply(d.http, 0, 204, NULL, NULL);
	assert_ended(&b.e, 0);
	assert_int_equal(b.results[0], 0);
	assert_int_equal(b.results[1], 0);
	assert_int_equal(b.results[2], 0);
	for (unsigned i = 3; i < 20; i++)
		assert_int_equal(b.results[i], -ENAMETOOLONG);
	desk_close(&d);
}

static void cancel_ends_the_single_ones_too(void **state)
{
	struct batch b = {.keys = {"0", "1", "2", "3", "4", "5", "6", "7", "8",
	                           "9", "a", "b", "c"}};
	struct desk d;

	(void)state;
	desk_start(&d);
	send(&d, &b, 13);
	fake_http_reply(d.http, 0, 405, NULL, R_ERROR("MethodNotAllowed"));
	assert_int_equal(fake_http_count(d.http), 8);
	fake_http_reply(d.http, 0, 204, NULL, NULL);
	store_cancel(d.store, &b.e.req);
	assert_pending(&b.e);
	assert_int_equal(fake_http_settle(d.http), 8);
	assert_ended(&b.e, -ECANCELED);
	assert_int_equal(b.results[0], 0);
	for (unsigned i = 1; i < 13; i++)
		assert_int_equal(b.results[i], -ECANCELED);
	desk_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_keys_are_one_request),
		cmocka_unit_test(what_xml_cannot_hold_is_deleted_by_itself),
		cmocka_unit_test(when_xml_can_hold_none_there_is_no_batch),
		cmocka_unit_test(a_server_without_batches_gets_single_requests),
		cmocka_unit_test(keys_that_cannot_be_end_inside_submit),
		cmocka_unit_test(cancel_ends_the_single_ones_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
