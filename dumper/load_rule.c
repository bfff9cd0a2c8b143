/* SPDX-License-Identifier: MIT */
/* See load_rule.h. */
#include "load_rule.h"

#include "base/str.h"

#include <errno.h>
#include <string.h>

/* By kind, what is done when nothing special is asked for. */
static enum load_action usual(enum sql_kind kind)
{
	switch (kind) {
	case SQL_INSERT:
		return LOAD_ROWS;
	case SQL_SET:
	case SQL_USE:
		return LOAD_EVERYWHERE;
	case SQL_LOCK:
	case SQL_BEGIN:
	case SQL_COMMIT:
	case SQL_AUTOCOMMIT:
		return LOAD_SKIP;
	case SQL_ROLLBACK:
	case SQL_LOAD_LOCAL:
		return LOAD_REFUSE;
	case SQL_OTHER_KIND:
	case SQL_SET_GLOBAL:
	case SQL_DATABASE:
	case SQL_TABLE:
	case SQL_VIEW:
	case SQL_TRIGGER:
	case SQL_ROUTINE:
	case SQL_EVENT:
	case SQL_SEQUENCE:
	default:
		return LOAD_ALONE;
	}
}

/* USE: with a database asked for, the dump may name one at most. */
static enum load_action use(struct load_rule *rule,
                            const struct sql_class *class, struct err *reterr)
{
	bool other = rule->used && strcmp(rule->current, class->name) != 0;

	if (rule->database && other) {
		(void)err_set(reterr, -EINVAL,
		              "the dump holds several databases ('%s', '%s'), "
		              "which do not go into one",
		              rule->current, class->name);
		return LOAD_REFUSE;
	}
	(void)str_copy(rule->current, sizeof(rule->current), class->name);
	rule->used = true;
	return rule->database ? LOAD_SKIP : LOAD_EVERYWHERE;
}

/* Whether one of the tables asked for is what it is about. */
static bool wanted(const struct load_rule *rule, const struct sql_class *class)
{
	const char *db = class->schema[0] ? class->schema : rule->current;

	switch (class->kind) {
	case SQL_INSERT:
	case SQL_TABLE:
	case SQL_TRIGGER:
	case SQL_SEQUENCE:
		return class->name[0] &&
		       filter_takes(rule->tables, db, class->name);
	case SQL_SET:
	case SQL_USE:
		return true;
	case SQL_OTHER_KIND:
	case SQL_SET_GLOBAL:
	case SQL_AUTOCOMMIT:
	case SQL_DATABASE:
	case SQL_VIEW:
	case SQL_ROUTINE:
	case SQL_EVENT:
	case SQL_LOCK:
	case SQL_BEGIN:
	case SQL_COMMIT:
	case SQL_ROLLBACK:
	case SQL_LOAD_LOCAL:
	default:
		return false;
	}
}

/* Why a kind is never run. */
static enum load_action refuse(const struct sql_class *class,
                               struct err *reterr)
{
	if (class->kind == SQL_ROLLBACK)
		(void)err_set(reterr, -EINVAL,
		              "ROLLBACK would have to undo rows that are "
		              "committed already");
	else
		(void)err_set(reterr, -EINVAL,
		              "LOAD DATA LOCAL reads a file of this machine, "
		              "which an import never does");
	return LOAD_REFUSE;
}

enum load_action load_rule_decide(struct load_rule *rule,
                                  const struct sql_class *class,
                                  struct err *reterr)
{
	enum load_action action = usual(class->kind);

	if (rule->tables && !wanted(rule, class))
		return LOAD_SKIP;
	if (action == LOAD_REFUSE)
		return refuse(class, reterr);
	if (class->kind == SQL_USE)
		return use(rule, class, reterr);
	if (!rule->database)
		return action;
	if (class->kind == SQL_DATABASE)
		return LOAD_SKIP;
	if (class->schema[0] && strcmp(class->schema, rule->database) != 0) {
		(void)err_set(reterr, -EINVAL,
		              "the statement names database '%s' itself and "
		              "cannot go into '%s'",
		              class->schema, rule->database);
		return LOAD_REFUSE;
	}
	return action;
}
