/* SPDX-License-Identifier: MIT */
/*
 * Inside a dump: what its parts share while it runs.
 */
#ifndef PORTER_DUMPER_DUMP_RUN_H
#define PORTER_DUMPER_DUMP_RUN_H

#include "catalog.h"
#include "ddl.h"
#include "dumper/dump.h"
#include "mysql_session.h"
#include "outlet.h"
#include "source_mysql.h"

struct dump {
	const struct dump_config *config;
	const struct dump_options *options;
	struct ddl_policy policy;
	struct notes notes;
	bool complete; /* nothing was left out so far; the main thread's */

	struct db_session *main; /* asks, locks and writes head and tail */
	struct db_session *readers[DUMP_THREADS_MAX];
	unsigned reader_count;
	struct catalog catalog;
	enum dump_rung rung;
	char moment[256];

	struct outlet *outlet;
	struct outlet_writer *writer; /* the main thread's */
	struct dump_progress *progress;
};

/* Whether somebody wants the dump to end: -ECANCELED with a sentence. */
int dump_cancelled(const struct dump *dump, struct err *reterr);

/* Something is not in the dump that should be. Main thread. */
void dump_left_out(struct dump *dump, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * snapshot.c: open a snapshot in every reader, all of one moment; may make
 * them fewer.  Sets rung and moment.
 */
int snapshot_open(struct dump *dump, struct err *reterr);

/* grants.c: what the account cannot see is left out. */
int grants_check(struct dump *dump, struct err *reterr);

/* reader.c: dump the rows of all tables, with all readers. */
int readers_run(struct dump *dump, struct err *reterr);

/* source_mysql_ddl.c: the statements before and behind the rows. */
int ddl_head(struct dump *dump, struct err *reterr);
int ddl_tail(struct dump *dump, struct err *reterr);
/* "USE db" when the dump has several, and another one was in use. */
void ddl_use(struct dump *dump, struct str *out, const char *db);

/* source_mysql_code.c: triggers, routines, views, events of one database. */
int ddl_triggers(struct dump *dump, const struct dump_database *db,
                 struct err *reterr);
int ddl_routines(struct dump *dump, const struct dump_database *db,
                 struct err *reterr);
int ddl_events(struct dump *dump, const struct dump_database *db,
               struct err *reterr);
/* Of all databases, each view behind what it names. */
int ddl_views(struct dump *dump, struct err *reterr);

#endif
