/* SPDX-License-Identifier: MIT */
/* What is read how and in which order: chunks, views, columns, words. */
#include "catalog.h"
#include "chunk.h"
#include "order.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void conditions_follow_a_composite_key(void **state)
{
	(void)state;
	const struct chunk_key key = {3, {"a", "b`", "c"}};
	const struct chunk_point one = {1, {(char[]){"1"}}};
	const struct chunk_point two = {2, {(char[]){"1"}, (char[]){"'x'"}}};
	const struct chunk_point three = {
		3, {(char[]){"1"}, (char[]){"'x'"}, (char[]){"0xFF"}}};
	cleanup(str_release) struct str s = {0};

	chunk_add_after(&s, &key, &one);
	str_add_char(&s, '\n');
	chunk_add_after(&s, &key, &two);
	str_add_char(&s, '\n');
	chunk_add_upto(&s, &key, &three);
	assert_string_equal(str_text(&s),
	                    "`a`>1\n"
	                    "`a`>=1 AND (`a`>1 OR (`a`=1 AND `b```>'x'))\n"
	                    "`a`<=1 AND (`a`<1 OR (`a`=1 AND `b```<='x' AND "
	                    "(`b```<'x' OR (`b```='x' AND `c`<=0xFF))))");
}

static void a_where_says_what_there_is_to_say(void **state)
{
	(void)state;
	const struct chunk_key key = {1, {"a"}};
	const struct chunk_point none = {0};
	const struct chunk_point low = {1, {(char[]){"1"}}};
	const struct chunk_point high = {1, {(char[]){"9"}}};
	cleanup(str_release) struct str s = {0};

	chunk_add_where(&s, &key, &none, &none, NULL);
	assert_int_equal(s.len, 0);
	chunk_add_where(&s, &key, &low, &high, "x=1 OR y=2");
	str_add_char(&s, '\n');
	chunk_add_where(&s, &key, &none, &high, NULL);
	assert_string_equal(
		str_text(&s),
		" WHERE (x=1 OR y=2) AND `a`>1 AND `a`<=9\n WHERE `a`<=9");
}

static void steps_take_about_a_second(void **state)
{
	(void)state;
	/* Rows, ms, rows of the next. */
	static const uint64_t rows[][3] = {
		{1000, 1000, 1000}, {1000, 500, 2000},
		{1000, 2000, 500},  {1000, 1, 8000},
		{1000, 0, 8000},    {8000, 1000000, 1000},
		{300, 100000, 200}, {4000000, 1, 4000000},
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(chunk_next_rows(rows[i][0], rows[i][1], 1000),
		                 rows[i][2]);
}

static void integers_have_a_middle(void **state)
{
	(void)state;
	static const struct {
		const char *low, *high, *middle;
	} rows[] = {
		{"0", "10", "5"},
		{"-10", "10", "0"},
		{"-9223372036854775808", "9223372036854775807", "-1"},
		{"0", "18446744073709551615", "9223372036854775807"},
		{"-5", "-3", "-4"},
		{"1", "2", NULL},
		{"2", "1", NULL},
		{"a", "9", NULL},
		{"1.5", "9", NULL},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char middle[24];
		bool found = chunk_middle(rows[i].low, rows[i].high, middle,
		                          sizeof(middle));

		assert_int_equal(found, rows[i].middle != NULL);
		if (found)
			assert_string_equal(middle, rows[i].middle);
	}
}

static void views_come_behind_what_they_name(void **state)
{
	(void)state;
	const struct order_view views[] = {
		{"d", "a", "CREATE VIEW `a` AS select 1 from `m` join `z`"},
		{"d", "m", "CREATE VIEW `m` AS select 1 from `z`"},
		{"d", "z", "CREATE VIEW `z` AS select 1 from `t`"},
		{"e", "a", "CREATE VIEW `a` AS select 1 from `d`.`b``c`"},
		{"d", "b`c", "CREATE VIEW `b``c` AS select 1 from `e`.`t`"},
		{"e", "z", "CREATE VIEW `z` AS select `a`.`z` AS `m` from `t`"},
	};
	const size_t expected[] = {2, 1, 0, 4, 3, 5};
	size_t order[COUNT(views)];

	assert_int_equal(order_views(views, COUNT(views), order), 0);
	assert_memory_equal(order, expected, sizeof(expected));
}

static void a_circle_of_views_is_cut(void **state)
{
	(void)state;
	const struct order_view views[] = {
		{"d", "a", "CREATE VIEW `a` AS select `b`.`x` from `t` `b`"},
		{"d", "b", "CREATE VIEW `b` AS select `a`.`x` from `t` `a`"},
	};
	size_t order[2];

	assert_int_equal(order_views(views, 2, order), 0);
	assert_int_equal(order[0] + order[1], 1);
	assert_int_equal(order_views(views, 0, order), 0);
}

static void columns_are_printed_by_type_and_charset(void **state)
{
	(void)state;
	static const struct {
		const char *data, *type, *charset;
		enum sql_kind kind;
		bool cast, exact, keyed;
	} rows[] = {
		{"int", "int(11)", NULL, SQL_NUMBER, false, false, true},
		{"bigint", "bigint(20) unsigned", NULL, SQL_NUMBER, false,
	         false, true},
		{"decimal", "decimal(65,30)", NULL, SQL_NUMBER, false, false,
	         true},
		{"year", "year(4)", NULL, SQL_NUMBER, false, false, false},
		{"float", "float", NULL, SQL_FLOAT, false, true, false},
		{"float", "float unsigned", NULL, SQL_FLOAT, false, true,
	         false},
		{"float", "float(7,3)", NULL, SQL_FLOAT, false, false, false},
		{"double", "double(20,5)", NULL, SQL_FLOAT, false, false,
	         false},
		{"bit", "bit(64)", NULL, SQL_BYTES, false, false, false},
		{"binary", "binary(16)", NULL, SQL_BYTES, false, false, true},
		{"longblob", "longblob", NULL, SQL_BYTES, false, false, false},
		{"point", "point", NULL, SQL_BYTES, false, false, false},
		{"varchar", "varchar(9)", "utf8mb4", SQL_TEXT, false, false,
	         true},
		{"varchar", "varchar(9)", "latin1", SQL_TEXT, false, false,
	         true},
		{"varchar", "varchar(9)", "big5", SQL_CHARSET, true, false,
	         true},
		{"text", "text", "utf16", SQL_CHARSET, true, false, false},
		{"text", "text", "binary", SQL_BYTES, false, false, false},
		{"longtext", "longtext", "utf8mb4", SQL_TEXT, false, false,
	         false},
		{"enum", "enum('a')", "big5", SQL_ENUM, false, false, false},
		{"set", "set('a')", "utf8mb4", SQL_TEXT, false, false, false},
		{"uuid", "uuid", NULL, SQL_TEXT, false, false, true},
		{"inet6", "inet6", NULL, SQL_TEXT, false, false, true},
		{"datetime", "datetime(6)", NULL, SQL_TEXT, false, false, true},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct column_facts facts = {.name = "c",
		                                   .data_type = rows[i].data,
		                                   .column_type = rows[i].type,
		                                   .charset = rows[i].charset};
		struct dump_column column = {0};

		catalog_format(&facts, &column);
		assert_int_equal(column.format.kind, rows[i].kind);
		assert_int_equal(column.cast, rows[i].cast);
		assert_int_equal(column.exact, rows[i].exact);
		assert_int_equal(column.keyed, rows[i].keyed);
	}
}

static void statements_name_every_column_that_is_dumped(void **state)
{
	(void)state;
	struct catalog catalog = {0};
	struct dump_database *db = catalog_add_database(&catalog, "d`b");
	struct dump_table *table = catalog_add_table(db, "t", TABLE_BASE);
	const struct column_facts columns[] = {
		{"id", "int", "int(11)", NULL, "", NULL},
		{"g", "int", "int(11)", NULL, "STORED GENERATED", "`id`+1"},
		{"f", "float", "float", NULL, "", ""},
		{"e", "enum", "enum('a')", "utf8mb4", "", NULL},
		{"j", "varchar", "varchar(9)", "sjis", "INVISIBLE", NULL},
	};

	for (size_t i = 0; i < COUNT(columns); i++)
		assert_int_equal(catalog_add_column(table, &columns[i]), 0);
	assert_int_equal(catalog_finish_table(table, true), 0);
	assert_string_equal(table->select,
	                    "SELECT SQL_NO_CACHE `id`,`f`+0e0,`e`,`e`+0,"
	                    "CAST(`j` AS BINARY) FROM `d``b`.`t`");
	assert_string_equal(
		table->insert,
		"INSERT INTO `d``b`.`t` (`id`,`f`,`e`,`j`) VALUES\n");
	assert_int_equal(table->fields[2].number, 3);
	assert_int_equal(table->fields[3].value, 4);
	assert_ptr_equal(catalog_find(db, "t"), table);
	assert_null(catalog_find(db, "T"));
	catalog_release(&catalog);
}

static void a_key_of_what_cannot_be_compared_is_none(void **state)
{
	(void)state;
	struct catalog catalog = {0};
	struct dump_database *db = catalog_add_database(&catalog, "d");
	struct dump_table *table = catalog_add_table(db, "t", TABLE_BASE);
	const struct column_facts columns[] = {
		{"a", "int", "int(11)", NULL, "", NULL},
		{"e", "enum", "enum('a')", "utf8mb4", "", NULL},
		{"b", "int", "int(11)", NULL, "", NULL},
	};
	bool spoilt = false;

	for (size_t i = 0; i < COUNT(columns); i++)
		assert_int_equal(catalog_add_column(table, &columns[i]), 0);
	catalog_key_column(table, "a", true, &spoilt);
	assert_int_equal(table->key_count, 1);
	catalog_key_column(table, "e", true, &spoilt);
	assert_true(spoilt);
	catalog_key_column(table, "b", true, &spoilt);
	assert_int_equal(table->key_count, 0);

	spoilt = false;
	catalog_key_column(table, "b", true, &spoilt);
	catalog_key_column(table, "a", true, &spoilt);
	assert_false(spoilt);
	assert_int_equal(table->key[0], 2);
	assert_int_equal(table->key[1], 0);
	catalog_release(&catalog);
}

static void words_are_understood_or_refused(void **state)
{
	(void)state;
	static const struct {
		const char *name, *value;
		int result;
	} rows[] = {
		{"out", "primary/a.sql", 0},
		{"out", NULL, -EINVAL},
		{"db", "a,b", 0},
		{"drop-if-exists", NULL, 0},
		{"keep_if_exists", "off", 0},
		{"triggers", "0", 0},
		{"triggers", "maybe", -EINVAL},
		{"threads", "8", 0},
		{"threads", "0", -EDOM},
		{"threads", "99", -EDOM},
		{"threads", "x", -EINVAL},
		{"threads", NULL, -EINVAL},
		{"expires", "1h", 0},
		{"expires", "0s", -EDOM},
		{"expires", "soon", -EINVAL},
		{"compress", "zstd:19", 0},
		{"compress", "zstd:20", -EDOM},
		{"compress", "gzip", 0},
		{"compress", "lzma", -EINVAL},
		{"definer", "strip", 0},
		{"definer", "map=root:app", 0},
		{"definer", "map=root", -EINVAL},
		{"definer", "drop", -EINVAL},
		{"where.a_b", "id>5", 0},
		{"where.t", "", -EINVAL},
		{"mask.t.c", "null", -EOPNOTSUPP},
		{"theads", "4", -EINVAL},
	};
	cleanup(dump_options_freep) struct dump_options *options =
		dump_options_new();

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct err err = {0};

		assert_int_equal(dump_options_set(options, rows[i].name,
		                                  rows[i].value, &err),
		                 rows[i].result);
		assert_int_equal(err.code, rows[i].result);
	}
	assert_string_equal(options->out, "primary/a.sql");
	assert_true(options->drop_if_exists);
	assert_false(options->keep_if_exists);
	assert_false(options->triggers);
	assert_int_equal(options->threads, 8);
	assert_int_equal(options->expires_ms, 3600000);
	assert_string_equal(options->definer_from, "root");
	assert_string_equal(options->definer_to, "app");
	assert_int_equal(options->where_count, 1);
	assert_string_equal(options->wheres[0].table, "a_b");
}

static void words_that_contradict_are_refused(void **state)
{
	(void)state;
	static const char *const pairs[][2] = {
		{"drop-if-exists", "keep-if-exists"},
		{"no-expiration", "expires=1h"},
		{"all-databases", "db=a"},
		{"schema=off", "data=off"},
	};

	for (size_t i = 0; i < COUNT(pairs); i++) {
		cleanup(dump_options_freep) struct dump_options *options =
			dump_options_new();
		struct err err = {0};

		for (size_t j = 0; j < 2; j++) {
			char word[32];
			char *equals;

			(void)str_copy(word, sizeof(word), pairs[i][j]);
			equals = strchr(word, '=');
			if (equals)
				*equals++ = '\0';
			assert_int_equal(dump_options_check(options, &err), 0);
			assert_int_equal(dump_options_set(options, word, equals,
			                                  &err),
			                 0);
		}
		assert_int_equal(dump_options_check(options, &err), -EINVAL);
	}
}

static void an_export_expires_unless_told_otherwise(void **state)
{
	(void)state;
	cleanup(dump_options_freep) struct dump_options *options =
		dump_options_new();
	char at[24];

	dump_options_expiry(options, 1000, 3600000, at);
	assert_string_equal(at, "4600");
	dump_options_expiry(options, 1000, 0, at);
	assert_string_equal(at, "");
	assert_int_equal(dump_options_set(options, "expires", "60", NULL), 0);
	dump_options_expiry(options, 1000, 3600000, at);
	assert_string_equal(at, "1060");
	options->no_expiration = true;
	dump_options_expiry(options, 1000, 3600000, at);
	assert_string_equal(at, "");
	assert_string_equal(dump_options_content_type(options, "a.sql.gz"),
	                    "application/gzip");
	assert_string_equal(dump_options_content_type(options, "a.sql"),
	                    "application/sql");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conditions_follow_a_composite_key),
		cmocka_unit_test(a_where_says_what_there_is_to_say),
		cmocka_unit_test(steps_take_about_a_second),
		cmocka_unit_test(integers_have_a_middle),
		cmocka_unit_test(views_come_behind_what_they_name),
		cmocka_unit_test(a_circle_of_views_is_cut),
		cmocka_unit_test(columns_are_printed_by_type_and_charset),
		cmocka_unit_test(statements_name_every_column_that_is_dumped),
		cmocka_unit_test(a_key_of_what_cannot_be_compared_is_none),
		cmocka_unit_test(words_are_understood_or_refused),
		cmocka_unit_test(words_that_contradict_are_refused),
		cmocka_unit_test(an_export_expires_unless_told_otherwise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
