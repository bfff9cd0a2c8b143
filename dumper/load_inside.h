/* SPDX-License-Identifier: MIT */
/*
 * Inside of an import: who does what.
 *
 *   reader (load_run's thread)                 workers, each with a session
 *   ─────────────────────────                  ────────────────────────────
 *   statement ─ rows ──▶ unit ──▶ queue ──▶ run, keep until committed
 *       │                                      commit: rows and ranges together
 *       ├─ SET, USE ─▶ own session, journal ─▶ replayed before the next unit
 *       └─ else ─▶ drain the workers ─▶ own session
 *
 * A worker whose session was lost, or whose transaction was rolled back by the
 * server, runs the units it keeps once more; what was told as failed is not run
 * again.  Lock order: load->lock alone.
 */
#ifndef PORTER_DUMPER_LOAD_INSIDE_H
#define PORTER_DUMPER_LOAD_INSIDE_H

#include "base/list.h"
#include "base/lock.h"
#include "base/str.h"
#include "dumper/load.h"
#include "load_progress.h"
#include "load_rule.h"
#include "load_text.h"
#include "mysql_session.h"

#define LOAD_UNIT      ((size_t)1 << 20)  /* bytes, then a unit is sent */
#define LOAD_UNIT_MAX  8192               /* statements of a unit */
#define LOAD_QUEUED    ((size_t)24 << 20) /* bytes of units not yet run */
#define LOAD_BIG       ((size_t)8 << 20) /* bytes; larger ones are not copied */
#define LOAD_TABLE_MAX 600               /* bytes of db.table in sentences */

struct unit_statement {
	size_t at, len; /* in the unit's text */
	uint64_t number, line, offset;
	bool failed; /* and told */
};

/* Statements behind each other in the dump, for one worker. */
struct unit {
	struct list link;
	struct str text;
	struct unit_statement *statements; /* owned */
	size_t count, cap;
	size_t sets; /* journal entries that come before */
	char table[CLASS_NAME_MAX];
	uint64_t first, last; /* numbers of statements */
};

/* One SET or USE. */
struct load_set {
	char *text;
	size_t len;
};

struct load;

struct worker {
	struct load *load;
	pthread_t thread;
	bool started;
	struct db_session *session; /* lock for the pointer; used by the thread */
	struct list queue;          /* lock */
	size_t queued;              /* lock; bytes of units not yet run */
	bool flush;                 /* lock; commit when the queue is empty */

	struct list open; /* units of the transaction at hand, the thread's */
	size_t open_bytes;
	size_t taken;      /* bytes of the unit that is being run */
	struct unit *unit; /* the next statement to run: unit, */
	size_t at;         /* and index in it */
	size_t sets;       /* journal entries that this session has had */
	bool committing;   /* COMMIT was sent, its answer not seen */
	unsigned attempts; /* of this transaction */
};

/* What the server says about a table. */
struct load_table {
	char schema[CLASS_NAME_MAX]; /* as the dump wrote it */
	char name[CLASS_NAME_MAX];
	bool parallel;                /* rows may come in any order */
	bool transactional;           /* and are rolled back */
	char counter[CLASS_NAME_MAX]; /* its AUTO_INCREMENT column; "" */
	int worker; /* who had its last rows; -1: anyone, -2: no rows yet */
};

struct load {
	const struct load_config *config;
	struct load_text text;
	struct filter *tables; /* owned */
	struct load_rule rule;
	struct db_session *session; /* of the reader */
	struct load_progress_store progress;
	uint64_t packet_max; /* the server's max_allowed_packet */
	bool mariadb;
	uint64_t commit_bytes; /* per worker */

	struct worker *workers; /* owned */
	unsigned count;
	struct unit *pending;             /* being filled; the reader's */
	int pending_worker;               /* who must have it; -1: anyone */
	struct load_table **tables_known; /* owned; asked since the last DDL */
	size_t tables_count, tables_cap;
	struct load_table *table;  /* of the rows at hand; one of those */
	char home[CLASS_NAME_MAX]; /* the reader's database at the beginning */
	uint64_t checked;          /* bytes of text when check() was asked */
	bool temporary;            /* a temporary table was made */
	struct sql_class class;    /* of the statement at hand */

	pthread_mutex_t lock;
	pthread_cond_t changed; /* lock */
	int status;             /* lock; the first failure */
	struct err err;         /* lock */
	bool stop;              /* lock; workers end */
	struct load_set *sets;  /* lock for growing */
	size_t sets_count, sets_cap;
	struct load_report report; /* lock */
	pthread_mutex_t telling;   /* one callback at a time; alone */
};

/* load.c */

/* The first failure stays; everybody ends soon. Returns it. */
int load_fail(struct load *load, int code, const struct err *err);
int load_status(struct load *load);
bool load_cancelled(const struct load *load);

/*
 * A statement failed with what err and the session say: tell it.  Returns 0 to
 * go on (skip_errors), or the error for load_fail().
 */
struct load_failure {
	const struct db_session *session; /* NULL = our own refusal */
	const char *text;
	size_t len;
	uint64_t number, line, offset;
	const char *table;
	const struct err *err;
};
int load_statement_failed(struct load *load, const struct load_failure *what,
                          struct err *reterr);

/* Whether the session is gone; whether the transaction is to be run again. */
bool load_lost(const struct db_session *session, int code);
bool load_rolled_back(const struct db_session *session);

/* load_session.c */

/* A session as rows and DDL need it; not yet in the journal's state. */
int load_session_open(struct load *load, struct db_session **ret,
                      struct err *reterr);
/* The same, asking again until retry_ms are over. */
int load_session_again(struct load *load, struct db_session **ret,
                       struct err *reterr);
/* Replay journal entries from *sets to upto; errors were the reader's. */
int load_session_replay(struct load *load, struct db_session *session,
                        size_t *sets, size_t upto, struct err *reterr);
/* Note a SET or USE that worked. */
int load_journal_add(struct load *load, const char *text, size_t len);

/* load_worker.c */
int load_workers_start(struct load *load, struct err *reterr);
void load_workers_end(struct load *load);
struct unit *unit_new(const struct sql_class *class, size_t sets);
void unit_free(struct unit *unit);
int unit_add(struct unit *unit, const struct split_statement *st);
/* Takes unit; waits for room. worker -1: anyone. */
void load_dispatch(struct load *load, struct unit *unit, int worker);
/* Until all rows so far are committed. Returns load_status(). */
int load_drain(struct load *load);

/* load_table.c: load->table is what class names; asked once. */
int load_table_ask(struct load *load, const struct sql_class *class,
                   struct err *reterr);
/* Forget them: DDL may change anything. */
void load_table_forget(struct load *load);

/* load_alone.c: one statement on the reader's session, with its mark. */
int load_alone(struct load *load, const struct split_statement *st,
               const struct sql_class *class, struct err *reterr);

/* load_check.c: what can be known before anything is changed. */
int load_preflight(struct load *load, struct err *reterr);

#endif
