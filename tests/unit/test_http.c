/* SPDX-License-Identifier: MIT */
#include "http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void names_are_found_in_any_case(void **state)
{
	struct http_headers h = {0};

	(void)state;
	http_headers_add(&h, "Content-Type", "text/plain");
	assert_string_equal(http_headers_get(&h, "content-type"), "text/plain");
	assert_string_equal(http_headers_get(&h, "CONTENT-TYPE"), "text/plain");
	assert_null(http_headers_get(&h, "content"));
	http_headers_release(&h);
}

static void adding_keeps_all_and_getting_gives_the_first(void **state)
{
	struct http_headers h = {0};

	(void)state;
	http_headers_add(&h, "a", "1");
	http_headers_add(&h, "A", "2");
	assert_int_equal(h.count, 2);
	assert_string_equal(http_headers_get(&h, "a"), "1");
	http_headers_release(&h);
}

static void setting_replaces_or_adds(void **state)
{
	struct http_headers h = {0};

	(void)state;
	http_headers_set(&h, "a", "1");
	http_headers_set(&h, "A", "2");
	http_headers_set(&h, "b", "3");
	assert_int_equal(h.count, 2);
	assert_string_equal(http_headers_get(&h, "a"), "2");
	assert_string_equal(http_headers_get(&h, "b"), "3");
	http_headers_release(&h);
}

static void removing_takes_all_of_a_name(void **state)
{
	struct http_headers h = {0};

	(void)state;
	http_headers_add(&h, "a", "1");
	http_headers_add(&h, "b", "2");
	http_headers_add(&h, "A", "3");
	http_headers_remove(&h, "a");
	http_headers_remove(&h, "c");
	assert_int_equal(h.count, 1);
	assert_string_equal(h.items[0].name, "b");
	http_headers_release(&h);
	assert_int_equal(h.count, 0);
	assert_null(h.items);
}

static void lists_grow(void **state)
{
	struct http_headers h = {0};
	char name[16];

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof(name), "x-%u", i);
		http_headers_add(&h, name, name);
	}
	assert_int_equal(h.status, 0);
	assert_string_equal(http_headers_get(&h, "X-999"), "x-999");
	http_headers_release(&h);
}

static void released_things_are_empty_and_can_be_released_again(void **state)
{
	struct http_request request = {.scheme = strdup("http"),
	                               .host = strdup("h")};
	struct http_reply reply = {.status = 200};

	(void)state;
	str_add(&request.path, "/");
	str_add(&request.query, "a=b");
	str_add(&request.text, "x");
	http_headers_add(&request.headers, "a", "b");
	http_request_release(&request);
	http_request_release(&request);
	assert_null(request.host);
	assert_int_equal(request.headers.count, 0);

	str_add(&reply.text, "x");
	http_headers_add(&reply.headers, "a", "b");
	http_reply_release(&reply);
	http_reply_release(&reply);
	assert_int_equal(reply.status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_found_in_any_case),
		cmocka_unit_test(adding_keeps_all_and_getting_gives_the_first),
		cmocka_unit_test(setting_replaces_or_adds),
		cmocka_unit_test(removing_takes_all_of_a_name),
		cmocka_unit_test(lists_grow),
		cmocka_unit_test(
			released_things_are_empty_and_can_be_released_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
