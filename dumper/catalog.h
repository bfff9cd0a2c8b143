/* SPDX-License-Identifier: MIT */
/*
 * What is to be dumped: databases, tables, columns, keys.
 *
 * Filled from information_schema by source_mysql.c; the decisions how each
 * column is selected and printed are catalog.c's, by type and charset names
 * alone (pure).
 */
#ifndef PORTER_DUMPER_CATALOG_H
#define PORTER_DUMPER_CATALOG_H

#include "base/hash.h"
#include "chunk.h"
#include "dumper/dump.h"
#include "filter.h"
#include "sql_insert.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum table_kind {
	TABLE_BASE,
	TABLE_VIEW,
	TABLE_SEQUENCE,
};

struct dump_column {
	char *name; /* owned */
	struct sql_format format;
	bool cast;  /* select CAST(c AS BINARY) */
	bool exact; /* select c+0e0 */
	bool keyed; /* its values can stand in a condition */
};

struct dump_table {
	UT_hash_handle hh;
	char *db;   /* owned */
	char *name; /* owned; the key in its database's hash */
	enum table_kind kind;
	char *engine;  /* owned; "" for views */
	char *create;  /* owned: SHOW CREATE */
	char *broken;  /* owned: why it cannot be read; NULL = it can */
	char *where;   /* owned: condition of where.TABLE; NULL = none */
	uint64_t rows; /* as the server guesses */
	uint64_t bytes;
	uint64_t fingerprint; /* of create */
	bool transactional;
	bool versioned;     /* has history */
	bool dataless;      /* its rows are elsewhere, or nowhere */
	bool page_checksum; /* Aria: it was asked for */

	struct dump_column *columns; /* owned: those that are dumped */
	unsigned column_count;

	/* The key it is read by: indexes of columns; 0 = in one go. */
	unsigned key[CHUNK_COLUMNS_MAX];
	unsigned key_count;

	struct sql_field *fields; /* owned; per column */
	char *select; /* owned: "SELECT ..., ... FROM ... [FOR SYSTEM_TIME]" */
	char *insert; /* owned: "INSERT INTO ... VALUES\n" */

	_Atomic unsigned tasks;  /* readers at it, or queued */
	_Atomic uint64_t dumped; /* rows */
};

struct dump_database {
	char *name;                 /* owned */
	char *create;               /* owned: SHOW CREATE DATABASE */
	struct dump_table **tables; /* owned, by name */
	size_t count;
	struct dump_table *by_name; /* hash */
};

struct catalog {
	struct dump_database *databases; /* owned, by name */
	size_t count;
	bool qualified; /* statements name the database: there are several */
};

void catalog_release(struct catalog *catalog);

/* Returns NULL when out of memory. */
struct dump_database *catalog_add_database(struct catalog *catalog,
                                           const char *name);
struct dump_table *catalog_add_table(struct dump_database *db, const char *name,
                                     enum table_kind kind);
struct dump_table *catalog_find(struct dump_database *db, const char *name);

/* A row of information_schema.COLUMNS. */
struct column_facts {
	const char *name;
	const char *data_type;   /* "varchar" */
	const char *column_type; /* "varchar(10)" */
	const char *charset;     /* NULL = none */
	const char *extra;
	const char *generation; /* expression; NULL or "" = not generated */
};

/* Add it to the table, unless its values are computed. 0 or -ENOMEM. */
int catalog_add_column(struct dump_table *table,
                       const struct column_facts *facts);

/* How a type is printed, selected, compared. */
void catalog_format(const struct column_facts *facts, struct dump_column *ret);

/*
 * One more column of the unique index that may become the table's key.  One
 * that is not usable (a prefix, NULLs), not dumped or cannot be compared spoils
 * the index: the table has no key then, until another one fits.
 */
void catalog_key_column(struct dump_table *table, const char *column,
                        bool usable, bool *spoilt);

/* Texts and fields once columns and key are known. 0 or -ENOMEM. */
int catalog_finish_table(struct dump_table *table, bool qualified);

/* The key's column names. */
void catalog_key(const struct dump_table *table, struct chunk_key *ret);

#endif
