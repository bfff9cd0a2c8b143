/* SPDX-License-Identifier: MIT */
/*
 * Inside struct db_config: values by name, for mysql_session.c and tests.
 */
#ifndef PORTER_DUMPER_DB_CONFIG_H
#define PORTER_DUMPER_DB_CONFIG_H

#include "dumper/connect.h"

#include <stdint.h>

enum db_value {
	DB_DRIVER,
	DB_HOST,
	DB_PORT,
	DB_SOCKET,
	DB_DATABASE,
	DB_USERNAME,
	DB_PASSWORD,
	DB_SSL_CA,
	DB_SSL_CERT,
	DB_SSL_KEY,
	DB_SSL_MODE,
};
#define DB_VALUES 11

enum db_ssl {
	DB_SSL_DISABLED,
	DB_SSL_PREFERRED,
	DB_SSL_REQUIRED,
	DB_SSL_VERIFY_CA,
	DB_SSL_VERIFY_IDENTITY,
};

struct db_config {
	char *values[DB_VALUES]; /* owned; NULL = not set */
};

/* Verify-identity when there is a CA, else preferred, unless it is set. */
enum db_ssl db_config_ssl(const struct db_config *config);

/* 0 = the library's default. */
uint16_t db_config_port(const struct db_config *config);

/*
 * Text of an option file: what its groups say of values that are not set yet.
 * Options that are not ours are passed over.  Returns 0 or -ENOMEM, or what
 * db_config_set() says, with "PATH:LINE: " before the sentence.
 */
int db_config_my_cnf(struct db_config *config, const char *path, char *text,
                     struct err *reterr);

#endif
