/* SPDX-License-Identifier: MIT */
/* Imports into a real server: what comes out, and what is said when not. */
#include "load_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define LEFT_OVER                                                 \
	"SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE " \
	"SCHEMA_NAME='porter_import'"

static void statements_come_in_their_order(void **state)
{
	struct load_rig rig;

	(void)state;
	load_rig_init(&rig);
	assert_int_equal(
		load_rig_run(&rig,
	                     "-- MariaDB dump 10\n"
	                     "SET @old=@@sql_mode, sql_mode='';\n"
	                     "CREATE TABLE a (id INT PRIMARY KEY, b INT);\n"
	                     "LOCK TABLES a WRITE;\n"
	                     "INSERT INTO a VALUES (1,1),(2,2);\n"
	                     "INSERT INTO a VALUES (3,3);\n"
	                     "UNLOCK TABLES;\n"
	                     "UPDATE a SET b=b*10;\n"
	                     "INSERT INTO a VALUES (4,4);\n"
	                     "ALTER TABLE a ADD c INT DEFAULT 7;\n"
	                     "INSERT INTO a VALUES (5,5,5);\n"
	                     "SET sql_mode=@old;\n"
	                     "-- Dump completed on 2026-01-01\n"),
		0);
	load_rig_check(&rig, "SELECT * FROM a ORDER BY id",
	               "1,10,7;2,20,7;3,30,7;4,4,7;5,5,5;");
	assert_int_equal(rig.report.statements, 11);
	assert_int_equal(rig.report.rows, 5);
	load_rig_check(&rig, LEFT_OVER, "0;");
	load_rig_release(&rig);
}

static void tables_without_a_key_keep_their_order(void **state)
{
	cleanup(str_release) struct str text = {0};
	struct load_rig rig;

	(void)state;
	load_rig_init(&rig);
	str_add(&text,
	        "CREATE TABLE a (n INT, pad TEXT); CREATE TABLE b (id INT "
	        "AUTO_INCREMENT PRIMARY KEY, n INT, pad TEXT);\n");
	for (unsigned i = 0; i < 400; i++) {
		str_addf(&text, "INSERT INTO a VALUES (%u, REPEAT('x', 20));",
		         i);
		str_addf(&text, "INSERT INTO b (n, pad) VALUES (%u, '", i);
		for (unsigned k = 0; k < 800; k++)
			str_add(&text, "0123456789");
		str_add(&text, "');\n");
	}
	assert_int_equal(load_rig_run_mem(&rig, text.data, text.len), 0);
	server_run(rig.session, "SET @i=-1", NULL);
	load_rig_check(&rig, "SELECT COUNT(*), SUM(n=(@i:=@i+1)) FROM a",
	               "400,400;");
	load_rig_check(&rig, "SELECT COUNT(*), SUM(n=id-1) FROM b", "400,400;");
	load_rig_release(&rig);
}

static void code_is_loaded_to_the_letter(void **state)
{
	struct load_rig rig;

	(void)state;
	load_rig_init(&rig);
	assert_int_equal(
		load_rig_run(
			&rig,
			"CREATE TABLE a (id INT PRIMARY KEY);\r\n"
			"DELIMITER ;;\r\n"
			"/*!50003 CREATE*/ /*!50003 TRIGGER g BEFORE INSERT ON a "
			"FOR EACH ROW BEGIN\n"
			"  -- it's; kept\n  SET @x = 1; /* so is; this */\nEND */;;\n"
			"CREATE PROCEDURE p() BEGIN SELECT ';;'; # here\nEND;;\n"
			"DELIMITER ;\n"
			"INSERT INTO a VALUES (1);"),
		0);
	load_rig_check(
		&rig,
		"SELECT ACTION_STATEMENT FROM information_schema.TRIGGERS "
		"WHERE TRIGGER_SCHEMA='lt'",
		"BEGIN\n  -- it's; kept\n  SET @x = 1; /* so is; this "
		"*/\nEND;");
	load_rig_check(&rig,
	               "SELECT ROUTINE_DEFINITION FROM "
	               "information_schema.ROUTINES WHERE ROUTINE_SCHEMA='lt'",
	               "BEGIN SELECT ';;'; # here\nEND;");
	load_rig_check(&rig, "SELECT * FROM a", "1;");
	load_rig_release(&rig);
}

static void the_servers_word_on_sql_mode_counts(void **state)
{
	struct load_rig rig;

	(void)state;
	load_rig_init(&rig);
	assert_int_equal(
		load_rig_run(
			&rig,
			"CREATE TABLE a (id INT PRIMARY KEY, b VARCHAR(20));\n"
			"SET sql_mode=CONCAT(@@sql_mode,',NO_BACKSLASH_ESCAPES');\n"
			"INSERT INTO a VALUES (1,'\\'); INSERT INTO a VALUES "
			"(2,'x;');\n"
			"SET sql_mode=REPLACE(@@sql_mode,'NO_BACKSLASH_ESCAPES','');\n"
			"INSERT INTO a VALUES (3,'\\';');\n"
			"SET NAMES gbk;\n"
			"INSERT INTO a VALUES (4,'\xBF\x5C');\n"),
		0);
	load_rig_check(&rig, "SELECT id, b FROM a WHERE id<4 ORDER BY id",
	               "1,\\;2,x;;3,';;");
	load_rig_check(&rig,
	               "SELECT HEX(CONVERT(b USING gbk)) FROM a WHERE id=4",
	               "BF5C;");
	load_rig_release(&rig);
}

static void a_failure_stops_and_is_told(void **state)
{
	struct load_rig rig;
	static const char text[] =
		"CREATE TABLE a (id INT PRIMARY KEY, b TINYINT);\n"
		"INSERT INTO a VALUES (1,1);\n"
		"SET sql_mode='STRICT_ALL_TABLES';\n"
		"INSERT INTO a VALUES (2,2),\n(3,300);\n"
		"CREATE TABLE b (id INT);\n";

	(void)state;
	load_rig_init(&rig);
	rig.config.job = "job-1";
	assert_true(load_rig_run(&rig, text) < 0);
	assert_string_equal(str_text(&rig.errors), "4 4 1264 22003 a 2\n");
	assert_non_null(
		strstr(rig.err.text, "statement 4 at line 4 (a): 1264"));
	assert_true(rig.report.can_resume);
	load_rig_check(&rig, "SHOW TABLES", "a;");

	/* what was in the way is gone: it goes on, once for each row */
	server_run(rig.session, "ALTER TABLE a MODIFY b INT", NULL);
	assert_int_equal(load_rig_run(&rig, text), 0);
	assert_true(rig.report.resumed);
	load_rig_check(&rig, "SELECT * FROM a ORDER BY id", "1,1;2,2;3,300;");
	load_rig_check(&rig, "SHOW TABLES", "a;b;");
	load_rig_check(&rig, LEFT_OVER, "0;");
	load_rig_release(&rig);
}

static void failures_can_be_passed(void **state)
{
	struct load_rig rig;

	(void)state;
	load_rig_init(&rig);
	rig.config.skip_errors = true;
	assert_int_equal(load_rig_run(&rig,
	                              "CREATE TABLE a (id INT PRIMARY KEY);\n"
	                              "INSERT INTO a VALUES (1),(2);\n"
	                              "INSERT INTO a VALUES (3),(2);\n"
	                              "INSERT INTO nowhere VALUES (4);\n"
	                              "BOGUS;\nROLLBACK;\n"
	                              "INSERT INTO a VALUES (5);\n"),
	                 0);
	load_rig_check(&rig, "SELECT * FROM a ORDER BY id", "1;2;5;");
	assert_int_equal(rig.report.errors, 4);
	assert_non_null(strstr(str_text(&rig.errors), "3 3 1062 23000 a 0\n"));
	assert_non_null(
		strstr(str_text(&rig.errors), "4 4 1146 42S02 nowhere 0\n"));
	assert_non_null(strstr(str_text(&rig.errors), "5 5 1064 42000  0\n"));
	assert_non_null(strstr(str_text(&rig.errors), "6 6 0   0\n"));
	load_rig_release(&rig);
}

static void a_dump_goes_into_another_database(void **state)
{
	struct load_rig rig;

	(void)state;
	load_rig_init(&rig);
	server_run(rig.session, "DROP DATABASE IF EXISTS lt2", NULL);
	rig.config.database = "lt2";
	assert_int_equal(load_rig_run(&rig,
	                              "CREATE DATABASE shop; USE shop;"
	                              "CREATE TABLE a (id INT PRIMARY KEY);"
	                              "INSERT INTO a VALUES (1);"),
	                 0);
	load_rig_check(&rig, "SELECT * FROM lt2.a", "1;");
	assert_int_equal(load_rig_run(&rig, "USE a; USE b;"), -EINVAL);
	assert_non_null(strstr(rig.err.text, "several databases"));
	server_run(rig.session, "DROP DATABASE lt2", NULL);
	load_rig_release(&rig);
}

static void single_tables_are_loaded(void **state)
{
	struct load_rig rig;

	(void)state;
	load_rig_init(&rig);
	rig.config.tables = "b*,!b2";
	assert_int_equal(load_rig_run(&rig,
	                              "CREATE TABLE a (id INT PRIMARY KEY);"
	                              "CREATE TABLE b1 (id INT PRIMARY KEY);"
	                              "CREATE TABLE b2 (id INT PRIMARY KEY);"
	                              "INSERT INTO a VALUES (1);"
	                              "INSERT INTO b1 VALUES (1);"
	                              "INSERT INTO b2 VALUES (1);"
	                              "CREATE VIEW v AS SELECT * FROM a;"),
	                 0);
	load_rig_check(&rig, "SHOW TABLES", "b1;");
	load_rig_check(&rig, "SELECT * FROM b1", "1;");
	load_rig_release(&rig);
}

/* Nothing must have been changed, and the sentence has the words. */
static void check_untouched(struct load_rig *rig, const char *text, int code,
                            const char *words)
{
	assert_int_equal(load_rig_run(rig, text), code);
	if (!strstr(rig->err.text, words))
		fail_msg("'%s' lacks '%s'", rig->err.text, words);
	load_rig_check(rig, "SHOW TABLES", "old;");
	load_rig_check(rig, LEFT_OVER, "0;");
}

static void what_cannot_work_changes_nothing(void **state)
{
	struct load_rig rig;

	(void)state;
	load_rig_init(&rig);
	server_run(rig.session, "CREATE TABLE old (id INT)", NULL);
	check_untouched(&rig, "-- MySQL dump 10\nCREATE TABLE a (id INT);\n",
	                -EBADMSG, "TRUNCATED");
	check_untouched(
		&rig, "CREATE TABLE a (id INT);\nCREATE TABLE `old` (id INT);",
		-EEXIST, "table 'old' exists in 'lt'");
	check_untouched(
		&rig,
		"CREATE TABLE a (id INT);\nCREATE TABLE b (id INT) DEFAULT "
		"CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci;",
		-EOPNOTSUPP, "no collation 'utf8mb4_0900_ai_ci'");
	check_untouched(&rig, "--\n-- PostgreSQL database dump\n--\n", -EINVAL,
	                "PostgreSQL");
	check_untouched(&rig, "\\! touch /tmp/x\n", -EINVAL, "mysql client");
	assert_int_equal(
		load_rig_run(&rig,
	                     "DROP TABLE IF EXISTS old;"
	                     "CREATE TABLE old (id INT, b VARCHAR(9) COLLATE "
	                     "latin1_bin) COLLATE=utf8mb4_uca1400_ai_ci;"),
		0);
	load_rig_release(&rig);
}

static void text_of_windows_is_loaded(void **state)
{
	struct load_rig rig;
	static const char text[] =
		"CREATE TABLE a (id INT PRIMARY KEY, b TEXT);\r\n"
		"INSERT INTO a VALUES (1,'x\r\ny');\r\n";
	uint8_t wide[2 * sizeof(text)] = {0xFF, 0xFE};

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		wide[2 + 2 * i] = (uint8_t)text[i];
	load_rig_init(&rig);
	assert_int_equal(load_rig_run_mem(&rig, wide, 2 * sizeof(text)), 0);
	load_rig_check(&rig, "SELECT HEX(b) FROM a", "780D0A79;");
	load_rig_release(&rig);
}

static void a_table_without_transactions_is_loaded_too(void **state)
{
	struct load_rig rig;

	(void)state;
	load_rig_init(&rig);
	assert_int_equal(load_rig_run(&rig,
	                              "CREATE TABLE a (id INT) ENGINE=MyISAM;"
	                              "INSERT INTO a VALUES (1);"
	                              "CREATE TEMPORARY TABLE x (id INT);"
	                              "INSERT INTO x VALUES (2);"
	                              "INSERT INTO a SELECT * FROM x;"
	                              "INSERT INTO a VALUES (3);"),
	                 0);
	load_rig_check(&rig, "SELECT * FROM a", "1;2;3;");
	load_rig_release(&rig);
}

static void a_statement_above_the_packet_is_told(void **state)
{
	cleanup(str_release) struct str text = {0};
	struct load_rig rig;

	(void)state;
	load_rig_init(&rig);
	server_run(rig.session, "SET GLOBAL max_allowed_packet=1048576", NULL);
	str_add(&text, "CREATE TABLE a (b LONGTEXT);\nINSERT INTO a VALUES ('");
	for (unsigned i = 0; i < 150000; i++)
		str_add(&text, "0123456789");
	str_add(&text, "');\n");
	assert_int_equal(load_rig_run_mem(&rig, text.data, text.len),
	                 -EMSGSIZE);
	server_run(rig.session, "SET GLOBAL max_allowed_packet=1073741824",
	           NULL);
	assert_non_null(strstr(rig.err.text, "max_allowed_packet is 1048576"));
	assert_string_equal(str_text(&rig.errors), "2 2 0  a 0\n");
	load_rig_release(&rig);
}

static void accounts_of_little_power_are_told(void **state)
{
	struct load_rig rig;
	struct db_config *weak;

	(void)state;
	load_rig_init(&rig);
	server_run(rig.session, "DROP USER IF EXISTS lt@localhost",
	           "CREATE USER lt@localhost IDENTIFIED BY 'x'",
	           "GRANT CREATE, INSERT, SELECT ON lt.* TO lt@localhost",
	           NULL);
	weak = server_config("TEST_MYSQL_A", "lt", "wrong");
	rig.config.db = weak;
	assert_int_equal(load_rig_run(&rig, "SELECT 1;"), -EACCES);
	db_config_free(weak);

	/* no place for notes */
	weak = server_config("TEST_MYSQL_A", "lt", "x");
	assert_int_equal(db_config_set(weak, "database", "lt", NULL), 0);
	rig.config.db = weak;
	assert_int_equal(load_rig_run(&rig,
	                              "CREATE TABLE a (id INT PRIMARY KEY);"
	                              "INSERT INTO a VALUES (1);"),
	                 0);
	load_rig_check(&rig, "SELECT * FROM a", "1;");
	assert_non_null(strstr(str_text(&rig.notes), "cannot go on"));
	assert_int_equal(load_rig_run(&rig, "DROP TABLE a;"), -EACCES);
	load_rig_check(&rig, "SHOW TABLES", "a;");

	server_run(rig.session,
	           "GRANT UPDATE, DELETE, DROP ON lt.* TO lt@localhost", NULL);
	rig.config.job = "j";
	assert_true(load_rig_run(&rig, "INSERT INTO a VALUES (2);BOGUS;") < 0);
	assert_true(rig.report.can_resume);
	assert_string_equal(str_text(&rig.notes), "");
	load_rig_check(&rig, "SELECT done, doing FROM porter_import_jobs",
	               "1,2;");
	assert_int_equal(load_rig_run(&rig, "INSERT INTO a VALUES (2);BOGUS;"),
	                 -EINVAL);
	load_rig_check(&rig, "SELECT * FROM a", "1;2;");
	db_config_free(weak);
	server_run(rig.session, "DROP USER lt@localhost", NULL);
	load_rig_release(&rig);
}

static void names_of_jobs_are_checked(void **state)
{
	struct load_rig rig;

	(void)state;
	load_rig_init(&rig);
	rig.config.job = "a'b";
	assert_int_equal(load_rig_run(&rig, "SELECT 1;"), -EINVAL);
	rig.config.job = "";
	assert_int_equal(load_rig_run(&rig, "SELECT 1;"), -EINVAL);
	rig.config.job = NULL;
	rig.config.threads = LOAD_THREADS_MAX + 1;
	assert_int_equal(load_rig_run(&rig, "SELECT 1;"), -EDOM);
	load_rig_release(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(statements_come_in_their_order),
		cmocka_unit_test(tables_without_a_key_keep_their_order),
		cmocka_unit_test(code_is_loaded_to_the_letter),
		cmocka_unit_test(the_servers_word_on_sql_mode_counts),
		cmocka_unit_test(a_failure_stops_and_is_told),
		cmocka_unit_test(failures_can_be_passed),
		cmocka_unit_test(a_dump_goes_into_another_database),
		cmocka_unit_test(single_tables_are_loaded),
		cmocka_unit_test(what_cannot_work_changes_nothing),
		cmocka_unit_test(text_of_windows_is_loaded),
		cmocka_unit_test(a_table_without_transactions_is_loaded_too),
		cmocka_unit_test(a_statement_above_the_packet_is_told),
		cmocka_unit_test(accounts_of_little_power_are_told),
		cmocka_unit_test(names_of_jobs_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
