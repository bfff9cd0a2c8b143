/* SPDX-License-Identifier: MIT */
/* What porter's line of progress says. */
#include "tool_progress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void shows(const char *json, unsigned width, const char *expected)
{
	struct jval *status = NULL;
	struct str line = {0};

	assert_int_equal(jval_parse(json, strlen(json), &status, NULL), 0);
	tool_progress_line(status, 14, width, &line);
	assert_string_equal(str_text(&line), expected);
	str_release(&line);
	jval_free(status);
}

static void a_line_says_how_far_it_is(void **state)
{
	(void)state;
	shows("{\"type\":\"clone\",\"state\":\"running\",\"objects\":12403,"
	      "\"bytes\":1288490189,\"rate\":89233818,\"failures\":3}",
	      79, "clone  12403 objects  1.2 GiB  85.1 MiB/s  3 failed  0:14");
	shows("{\"type\":\"export\",\"state\":\"running\",\"objects\":1,"
	      "\"bytes\":52,\"bytes_total\":100,\"rate\":4,\"percent\":52,"
	      "\"eta_s\":3725,\"rows\":9}",
	      200,
	      "export  [##########..........]  52%  1 objects  52 B  4 B/s  "
	      "9 rows  eta 1:02:05");
	shows("{\"type\":\"copy\",\"state\":\"queued\",\"paused\":true}", 79,
	      "copy  0 objects  0 B  0 B/s  0:14  paused");
	shows("{\"type\":\"copy\",\"state\":\"queued\"}", 20,
	      "copy  0 objects  0 B");
}

static void bytes_are_for_people(void **state)
{
	char text[16];

	(void)state;
	tool_bytes(999, text);
	assert_string_equal(text, "999 B");
	tool_bytes(1000, text);
	assert_string_equal(text, "1.0 KiB");
	tool_bytes(UINT64_MAX, text);
	assert_string_equal(text, "16.0 EiB");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_says_how_far_it_is),
		cmocka_unit_test(bytes_are_for_people),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
