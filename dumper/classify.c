/* SPDX-License-Identifier: MIT */
/* See classify.h. */
#include "classify.h"

#include <string.h>
#include <strings.h>

#define HEAD_WORDS 64              /* tokens until CREATE says what */
#define TAIL_BYTES ((size_t)16384) /* of an INSERT, for ON DUPLICATE KEY */

/* The lexer and the token that is next. */
struct reader {
	struct sql_lexer lexer;
	struct sql_token token;
};

static void advance(struct reader *r)
{
	sql_lexer_next(&r->lexer, &r->token);
}

/* Pass a keyword. Returns whether it was there. */
static bool accept(struct reader *r, const char *word)
{
	if (!sql_token_is(&r->token, word))
		return false;
	advance(r);
	return true;
}

static bool is_name(const struct sql_token *t)
{
	return t->type == SQL_WORD || t->type == SQL_QUOTED ||
	       t->type == SQL_NUMBER;
}

/* name or schema.name */
static void read_name(struct reader *r, struct sql_class *ret)
{
	ret->schema[0] = ret->name[0] = '\0';
	if (!is_name(&r->token) ||
	    !sql_token_copy(&r->token, ret->name, sizeof(ret->name)))
		return;
	advance(r);
	if (!sql_token_mark(&r->token, '.'))
		return;
	advance(r);
	memcpy(ret->schema, ret->name, sizeof(ret->schema));
	if (!is_name(&r->token) ||
	    !sql_token_copy(&r->token, ret->name, sizeof(ret->name)))
		ret->name[0] = '\0';
	else
		advance(r);
}

/* IF EXISTS, IF NOT EXISTS. */
static bool read_if(struct reader *r)
{
	if (!accept(r, "IF"))
		return false;
	(void)accept(r, "NOT");
	(void)accept(r, "EXISTS");
	return true;
}

/* To behind the closing parenthesis; r is at the opening one. */
static void pass_parentheses(struct reader *r)
{
	unsigned depth = 0;

	do {
		depth += sql_token_mark(&r->token, '(');
		depth -= sql_token_mark(&r->token, ')');
		advance(r);
	} while (depth > 0 && r->token.type != SQL_END);
}

/* Whether the last bytes hold the word, in any case. */
static bool tail_has(const char *text, size_t len, const char *word)
{
	size_t n = strlen(word);
	const char *p = len > TAIL_BYTES ? text + len - TAIL_BYTES : text;

	for (const char *end = text + len; p + n <= end; p++) {
		if ((*p | 0x20) == (word[0] | 0x20) &&
		    strncasecmp(p, word, n) == 0)
			return true;
	}
	return false;
}

static void insert_words(struct reader *r, struct sql_class *ret)
{
	static const char *const words[] = {"LOW_PRIORITY", "DELAYED",
	                                    "HIGH_PRIORITY"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		(void)accept(r, words[i]);
	ret->ordered |= accept(r, "IGNORE");
	(void)accept(r, "INTO");
}

/* INSERT ... VALUES; other INSERTs read what others write. */
static void classify_insert(struct reader *r, const char *text, size_t len,
                            struct sql_class *ret)
{
	ret->ordered = sql_token_is(&r->token, "REPLACE");
	advance(r);
	insert_words(r, ret);
	read_name(r, ret);
	if (accept(r, "PARTITION") && sql_token_mark(&r->token, '('))
		pass_parentheses(r);
	if (sql_token_mark(&r->token, '(')) {
		ret->columns = r->token.text;
		pass_parentheses(r);
		ret->columns_len = (size_t)(r->token.text - ret->columns);
	}
	if (!ret->name[0] || (!sql_token_is(&r->token, "VALUES") &&
	                      !sql_token_is(&r->token, "VALUE")))
		return;
	ret->kind = SQL_INSERT;
	ret->ordered |= tail_has(text, len, "DUPLICATE");
}

/* SET: of whom, and does it touch autocommit. */
static void classify_set(struct reader *r, struct sql_class *ret)
{
	static const char *const global[] = {"GLOBAL",   "PASSWORD", "ROLE",
	                                     "DEFAULT",  "RESOURCE", "PERSIST",
	                                     "STATEMENT"};
	unsigned commas = 0;

	advance(r);
	ret->kind = SQL_SET;
	for (size_t i = 0; i < sizeof(global) / sizeof(global[0]); i++) {
		if (sql_token_is(&r->token, global[i]))
			ret->kind = SQL_SET_GLOBAL;
	}
	for (; r->token.type != SQL_END; advance(r)) {
		const struct sql_token *t = &r->token;

		commas += sql_token_mark(t, ',');
		ret->autocommit |= sql_token_is(t, "AUTOCOMMIT");
		if (t->type == SQL_AT && t->at == 2 && t->len >= 10)
			ret->autocommit |= strncasecmp(t->text + t->len - 10,
			                               "autocommit", 10) == 0;
		if (sql_token_is(t, "SELECT"))
			ret->kind = SQL_SET_GLOBAL;
	}
	if (ret->kind == SQL_SET && ret->autocommit && commas == 0)
		ret->kind = SQL_AUTOCOMMIT;
}

/* What CREATE, ALTER and DROP can be about. */
static const struct {
	const char *word;
	enum sql_kind kind;
} objects[] = {
	{"TABLE", SQL_TABLE},       {"TABLES", SQL_TABLE},
	{"VIEW", SQL_VIEW},         {"TRIGGER", SQL_TRIGGER},
	{"PROCEDURE", SQL_ROUTINE}, {"FUNCTION", SQL_ROUTINE},
	{"PACKAGE", SQL_ROUTINE},   {"EVENT", SQL_EVENT},
	{"SEQUENCE", SQL_SEQUENCE}, {"DATABASE", SQL_DATABASE},
	{"SCHEMA", SQL_DATABASE},   {"INDEX", SQL_TABLE},
	{"USER", SQL_OTHER_KIND},   {"ROLE", SQL_OTHER_KIND},
	{"SERVER", SQL_OTHER_KIND},
};

/* The kind a word names; -1: none. */
static int object_kind(const struct sql_token *t)
{
	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
		if (sql_token_is(t, objects[i].word))
			return (int)objects[i].kind;
	}
	return -1;
}

/* Behind the ON that stands before a table's name. */
static void read_name_after_on(struct reader *r, struct sql_class *ret)
{
	for (unsigned i = 0; i < HEAD_WORDS && r->token.type != SQL_END; i++) {
		if (accept(r, "ON")) {
			read_name(r, ret);
			return;
		}
		advance(r);
	}
}

/* Past what may stand before the word that says what; returns the kind. */
static int read_object(struct reader *r, struct sql_class *ret)
{
	for (unsigned i = 0; i < HEAD_WORDS && r->token.type != SQL_END; i++) {
		int kind = object_kind(&r->token);

		if (kind >= 0)
			return kind;
		ret->temporary |= sql_token_is(&r->token, "TEMPORARY");
		advance(r);
	}
	return -1;
}

/* CREATE, ALTER, DROP, TRUNCATE: verb is the word. */
static void classify_ddl(struct reader *r, struct sql_class *ret)
{
	bool create = sql_token_is(&r->token, "CREATE");
	bool drop = sql_token_is(&r->token, "DROP");
	bool truncate = sql_token_is(&r->token, "TRUNCATE");
	bool replace;

	advance(r);
	replace = accept(r, "OR") && accept(r, "REPLACE");
	if (truncate && !sql_token_is(&r->token, "TABLE")) {
		ret->kind = SQL_TABLE;
		read_name(r, ret);
		return;
	}

	int kind = read_object(r, ret);
	bool index = sql_token_is(&r->token, "INDEX");

	if (kind < 0)
		return;
	ret->kind = (enum sql_kind)kind;
	advance(r);
	if (ret->kind == SQL_ROUTINE)
		(void)accept(r, "BODY");

	bool conditional = read_if(r);

	ret->creates = create && !conditional && !replace;
	ret->drops = drop && conditional;
	if (index || (create && ret->kind == SQL_TRIGGER))
		read_name_after_on(r, ret);
	else
		read_name(r, ret);
	ret->several = drop && sql_token_mark(&r->token, ',');
}

/* Words that say all by themselves. */
static const struct {
	const char *word;
	enum sql_kind kind;
} simple[] = {
	{"LOCK", SQL_LOCK},     {"UNLOCK", SQL_LOCK},
	{"BEGIN", SQL_BEGIN},   {"START", SQL_BEGIN},
	{"COMMIT", SQL_COMMIT}, {"ROLLBACK", SQL_ROLLBACK},
};

static void classify_load(struct reader *r, struct sql_class *ret)
{
	for (unsigned i = 0; i < 5 && r->token.type != SQL_END; i++) {
		if (accept(r, "LOCAL"))
			ret->kind = SQL_LOAD_LOCAL;
		advance(r);
	}
}

/* Everything but INSERT, SET and what objects are made by. */
static void classify_rest(struct reader *r, struct sql_class *ret)
{
	if (sql_token_is(&r->token, "LOAD")) {
		classify_load(r, ret);
		return;
	}
	if (accept(r, "USE")) {
		ret->kind = SQL_USE;
		read_name(r, ret);
		return;
	}
	for (size_t i = 0; i < sizeof(simple) / sizeof(simple[0]); i++) {
		if (sql_token_is(&r->token, simple[i].word))
			ret->kind = simple[i].kind;
	}
}

void sql_classify(const char *text, size_t len,
                  const struct sql_dialect *dialect, struct sql_class *ret)
{
	struct reader r;

	*ret = (struct sql_class){.kind = SQL_OTHER_KIND};
	sql_lexer_init(&r.lexer, text, len, dialect);
	advance(&r);

	if (sql_token_is(&r.token, "INSERT") ||
	    sql_token_is(&r.token, "REPLACE"))
		classify_insert(&r, text, len, ret);
	else if (sql_token_is(&r.token, "SET"))
		classify_set(&r, ret);
	else if (sql_token_is(&r.token, "CREATE") ||
	         sql_token_is(&r.token, "ALTER") ||
	         sql_token_is(&r.token, "DROP") ||
	         sql_token_is(&r.token, "TRUNCATE"))
		classify_ddl(&r, ret);
	else
		classify_rest(&r, ret);
}

bool sql_class_has_column(const struct sql_class *class, const char *column,
                          const struct sql_dialect *dialect)
{
	struct sql_lexer lexer;
	struct sql_token token;
	char name[CLASS_NAME_MAX];

	sql_lexer_init(&lexer, class->columns, class->columns_len, dialect);
	for (sql_lexer_next(&lexer, &token); token.type != SQL_END;
	     sql_lexer_next(&lexer, &token)) {
		if (is_name(&token) &&
		    sql_token_copy(&token, name, sizeof(name)) &&
		    strcasecmp(name, column) == 0)
			return true;
	}
	return false;
}
