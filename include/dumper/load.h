/* SPDX-License-Identifier: MIT */
/*
 * Import: a dump, from wherever its bytes come, into a server.
 *
 * load_run() reads, unpacks (zstd, gzip, xz, by content), cuts into statements
 * and runs them with several sessions: rows go to any of them, 1 MiB at a time;
 * SET and USE to all; everything else alone, in its place, when all rows before
 * it are committed.  Never is more in memory than what is on its way.
 *
 * Rows and a note of which statements they came from are committed together
 * (schema `porter_import` on the server, dropped at the end): with `job` given,
 * running again goes on behind what is there, exactly once, and so does a
 * session that was lost.  A table without transactions cannot promise that: the
 * statement that was running is then told, not run again.
 *
 * Before anything is changed: the connection, the end of the text where it can
 * be read ahead (a dump that says it is one must say that it is complete),
 * collations the server lacks and tables that exist, as far as the first MiB
 * tells.
 */
#ifndef PORTER_DUMPER_LOAD_H
#define PORTER_DUMPER_LOAD_H

#include "base/err.h"
#include "dumper/connect.h"
#include "dumper/source.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOAD_THREADS_MAX 32
#define LOAD_JOB_MAX     64 /* bytes of a job's name, without NUL */

/* A statement that failed. Texts are borrowed until the callback returns. */
struct load_error {
	uint64_t statement; /* from 1 on */
	uint64_t line;
	uint64_t offset; /* bytes of text */
	unsigned number; /* the server's, 0 = ours */
	char sqlstate[6];
	const char *message;
	const char *table;   /* "" = none */
	uint64_t row;        /* of the statement, from 1 on; 0 = not told */
	const char *excerpt; /* of the statement, its first bytes */
};

/* How far it is; any thread may look. */
struct load_progress {
	_Atomic uint64_t bytes;      /* of the source, read */
	_Atomic uint64_t text;       /* of SQL, cut into statements */
	_Atomic uint64_t statements; /* seen */
	_Atomic uint64_t skipped;    /* not meant, or there already */
	_Atomic uint64_t rows;       /* as the server counts */
	_Atomic uint64_t errors;
	_Atomic uint64_t reconnects;
};

struct load_config {
	const struct db_config *db; /* borrowed */
	struct load_source *source; /* borrowed */

	const char *database;  /* load into it, whatever the dump names; NULL */
	const char *tables;    /* patterns (see filter.h); NULL = all */
	const char *job;       /* name to go on under; NULL = do not keep one */
	unsigned threads;      /* sessions for rows; 0 = 4 */
	bool skip_errors;      /* a statement that fails is told and passed */
	uint64_t commit_bytes; /* of all sessions together; 0 = 64 MiB */
	uint64_t retry_ms;     /* how long a lost server is asked for again;
	                          0 = 60 s */

	struct load_progress *progress; /* borrowed; may be NULL */
	const atomic_bool *cancel;      /* borrowed; may be NULL: end soon */

	/*
	 * Whether to go on: 0, or the -errno to end with.  Asked by load_run()'s
	 * thread when more text was read; may wait. May be NULL.
	 */
	int (*check)(void *ctx);
	/* A statement failed; any thread, one at a time. May be NULL. */
	void (*error)(void *ctx, const struct load_error *error);
	/* A sentence about something odd. May be NULL. */
	void (*note)(void *ctx, const char *sentence);
	void *ctx;
};

struct load_report {
	uint64_t statements, rows, errors;
	bool resumed;    /* went on behind what an earlier run had done */
	bool can_resume; /* it failed, and running it again goes on */
};

/*
 * Load.  Blocks, for hours perhaps: on a thread of its own.  0: all is there
 * (with skip_errors: but for what was told).  Else -errno with a sentence:
 * -EBADMSG (truncated or damaged), -EINVAL (not SQL that can be run), -ESTALE
 * (the object was replaced), -ECANCELED, -EEXIST, -ECONNRESET, -ENOSPC, ...
 */
int load_run(const struct load_config *config, struct load_report *ret,
             struct err *reterr);

#endif
