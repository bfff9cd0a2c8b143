/* SPDX-License-Identifier: MIT */
/* See load_progress.h. */
#include "load_progress.h"

#include "mysql_session.h"
#include "sql_name.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SCHEMA "porter_import"

/* Make both tables in place. */
static int make_tables(struct load_progress_store *p,
                       struct db_session *session, struct err *reterr)
{
	int r = db_execf(
		session, reterr,
		"CREATE TABLE IF NOT EXISTS %sporter_import_jobs ("
		"job VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin "
		"NOT NULL PRIMARY KEY, source VARCHAR(190) CHARACTER "
		"SET utf8mb4 NOT NULL, done BIGINT UNSIGNED NOT NULL, "
		"doing BIGINT UNSIGNED NOT NULL) ENGINE=InnoDB",
		p->place);

	if (r < 0)
		return r;
	return db_execf(session, reterr,
	                "CREATE TABLE IF NOT EXISTS %sporter_import_ranges ("
	                "job VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin "
	                "NOT NULL, first BIGINT UNSIGNED NOT NULL, last BIGINT "
	                "UNSIGNED NOT NULL, PRIMARY KEY (job, first)) "
	                "ENGINE=InnoDB",
	                p->place);
}

/*
 * Whether all that will be asked of the tables may be asked: the server looks
 * at privileges before it looks for a table.
 */
static bool may_use(const struct load_progress_store *p,
                    struct db_session *session)
{
	static const char *const probes[] = {
		"DROP TABLE IF EXISTS %sporter_import_probe",
		"UPDATE %sporter_import_jobs SET done=0 WHERE job=''",
		"DELETE FROM %sporter_import_jobs WHERE job=''",
	};

	for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
		cleanup(str_release) struct str sql = {0};
		const char *at = strstr(probes[i], "%s");

		str_add_mem(&sql, probes[i], (size_t)(at - probes[i]));
		str_add(&sql, p->place);
		str_add(&sql, at + 2);
		if (db_exec(session, str_text(&sql), NULL) < 0 &&
		    db_errno(session) != DB_ERR_NO_TABLE)
			return false;
	}
	return true;
}

/* In a schema of its own, else in the session's database. */
static int find_place(struct load_progress_store *p, struct db_session *session,
                      struct err *reterr)
{
	cleanup(freep) char *database = NULL;
	cleanup(str_release) struct str quoted = {0};

	(void)str_copy(p->place, sizeof(p->place), "`" SCHEMA "`.");
	p->made_schema =
		db_exec(session, "CREATE DATABASE IF NOT EXISTS " SCHEMA,
	                reterr) == 0;
	if (p->made_schema && make_tables(p, session, reterr) == 0)
		return 0;

	p->made_schema = false;
	if (db_value(session, &database, reterr, "SELECT DATABASE()") < 0 ||
	    !database)
		return -ENOENT;
	sql_add_name(&quoted, database);
	str_add(&quoted, ".");
	if (str_status(&quoted) < 0 ||
	    !str_copy(p->place, sizeof(p->place), str_text(&quoted)) ||
	    !may_use(p, session))
		return -ENOENT;
	return make_tables(p, session, reterr);
}

/* What an earlier run has left. 1: it is there, 0: it is new. */
static int read_job(struct load_progress_store *p, struct db_session *session,
                    const char *source, struct err *reterr)
{
	struct db_row row;
	int r = db_queryf(
		session, reterr,
		"SELECT done, doing, source FROM %sporter_import_jobs "
		"WHERE job='%s'",
		p->place, p->job);

	if (r == 0)
		r = db_next(session, &row, reterr);
	if (r <= 0)
		return r;
	p->done = strtoull(row.values[0], NULL, 10);
	p->doing = strtoull(row.values[1], NULL, 10);

	bool same = strcmp(row.values[2], source) == 0;

	db_end(session);
	if (!same)
		return err_set(reterr, -ESTALE,
		               "import '%s' was begun with another version of "
		               "the dump: load it under another name",
		               p->job);
	return 1;
}

static int read_ranges(struct load_progress_store *p,
                       struct db_session *session, struct err *reterr)
{
	struct db_row row;
	size_t cap = 0;
	int r = db_queryf(session, reterr,
	                  "SELECT first, last FROM %sporter_import_ranges "
	                  "WHERE job='%s' ORDER BY first",
	                  p->place, p->job);

	while (r == 0 && (r = db_next(session, &row, reterr)) == 1) {
		if (p->count == cap) {
			cap = cap ? cap * 2 : 64;

			void *grown = reallocarray(p->ranges, cap,
			                           sizeof(*p->ranges));

			if (!grown) {
				db_end(session);
				return err_set(reterr, -ENOMEM,
				               "out of memory");
			}
			p->ranges = grown;
		}
		p->ranges[p->count++] = (struct load_range){
			.first = strtoull(row.values[0], NULL, 10),
			.last = strtoull(row.values[1], NULL, 10)};
		r = 0;
	}
	return r;
}

/* A name for this run alone. */
static void make_name(struct load_progress_store *p,
                      const struct db_session *session)
{
	(void)snprintf(p->job, sizeof(p->job), "run-%" PRIu64 "-%lld",
	               db_server(session)->thread_id, (long long)time(NULL));
}

int load_progress_open(struct load_progress_store *p,
                       struct db_session *session, const char *job,
                       const char *source, struct err *reterr)
{
	cleanup(str_release) struct str text = {0};
	int r = find_place(p, session, reterr);

	p->on = r == 0;
	p->keep = job != NULL;
	if (!p->on)
		return r == -ENOMEM ? r : 0;
	if (job)
		(void)str_copy(p->job, sizeof(p->job), job);
	else
		make_name(p, session);

	r = read_job(p, session, source, reterr);
	if (r < 0)
		return r;
	if (r == 1)
		return read_ranges(p, session, reterr);

	sql_add_text(&text, source);
	if (str_status(&text) < 0)
		return err_set(reterr, -ENOMEM, "out of memory");
	r = db_execf(session, reterr,
	             "INSERT INTO %sporter_import_jobs VALUES ('%s',%s,0,0)",
	             p->place, p->job, str_text(&text));
	return r < 0 ? r : db_exec(session, "COMMIT", reterr);
}

void load_progress_release(struct load_progress_store *p)
{
	free(p->ranges);
	*p = (struct load_progress_store){0};
}

bool load_progress_has(struct load_progress_store *p, uint64_t number)
{
	if (number <= p->done)
		return true;
	while (p->at < p->count && p->ranges[p->at].last < number)
		p->at++;
	return p->at < p->count && p->ranges[p->at].first <= number;
}

void load_progress_add(const struct load_progress_store *p, struct str *sql,
                       uint64_t first, uint64_t last)
{
	if (sql->len == 0)
		str_addf(sql, "INSERT INTO %sporter_import_ranges VALUES ",
		         p->place);
	else
		str_add(sql, ",");
	str_addf(sql, "('%s',%" PRIu64 ",%" PRIu64 ")", p->job, first, last);
}

int load_progress_find(const struct load_progress_store *p,
                       struct db_session *session, uint64_t first,
                       struct err *reterr)
{
	struct db_row row;
	int r = db_queryf(session, reterr,
	                  "SELECT 1 FROM %sporter_import_ranges WHERE "
	                  "job='%s' AND first=%" PRIu64,
	                  p->place, p->job, first);

	if (r == 0)
		r = db_next(session, &row, reterr);
	if (r == 1)
		db_end(session);
	return r;
}

int load_progress_mark(const struct load_progress_store *p,
                       struct db_session *session, uint64_t number,
                       struct err *reterr)
{
	int r = db_execf(session, reterr,
	                 "DELETE FROM %sporter_import_ranges WHERE job='%s'",
	                 p->place, p->job);

	if (r == 0)
		r = db_execf(session, reterr,
		             "UPDATE %sporter_import_jobs SET done=%" PRIu64
		             ", doing=%" PRIu64 " WHERE job='%s'",
		             p->place, number - 1, number, p->job);
	return r < 0 ? r : db_exec(session, "COMMIT", reterr);
}

int load_progress_forget(const struct load_progress_store *p,
                         struct db_session *session, struct err *reterr)
{
	cleanup(freep) char *left = NULL;
	cleanup(freep) char *ask = str_printf(
		"SELECT COUNT(*) FROM %sporter_import_jobs", p->place);
	int r = db_execf(session, reterr,
	                 "DELETE FROM %sporter_import_ranges WHERE job='%s'",
	                 p->place, p->job);

	if (r == 0)
		r = db_execf(session, reterr,
		             "DELETE FROM %sporter_import_jobs WHERE job='%s'",
		             p->place, p->job);
	if (r == 0)
		r = db_exec(session, "COMMIT", reterr);
	if (r == 0)
		r = ask ? db_value(session, &left, reterr, ask) : -ENOMEM;
	if (r < 0 || strcmp(left, "0") != 0)
		return r;
	if (p->made_schema)
		return db_exec(session, "DROP DATABASE " SCHEMA, reterr);
	return db_execf(
		session, reterr,
		"DROP TABLE %sporter_import_jobs, %sporter_import_ranges",
		p->place, p->place);
}
