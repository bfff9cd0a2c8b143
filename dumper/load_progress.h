/* SPDX-License-Identifier: MIT */
/*
 * Which statements of an import are done, kept on the server itself.
 *
 * Two tables, in schema `porter_import` or, where that may not be made, in the
 * database loaded into; they are dropped with the last job:
 *
 *   porter_import_jobs    job, source, done, doing
 *   porter_import_ranges  job, first, last
 *
 * All statements up to `done` are done, and those in ranges.  `doing` is the
 * one that was sent alone (DDL commits by itself): it may be done or not.  A
 * range is committed with the rows that it tells of.
 */
#ifndef PORTER_DUMPER_LOAD_PROGRESS_H
#define PORTER_DUMPER_LOAD_PROGRESS_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct db_session;

struct load_range {
	uint64_t first, last; /* numbers of statements */
};

struct load_progress_store {
	bool on;          /* there is a place for it */
	bool keep;        /* the caller has a name for it */
	bool made_schema; /* `porter_import` is ours to drop */
	char job[72];
	char place[600]; /* quoted schema and "." */

	/* As it was found. */
	uint64_t done, doing;
	struct load_range *ranges; /* owned; ascending, apart */
	size_t count;
	size_t at; /* ranges before it are below what was asked for */
};

/*
 * Find or make the place and the job.  job NULL: one for this run only.  A
 * server that does not allow it is no error: p->on is false.  -ESTALE: the job
 * is of another source.
 */
int load_progress_open(struct load_progress_store *p,
                       struct db_session *session, const char *job,
                       const char *source, struct err *reterr);
void load_progress_release(struct load_progress_store *p);

/* Whether a statement is done; asked with ascending numbers. */
bool load_progress_has(struct load_progress_store *p, uint64_t number);

/* "INSERT INTO ... VALUES (range), ..." into sql, to run before COMMIT. */
void load_progress_add(const struct load_progress_store *p, struct str *sql,
                       uint64_t first, uint64_t last);

/* 1 if that range was committed, 0 if not. */
int load_progress_find(const struct load_progress_store *p,
                       struct db_session *session, uint64_t first,
                       struct err *reterr);

/* All below number is done, and it comes now; committed. */
int load_progress_mark(const struct load_progress_store *p,
                       struct db_session *session, uint64_t number,
                       struct err *reterr);

/* Forget the job, and the tables with the last one. */
int load_progress_forget(const struct load_progress_store *p,
                         struct db_session *session, struct err *reterr);

#endif
