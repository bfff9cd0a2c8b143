/* SPDX-License-Identifier: MIT */
/*
 * Memory runs out while a configuration is read: at the first allocation, at
 * the second, and so on.  The linker leads base's allocations to the ones here
 * (--wrap).
 */
#include "conf_fixture.h"

/* Allocations until the one that fails; negative = none will. */
static int until_failure = -1;

static bool is_time_to_fail(void)
{
	return until_failure >= 0 && until_failure-- == 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_reallocarray(void *p, size_t count, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_reallocarray(void *p, size_t count, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t size);

void *__wrap_malloc(size_t size)
{
	return is_time_to_fail() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return is_time_to_fail() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return is_time_to_fail() ? NULL : __real_realloc(p, size);
}

void *__wrap_reallocarray(void *p, size_t count, size_t size)
{
	return is_time_to_fail() ? NULL : __real_reallocarray(p, count, size);
}

char *__wrap_strdup(const char *text)
{
	return is_time_to_fail() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t size)
{
	return is_time_to_fail() ? NULL : __real_strndup(text, size);
}

/* Every source once. Returns the first failure. */
static int load_all(struct conf *conf)
{
	char bucket[] = "AWS_SOURCE_BUCKET=data-2";
	char secret[] = "DB_PASSWORD=hush";
	char *environment[] = {bucket, secret, NULL};
	int r = conf_load_file(conf, "p.conf", NULL);

	if (r == 0)
		r = conf_load_dotenv(conf, ".env", NULL);
	if (r == 0)
		r = conf_load_env(conf, environment, NULL);
	if (r == 0)
		r = conf_set_command_line(conf, "bucket.x.mode=ro", NULL);
	if (r == 0)
		r = conf_set(conf, NULL, "cache_dir", "/c", CONF_FROM_DEFAULT,
		             NULL);
	return r == 0 ? conf_check(conf, NULL) : r;
}

static int attempt(void)
{
	cleanup(conf_freep) struct conf *conf = NULL;
	cleanup(str_release) struct str text = {0};
	int r = conf_new(&conf);

	assert_true((r < 0) == (conf == NULL));
	if (r == 0)
		r = load_all(conf);
	if (r < 0)
		return r;

	conf_print(conf, &text);
	return str_status(&text);
}

static void running_out_of_memory_is_told_and_leaks_nothing(void **state)
{
	int n = 0;
	int r;

	(void)state;
	write_file("p.conf", "[general]\nproxy = http://a:b@c:1\n"
	                     "[bucket.x]\nbucket = data-1\n"
	                     "[mysql.prod]\nhost = h\n[guard]\n*.sql = gzip\n");
	write_file(".env", "A=\"x\"\nAWS_BUCKET=${A}-data\n"
	                   "AWS_SECRET_ACCESS_KEY=hush\n"
	                   "AWS_ACCESS_KEY_ID=AK\nB=${NONE}\n");
	do {
		until_failure = n++;
		r = attempt();
		assert_true(r == 0 || r == -ENOMEM);
	} while (r < 0);
	until_failure = -1;
	assert_true(n > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			running_out_of_memory_is_told_and_leaks_nothing),
	};

	return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
