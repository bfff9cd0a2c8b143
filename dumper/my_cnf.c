/* SPDX-License-Identifier: MIT */
/*
 * The mysql client's option file, read by ourselves: both client libraries read
 * it in their own ways ("64M" is 64 to one of them), over what was set before.
 *
 *   [client]
 *   user = "me"          quotes, and \b \t \n \r \s \\ in values
 *   ssl-ca=/a/ca.pem     '-' and '_' are the same
 *   # comment, ; comment, and behind a value when a blank stands before #
 *
 * Pure over text.
 */
#include "base/str.h"
#include "db_config.h"

#include <ctype.h>
#include <string.h>

/* Option and value name. */
static const struct {
	const char *option;
	const char *value;
} options[] = {
	{"user", "username"},   {"password", "password"},
	{"host", "host"},       {"port", "port"},
	{"socket", "socket"},   {"database", "database"},
	{"ssl-ca", "ssl_ca"},   {"ssl-cert", "ssl_cert"},
	{"ssl-key", "ssl_key"}, {"ssl-mode", "ssl_mode"},
};
#define OPTIONS (sizeof(options) / sizeof(options[0]))

/* Groups that are read. */
static const char *const groups[] = {"client", "client-server",
                                     "client-mariadb", "porter"};

/* Cut blanks at both ends, in place. */
static char *trim(char *text)
{
	char *end;

	while (isspace((unsigned char)*text))
		text++;
	end = text + strlen(text);
	while (end > text && isspace((unsigned char)end[-1]))
		*--end = '\0';
	return text;
}

/* "[name]" to whether it is one of ours. */
static bool is_ours(char *line)
{
	char *end = strchr(line, ']');

	if (!end)
		return false;
	*end = '\0';
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (strcmp(groups[i], trim(line + 1)) == 0)
			return true;
	return false;
}

/* Cut a comment behind an unquoted value. */
static void cut_comment(char *value)
{
	for (char *at = value; *at; at++)
		if (*at == '#' && at > value &&
		    isspace((unsigned char)at[-1])) {
			*at = '\0';
			break;
		}
}

/* The letter that a backslash and c stand for, or 0. */
static char unescape(char c)
{
	switch (c) {
	case 'b':
		return '\b';
	case 't':
		return '\t';
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 's':
		return ' ';
	case '\\':
		return '\\';
	default:
		return 0;
	}
}

/* Quotes off, escapes undone, in place. */
static char *value_of(char *value)
{
	size_t len;
	char *out;

	value = trim(value);
	if (*value != '"' && *value != '\'') {
		cut_comment(value);
		value = trim(value);
	}
	len = strlen(value);
	if (len >= 2 && (*value == '"' || *value == '\'') &&
	    value[len - 1] == *value) {
		value[len - 1] = '\0';
		value++;
	}

	out = value;
	for (char *in = value; *in; in++) {
		char c = *in == '\\' ? unescape(in[1]) : 0;

		*out++ = c ? c : *in;
		in += c != 0;
	}
	*out = '\0';
	return value;
}

/* The value's name of an option, or NULL. */
static const char *ours(char *option)
{
	for (char *c = option; *c; c++)
		if (*c == '_')
			*c = '-';
	for (size_t i = 0; i < OPTIONS; i++)
		if (strcmp(options[i].option, option) == 0)
			return options[i].value;
	return NULL;
}

/* "option = value" of a group of ours into fresh. */
static int take_line(struct db_config *fresh, char *line, struct err *reterr)
{
	char *equals = strchr(line, '=');
	const char *name;

	if (!equals)
		return 0;
	*equals = '\0';
	name = ours(trim(line));
	return name ? db_config_set(fresh, name, value_of(equals + 1), reterr)
	            : 0;
}

/* What the file says where nobody said anything before. */
static void merge(struct db_config *config, struct db_config *fresh)
{
	/* A socket in the file is meant for the file's host only. */
	if (config->values[DB_HOST] && fresh->values[DB_SOCKET]) {
		free(fresh->values[DB_SOCKET]);
		fresh->values[DB_SOCKET] = NULL;
	}
	for (unsigned i = 0; i < DB_VALUES; i++)
		if (!config->values[i])
			config->values[i] = take(&fresh->values[i]);
}

int db_config_my_cnf(struct db_config *config, const char *path, char *text,
                     struct err *reterr)
{
	cleanup(db_config_freep) struct db_config *fresh = NULL;
	bool inside = false;
	unsigned number = 0;
	int r = db_config_new(&fresh);

	if (r < 0)
		return err_set(reterr, r, "out of memory");

	for (char *next; text; text = next) {
		next = strchr(text, '\n');
		if (next)
			*next++ = '\0';
		number++;

		char *line = trim(text);

		if (*line == '[')
			inside = is_ours(line);
		else if (inside && *line != '#' && *line != ';')
			r = take_line(fresh, line, reterr);
		if (r < 0) {
			(void)(reterr &&
			       err_wrap(reterr, "%s:%u", path, number));
			return r;
		}
	}
	merge(config, fresh);
	return 0;
}
