/* SPDX-License-Identifier: MIT */
/* What the tests of the configuration share: sources made from text. */
#ifndef PORTER_TEST_CONF_FIXTURE_H
#define PORTER_TEST_CONF_FIXTURE_H

#include "base/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static inline void write_file(const char *name, const char *text)
{
	int fd = open(name, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
	size_t len = strlen(text);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	assert_int_equal(close(fd), 0);
}

static inline struct conf *empty(void)
{
	struct conf *conf = NULL;

	assert_int_equal(conf_new(&conf), 0);
	return conf;
}

static inline void load_file(struct conf *conf, const char *text)
{
	struct err err = {0};

	write_file("p.conf", text);
	if (conf_load_file(conf, "p.conf", &err) < 0)
		fail_msg("%s", err.text);
}

static inline void load_dotenv(struct conf *conf, const char *text)
{
	struct err err = {0};

	write_file(".env", text);
	if (conf_load_dotenv(conf, ".env", &err) < 0)
		fail_msg("%s", err.text);
}

/* One or two "NAME=value". */
static inline void load_env(struct conf *conf, const char *a, const char *b)
{
	cleanup(freep) char *one = strdup(a);
	cleanup(freep) char *other = b ? strdup(b) : NULL;
	char *environment[] = {one, other, NULL};
	struct err err = {0};

	if (conf_load_env(conf, environment, &err) < 0)
		fail_msg("%s", err.text);
}

static inline void load_line(struct conf *conf, const char *text)
{
	struct err err = {0};

	if (conf_set_command_line(conf, text, &err) < 0)
		fail_msg("%s", err.text);
}

static inline void check_ok(const struct conf *conf)
{
	struct err err = {0};

	if (conf_check(conf, &err) < 0)
		fail_msg("%s", err.text);
}

/* "primary source other". */
static inline void assert_buckets(const struct conf *conf, const char *expected)
{
	cleanup(str_release) struct str names = {0};

	for (size_t i = 0; i < conf_bucket_count(conf); i++)
		str_addf(&names, "%s%s", i > 0 ? " " : "",
		         conf_bucket_name(conf, i));
	assert_string_equal(str_text(&names), expected);
	assert_null(conf_bucket_name(conf, conf_bucket_count(conf)));
}

/* All tests write into a directory of their own. */
static inline int enter_directory(void **state)
{
	static char dir[] = "/tmp/test_conf_dir.XXXXXX";

	*state = dir;
	return mkdtemp(dir) && chdir(dir) == 0 ? 0 : -1;
}

static inline int leave_directory(void **state)
{
	(void)unlink("p.conf");
	(void)unlink(".env");
	return chdir("/") == 0 && rmdir(*state) == 0 ? 0 : -1;
}

#endif
