/* SPDX-License-Identifier: MIT */
/*
 * The catalog, from information_schema: a few queries per database, whatever
 * the number of its tables, and one SHOW CREATE each.
 */
#include "source_mysql.h"

#include "ddl.h"
#include "sql_name.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void notes_add(struct notes *notes, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	notes->count++;
	if (notes->note)
		notes->note(notes->ctx, text);
}

int source_open(const struct db_config *config, struct db_session **ret,
                struct err *reterr)
{
	/* What each flavour has. */
	static const char common[] =
		"SET SESSION sql_mode='', time_zone='+00:00', "
		"wait_timeout=86400, net_write_timeout=86400, "
		"net_read_timeout=86400, sql_quote_show_create=1, "
		"sql_select_limit=DEFAULT";
	cleanup(db_closep) struct db_session *session = NULL;
	int r = db_open(config, &session, reterr);

	if (r == 0)
		r = db_exec(session, common, reterr);
	if (r == 0 && db_server(session)->mariadb)
		r = db_exec(session, "SET SESSION max_statement_time=0",
		            reterr);
	else if (r == 0)
		r = db_exec(session, "SET SESSION max_execution_time=0",
		            reterr);
	if (r < 0)
		return r;
	*ret = take(&session);
	return 0;
}

int source_show(struct db_session *session, const char *sql, unsigned column,
                char **ret, struct err *reterr)
{
	struct db_row row;
	char *copy = NULL;
	int r = db_query(session, sql, reterr);

	if (r == 0)
		r = db_next(session, &row, reterr);
	if (r < 0)
		return r;
	if (r == 0 || column >= row.count) {
		db_end(session);
		return err_set(reterr, -EIO, "'%s' gave no answer", sql);
	}
	if (row.values[column]) {
		copy = strndup(row.values[column], row.lengths[column]);
		r = copy ? 0 : err_set(reterr, -ENOMEM, "out of memory");
	}
	db_end(session);
	if (r < 0)
		return r;
	*ret = copy;
	return 0;
}

int source_show_create(struct db_session *session,
                       const struct dump_table *table, char **ret,
                       struct err *reterr)
{
	cleanup(str_release) struct str sql = {0};
	cleanup(freep) char *text = NULL;
	struct err err = {0};
	int r;

	str_add(&sql, table->kind == TABLE_SEQUENCE ? "SHOW CREATE SEQUENCE "
	              : table->kind == TABLE_VIEW   ? "SHOW CREATE VIEW "
	                                            : "SHOW CREATE TABLE ");
	sql_add_table(&sql, table->db, table->name);
	r = source_show(session, str_text(&sql), 1, &text, &err);
	if (r == 0 && !text)
		r = err_set(&err, -EACCES, "its definition cannot be seen");
	if (r < 0)
		return err_set(reterr, r, "`%s`.`%s`: %s", table->db,
		               table->name, err.text);
	*ret = take(&text);
	return 0;
}

/* ---- databases ---- */

/* Databases that are the server's own. */
static bool is_system(const char *name)
{
	return strcmp(name, "information_schema") == 0 ||
	       strcmp(name, "performance_schema") == 0 ||
	       strcmp(name, "mysql") == 0 || strcmp(name, "sys") == 0;
}

static int all_databases(struct db_session *session, struct catalog *ret,
                         struct err *reterr)
{
	struct db_row row;
	int r = db_query(session,
	                 "SELECT schema_name FROM information_schema.schemata "
	                 "ORDER BY BINARY schema_name",
	                 reterr);

	while (r == 0 && (r = db_next(session, &row, reterr)) > 0) {
		r = 0;
		if (!is_system(row.values[0]) &&
		    !catalog_add_database(ret, row.values[0]))
			r = err_set(reterr, -ENOMEM, "out of memory");
	}
	return r;
}

static int named_databases(const char *list, struct catalog *ret,
                           struct err *reterr)
{
	cleanup(str_release) struct str name = {0};
	bool quoted;

	while ((list = sql_next_name(list, &name, &quoted)) != NULL)
		if (!catalog_add_database(ret, str_text(&name)))
			return err_set(reterr, -ENOMEM, "out of memory");
	return 0;
}

static int current_database(struct db_session *session, struct catalog *ret,
                            struct err *reterr)
{
	cleanup(freep) char *name = NULL;
	int r = db_value(session, &name, reterr, "SELECT DATABASE()");

	if (r < 0)
		return r;
	if (!name)
		return err_set(reterr, -EINVAL,
		               "no database is named: say db=NAME or "
		               "all-databases, or give the connection one");
	return catalog_add_database(ret, name)
	               ? 0
	               : err_set(reterr, -ENOMEM, "out of memory");
}

static int show_database(struct db_session *session, struct dump_database *db,
                         struct err *reterr)
{
	cleanup(str_release) struct str sql = {0};

	str_add(&sql, "SHOW CREATE DATABASE ");
	sql_add_name(&sql, db->name);
	return source_show(session, str_text(&sql), 1, &db->create, reterr);
}

/* ---- tables ---- */

/* Engines whose rows are elsewhere or nowhere. */
static bool is_dataless(const char *engine)
{
	/* The servers write them in several ways. */
	static const char *const engines[] = {"MRG_MyISAM", "MRG_MYISAM",
	                                      "FEDERATED",  "BLACKHOLE",
	                                      "OQGRAPH",    "SPIDER"};

	for (size_t i = 0; i < sizeof(engines) / sizeof(engines[0]); i++)
		if (strcasecmp(engines[i], engine) == 0)
			return true;
	return false;
}

static bool is_transactional(const char *engine)
{
	return strcasecmp(engine, "InnoDB") == 0 ||
	       strcasecmp(engine, "ROCKSDB") == 0 ||
	       strcasecmp(engine, "TokuDB") == 0 ||
	       strcasecmp(engine, "ndbcluster") == 0;
}

static enum table_kind kind_of(const char *type)
{
	if (strstr(type, "VIEW"))
		return TABLE_VIEW;
	return strcmp(type, "SEQUENCE") == 0 ? TABLE_SEQUENCE : TABLE_BASE;
}

/* Whether the class of the table is wanted. */
static bool kind_wanted(const struct dump_options *options,
                        enum table_kind kind)
{
	if (kind == TABLE_VIEW)
		return options->views;
	return kind != TABLE_SEQUENCE || options->sequences;
}

/* The condition of where.TABLE, owned by the table. */
static int set_where(const struct dump_options *options,
                     struct dump_table *table)
{
	for (size_t i = 0; i < options->where_count; i++) {
		const char *name = options->wheres[i].table;
		size_t len = strlen(table->db);

		if (strncmp(name, table->db, len) == 0 && name[len] == '.')
			name += len + 1;
		if (strcmp(name, table->name) != 0)
			continue;
		free(table->where);
		table->where = strdup(options->wheres[i].condition);
		if (!table->where)
			return -ENOMEM;
	}
	return 0;
}

/* A row of information_schema.TABLES. */
static int take_table(struct dump_database *db, const struct db_row *row,
                      const struct dump_options *options)
{
	const char *const *v = row->values;
	enum table_kind kind = kind_of(v[1]);
	struct dump_table *table = catalog_add_table(db, v[0], kind);
	char *engine = strdup(v[2] ? v[2] : "");

	if (!table || !engine) {
		free(engine);
		return -ENOMEM;
	}
	free(table->engine);
	table->engine = engine;
	table->dataless = is_dataless(engine);
	table->transactional = is_transactional(engine);
	table->versioned = strcmp(v[1], "SYSTEM VERSIONED") == 0;
	(void)(v[3] && str_to_u64(v[3], &table->rows));
	(void)(v[4] && str_to_u64(v[4], &table->bytes));
	if (kind == TABLE_VIEW && v[5] && strcmp(v[5], "VIEW") != 0 && *v[5])
		table->broken = strdup(v[5]);
	table->page_checksum = v[6] && strstr(v[6], "page_checksum");
	return set_where(options, table);
}

/*
 * Aria says PAGE_CHECKSUM=1 of every table; said back to it, it would become an
 * option of a table that has none.
 */
static void cut_page_checksum(struct dump_table *table)
{
	/* Behind the columns, where options are. */
	static const char option[] = " PAGE_CHECKSUM=1";
	char *at = strstr(table->create, "\n) ENGINE=Aria");

	at = at && !table->page_checksum ? strstr(at, option) : NULL;
	if (at)
		memmove(at, at + strlen(option),
		        strlen(at + strlen(option)) + 1);
}

static int load_tables(struct db_session *session, struct dump_database *db,
                       const struct dump_options *options,
                       struct filter *filter, struct err *reterr)
{
	cleanup(str_release) struct str sql = {0};
	struct db_row row;
	int r;

	str_add(&sql,
	        "SELECT table_name, table_type, engine, table_rows, data_length, "
	        "table_comment, create_options FROM information_schema.tables "
	        "WHERE table_schema=");
	sql_add_text(&sql, db->name);
	str_add(&sql, " ORDER BY BINARY table_name");
	r = db_query(session, str_text(&sql), reterr);
	while (r == 0 && (r = db_next(session, &row, reterr)) > 0) {
		r = 0;
		if (!row.values[1] ||
		    !filter_takes(filter, db->name, row.values[0]) ||
		    !kind_wanted(options, kind_of(row.values[1])))
			continue;
		if (take_table(db, &row, options) < 0)
			r = err_set(reterr, -ENOMEM, "out of memory");
	}
	return r;
}

/* ---- columns and keys ---- */

static int load_columns(struct db_session *session, struct dump_database *db,
                        struct err *reterr)
{
	cleanup(str_release) struct str sql = {0};
	struct db_row row;
	int r;

	str_add(&sql, "SELECT table_name, column_name, data_type, column_type, "
	              "character_set_name, extra, generation_expression FROM "
	              "information_schema.columns WHERE table_schema=");
	sql_add_text(&sql, db->name);
	str_add(&sql, " ORDER BY BINARY table_name, ordinal_position");
	r = db_query(session, str_text(&sql), reterr);
	while (r == 0 && (r = db_next(session, &row, reterr)) > 0) {
		struct dump_table *table = catalog_find(db, row.values[0]);
		struct column_facts facts = {
			.name = row.values[1],
			.data_type = row.values[2],
			.column_type = row.values[3],
			.charset = row.values[4],
			.extra = row.values[5],
			.generation = row.values[6],
		};

		r = 0;
		if (table && table->kind == TABLE_BASE &&
		    catalog_add_column(table, &facts) < 0)
			r = err_set(reterr, -ENOMEM, "out of memory");
	}
	return r;
}

/* The row of an index at hand, and what is known of it. */
struct index_walk {
	struct dump_table *table;
	char *index; /* owned: the name */
	bool spoilt;
};

/* Another index begins: has the table a key already? */
static int next_index(struct index_walk *walk, struct dump_table *table,
                      const char *index)
{
	bool same_table = walk->table == table;
	bool has_key = table && table->key_count > 0;

	if (same_table && walk->index && strcmp(walk->index, index) == 0)
		return 0;
	free(walk->index);
	walk->index = strdup(index);
	walk->table = table;
	walk->spoilt = has_key && same_table;
	return walk->index ? 0 : -ENOMEM;
}

/* A row of STATISTICS: a column of a unique index. */
static int take_key(struct dump_database *db, struct index_walk *walk,
                    const struct db_row *row)
{
	const char *const *v = row->values;
	struct dump_table *table = catalog_find(db, v[0]);
	bool usable = v[2] && !v[3] && v[4] && strcmp(v[4], "YES") != 0;
	unsigned before;

	if (!table || table->kind != TABLE_BASE)
		return 0;
	if (next_index(walk, table, v[1]) < 0)
		return -ENOMEM;
	before = table->key_count;
	if (walk->spoilt && before > 0)
		return 0; /* it has one */
	if (!walk->spoilt)
		catalog_key_column(table, v[2] ? v[2] : "", usable,
		                   &walk->spoilt);
	return 0;
}

static int load_keys(struct db_session *session, struct dump_database *db,
                     struct err *reterr)
{
	cleanup(str_release) struct str sql = {0};
	struct index_walk walk = {0};
	struct db_row row;
	int r;

	str_add(&sql,
	        "SELECT table_name, index_name, column_name, sub_part, nullable "
	        "FROM information_schema.statistics WHERE non_unique=0 AND "
	        "index_type='BTREE' AND table_schema=");
	sql_add_text(&sql, db->name);
	str_add(&sql,
	        " ORDER BY BINARY table_name, index_name<>'PRIMARY', index_name, "
	        "seq_in_index");
	r = db_query(session, str_text(&sql), reterr);
	while (r == 0 && (r = db_next(session, &row, reterr)) > 0) {
		r = 0;
		if (take_key(db, &walk, &row) < 0)
			r = err_set(reterr, -ENOMEM, "out of memory");
	}
	free(walk.index);
	return r;
}

/* History: the hidden columns row_start and row_end, unless it names its own. */
static int add_history(struct dump_table *table)
{
	/* As the server selects them when they are named. */
	static const struct column_facts hidden[] = {
		{.name = "row_start",
	         .data_type = "timestamp",
	         .column_type = "timestamp(6)"},
		{.name = "row_end",
	         .data_type = "timestamp",
	         .column_type = "timestamp(6)"},
	};

	table->key_count = 0; /* a key has a row for each version */
	if (strstr(table->create, "PERIOD FOR SYSTEM_TIME"))
		return 0;
	for (size_t i = 0; i < 2; i++)
		if (catalog_add_column(table, &hidden[i]) < 0)
			return -ENOMEM;
	return 0;
}

/* Whether history can be dumped and restored; else only what is now. */
static void judge_history(struct dump_table *table, bool can_insert,
                          struct notes *notes)
{
	bool by_transaction = strstr(table->create, "bigint(20) unsigned "
	                                            "GENERATED ALWAYS AS ROW");

	if (!table->versioned || (can_insert && !by_transaction))
		return;
	table->versioned = false;
	notes_add(notes, "`%s`.`%s`: its history is left out: %s", table->db,
	          table->name,
	          by_transaction ? "it is kept by transaction numbers"
	                         : "the server cannot insert history");
}

/* ---- all of it ---- */

static int finish_table(struct dump_table *table, bool qualified)
{
	if (table->versioned && add_history(table) < 0)
		return -ENOMEM;
	/* Others are read in one go: their order is that of their rows. */
	if (!table->transactional)
		table->key_count = 0;
	table->fingerprint = ddl_fingerprint(table->create);
	cut_page_checksum(table);
	return catalog_finish_table(table, qualified);
}

/* SHOW CREATE of all; before the columns, which depend on what it says. */
static int show_tables(struct db_session *session, struct dump_database *db,
                       struct notes *notes, bool can_insert, struct err *reterr)
{
	for (size_t i = 0; i < db->count; i++) {
		struct dump_table *table = db->tables[i];
		int r;

		if (table->kind == TABLE_VIEW)
			continue;
		r = source_show_create(session, table, &table->create, reterr);
		if (r < 0)
			return r;
		judge_history(table, can_insert, notes);
	}
	return 0;
}

static int load_database(struct db_session *session, struct catalog *catalog,
                         struct dump_database *db, struct notes *notes,
                         bool can_insert, struct err *reterr)
{
	int r = show_tables(session, db, notes, can_insert, reterr);

	if (r == 0)
		r = load_columns(session, db, reterr);
	if (r == 0)
		r = load_keys(session, db, reterr);
	for (size_t i = 0; i < db->count && r == 0; i++)
		if (db->tables[i]->kind == TABLE_BASE &&
		    finish_table(db->tables[i], catalog->qualified) < 0)
			r = err_set(reterr, -ENOMEM, "out of memory");
	return r;
}

/* Whether system_versioning_insert_history is there. */
static int history_variable(struct db_session *session, bool *ret,
                            struct err *reterr)
{
	struct db_row row;
	int r = db_query(
		session,
		"SHOW VARIABLES LIKE 'system_versioning_insert_history'",
		reterr);

	*ret = false;
	while (r == 0 && (r = db_next(session, &row, reterr)) > 0) {
		*ret = true;
		r = 0;
	}
	return r;
}

static int load_all(struct db_session *session,
                    const struct dump_options *options, struct notes *notes,
                    struct catalog *ret, struct err *reterr)
{
	cleanup(filter_freep) struct filter *filter = NULL;
	bool can_insert;
	int r = history_variable(session, &can_insert, reterr);

	if (r == 0 && filter_new(options->tables, &filter) < 0)
		r = err_set(reterr, -ENOMEM, "out of memory");
	ret->qualified = ret->count > 1;
	for (size_t i = 0; i < ret->count && r == 0; i++) {
		struct dump_database *db = &ret->databases[i];

		r = show_database(session, db, reterr);
		if (r == 0)
			r = load_tables(session, db, options, filter, reterr);
		if (r == 0)
			r = load_database(session, ret, db, notes, can_insert,
			                  reterr);
	}
	if (r == 0 && filter_unused(filter))
		r = err_set(reterr, -ENOENT, "no table is called '%s'",
		            filter_unused(filter));
	return r;
}

int source_catalog(struct db_session *session,
                   const struct dump_options *options, struct notes *notes,
                   struct catalog *ret, struct err *reterr)
{
	struct catalog catalog = {0};
	int r;

	if (options->all_databases)
		r = all_databases(session, &catalog, reterr);
	else if (options->databases)
		r = named_databases(options->databases, &catalog, reterr);
	else
		r = current_database(session, &catalog, reterr);
	if (r == 0)
		r = load_all(session, options, notes, &catalog, reterr);
	if (r < 0) {
		catalog_release(&catalog);
		return r;
	}
	*ret = catalog;
	return 0;
}
