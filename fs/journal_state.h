/* SPDX-License-Identifier: MIT */
/*
 * Inside the journal: journal.c gathers and commits, journal_open.c opens,
 * closes and reads.
 */
#ifndef PORTER_FS_JOURNAL_STATE_H
#define PORTER_FS_JOURNAL_STATE_H

#include "base/metrics.h"
#include "fs/journal.h"
#include "journal_record.h"
#include "kv.h"

#include <pthread.h>

/* The tables of the environment. */
enum {
	TABLE_RECORDS,
	TABLE_STATE,
	TABLE_COUNT
};

/* One write on its way. */
struct op {
	struct list link;
	struct journal_put *put; /* who waits, or NULL */
	bool barrier;            /* no write: journal_sync() */
	bool drop;
	int status;
	uint8_t key[JOURNAL_KEY_SIZE];
	struct slice record; /* malloc'ed: JOURNAL_HEAD_SIZE and the value */
};

struct journal {
	struct kv *kv;
	bool read_only;
	uint64_t record_max; /* bytes of a value */
	bool running;
	pthread_t thread;
	struct metrics *metrics; /* borrowed, or NULL */
	struct metric writes;
	struct metric commits;
	struct metric failures;

	pthread_mutex_t lock; /* the last of all: nothing is taken under it */
	pthread_cond_t wake;  /* of the thread */
	pthread_cond_t synced;
	struct list queue; /* lock: op */
	struct list lost;  /* lock: journal_put that cannot be written */
	unsigned waiting;  /* lock: somebody waits for that many of them */
	uint64_t queued;   /* lock: barriers begun */
	uint64_t reached;  /* lock: barriers on disk */
	bool stop;         /* lock */
	int note_error;    /* lock: the first of notes, until told */
	uint64_t next_id;  /* lock */
	uint64_t reserved; /* lock: the first id beyond those on disk */
	struct list again; /* the thread's: notes that failed */
};

/* What the thread "journal" does until it is told to stop. */
void *journal_run(void *arg);

void journal_op_free(struct op *op);

/*
 * Commit what is between first and the end (exclusive) as one, and the ids that
 * must be reserved.
 */
int journal_commit(struct journal *journal, struct list *first,
                   struct list *end);

/* Put the next id into a transaction. */
int journal_store_id(struct kv_txn *txn, uint64_t id);

/* The key of the next id, in TABLE_STATE. */
struct slice journal_id_key(void);

#endif
