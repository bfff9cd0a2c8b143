/* SPDX-License-Identifier: MIT */
/* What statements are about, and what an import does with them. */
#include "classify.h"
#include "load_rule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* By enum sql_kind. */
static const char *const kinds[] = {
	"other",    "insert", "set",   "global",  "autocommit", "use",
	"database", "table",  "view",  "trigger", "routine",    "event",
	"sequence", "lock",   "begin", "commit",  "rollback",   "local",
};

static struct sql_class class_of(const char *text)
{
	struct sql_class class;
	struct sql_dialect dialect = {0};

	sql_classify(text, strlen(text), &dialect, &class);
	return class;
}

/* "KIND SCHEMA.NAME FLAGS"; flags: creates drops temporary ordered several. */
static void check_class(const char *text, const char *want)
{
	struct sql_class c = class_of(text);
	char got[600];

	(void)snprintf(got, sizeof(got), "%s %s%s%s %s%s%s%s%s%s",
	               kinds[c.kind], c.schema, c.schema[0] ? "." : "", c.name,
	               c.creates ? "c" : "", c.drops ? "d" : "",
	               c.temporary ? "t" : "", c.ordered ? "o" : "",
	               c.several ? "s" : "", c.autocommit ? "a" : "");
	if (strcmp(got, want) != 0)
		fail_msg("%s: got '%s', want '%s'", text, got, want);
}

static void rows_are_told_from_what_reads(void **state)
{
	(void)state;
	check_class("INSERT INTO t VALUES (1)", "insert t ");
	check_class("INSERT INTO `a``b`.`c d` (`x`,`y`) VALUES (1,2)",
	            "insert a`b.c d ");
	check_class("insert low_priority ignore t value (1)", "insert t o");
	check_class("INSERT DELAYED INTO t VALUES (1)", "insert t ");
	check_class("REPLACE INTO t VALUES (1)", "insert t o");
	check_class("INSERT INTO t PARTITION (p0, p1) (a) VALUES (1)",
	            "insert t ");
	check_class("INSERT INTO t VALUES (1) ON DUPLICATE KEY UPDATE a=1",
	            "insert t o");
	check_class("INSERT INTO t VALUES ('on Duplicate')", "insert t o");
	check_class("/*!50000 INSERT INTO t VALUES (1) */", "insert t ");
	check_class("INSERT /* x */ INTO t -- y\n VALUES (1)", "insert t ");
	check_class("INSERT INTO t SELECT * FROM u", "other t ");
	check_class("INSERT INTO t (a) SELECT 1", "other t ");
	check_class("INSERT INTO t SET a=1", "other t ");
	check_class("UPDATE t SET a=1", "other  ");
	check_class("INSERT", "other  ");
}

static void the_column_list_is_found(void **state)
{
	struct sql_dialect dialect = {0};
	struct sql_class c =
		class_of("INSERT INTO t (`id`, Na.me, `it)s`) VALUES (1,2,3)");

	(void)state;
	assert_int_equal(c.kind, SQL_INSERT);
	assert_true(sql_class_has_column(&c, "ID", &dialect));
	assert_true(sql_class_has_column(&c, "it)s", &dialect));
	assert_false(sql_class_has_column(&c, "VALUES", &dialect));
	assert_false(sql_class_has_column(&c, "i", &dialect));
	assert_null(class_of("INSERT INTO t VALUES (1)").columns);
}

static void sets_are_of_the_session_or_not(void **state)
{
	(void)state;
	check_class("SET NAMES utf8", "set  ");
	check_class("/*!40101 SET @OLD=@@SQL_MODE, SQL_MODE='' */", "set  ");
	check_class("SET GLOBAL x=1", "global  ");
	check_class("SET PASSWORD = 'x'", "global  ");
	check_class("SET DEFAULT ROLE x FOR y", "global  ");
	check_class("SET STATEMENT x=1 FOR SELECT 1", "global  ");
	check_class("SET @a = (SELECT max(id) FROM t)", "global  ");
	check_class("SET autocommit=0", "autocommit  a");
	check_class("SET @@session.autocommit = 1", "autocommit  a");
	check_class("SET AUTOCOMMIT=0, x=1", "set  a");
	check_class("USE `a b`", "use a b ");
	check_class("LOCK TABLES `t` WRITE", "lock  ");
	check_class("UNLOCK TABLES", "lock  ");
	check_class("START TRANSACTION", "begin  ");
	check_class("commit", "commit  ");
	check_class("ROLLBACK", "rollback  ");
	check_class("LOAD DATA LOCAL INFILE 'x' INTO TABLE t", "local  ");
	check_class("LOAD DATA LOW_PRIORITY LOCAL INFILE 'x' INTO TABLE t",
	            "local  ");
	check_class("LOAD DATA INFILE 'x' INTO TABLE t", "other  ");
}

static void objects_are_named(void **state)
{
	(void)state;
	check_class("CREATE TABLE `t` (a int)", "table t c");
	check_class("CREATE TABLE IF NOT EXISTS d.t (a int)", "table d.t ");
	check_class("CREATE OR REPLACE TABLE t (a int)", "table t ");
	check_class("CREATE TEMPORARY TABLE t (a int)", "table t ct");
	check_class("DROP TABLE IF EXISTS `t`", "table t d");
	check_class("DROP TABLE a, b", "table a s");
	check_class("/*!40000 ALTER TABLE `t` DISABLE KEYS */", "table t ");
	check_class("TRUNCATE t", "table t ");
	check_class("TRUNCATE TABLE t", "table t ");
	check_class("CREATE UNIQUE INDEX i ON t (a)", "table t c");
	check_class("DROP INDEX i ON `t`", "table t ");
	check_class("CREATE DATABASE /*!32312 IF NOT EXISTS*/ `x`",
	            "database x ");
	check_class("DROP SCHEMA IF EXISTS x", "database x d");
	check_class(
		"/*!50001 CREATE ALGORITHM=UNDEFINED */ /*!50013 "
		"DEFINER=`a`@`%` SQL SECURITY DEFINER */ /*!50001 VIEW `v` AS "
		"select 1 */",
		"view v c");
	check_class("/*!50003 CREATE*/ /*!50017 DEFINER=`view`@`b`*/ /*!50003 "
	            "TRIGGER `g` BEFORE INSERT ON `t` FOR EACH ROW SET @a=1 */",
	            "trigger t c");
	check_class("DROP TRIGGER IF EXISTS g", "trigger g d");
	check_class("CREATE DEFINER=a@b PROCEDURE p() BEGIN END",
	            "routine p c");
	check_class("CREATE FUNCTION IF NOT EXISTS f() RETURNS int RETURN 1",
	            "routine f ");
	check_class("CREATE PACKAGE BODY pkg AS END", "routine pkg c");
	check_class("CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO DROP TABLE x",
	            "event e c");
	check_class("CREATE SEQUENCE s START WITH 1", "sequence s c");
	check_class("CREATE USER a@b", "other a c");
	check_class("GRANT ALL ON *.* TO a", "other  ");
}

/* s skip, r rows, e everywhere, a alone, x refuse. */
static char decide(struct load_rule *rule, const char *text)
{
	struct sql_class class = class_of(text);
	struct err err = {0};
	enum load_action action = load_rule_decide(rule, &class, &err);

	assert_true((action == LOAD_REFUSE) == (err.code == -EINVAL));
	return "sreax"[action == LOAD_SKIP         ? 0
	               : action == LOAD_ROWS       ? 1
	               : action == LOAD_EVERYWHERE ? 2
	               : action == LOAD_ALONE      ? 3
	                                           : 4];
}

static void each_statement_has_its_place(void **state)
{
	struct load_rule rule = {0};

	(void)state;
	assert_int_equal(decide(&rule, "INSERT INTO t VALUES (1)"), 'r');
	assert_int_equal(decide(&rule, "SET NAMES utf8"), 'e');
	assert_int_equal(decide(&rule, "USE a"), 'e');
	assert_int_equal(decide(&rule, "USE b"), 'e');
	assert_string_equal(rule.current, "b");
	assert_int_equal(decide(&rule, "CREATE TABLE t (a int)"), 'a');
	assert_int_equal(decide(&rule, "UPDATE t SET a=1"), 'a');
	assert_int_equal(decide(&rule, "SET GLOBAL x=1"), 'a');
	assert_int_equal(decide(&rule, "LOCK TABLES t WRITE"), 's');
	assert_int_equal(decide(&rule, "COMMIT"), 's');
	assert_int_equal(decide(&rule, "SET autocommit=0"), 's');
	assert_int_equal(decide(&rule, "ROLLBACK"), 'x');
	assert_int_equal(
		decide(&rule, "LOAD DATA LOCAL INFILE 'x' INTO TABLE t"), 'x');
}

static void another_database_takes_one_of_the_dump(void **state)
{
	struct load_rule rule = {.database = "new"};

	(void)state;
	assert_int_equal(decide(&rule, "CREATE DATABASE old"), 's');
	assert_int_equal(decide(&rule, "USE old"), 's');
	assert_int_equal(decide(&rule, "USE `old`"), 's');
	assert_int_equal(decide(&rule, "CREATE TABLE t (a int)"), 'a');
	assert_int_equal(decide(&rule, "INSERT INTO t VALUES (1)"), 'r');
	assert_int_equal(decide(&rule, "INSERT INTO new.t VALUES (1)"), 'r');
	assert_int_equal(decide(&rule, "INSERT INTO old.t VALUES (1)"), 'x');
	assert_int_equal(decide(&rule, "USE other"), 'x');
}

static void single_tables_are_picked(void **state)
{
	struct filter *tables = NULL;
	struct load_rule rule = {0};

	(void)state;
	assert_int_equal(filter_new("t,log_*,!log_old", &tables), 0);
	rule.tables = tables;
	assert_int_equal(decide(&rule, "SET NAMES utf8"), 'e');
	assert_int_equal(decide(&rule, "USE a"), 'e');
	assert_int_equal(decide(&rule, "CREATE TABLE t (a int)"), 'a');
	assert_int_equal(decide(&rule, "INSERT INTO log_1 VALUES (1)"), 'r');
	assert_int_equal(decide(&rule, "INSERT INTO log_old VALUES (1)"), 's');
	assert_int_equal(decide(&rule, "DROP TABLE IF EXISTS u"), 's');
	assert_int_equal(decide(&rule,
	                        "CREATE TRIGGER g BEFORE INSERT ON t FOR "
	                        "EACH ROW SET @a=1"),
	                 'a');
	assert_int_equal(decide(&rule, "CREATE VIEW t2 AS SELECT 1"), 's');
	assert_int_equal(decide(&rule, "DROP DATABASE a"), 's');
	assert_int_equal(decide(&rule, "ROLLBACK"), 's');
	filter_free(tables);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_told_from_what_reads),
		cmocka_unit_test(the_column_list_is_found),
		cmocka_unit_test(sets_are_of_the_session_or_not),
		cmocka_unit_test(objects_are_named),
		cmocka_unit_test(each_statement_has_its_place),
		cmocka_unit_test(another_database_takes_one_of_the_dump),
		cmocka_unit_test(single_tables_are_picked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
