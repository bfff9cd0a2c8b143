/* SPDX-License-Identifier: MIT */
/*
 * The servers that tests/mysql/run started, for C tests.
 */
#ifndef PORTER_TEST_MYSQL_SERVER_H
#define PORTER_TEST_MYSQL_SERVER_H

#include "mysql_session.h"

/*
 * Connection values of the server whose directory is in the environment
 * variable which (TEST_MYSQL_A, TEST_MYSQL_B); user NULL is root.
 */
struct db_config *server_config(const char *which, const char *user,
                                const char *password);

/* A session there, as root; fails the test else. */
struct db_session *server_open(const char *which);

/* Run statements, each of which must work; ends with NULL. */
void server_run(struct db_session *session, const char *sql, ...)
	__attribute__((sentinel));

#endif
