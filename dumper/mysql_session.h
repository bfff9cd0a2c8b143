/* SPDX-License-Identifier: MIT */
/*
 * One session with a MySQL or MariaDB server: the only door to the client
 * library (MariaDB's Connector/C or MySQL's libmysqlclient).
 *
 * Statements go in as text, results come row by row and are never held whole.
 * Sessions speak utf8mb4 from the start.  What the two libraries do differently
 * is settled here: TLS is demanded by each library's own options and checked
 * after connecting; a server that asks for a local file gets none; packets may
 * have 1 GiB; nothing ever reconnects by itself.
 *
 * A session belongs to one thread at a time (db_shut() alone is for others).
 */
#ifndef PORTER_DUMPER_MYSQL_SESSION_H
#define PORTER_DUMPER_MYSQL_SESSION_H

#include "base/cleanup.h"
#include "base/err.h"
#include "dumper/connect.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Error numbers of the server that somebody decides by. */
enum {
	DB_ERR_TABLE_EXISTS = 1050,
	DB_ERR_BAD_DATABASE = 1049,
	DB_ERR_PARSE = 1064,
	DB_ERR_ACCESS = 1142,
	DB_ERR_NO_TABLE = 1146,
	DB_ERR_LOCK_WAIT = 1205,
	DB_ERR_DEADLOCK = 1213,
	DB_ERR_DENIED = 1227,
	DB_ERR_INTERRUPTED = 1317,
	DB_ERR_VIEW_INVALID = 1356,
	DB_ERR_DEFINITION_CHANGED = 1412,
	DB_ERR_SERVER_GONE = 2006,
	DB_ERR_SERVER_LOST = 2013,
};

struct db_session;

struct db_server {
	char text[64];      /* as it says itself */
	bool mariadb;       /* else MySQL */
	unsigned version;   /* 101119 = 10.11.19 */
	uint64_t thread_id; /* as in SHOW PROCESSLIST */
	char cipher[64];    /* of TLS; "" = not encrypted */
};

/* One row: as many values as columns. Borrowed until the next call. */
struct db_row {
	const char *const *values;    /* NULL = SQL NULL; not NUL-terminated by
	                                 promise: use lengths */
	const unsigned long *lengths; /* bytes; the library's type */
	unsigned count;
};

/*
 * Connect. Blocks, 10 s at most for a server that is silent.  Errors are
 * negative errnos with a sentence that names the address: -EACCES (user,
 * password), -ENOENT (no such database or socket), -ECONNREFUSED,
 * -EHOSTUNREACH, -EPROTO (TLS was demanded and is not there), ...
 */
int db_open(const struct db_config *config, struct db_session **ret,
            struct err *reterr);
void db_close(struct db_session *session);
DEFINE_CLEANUP(struct db_session *, db_close);

const struct db_server *db_server(const struct db_session *session);

/*
 * Run a statement and drop what it returns.  0, or the errno of what the server
 * (or the line to it) says, with "NUMBER (SQLSTATE): message" as the sentence.
 */
int db_exec(struct db_session *session, const char *sql, struct err *reterr);
int db_exec_mem(struct db_session *session, const char *sql, size_t len,
                struct err *reterr);
int db_execf(struct db_session *session, struct err *reterr, const char *fmt,
             ...) __attribute__((format(printf, 3, 4)));

/*
 * Begin a statement with rows, then 1 = a row, 0 = the end, or -errno: a lost
 * connection looks like an end to the client library, never to us.  After
 * anything but 1 the result is gone.  db_end() drops what is left of one.
 */
int db_query(struct db_session *session, const char *sql, struct err *reterr);
int db_queryf(struct db_session *session, struct err *reterr, const char *fmt,
              ...) __attribute__((format(printf, 3, 4)));
int db_next(struct db_session *session, struct db_row *ret, struct err *reterr);
void db_end(struct db_session *session);

/*
 * The single value of the first row, malloc'ed for the caller: NULL for SQL
 * NULL. -ENOENT without rows.
 */
int db_value(struct db_session *session, char **ret, struct err *reterr,
             const char *sql);

/* Columns of the result at hand. */
unsigned db_columns(const struct db_session *session);

/* Of the last failure: the server's or library's number, its SQLSTATE. */
unsigned db_errno(const struct db_session *session);
const char *db_sqlstate(const struct db_session *session);

/* Of the last db_exec. */
uint64_t db_affected(const struct db_session *session);
unsigned db_warnings(const struct db_session *session);

/*
 * End what the session is waiting for, from another thread: its call fails with
 * -ECONNRESET.  It can only be closed then.
 */
void db_shut(struct db_session *session);

/* The errno that an error number stands for; -EIO for one without. */
int db_errno_of(unsigned number);

#endif
