/* SPDX-License-Identifier: MIT */
/*
 * What the server says about a table that rows are for: may they come in any
 * order, and are they rolled back with the transaction.
 *
 * Rows of a table without a primary key keep the dump's order, and so do those
 * of one that counts by itself or has triggers.
 */
#include "load_inside.h"
#include "sql_name.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

/* The database that an unqualified name is in. */
static const char *current_database(const struct load *load)
{
	if (load->config->database)
		return load->config->database;
	return load->rule.used ? load->rule.current : load->home;
}

/* "x_SCHEMA='db' AND x_NAME='table'" with the prefixes of one view. */
static void add_where(struct str *sql, const char *schema_column,
                      const char *name_column, const char *schema,
                      const char *name)
{
	str_addf(sql, " WHERE %s=", schema_column);
	sql_add_text(sql, schema);
	str_addf(sql, " AND %s=", name_column);
	sql_add_text(sql, name);
}

static void add_question(struct str *sql, const char *schema, const char *name)
{
	str_add(sql, "SELECT ENGINE, TABLE_TYPE, (SELECT COUNT(*) FROM "
	             "information_schema.COLUMNS");
	add_where(sql, "TABLE_SCHEMA", "TABLE_NAME", schema, name);
	str_add(sql, " AND COLUMN_KEY='PRI'), (SELECT MAX(COLUMN_NAME) FROM "
	             "information_schema.COLUMNS");
	add_where(sql, "TABLE_SCHEMA", "TABLE_NAME", schema, name);
	str_add(sql, " AND EXTRA LIKE '%auto_increment%'), (SELECT COUNT(*) "
	             "FROM information_schema.TRIGGERS");
	add_where(sql, "EVENT_OBJECT_SCHEMA", "EVENT_OBJECT_TABLE", schema,
	          name);
	str_add(sql, ") FROM information_schema.TABLES");
	add_where(sql, "TABLE_SCHEMA", "TABLE_NAME", schema, name);
}

/* Engines whose rows a ROLLBACK takes back. */
static bool has_transactions(const char *engine)
{
	static const char *const engines[] = {"InnoDB", "ROCKSDB", "TokuDB",
	                                      "ndbcluster"};

	for (size_t i = 0; i < sizeof(engines) / sizeof(engines[0]); i++) {
		if (strcasecmp(engine, engines[i]) == 0)
			return true;
	}
	return false;
}

void load_table_forget(struct load *load)
{
	for (size_t i = 0; i < load->tables_count; i++)
		free(load->tables_known[i]);
	load->tables_count = 0;
	load->table = NULL;
}

static bool is_it(const struct load_table *t, const struct sql_class *class)
{
	return strcmp(t->name, class->name) == 0 &&
	       strcmp(t->schema, class->schema) == 0;
}

/* One more that is known. NULL when out of memory. */
static struct load_table *add_table(struct load *load,
                                    const struct sql_class *class)
{
	struct load_table *t = calloc(1, sizeof(*t));

	if (t && load->tables_count == load->tables_cap) {
		size_t cap = load->tables_cap ? load->tables_cap * 2 : 64;
		void *grown = reallocarray(load->tables_known, cap, sizeof(t));

		if (!grown) {
			free(t);
			return NULL;
		}
		load->tables_known = grown;
		load->tables_cap = cap;
	}
	if (!t)
		return NULL;
	(void)str_copy(t->schema, sizeof(t->schema), class->schema);
	(void)str_copy(t->name, sizeof(t->name), class->name);
	t->transactional = true;
	t->worker = -2;
	load->tables_known[load->tables_count++] = t;
	return t;
}

/* What the row of the answer says. */
static void learn(struct load_table *t, const struct db_row *row)
{
	bool base = row->values[1] && strcmp(row->values[1], "VIEW") != 0;

	t->transactional =
		base && row->values[0] && has_transactions(row->values[0]);
	t->parallel = t->transactional && strcmp(row->values[2], "0") != 0 &&
	              strcmp(row->values[4], "0") == 0;
	(void)str_copy(t->counter, sizeof(t->counter),
	               row->values[3] ? row->values[3] : "");
}

int load_table_ask(struct load *load, const struct sql_class *class,
                   struct err *reterr)
{
	cleanup(str_release) struct str sql = {0};
	struct db_row row;

	if (load->table && is_it(load->table, class))
		return 0;
	for (size_t i = 0; i < load->tables_count; i++) {
		load->table = load->tables_known[i];
		if (is_it(load->table, class))
			return 0;
	}

	load->table = NULL;
	add_question(&sql,
	             class->schema[0] ? class->schema : current_database(load),
	             class->name);
	if (str_status(&sql) < 0)
		return err_set(reterr, -ENOMEM, "out of memory");

	int r = db_query(load->session, str_text(&sql), reterr);

	if (r == 0)
		r = db_next(load->session, &row, reterr);
	if (r < 0)
		return r;
	load->table = add_table(load, class);
	if (r == 1) {
		if (load->table)
			learn(load->table, &row);
		db_end(load->session);
	}
	return load->table ? 0 : err_set(reterr, -ENOMEM, "out of memory");
}
