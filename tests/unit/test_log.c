/* SPDX-License-Identifier: MIT */
#include "base/log.h"
#include "base/str.h"
#include "base/thread.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

/* Everything that was logged: "level|line\n". */
static void collect(void *ctx, enum log_level level, const char *line)
{
	str_addf(ctx, "%d|%s\n", (int)level, line);
}

static int set_up(void **state)
{
	struct str *lines = calloc(1, sizeof(*lines));

	*state = lines;
	log_set_level(LOG_LEVEL_DEBUG);
	log_to_sink(collect, lines);
	return lines ? 0 : -1;
}

static int tear_down(void **state)
{
	log_to_sink(NULL, NULL);
	log_set_level(LOG_LEVEL_INFO);
	str_release(*state);
	free(*state);
	return 0;
}

/* What a logged text became. */
static void assert_line(struct str *lines, const char *text, const char *line)
{
	struct str expected = {0};

	str_reset(lines);
	log_info("%s", text);
	str_addf(&expected, "2|%s\n", line);
	assert_string_equal(str_text(lines), str_text(&expected));
	str_release(&expected);
}

static void lines_carry_their_level_and_text(void **state)
{
	struct str *lines = *state;

	log_error("cannot read \"%s\"", "a");
	log_warning("slow: %d ms", 12);
	log_info("mounted");
	log_debug("x");
	assert_string_equal(
		str_text(lines),
		"0|cannot read \"a\"\n1|slow: 12 ms\n2|mounted\n3|x\n");
}

/* An argument that must not be worked out in vain. */
static int count_call(int *calls)
{
	return ++*calls;
}

static void levels_above_the_set_one_are_dropped_unread(void **state)
{
	struct str *lines = *state;
	int calls = 0;

	log_set_level(LOG_LEVEL_WARNING);
	log_info("no");
	log_debug("no %d", count_call(&calls));
	log_warning("yes");
	assert_string_equal(str_text(lines), "1|yes\n");
	assert_int_equal(calls, 0);
	assert_true(log_enabled(LOG_LEVEL_ERROR));
	assert_true(log_enabled(LOG_LEVEL_WARNING));
	assert_false(log_enabled(LOG_LEVEL_INFO));
}

static void level_names_are_parsed_exactly(void **state)
{
	enum log_level level = LOG_LEVEL_INFO;

	(void)state;
	assert_int_equal(log_level_parse("error", &level), 0);
	assert_int_equal(level, LOG_LEVEL_ERROR);
	assert_int_equal(log_level_parse("warning", &level), 0);
	assert_int_equal(level, LOG_LEVEL_WARNING);
	assert_int_equal(log_level_parse("info", &level), 0);
	assert_int_equal(level, LOG_LEVEL_INFO);
	assert_int_equal(log_level_parse("debug", &level), 0);
	assert_int_equal(level, LOG_LEVEL_DEBUG);
	assert_int_equal(log_level_parse("warn", &level), -EINVAL);
	assert_int_equal(log_level_parse("Error", &level), -EINVAL);
	assert_int_equal(log_level_parse("", &level), -EINVAL);
	assert_int_equal(level, LOG_LEVEL_DEBUG);
}

static void a_name_with_a_newline_forges_no_line(void **state)
{
	assert_line(*state, "a\nporterfs: error: forged",
	            "a\\nporterfs: error: forged");
	assert_line(*state, "a\r\tb", "a\\r\\tb");
}

static void control_bytes_cannot_reach_the_terminal(void **state)
{
	assert_line(*state, "\x1b[31mred\x7f\x01", "\\x1b[31mred\\x7f\\x01");
	assert_line(*state,
	            "\xc2\x9b"
	            "31m",
	            "\\xc2\\x9b31m"); /* U+009B */
	assert_line(*state, "\x9b", "\\x9b");
}

static void an_escape_cannot_be_mistaken(void **state)
{
	assert_line(*state, "a\\nb", "a\\\\nb");
}

static void readable_text_stays_readable(void **state)
{
	assert_line(*state,
	            "gr\xc3\xbc\xc3\x9f"
	            "e \xe2\x82\xac \xf0\x9f\x98\x80",
	            "gr\xc3\xbc\xc3\x9f"
	            "e \xe2\x82\xac \xf0\x9f\x98\x80");
	assert_line(*state, "\xc2\xa0", "\xc2\xa0");
	assert_line(*state, "br\xc3", "br\\xc3");
	assert_line(*state, "", "");
}

static void presigned_queries_are_cut(void **state)
{
	assert_line(*state,
	            "GET https://h/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256"
	            "&X-Amz-Signature=feed failed",
	            "GET https://h/b/k?X-Amz-... failed");
	assert_line(*state, "\"k?a=1&X-Amz-Credential=AK&x=2\", 3 bytes",
	            "\"k?a=1&X-Amz-...\", 3 bytes");
	assert_line(*state,
	            "<U>h?x-amz-signature=1</U> k?x-AMZ-Security-Token=t",
	            "<U>h?X-Amz-...</U> k?X-Amz-...");
	assert_line(*state, "k?a&amp;X-Amz-Signature=1 X-Amz-Signature=2",
	            "k?a&amp;X-Amz-... X-Amz-...");
}

static void header_names_are_not_cut(void **state)
{
	assert_line(*state, "x-amz-checksum-crc32c is missing",
	            "x-amz-checksum-crc32c is missing");
	assert_line(*state, "X-Amz", "X-Amz");
}

static void long_lines_end_in_dots(void **state)
{
	struct str *lines = *state;
	static char text[20000];

	memset(text, 'x', sizeof(text) - 1);
	log_info("%s", text);
	assert_true(str_ends(str_text(lines), "xxx...\n"));
	assert_true(lines->len > 3000 && lines->len < 4100);

	str_reset(lines);
	memset(text, '\x01', sizeof(text) - 1); /* four times as long */
	log_info("%s", text);
	assert_true(str_ends(str_text(lines), "\\x01\\x01...\n"));
	assert_true(lines->len > 4000 && lines->len < 4100);
}

static void errno_survives(void **state)
{
	(void)state;
	errno = ENOTDIR;
	log_info("%s", "x");
	assert_int_equal(errno, ENOTDIR);
}

static void by_default_lines_go_to_standard_error(void **state)
{
	cleanup(closep) int saved = dup(STDERR_FILENO);
	cleanup(closep) int file = memfd_create("stderr", MFD_CLOEXEC);
	char text[100] = "";

	(void)state;
	assert_true(saved >= 0 && file >= 0);
	assert_true(dup2(file, STDERR_FILENO) >= 0);
	log_to_sink(NULL, NULL);
	log_warning("disk \"%s\" is slow", "a\nb");
	log_error("bad");
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	assert_true(pread(file, text, sizeof(text) - 1, 0) > 0);
	assert_string_equal(text, "porterfs: warning: disk \"a\\nb\" is slow\n"
	                          "porterfs: error: bad\n");
}

static void syslog_takes_lines_away_until_a_sink_comes_back(void **state)
{
	struct str *lines = *state;

	log_to_syslog("porterfs-test-with-a-very-long-identification");
	log_debug("for nobody: %s", "%s%n");
	assert_string_equal(str_text(lines), "");
	log_to_sink(collect, lines);
	log_info("back");
	assert_string_equal(str_text(lines), "2|back\n");
}

#define LINES 500u

static void *log_many(void *arg)
{
	for (unsigned i = 0; i < LINES; i++)
		log_info("%s %u", (const char *)arg, i);
	return NULL;
}

static void lines_of_many_threads_do_not_mix(void **state)
{
	static char names[4][2] = {"a", "b", "c", "d"};
	struct str *lines = *state;
	pthread_t threads[4];
	unsigned next[4] = {0};

	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(thread_start("log", log_many, names[i],
		                              &threads[i]),
		                 0);
	for (unsigned i = 0; i < 4; i++)
		(void)pthread_join(threads[i], NULL);

	char *rest = lines->data;

	while (*rest) {
		const char *line = strsep(&rest, "\n");
		unsigned who = (unsigned)(line[2] - 'a');
		char expected[32];

		assert_true(who < 4);
		(void)snprintf(expected, sizeof(expected), "2|%s %u",
		               names[who], next[who]++);
		assert_string_equal(line, expected);
	}
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(next[i], LINES);
}

#define sink_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		sink_test(lines_carry_their_level_and_text),
		sink_test(levels_above_the_set_one_are_dropped_unread),
		sink_test(level_names_are_parsed_exactly),
		sink_test(a_name_with_a_newline_forges_no_line),
		sink_test(control_bytes_cannot_reach_the_terminal),
		sink_test(an_escape_cannot_be_mistaken),
		sink_test(readable_text_stays_readable),
		sink_test(presigned_queries_are_cut),
		sink_test(header_names_are_not_cut),
		sink_test(long_lines_end_in_dots),
		sink_test(errno_survives),
		sink_test(by_default_lines_go_to_standard_error),
		sink_test(syslog_takes_lines_away_until_a_sink_comes_back),
		sink_test(lines_of_many_threads_do_not_mix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
