/* SPDX-License-Identifier: MIT */
/*
 * Records of what was begun, on disk before it is begun.
 *
 * Callers copy a write into the queue and go on; the thread "journal" takes the
 * whole queue, puts it into one transaction, commits it with one sync and tells
 * whoever waits.  While it syncs, the next batch gathers: so the more callers
 * there are, the more of them share a sync.  A batch of which nobody waits for
 * anything is left to gather a little longer.
 *
 * Ids: "next id" on disk is always beyond any that was given out; it is moved
 * ahead in blocks, and set to the very next one when the journal is closed.
 */
#include "base/crash.h"
#include "base/lock.h"
#include "base/log.h"
#include "journal_state.h"

#include <assert.h>
#include <string.h>
#include <time.h>

#define GATHER_MS 10   /* how long a batch nobody waits for may grow */
#define RETRY_MS  1000 /* between tries of notes that failed */
#define ID_BLOCK  (1u << 20)

void journal_op_free(struct op *op)
{
	free(op->record.data);
	free(op);
}

/* ---- committing ---- */

struct slice journal_id_key(void)
{
	static const char key[] = "next id";

	return (struct slice){.data = (uint8_t *)(uintptr_t)key,
	                      .len = sizeof(key) - 1};
}

int journal_store_id(struct kv_txn *txn, uint64_t id)
{
	return kv_put(txn, TABLE_STATE, journal_id_key(),
	              (struct slice){.data = (uint8_t *)&id,
	                             .len = sizeof(id)});
}

/* The id to reserve up to with this batch, or 0: there are enough. */
static uint64_t wanted_id(struct journal *journal)
{
	WITH_LOCK(&journal->lock);
	if (journal->next_id + ID_BLOCK / 2 < journal->reserved)
		return 0;
	return journal->next_id + ID_BLOCK;
}

/* One write into a transaction. */
static int apply(struct kv_txn *txn, struct op *op)
{
	struct slice key = {.data = op->key, .len = JOURNAL_KEY_SIZE};

	if (op->barrier)
		return 0;
	return op->drop ? kv_delete(txn, TABLE_RECORDS, key)
	                : kv_put(txn, TABLE_RECORDS, key, op->record);
}

int journal_commit(struct journal *journal, struct list *first,
                   struct list *end)
{
	uint64_t id = wanted_id(journal);
	struct kv_txn *txn = NULL;
	int r = kv_begin(journal->kv, true, &txn);

	if (r < 0)
		return r;
	for (struct list *at = first; r == 0 && at != end; at = at->next)
		r = apply(txn, container_of(at, struct op, link));
	if (r == 0 && id > 0)
		r = journal_store_id(txn, id);
	if (r < 0) {
		kv_abort(txn);
		return r;
	}
	crash_point();
	r = kv_commit(txn);
	crash_point();
	if (r == 0 && id > 0) {
		WITH_LOCK(&journal->lock);
		journal->reserved = id;
	}
	metric_add(&journal->commits, 1);
	return r;
}

/* Whether nobody hears of its failure: it is tried again. */
static bool is_note(const struct op *op)
{
	return !op->put && !op->barrier;
}

/*
 * Commit a batch: together, and if that fails, one by one in order.  Behind a
 * note that failed nothing is acknowledged, for done() says that all before it
 * is on disk too.
 */
static void commit_batch(struct journal *journal, struct list *batch)
{
	bool one = batch->next->next == batch;
	int r = journal_commit(journal, batch->next, batch);
	int lost = 0;

	list_for_each(node, batch) {
		struct op *op = container_of(node, struct op, link);

		op->status = r;
		if (r < 0 && lost < 0 && !is_note(op))
			op->status = lost;
		else if (r < 0 && !one)
			op->status = journal_commit(journal, node, node->next);
		if (op->status < 0) {
			metric_add(&journal->failures, 1);
			lost = lost < 0 || !is_note(op) ? lost : op->status;
		}
	}
}

/* Try a note again later, unless a newer one of that record was to come. */
static void keep_note(struct journal *journal, struct op *op)
{
	list_for_each_safe(node, &journal->again) {
		struct op *old = container_of(node, struct op, link);

		if (memcmp(old->key, op->key, JOURNAL_KEY_SIZE) != 0)
			continue;
		list_remove(&old->link);
		journal_op_free(old);
	}
	list_append(&journal->again, &op->link);
}

/* A note could not be written. */
static void note_failed(struct journal *journal, int status)
{
	bool first;

	{
		WITH_LOCK(&journal->lock);
		first = journal->note_error == 0;
		if (first)
			journal->note_error = status;
	}
	if (first)
		log_error("the journal cannot be written: %s",
		          strerror(-status));
}

/* Tell whoever waits, and let the batch go. */
static void end_batch(struct journal *journal, struct list *batch)
{
	struct op *op;

	while ((op = list_first(batch, struct op, link))) {
		list_remove(&op->link);
		if (op->barrier) {
			WITH_LOCK(&journal->lock);
			journal->reached++;
			(void)pthread_cond_broadcast(&journal->synced);
		} else if (op->put) {
			op->put->status = op->status;
			op->put->done(op->put);
		} else if (op->status < 0) {
			note_failed(journal, op->status);
			keep_note(journal, op);
			continue;
		}
		journal_op_free(op);
	}
}

/* Answer puts that never were writes; done() must come from this thread. */
static void end_lost(struct list *lost)
{
	struct journal_put *put;

	while ((put = list_first(lost, struct journal_put, link))) {
		list_remove(&put->link);
		put->done(put);
	}
}

/* ---- the thread ---- */

/* Sleep until something happens or ms have passed. */
static void sleep_locked(struct journal *journal, long ms)
{
	struct timespec until;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	(void)pthread_cond_timedwait(&journal->wake, &journal->lock, &until);
}

/* Wait for work and take it. False: there is none, and there will be none. */
static bool next_batch(struct journal *journal, struct list *batch,
                       struct list *lost)
{
	WITH_LOCK(&journal->lock);
	while (list_empty(&journal->queue) && list_empty(&journal->lost) &&
	       !journal->stop) {
		if (list_empty(&journal->again)) {
			(void)pthread_cond_wait(&journal->wake, &journal->lock);
			continue;
		}
		sleep_locked(journal, RETRY_MS);
		break;
	}
	if (journal->waiting == 0 && !list_empty(&journal->queue) &&
	    list_empty(&journal->lost) && !journal->stop)
		sleep_locked(journal, GATHER_MS);
	list_splice(batch, &journal->again);
	list_splice(batch, &journal->queue);
	list_splice(lost, &journal->lost);
	journal->waiting = 0;
	return !list_empty(batch) || !list_empty(lost) || !journal->stop;
}

void *journal_run(void *arg)
{
	struct journal *journal = arg;
	struct list batch;
	struct list lost;
	bool stop;

	list_init(&batch);
	list_init(&lost);
	while (next_batch(journal, &batch, &lost)) {
		if (!list_empty(&batch)) {
			commit_batch(journal, &batch);
			end_batch(journal, &batch);
		}
		end_lost(&lost);
		{
			WITH_LOCK(&journal->lock);
			stop = journal->stop && list_empty(&journal->queue) &&
			       list_empty(&journal->lost);
		}
		if (stop)
			break; /* what is in again is left to recovery */
	}
	return NULL;
}

/* Hand a write to the thread. */
static void enqueue_locked(struct journal *journal, struct op *op)
{
	bool first = list_empty(&journal->queue);

	list_append(&journal->queue, &op->link);
	if (op->put || op->barrier)
		journal->waiting++;
	if (first || journal->waiting == 1)
		(void)pthread_cond_signal(&journal->wake);
}

/* ---- putting ---- */

/* Copy a write. Returns 0, -ENOMEM, or -ENOSPC when it can never fit. */
static int make_op(const struct journal *journal, const struct journal_put *put,
                   struct op **ret)
{
	cleanup(freep) struct op *op = calloc(1, sizeof(*op));
	int r = 0;

	if (!op)
		return -ENOMEM;
	if (put->value.len > journal->record_max)
		return -ENOSPC;
	journal_record_key(put->kind, put->id, op->key);
	op->drop = put->value.data == NULL;
	if (!op->drop)
		r = journal_record_make(op->key, put->value, &op->record);
	if (r == 0)
		*ret = take(&op);
	return r;
}

void journal_put(struct journal *journal, struct journal_put *put)
{
	struct op *op = NULL;
	int r;

	if (!journal) {
		put->status = 0;
		if (put->done)
			put->done(put);
		return;
	}

	assert(!journal->read_only);
	r = make_op(journal, put, &op);
	metric_add(&journal->writes, 1);
	WITH_LOCK(&journal->lock);
	assert(!journal->stop);
	put->status = r;
	if (op) {
		op->put = put->done ? put : NULL;
		enqueue_locked(journal, op);
	} else if (put->done) {
		list_append(&journal->lost, &put->link);
		(void)pthread_cond_signal(&journal->wake);
	} else if (journal->note_error == 0) {
		journal->note_error = r;
	}
}

void journal_note(struct journal *journal, enum journal_kind kind, uint64_t id,
                  struct slice value)
{
	struct journal_put put = {.kind = kind, .id = id, .value = value};

	journal_put(journal, &put);
}

void journal_drop(struct journal *journal, enum journal_kind kind, uint64_t id)
{
	journal_note(journal, kind, id, (struct slice){.data = NULL});
}

int journal_sync(struct journal *journal)
{
	struct op *op;
	uint64_t mine;
	int r;

	if (!journal)
		return 0;

	op = calloc(1, sizeof(*op));
	if (!op)
		return -ENOMEM;
	op->barrier = true;

	WITH_LOCK(&journal->lock);
	mine = ++journal->queued;
	enqueue_locked(journal, op);
	while (journal->reached < mine)
		(void)pthread_cond_wait(&journal->synced, &journal->lock);
	r = journal->note_error;
	journal->note_error = 0;
	return r;
}

uint64_t journal_id(struct journal *journal)
{
	if (!journal)
		return 0;

	WITH_LOCK(&journal->lock);
	return journal->next_id++;
}
