/* SPDX-License-Identifier: MIT */
#include "server.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

struct db_config *server_config(const char *which, const char *user,
                                const char *password)
{
	const char *dir = getenv(which);
	struct db_config *config = NULL;

	if (!dir)
		fail_msg("start this by tests/mysql/run");

	cleanup(freep) char *socket = str_printf("%s/socket", dir);

	assert_int_equal(db_config_new(&config), 0);
	assert_int_equal(db_config_set(config, "socket", socket, NULL), 0);
	assert_int_equal(db_config_set(config, "username", user ? user : "root",
	                               NULL),
	                 0);
	if (password)
		assert_int_equal(
			db_config_set(config, "password", password, NULL), 0);
	return config;
}

struct db_session *server_open(const char *which)
{
	cleanup(db_config_freep) struct db_config *config =
		server_config(which, NULL, NULL);
	struct db_session *session = NULL;
	struct err err = {0};

	if (db_open(config, &session, &err) < 0)
		fail_msg("%s", err.text);
	return session;
}

void server_run(struct db_session *session, const char *sql, ...)
{
	va_list args;

	va_start(args, sql);
	for (; sql; sql = va_arg(args, const char *)) {
		struct err err = {0};

		if (db_exec(session, sql, &err) < 0)
			fail_msg("%s: %s", sql, err.text);
	}
	va_end(args);
}
