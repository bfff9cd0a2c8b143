/* SPDX-License-Identifier: MIT */
/* A GET keeps what it has: cuts, other versions, progress. */
#include "desk.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define RANGE(range, etag)                                 \
	"Content-Range: bytes " range "\nETag: " etag "\n" \
	"Last-Modified: Sun, 30 Aug 2015 12:00:00 GMT"

static void a_get_fills_its_chain_and_tells_of_it(void **state)
{
	struct desk d;
	struct errand e;

	(void)state;
	desk_start(&d);
	errand_get(&d, &e, "k", 10);
	assert_string_equal(fake_http_header(d.http, 0, "Range"), "bytes=0-9");
	assert_string_equal(fake_http_header(d.http, 0, "If-Match"), "");
	fake_http_reply(d.http, 0, 206, RANGE("0-9/20", "\"e1\""),
	                "0123456789");
	assert_ended(&e, 0);
	assert_memory_equal(e.data, "0123456789", 10);
	assert_int_equal(e.req.get.received, 10);
	assert_int_equal(e.req.info.size, 20);
	assert_int_equal(e.told, 2);
	assert_int_equal(e.told_at[0], 0);
	assert_int_equal(e.told_at[1], 10);
	desk_close(&d);
}

static void an_object_may_end_early(void **state)
{
	struct desk d;
	struct errand e;

	(void)state;
	desk_start(&d);
	errand_get(&d, &e, "k", 10);
	fake_http_reply(d.http, 0, 206, RANGE("0-3/4", "\"e1\""), "0123");
	assert_ended(&e, 0);
	assert_int_equal(e.req.get.received, 4);
	desk_close(&d);
}

static void a_cut_get_asks_for_the_rest_of_the_same_version(void **state)
{
	struct desk d;
	struct errand e;

	(void)state;
	desk_start(&d);
	errand_get(&d, &e, "k", 10);
	fake_http_cut(d.http, 0, 206, RANGE("0-9/20", "\"e1\""), "0123");
	assert_pending(&e);
	assert_int_equal(e.req.get.received, 4);
	desk_wait(&d, 100);
	assert_string_equal(fake_http_header(d.http, 0, "Range"), "bytes=4-9");
	assert_string_equal(fake_http_header(d.http, 0, "If-Match"), "\"e1\"");
	fake_http_cut(d.http, 0, 206, RANGE("4-9/20", "\"e1\""), "45");
	desk_wait(&d, 200);
	assert_string_equal(fake_http_header(d.http, 0, "Range"), "bytes=6-9");
	fake_http_reply(d.http, 0, 206, RANGE("6-9/20", "\"e1\""), "6789");
	assert_ended(&e, 0);
	assert_memory_equal(e.data, "0123456789", 10);
	assert_int_equal(e.req.get.received, 10);
	assert_int_equal(e.req.attempts, 3);
	assert_int_equal(e.told, 4); /* headers once, then 4, 6, 10 */
	assert_int_equal(e.told_at[0], 0);
	assert_int_equal(e.told_at[1], 4);
	assert_int_equal(e.told_at[2], 6);
	assert_int_equal(e.told_at[3], 10);
	desk_close(&d);
}

static void another_version_is_stale_never_a_mixture(void **state)
{
	struct desk d;
	struct errand e;

	(void)state;
	desk_start(&d);
	errand_get(&d, &e, "k", 10);
	fake_http_cut(d.http, 0, 206, RANGE("0-9/20", "\"e1\""), "0123");
	desk_wait(&d, 100);
	fake_http_reply(d.http, 0, 412, NULL, R_ERROR("PreconditionFailed"));
	assert_ended(&e, -ESTALE);
	assert_int_equal(e.req.get.received, 4);

	/* A server that does not heed If-Match is found out by the ETag. */
	errand_get(&d, &e, "k", 10);
	fake_http_cut(d.http, 0, 206, RANGE("0-9/20", "\"e1\""), "0123");
	desk_wait(&d, 100);
	fake_http_reply(d.http, 0, 206, RANGE("4-9/20", "\"e2\""), "xxxxxx");
	assert_ended(&e, -ESTALE);
	assert_memory_equal(e.data, "0123\0\0\0\0\0\0", 10);
	desk_close(&d);
}

static void errors_between_cost_nothing_of_it(void **state)
{
	struct desk d;
	struct errand e;

	(void)state;
	desk_start(&d);
	errand_get(&d, &e, "k", 10);
	fake_http_cut(d.http, 0, 206, RANGE("0-9/20", "\"e1\""), "0123");
	desk_wait(&d, 100);
	fake_http_reply(d.http, 0, 503, NULL, R_ERROR("SlowDown"));
	assert_int_equal(e.req.get.received, 4);
	desk_wait(&d, 1000);
	assert_string_equal(fake_http_header(d.http, 0, "Range"), "bytes=4-9");
	fake_http_reply(d.http, 0, 206, RANGE("4-9/20", "\"e1\""), "456789");
	assert_ended(&e, 0);
	assert_memory_equal(e.data, "0123456789", 10);
	desk_close(&d);
}

static void another_range_is_refused_before_a_byte_lands(void **state)
{
	struct desk d;
	struct errand e;

	(void)state;
	desk_start(&d);
	errand_get(&d, &e, "k", 10);
	fake_http_reply(d.http, 0, 206, RANGE("5-14/20", "\"e1\""),
	                "0123456789");
	assert_pending(&e);
	assert_int_equal(e.told, 0);
	assert_int_equal(e.data[0], 0);
	desk_wait(&d, 100);
	fake_http_reply(d.http, 0, 206, RANGE("0-9/20", "\"e1\""),
	                "0123456789");
	assert_ended(&e, 0);
	desk_close(&d);
}

static void a_get_without_an_object_tells_no_progress(void **state)
{
	struct desk d;
	struct errand e;

	(void)state;
	desk_start(&d);
	errand_get(&d, &e, "k", 10);
	fake_http_reply(d.http, 0, 404, NULL, R_ERROR("NoSuchKey"));
	assert_ended(&e, -ENOENT);
	assert_int_equal(e.told, 0);
	assert_int_equal(e.req.get.received, 0);
	desk_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_get_fills_its_chain_and_tells_of_it),
		cmocka_unit_test(an_object_may_end_early),
		cmocka_unit_test(
			a_cut_get_asks_for_the_rest_of_the_same_version),
		cmocka_unit_test(another_version_is_stale_never_a_mixture),
		cmocka_unit_test(errors_between_cost_nothing_of_it),
		cmocka_unit_test(another_range_is_refused_before_a_byte_lands),
		cmocka_unit_test(a_get_without_an_object_tells_no_progress),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
