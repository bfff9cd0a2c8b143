/* SPDX-License-Identifier: MIT */
#include "base/cleanup.h"
#include "base/dotenv.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* Writes "LINE NAME=[value];" per entry; ctx is a struct str. */
static int note(void *ctx, const struct dotenv_entry *entry, struct err *reterr)
{
	struct str *out = ctx;

	(void)reterr;
	str_addf(out, "%u %s", entry->line, entry->name);
	if (entry->value)
		str_addf(out, "=[%s]", entry->value);
	if (entry->unresolved)
		str_addf(out, "?%s", entry->unresolved);
	str_add(out, ";");
	return 0;
}

struct example {
	const char *text;
	const char *result; /* entries, or the whole sentence of the error */
};

static void check(const struct example *example)
{
	cleanup(str_release) struct str out = {0};
	struct err err = {0};
	int r = dotenv_parse(".env", example->text, strlen(example->text), note,
	                     &out, &err);

	if (r < 0) {
		assert_int_equal(r, -EINVAL);
		assert_int_equal(err.code, -EINVAL);
		assert_string_equal(err.text, example->result);
	} else {
		assert_string_equal(str_text(&out), example->result);
	}
}

/* What vlucas/phpdotenv 5 makes of the same lines. */
static const struct example good[] = {
	{"", ""},
	{"\n\n# only a comment\n   # another", ""},
	{"A=b", "1 A=[b];"},
	{"A=b\n", "1 A=[b];"},
	{"\nA=1\n\nB=2\n", "2 A=[1];4 B=[2];"},
	{"A=\nB=", "1 A=[];2 B=[];"},
	{"A=   \nB=\t", "1 A=[];2 B=[];"},
	{"  A = b  ", "1 A=[b];"},
	{"A\n", "1 A;"},
	{"export A=b", "1 A=[b];"},
	{"export\tA=b", "1 A=[b];"},
	{"export=b", "1 export=[b];"},
	{"exported=b", "1 exported=[b];"},
	{"\"A\"=b", "1 A=[b];"},
	{"'A.B_9'=b", "1 A.B_9=[b];"},
	{"A=b # comment", "1 A=[b];"},
	{"A=b#comment", "1 A=[b];"},
	{"A=#comment", "1 A=[];"},
	{"A=\"b#c\" # d", "1 A=[b#c];"},
	{"A='b#c'#d", "1 A=[b#c];"},
	{"A=\"b c\"", "1 A=[b c];"},
	{"A='b c'", "1 A=[b c];"},
	{"A=''", "1 A=[];"},
	{"A=\"\"", "1 A=[];"},
	{"A='$B ${C} \\n \"x\"'", "1 A=[$B ${C} \\n \"x\"];"},
	{"A=b'c\"d", "1 A=[b'c\"d];"},
	{"A=b\\nc", "1 A=[b\\nc];"},
	{"A=b=c==", "1 A=[b=c==];"},
	{"A=wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
         "1 A=[wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY];"},
	{"A=\"\\\\ \\\" \\$ \\f\\n\\r\\t\\v\"", "1 A=[\\ \" $ \f\n\r\t\v];"},
	{"A=\"one\ntwo\"\nB=3", "1 A=[one\ntwo];3 B=[3];"},
	{"A=x\nB=${A}y", "1 A=[x];2 B=[xy];"},
	{"A=x\nB=\"<${A}>\"", "1 A=[x];2 B=[<x>];"},
	{"A=x\nB=\"\\${A}\"", "1 A=[x];2 B=[${A}];"},
	{"A='${B}'\nB=x\nC=${A}", "1 A=[${B}];2 B=[x];3 C=[${B}];"},
	{"A=${NOBODY}/b", "1 A=[${NOBODY}/b]?NOBODY;"},
	{"A=${NOBODY}${NO1}\nB=c", "1 A=[${NOBODY}${NO1}]?NOBODY;2 B=[c];"},
	{"A=$B", "1 A=[$B];"},
	{"A=$", "1 A=[$];"},
	{"A=${", "1 A=[${];"},
	{"A=${}", "1 A=[${}];"},
	{"A=${B-c}", "1 A=[${B-c}];"},
	{"A=1\nA=2\nB=${A}", "1 A=[1];2 A=[2];3 B=[2];"},
	{"\xef\xbb\xbf"
         "A=b\r\nB=\"c\"\r\n",
         "1 A=[b];2 B=[c];"},
	{"A=\xc3\xa4", "1 A=[\xc3\xa4];"},
	{"A=from-${DOTENV_TEST_OUTSIDE}\nDOTENV_TEST_OUTSIDE=in",
         "1 A=[from-out];2 DOTENV_TEST_OUTSIDE=[in];"},
	{"DOTENV_TEST_OUTSIDE=in\nA=${DOTENV_TEST_OUTSIDE}",
         "1 DOTENV_TEST_OUTSIDE=[in];2 A=[out];"},
};

static void every_form_of_phpdotenv_is_read(void **state)
{
	(void)state;
	assert_int_equal(setenv("DOTENV_TEST_OUTSIDE", "out", 1), 0);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		check(&good[i]);
}

#define NO_NAME                                                      \
	"a line must be NAME=value with a name of letters, digits, " \
	"'_' and '.'"

static const struct example bad[] = {
	{"=b", ".env:1: " NO_NAME},
	{"A=1\n = b", ".env:2: " NO_NAME},
	{"A-B=c", ".env:1: " NO_NAME},
	{"A B=c", ".env:1: " NO_NAME},
	{"two words", ".env:1: " NO_NAME},
	{"MIIEvQIBADANBgkqhkiG9w0BAQEFAASC+KcwggSj==", ".env:1: " NO_NAME},
	{"export A B=c", ".env:1: " NO_NAME},
	{"A=b c", ".env:1: A: a value with blanks needs quotes"},
	{"A=b\rc", ".env:1: A: a value with blanks needs quotes"},
	{"\nA=\"b\" c",
         ".env:2: A: only a comment may follow the closing quote"},
	{"A='b'c", ".env:1: A: only a comment may follow the closing quote"},
	{"A=\"b\nc\nd",
         ".env:1: A: the quote that begins the value is never closed"},
	{"A='b\nc'",
         ".env:1: A: the quote that begins the value is never closed"},
	{"A='", ".env:1: A: the quote that begins the value is never closed"},
	{"A=\"b\\",
         ".env:1: A: a backslash in double quotes must be followed by one of "
         "\\ \" $ f n r t v"},
	{"A=\"b\\q\"",
         ".env:1: A: a backslash in double quotes must be followed by one of "
         "\\ \" $ f n r t v"},
	{"A=1\nB=\"2\n3\"\nC=\"\\#\"",
         ".env:4: C: a backslash in double quotes must be followed by one of "
         "\\ \" $ f n r t v"},
};

static void
every_mistake_is_told_with_its_line_and_without_its_value(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check(&bad[i]);
}

static void a_nul_byte_is_refused_with_its_line(void **state)
{
	struct err err = {0};

	(void)state;
	assert_int_equal(dotenv_parse("x", "A=1\nB=\0", 7, note, NULL, &err),
	                 -EINVAL);
	assert_string_equal(err.text, "x:2: has a NUL byte, it must be plain "
	                              "text in UTF-8");
}

static void a_value_ends_at_16_kib(void **state)
{
	cleanup(freep) char *text = malloc(DOTENV_VALUE_MAX + 4);
	cleanup(str_release) struct str out = {0};
	struct err err = {0};

	(void)state;
	assert_non_null(text);
	memcpy(text, "A=", 2);
	memset(text + 2, 'x', DOTENV_VALUE_MAX + 1);
	assert_int_equal(dotenv_parse("x", text, DOTENV_VALUE_MAX + 2, note,
	                              &out, &err),
	                 0);
	assert_int_equal(out.len, DOTENV_VALUE_MAX + strlen("1 A=[];"));
	assert_int_equal(dotenv_parse("x", text, DOTENV_VALUE_MAX + 3, note,
	                              &out, &err),
	                 -EINVAL);
	assert_string_equal(err.text, "x:1: A: the value is longer than 16K");
}

/* Values that double with each line stop at the limit, not at memory's end. */
static void nesting_variables_does_not_explode(void **state)
{
	cleanup(str_release) struct str text = {0};
	cleanup(str_release) struct str out = {0};
	struct err err = {0};

	(void)state;
	str_add(&text, "A=xxxxxxxxxxxxxxxx\n");
	for (unsigned i = 0; i < 60; i++)
		str_add(&text, "A=${A}${A}\n");
	assert_int_equal(dotenv_parse("x", str_text(&text), text.len, note,
	                              &out, &err),
	                 -EINVAL);
	assert_string_equal(err.text, "x:12: A: the value is longer than 16K");
}

static int object(void *ctx, const struct dotenv_entry *entry,
                  struct err *reterr)
{
	(void)ctx;
	return err_set(reterr, -ECANCELED, "not %s", entry->name);
}

static void the_reader_can_stop_the_walk(void **state)
{
	struct err err = {0};

	(void)state;
	assert_int_equal(dotenv_parse("x", "A=1\nB", 5, object, NULL, &err),
	                 -ECANCELED);
	assert_string_equal(err.text, "not A");
}

/* A file "env" of the given mode in a directory of its own. */
static char *make_file(unsigned mode)
{
	char dir[] = "/tmp/test_dotenv.XXXXXX";

	assert_non_null(mkdtemp(dir));

	char *path = str_printf("%s/env", dir);

	assert_non_null(path);

	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "A=1\n", 4), 4);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(close(fd), 0);
	return path;
}

static void remove_file(char *path)
{
	assert_int_equal(unlink(path), 0);
	*strrchr(path, '/') = '\0';
	assert_int_equal(rmdir(path), 0);
	free(path);
}

static void a_file_of_its_owner_alone_is_read(void **state)
{
	cleanup(str_release) struct str out = {0};
	char *path = make_file(0400);

	(void)state;
	assert_int_equal(dotenv_read(path, note, &out, NULL), 0);
	assert_string_equal(str_text(&out), "1 A=[1];");
	remove_file(path);
}

static void a_file_open_to_others_names_the_chmod_that_helps(void **state)
{
	static const unsigned modes[] = {0644, 0640, 0604, 0660, 0602, 0610};

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		char *path = make_file(modes[i]);
		cleanup(freep) char *expected =
			str_printf("%s: holds secrets but is open to others "
		                   "(mode %04o): chmod 600 %s",
		                   path, modes[i], path);
		struct err err = {0};

		assert_int_equal(dotenv_read(path, object, NULL, &err),
		                 -EACCES);
		assert_string_equal(err.text, expected);
		remove_file(path);
	}
}

static void a_symlink_is_judged_by_its_target(void **state)
{
	char *closed = make_file(0600);
	char *open_to_all = make_file(0644);
	cleanup(freep) char *link = str_printf("%s.link", closed);
	cleanup(str_release) struct str out = {0};

	(void)state;
	assert_int_equal(symlink(closed, link), 0);
	assert_int_equal(dotenv_read(link, note, &out, NULL), 0);
	assert_int_equal(unlink(link), 0);

	assert_int_equal(symlink(open_to_all, link), 0);
	assert_int_equal(dotenv_read(link, note, &out, NULL), -EACCES);
	assert_int_equal(unlink(link), 0);

	remove_file(closed);
	remove_file(open_to_all);
}

static void a_file_of_somebody_else_is_refused(void **state)
{
	struct err err = {0};

	(void)state;
	if (geteuid() != 0)
		return; /* only root can make one */

	char *path = make_file(0600);
	cleanup(freep) char *expected =
		str_printf("%s: holds secrets but belongs to user 12345, it "
	                   "must be yours or root's: chown 0 %s",
	                   path, path);

	assert_int_equal(chown(path, 12345, 0), 0);
	assert_int_equal(dotenv_read(path, note, NULL, &err), -EACCES);
	assert_string_equal(err.text, expected);
	remove_file(path);
}

static void what_cannot_be_read_is_told(void **state)
{
	struct err err = {0};

	(void)state;
	assert_int_equal(dotenv_read("/nonexistent/.env", note, NULL, &err),
	                 -ENOENT);
	assert_string_equal(err.text, "/nonexistent/.env: cannot be read: No "
	                              "such file or directory");
	assert_int_equal(dotenv_read("/", note, NULL, &err), -EISDIR);
	assert_string_equal(err.text, "/: cannot be read: Is a directory");
	assert_int_equal(dotenv_read("/dev/zero", note, NULL, &err), -EFBIG);
	assert_string_equal(err.text, "/dev/zero: is larger than 1M, so it is "
	                              "no configuration file");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form_of_phpdotenv_is_read),
		cmocka_unit_test(
			every_mistake_is_told_with_its_line_and_without_its_value),
		cmocka_unit_test(a_nul_byte_is_refused_with_its_line),
		cmocka_unit_test(a_value_ends_at_16_kib),
		cmocka_unit_test(nesting_variables_does_not_explode),
		cmocka_unit_test(the_reader_can_stop_the_walk),
		cmocka_unit_test(a_file_of_its_owner_alone_is_read),
		cmocka_unit_test(
			a_file_open_to_others_names_the_chmod_that_helps),
		cmocka_unit_test(a_symlink_is_judged_by_its_target),
		cmocka_unit_test(a_file_of_somebody_else_is_refused),
		cmocka_unit_test(what_cannot_be_read_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
