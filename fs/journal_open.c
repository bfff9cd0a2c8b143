/* SPDX-License-Identifier: MIT */
/*
 * The journal's two ends, and what is found in it.
 *
 * Ids: "next id" on disk is always beyond any that was given out; it is moved
 * ahead in blocks, and set to the very next one when the journal is closed.
 */
#include "base/lock.h"
#include "base/log.h"
#include "base/str.h"
#include "base/thread.h"
#include "journal_state.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* ---- reading ---- */

/* Hand the records of a kind to each(), from the cursor on. */
static int each_record(struct kv_cursor *cursor, enum journal_kind kind,
                       int (*each)(void *ctx, uint64_t id, struct slice value),
                       void *ctx)
{
	uint8_t from[JOURNAL_KEY_SIZE];
	struct slice key = {.data = from, .len = JOURNAL_KEY_SIZE};
	struct slice record;
	unsigned damaged = 0;
	int r;

	journal_record_key(kind, 0, from);
	r = kv_cursor_seek(cursor, key, &key, &record);
	while (r == 0 && key.len > 0 && key.data[0] == (uint8_t)kind) {
		if (!journal_record_good(key, record)) {
			damaged++;
		} else {
			struct slice value = {
				.data = record.data + JOURNAL_HEAD_SIZE,
				.len = record.len - JOURNAL_HEAD_SIZE};

			r = each(ctx, journal_record_id(key.data), value);
			if (r != 0)
				return r;
		}
		r = kv_cursor_next(cursor, &key, &record);
	}
	if (damaged > 0)
		log_error("%u records of the journal are damaged and were "
		          "passed over",
		          damaged);
	return r == -ENOENT ? 0 : r;
}

int journal_each(struct journal *journal, enum journal_kind kind,
                 int (*each)(void *ctx, uint64_t id, struct slice value),
                 void *ctx)
{
	struct kv_txn *txn = NULL;
	struct kv_cursor *cursor = NULL;
	int r;

	if (!journal)
		return 0;

	r = kv_begin(journal->kv, false, &txn);
	if (r < 0)
		return r;
	r = kv_cursor_open(txn, TABLE_RECORDS, &cursor);
	if (r == 0)
		r = each_record(cursor, kind, each, ctx);
	kv_cursor_close(cursor);
	kv_abort(txn);
	return r;
}

/* ---- open and close ---- */

/* Read the next id. A journal that was just made has none. */
static int load_id(struct journal *journal)
{
	struct slice value;
	struct kv_txn *txn = NULL;
	int r = kv_begin(journal->kv, false, &txn);

	if (r < 0)
		return r;
	r = kv_get(txn, TABLE_STATE, journal_id_key(), &value);
	journal->next_id = 1;
	if (r == -ENOENT)
		r = 0;
	else if (r == 0 && value.len != sizeof(journal->next_id))
		r = -EUCLEAN;
	else if (r == 0)
		memcpy(&journal->next_id, value.data, value.len);
	kv_abort(txn);
	return r;
}

/* Put a damaged journal out of the way. */
static int move_aside(const char *dir, struct err *story, struct err *reterr)
{
	cleanup(freep) char *aside = NULL;
	char stamp[32] = "";
	time_t now = time(NULL);
	struct tm tm;

	if (gmtime_r(&now, &tm))
		(void)strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	aside = str_printf("%s.damaged-%s", dir, stamp);
	if (!aside)
		return err_set(reterr, -ENOMEM, "out of memory");
	if (rename(dir, aside) < 0)
		return err_set(
			reterr, -EUCLEAN,
			"the journal is damaged (%s) and cannot be moved "
			"aside: %s",
			story->text, strerror(errno));
	return err_set(reterr, -EUCLEAN,
	               "the journal is damaged (%s): it was moved to '%s', and "
	               "the next start begins a new one",
	               story->text, aside);
}

/* Open the environment, a damaged one once only. */
static int open_kv(struct journal *journal, const struct journal_config *config,
                   struct err *reterr)
{
	struct kv_config kv_config = {
		.dir = config->dir,
		.size_max = config->size_max,
		.sync = true,
		.thorough = !config->read_only,
		.read_only = config->read_only,
		.table_count = TABLE_COUNT,
		.tables = {[TABLE_RECORDS] = "records", [TABLE_STATE] = "state"},
	};
	struct err story = {0};
	int r;

	if (!config->read_only && mkdir(config->dir, 0700) < 0 &&
	    errno != EEXIST) {
		r = -errno;
		return err_set(reterr, r, "'%s' cannot be made: %s",
		               config->dir, strerror(-r));
	}
	r = kv_open(&kv_config, &journal->kv, &story);
	if (r == -EUCLEAN && !config->read_only)
		return move_aside(config->dir, &story, reterr);
	return r < 0 ? err_set(reterr, r, "%s", story.text) : 0;
}

/* The thread's side of a new journal. */
static int start(struct journal *journal)
{
	pthread_condattr_t attr;
	int r = load_id(journal);

	if (r < 0)
		return r;
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&journal->wake, &attr);
	(void)pthread_condattr_destroy(&attr);
	(void)pthread_cond_init(&journal->synced, NULL);
	(void)pthread_mutex_init(&journal->lock, NULL);
	list_init(&journal->queue);
	list_init(&journal->lost);
	list_init(&journal->again);
	if (journal->read_only)
		return 0;
	r = journal_commit(journal, &journal->queue, &journal->queue);
	if (r == 0)
		r = thread_start("journal", journal_run, journal,
		                 &journal->thread);
	journal->running = r == 0;
	return r;
}

/* Own the counters. */
static void register_metrics(struct journal *journal, struct metrics *metrics)
{
	journal->metrics = metrics;
	journal->writes = (struct metric){
		.kind = METRIC_COUNTER,
		.name = "porterfs_journal_writes_total",
		.help = "Records written to or dropped from the journal."};
	journal->commits = (struct metric){
		.kind = METRIC_COUNTER,
		.name = "porterfs_journal_commits_total",
		.help = "Synced commits of the journal; each carries many "
			"writes."};
	journal->failures = (struct metric){
		.kind = METRIC_COUNTER,
		.name = "porterfs_journal_failures_total",
		.help = "Writes that the journal could not keep."};
	metrics_register(metrics, &journal->writes);
	metrics_register(metrics, &journal->commits);
	metrics_register(metrics, &journal->failures);
}

int journal_open(const struct journal_config *config, struct journal **ret,
                 struct err *reterr)
{
	struct journal *journal = calloc(1, sizeof(*journal));
	int r;

	if (!journal)
		return err_set(reterr, -ENOMEM, "out of memory");

	journal->read_only = config->read_only;
	journal->record_max = config->size_max / 4;
	r = open_kv(journal, config, reterr);
	if (r < 0) {
		free(journal);
		return r;
	}
	r = start(journal);
	if (r < 0) {
		kv_close(journal->kv);
		free(journal);
		return err_set(reterr, r, "the journal '%s' cannot be used: %s",
		               config->dir, strerror(-r));
	}
	register_metrics(journal, config->metrics);
	*ret = journal;
	return 0;
}

/* Give back the ids that were reserved and not used. */
static void store_last_id(struct journal *journal)
{
	struct kv_txn *txn = NULL;

	if (kv_begin(journal->kv, true, &txn) < 0)
		return;
	if (journal_store_id(txn, journal->next_id) < 0)
		kv_abort(txn);
	else
		(void)kv_commit(txn); /* else ids have a gap */
}

void journal_close(struct journal *journal)
{
	struct op *op;

	if (!journal)
		return;

	if (journal->running) {
		{
			WITH_LOCK(&journal->lock);
			journal->stop = true;
			(void)pthread_cond_signal(&journal->wake);
		}
		(void)pthread_join(journal->thread, NULL);
		store_last_id(journal);
	}
	while ((op = list_first(&journal->again, struct op, link))) {
		list_remove(&op->link);
		journal_op_free(op);
	}
	metrics_remove(journal->metrics, &journal->writes);
	metrics_remove(journal->metrics, &journal->commits);
	metrics_remove(journal->metrics, &journal->failures);
	kv_close(journal->kv);
	(void)pthread_cond_destroy(&journal->wake);
	(void)pthread_cond_destroy(&journal->synced);
	(void)pthread_mutex_destroy(&journal->lock);
	free(journal);
}
