/* SPDX-License-Identifier: MIT */
/*
 * One connection's values: a table of names, and the configuration as source.
 */
#include "db_config.h"

#include "base/conf.h"
#include "base/str.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define MY_CNF_MAX ((size_t)1 << 20) /* bytes of an option file */

/* Names as the configuration has them, by enum db_value. */
static const char *const value_names[DB_VALUES] = {
	"driver",   "host",   "port",     "socket",  "database", "username",
	"password", "ssl_ca", "ssl_cert", "ssl_key", "ssl_mode",
};

/* By enum db_ssl. */
static const char *const ssl_names[] = {
	"disabled", "preferred", "required", "verify-ca", "verify-identity",
};

int db_config_new(struct db_config **ret)
{
	struct db_config *config = calloc(1, sizeof(*config));

	if (!config)
		return -ENOMEM;
	*ret = config;
	return 0;
}

void db_config_free(struct db_config *config)
{
	if (!config)
		return;

	char *password = config->values[DB_PASSWORD];

	if (password)
		explicit_bzero(password, strlen(password));
	for (unsigned i = 0; i < DB_VALUES; i++)
		free(config->values[i]);
	free(config);
}

static int ssl_by_name(const char *name)
{
	for (unsigned i = 0; i <= DB_SSL_VERIFY_IDENTITY; i++)
		if (strcasecmp(ssl_names[i], name) == 0)
			return (int)i;
	return -EINVAL;
}

/* Whether the value can be right. */
static int check(enum db_value which, const char *value, struct err *reterr)
{
	uint64_t port;

	if (which == DB_DRIVER && strcasecmp(value, "mysql") != 0 &&
	    strcasecmp(value, "mariadb") != 0)
		return err_set(reterr, -EOPNOTSUPP,
		               "the connection's driver is '%s'; only mysql "
		               "and mariadb can be exported and imported",
		               value);
	if (which == DB_PORT &&
	    (str_to_u64(value, &port) < 0 || port < 1 || port > 65535))
		return err_set(reterr, -EINVAL,
		               "port '%s' is none; right would be 1 to 65535",
		               value);
	if (which == DB_SSL_MODE && ssl_by_name(value) < 0)
		return err_set(reterr, -EINVAL,
		               "ssl_mode '%s' is none; there are disabled, "
		               "preferred, required, verify-ca and "
		               "verify-identity",
		               value);
	return 0;
}

int db_config_set(struct db_config *config, const char *name, const char *value,
                  struct err *reterr)
{
	for (unsigned i = 0; i < DB_VALUES; i++) {
		if (strcmp(value_names[i], name) != 0)
			continue;
		if (!*value)
			return 0;

		int r = check(i, value, reterr);

		if (r < 0)
			return r;

		char *copy = strdup(value);

		if (!copy)
			return err_set(reterr, -ENOMEM, "out of memory");
		free(config->values[i]);
		config->values[i] = copy;
		return 0;
	}
	return err_set(reterr, -EINVAL, "a connection has no '%s'", name);
}

const char *db_config_get(const struct db_config *config, const char *name)
{
	for (unsigned i = 0; i < DB_VALUES; i++)
		if (i != DB_PASSWORD && strcmp(value_names[i], name) == 0)
			return config->values[i];
	return NULL;
}

enum db_ssl db_config_ssl(const struct db_config *config)
{
	if (config->values[DB_SSL_MODE])
		return (enum db_ssl)ssl_by_name(config->values[DB_SSL_MODE]);
	return config->values[DB_SSL_CA] ? DB_SSL_VERIFY_IDENTITY
	                                 : DB_SSL_PREFERRED;
}

uint16_t db_config_port(const struct db_config *config)
{
	uint64_t port = 0;

	if (config->values[DB_PORT])
		(void)str_to_u64(config->values[DB_PORT], &port);
	return (uint16_t)port;
}

/* Every value of one section. Returns how many there are. */
static int load_section(const struct conf *conf, const char *name,
                        struct db_config *config, struct err *reterr)
{
	cleanup(freep) char *section =
		name ? str_printf("mysql.%s", name) : strdup("mysql");
	const char *key, *value;
	size_t i = 0;

	if (!section)
		return err_set(reterr, -ENOMEM, "out of memory");

	while ((key = conf_extra(conf, section, i, &value)) != NULL) {
		int r = db_config_set(config, key, value, reterr);

		if (r < 0) {
			(void)(reterr && err_wrap(reterr, "[%s]", section));
			return r;
		}
		i++;
	}
	return (int)i;
}

/* The caller's option file. Returns NULL without a home. */
static char *home_my_cnf(void)
{
	struct passwd *user;
	const char *home = getenv("HOME");

	if (home && *home == '/')
		return str_printf("%s/.my.cnf", home);
	user = getpwuid(getuid());
	return user ? str_printf("%s/.my.cnf", user->pw_dir) : NULL;
}

/* Read the file, if there is one and nobody else may write it. */
static int load_my_cnf(struct db_config *config, const char *path,
                       struct err *reterr)
{
	FILE *file = fopen(path, "re");
	struct stat st;
	int r = 0;

	if (!file)
		return 0; /* none, or none of ours */
	if (fstat(fileno(file), &st) < 0 || !S_ISREG(st.st_mode) ||
	    (size_t)st.st_size > MY_CNF_MAX) {
		(void)fclose(file);
		return 0;
	}
	if (st.st_mode & (S_IWGRP | S_IWOTH)) {
		(void)fclose(file);
		return err_set(reterr, -EACCES,
		               "%s: others may write it: chmod 600 '%s'", path,
		               path);
	}

	cleanup(freep) char *text = calloc(1, (size_t)st.st_size + 1);

	if (!text) {
		r = err_set(reterr, -ENOMEM, "out of memory");
	} else {
		size_t len = fread(text, 1, (size_t)st.st_size, file);

		text[len] = '\0';
		r = db_config_my_cnf(config, path, text, reterr);
		explicit_bzero(text, len);
	}
	(void)fclose(file);
	return r;
}

int db_config_load(const struct conf *conf, const char *name,
                   const char *my_cnf, struct db_config **ret,
                   struct err *reterr)
{
	cleanup(db_config_freep) struct db_config *config = NULL;
	cleanup(freep) char *home = NULL;
	int r = db_config_new(&config);

	if (r < 0)
		return err_set(reterr, r, "out of memory");
	r = load_section(conf, name, config, reterr);
	if (r < 0)
		return r;
	if (r == 0 && name)
		return err_set(reterr, -ENOENT,
		               "there is no connection '%s': the "
		               "configuration has no [mysql.%s]",
		               name, name);

	if (!my_cnf)
		my_cnf = home = home_my_cnf();
	if (my_cnf && *my_cnf) {
		r = load_my_cnf(config, my_cnf, reterr);
		if (r < 0)
			return r;
	}
	*ret = take(&config);
	return 0;
}
