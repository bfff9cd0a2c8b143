/* SPDX-License-Identifier: MIT */
/* Where a database is: values, the configuration, the client's option file. */
#include "base/conf.h"
#include "db_config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The values an option file gives to a fresh configuration. */
static struct db_config *of_file(const char *text, int expected,
                                 struct err *reterr)
{
	struct db_config *config = NULL;
	cleanup(freep) char *copy = strdup(text);

	assert_int_equal(db_config_new(&config), 0);
	assert_int_equal(db_config_my_cnf(config, "my.cnf", copy, reterr),
	                 expected);
	return config;
}

static void values_are_checked(void **state)
{
	(void)state;
	/* Name, value, result. */
	static const struct {
		const char *name, *value;
		int result;
	} rows[] = {
		{"host", "db.example", 0},   {"port", "3306", 0},
		{"port", "0", -EINVAL},      {"port", "65536", -EINVAL},
		{"port", "x", -EINVAL},      {"driver", "mysql", 0},
		{"driver", "mariadb", 0},    {"driver", "pgsql", -EOPNOTSUPP},
		{"ssl_mode", "required", 0}, {"ssl_mode", "on", -EINVAL},
		{"socket", "", 0},           {"hostname", "x", -EINVAL},
	};
	cleanup(db_config_freep) struct db_config *config = NULL;

	assert_int_equal(db_config_new(&config), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err err = {0};

		assert_int_equal(db_config_set(config, rows[i].name,
		                               rows[i].value, &err),
		                 rows[i].result);
		assert_int_equal(err.code, rows[i].result);
	}
	assert_string_equal(db_config_get(config, "host"), "db.example");
	assert_int_equal(db_config_port(config), 3306);
	assert_null(db_config_get(config, "socket"));
}

static void a_password_is_not_told(void **state)
{
	(void)state;
	cleanup(db_config_freep) struct db_config *config = NULL;

	assert_int_equal(db_config_new(&config), 0);
	assert_int_equal(db_config_set(config, "password", "pw", NULL), 0);
	assert_string_equal(config->values[DB_PASSWORD], "pw");
	assert_null(db_config_get(config, "password"));
}

static void an_authority_means_that_the_server_is_checked(void **state)
{
	(void)state;
	cleanup(db_config_freep) struct db_config *config = NULL;

	assert_int_equal(db_config_new(&config), 0);
	assert_int_equal(db_config_ssl(config), DB_SSL_PREFERRED);
	assert_int_equal(db_config_set(config, "ssl_ca", "/ca.pem", NULL), 0);
	assert_int_equal(db_config_ssl(config), DB_SSL_VERIFY_IDENTITY);
	assert_int_equal(db_config_set(config, "ssl_mode", "required", NULL),
	                 0);
	assert_int_equal(db_config_ssl(config), DB_SSL_REQUIRED);
}

static void groups_of_the_option_file_are_read(void **state)
{
	(void)state;
	cleanup(db_config_freep) struct db_config *config =
		of_file("user=nobody\n"
	                "[mysqld]\nport=1\nsocket=/server\n"
	                "[client]\nuser = first\r\npassword=\"a#b\\sc\"\n"
	                "port = 3307 # not 3306\nmax-allowed-packet=64M\n"
	                "skip-ssl\n; comment=1\n#host=x\n"
	                "[ porter ]\nuser = 'me'\nssl_ca=/a b.pem\n",
	                0, NULL);

	assert_string_equal(config->values[DB_USERNAME], "me");
	assert_string_equal(config->values[DB_PASSWORD], "a#b c");
	assert_string_equal(config->values[DB_PORT], "3307");
	assert_string_equal(config->values[DB_SSL_CA], "/a b.pem");
	assert_null(config->values[DB_SOCKET]);
	assert_null(config->values[DB_HOST]);
}

static void a_bad_line_is_told_by_its_place(void **state)
{
	(void)state;
	struct err err = {0};
	cleanup(db_config_freep) struct db_config *config =
		of_file("[client]\n\nport=many\n", -EINVAL, &err);

	assert_string_equal(err.text, "my.cnf:3: port 'many' is none; right "
	                              "would be 1 to 65535");
	assert_null(config->values[DB_PORT]);
}

static void the_file_does_not_replace_what_was_said(void **state)
{
	(void)state;
	cleanup(db_config_freep) struct db_config *config = NULL;
	char text[] = "[client]\nhost=file\nsocket=/file\nuser=file\n";

	assert_int_equal(db_config_new(&config), 0);
	assert_int_equal(db_config_set(config, "host", "said", NULL), 0);
	assert_int_equal(db_config_my_cnf(config, "f", text, NULL), 0);
	assert_string_equal(config->values[DB_HOST], "said");
	assert_string_equal(config->values[DB_USERNAME], "file");
	/* The file's socket belongs to the file's server. */
	assert_null(config->values[DB_SOCKET]);
}

static void a_connection_is_a_section_or_the_environment(void **state)
{
	(void)state;
	cleanup(conf_freep) struct conf *conf = NULL;
	cleanup(db_config_freep) struct db_config *named = NULL;
	cleanup(db_config_freep) struct db_config *laravel = NULL;
	struct db_config *none = NULL;
	char host[] = "DB_HOST=10.0.0.1", secret[] = "DB_PASSWORD=canary";
	char *environment[] = {host, secret, NULL};
	struct err err = {0};

	assert_int_equal(conf_new(&conf), 0);
	assert_int_equal(conf_load_env(conf, environment, &err), 0);
	assert_int_equal(
		conf_set_command_line(conf, "mysql.prod.host=db.example", &err),
		0);
	assert_int_equal(
		conf_set_command_line(conf, "mysql.prod.port=3310", &err), 0);

	assert_int_equal(db_config_load(conf, "prod", "", &named, &err), 0);
	assert_string_equal(named->values[DB_HOST], "db.example");
	assert_int_equal(db_config_port(named), 3310);
	assert_null(named->values[DB_PASSWORD]);

	assert_int_equal(db_config_load(conf, NULL, "", &laravel, &err), 0);
	assert_string_equal(laravel->values[DB_HOST], "10.0.0.1");
	assert_string_equal(laravel->values[DB_PASSWORD], "canary");

	assert_int_equal(db_config_load(conf, "nope", "", &none, &err),
	                 -ENOENT);
	assert_string_equal(err.text, "there is no connection 'nope': the "
	                              "configuration has no [mysql.nope]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_checked),
		cmocka_unit_test(a_password_is_not_told),
		cmocka_unit_test(an_authority_means_that_the_server_is_checked),
		cmocka_unit_test(groups_of_the_option_file_are_read),
		cmocka_unit_test(a_bad_line_is_told_by_its_place),
		cmocka_unit_test(the_file_does_not_replace_what_was_said),
		cmocka_unit_test(a_connection_is_a_section_or_the_environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
