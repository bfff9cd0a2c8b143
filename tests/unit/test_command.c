/* SPDX-License-Identifier: MIT */
/* Commands of the control tree: words, JSON, rules. */
#include "base/str.h"
#include "fs/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* "key<value>;" for every word; or the errno's name. */
static char *parsed(const char *text)
{
	struct command command = {0};
	struct str out = {0};
	struct err err = {0};
	int r = command_parse(text, strlen(text), &command, &err);

	if (r < 0) {
		assert_true(err.code == r && err.text[0]);
		str_add(&out, err_name(r));
	}
	for (size_t i = 0; i < command.count; i++)
		str_addf(&out, "%s<%s>;", command.words[i].key,
		         command.words[i].value);
	command_release(&command);
	return str_take(&out);
}

static void expect(const char *text, const char *words)
{
	char *got = parsed(text);

	assert_string_equal(got, words);
	free(got);
}

static void words_are_split_and_quoted_as_in_sh(void **state)
{
	(void)state;
	expect("a=1 b=2\n", "a<1>;b<2>;");
	expect("  a=1\t\tb=  ", "a<1>;b<>;");
	expect("a='x y' b=\"q \\\"z\\\"\" c=d\\ e",
	       "a<x y>;b<q \"z\">;c<d e>;");
	expect("'a b=c'", "a b<c>;");
	expect("a='$HOME' b=\"a\\nb\"", "a<$HOME>;b<a\\nb>;");
	expect("a=x=y", "a<x=y>;");
	expect("include=*.jpg include=*.png", "include<*.jpg>;include<*.png>;");
	expect("a='it'\\''s'", "a<it's>;");
	expect("a='' b=", "a<>;b<>;");
}

static void plain_words_and_the_classic_form(void **state)
{
	(void)state;
	expect("get primary/k ttl=1h", "<get>;<primary/k>;ttl<1h>;");
	expect("s3://primary/a=b/x.sql --drop-if-exists --limit=3",
	       "<s3://primary/a=b/x.sql>;--drop-if-exists<1>;--limit<3>;");
	expect("/", "</>;");
}

static void json_is_the_same(void **state)
{
	(void)state;
	expect("{\"a\":\"x y\",\"n\":5,\"t\":true,\"f\":false}",
	       "a<x y>;n<5>;t<1>;f<0>;");
	expect("{\"include\":[\"*.jpg\",\"*.png\"]}",
	       "include<*.jpg>;include<*.png>;");
	expect("{\"a\":1.5}", "EINVAL");
	expect("{\"a\":null}", "EINVAL");
	expect("{\"a\":{}}", "EINVAL");
	expect("{\"a\":[]}", "EINVAL");
	expect("{\"a\":-1}", "EINVAL");
	expect("{\"a\":\"x\\ny\"}", "EINVAL");
	expect("{\"a\":1", "EINVAL");
	expect("{\"a\":1} x", "EINVAL");
	expect("{}", "EINVAL");
}

static void what_cannot_be_is_refused(void **state)
{
	char *huge = malloc(COMMAND_MAX + 2);

	(void)state;
	expect("", "EINVAL");
	expect(" \n", "EINVAL");
	expect("=x", "EINVAL");
	expect("a='x", "EINVAL");
	expect("a=\"x", "EINVAL");
	expect("a=x\\", "EINVAL");
	expect("a=\x01", "EINVAL");
	expect("a=\xff", "EINVAL");
	memset(huge, 'a', COMMAND_MAX + 1);
	huge[COMMAND_MAX + 1] = '\0';
	expect(huge, "EMSGSIZE");
	free(huge);
}

static void a_dump_parses_to_the_same(void **state)
{
	static const char text[] =
		"s3://a/b include='a b' include=c --x n=5 q='\"\\'";
	struct command first = {0};
	struct command second = {0};
	struct str json = {0};

	(void)state;
	assert_int_equal(command_parse(text, strlen(text), &first, NULL), 0);
	assert_int_equal(command_dump(&first, &json), 0);
	assert_int_equal(
		command_parse(str_text(&json), json.len, &second, NULL), 0);
	assert_int_equal(first.count, second.count);
	for (size_t i = 0; i < first.count; i++)
		for (size_t n = 0;; n++) {
			const char *a =
				command_text(&first, first.words[i].key, n);
			const char *b =
				command_text(&second, first.words[i].key, n);

			if (!a) {
				assert_null(b);
				break;
			}
			assert_string_equal(a, b);
		}
	command_release(&first);
	command_release(&second);
	str_release(&json);
}

/* ---- rules ---- */

static const struct command_rule rules[] = {
	{.key = "src", .needed = true},
	{.key = "include", .many = true},
	{.key = "min-size", .type = COMMAND_SIZE},
	{.key = "ttl", .type = COMMAND_DURATION, .min = 1000, .max = 604800000},
	{.key = "newer-than", .type = COMMAND_MOMENT},
	{.key = "if", .type = COMMAND_CHOICE, .choices = "newer|missing"},
	{.key = "sync", .type = COMMAND_FLAG},
};
#define RULES (sizeof(rules) / sizeof(rules[0]))

static void check(const char *text, int code)
{
	struct command command = {0};
	struct err err = {0};

	assert_int_equal(command_parse(text, strlen(text), &command, NULL), 0);
	assert_int_equal(command_check(&command, rules, RULES, &err), code);
	assert_int_equal(err.code, code);
	command_release(&command);
}

static void a_command_is_held_against_its_rules(void **state)
{
	(void)state;
	check("src=a include=x include=y sync=1", 0);
	check("src=a sync=yes if=newer ttl=7d min-size=5M", 0);
	check("src=a newer-than=2026-11-22 ", 0);
	check("src=a newer-than=2026-11-22T19:55:03Z", 0);
	check("src=a newer-than=3h", 0);
	check("include=x", -EINVAL);
	check("src=", -EINVAL);
	check("src=a src=b", -EINVAL);
	check("src=a what=b", -EINVAL);
	check("src=a plain", -EINVAL);
	check("src=a --drop", -EINVAL);
	check("src=a sync=maybe", -EINVAL);
	check("src=a if=never", -EINVAL);
	check("src=a if=new", -EINVAL);
	check("src=a min-size=x", -EINVAL);
	check("src=a newer-than=yesterday", -EINVAL);
	check("src=a ttl=8d", -EDOM);
	check("src=a ttl=0", -EDOM);
	check("src=a min-size=99999999999999999999P", -EDOM);
}

static void values_are_numbers_in_their_unit(void **state)
{
	static const char text[] =
		"src=a min-size=2K ttl=2m newer-than=1h sync=on";
	struct command command = {0};

	(void)state;
	assert_int_equal(command_parse(text, strlen(text), &command, NULL), 0);
	assert_int_equal(command_number(&command, &rules[2], 0, 7), 2048);
	assert_int_equal(command_number(&command, &rules[3], 0, 7), 120000);
	assert_int_equal(command_number(&command, &rules[4], 10000, 7), 6400);
	assert_true(command_flag(&command, "sync"));
	assert_false(command_flag(&command, "src"));
	assert_int_equal(command_number(&command,
	                                &(struct command_rule){.key = "none"},
	                                0, 7),
	                 7);
	command_release(&command);
}

static void a_date_is_seconds_since_1970(void **state)
{
	struct command command = {0};

	(void)state;
	assert_int_equal(
		command_add(&command, "newer-than", "2026-11-22T19:55:03Z"), 0);
	assert_int_equal(command_number(&command, &rules[4], 0, 7), 1795377303);
	command_release(&command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_split_and_quoted_as_in_sh),
		cmocka_unit_test(plain_words_and_the_classic_form),
		cmocka_unit_test(json_is_the_same),
		cmocka_unit_test(what_cannot_be_is_refused),
		cmocka_unit_test(a_dump_parses_to_the_same),
		cmocka_unit_test(a_command_is_held_against_its_rules),
		cmocka_unit_test(values_are_numbers_in_their_unit),
		cmocka_unit_test(a_date_is_seconds_since_1970),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
