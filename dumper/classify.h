/* SPDX-License-Identifier: MIT */
/*
 * What a statement of a dump is about: enough to know who may run it, beside
 * what, and which table it belongs to.  Pure; looks at the first words only
 * (and at an INSERT's end).
 */
#ifndef PORTER_DUMPER_CLASSIFY_H
#define PORTER_DUMPER_CLASSIFY_H

#include "sql_token.h"

#define CLASS_NAME_MAX 257 /* bytes: 64 characters of 4, and NUL */

enum sql_kind {
	SQL_OTHER_KIND, /* anything else: alone, in its place */
	SQL_INSERT,     /* INSERT or REPLACE with VALUES */
	SQL_SET,        /* of the session */
	SQL_SET_GLOBAL, /* of the server, a role or a password */
	SQL_AUTOCOMMIT, /* SET autocommit and nothing else */
	SQL_USE,        /* name: of the database */
	SQL_DATABASE,   /* CREATE, ALTER, DROP of one */
	SQL_TABLE,      /* CREATE, ALTER, DROP, TRUNCATE, indexes of one */
	SQL_VIEW,
	SQL_TRIGGER, /* table: the one it is on */
	SQL_ROUTINE,
	SQL_EVENT,
	SQL_SEQUENCE,
	SQL_LOCK, /* LOCK TABLES, UNLOCK TABLES */
	SQL_BEGIN,
	SQL_COMMIT,
	SQL_ROLLBACK,
	SQL_LOAD_LOCAL, /* LOAD DATA LOCAL INFILE */
};

struct sql_class {
	enum sql_kind kind;
	bool creates;    /* CREATE without IF NOT EXISTS or OR REPLACE */
	bool drops;      /* DROP ... IF EXISTS */
	bool temporary;  /* CREATE TEMPORARY TABLE */
	bool ordered;    /* REPLACE, IGNORE, ON DUPLICATE KEY: order matters */
	bool several;    /* more tables than the one named */
	bool autocommit; /* a SET that says something about it too */
	char schema[CLASS_NAME_MAX]; /* "" = not given */
	char name[CLASS_NAME_MAX];   /* "" = none; of a trigger: its table's */
	const char *columns;         /* INSERT: the column list, or NULL */
	size_t columns_len;
};

/* Borrows text as long as ret->columns is used. */
void sql_classify(const char *text, size_t len,
                  const struct sql_dialect *dialect, struct sql_class *ret);

/* Whether an INSERT's column list names the column. */
bool sql_class_has_column(const struct sql_class *class, const char *column,
                          const struct sql_dialect *dialect);

#endif
