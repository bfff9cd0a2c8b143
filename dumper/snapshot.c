/* SPDX-License-Identifier: MIT */
/*
 * Many sessions, one moment: a ladder of ways, the first that server and grants
 * allow.
 *
 *   1  MariaDB with a binary log: every snapshot knows its binlog position; the
 *      sessions that are behind start again until all are equal.  No lock.
 *   2  MySQL with GTIDs: the set of executed transactions is the same before
 *      the first and after the last snapshot.  No lock.
 *   3  Commits are blocked while the snapshots open (BACKUP STAGE, or a global
 *      read lock).
 *   4  The tables are read-locked while they open.
 *   5  One reader.
 */
#include "base/clock.h"
#include "dump_run.h"
#include "sql_name.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define EQUAL_MS     10000 /* how long positions may differ */
#define LOCK_TRIES   10    /* of one second each */
#define POSITION_MAX 128

/* -ENOTSUP from a rung: not here, try the next. */
#define NOT_HERE (-ENOTSUP)

static int begin(struct db_session *session, struct err *reterr)
{
	int r = db_exec(
		session,
		"SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
		reterr);

	if (r == 0)
		r = db_exec(session,
		            "START TRANSACTION WITH CONSISTENT SNAPSHOT",
		            reterr);
	return r;
}

static int begin_all(struct dump *dump, struct err *reterr)
{
	int r = 0;

	for (unsigned i = 0; i < dump->reader_count && r == 0; i++)
		r = begin(dump->readers[i], reterr);
	return r;
}

/* Whether the server merely refuses: then the next rung may do. */
static bool is_refused(struct db_session *session, int r)
{
	return r == -EACCES || r == -EBUSY ||
	       (r < 0 && (db_errno(session) == DB_ERR_PARSE ||
	                  db_errno(session) == 1193)); /* unknown variable */
}

/* ---- 1: binlog positions ---- */

/* "file:position" of the session's snapshot; "" without a binary log. */
static int position(struct db_session *session, char ret[POSITION_MAX],
                    struct err *reterr)
{
	char file[64] = "", at[32] = "";
	struct db_row row;
	int r = db_query(session, "SHOW STATUS LIKE 'Binlog_snapshot_%'",
	                 reterr);

	while (r == 0 && (r = db_next(session, &row, reterr)) > 0) {
		if (strcasecmp(row.values[0], "Binlog_snapshot_file") == 0)
			(void)str_copy(file, sizeof(file), row.values[1]);
		if (strcasecmp(row.values[0], "Binlog_snapshot_position") == 0)
			(void)str_copy(at, sizeof(at), row.values[1]);
		r = 0;
	}
	ret[0] = '\0';
	if (r == 0 && file[0])
		(void)snprintf(ret, POSITION_MAX, "%s:%s", file, at);
	return r;
}

/* Whether position a is behind b: files grow in length or in letters. */
static bool is_behind(const char *a, const char *b)
{
	const char *x = strrchr(a, ':'), *y = strrchr(b, ':');
	size_t n = (size_t)(x - a), m = (size_t)(y - b);
	int files = n == m ? memcmp(a, b, n) : n < m ? -1 : 1;

	if (files != 0)
		return files < 0;
	n = strlen(x);
	m = strlen(y);
	return n == m ? strcmp(x, y) < 0 : n < m;
}

/* The session that is furthest behind, or -1 when all are equal. */
static int furthest_behind(char at[][POSITION_MAX], unsigned count)
{
	unsigned least = 0;
	bool equal = true;

	for (unsigned i = 1; i < count; i++) {
		if (strcmp(at[i], at[0]) != 0)
			equal = false;
		if (is_behind(at[i], at[least]))
			least = i;
	}
	return equal ? -1 : (int)least;
}

static int by_binlog(struct dump *dump, struct err *reterr)
{
	char at[DUMP_THREADS_MAX][POSITION_MAX];
	const struct clock *clock = clock_system();
	uint64_t end = clock_ms(clock) + EQUAL_MS;
	int which = -1, r;

	if (!db_server(dump->main)->mariadb)
		return NOT_HERE;
	r = begin_all(dump, reterr);
	for (unsigned i = 0; i < dump->reader_count && r == 0; i++) {
		r = position(dump->readers[i], at[i], reterr);
		if (r == 0 && !at[i][0])
			return NOT_HERE;
	}
	while (r == 0 &&
	       (which = furthest_behind(at, dump->reader_count)) >= 0) {
		if (clock_ms(clock) > end)
			return NOT_HERE; /* commits come too fast */
		r = begin(dump->readers[which], reterr);
		if (r == 0)
			r = position(dump->readers[which], at[which], reterr);
		if (r == 0)
			r = dump_cancelled(dump, reterr);
	}
	if (r < 0)
		return r;
	dump->rung = DUMP_RUNG_BINLOG;
	(void)snprintf(dump->moment, sizeof(dump->moment),
	               "binlog position %s, the same in %u sessions", at[0],
	               dump->reader_count);
	return 0;
}

/* ---- 2: GTIDs ---- */

static int by_gtid(struct dump *dump, struct err *reterr)
{
	/* Empty where GTIDs are off. */
	static const char sql[] = "SELECT @@GLOBAL.gtid_executed";

	if (db_server(dump->main)->mariadb)
		return NOT_HERE;
	for (unsigned tries = 0; tries < 100; tries++) {
		cleanup(freep) char *before = NULL;
		cleanup(freep) char *after = NULL;
		int r = db_value(dump->main, &before, reterr, sql);

		if (r == 0)
			r = begin_all(dump, reterr);
		if (r == 0)
			r = db_value(dump->main, &after, reterr, sql);
		if (r < 0)
			return is_refused(dump->main, r) ? NOT_HERE : r;
		if (!before || !*before || !after)
			return NOT_HERE;
		if (strcmp(before, after) != 0)
			continue;
		dump->rung = DUMP_RUNG_GTID;
		(void)snprintf(dump->moment, sizeof(dump->moment),
		               "gtid_executed %.200s", after);
		return 0;
	}
	return NOT_HERE;
}

/* ---- 3 and 4: locks ---- */

/* Take a lock in the main session; a second per try, so that nobody waits. */
static int lock(struct dump *dump, const char *sql, struct err *reterr)
{
	struct db_session *main = dump->main;
	int r = db_exec(main, "SET SESSION lock_wait_timeout=1", reterr);

	for (unsigned tries = 0; r == 0 && tries < LOCK_TRIES; tries++) {
		r = db_exec(main, sql, reterr);
		if (r != -EBUSY)
			break;
		r = dump_cancelled(dump, reterr);
		if (r == 0 && tries == LOCK_TRIES - 1)
			r = NOT_HERE;
	}
	return is_refused(main, r) ? NOT_HERE : r;
}

static int by_backup_stage(struct dump *dump, struct err *reterr)
{
	int r = lock(dump, "BACKUP STAGE START", reterr);

	if (r == 0)
		r = lock(dump, "BACKUP STAGE BLOCK_COMMIT", reterr);
	if (r == 0)
		r = begin_all(dump, reterr);

	struct err ignored;
	int ended = db_exec(dump->main, "BACKUP STAGE END", &ignored);

	(void)ended; /* it was never begun, or the session is lost anyway */
	return r;
}

static int by_read_lock(struct dump *dump, struct err *reterr)
{
	struct err ignored;
	int r = lock(dump, "FLUSH TABLES WITH READ LOCK", reterr);

	if (r == 0)
		r = begin_all(dump, reterr);
	(void)db_exec(dump->main, "UNLOCK TABLES", &ignored); /* as above */
	return r;
}

static int by_global_lock(struct dump *dump, struct err *reterr)
{
	const struct db_server *server = db_server(dump->main);
	bool stages = server->mariadb && server->version >= 100400;
	int r = stages ? by_backup_stage(dump, reterr)
	               : by_read_lock(dump, reterr);

	if (r < 0)
		return r;
	dump->rung = DUMP_RUNG_BACKUP_LOCK;
	(void)snprintf(dump->moment, sizeof(dump->moment),
	               "%u snapshots under %s", dump->reader_count,
	               stages ? "BACKUP STAGE BLOCK_COMMIT"
	                      : "FLUSH TABLES WITH READ LOCK");
	return 0;
}

/* "LOCK TABLES a READ, ..." of all that have rows here; "" for none. */
static void add_table_locks(const struct catalog *catalog, struct str *sql)
{
	const char *before = "LOCK TABLES ";

	for (size_t i = 0; i < catalog->count; i++) {
		const struct dump_database *db = &catalog->databases[i];

		for (size_t j = 0; j < db->count; j++) {
			const struct dump_table *table = db->tables[j];

			if (table->kind != TABLE_BASE || table->dataless)
				continue;
			str_add(sql, before);
			sql_add_table(sql, table->db, table->name);
			str_add(sql, " READ");
			before = ", ";
		}
	}
}

static int by_table_locks(struct dump *dump, struct err *reterr)
{
	cleanup(str_release) struct str sql = {0};
	struct err ignored;
	int r;

	add_table_locks(&dump->catalog, &sql);
	if (str_status(&sql) < 0)
		return err_set(reterr, -ENOMEM, "out of memory");
	if (sql.len == 0)
		return NOT_HERE;
	r = lock(dump, str_text(&sql), reterr);
	if (r == 0)
		r = begin_all(dump, reterr);
	(void)db_exec(dump->main, "UNLOCK TABLES", &ignored); /* as above */
	if (r < 0)
		return r;
	dump->rung = DUMP_RUNG_TABLE_LOCKS;
	(void)snprintf(dump->moment, sizeof(dump->moment),
	               "%u snapshots under LOCK TABLES READ",
	               dump->reader_count);
	return 0;
}

/* ---- 5, and none ---- */

static int by_one_reader(struct dump *dump, struct err *reterr)
{
	int r;

	while (dump->reader_count > 1) {
		db_close(dump->readers[--dump->reader_count]);
		dump->readers[dump->reader_count] = NULL;
	}
	r = begin(dump->readers[0], reterr);
	if (r < 0)
		return r;
	dump->rung = DUMP_RUNG_SINGLE;
	(void)str_copy(dump->moment, sizeof(dump->moment), "one session");
	return 0;
}

static int without_moment(struct dump *dump, struct err *reterr)
{
	int r = begin_all(dump, reterr);

	dump->rung = DUMP_RUNG_NONE;
	(void)str_copy(
		dump->moment, sizeof(dump->moment),
		"none: consistent=0, sessions may see different moments");
	return r;
}

/* Tables that no snapshot holds still. */
static void note_others(struct dump *dump)
{
	const struct dump_table *first = NULL;
	unsigned count = 0;

	for (size_t i = 0; i < dump->catalog.count; i++) {
		const struct dump_database *db = &dump->catalog.databases[i];

		for (size_t j = 0; j < db->count; j++) {
			const struct dump_table *table = db->tables[j];

			if (table->kind != TABLE_BASE || table->dataless ||
			    table->transactional)
				continue;
			first = first ? first : table;
			count++;
		}
	}
	if (count > 0 && dump->options->data)
		notes_add(&dump->notes,
		          "%u tables are not transactional (the first is "
		          "`%s`.`%s`): their rows are of when they are read",
		          count, first->db, first->name);
}

int snapshot_open(struct dump *dump, struct err *reterr)
{
	/* From the first rung on. */
	static int (*const rungs[])(struct dump *, struct err *) = {
		by_binlog, by_gtid, by_global_lock, by_table_locks,
		by_one_reader};
	int r = NOT_HERE;

	if (!dump->options->consistent)
		return without_moment(dump, reterr);
	for (size_t i = 0; i < sizeof(rungs) / sizeof(rungs[0]); i++) {
		r = rungs[i](dump, reterr);
		if (r != NOT_HERE)
			break;
	}
	if (r == 0)
		note_others(dump);
	return r;
}
