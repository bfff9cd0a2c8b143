/* SPDX-License-Identifier: MIT */
#include "decode.h"
#include "session_track.h"
#include "split.h"
#include "split_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* A cheap generator: the same sequence every time. */
static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525U + 1013904223U;
	return *seed >> 8;
}

/* Bytes of which every third means something, in runs of all lengths. */
static void random_sql(uint8_t *text, size_t len, uint32_t *seed)
{
	static const char alphabet[] =
		"''''\"`\\\\#--//**;aaaaaaaaaaaaaaa,1 \n";
	bool quiet = next_random(seed) % 2;

	for (size_t i = 0; i < len; i++) {
		uint32_t r = next_random(seed);

		text[i] = quiet && r % 17
		                  ? 'x'
		                  : (uint8_t)alphabet[r / 17 %
		                                      (sizeof(alphabet) - 1)];
	}
}

static void the_twins_of_skip_agree(void **state)
{
#ifdef __x86_64__
	uint32_t seed = 7;
	uint8_t text[400];

	(void)state;
	for (unsigned i = 0; i < 60000; i++) {
		size_t len = next_random(&seed) % sizeof(text);
		struct skip start = {
			.quote = next_random(&seed) % 2 ? '\'' : '"',
			.delim = next_random(&seed) % 8 ? ';' : '/',
			.escapes = next_random(&seed) % 4 != 0,
			.in_string = next_random(&seed) % 2,
			.opened = SIZE_MAX,
		};

		start.escaped = start.in_string && start.escapes &&
		                next_random(&seed) % 4 == 0;
		random_sql(text, len, &seed);

		struct skip a = start;
		struct skip b = start;
		struct skip c = start;
		size_t n = skip_scalar(&a, text, len);

		assert_int_equal(skip_sse2(&b, text, len), n);
		if (skip_best() == skip_avx2)
			assert_int_equal(skip_avx2(&c, text, len), n);
		else
			c = b;
		assert_true(a.in_string == b.in_string &&
		            a.in_string == c.in_string);
		assert_true(a.escaped == b.escaped && a.escaped == c.escaped);
		if (a.in_string)
			assert_true(a.opened == b.opened &&
			            a.opened == c.opened);
	}
#else
	(void)state;
	assert_ptr_equal(skip_best(), skip_scalar);
#endif
}

static void offsets_tell_where_a_statement_stands(void **state)
{
	static const char text[] = "-- x\n a 'é' ;\n\nbb;c ;";
	struct split_config config = {0};
	struct split_run run;

	(void)state;
	split_rig_run(&config, text, strlen(text), 0, &run);
	assert_string_equal(str_text(&run.spans), "6+6..14 16+2..19 19+1..22 ");
	split_rig_release(&run);

	/* the mark is a part of the object, so offsets count it */
	split_rig_run(&config,
	              "\xEF\xBB\xBF"
	              "a;b;",
	              7, 1, &run);
	assert_string_equal(str_text(&run.out), "1:a¶1:b¶");
	assert_string_equal(str_text(&run.spans), "3+1..5 5+1..7 ");
	split_rig_release(&run);
}

/* ASCII and one character outside of the first plane, as UTF-16. */
static size_t to_utf16(const char *text, bool little, bool mark, uint8_t *out)
{
	size_t n = 0;
	uint16_t units[256];
	size_t count = 0;

	if (mark)
		units[count++] = 0xFEFF;
	for (; *text; text++) {
		if (*text == '$') { /* U+1F600 */
			units[count++] = 0xD83D;
			units[count++] = 0xDE00;
		} else if (*text == '%') { /* U+20AC */
			units[count++] = 0x20AC;
		} else {
			units[count++] = (uint16_t)*text;
		}
	}
	for (size_t i = 0; i < count; i++) {
		out[n++] = (uint8_t)(little ? units[i] : units[i] >> 8);
		out[n++] = (uint8_t)(little ? units[i] >> 8 : units[i]);
	}
	return n;
}

static void utf16_becomes_utf8(void **state)
{
	struct split_config config = {0};
	struct split_run run;
	uint8_t text[512];

	(void)state;
	for (unsigned i = 0; i < 4 * 9; i++) {
		size_t len =
			to_utf16("-- x\r\na '$;%';\r\nb;", i & 1, i & 2, text);

		split_rig_run(&config, (char *)text, len, i / 4, &run);
		assert_int_equal(run.status, 0);
		assert_string_equal(str_text(&run.out),
		                    "2:a '\xF0\x9F\x98\x80;\xE2\x82\xAC'¶3:b¶");
		split_rig_release(&run);
	}
}

static void broken_utf16_is_an_error(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *sentence;
	} rows[] = {
		{"\xFF\xFE"
	         "a\0b\0c\0d\0e\0f\0\0\xD8"
	         "a\0",
	         18, "surrogate"},
		{"\xFF\xFE"
	         "a\0\0\xDC;\0",
	         8, "surrogate"},
		{"\xFF\xFE"
	         "a\0;\0a",
	         7, "inside of a character"},
		{"\xFF\xFE\0\0a\0\0\0", 8, "UTF-32"},
	};
	struct split_config config = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) * 4; i++) {
		struct split_run run;

		split_rig_run(&config, rows[i / 4].text, rows[i / 4].len, i % 4,
		              &run);
		assert_true(run.status < 0);
		assert_non_null(strstr(run.err.text, rows[i / 4].sentence));
		split_rig_release(&run);
	}
}

static void an_error_is_told_again(void **state)
{
	cleanup(split_freep) struct split *split = NULL;
	struct split_config config = {0};
	struct split_statement st;
	struct err err = {0};

	(void)state;
	assert_int_equal(split_new(&config, &split), 0);
	assert_int_equal(
		split_feed(split, "a; \\! b\n SELECT 1;     ", 23, &err), 0);
	assert_int_equal(split_next(split, &st, &err), 1);
	assert_int_equal(split_next(split, &st, &err), -EINVAL);
	err = (struct err){0};
	assert_int_equal(split_next(split, &st, &err), -EINVAL);
	assert_int_equal(err.code, -EINVAL);
	assert_int_equal(split_feed(split, "b;", 2, &err), -EINVAL);
	assert_int_equal(split_end(split, NULL), -EINVAL);
}

static void a_statement_may_be_of_128_mib(void **state)
{
	cleanup(split_freep) struct split *split = NULL;
	cleanup(freep) char *piece = malloc(1 << 20);
	struct split_config config = {0};
	struct split_statement st;
	struct err err = {0};

	(void)state;
	assert_non_null(piece);
	memset(piece, 'x', 1 << 20);
	assert_int_equal(split_new(&config, &split), 0);
	assert_int_equal(split_feed(split, "INSERT INTO t VALUES ('", 23, NULL),
	                 0);
	for (unsigned i = 0; i < 128; i++) {
		assert_int_equal(split_next(split, &st, &err), 0);
		assert_int_equal(split_feed(split, piece, 1 << 20, &err), 0);
	}
	assert_int_equal(split_next(split, &st, &err), 0);
	assert_int_equal(split_feed(split, "');SELECT 2;", 12, &err), 0);
	assert_int_equal(split_next(split, &st, &err), 1);
	assert_int_equal(st.len, (128U << 20) + 25);
	assert_memory_equal(st.text, "INSERT INTO t VALUES ('xxx", 26);
	assert_memory_equal(st.text + st.len - 4, "xx')", 4);
	assert_int_equal(split_next(split, &st, &err), 1);
	assert_memory_equal(st.text, "SELECT 2", 8);
	assert_int_equal(split_next(split, &st, &err), 0);
	assert_int_equal(split_feed(split, "SELECT 3;", 9, &err), 0);
	assert_int_equal(split_next(split, &st, &err), 1);
	assert_memory_equal(st.text, "SELECT 3", 8);
}

static void the_cap_holds_however_text_is_cut(void **state)
{
	struct split_config config = {.statement_max = 10};
	struct split_run run;

	(void)state;
	for (size_t cut = 0; cut < 20; cut++) {
		split_rig_run(&config, "0123456789;\n", 12, cut, &run);
		assert_int_equal(run.status, 0);
		split_rig_release(&run);

		split_rig_run(&config, "a;\n01234567890;\n", 16, cut, &run);
		assert_int_equal(run.status, -EMSGSIZE);
		assert_non_null(
			strstr(run.err.text, "line 2 is longer than 10"));
		assert_string_equal(str_text(&run.out), "1:a¶");
		split_rig_release(&run);
	}
}

/* What one SET leaves behind; letters: e no escapes, a ansi, l lead, ? unsure. */
static void check_track(const char *const *statements, const char *want)
{
	struct session_track track = {0};
	char got[8] = "";
	size_t n = 0;

	for (; *statements; statements++)
		session_track_apply(&track, *statements, strlen(*statements));
	if (track.dialect.no_backslash_escapes)
		got[n++] = 'e';
	if (track.dialect.ansi_quotes)
		got[n++] = 'a';
	if (track.dialect.lead != LEAD_NONE)
		got[n++] = 'l';
	if (track.unsure)
		got[n++] = '?';
	assert_string_equal(got, want);
}

#define TRACK(want, ...) \
	check_track((const char *const[]){__VA_ARGS__, NULL}, want)

static void sets_are_followed(void **state)
{
	(void)state;
	TRACK("", "SET sql_mode='STRICT_ALL_TABLES,NO_ZERO_DATE'");
	TRACK("e", "SET sql_mode=\"NO_ZERO_DATE,no_backslash_escapes\"");
	TRACK("ea", "SET @@session.sql_mode := 'ANSI,NO_BACKSLASH_ESCAPES'");
	TRACK("a", "SET LOCAL sql_mode=4, x=1");
	TRACK("e", "SET x=(1,sql_mode), sql_mode=1048576");
	TRACK("a", "SET sql_mode=ORACLE");
	TRACK("", "SET @@global.sql_mode='ANSI'");
	TRACK("?", "SET sql_mode=DEFAULT");
	TRACK("?", "SET sql_mode=CONCAT(@@sql_mode, ',ANSI')");
	TRACK("?", "SET sql_mode=@unknown");
	TRACK("a", "SET STATEMENT sql_mode='' FOR SELECT 1",
	      "SET sql_mode='ANSI_QUOTES'");
	TRACK("", "UPDATE t SET sql_mode='ANSI'");
	TRACK("l", "SET NAMES 'gbk' COLLATE 'gbk_bin'");
	TRACK("l", "set character set sjis");
	TRACK("l", "SET NAMES utf8, character_set_client = big5");
	TRACK("", "SET NAMES gbk", "SET NAMES binary");
	TRACK("?", "SET NAMES DEFAULT");
	TRACK("", "SET @old = @@character_set_client", "SET NAMES gbk",
	      "SET character_set_client = @old");
	TRACK("ea", "SET sql_mode='ANSI_QUOTES,NO_BACKSLASH_ESCAPES'",
	      "/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='' */",
	      "SET @two = @old_sql_mode", "SET sql_mode = @Two");
	TRACK("?", "SET @a = @@sql_mode", "SET @a = 'ANSI'",
	      "SET sql_mode = @a");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_twins_of_skip_agree),
		cmocka_unit_test(offsets_tell_where_a_statement_stands),
		cmocka_unit_test(utf16_becomes_utf8),
		cmocka_unit_test(broken_utf16_is_an_error),
		cmocka_unit_test(an_error_is_told_again),
		cmocka_unit_test(a_statement_may_be_of_128_mib),
		cmocka_unit_test(the_cap_holds_however_text_is_cut),
		cmocka_unit_test(sets_are_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
