/* SPDX-License-Identifier: MIT */
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct jval *parse(const char *text)
{
	struct jval *v = NULL;
	struct err err = {0};

	if (jval_parse(text, strlen(text), &v, &err) < 0)
		print_error("%s\n", err.text);
	assert_non_null(v);
	return v;
}

static void members_are_looked_up_by_name_and_type(void **state)
{
	struct jval *v = parse("{\"t\":\"x\",\"n\":7,\"yes\":true,\"no\":false,"
	                       "\"o\":{\"in\":\"y\"}}");
	uint64_t n = 0;
	bool b = false;

	(void)state;
	assert_string_equal(jval_get_text(v, "t"), "x");
	assert_int_equal(jval_get_u64(v, "n", &n), 0);
	assert_int_equal(n, 7);
	assert_int_equal(jval_get_bool(v, "yes", &b), 0);
	assert_true(b);
	assert_int_equal(jval_get_bool(v, "no", &b), 0);
	assert_false(b);
	assert_string_equal(jval_get_text(jval_get(v, "o"), "in"), "y");
	jval_free(v);
}

static void what_is_missing_or_of_another_type_is_told(void **state)
{
	struct jval *v = parse("{\"t\":\"7\",\"n\":7,\"f\":1.5,\"m\":-1,"
	                       "\"b\":true,\"null\":null}");
	uint64_t n = 42;
	bool b = true;

	(void)state;
	assert_null(jval_get(v, "x"));
	assert_null(jval_get_text(v, "x"));
	assert_null(jval_get_text(v, "n"));
	assert_null(jval_get_text(v, "null"));
	assert_int_equal(jval_get_u64(v, "x", &n), -ENOENT);
	assert_int_equal(jval_get_u64(v, "t", &n), -EINVAL);
	assert_int_equal(jval_get_u64(v, "f", &n), -EINVAL);
	assert_int_equal(jval_get_u64(v, "m", &n), -EINVAL);
	assert_int_equal(jval_get_u64(v, "b", &n), -EINVAL);
	assert_int_equal(jval_get_bool(v, "x", &b), -ENOENT);
	assert_int_equal(jval_get_bool(v, "n", &b), -EINVAL);
	assert_int_equal(jval_get_u64(jval_get(v, "t"), "x", &n), -EINVAL);
	assert_int_equal(jval_get_u64(NULL, "x", &n), -EINVAL);
	assert_null(jval_get_text(NULL, "x"));
	assert_int_equal(n, 42);
	assert_true(b);
	jval_free(v);
	jval_free(NULL);
}

static void texts_are_decoded(void **state)
{
	struct jval *v = parse("{\"t\":\"\\u00fc\\n\\\"\\ud83d\\ude00\"}");

	(void)state;
	assert_string_equal(jval_get_text(v, "t"),
	                    "\xc3\xbc\n\"\xf0\x9f\x98\x80");
	jval_free(v);
}

static void members_are_walked_in_their_order(void **state)
{
	struct jval *v = parse("{\"b\":\"1\",\"a\":\"2\",\"c\":\"3\"}");
	struct jval *value;
	struct str seen = {0};
	const char *name;

	(void)state;
	for (void *i = jval_next(v, NULL, &name, &value); i;
	     i = jval_next(v, i, &name, &value))
		str_addf(&seen, "%s=%s ", name, jval_text(value));
	assert_string_equal(str_text(&seen), "b=1 a=2 c=3 ");
	jval_free(v);
	str_release(&seen);
}

static void bad_json_is_refused_with_its_place(void **state)
{
	static const char *const bad[] = {
		"",
		"{",
		"{\"a\":1} x",
		"{\"a\":1,}",
		"{'a':1}",
		"{\"a\":1,\"a\":2}",
		"{\"a\":01}",
		"\"\\u0000\"",
		"\"\xff\"",
		"{\"a\":99999999999999999999}",
		"\"a\nb\"",
		"nul",
	};
	struct jval *v = NULL;

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err err = {0};

		assert_int_equal(jval_parse(bad[i], strlen(bad[i]), &v, &err),
		                 -EINVAL);
		assert_int_equal(err.code, -EINVAL);
		assert_non_null(strstr(err.text, "JSON line 1, column "));
		assert_null(strchr(err.text, '\n'));
		assert_null(v);
	}
	assert_int_equal(jval_parse("{", 1, &v, NULL), -EINVAL);
}

/* depth brackets around nothing. */
static int parse_nested(unsigned depth, struct err *reterr)
{
	struct jval *v = NULL;
	struct str text = {0};

	for (unsigned i = 0; i < depth; i++)
		str_add_char(&text, '[');
	for (unsigned i = 0; i < depth; i++)
		str_add_char(&text, ']');

	int r = jval_parse(text.data, text.len, &v, reterr);

	jval_free(v);
	str_release(&text);
	return r;
}

static void nesting_ends_at_64(void **state)
{
	struct err err = {0};

	(void)state;
	assert_int_equal(parse_nested(64, &err), 0);
	assert_int_equal(parse_nested(65, &err), -EINVAL);
	assert_string_equal(err.text, "JSON is nested more than 64 deep");
	assert_int_equal(parse_nested(1000000, NULL), -EINVAL);
}

static void brackets_in_texts_do_not_nest(void **state)
{
	struct str text = {0};
	struct jval *v;

	(void)state;
	str_add(&text, "{\"t\":\"\\\"");
	for (unsigned i = 0; i < 100; i++)
		str_add_char(&text, '[');
	str_add(&text, "\\\\\"}");
	v = parse(str_text(&text));
	assert_int_equal(strlen(jval_get_text(v, "t")), 102);
	jval_free(v);
	str_release(&text);
}

static void an_object_is_written_on_one_line_as_it_was_set(void **state)
{
	struct jval *v = jval_new_object();
	struct jval *in = jval_new_object();
	struct str text = {0};

	(void)state;
	assert_int_equal(jval_set_text(v, "z", "line\n\"\xc3\xbc\""), 0);
	assert_int_equal(jval_set_u64(v, "n", INT64_MAX), 0);
	assert_int_equal(jval_set_bool(v, "yes", true), 0);
	assert_int_equal(jval_set_bool(v, "no", false), 0);
	assert_int_equal(jval_set(v, "in", in), 0);
	assert_int_equal(jval_set_u64(in, "x", 1), 0); /* still in v */
	assert_int_equal(jval_set_text(v, "a", ""), 0);
	str_add(&text, ">");
	assert_int_equal(jval_dump(v, &text), 0);
	assert_string_equal(
		str_text(&text),
		">{\"z\":\"line\\n\\\"\xc3\xbc\\\"\",\"n\":9223372036854775807,"
		"\"yes\":true,\"no\":false,\"in\":{\"x\":1},\"a\":\"\"}");
	jval_free(v);
	str_release(&text);
}

static void what_cannot_be_json_is_refused(void **state)
{
	struct jval *v = jval_new_object();
	struct str text = {0};

	(void)state;
	assert_int_equal(jval_set_text(v, "t", "\xff"), -EINVAL);
	assert_int_equal(jval_set_text(v, "\xff", "t"), -EINVAL);
	assert_int_equal(jval_set_u64(v, "n", (uint64_t)INT64_MAX + 1),
	                 -ERANGE);
	assert_int_equal(jval_set(v, "o", NULL), -ENOMEM);
	assert_int_equal(jval_dump(v, &text), 0);
	assert_string_equal(str_text(&text), "{}");
	jval_free(v);
	str_release(&text);
}

static void setting_again_replaces(void **state)
{
	struct jval *v = jval_new_object();
	struct str text = {0};

	(void)state;
	assert_int_equal(jval_set_u64(v, "a", 1), 0);
	assert_int_equal(jval_set_u64(v, "b", 2), 0);
	assert_int_equal(jval_set_text(v, "a", "x"), 0);
	assert_int_equal(jval_dump(v, &text), 0);
	assert_string_equal(str_text(&text), "{\"a\":\"x\",\"b\":2}");
	jval_free(v);
	str_release(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_looked_up_by_name_and_type),
		cmocka_unit_test(what_is_missing_or_of_another_type_is_told),
		cmocka_unit_test(texts_are_decoded),
		cmocka_unit_test(members_are_walked_in_their_order),
		cmocka_unit_test(bad_json_is_refused_with_its_place),
		cmocka_unit_test(nesting_ends_at_64),
		cmocka_unit_test(brackets_in_texts_do_not_nest),
		cmocka_unit_test(
			an_object_is_written_on_one_line_as_it_was_set),
		cmocka_unit_test(what_cannot_be_json_is_refused),
		cmocka_unit_test(setting_again_replaces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
