/* SPDX-License-Identifier: MIT */
#include "split.h"
#include "split_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* One text and what it is cut into. */
struct row {
	const char *text;
	const char *want;  /* "LINE:TEXT¶" for each statement */
	const char *error; /* part of the sentence; NULL = none */
};

/* Every twin of skip(). */
static skip_fn *const twins[] = {
	skip_scalar,
#ifdef __x86_64__
	skip_sse2,
	skip_avx2,
#endif
};

/* Every row, cut in many ways, read by every twin. */
static void check_rows(const struct row *rows, size_t count)
{
	static const size_t cuts[] = {0, 1, 2, 3, 5, 8, 13, 64};

	for (size_t i = 0; i < count * 8 * (sizeof(twins) / sizeof(twins[0]));
	     i++) {
		const struct row *row = &rows[i % count];
		struct split_config config = {.skip = twins[i / count / 8]};
		struct split_run run;

		if (config.skip != skip_scalar && skip_best() != config.skip &&
		    config.skip == twins[2])
			continue; /* no AVX2 here */
		split_rig_run(&config, row->text, strlen(row->text),
		              cuts[i / count % 8], &run);
		assert_string_equal(str_text(&run.out), row->want);
		if (row->error) {
			assert_int_equal(run.status, -EINVAL);
			if (!strstr(run.err.text, row->error))
				fail_msg("'%s' lacks '%s'", run.err.text,
				         row->error);
		} else {
			assert_int_equal(run.status, 0);
		}
		split_rig_release(&run);
	}
}

#define CHECK(rows) check_rows(rows, sizeof(rows) / sizeof((rows)[0]))

static void a_delimiter_ends_a_statement(void **state)
{
	static const struct row rows[] = {
		{"", "", NULL},
		{" \n\t ", "", NULL},
		{"SELECT 1;", "1:SELECT 1¶", NULL},
		{"SELECT 1 ;SELECT 2\n;", "1:SELECT 1¶1:SELECT 2¶", NULL},
		{";;;\n;SELECT 1;;", "2:SELECT 1¶", NULL},
		{"a;\r\nb\r\n;\r\n", "1:a¶2:b¶", NULL},
		{"SELECT 1,\n2\n;\n\nSELECT 3;", "1:SELECT 1,\n2¶5:SELECT 3¶",
	         NULL},
	};

	(void)state;
	CHECK(rows);
}

static void strings_hide_everything(void **state)
{
	static const struct row rows[] = {
		{"a 'x;y' b;c;", "1:a 'x;y' b¶1:c¶", NULL},
		{"a \"x;y\" b;c;", "1:a \"x;y\" b¶1:c¶", NULL},
		{"a 'it''s;' b;c;", "1:a 'it''s;' b¶1:c¶", NULL},
		{"a 'it\\';s' b;c;", "1:a 'it\\';s' b¶1:c¶", NULL},
		{"a '\\\\';b;", "1:a '\\\\'¶1:b¶", NULL},
		{"a '\\\\\\';';b;", "1:a '\\\\\\';'¶1:b¶", NULL},
		{"a \"it's\";b;", "1:a \"it's\"¶1:b¶", NULL},
		{"a 'say \"';b;", "1:a 'say \"'¶1:b¶", NULL},
		{"a \"\\\";\";b 'x;';", "1:a \"\\\";\"¶1:b 'x;'¶", NULL},
		{"a '-- ;' '# ;' '/* ;';b;", "1:a '-- ;' '# ;' '/* ;'¶1:b¶",
	         NULL},
		{"a 'x\ny';b;", "1:a 'x\ny'¶2:b¶", NULL},
		{"'';'a';", "1:''¶1:'a'¶", NULL},
	};

	(void)state;
	CHECK(rows);
}

static void names_in_backticks_know_no_escapes(void **state)
{
	static const struct row rows[] = {
		{"a `x;y`;b;", "1:a `x;y`¶1:b¶", NULL},
		{"a `x``;y`;b;", "1:a `x``;y`¶1:b¶", NULL},
		{"a `\\`;b;", "1:a `\\`¶1:b¶", NULL},
		{"a `it's`;b 'x';", "1:a `it's`¶1:b 'x'¶", NULL},
		{"a `x\ny`;\nb;", "1:a `x\ny`¶3:b¶", NULL},
	};

	(void)state;
	CHECK(rows);
}

static void comments_between_statements_are_dropped(void **state)
{
	static const struct row rows[] = {
		{"-- it's; one\na;", "2:a¶", NULL},
		{"--\na;", "2:a¶", NULL},
		{"--x\na;", "2:a¶", NULL},
		{"# it's; one\na;", "2:a¶", NULL},
		{"#\n#\n\na;", "4:a¶", NULL},
		{"/* it's; \n one */a;", "2:a¶", NULL},
		{"/**/a;/***/b;", "1:a¶1:b¶", NULL},
		{"a; -- no more", "1:a¶", NULL},
		{"a; /* no\nmore */", "1:a¶", NULL},
		{"- a;", "1:- a¶", NULL},
		{"/ a;", "1:/ a¶", NULL},
	};

	(void)state;
	CHECK(rows);
}

static void comments_inside_a_statement_are_kept(void **state)
{
	static const struct row rows[] = {
		{"a -- it's;\nb;c;", "1:a -- it's;\nb¶2:c¶", NULL},
		{"a --\nb;c;", "1:a --\nb¶2:c¶", NULL},
		{"a --b;c;", "1:a --b¶1:c¶", NULL},
		{"a 5--1;b;", "1:a 5--1¶1:b¶", NULL},
		{"a - - -1;b;", "1:a - - -1¶1:b¶", NULL},
		{"a # it's;\nb;c;", "1:a # it's;\nb¶2:c¶", NULL},
		{"a /* it's; */ b;c;", "1:a /* it's; */ b¶1:c¶", NULL},
		{"a /*/ x;*/ b;c;", "1:a /*/ x;*/ b¶1:c¶", NULL},
		{"a 1/2*3 /4;b;", "1:a 1/2*3 /4¶1:b¶", NULL},
		{"a */ b;c;", "1:a */ b¶1:c¶", NULL},
	};

	(void)state;
	CHECK(rows);
}

static void executable_comments_are_text(void **state)
{
	static const struct row rows[] = {
		{"/*!40101 SET NAMES utf8 */;b;",
	         "1:/*!40101 SET NAMES utf8 */¶1:b¶", NULL},
		{"/*M!100100 SET x='*/' */;b;",
	         "1:/*M!100100 SET x='*/' */¶1:b¶", NULL},
		{"a /*!50003 it\\Ns ';' */;b;",
	         "1:a /*!50003 it\\Ns ';' */¶1:b¶", NULL},
		{"/*!50003 CREATE TRIGGER t BEGIN x; y; END */;b;",
	         "1:/*!50003 CREATE TRIGGER t BEGIN x; y; END */¶1:b¶", NULL},
		{"/*!1 a /* it's ; */ b */;c;",
	         "1:/*!1 a /* it's ; */ b */¶1:c¶", NULL},
		{"/*!1 a -- it's */ ;\n b */;c;",
	         "1:/*!1 a -- it's */ ;\n b */¶2:c¶", NULL},
		{"/*Mx ;*/a;", "1:a¶", NULL},
		{"a /*Mx ;*/;b;", "1:a /*Mx ;*/¶1:b¶", NULL},
		{"a /*!1 x/*!2 y;*/;*/;b;", "1:a /*!1 x/*!2 y;*/;*/¶1:b¶",
	         NULL},
	};

	(void)state;
	CHECK(rows);
}

static void the_delimiter_can_be_changed(void **state)
{
	static const struct row rows[] = {
		{"DELIMITER ;;\na;b;;\nDELIMITER ;\nc;", "2:a;b¶4:c¶", NULL},
		{"delimiter //\na;b//c//\ndelimiter ;\nd;", "2:a;b¶2:c¶4:d¶",
	         NULL},
		{"DELIMITER $$\r\na $ b$$\r\nDELIMITER ;\r\nc;", "2:a $ b¶4:c¶",
	         NULL},
		{"a;DELIMITER | x\nb;c|", "1:a¶2:b;c¶", NULL},
		{"DELIMITER #\na#b#", "2:a¶2:b¶", NULL},
		{"DELIMITER --\na 'x' -- b -- ", "2:a 'x'¶2:b¶", NULL},
		{"DELIMITER go\na;\ngo\nb\ngo", "2:a;¶4:b¶", NULL},
		{"DELIMITER ;;\na 'x;;' `;;` /* ;; */;;",
	         "2:a 'x;;' `;;` /* ;; */¶", NULL},
		{"DELIMITER ;;\n/*!50003 CREATE*/ /*!50017 x*/ /*!50003 b;\n*/;;\n"
	         "DELIMITER ;",
	         "2:/*!50003 CREATE*/ /*!50017 x*/ /*!50003 b;\n*/¶", NULL},
		{"DELIMITER\na;", "", "DELIMITER needs"},
		{"a;\nDELIMITER 12345678901234567\n", "1:a¶",
	         "line 2: DELIMITER"},
		{"DELIMITER \\\\\na;", "", "without a backslash"},
		{"a delimiter ;b;", "1:a delimiter¶1:b¶", NULL},
	};

	(void)state;
	CHECK(rows);
}

static void sql_mode_changes_how_strings_are_read(void **state)
{
	static const struct row rows[] = {
		{"SET sql_mode='NO_BACKSLASH_ESCAPES';a '\\';b;",
	         "1:SET sql_mode='NO_BACKSLASH_ESCAPES'¶1:a '\\'¶1:b¶", NULL},
		{"SET sql_mode='ANSI_QUOTES';a \"\\\";b;",
	         "1:SET sql_mode='ANSI_QUOTES'¶1:a \"\\\"¶1:b¶", NULL},
		{"a \"x\";SET SESSION sql_mode=ansi;a \"\\\";b 'x';",
	         "1:a \"x\"¶1:SET SESSION sql_mode=ansi¶1:a \"\\\"¶1:b 'x'¶",
	         NULL},
		{"/*!50003 SET @m = @@sql_mode */;"
	         "/*!50003 SET sql_mode = 'NO_BACKSLASH_ESCAPES' */;a '\\';"
	         "/*!50003 SET sql_mode = @m */;a '\\';';b;",
	         "1:/*!50003 SET @m = @@sql_mode */¶"
	         "1:/*!50003 SET sql_mode = 'NO_BACKSLASH_ESCAPES' */¶1:a '\\'¶"
	         "1:/*!50003 SET sql_mode = @m */¶1:a '\\';'¶1:b¶",
	         NULL},
		{"SET GLOBAL sql_mode='NO_BACKSLASH_ESCAPES';a '\\';';",
	         "1:SET GLOBAL sql_mode='NO_BACKSLASH_ESCAPES'¶1:a '\\';'¶",
	         NULL},
	};

	(void)state;
	CHECK(rows);
}

static void second_bytes_of_characters_are_no_quotes(void **state)
{
	static const struct row rows[] = {
		/* 0x95 0x5C is one character of sjis, and ends in a backslash */
		{"SET NAMES sjis;a '\x95\\';b;",
	         "1:SET NAMES sjis¶1:a '\x95\\'¶1:b¶", NULL},
		{"SET NAMES cp932;a '\x95\\';b `\x95`;`;",
	         "1:SET NAMES cp932¶1:a '\x95\\'¶1:b `\x95`;`¶", NULL},
		{"SET NAMES gbk;a '\xBF\\'';b;", "1:SET NAMES gbk¶",
	         "string, opened at line 1"},
		{"SET NAMES big5;a '\xA1\\', \xA1` ,1;b;",
	         "1:SET NAMES big5¶1:a '\xA1\\', \xA1` ,1¶1:b¶", NULL},
		{"SET NAMES gb18030;a '\x81\x30\x81\x30\x81\\';b;",
	         "1:SET NAMES gb18030¶1:a '\x81\x30\x81\x30\x81\\'¶1:b¶", NULL},
		/* an escaped byte is one byte, also where a character begins */
		{"SET NAMES sjis;a '\\\x95\\';';b -- it's\n;",
	         "1:SET NAMES sjis¶1:a '\\\x95\\';'¶1:b -- it's¶", NULL},
		{"SET NAMES sjis;a '\x95'; \"x;\" - -- ;\n;SET NAMES utf8;"
	         "b '\x95\\';';",
	         "1:SET NAMES sjis¶1:a '\x95'¶1:\"x;\" - -- ;¶2:SET NAMES utf8¶"
	         "2:b '\x95\\';'¶",
	         NULL},
		{"SET NAMES utf8mb4;a '\x95\\';';",
	         "1:SET NAMES utf8mb4¶1:a '\x95\\';'¶", NULL},
	};

	(void)state;
	CHECK(rows);
}

static void the_sandbox_line_is_passed_over(void **state)
{
	static const struct row rows[] = {
		{"/*M!999999\\- enable the sandbox mode */ \n-- MariaDB\na;",
	         "3:a¶", NULL},
		{"/*M!99999 x */;a;", "1:/*M!99999 x */¶1:a¶", NULL},
	};

	(void)state;
	CHECK(rows);
}

static void commands_of_the_client_are_refused(void **state)
{
	static const struct row rows[] = {
		{"a;\n\\! rm -rf /\n", "1:a¶", "line 2: '\\!' is a command"},
		{"\\. /etc/passwd\n", "", "'\\.' is a command"},
		{"a;\nsource /etc/passwd\n;", "1:a¶",
	         "line 2: 'source' is a command"},
		{"system id;", "", "'system' is a command"},
		{"tee /tmp/x\n", "", "'tee' is a command"},
		{"PAGER less;", "", "'PAGER' is a command"},
		{"a \\G\n;", "", "'\\G' is a command"},
		{"insert \\N, 'x\\!' ;", "1:insert \\N, 'x\\!'¶", NULL},
		{"systems;", "1:systems¶", NULL},
		{"\\", "", "'\\ ' is a command"},
	};

	(void)state;
	CHECK(rows);
}

static void dumps_of_others_are_refused(void **state)
{
	static const struct row rows[] = {
		{"--\n-- PostgreSQL database dump\n--\n\nSET x = 0;", "",
	         "dump of PostgreSQL"},
		{"COPY public.t (a) FROM stdin;\n1\n\\.\n", "", "PostgreSQL's"},
		{"PRAGMA foreign_keys=OFF;\n", "", "SQLite's"},
		{"PGDMP\001\016", "", "pg_dump"},
		{"PK\003\004abc", "", "zip archive"},
		{"-- PostgreSQLx\na;", "2:a¶", NULL},
	};

	(void)state;
	CHECK(rows);
}

static void what_is_cut_off_is_not_run(void **state)
{
	static const struct row rows[] = {
		{"a;\nb 'x\ny", "1:a¶", "string, opened at line 2"},
		{"a;\nb\n,'x\\'", "1:a¶", "string, opened at line 3"},
		{"a;\nb 'x', \n\"y;", "1:a¶", "string, opened at line 3"},
		{"a `x;", "", "name, opened at line 1"},
		{"\n/* x", "", "comment, opened at line 2"},
		{"a\n/* x", "", "comment, opened at line 2"},
		{"a\n/*!1 'x'\n", "", "executable comment, opened at line 2"},
		{"a;\n\nINSERT INTO t VALUES (1)\n", "1:a¶",
	         "statement, opened at line 3"},
		{"a -- x", "", "statement, opened at line 1"},
		{"a -", "", "statement"},
		{"a /", "", "statement"},
		{"a --", "", "statement"},
		{"DELIMITER ;;\na;", "", "statement, opened at line 2"},
	};

	(void)state;
	CHECK(rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_delimiter_ends_a_statement),
		cmocka_unit_test(strings_hide_everything),
		cmocka_unit_test(names_in_backticks_know_no_escapes),
		cmocka_unit_test(comments_between_statements_are_dropped),
		cmocka_unit_test(comments_inside_a_statement_are_kept),
		cmocka_unit_test(executable_comments_are_text),
		cmocka_unit_test(the_delimiter_can_be_changed),
		cmocka_unit_test(sql_mode_changes_how_strings_are_read),
		cmocka_unit_test(second_bytes_of_characters_are_no_quotes),
		cmocka_unit_test(the_sandbox_line_is_passed_over),
		cmocka_unit_test(commands_of_the_client_are_refused),
		cmocka_unit_test(dumps_of_others_are_refused),
		cmocka_unit_test(what_is_cut_off_is_not_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
