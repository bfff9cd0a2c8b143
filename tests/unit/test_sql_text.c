/* SPDX-License-Identifier: MIT */
/* Names, INSERTs, patterns, heads of CREATE statements. */
#include "ddl.h"
#include "filter.h"
#include "sql_insert.h"
#include "sql_name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void names_and_texts_are_quoted(void **state)
{
	(void)state;
	cleanup(str_release) struct str s = {0};

	sql_add_table(&s, "na`s.ty db", "a\nb");
	str_add(&s, " ");
	sql_add_table(&s, NULL, "select");
	str_add(&s, " ");
	sql_add_text(&s, "it's \\ a\nb\r");
	assert_string_equal(
		str_text(&s),
		"`na``s.ty db`.`a\nb` `select` 'it\\'s \\\\ a\\nb\\r'");
}

static void a_newline_in_a_comment_stays_a_comment(void **state)
{
	(void)state;
	cleanup(str_release) struct str s = {0};

	str_add(&s, "-- ");
	sql_add_comment(&s, "x\nDROP DATABASE y;\n");
	assert_string_equal(str_text(&s), "-- x\n-- DROP DATABASE y;\n-- ");
}

static void a_delimiter_is_nowhere_in_the_body(void **state)
{
	(void)state;
	static const struct {
		const char *body, *delimiter;
	} rows[] = {
		{"BEGIN END", ";;"},
		{"SELECT ';;'", "$$"},
		{"SELECT ';;$$'", "//"},
		{"SELECT ';;$$//'", "//1//"},
		{"SELECT ';;$$//1//'", "//2//"},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char delimiter[SQL_DELIMITER_MAX];

		sql_delimiter(rows[i].body, delimiter);
		assert_string_equal(delimiter, rows[i].delimiter);
	}
}

static void lists_of_names_are_taken_apart(void **state)
{
	(void)state;
	cleanup(str_release) struct str name = {0};
	cleanup(str_release) struct str all = {0};
	const char *list = "a, `b,``c` ,!d*,`open,e";
	bool quoted;

	while ((list = sql_next_name(list, &name, &quoted)) != NULL)
		str_addf(&all, "[%s%s]", str_text(&name), quoted ? "!" : "");
	assert_string_equal(str_text(&all), "[a][b,`c!][!d*][`open][e]");
}

static void patterns_take_what_they_mean(void **state)
{
	(void)state;
	static const struct {
		const char *patterns, *db, *name;
		bool taken;
	} rows[] = {
		{NULL, "d", "t", true},
		{"", "d", "t", true},
		{"t", "d", "t", true},
		{"t", "d", "tt", false},
		{"log_*", "d", "log_1", true},
		{"log_*,!log_old", "d", "log_old", false},
		{"!log_*", "d", "users", true},
		{"!log_*", "d", "log_1", false},
		{"a?", "d", "ab", true},
		{"[ab]c", "d", "bc", true},
		{"shop.orders", "shop", "orders", true},
		{"shop.orders", "other", "orders", false},
		{"shop.*,!shop.tmp", "shop", "tmp", false},
		{"`a*b`", "d", "axb", false},
		{"`a*b`", "d", "a*b", true},
		{"`a``b`", "d", "a`b", true},
		{"`x.y`.`a,b`", "x.y", "a,b", true},
		{"`x.y`.`a,b`", "x", "a,b", false},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		cleanup(filter_freep) struct filter *filter = NULL;

		assert_int_equal(filter_new(rows[i].patterns, &filter), 0);
		assert_int_equal(filter_takes(filter, rows[i].db, rows[i].name),
		                 rows[i].taken);
	}
}

static void a_pattern_that_took_nothing_is_told(void **state)
{
	(void)state;
	cleanup(filter_freep) struct filter *filter = NULL;

	assert_int_equal(filter_new("a*,misspelt,!never", &filter), 0);
	assert_string_equal(filter_unused(filter), "a*");
	(void)filter_takes(filter, "d", "abc");
	assert_string_equal(filter_unused(filter), "misspelt");
	(void)filter_takes(filter, "d", "misspelt");
	assert_null(filter_unused(filter));
}

/* A row of three values. */
static void add_row(struct sql_insert *insert, struct str *text, const char *a,
                    const char *b, const char *c)
{
	const char *values[] = {a, b, c};
	const unsigned long lengths[] = {a ? strlen(a) : 0, b ? strlen(b) : 0,
	                                 c ? strlen(c) : 0};

	assert_int_equal(sql_insert_row(insert, text, values, lengths), 0);
}

/* id, an ENUM with its number. */
static const struct sql_field fields[] = {
	{.format = {.kind = SQL_NUMBER}, .value = 0},
	{.format = {.kind = SQL_ENUM}, .value = 1, .number = 2},
};

static struct sql_insert insert_into_t(void)
{
	static const char prefix[] = "INSERT INTO `t` (`id`,`e`) VALUES\n";

	return (struct sql_insert){.prefix = prefix,
	                           .prefix_len = sizeof(prefix) - 1,
	                           .fields = fields,
	                           .count = 2};
}

static void rows_become_an_insert(void **state)
{
	(void)state;
	cleanup(str_release) struct str text = {0};
	struct sql_insert insert = insert_into_t();

	add_row(&insert, &text, "1", "a", "1");
	add_row(&insert, &text, "2", "", "0");
	add_row(&insert, &text, NULL, NULL, NULL);
	sql_insert_end(&insert, &text);
	sql_insert_end(&insert, &text);
	assert_string_equal(str_text(&text),
	                    "INSERT INTO `t` (`id`,`e`) VALUES\n"
	                    "(1,'a'),\n(2,0),\n(NULL,NULL);\n");
}

static void a_table_without_columns_has_rows(void **state)
{
	(void)state;
	cleanup(str_release) struct str text = {0};
	struct sql_insert insert = {.prefix = "INSERT INTO `t` () VALUES\n",
	                            .prefix_len = 26};

	add_row(&insert, &text, "1", NULL, NULL);
	sql_insert_end(&insert, &text);
	assert_string_equal(str_text(&text),
	                    "INSERT INTO `t` () VALUES\n();\n");
}

static void statements_have_at_most_a_mebibyte(void **state)
{
	(void)state;
	cleanup(str_release) struct str text = {0};
	cleanup(freep) char *large = malloc(300001);
	struct sql_insert insert = insert_into_t();
	unsigned statements = 0, rows = 0;

	memset(large, 'x', 300000);
	large[300000] = '\0';
	for (unsigned i = 0; i < 40; i++)
		add_row(&insert, &text, "7", large, "1");
	sql_insert_end(&insert, &text);
	for (const char *at = str_text(&text); *at;) {
		const char *end = strstr(at, ";\n");

		assert_non_null(end);
		assert_true((size_t)(end + 2 - at) <= SQL_INSERT_MAX);
		assert_true(strncmp(at, insert.prefix, insert.prefix_len) == 0);
		statements++;
		for (const char *row = at;
		     (row = strstr(row, "(7,'")) && row < end; row++)
			rows++;
		at = end + 2;
	}
	assert_int_equal(rows, 40);
	assert_int_equal(statements, 14);
}

static void a_row_that_is_too_long_stands_alone(void **state)
{
	(void)state;
	cleanup(str_release) struct str text = {0};
	cleanup(freep) char *large = malloc(1200001);
	struct sql_insert insert = insert_into_t();

	memset(large, 'x', 1200000);
	large[1200000] = '\0';
	add_row(&insert, &text, "1", "a", "1");
	add_row(&insert, &text, "2", large, "1");
	add_row(&insert, &text, "3", "a", "1");
	sql_insert_end(&insert, &text);

	const char *second = strstr(str_text(&text), "(1,'a');\nINSERT");
	const char *third = strstr(str_text(&text), "');\nINSERT INTO `t` "
	                                            "(`id`,`e`) VALUES\n(3");
	assert_non_null(second);
	assert_non_null(third);
}

static void heads_of_statements_are_changed(void **state)
{
	(void)state;
	const struct ddl_policy keep = {0};
	const struct ddl_policy exists = {.if_not_exists = true};
	const struct ddl_policy strip = {.definer = DDL_DEFINER_STRIP};
	const struct ddl_policy map = {.definer = DDL_DEFINER_MAP,
	                               .map_from = "a`b@%",
	                               .map_to = "new@h"};
	const struct ddl_policy map_user = {.definer = DDL_DEFINER_MAP,
	                                    .map_from = "root",
	                                    .map_to = "app"};
	const struct {
		const struct ddl_policy *policy;
		const char *text, *expected;
	} rows[] = {
		{&keep, "CREATE DEFINER=`a``b`@`%` VIEW `v` AS select 1",
	         "CREATE DEFINER=`a``b`@`%` VIEW `v` AS select 1"},
		{&exists, "CREATE TABLE `t` (\n",
	         "CREATE TABLE IF NOT EXISTS `t` (\n"},
		{&exists, "CREATE DATABASE `d`",
	         "CREATE DATABASE IF NOT EXISTS `d`"},
		{&exists, "CREATE SEQUENCE `s` start",
	         "CREATE SEQUENCE IF NOT EXISTS `s` start"},
		{&exists,
	         "CREATE ALGORITHM=UNDEFINED DEFINER=`r`@`l` SQL SECURITY "
	         "DEFINER VIEW `v` AS select 1",
	         "CREATE ALGORITHM=UNDEFINED DEFINER=`r`@`l` SQL SECURITY "
	         "DEFINER VIEW IF NOT EXISTS `v` AS select 1"},
		{&exists, "CREATE DEFINER=\"r\"@\"l\" PACKAGE BODY \"p\" AS",
	         "CREATE DEFINER=\"r\"@\"l\" PACKAGE BODY IF NOT EXISTS \"p\" "
	         "AS"},
		{&exists, "CREATE DEFINER=`r`@`l` PACKAGE `BODY` AS",
	         "CREATE DEFINER=`r`@`l` PACKAGE IF NOT EXISTS `BODY` AS"},
		{&exists, "CREATE DEFINER=`r`@`l` AGGREGATE FUNCTION f()",
	         "CREATE DEFINER=`r`@`l` AGGREGATE FUNCTION IF NOT EXISTS "
	         "f()"},
		{&exists, "CREATE DEFINER=`r`@`l` TRIGGER IF NOT EXISTS x",
	         "CREATE DEFINER=`r`@`l` TRIGGER IF NOT EXISTS x"},
		{&strip, "CREATE DEFINER=`VIEW`@`TABLE` PROCEDURE `p`()",
	         "CREATE PROCEDURE `p`()"},
		{&strip, "CREATE VIEW `v` AS select 'DEFINER=x' AS y",
	         "CREATE VIEW `v` AS select 'DEFINER=x' AS y"},
		{&map, "CREATE DEFINER=`a``b`@`%` EVENT `e`",
	         "CREATE DEFINER=`new`@`h` EVENT `e`"},
		{&map, "CREATE DEFINER=`a``b`@`l` EVENT `e`",
	         "CREATE DEFINER=`a``b`@`l` EVENT `e`"},
		{&map_user, "CREATE DEFINER=\"root\"@\"x\" FUNCTION \"f\"()",
	         "CREATE DEFINER=`app`@`%` FUNCTION \"f\"()"},
		{&exists, "nothing of the kind", "nothing of the kind"},
		{&exists, "", ""},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		cleanup(str_release) struct str out = {0};

		ddl_add(&out, rows[i].text, rows[i].policy);
		assert_string_equal(str_text(&out), rows[i].expected);
	}
}

static void a_fingerprint_knows_no_auto_increment(void **state)
{
	(void)state;
	const char *a = "CREATE TABLE `t` (\n  `a` int\n) ENGINE=InnoDB "
			"AUTO_INCREMENT=5 COMMENT='x'";
	const char *b = "CREATE TABLE `t` (\n  `a` int\n) ENGINE=InnoDB "
			"AUTO_INCREMENT=66 COMMENT='x'";
	const char *c = "CREATE TABLE `t` (\n  `a` int\n) ENGINE=InnoDB "
			"AUTO_INCREMENT=66 COMMENT='y'";
	const char *d = "CREATE TABLE `t` (\n  `a` int,\n  `b` int\n) "
			"ENGINE=InnoDB AUTO_INCREMENT=5 COMMENT='x'";

	assert_true(ddl_fingerprint(a) == ddl_fingerprint(b));
	assert_true(ddl_fingerprint(a) != ddl_fingerprint(c));
	assert_true(ddl_fingerprint(a) != ddl_fingerprint(d));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_texts_are_quoted),
		cmocka_unit_test(a_newline_in_a_comment_stays_a_comment),
		cmocka_unit_test(a_delimiter_is_nowhere_in_the_body),
		cmocka_unit_test(lists_of_names_are_taken_apart),
		cmocka_unit_test(patterns_take_what_they_mean),
		cmocka_unit_test(a_pattern_that_took_nothing_is_told),
		cmocka_unit_test(rows_become_an_insert),
		cmocka_unit_test(a_table_without_columns_has_rows),
		cmocka_unit_test(statements_have_at_most_a_mebibyte),
		cmocka_unit_test(a_row_that_is_too_long_stands_alone),
		cmocka_unit_test(heads_of_statements_are_changed),
		cmocka_unit_test(a_fingerprint_knows_no_auto_increment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
