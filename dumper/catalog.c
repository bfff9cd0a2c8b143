/* SPDX-License-Identifier: MIT */
/*
 * What is to be dumped, and how each column is.
 */
#include "catalog.h"

#include "sql_name.h"

#include <errno.h>
#include <string.h>

static void table_free(struct dump_table *table)
{
	if (!table)
		return;
	for (unsigned i = 0; i < table->column_count; i++)
		free(table->columns[i].name);
	free(table->columns);
	free(table->fields);
	free(table->db);
	free(table->name);
	free(table->engine);
	free(table->create);
	free(table->broken);
	free(table->where);
	free(table->select);
	free(table->insert);
	free(table);
}

static void database_release(struct dump_database *db)
{
	HASH_CLEAR(hh, db->by_name);
	for (size_t i = 0; i < db->count; i++)
		table_free(db->tables[i]);
	free(db->tables);
	free(db->name);
	free(db->create);
}

void catalog_release(struct catalog *catalog)
{
	for (size_t i = 0; i < catalog->count; i++)
		database_release(&catalog->databases[i]);
	free(catalog->databases);
	memset(catalog, 0, sizeof(*catalog));
}

struct dump_database *catalog_add_database(struct catalog *catalog,
                                           const char *name)
{
	struct dump_database *more = reallocarray(
		catalog->databases, catalog->count + 1, sizeof(*more));
	char *copy = strdup(name);

	if (more)
		catalog->databases = more;
	if (!more || !copy) {
		free(copy);
		return NULL;
	}
	more[catalog->count] = (struct dump_database){.name = copy};
	return &more[catalog->count++];
}

struct dump_table *catalog_add_table(struct dump_database *db, const char *name,
                                     enum table_kind kind)
{
	struct dump_table *table = calloc(1, sizeof(*table));
	struct dump_table **more = reallocarray(db->tables, db->count + 1,
	                                        sizeof(struct dump_table *));

	if (more)
		db->tables = more;
	if (!table || !more) {
		table_free(table);
		return NULL;
	}
	table->kind = kind;
	table->db = strdup(db->name);
	table->name = strdup(name);
	table->engine = strdup("");
	if (!table->db || !table->name || !table->engine) {
		table_free(table);
		return NULL;
	}
	HASH_ADD_KEYPTR(hh, db->by_name, table->name, strlen(table->name),
	                table);
	if (!table->hh.tbl) {
		table_free(table);
		return NULL;
	}
	db->tables[db->count++] = table;
	return table;
}

struct dump_table *catalog_find(struct dump_database *db, const char *name)
{
	struct dump_table *table = NULL;

	HASH_FIND(hh, db->by_name, name, strlen(name), table);
	return table;
}

/* ---- columns ---- */

static bool is_one_of(const char *word, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(word, *list) == 0)
			return true;
	return false;
}

/* Types by how they are printed. */
static const char *const exact_numbers[] = {"tinyint", "smallint", "mediumint",
                                            "int",     "bigint",   "decimal",
                                            "numeric", "integer",  "bool",
                                            NULL};
/* Bytes without a charset. */
static const char *const bytes_types[] = {"binary",
                                          "varbinary",
                                          "tinyblob",
                                          "blob",
                                          "mediumblob",
                                          "longblob",
                                          "bit",
                                          "geometry",
                                          "point",
                                          "linestring",
                                          "polygon",
                                          "multipoint",
                                          "multilinestring",
                                          "multipolygon",
                                          "geometrycollection",
                                          "geomcollection",
                                          "vector",
                                          NULL};
/* Too long to be in a condition. */
static const char *const long_types[] = {"tinytext",   "text",     "mediumtext",
                                         "longtext",   "tinyblob", "blob",
                                         "mediumblob", "longblob", "json",
                                         NULL};
/* What utf8mb4 holds, byte for byte or converted without loss. */
static const char *const plain_charsets[] = {"utf8mb4", "utf8mb3", "utf8",
                                             "latin1",  "ascii",   NULL};

static void format_text(const struct column_facts *facts,
                        struct dump_column *ret)
{
	ret->format.kind = SQL_TEXT;
	ret->keyed = !is_one_of(facts->data_type, long_types);
	if (!facts->charset || is_one_of(facts->charset, plain_charsets))
		return;
	if (strcmp(facts->charset, "binary") == 0) {
		ret->format.kind = SQL_BYTES;
		return;
	}
	ret->format.kind = SQL_CHARSET;
	ret->cast = true;
	(void)str_copy(ret->format.charset, sizeof(ret->format.charset),
	               facts->charset);
}

void catalog_format(const struct column_facts *facts, struct dump_column *ret)
{
	const char *type = facts->data_type;

	ret->format.kind = SQL_TEXT;
	if (is_one_of(type, exact_numbers)) {
		ret->format.kind = SQL_NUMBER;
		ret->keyed = true;
	} else if (strcmp(type, "year") == 0) {
		ret->format.kind = SQL_NUMBER;
	} else if (strcmp(type, "float") == 0) {
		ret->format.kind = SQL_FLOAT;
		ret->exact = !strchr(facts->column_type, '(');
	} else if (strcmp(type, "double") == 0) {
		ret->format.kind = SQL_FLOAT;
	} else if (strcmp(type, "enum") == 0) {
		ret->format.kind = SQL_ENUM;
	} else if (is_one_of(type, bytes_types)) {
		ret->format.kind = SQL_BYTES;
		ret->keyed = strcmp(type, "binary") == 0 ||
		             strcmp(type, "varbinary") == 0;
	} else if (strcmp(type, "set") != 0) {
		format_text(facts, ret);
	}
}

int catalog_add_column(struct dump_table *table,
                       const struct column_facts *facts)
{
	struct dump_column column = {0};
	struct dump_column *more;
	const char *generation = facts->generation ? facts->generation : "";
	bool row_time = strcmp(generation, "ROW START") == 0 ||
	                strcmp(generation, "ROW END") == 0;

	if (*generation && !(row_time && table->versioned))
		return 0;
	catalog_format(facts, &column);
	column.name = strdup(facts->name);
	more = reallocarray(table->columns, table->column_count + 1,
	                    sizeof(*more));
	if (more)
		table->columns = more;
	if (!more || !column.name) {
		free(column.name);
		return -ENOMEM;
	}
	more[table->column_count++] = column;
	return 0;
}

void catalog_key_column(struct dump_table *table, const char *column,
                        bool usable, bool *spoilt)
{
	unsigned at = 0;

	while (at < table->column_count &&
	       strcmp(table->columns[at].name, column) != 0)
		at++;
	if (*spoilt || !usable || at == table->column_count ||
	    !table->columns[at].keyed ||
	    table->key_count == CHUNK_COLUMNS_MAX) {
		*spoilt = true;
		table->key_count = 0;
		return;
	}
	table->key[table->key_count++] = at;
}

void catalog_key(const struct dump_table *table, struct chunk_key *ret)
{
	ret->count = table->key_count;
	for (unsigned i = 0; i < table->key_count; i++)
		ret->columns[i] = table->columns[table->key[i]].name;
}

/* ---- statements ---- */

static void add_selected(struct str *sql, const struct dump_column *column)
{
	if (column->cast)
		str_add(sql, "CAST(");
	sql_add_name(sql, column->name);
	if (column->cast)
		str_add(sql, " AS BINARY)");
	if (column->exact)
		str_add(sql, "+0e0");
}

/* SELECT every column, and the number of each ENUM behind it. */
static char *select_text(struct dump_table *table)
{
	cleanup(str_release) struct str sql = {0};
	unsigned value = 0;

	str_add(&sql, "SELECT SQL_NO_CACHE ");
	for (unsigned i = 0; i < table->column_count; i++) {
		struct dump_column *column = &table->columns[i];
		struct sql_field *field = &table->fields[i];

		if (i > 0)
			str_add_char(&sql, ',');
		add_selected(&sql, column);
		field->format = column->format;
		field->value = value++;
		if (column->format.kind != SQL_ENUM)
			continue;
		str_add_char(&sql, ',');
		sql_add_name(&sql, column->name);
		str_add(&sql, "+0");
		field->number = value++;
	}
	if (table->column_count == 0)
		str_add(&sql, "1");
	str_add(&sql, " FROM ");
	sql_add_table(&sql, table->db, table->name);
	if (table->versioned)
		str_add(&sql, " FOR SYSTEM_TIME ALL");
	return str_take(&sql);
}

static char *insert_text(const struct dump_table *table, bool qualified)
{
	cleanup(str_release) struct str sql = {0};

	str_add(&sql, "INSERT INTO ");
	sql_add_table(&sql, qualified ? table->db : NULL, table->name);
	str_add(&sql, " (");
	for (unsigned i = 0; i < table->column_count; i++) {
		if (i > 0)
			str_add_char(&sql, ',');
		sql_add_name(&sql, table->columns[i].name);
	}
	str_add(&sql, ") VALUES\n");
	return str_take(&sql);
}

int catalog_finish_table(struct dump_table *table, bool qualified)
{
	table->fields = calloc(table->column_count + 1, sizeof(*table->fields));
	if (!table->fields)
		return -ENOMEM;
	table->select = select_text(table);
	table->insert = insert_text(table, qualified);
	return table->select && table->insert ? 0 : -ENOMEM;
}
