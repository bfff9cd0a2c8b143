/* SPDX-License-Identifier: MIT */
/* Values, files, secrets in the environment. */
#include "conf_fixture.h"

/* ---- values ---- */

struct sample {
	const char *text;
	uint64_t value;
};

static void sizes_have_binary_units(void **state)
{
	static const struct sample samples[] = {
		{"0", 0},
		{"1", 1},
		{"8388608", 8388608},
		{"1K", 1024},
		{"8m", 8 << 20},
		{"2G", UINT64_C(2) << 30},
		{"3T", UINT64_C(3) << 40},
		{"4P", UINT64_C(4) << 50},
		{"16383P", UINT64_C(16383) << 50},
		{"18446744073709551615", UINT64_MAX},
	};
	static const char *const bad[] = {"",   "K",   "1E", "1KB",  "+1",
	                                  "-1", "1 K", " 1", "1.5K", "0x10"};
	uint64_t value = 42;

	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		assert_int_equal(conf_parse_size(samples[i].text, &value), 0);
		assert_int_equal(value, samples[i].value);
	}
	value = 42;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(conf_parse_size(bad[i], &value), -EINVAL);
	assert_int_equal(conf_parse_size("16384P", &value), -ERANGE);
	assert_int_equal(conf_parse_size("18446744073709551616", &value),
	                 -ERANGE);
	assert_int_equal(value, 42);
}

static void durations_are_seconds_unless_they_say_so(void **state)
{
	static const struct sample samples[] = {
		{"0", 0},          {"1", 1000},    {"250ms", 250},
		{"5s", 5000},      {"5m", 300000}, {"1h", 3600000},
		{"7d", 604800000}, {"90", 90000},
	};
	static const char *const bad[] = {"",    "s",  "1w",    "1M",
	                                  "1 h", "-1", "1h30m", "1.5h"};
	uint64_t value = 42;

	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		assert_int_equal(
			conf_parse_duration_ms(samples[i].text, &value), 0);
		assert_int_equal(value, samples[i].value);
	}
	value = 42;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(conf_parse_duration_ms(bad[i], &value),
		                 -EINVAL);
	assert_int_equal(conf_parse_duration_ms("99999999999999999d", &value),
	                 -ERANGE);
	assert_int_equal(value, 42);
}

static void switches_have_many_names(void **state)
{
	static const char *const on[] = {"on", "true", "yes", "1", "TRUE"};
	static const char *const off[] = {"off", "false", "no", "0", "Off"};
	cleanup(conf_freep) struct conf *conf = empty();
	struct err err = {0};

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(conf_set(conf, NULL, "cache", off[i],
		                          CONF_FROM_FILE, &err),
		                 0);
		assert_false(conf_bool(conf, NULL, "cache"));
		assert_int_equal(conf_set(conf, NULL, "cache", on[i],
		                          CONF_FROM_FILE, &err),
		                 0);
		assert_true(conf_bool(conf, NULL, "cache"));
		assert_int_equal(conf_set(conf, "x", "path_style", on[i],
		                          CONF_FROM_FILE, &err),
		                 0);
		assert_string_equal(conf_text(conf, "x", "path_style"), "on");
	}
}

static void a_prefix_ends_with_a_slash(void **state)
{
	cleanup(conf_freep) struct conf *conf = empty();

	(void)state;
	load_line(conf, "bucket.x.prefix=dumps/2026");
	assert_string_equal(conf_text(conf, "x", "prefix"), "dumps/2026/");
	load_line(conf, "bucket.x.prefix=dumps/");
	assert_string_equal(conf_text(conf, "x", "prefix"), "dumps/");
	load_line(conf, "bucket.x.prefix=a b/.c/...");
	assert_string_equal(conf_text(conf, "x", "prefix"), "a b/.c/.../");
}

static void a_tilde_is_home(void **state)
{
	cleanup(conf_freep) struct conf *conf = empty();

	(void)state;
	assert_int_equal(setenv("HOME", "/home/me", 1), 0);
	load_line(conf, "cache_dir=~/cache");
	assert_string_equal(conf_text(conf, NULL, "cache_dir"),
	                    "/home/me/cache");
	load_line(conf, "cache_dir=/a/~/b");
	assert_string_equal(conf_text(conf, NULL, "cache_dir"), "/a/~/b");
}

static void good_urls_pass(void **state)
{
	static const char *const urls[] = {
		"aws",
		"http://127.0.0.1:9000",
		"http://[::1]:9000",
		"https://[2001:db8::1]",
		"https://s3.example.com/base/path",
		"https://s3.example.com:443/",
		"file:///srv/store",
		"file:///srv/with blank",
	};
	static const char *const stores[] = {"lmdb", "redis://h",
	                                     "redis://h:6379/0",
	                                     "rediss://me:pw@h:6379",
	                                     "unix:///run/redis.sock"};
	cleanup(conf_freep) struct conf *conf = empty();
	struct err err = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		assert_int_equal(conf_set(conf, "x", "endpoint", urls[i],
		                          CONF_FROM_FILE, &err),
		                 0);
		assert_string_equal(conf_text(conf, "x", "endpoint"), urls[i]);
	}
	for (size_t i = 0; i < sizeof(stores) / sizeof(stores[0]); i++)
		assert_int_equal(conf_set(conf, NULL, "cache_store", stores[i],
		                          CONF_FROM_FILE, &err),
		                 0);
}

/* A text of that many letters, behind key, as -o. */
static int set_long(struct conf *conf, const char *key, size_t len,
                    struct err *err)
{
	cleanup(str_release) struct str word = {0};

	str_addf(&word, "%s=", key);
	for (size_t i = 0; i < len; i++)
		str_add_char(&word, 'x');
	return conf_set_command_line(conf, str_text(&word), err);
}

static void names_end_somewhere(void **state)
{
	cleanup(conf_freep) struct conf *conf = empty();
	struct err err = {0};

	(void)state;
	assert_int_equal(set_long(conf, "source_name", 255, &err), 0);
	assert_int_equal(set_long(conf, "source_name", 256, &err), -EINVAL);
	assert_string_equal(err.text, "-o: source_name: a directory's name has "
	                              "at most 255 bytes");
	assert_int_equal(set_long(conf, "bucket.x.prefix", 1000, &err), 0);
	assert_int_equal(set_long(conf, "bucket.x.prefix", 1001, &err),
	                 -EINVAL);
	assert_string_equal(err.text,
	                    "-o: prefix: a prefix has at most 1000 bytes");
	assert_int_equal(set_long(conf, "profile", 16384, &err), 0);
	assert_int_equal(set_long(conf, "profile", 16385, &err), -E2BIG);
	assert_string_equal(err.text,
	                    "-o: profile: the value is longer than 16K");
	assert_int_equal(set_long(conf, "log", 100, &err), -EINVAL);
	assert_string_equal(
		err.text,
		"-o: log: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…' "
		"must be one of error, warning, info, debug");
}

static void setting_by_name_explains_itself_too(void **state)
{
	cleanup(conf_freep) struct conf *conf = empty();
	struct err err = {0};

	(void)state;
	assert_int_equal(conf_set(conf, NULL, "part-size", "8M",
	                          CONF_FROM_COMMAND_LINE, &err),
	                 -EINVAL);
	assert_string_equal(err.text, "-o: part-size: there is no such key, "
	                              "did you mean 'part_size'");
	assert_int_equal(conf_set(conf, "a/b", "bucket", "data",
	                          CONF_FROM_COMMAND_LINE, &err),
	                 -EINVAL);
	assert_string_equal(err.text,
	                    "-o: bucket: 'a/b' cannot be a directory of the "
	                    "mount, names have no '/'");
}

static void old_bucket_names_pass(void **state)
{
	cleanup(conf_freep) struct conf *conf = empty();

	(void)state;
	load_line(conf, "bucket.x.bucket=My_Old.Bucket-1");
	load_line(conf, "bucket.x.bucket=123");
}

/* ---- the file ---- */

static void bom_crlf_blanks_and_comments_are_fine(void **state)
{
	cleanup(conf_freep) struct conf *conf = empty();

	(void)state;
	load_file(conf, "\xef\xbb\xbf[general]\r\n"
	                "# comment\r\n"
	                "; comment\r\n"
	                "\r\n"
	                "  part_size  =  9M  \r\n"
	                "\t[bucket.x]\t\r\n"
	                "    bucket=data-1\r\n"
	                "    prefix = a=b:c;d#e\r\n"
	                "mode = ro");
	assert_int_equal(conf_number(conf, NULL, "part_size"), 9 << 20);
	assert_string_equal(conf_text(conf, "x", "bucket"), "data-1");
	assert_string_equal(conf_text(conf, "x", "prefix"), "a=b:c;d#e/");
	assert_string_equal(conf_text(conf, "x", "mode"), "ro");
}

static void an_empty_file_sets_nothing(void **state)
{
	cleanup(conf_freep) struct conf *conf = empty();

	(void)state;
	load_file(conf, "");
	load_file(conf, "\n\n# nothing\n[general]\n");
	assert_buckets(conf, "");
}

static void a_long_session_token_is_kept_whole(void **state)
{
	cleanup(conf_freep) struct conf *conf = empty();
	cleanup(str_release) struct str text = {0};
	const char *token;

	(void)state;
	str_add(&text, "[bucket.x]\nbucket = data-1\nsession_token = ");
	for (unsigned i = 0; i < 12000; i++)
		str_add_char(&text, (char)('a' + i % 26));
	str_add(&text, "\nmode = ro\n");
	load_file(conf, str_text(&text));
	token = conf_text(conf, "x", "session_token");
	assert_int_equal(strlen(token), 12000);
	assert_memory_equal(token, str_text(&text) + 43, 12000);
	assert_string_equal(conf_text(conf, "x", "mode"), "ro");
}

static void other_sections_are_kept_for_others(void **state)
{
	cleanup(conf_freep) struct conf *conf = empty();
	const char *value = NULL;

	(void)state;
	load_file(conf, "[guard]\n*.sql = mysqldump\n*.sql.gz = gzip\n"
	                "[mysql]\nhost = file-host\n"
	                "[mysql.prod]\npassword = pw\nhost = db1\n");
	load_env(conf, "DB_HOST=env-host", "DB_CONNECTION=pgsql");

	assert_string_equal(conf_extra(conf, "guard", 0, &value), "*.sql");
	assert_string_equal(value, "mysqldump");
	assert_string_equal(conf_extra(conf, "guard", 1, &value), "*.sql.gz");
	assert_string_equal(value, "gzip");
	assert_null(conf_extra(conf, "guard", 2, &value));

	assert_string_equal(conf_extra(conf, "mysql", 0, &value), "driver");
	assert_string_equal(value, "pgsql");
	assert_string_equal(conf_extra(conf, "mysql", 1, &value), "host");
	assert_string_equal(value, "env-host");
	assert_null(conf_extra(conf, "mysql", 2, &value));

	assert_string_equal(conf_extra(conf, "mysql.prod", 0, &value), "host");
	assert_string_equal(value, "db1");
	assert_string_equal(conf_extra(conf, "mysql.prod", 1, &value),
	                    "password");
	assert_string_equal(value, "pw");
	assert_null(conf_extra(conf, "mysql.none", 0, &value));
	assert_null(conf_extra(conf, "bucket.x", 0, &value));
}

static void near_misses_are_recognised(void **state)
{
	(void)state;
	assert_string_equal(conf_suggest(CONF_GENERAL, "PART-SIZE"),
	                    "part_size");
	assert_string_equal(conf_suggest(CONF_GENERAL, "cachettl"),
	                    "cache_ttl");
	assert_string_equal(conf_suggest(CONF_BUCKET, "access_key"),
	                    "access_key_id");
	assert_string_equal(conf_suggest(CONF_BUCKET, "mod"), "mode");
	assert_null(conf_suggest(CONF_GENERAL, "x"));
	assert_null(conf_suggest(CONF_GENERAL, ""));
	assert_null(conf_suggest(CONF_BUCKET,
	                         "a_name_that_is_longer_than_any_of_ours_is"));
}

/* ---- secrets ---- */

static void secrets_leave_the_environment(void **state)
{
	cleanup(conf_freep) struct conf *conf = empty();
	char path[] = "PATH=/bin";
	char secret[] = "AWS_SECRET_ACCESS_KEY=hush";
	char again[] = "AWS_SECRET_ACCESS_KEY=hush2";
	char token[] = "EXPORT_ALT_AWS_SESSION_TOKEN=hush";
	char password[] = "DB_PASSWORD=hush";
	char proxy[] = "PORTERFS_PROXY=http://me:hush@p:1";
	char store[] = "PORTERFS_CACHE_STORE=redis://h";
	char id[] = "AWS_ACCESS_KEY_ID=AK";
	char *environment[] = {path,  secret, again, token, password,
	                       proxy, store,  id,    NULL};
	struct err err = {0};

	(void)state;
	assert_int_equal(conf_load_env(conf, environment, &err), 0);
	assert_ptr_equal(environment[0], path);
	assert_ptr_equal(environment[1], store);
	assert_ptr_equal(environment[2], id);
	assert_null(environment[3]);

	assert_memory_equal(secret, "AWS_SECRET_ACCESS_KEY=\0\0\0\0", 26);
	assert_memory_equal(again, "AWS_SECRET_ACCESS_KEY=\0\0\0\0\0", 27);
	assert_memory_equal(password, "DB_PASSWORD=\0\0\0\0", 16);
	assert_null(memmem(proxy, sizeof(proxy), "hush", 4));
	assert_string_equal(conf_text(conf, NULL, "secret_access_key"), "hush");
	assert_string_equal(conf_text(conf, NULL, "proxy"),
	                    "http://me:hush@p:1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_have_binary_units),
		cmocka_unit_test(durations_are_seconds_unless_they_say_so),
		cmocka_unit_test(switches_have_many_names),
		cmocka_unit_test(a_prefix_ends_with_a_slash),
		cmocka_unit_test(a_tilde_is_home),
		cmocka_unit_test(good_urls_pass),
		cmocka_unit_test(names_end_somewhere),
		cmocka_unit_test(setting_by_name_explains_itself_too),
		cmocka_unit_test(old_bucket_names_pass),
		cmocka_unit_test(bom_crlf_blanks_and_comments_are_fine),
		cmocka_unit_test(an_empty_file_sets_nothing),
		cmocka_unit_test(a_long_session_token_is_kept_whole),
		cmocka_unit_test(other_sections_are_kept_for_others),
		cmocka_unit_test(near_misses_are_recognised),
		cmocka_unit_test(secrets_leave_the_environment),
	};

	return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
