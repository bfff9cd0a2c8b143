/* SPDX-License-Identifier: MIT */
#include "base/err.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void setting_returns_the_code_and_tells_the_story(void **state)
{
	struct err err = {0};

	(void)state;
	assert_int_equal(err_set(&err, -EINVAL, "part %d of %s", 3, "big"),
	                 -EINVAL);
	assert_int_equal(err.code, -EINVAL);
	assert_string_equal(err.text, "part 3 of big");
	assert_int_equal(err_set(NULL, -EIO, "nobody reads this"), -EIO);
}

static void wrapping_puts_context_in_front(void **state)
{
	struct err err = {0};

	(void)state;
	(void)err_set(&err, -EACCES, "AccessDenied");
	assert_int_equal(err_wrap(&err, "bucket \"%s\"", "b"), -EACCES);
	assert_int_equal(err_wrap(&err, "mount"), -EACCES);
	assert_string_equal(err.text, "mount: bucket \"b\": AccessDenied");
	assert_int_equal(err_wrap(NULL, "nobody"), 0);
}

static void wrapping_may_quote_the_text_itself(void **state)
{
	struct err err = {0};

	(void)state;
	(void)err_set(&err, -EIO, "inner");
	(void)err_wrap(&err, "<%s>", err.text);
	assert_string_equal(err.text, "<inner>: inner");
}

static void a_text_that_does_not_fit_is_cut(void **state)
{
	struct err err = {0};
	char text[2 * ERR_TEXT_MAX];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	(void)err_set(&err, -EIO, "%s", text);
	assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
	(void)err_wrap(&err, "context");
	assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
	assert_memory_equal(err.text, "context: xxx", 12);
	(void)err_wrap(&err, "%s", text);
	assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
}

static void codes_have_names(void **state)
{
	(void)state;
	assert_string_equal(err_name(-ENOENT), "ENOENT");
	assert_string_equal(err_name(ENOENT), "ENOENT");
	assert_string_equal(err_name(-99999), "E?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(setting_returns_the_code_and_tells_the_story),
		cmocka_unit_test(wrapping_puts_context_in_front),
		cmocka_unit_test(wrapping_may_quote_the_text_itself),
		cmocka_unit_test(a_text_that_does_not_fit_is_cut),
		cmocka_unit_test(codes_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
