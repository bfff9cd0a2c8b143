/* SPDX-License-Identifier: MIT */
/* Sessions with a real server: what goes in, comes out, and goes wrong. */
#include "base/str.h"
#include "server.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void a_session_knows_its_server(void **state)
{
	(void)state;
	cleanup(db_closep) struct db_session *session =
		server_open("TEST_MYSQL_A");
	const struct db_server *server = db_server(session);

	assert_true(server->mariadb);
	assert_true(server->version >= 100300 && server->version < 130000);
	assert_true(server->thread_id > 0);
	assert_string_equal(server->cipher, "");
}

static void rows_come_one_by_one(void **state)
{
	(void)state;
	cleanup(db_closep) struct db_session *session =
		server_open("TEST_MYSQL_A");
	struct err err = {0};
	struct db_row row;

	assert_int_equal(db_query(session,
	                          "SELECT 'a\\0b', NULL UNION ALL "
	                          "SELECT '', _utf8mb4 0xF09F9880",
	                          &err),
	                 0);
	assert_int_equal(db_columns(session), 2);
	assert_int_equal(db_next(session, &row, &err), 1);
	assert_int_equal(row.count, 2);
	assert_int_equal(row.lengths[0], 3);
	assert_memory_equal(row.values[0], "a\0b", 3);
	assert_null(row.values[1]);
	assert_int_equal(db_next(session, &row, &err), 1);
	assert_int_equal(row.lengths[0], 0);
	assert_memory_equal(row.values[1], "\xF0\x9F\x98\x80", 4);
	assert_int_equal(db_next(session, &row, &err), 0);
	/* The session is free again. */
	assert_int_equal(db_exec(session, "SELECT 1", &err), 0);
}

static void a_result_left_early_does_no_harm(void **state)
{
	(void)state;
	cleanup(db_closep) struct db_session *session =
		server_open("TEST_MYSQL_A");
	cleanup(freep) char *one = NULL;
	struct err err = {0};
	struct db_row row;

	assert_int_equal(db_query(session,
	                          "SELECT seq FROM mysql.seq_1_to_1000", &err),
	                 0);
	assert_int_equal(db_next(session, &row, &err), 1);
	db_end(session);
	assert_int_equal(db_value(session, &one, &err, "SELECT 1"), 0);
	assert_string_equal(one, "1");
}

static void failures_are_errnos_with_a_sentence(void **state)
{
	(void)state;
	/* Statement, errno, the server's number. */
	static const struct {
		const char *sql;
		int code;
		unsigned number;
	} rows[] = {
		{"SELEKT", -EINVAL, DB_ERR_PARSE},
		{"SELECT * FROM mysql.nope", -ENOENT, DB_ERR_NO_TABLE},
		{"USE nope", -ENOENT, DB_ERR_BAD_DATABASE},
		{"SET STATEMENT max_statement_time=0.01 FOR SELECT sleep(10) "
	         "FROM mysql.seq_1_to_1000000",
	         -ETIMEDOUT, 1969},
	};
	cleanup(db_closep) struct db_session *session =
		server_open("TEST_MYSQL_A");

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err err = {0};

		assert_int_equal(db_exec(session, rows[i].sql, &err),
		                 rows[i].code);
		assert_int_equal(err.code, rows[i].code);
		assert_int_equal(db_errno(session), rows[i].number);
	}

	struct err err = {0};

	(void)db_exec(session, "USE nope", &err);
	assert_string_equal(err.text, "1049 (42000): Unknown database 'nope'");
}

static void a_wrong_password_and_no_server_are_told(void **state)
{
	(void)state;
	cleanup(db_config_freep) struct db_config *wrong =
		server_config("TEST_MYSQL_A", "nobody-here", "canary-password");
	cleanup(db_config_freep) struct db_config *none =
		server_config("TEST_MYSQL_A", NULL, NULL);
	struct db_session *session = NULL;
	struct err err = {0};

	assert_int_equal(db_open(wrong, &session, &err), -EACCES);
	assert_non_null(strstr(err.text, "Access denied"));
	assert_null(strstr(err.text, "canary"));

	assert_int_equal(db_config_set(none, "socket", "/nowhere/socket", NULL),
	                 0);
	assert_int_equal(db_open(none, &session, &err), -ECONNREFUSED);
	assert_non_null(strstr(err.text, "database at '/nowhere/socket'"));
	assert_null(session);
}

static void tls_that_is_demanded_and_not_there_is_refused(void **state)
{
	(void)state;
	cleanup(db_closep) struct db_session *root =
		server_open("TEST_MYSQL_A");
	cleanup(db_config_freep) struct db_config *config = NULL;
	struct db_session *session = NULL;
	struct err err = {0};
	cleanup(freep) char *port = NULL;

	assert_int_equal(db_value(root, &port, &err,
	                          "SELECT IF(@@skip_networking, 0, @@port)"),
	                 0);
	if (strcmp(port, "0") == 0)
		skip(); /* no port: TLS is for networks */
	assert_int_equal(db_config_new(&config), 0);
	assert_int_equal(db_config_set(config, "host", "127.0.0.1", NULL), 0);
	assert_int_equal(db_config_set(config, "port", port, NULL), 0);
	assert_int_equal(db_config_set(config, "username", "root", NULL), 0);
	assert_int_equal(db_config_set(config, "ssl_mode", "required", NULL),
	                 0);
	assert_int_equal(db_open(config, &session, &err), -EPROTO);

	assert_int_equal(db_config_set(config, "ssl_mode", "preferred", NULL),
	                 0);
	assert_int_equal(db_open(config, &session, &err), 0);
	assert_string_equal(db_server(session)->cipher, "");
	db_close(session);
}

static void a_killed_connection_is_no_end(void **state)
{
	(void)state;
	cleanup(db_closep) struct db_session *session =
		server_open("TEST_MYSQL_A");
	cleanup(db_closep) struct db_session *killer =
		server_open("TEST_MYSQL_A");
	struct err err = {0};
	struct db_row row;
	int r;

	/* More than sockets hold, so that it is under way when it is killed. */
	assert_int_equal(db_query(session,
	                          "SELECT repeat('x', 1000000) FROM "
	                          "mysql.seq_1_to_1000",
	                          &err),
	                 0);
	assert_int_equal(db_next(session, &row, &err), 1);
	assert_int_equal(
		db_execf(killer, &err, "KILL %llu",
	                 (unsigned long long)db_server(session)->thread_id),
		0);
	while ((r = db_next(session, &row, &err)) > 0)
		;
	assert_int_equal(r, -ECONNRESET);
	assert_int_equal(db_errno(session), DB_ERR_SERVER_LOST);
}

/* Waits in the server until somebody shuts its line. */
static void *sleeper(void *arg)
{
	struct err err = {0};

	return (void *)(intptr_t)db_exec(arg, "SELECT sleep(600)", &err);
}

static void a_session_can_be_shut_from_outside(void **state)
{
	(void)state;
	cleanup(db_closep) struct db_session *session =
		server_open("TEST_MYSQL_A");
	pthread_t thread;
	void *result = NULL;

	assert_int_equal(pthread_create(&thread, NULL, sleeper, session), 0);
	db_shut(session);
	assert_int_equal(pthread_join(thread, &result), 0);
	assert_int_equal((int)(intptr_t)result, -ECONNRESET);
}

static void a_test_tells_what_is_there(void **state)
{
	(void)state;
	cleanup(db_config_freep) struct db_config *config =
		server_config("TEST_MYSQL_A", NULL, NULL);
	struct db_facts facts;
	struct err err = {0};

	assert_int_equal(db_test(config, &facts, &err), 0);
	assert_string_equal(facts.user, "root@localhost");
	assert_true(facts.mariadb);
	assert_string_equal(facts.address, db_config_get(config, "socket"));
}

static void a_server_that_asks_for_a_file_gets_none(void **state)
{
	(void)state;
	cleanup(db_closep) struct db_session *session =
		server_open("TEST_MYSQL_A");
	struct err err = {0};

	server_run(session, "CREATE DATABASE IF NOT EXISTS sess",
	           "CREATE OR REPLACE TABLE sess.t (a TEXT)", NULL);
	assert_true(db_exec(session,
	                    "LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE "
	                    "sess.t",
	                    &err) < 0);
	server_run(session, "DROP DATABASE sess", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session_knows_its_server),
		cmocka_unit_test(rows_come_one_by_one),
		cmocka_unit_test(a_result_left_early_does_no_harm),
		cmocka_unit_test(failures_are_errnos_with_a_sentence),
		cmocka_unit_test(a_wrong_password_and_no_server_are_told),
		cmocka_unit_test(tls_that_is_demanded_and_not_there_is_refused),
		cmocka_unit_test(a_killed_connection_is_no_end),
		cmocka_unit_test(a_session_can_be_shut_from_outside),
		cmocka_unit_test(a_test_tells_what_is_there),
		cmocka_unit_test(a_server_that_asks_for_a_file_gets_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
