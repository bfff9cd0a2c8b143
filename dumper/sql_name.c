/* SPDX-License-Identifier: MIT */
/*
 * Quoting.
 */
#include "sql_name.h"

#include <stdio.h>
#include <string.h>

void sql_add_name(struct str *s, const char *name)
{
	str_add_char(s, '`');
	for (; *name; name++) {
		if (*name == '`')
			str_add_char(s, '`');
		str_add_char(s, *name);
	}
	str_add_char(s, '`');
}

void sql_add_table(struct str *s, const char *db, const char *name)
{
	if (db) {
		sql_add_name(s, db);
		str_add_char(s, '.');
	}
	sql_add_name(s, name);
}

void sql_add_text(struct str *s, const char *text)
{
	str_add_char(s, '\'');
	for (; *text; text++) {
		if (*text == '\n') {
			str_add(s, "\\n");
			continue;
		}
		if (*text == '\r') {
			str_add(s, "\\r");
			continue;
		}
		if (*text == '\'' || *text == '\\')
			str_add_char(s, '\\');
		str_add_char(s, *text);
	}
	str_add_char(s, '\'');
}

void sql_add_comment(struct str *s, const char *text)
{
	for (; *text; text++) {
		str_add_char(s, *text);
		if (*text == '\n')
			str_add(s, "-- ");
	}
}

void sql_delimiter(const char *body, char ret[SQL_DELIMITER_MAX])
{
	/* What people are used to. */
	static const char *const usual[] = {";;", "$$", "//"};

	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		if (!strstr(body, usual[i])) {
			(void)str_copy(ret, SQL_DELIMITER_MAX, usual[i]);
			return;
		}
	for (unsigned i = 1;; i++) {
		(void)snprintf(ret, SQL_DELIMITER_MAX, "//%u//", i);
		if (!strstr(body, ret))
			return;
	}
}

/* A quoted name from behind its backtick; NULL when it is never closed. */
static const char *quoted_name(const char *at, struct str *ret)
{
	for (; *at; at++) {
		if (*at == '`' && at[1] != '`')
			return at + 1;
		if (*at == '`')
			at++;
		str_add_char(ret, *at);
	}
	return NULL;
}

const char *sql_next_name(const char *list, struct str *ret, bool *ret_quoted)
{
	str_reset(ret);
	while (*list == ' ' || *list == ',')
		list++;
	if (!*list)
		return NULL;

	*ret_quoted = false;
	if (*list == '!') {
		str_add_char(ret, '!');
		list++;
	}
	if (*list == '`') {
		size_t before = ret->len;
		const char *end = quoted_name(list + 1, ret);

		if (end) {
			*ret_quoted = true;
			return end;
		}
		ret->len = before;
	}
	while (*list && *list != ',')
		str_add_char(ret, *list++);
	return list;
}
