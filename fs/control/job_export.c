/* SPDX-License-Identifier: MIT */
/*
 * Export: a database into an object.
 *
 *   conn=prod db=shop out=primary/db/shop.sql.zst
 *   s3://primary/db/shop.sql --drop-if-exists --no-expiration
 *
 * The words are the dump's own (dumper/dump.h); here they meet a bucket, the
 * job's counters, its pause and its end.
 */
#include "job_export.h"

#include "base/conf.h"
#include "control_impl.h"
#include "dumper/dump.h"
#include "fs/admin.h"

#include <string.h>

#define EXPORTS_AT_ONCE 2

#define WORD(name, text)                                  \
	{                                                 \
		.key = name, .dashes = true, .help = text \
	}

/* What an export may say; what each means is the dump's to judge. */
static const struct command_rule export_rules[] = {
	{.key = "", .many = true, .help = "s3://BUCKET/KEY, or a word alone"},
	WORD("out", "BUCKET/KEY; .zst and .gz compress"),
	WORD("conn", "NAME of [mysql.NAME]; not given: [mysql] and DB_*"),
	WORD("db", "databases: a,`b c`"),
	WORD("all-databases", "every one but the server's own"),
	WORD("tables", "patterns of tables: a*,!b,`c d`"),
	{.key = "where.*", .dashes = true, .help = "where.TABLE=CONDITION"},
	WORD("schema", "off: no definitions"),
	WORD("data", "off: no rows"),
	WORD("triggers", "off: none"),
	WORD("routines", "off: none"),
	WORD("events", "off: none"),
	WORD("views", "off: none"),
	WORD("sequences", "off: none"),
	WORD("drop-if-exists", "DROP ... IF EXISTS before each object"),
	WORD("keep-if-exists", "CREATE ... IF NOT EXISTS"),
	WORD("expires", "1h: when the object is to be deleted"),
	WORD("no-expiration", "it stays"),
	WORD("threads", "sessions that read, 1 to 32"),
	WORD("definer", "keep, strip, map=OLD:NEW"),
	WORD("compress", "zstd[:LEVEL], gzip[:LEVEL], none"),
	WORD("consistent", "0: not of one moment"),
	WORD("allow-partial", "go on without what cannot be seen"),
	WORD("index", "off: no KEY.idx"),
	{.key = "mask.*", .dashes = true, .help = "not built yet"},
};

/* What a job has between prepare() and its end. */
struct export
{
	struct dump_options *options;
	struct db_config *db;
	struct place place;

	struct job *job; /* while it runs */
	struct dump_progress progress;
	pthread_mutex_t lock;
	uint64_t told_bytes; /* lock: what the job has counted */
	uint64_t told_rows;  /* lock */
	bool expected;       /* lock: totals are set */
};

static void export_free(void *private)
{
	struct export *e = private;

	if (!e)
		return;
	dump_options_free(e->options);
	db_config_free(e->db);
	place_release(&e->place);
	(void)pthread_mutex_destroy(&e->lock);
	free(e);
}
DEFINE_CLEANUP(void *, export_free);

/* A plain word: where to, or a switch that is on. */
static int take_plain(struct dump_options *options, const char *word,
                      struct err *reterr)
{
	if (!strchr(word, '/'))
		return dump_options_set(options, word, NULL, reterr);
	if (options->out)
		return err_set(reterr, -EINVAL, "the target is given twice");
	return dump_options_set(options, "out", word, reterr);
}

static int take_words(const struct command *command,
                      struct dump_options *options, struct err *reterr)
{
	int r = 0;

	for (size_t i = 0; i < command->count && r == 0; i++) {
		const struct command_word *word = &command->words[i];
		const char *key = word->key;

		key += str_starts(key, "--") ? 2 : 0;
		/* Of all jobs, not of the dump. */
		if (strcmp(key, "id") == 0 || strcmp(key, "sync") == 0 ||
		    strcmp(key, "dryrun") == 0 || strcmp(key, "paused") == 0)
			continue;
		r = *key ? dump_options_set(options, key, word->value, reterr)
		         : take_plain(options, word->value, reterr);
	}
	return r == 0 ? dump_options_check(options, reterr) : r;
}

/* The bucket of a target without one: alt-export when it is there. */
static const char *default_bucket(struct job *job)
{
	/* Which option names the directory. */
	static const char *const names[] = {"alt_export_name", "primary_name"};
	const struct conf *conf = job_conf(job);
	struct fs_bucket_view view;

	for (size_t i = 0; conf && i < 2; i++) {
		const char *dir = conf_text(conf, NULL, names[i]);

		if (dir && fs_bucket_named(job_fs(job), dir, &view) == 0 &&
		    view.store)
			return dir;
	}
	return NULL;
}

/* Where the object goes, and may it? */
static int find_place(struct job *job, struct export *e, struct err *reterr)
{
	const char *out = e->options->out;
	cleanup(freep) char *full = NULL;
	int r;

	if (!out)
		return err_set(reterr, -EINVAL, "where to? Say out=BUCKET/KEY");
	if (!strchr(out, '/') && default_bucket(job)) {
		full = str_printf("%s/%s", default_bucket(job), out);
		if (!full)
			return err_set(reterr, -ENOMEM, "out of memory");
		out = full;
	}
	r = place_find(job_fs(job), job_conf(job), out, &e->place, reterr);
	if (r < 0)
		return r;
	if (!e->place.key[0] || str_ends(e->place.key, "/"))
		return err_set(reterr, -EINVAL, "'%s' is no object's name",
		               out);
	r = fs_bucket_may(job_fs(job), e->place.bucket.number, true, reterr);
	if (r < 0)
		return r;
	full = full ? full : strdup(out);
	return full && job_set_target(job, full) == 0
	               ? 0
	               : err_set(reterr, -ENOMEM, "out of memory");
}

static int load_connection(struct job *job, struct export *e,
                           struct err *reterr)
{
	if (!job_conf(job))
		return err_set(reterr, -EOPNOTSUPP,
		               "there is no configuration");
	return db_config_load(job_conf(job), e->options->conn, NULL, &e->db,
	                      reterr);
}

static int export_prepare(struct job *job, struct err *reterr)
{
	cleanup(export_freep) void *owned = calloc(1, sizeof(struct export));
	struct export *e = owned;
	int r;

	if (!e)
		return err_set(reterr, -ENOMEM, "out of memory");
	(void)pthread_mutex_init(&e->lock, NULL);
	e->options = dump_options_new();
	if (!e->options)
		return err_set(reterr, -ENOMEM, "out of memory");
	r = take_words(job_command(job), e->options, reterr);
	if (r == 0)
		r = find_place(job, e, reterr);
	if (r == 0)
		r = load_connection(job, e, reterr);
	if (r == 0)
		r = dump_check(e->db, e->options, reterr);
	if (r < 0)
		return r;
	job_set_private(job, take(&owned));
	return 0;
}

/* ---- while it runs ---- */

/* What came since the last time, to the job's counters. */
static void count(struct export *e)
{
	uint64_t bytes, rows;
	bool totals;

	{
		WITH_LOCK(&e->lock);
		bytes = e->progress.bytes_out - e->told_bytes;
		rows = e->progress.rows - e->told_rows;
		totals = !e->expected && e->progress.rows_expected > 0;
		e->told_bytes += bytes;
		e->told_rows += rows;
		e->expected |= totals;
	}
	job_add(e->job, JOB_BYTES, bytes);
	job_add(e->job, JOB_ROWS, rows);
	if (totals)
		job_set_total(e->job, JOB_ROWS, e->progress.rows_expected);
}

/* Go on? Any of the dump's threads; waits while the job is paused. */
static int go_on(void *ctx)
{
	struct export *e = ctx;

	count(e);
	return job_check(e->job);
}

static void note(void *ctx, const char *sentence)
{
	struct export *e = ctx;

	job_log(e->job, "%s", sentence);
}

static int open_sink(struct export *e, const char *key, bool index,
                     const char *expires, struct dump_sink **ret,
                     struct err *reterr)
{
	const struct dump_store_config config = {
		.store = e->place.bucket.store,
		.key = key,
		.content_type =
			index ? "application/jsonl"
			      : dump_options_content_type(e->options, key),
		.expires = expires[0] ? expires : NULL,
		/* An index is small: no more than it needs. */
		.in_flight = index ? 1 : 0};

	return dump_sink_store(&config, ret, reterr);
}

static int run_dump(struct export *e, struct dump_config *config,
                    struct dump_report *ret, struct err *reterr)
{
	const struct clock *clock = job_clock(e->job);
	cleanup(freep) char *index = str_printf("%s.idx", e->place.key);
	char expires[24];
	int r;

	if (!index)
		return err_set(reterr, -ENOMEM, "out of memory");
	dump_options_expiry(e->options, clock_wall(clock).tv_sec,
	                    conf_number(job_conf(e->job), NULL,
	                                "export_expiration"),
	                    expires);
	r = open_sink(e, e->place.key, false, expires, &config->sink, reterr);
	if (r == 0 && e->options->index)
		r = open_sink(e, index, true, expires, &config->index, reterr);
	if (r == 0)
		r = dump_run(config, ret, reterr);
	dump_sink_free(config->sink);
	dump_sink_free(config->index);
	if (r == 0 && ret->indexed)
		fs_name_changed(job_fs(e->job), e->place.bucket.number, index);
	return r;
}

static int run_dry(struct job *job, const struct export *e, struct err *reterr)
{
	struct dump_estimate estimate;
	int r = dump_dryrun(e->db, e->options, &estimate, reterr);

	if (r < 0)
		return r;
	job_add(job, JOB_OBJECTS, 1 + e->options->index);
	job_add(job, JOB_ROWS, estimate.rows);
	job_add(job, JOB_BYTES, estimate.bytes);
	return 0;
}

static int export_run(struct job *job, struct err *reterr)
{
	struct export *e = job_private(job);
	struct dump_config config = {.db = e->db,
	                             .options = e->options,
	                             .key = e->place.key,
	                             .progress = &e->progress,
	                             .check = go_on,
	                             .note = note,
	                             .ctx = e};
	struct dump_report report;
	cleanup(freep) char *result = NULL;
	int r;

	if (job_is_dry(job))
		return run_dry(job, e, reterr);
	e->job = job;
	memset(&e->progress, 0, sizeof(e->progress));
	e->told_bytes = e->told_rows = 0;
	e->expected = false;
	job_set_total(job, JOB_OBJECTS, 1);
	r = run_dump(e, &config, &report, reterr);
	if (r < 0)
		return r;
	count(e);
	job_add(job, JOB_OBJECTS, 1);
	job_log(job, "%llu tables, %llu rows of one moment: %s%s",
	        (unsigned long long)report.tables,
	        (unsigned long long)report.rows, report.moment,
	        report.complete ? "" : "; not complete");
	fs_name_changed(job_fs(job), e->place.bucket.number, e->place.key);
	result = str_printf("%s/%s", e->place.bucket.name, e->place.key);
	if (result)
		job_set_result(job, result);
	return 0;
}

const struct job_ops job_export = {
	.kind = "export",
	.help = "dump a database into an object, whole or not at all",
	.rules = export_rules,
	.rule_count = sizeof(export_rules) / sizeof(export_rules[0]),
	.limit = EXPORTS_AT_ONCE,
	.changes = true,
	.prepare = export_prepare,
	.run = export_run,
	.free = export_free,
};
