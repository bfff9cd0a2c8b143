/* SPDX-License-Identifier: MIT */
/*
 * The statements around the rows: header, databases, sequences, tables before
 * them; sequences' values, and the footer, behind.
 */
#include "base/clock.h"
#include "dump_run.h"
#include "sql_name.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* The settings a dump is loaded with; what was set before comes back. */
static const char settings[] =
	"SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT;\n"
	"SET @OLD_CHARACTER_SET_RESULTS=@@CHARACTER_SET_RESULTS;\n"
	"SET @OLD_COLLATION_CONNECTION=@@COLLATION_CONNECTION;\n"
	"SET NAMES utf8mb4;\n"
	"SET @OLD_TIME_ZONE=@@TIME_ZONE, TIME_ZONE='+00:00';\n"
	"SET @OLD_UNIQUE_CHECKS=@@UNIQUE_CHECKS, UNIQUE_CHECKS=0;\n"
	"SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, "
	"FOREIGN_KEY_CHECKS=0;\n"
	"SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO';\n"
	"SET @OLD_SQL_NOTES=@@SQL_NOTES, SQL_NOTES=0;\n";

/* The same of MariaDB alone. */
static const char settings_mariadb[] =
	"SET @OLD_CHECK_CONSTRAINT_CHECKS=@@CHECK_CONSTRAINT_CHECKS, "
	"CHECK_CONSTRAINT_CHECKS=0;\n";

/* And back. */
static const char restored[] =
	"SET SQL_NOTES=@OLD_SQL_NOTES;\n"
	"SET SQL_MODE=@OLD_SQL_MODE;\n"
	"SET FOREIGN_KEY_CHECKS=@OLD_FOREIGN_KEY_CHECKS;\n"
	"SET UNIQUE_CHECKS=@OLD_UNIQUE_CHECKS;\n"
	"SET TIME_ZONE=@OLD_TIME_ZONE;\n"
	"SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT;\n"
	"SET CHARACTER_SET_RESULTS=@OLD_CHARACTER_SET_RESULTS;\n"
	"SET COLLATION_CONNECTION=@OLD_COLLATION_CONNECTION;\n";

static int put_label(struct dump *dump, const char *part, const char *kind,
                     const struct dump_table *table)
{
	struct outlet_label label = {.part = part,
	                             .kind = kind,
	                             .db = table ? table->db : NULL,
	                             .table = table ? table->name : NULL};

	return outlet_label(dump->writer, &label);
}

/* Whether history is among what is dumped. */
static bool has_history(const struct dump *dump)
{
	for (size_t i = 0; i < dump->catalog.count; i++)
		for (size_t j = 0; j < dump->catalog.databases[i].count; j++)
			if (dump->catalog.databases[i].tables[j]->versioned)
				return true;
	return false;
}

static void add_header(struct dump *dump, struct str *out)
{
	const struct db_server *server = db_server(dump->main);

	str_add(out, "-- porterfs dump, version 1\n");
	str_add(out, "-- Server: ");
	sql_add_comment(out, server->text);
	str_add(out, "\n-- Databases:");
	for (size_t i = 0; i < dump->catalog.count; i++) {
		str_add_char(out, ' ');
		str_add(out, i > 0 ? ", " : "");
		sql_add_comment(out, dump->catalog.databases[i].name);
	}
	str_add(out, "\n-- Snapshot: ");
	sql_add_comment(out, dump->moment);
	str_addf(out, "\n-- Complete: %s\n", dump->complete ? "yes" : "no");
	if (dump->rung == DUMP_RUNG_BINLOG)
		str_add(out, "-- (what was written with sql_log_bin=0, or by "
		             "binlog filters, moves no position)\n");
	str_add_char(out, '\n');
	str_add(out, settings);
	if (server->mariadb)
		str_add(out, settings_mariadb);
	if (has_history(dump))
		str_add(out, "SET SYSTEM_VERSIONING_INSERT_HISTORY=1;\n");
}

/* CREATE DATABASE of each, when there are several. */
static void add_databases(struct dump *dump, struct str *out)
{
	struct ddl_policy policy = dump->policy;

	if (!dump->catalog.qualified || !dump->options->schema)
		return;
	policy.if_not_exists |= dump->options->drop_if_exists;
	str_add_char(out, '\n');
	for (size_t i = 0; i < dump->catalog.count; i++) {
		ddl_add(out, dump->catalog.databases[i].create, &policy);
		str_add(out, ";\n");
	}
}

void ddl_use(struct dump *dump, struct str *out, const char *db)
{
	if (!dump->catalog.qualified)
		return;
	str_add(out, "USE ");
	sql_add_name(out, db);
	str_add(out, ";\n");
}

static int put_table(struct dump *dump, const struct dump_table *table)
{
	bool sequence = table->kind == TABLE_SEQUENCE;
	struct str *out;
	int r = put_label(dump, "head", sequence ? "sequence" : "table", table);

	if (r < 0)
		return r;
	out = outlet_text(dump->writer);
	str_add_char(out, '\n');
	ddl_use(dump, out, table->db);
	if (dump->options->drop_if_exists) {
		str_addf(out, "DROP %s IF EXISTS ",
		         sequence ? "SEQUENCE" : "TABLE");
		sql_add_name(out, table->name);
		str_add(out, ";\n");
	}
	ddl_add(out, table->create, &dump->policy);
	str_add(out, ";\n");
	return 0;
}

/* Which tables are made in which of the three rounds. */
static unsigned round_of(const struct dump_table *table)
{
	if (table->kind == TABLE_SEQUENCE)
		return 0;               /* defaults may name them */
	return table->dataless ? 2 : 1; /* MERGE wants its tables */
}

static int put_tables(struct dump *dump)
{
	int r = 0;

	for (unsigned turn = 0; turn < 3; turn++) {
		for (size_t i = 0; i < dump->catalog.count; i++) {
			struct dump_database *db = &dump->catalog.databases[i];

			for (size_t j = 0; j < db->count && r == 0; j++)
				if (db->tables[j]->kind != TABLE_VIEW &&
				    round_of(db->tables[j]) == turn)
					r = put_table(dump, db->tables[j]);
		}
	}
	return r;
}

int ddl_head(struct dump *dump, struct err *reterr)
{
	int r = put_label(dump, "head", "header", NULL);

	if (r == 0) {
		add_header(dump, outlet_text(dump->writer));
		add_databases(dump, outlet_text(dump->writer));
		if (dump->options->schema)
			r = put_tables(dump);
	}
	if (r == 0)
		r = outlet_flush(dump->writer);
	return r < 0 ? outlet_status(dump->outlet, reterr) : 0;
}

/* ---- sequences ---- */

/* A sequence's row: next, minimum, maximum, start, step, cache, cycle, round. */
static void add_setval(struct dump *dump, const struct dump_table *table,
                       const struct db_row *row)
{
	struct str *out = outlet_text(dump->writer);
	cleanup(str_release) struct str name = {0};
	bool used_up = row->values[8] && strcmp(row->values[8], "1") == 0;

	sql_add_table(&name, dump->catalog.qualified ? table->db : NULL,
	              table->name);
	if (used_up)
		str_addf(out, "DO SETVAL(%s, %s, 1, %s);\n", str_text(&name),
		         row->values[4][0] == '-' ? row->values[1]
		                                  : row->values[2],
		         row->values[7]);
	else
		str_addf(out, "DO SETVAL(%s, %s, 0, %s);\n", str_text(&name),
		         row->values[0], row->values[7]);
}

static int put_sequence(struct dump *dump, const struct dump_table *table,
                        struct err *reterr)
{
	cleanup(str_release) struct str sql = {0};
	struct db_row row;
	int r = put_label(dump, "tail", "sequence", table);

	if (r < 0)
		return outlet_status(dump->outlet, reterr);
	str_add(&sql,
	        "SELECT next_not_cached_value, minimum_value, maximum_value, "
	        "start_value, increment, cache_size, cycle_option, cycle_count, "
	        "next_not_cached_value NOT BETWEEN minimum_value AND "
	        "maximum_value FROM ");
	sql_add_table(&sql, table->db, table->name);
	r = db_query(dump->main, str_text(&sql), reterr);
	while (r == 0 && (r = db_next(dump->main, &row, reterr)) > 0) {
		add_setval(dump, table, &row);
		r = 0;
	}
	return r;
}

static int put_sequences(struct dump *dump, struct err *reterr)
{
	int r = 0;

	for (size_t i = 0; i < dump->catalog.count; i++) {
		struct dump_database *db = &dump->catalog.databases[i];

		for (size_t j = 0; j < db->count && r == 0; j++)
			if (db->tables[j]->kind == TABLE_SEQUENCE)
				r = put_sequence(dump, db->tables[j], reterr);
	}
	return r;
}

/* ---- the tail ---- */

static void add_footer(struct dump *dump, struct str *out)
{
	struct timespec now = clock_wall(clock_system());
	struct tm tm;
	char date[32] = "";

	if (has_history(dump))
		str_add(out, "SET SYSTEM_VERSIONING_INSERT_HISTORY=0;\n");
	if (db_server(dump->main)->mariadb)
		str_add(out, "SET CHECK_CONSTRAINT_CHECKS="
		             "@OLD_CHECK_CONSTRAINT_CHECKS;\n");
	str_add(out, restored);
	if (gmtime_r(&now.tv_sec, &tm))
		(void)strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &tm);
	str_addf(out, "\n-- Dump completed on %s\n", date);
}

static int put_code(struct dump *dump, struct err *reterr)
{
	const struct dump_options *options = dump->options;
	int r = 0;

	for (size_t i = 0; i < dump->catalog.count && r == 0; i++) {
		struct dump_database *db = &dump->catalog.databases[i];

		if (options->triggers)
			r = ddl_triggers(dump, db, reterr);
		if (r == 0 && options->routines)
			r = ddl_routines(dump, db, reterr);
	}
	if (r == 0 && options->views)
		r = ddl_views(dump, reterr);
	for (size_t i = 0; i < dump->catalog.count && r == 0; i++)
		if (options->events)
			r = ddl_events(dump, &dump->catalog.databases[i],
			               reterr);
	return r;
}

int ddl_tail(struct dump *dump, struct err *reterr)
{
	int r = 0;

	if (dump->options->sequences && dump->options->data)
		r = put_sequences(dump, reterr);
	if (r == 0 && dump->options->schema)
		r = put_code(dump, reterr);
	if (r < 0)
		return r;
	r = put_label(dump, "tail", "footer", NULL);
	if (r == 0) {
		add_footer(dump, outlet_text(dump->writer));
		r = outlet_flush(dump->writer);
	}
	return r < 0 ? outlet_status(dump->outlet, reterr) : 0;
}
