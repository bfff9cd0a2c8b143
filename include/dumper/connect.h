/* SPDX-License-Identifier: MIT */
/*
 * Where a database is and who we are there.
 *
 * A struct db_config is the answer to "which connection": values of a
 * [mysql.NAME] section, or of [mysql] and DB_* of the environment, and for what
 * those leave open the option file ~/.my.cnf as the mysql client has it (groups
 * client, client-server, client-mariadb and porter; later ones win).
 *
 * Not thread safe while it is filled; read-only afterwards, any thread.
 */
#ifndef PORTER_DUMPER_CONNECT_H
#define PORTER_DUMPER_CONNECT_H

#include "base/cleanup.h"
#include "base/err.h"

#include <stdbool.h>

struct conf;
struct db_config;

int db_config_new(struct db_config **ret);
void db_config_free(struct db_config *config); /* wipes the password */
DEFINE_CLEANUP(struct db_config *, db_config_free);

/*
 * One value: driver, host, port, socket, database, username, password, ssl_ca,
 * ssl_cert, ssl_key, ssl_mode (disabled, preferred, required, verify-ca,
 * verify-identity).  An empty value counts as none.  Returns 0, -ENOMEM, or
 * -EINVAL (unknown name or mode, bad port), -EOPNOTSUPP (a driver that is
 * neither mysql nor mariadb), with a sentence.
 */
int db_config_set(struct db_config *config, const char *name, const char *value,
                  struct err *reterr);

/*
 * All of connection NAME of the configuration (NULL: [mysql] and DB_*), then
 * the option file for what is not set; my_cnf NULL: ~/.my.cnf, "": none.
 * -ENOENT: there is no such section.
 */
int db_config_load(const struct conf *conf, const char *name,
                   const char *my_cnf, struct db_config **ret,
                   struct err *reterr);

/* Whether set is called for name already; its text or NULL. Not for password. */
const char *db_config_get(const struct db_config *config, const char *name);

/* What a test of the connection found. */
struct db_facts {
	char server[64];     /* "10.11.19-MariaDB-..." as it says itself */
	char user[128];      /* CURRENT_USER() */
	char cipher[64];     /* of TLS; "" = not encrypted */
	char address[300];   /* for people: "host:port" or the socket */
	bool mariadb;        /* else MySQL */
	unsigned latency_us; /* of one round trip */
};

/* Connect, ask, close. Blocks; 0 or what db_open() of the first use gives. */
int db_test(const struct db_config *config, struct db_facts *ret,
            struct err *reterr);

#endif
