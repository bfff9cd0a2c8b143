/* SPDX-License-Identifier: MIT */
/*
 * What can be known before anything is changed, from the first MiB of the dump
 * and one look at the server: collations and character sets it lacks, tables
 * that exist already.  What comes later in the dump is found when it comes.
 */
#include "load_inside.h"
#include "sql_name.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#define NAMES_MAX 64 /* different collations, tables that are dropped first */

/* Different names, the first NAMES_MAX of them. */
struct names {
	char name[NAMES_MAX][CLASS_NAME_MAX];
	size_t count;
};

static bool names_has(const struct names *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++) {
		if (strcasecmp(names->name[i], name) == 0)
			return true;
	}
	return false;
}

static void names_add(struct names *names, const char *name)
{
	if (names->count < NAMES_MAX && !names_has(names, name))
		(void)str_copy(names->name[names->count++], CLASS_NAME_MAX,
		               name);
}

struct check {
	struct load *load;
	struct load_rule rule; /* where the dump would be */
	struct names collations;
	struct names known;
	struct names dropped;
	bool fresh; /* the dump drops the database itself */
};

/* Names behind COLLATE. */
static void find_collations(struct check *c, const struct split_statement *st,
                            const struct sql_dialect *dialect)
{
	struct sql_lexer lexer;
	struct sql_token token;
	char name[CLASS_NAME_MAX];
	bool after = false;

	sql_lexer_init(&lexer, st->text, st->len, dialect);
	for (sql_lexer_next(&lexer, &token); token.type != SQL_END;
	     sql_lexer_next(&lexer, &token)) {
		if (sql_token_mark(&token, '='))
			continue;
		if (after && token.type == SQL_WORD &&
		    sql_token_copy(&token, name, sizeof(name)))
			names_add(&c->collations, name);
		after = sql_token_is(&token, "COLLATE");
	}
}

static const char *database_of(const struct check *c,
                               const struct sql_class *class)
{
	const struct load *load = c->load;

	if (load->config->database)
		return load->config->database;
	if (class->schema[0])
		return class->schema;
	return c->rule.used ? c->rule.current : load->home;
}

/* A plain CREATE TABLE must not meet a table. */
static int check_table(struct check *c, const struct split_statement *st,
                       const struct sql_class *class, struct err *reterr)
{
	cleanup(str_release) struct str sql = {0};
	struct db_row row;
	const char *db = database_of(c, class);

	if (!class->creates || class->temporary || !class->name[0] ||
	    c->fresh || c->dropped.count == NAMES_MAX ||
	    names_has(&c->dropped, class->name))
		return 0;
	str_add(&sql, "SELECT 1 FROM information_schema.TABLES WHERE "
	              "TABLE_SCHEMA=");
	sql_add_text(&sql, db);
	str_add(&sql, " AND TABLE_NAME=");
	sql_add_text(&sql, class->name);
	if (str_status(&sql) < 0)
		return err_set(reterr, -ENOMEM, "out of memory");

	int r = db_query(c->load->session, str_text(&sql), reterr);

	if (r == 0)
		r = db_next(c->load->session, &row, reterr);
	if (r == 1)
		db_end(c->load->session);
	if (r != 1)
		return r;
	return err_set(
		reterr, -EEXIST,
		"table '%s' exists in '%s', and the dump creates it (line "
		"%" PRIu64 ") without dropping it first: nothing was "
		"changed",
		class->name, db, st->line);
}

/* One statement of the beginning. */
static int check_statement(struct check *c, const struct split_statement *st,
                           const struct sql_dialect *dialect,
                           struct err *reterr)
{
	struct sql_class class;
	struct err ignored;

	sql_classify(st->text, st->len, dialect, &class);

	enum load_action action = load_rule_decide(&c->rule, &class, &ignored);

	c->fresh |= class.kind == SQL_DATABASE && class.drops;
	if (action != LOAD_ALONE || c->load->config->skip_errors)
		return 0;
	if (class.kind == SQL_TABLE || class.kind == SQL_DATABASE)
		find_collations(c, st, dialect);
	if (class.drops)
		names_add(&c->dropped, class.name);
	if (class.kind != SQL_TABLE)
		return 0;
	return check_table(c, st, &class, reterr);
}

/* All statements that the beginning holds whole. */
static int check_head(struct check *c, struct err *reterr)
{
	cleanup(split_freep) struct split *split = NULL;
	struct split_config config = {0};
	struct split_statement st;
	const struct load_text *text = &c->load->text;
	int r = split_new(&config, &split);

	if (r < 0)
		return err_set(reterr, r, "out of memory");
	*split_session(split) = *split_session(text->split);

	struct sql_dialect dialect = split_session(split)->dialect;

	r = split_feed(split, text->plain, text->head_len, reterr);
	if (r == 0 && text->head_is_all)
		r = split_end(split, reterr);
	while (r == 0 && (r = split_next(split, &st, reterr)) == 1) {
		r = check_statement(c, &st, &dialect, reterr);
		dialect = split_session(split)->dialect;
		if (split_session(split)->unsure)
			return 0; /* from here on only the server knows */
	}
	return r;
}

/* Which of the collations the server has; a view it lacks tells nothing. */
static int ask_collations(const struct check *c, const char *column,
                          const char *view, struct names *known)
{
	cleanup(str_release) struct str sql = {0};
	struct db_row row;
	int r;

	str_addf(&sql, "SELECT %s FROM information_schema.%s WHERE %s IN (''",
	         column, view, column);
	for (size_t i = 0; i < c->collations.count; i++) {
		str_add(&sql, ",");
		sql_add_text(&sql, c->collations.name[i]);
	}
	str_add(&sql, ")");
	if (str_status(&sql) < 0)
		return -ENOMEM;

	r = db_query(c->load->session, str_text(&sql), NULL);
	if (r < 0)
		return r;
	while ((r = db_next(c->load->session, &row, NULL)) == 1)
		names_add(known, row.values[0]);
	return r;
}

static int check_collations(struct check *c, struct err *reterr)
{
	struct names *known = &c->known;
	int plain, full;

	if (c->collations.count == 0)
		return 0;
	plain = ask_collations(c, "COLLATION_NAME", "COLLATIONS", known);
	/* MariaDB from 10.10 on has some that are of many character sets */
	full = ask_collations(c, "FULL_COLLATION_NAME",
	                      "COLLATION_CHARACTER_SET_APPLICABILITY", known);
	if (plain < 0 && full < 0)
		return 0; /* the server will say so when it comes to it */

	for (size_t i = 0; i < c->collations.count; i++) {
		const char *name = c->collations.name[i];

		if (!strchr(name, '_') || names_has(known, name))
			continue;
		return err_set(reterr, -EOPNOTSUPP,
		               "this server (%s) has no collation '%s', which "
		               "the dump uses: nothing was changed",
		               db_server(c->load->session)->text, name);
	}
	return 0;
}

int load_preflight(struct load *load, struct err *reterr)
{
	struct check *c = calloc(1, sizeof(*c));

	if (!c)
		return err_set(reterr, -ENOMEM, "out of memory");
	c->load = load;
	c->rule = load->rule;

	int r = check_head(c, reterr);

	if (r == 0)
		r = check_collations(c, reterr);
	free(c);
	return r;
}
