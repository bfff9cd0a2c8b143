/* SPDX-License-Identifier: MIT */
/*
 * Export: a database as one plain .sql, of one moment, exact, or nothing.
 *
 * dump_run() reads with several sessions in parallel and pushes whole
 * statements into a sink.  What comes out is SQL in mysqldump's dialect that
 * restores with `mariadb --comments < x.sql`; SPEC.md has its layout and that of
 * the index beside it.
 *
 * It succeeds only when every row of the moment is in the sink, no table was
 * changed by DDL meanwhile, nothing the account cannot see is missing (unless
 * allow-partial), and the sink has published.  Else the sink is aborted.
 */
#ifndef PORTER_DUMPER_DUMP_H
#define PORTER_DUMPER_DUMP_H

#include "base/cleanup.h"
#include "base/err.h"
#include "dumper/connect.h"
#include "dumper/sink.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DUMP_THREADS_MAX 32

/*
 * The words of an export.  `where` and the lists are as they were written;
 * texts are owned by the struct.
 */
struct dump_options {
	char *out;       /* BUCKET/KEY; NULL = not given */
	char *conn;      /* NULL = [mysql] and DB_* */
	char *databases; /* "a,`b c`"; NULL = the connection's database */
	bool all_databases;
	char *tables; /* patterns; NULL = all */
	struct dump_where {
		char *table; /* "t" or "db.t" */
		char *condition;
	} * wheres;
	size_t where_count;

	bool schema, data, triggers, routines, events, views, sequences;
	bool drop_if_exists, keep_if_exists;
	bool consistent;     /* false: whatever each session sees */
	bool allow_partial;  /* go on without what cannot be seen */
	bool no_expiration;  /* the object stays */
	uint64_t expires_ms; /* 0 = the configuration's */
	unsigned threads;    /* readers */
	bool index;          /* write KEY.idx */

	enum {
		DUMP_COMPRESS_BY_NAME, /* .zst, .gz, else none */
		DUMP_COMPRESS_NONE,
		DUMP_COMPRESS_ZSTD,
		DUMP_COMPRESS_GZIP,
	} compress;
	int level; /* 0 = default */

	enum {
		DUMP_DEFINER_KEEP,
		DUMP_DEFINER_STRIP,
		DUMP_DEFINER_MAP,
	} definer;
	char *definer_from;
	char *definer_to;
};

/* All classes on, 4 readers, one moment. Returns NULL when out of memory. */
struct dump_options *dump_options_new(void);
void dump_options_free(struct dump_options *options);
DEFINE_CLEANUP(struct dump_options *, dump_options_free);

/*
 * One word: its name ('-' and '_' are the same) and what stands behind "=";
 * value NULL is a bare word, "on".  An unknown name is -EINVAL, a value out of
 * range -EDOM, one that is not built -EOPNOTSUPP, each with a sentence.
 */
int dump_options_set(struct dump_options *options, const char *name,
                     const char *value, struct err *reterr);

/* What single words cannot tell: contradictions. -EINVAL. */
int dump_options_check(const struct dump_options *options, struct err *reterr);

/*
 * When an export of now expires: seconds since the epoch as text, as
 * x-amz-meta-porter-expires has it; "" = never.  default_ms is export_expiration.
 */
void dump_options_expiry(const struct dump_options *options, int64_t now_s,
                         uint64_t default_ms, char ret[24]);

/* Content-Type of an export to key. Static text. */
const char *dump_options_content_type(const struct dump_options *options,
                                      const char *key);

/* How far it is; counted while it runs, any thread may look. */
struct dump_progress {
	_Atomic uint64_t tables; /* to dump */
	_Atomic uint64_t tables_done;
	_Atomic uint64_t rows;          /* written */
	_Atomic uint64_t rows_expected; /* what the server guesses */
	_Atomic uint64_t bytes;         /* of SQL */
	_Atomic uint64_t bytes_out;     /* into the sink */
};

/* How one moment was made. */
enum dump_rung {
	DUMP_RUNG_NONE,   /* not: consistent=0 */
	DUMP_RUNG_BINLOG, /* equal binlog positions of all snapshots */
	DUMP_RUNG_GTID,   /* no transaction between first and last (MySQL) */
	DUMP_RUNG_BACKUP_LOCK, /* a lock of all commits while they opened */
	DUMP_RUNG_TABLE_LOCKS, /* read locks of the tables while they opened */
	DUMP_RUNG_SINGLE,      /* one session */
};

struct dump_report {
	uint64_t tables, rows, bytes, bytes_out;
	unsigned readers;
	enum dump_rung rung;
	char moment[256]; /* the proof, for people */
	bool complete;    /* nothing was left out */
	unsigned notes;   /* how many */
	bool indexed;
};

struct dump_config {
	const struct db_config *db;         /* borrowed */
	const struct dump_options *options; /* borrowed */
	struct dump_sink *sink;  /* borrowed; finished or aborted on return */
	struct dump_sink *index; /* the same; NULL = none */
	const char *key;         /* name of the target: compression, index */

	struct dump_progress *progress; /* borrowed; may be NULL */

	/*
	 * Asked again and again, on any of the dump's threads: 0 = go on, else
	 * an errno that ends it (-ECANCELED).  May wait, for a pause.  May be
	 * NULL.
	 */
	int (*check)(void *ctx);

	/* A sentence about something left out or odd. May be NULL; any thread. */
	void (*note)(void *ctx, const char *sentence);
	void *ctx;
};

/*
 * Dump. Blocks, for hours perhaps: on a thread of its own.  0, or -errno with a
 * sentence and nothing published: -ECANCELED, -ESTALE (a table was altered),
 * -ECONNRESET (a session was killed, the server stopped), -EACCES (something
 * cannot be seen), what the sink says, ...  A failed index is a note.
 */
int dump_run(const struct dump_config *config, struct dump_report *ret,
             struct err *reterr);

/*
 * Whether it can begin: the server is there, lets us in, and has the databases.
 * Takes a few round trips.
 */
int dump_check(const struct db_config *db, const struct dump_options *options,
               struct err *reterr);

/* What dump_run() would do, without reading a row. */
struct dump_estimate {
	uint64_t databases, tables, views, sequences;
	uint64_t rows;  /* as the server guesses */
	uint64_t bytes; /* of data at the server */
};
int dump_dryrun(const struct db_config *db, const struct dump_options *options,
                struct dump_estimate *ret, struct err *reterr);

#endif
