/* SPDX-License-Identifier: MIT */
/*
 * The door to the client library.
 */
#include "mysql_session.h"

#include "base/clock.h"
#include "base/str.h"
#include "db_config.h"

#include <errno.h>
#include <mysql.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define CONNECT_TIMEOUT_S 10
#define PACKET_MAX        ((unsigned long)1 << 30) /* bytes */

struct db_session {
	MYSQL *mysql;
	MYSQL_RES *result; /* being read, or NULL */
	struct db_server server;
	char *address; /* owned; for sentences */
	unsigned number;
	char sqlstate[6];
	uint64_t affected;
	unsigned warnings;
	unsigned columns;
};

/* What each number means to somebody who only knows errnos. */
static const struct {
	unsigned number;
	int code;
} codes[] = {
	{1044, -EACCES},       {1045, -EACCES},       {1142, -EACCES},
	{1143, -EACCES},       {1227, -EACCES},       {1370, -EACCES},
	{1698, -EACCES},       {1049, -ENOENT},       {1051, -ENOENT},
	{1146, -ENOENT},       {1305, -ENOENT},       {1356, -ENOENT},
	{1007, -EEXIST},       {1050, -EEXIST},       {1062, -EEXIST},
	{1021, -ENOSPC},       {1041, -ENOMEM},       {1037, -ENOMEM},
	{1040, -EAGAIN},       {1203, -EAGAIN},       {1226, -EAGAIN},
	{1053, -ECONNRESET},   {1927, -ECONNRESET},   {1064, -EINVAL},
	{1153, -EMSGSIZE},     {1205, -EBUSY},        {1213, -EDEADLK},
	{1317, -ECANCELED},    {1969, -ETIMEDOUT},    {3024, -ETIMEDOUT},
	{1412, -ESTALE},       {1290, -EROFS},        {1836, -EROFS},
	{2002, -ECONNREFUSED}, {2003, -ECONNREFUSED}, {2005, -EHOSTUNREACH},
	{2006, -ECONNRESET},   {2013, -ECONNRESET},   {2055, -ECONNRESET},
	{2008, -ENOMEM},       {2020, -EMSGSIZE},     {2026, -EPROTO},
};

int db_errno_of(unsigned number)
{
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (codes[i].number == number)
			return codes[i].code;
	return -EIO;
}

/* Note the library's failure and tell it. */
static int failed(struct db_session *session, struct err *reterr)
{
	session->number = mysql_errno(session->mysql);
	(void)str_copy(session->sqlstate, sizeof(session->sqlstate),
	               mysql_sqlstate(session->mysql));
	return err_set(reterr, db_errno_of(session->number), "%u (%s): %s",
	               session->number, session->sqlstate,
	               mysql_error(session->mysql));
}

static void library_init(void)
{
	(void)mysql_library_init(0, NULL, NULL);
}

/* TLS as the library at hand has it; -EPROTO is left to the check after. */
static void demand_tls(MYSQL *mysql, const struct db_config *config)
{
	enum db_ssl mode = db_config_ssl(config);

	(void)mysql_ssl_set(mysql, config->values[DB_SSL_KEY],
	                    config->values[DB_SSL_CERT],
	                    config->values[DB_SSL_CA], NULL, NULL);
#ifdef LIBMARIADB
	char enforce = mode >= DB_SSL_PREFERRED;
	char verify = mode >= DB_SSL_VERIFY_CA;

	(void)mysql_optionsv(mysql, MYSQL_OPT_SSL_ENFORCE, &enforce);
	(void)mysql_optionsv(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
#else
	/* By enum db_ssl. */
	static const unsigned modes[] = {SSL_MODE_DISABLED, SSL_MODE_PREFERRED,
	                                 SSL_MODE_REQUIRED, SSL_MODE_VERIFY_CA,
	                                 SSL_MODE_VERIFY_IDENTITY};

	(void)mysql_options(mysql, MYSQL_OPT_SSL_MODE, &modes[mode]);
#endif
}

/* Whether it is on this machine by a path, where nobody listens in. */
static bool by_socket(const struct db_config *config)
{
	const char *host = config->values[DB_HOST];

	return config->values[DB_SOCKET] || !host ||
	       strcmp(host, "localhost") == 0;
}

static MYSQL *prepare(const struct db_config *config, bool tls)
{
	MYSQL *mysql = mysql_init(NULL);
	unsigned timeout = CONNECT_TIMEOUT_S, off = 0;
	unsigned long packet = PACKET_MAX;

	if (!mysql)
		return NULL;

	(void)mysql_options(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &timeout);
	(void)mysql_options(mysql, MYSQL_OPT_LOCAL_INFILE, &off);
	(void)mysql_options(mysql, MYSQL_OPT_MAX_ALLOWED_PACKET, &packet);
	(void)mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	if (tls)
		demand_tls(mysql, config);
	return mysql;
}

/* The session's first words with the server; number is of a failure. */
static int connect_once(struct db_session *session,
                        const struct db_config *config, bool tls,
                        struct err *reterr)
{
	char *const *v = config->values;

	if (session->mysql)
		mysql_close(session->mysql);
	session->mysql = prepare(config, tls);
	if (!session->mysql)
		return err_set(reterr, -ENOMEM, "out of memory");
	if (!mysql_real_connect(session->mysql,
	                        v[DB_SOCKET] ? NULL : v[DB_HOST],
	                        v[DB_USERNAME], v[DB_PASSWORD], v[DB_DATABASE],
	                        db_config_port(config), v[DB_SOCKET], 0)) {
		int r = failed(session, reterr);

		return r;
	}
	return 0;
}

/* CR_SSL_CONNECTION_ERROR: the server has no TLS, or it did not work out. */
#define TLS_FAILED 2026

static int connect_session(struct db_session *session,
                           const struct db_config *config, struct err *reterr)
{
	enum db_ssl mode = db_config_ssl(config);
	bool tls = mode != DB_SSL_DISABLED && !by_socket(config);
	int r = connect_once(session, config, tls, reterr);

	if (r < 0 && session->number == TLS_FAILED && mode == DB_SSL_PREFERRED)
		r = connect_once(session, config, false, reterr);
	if (r < 0)
		return r;

	const char *cipher = mysql_get_ssl_cipher(session->mysql);

	(void)str_copy(session->server.cipher, sizeof(session->server.cipher),
	               cipher ? cipher : "");
	if (!cipher && mode >= DB_SSL_REQUIRED && !by_socket(config))
		return err_set(reterr, -EPROTO,
		               "the connection is not encrypted, but ssl_mode "
		               "or ssl_ca demands it");
	return 0;
}

/* "10.11.19-MariaDB" to 101119; the server's replication prefix left out. */
static unsigned version_of(const char *text)
{
	unsigned part[3] = {0};

	if (str_starts(text, "5.5.5-"))
		text += 6;
	for (unsigned i = 0; i < 3; i++) {
		while (*text >= '0' && *text <= '9' && part[i] < 1000)
			part[i] = part[i] * 10 + (unsigned)(*text++ - '0');
		if (*text != '.')
			break;
		text++;
	}
	return part[0] * 10000 + part[1] * 100 + part[2];
}

static void learn_server(struct db_session *session)
{
	const char *text = mysql_get_server_info(session->mysql);

	(void)str_copy(session->server.text, sizeof(session->server.text),
	               text);
	session->server.mariadb = strstr(text, "MariaDB") != NULL;
	session->server.version = version_of(text);
	session->server.thread_id = mysql_thread_id(session->mysql);
}

/* "host:port" or the socket, for sentences. */
static char *address_of(const struct db_config *config)
{
	const char *host = config->values[DB_HOST];
	uint16_t port = db_config_port(config);

	if (config->values[DB_SOCKET])
		return strdup(config->values[DB_SOCKET]);
	return str_printf("%s:%u", host ? host : "localhost",
	                  port ? (unsigned)port : 3306U);
}

int db_open(const struct db_config *config, struct db_session **ret,
            struct err *reterr)
{
	/* The library's own state, made before the first thread needs it. */
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	cleanup(db_closep) struct db_session *session =
		calloc(1, sizeof(*session));
	struct err err = {0};
	int r;

	(void)pthread_once(&once, library_init);
	if (session)
		session->address = address_of(config);
	if (!session || !session->address)
		return err_set(reterr, -ENOMEM, "out of memory");

	r = connect_session(session, config, &err);
	if (r < 0)
		return err_set(reterr, r, "database at '%s': %s",
		               session->address, err.text);
	learn_server(session);
	*ret = take(&session);
	return 0;
}

void db_close(struct db_session *session)
{
	if (!session)
		return;
	if (session->result)
		db_end(session);
	if (session->mysql)
		mysql_close(session->mysql);
	free(session->address);
	free(session);
}

const struct db_server *db_server(const struct db_session *session)
{
	return &session->server;
}

/* Read and drop every result there still is. */
static int drain(struct db_session *session, struct err *reterr)
{
	for (;;) {
		MYSQL_RES *result = mysql_use_result(session->mysql);

		if (result) {
			while (mysql_fetch_row(result))
				;
			mysql_free_result(result);
		}
		if (mysql_errno(session->mysql))
			return failed(session, reterr);
		if (!mysql_more_results(session->mysql))
			return 0;
		if (mysql_next_result(session->mysql) > 0)
			return failed(session, reterr);
	}
}

int db_exec_mem(struct db_session *session, const char *sql, size_t len,
                struct err *reterr)
{
	if (mysql_real_query(session->mysql, sql, len) != 0)
		return failed(session, reterr);

	session->affected = mysql_affected_rows(session->mysql);
	session->warnings = mysql_warning_count(session->mysql);
	return drain(session, reterr);
}

int db_exec(struct db_session *session, const char *sql, struct err *reterr)
{
	return db_exec_mem(session, sql, strlen(sql), reterr);
}

/* printf into memory of the caller's; NULL without memory. */
static __attribute__((format(printf, 1, 0))) char *format(const char *fmt,
                                                          va_list args)
{
	char *text = NULL;

	return vasprintf(&text, fmt, args) < 0 ? NULL : text;
}

int db_execf(struct db_session *session, struct err *reterr, const char *fmt,
             ...)
{
	va_list args;

	va_start(args, fmt);
	cleanup(freep) char *sql = format(fmt, args);
	va_end(args);
	if (!sql)
		return err_set(reterr, -ENOMEM, "out of memory");
	return db_exec(session, sql, reterr);
}

int db_query(struct db_session *session, const char *sql, struct err *reterr)
{
	if (mysql_real_query(session->mysql, sql, strlen(sql)) != 0)
		return failed(session, reterr);

	session->result = mysql_use_result(session->mysql);
	if (!session->result && mysql_errno(session->mysql))
		return failed(session, reterr);
	session->columns =
		session->result ? mysql_num_fields(session->result) : 0;
	return 0;
}

int db_queryf(struct db_session *session, struct err *reterr, const char *fmt,
              ...)
{
	va_list args;

	va_start(args, fmt);
	cleanup(freep) char *sql = format(fmt, args);
	va_end(args);
	if (!sql)
		return err_set(reterr, -ENOMEM, "out of memory");
	return db_query(session, sql, reterr);
}

int db_next(struct db_session *session, struct db_row *ret, struct err *reterr)
{
	MYSQL_ROW row;

	if (!session->result)
		return 0;
	row = mysql_fetch_row(session->result);
	if (row) {
		ret->values = (const char *const *)row;
		ret->lengths = mysql_fetch_lengths(session->result);
		ret->count = session->columns;
		return 1;
	}

	int r = mysql_errno(session->mysql) ? failed(session, reterr) : 0;

	db_end(session);
	return r;
}

void db_end(struct db_session *session)
{
	struct err ignored;

	if (session->result)
		mysql_free_result(session->result);
	session->result = NULL;
	if (mysql_more_results(session->mysql) &&
	    mysql_next_result(session->mysql) == 0)
		(void)drain(session, &ignored); /* of a CALL: nobody asked */
}

int db_value(struct db_session *session, char **ret, struct err *reterr,
             const char *sql)
{
	struct db_row row;
	char *copy = NULL;
	int r = db_query(session, sql, reterr);

	if (r == 0)
		r = db_next(session, &row, reterr);
	if (r < 0)
		return r;
	if (r == 0)
		return err_set(reterr, -ENOENT, "no row");
	if (row.values[0]) {
		copy = strndup(row.values[0], row.lengths[0]);
		r = copy ? 0 : err_set(reterr, -ENOMEM, "out of memory");
	}
	db_end(session);
	if (r < 0)
		return r;
	*ret = copy;
	return 0;
}

unsigned db_columns(const struct db_session *session)
{
	return session->columns;
}

unsigned db_errno(const struct db_session *session)
{
	return session->number;
}

const char *db_sqlstate(const struct db_session *session)
{
	return session->sqlstate;
}

uint64_t db_affected(const struct db_session *session)
{
	return session->affected;
}

unsigned db_warnings(const struct db_session *session)
{
	return session->warnings;
}

void db_shut(struct db_session *session)
{
#ifdef LIBMARIADB
	(void)shutdown((int)mysql_get_socket(session->mysql), SHUT_RDWR);
#else
	(void)shutdown((int)session->mysql->net.fd, SHUT_RDWR);
#endif
}

int db_test(const struct db_config *config, struct db_facts *ret,
            struct err *reterr)
{
	cleanup(db_closep) struct db_session *session = NULL;
	cleanup(freep) char *user = NULL;
	const struct clock *clock = clock_system();
	struct timespec before, after;
	int r = db_open(config, &session, reterr);

	if (r < 0)
		return r;
	before = clock_wall(clock);
	r = db_value(session, &user, reterr, "SELECT CURRENT_USER()");
	if (r < 0)
		return r;
	after = clock_wall(clock);

	struct db_facts facts = {.mariadb = session->server.mariadb};
	int64_t us = (after.tv_sec - before.tv_sec) * 1000000 +
	             (after.tv_nsec - before.tv_nsec) / 1000;

	facts.latency_us = us > 0 ? (unsigned)us : 0;
	(void)str_copy(facts.server, sizeof(facts.server),
	               session->server.text);
	(void)str_copy(facts.cipher, sizeof(facts.cipher),
	               session->server.cipher);
	(void)str_copy(facts.user, sizeof(facts.user), user ? user : "");
	(void)str_copy(facts.address, sizeof(facts.address), session->address);
	*ret = facts;
	return 0;
}
