/* SPDX-License-Identifier: MIT */
/*
 * A MySQL or MariaDB server as source: its catalog, and sessions to read with.
 */
#ifndef PORTER_DUMPER_SOURCE_MYSQL_H
#define PORTER_DUMPER_SOURCE_MYSQL_H

#include "catalog.h"
#include "mysql_session.h"

/* Told a sentence about something odd or left out. */
struct notes {
	void (*note)(void *ctx, const char *sentence); /* may be NULL */
	void *ctx;
	_Atomic unsigned count;
};
void notes_add(struct notes *notes, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * A session as every part of the dump wants it: no sql_mode, time in UTC, no
 * timeouts by which a slow store would cost the connection.
 */
int source_open(const struct db_config *config, struct db_session **ret,
                struct err *reterr);

/*
 * Read everything there is to know before a row is read: databases, tables,
 * columns, keys, SHOW CREATE of each.  -ENOENT for a database that is not
 * there.  Names that the patterns miss are -ENOENT too.
 */
int source_catalog(struct db_session *session,
                   const struct dump_options *options, struct notes *notes,
                   struct catalog *ret, struct err *reterr);

/* The table's SHOW CREATE text as it is now, malloc'ed for the caller. */
int source_show_create(struct db_session *session,
                       const struct dump_table *table, char **ret,
                       struct err *reterr);

/* Column index of SHOW CREATE's row, malloc'ed; NULL for SQL NULL. */
int source_show(struct db_session *session, const char *sql, unsigned column,
                char **ret, struct err *reterr);

#endif
