/* SPDX-License-Identifier: MIT */
/*
 * Import: a dump out of an object into a database.
 *
 *   from=primary/db/shop.sql.zst conn=prod db=shop
 *   s3://primary/db/shop.sql
 *
 * The import keeps its own account at the server (dumper/load.h), under the
 * job's id: a job that is begun again, by retry or after a killed daemon, goes
 * on behind what is there.
 */
#include "job_import.h"

#include "base/conf.h"
#include "base/json.h"
#include "control_impl.h"
#include "dumper/load.h"
#include "s3/store.h"

#include <string.h>

#define IMPORTS_AT_ONCE 2

#define WORD(name, text)                                  \
	{                                                 \
		.key = name, .dashes = true, .help = text \
	}

/* What an import may say. */
static const struct command_rule import_rules[] = {
	{.key = "", .many = true, .help = "s3://BUCKET/KEY or BUCKET/KEY"},
	WORD("from", "BUCKET/KEY; zstd, gzip and xz are found out"),
	WORD("conn", "NAME of [mysql.NAME]; not given: [mysql] and DB_*"),
	WORD("db", "load into this database, whatever the dump names"),
	WORD("tables", "patterns of tables: a*,!b; nothing else is loaded"),
	WORD("threads", "sessions for rows, 1 to 32"),
	WORD("on-error", "stop, or skip statements that fail"),
};

/* What a job has between prepare() and its end. */
struct import {
	struct db_config *db;
	struct place place;
	struct load_config config; /* texts borrowed from the command */

	struct job *job; /* while it runs */
	struct load_progress progress;
	uint64_t told_bytes; /* what the job has counted; the reader's */
	uint64_t told_rows;
	atomic_bool cancel;
};

static void import_free(void *private)
{
	struct import *im = private;

	if (!im)
		return;
	db_config_free(im->db);
	place_release(&im->place);
	free(im);
}
DEFINE_CLEANUP(void *, import_free);

/* The value of a word, with or without dashes; NULL when it is not there. */
static const char *word_value(const struct command *command, const char *key)
{
	for (size_t i = 0; i < command->count; i++) {
		const char *name = command->words[i].key;

		name += str_starts(name, "--") ? 2 : 0;
		if (strcmp(name, key) == 0)
			return command->words[i].value;
	}
	return NULL;
}

/* Where from: from=, or the one plain word. */
static int find_from(const struct command *command, const char **ret,
                     struct err *reterr)
{
	const char *from = word_value(command, "from");

	for (size_t i = 0; i < command->count; i++) {
		if (*command->words[i].key)
			continue;
		if (from)
			return err_set(reterr, -EINVAL,
			               "one word too many: '%s'",
			               command->words[i].value);
		from = command->words[i].value;
	}
	if (!from)
		return err_set(reterr, -EINVAL, "what? Say from=BUCKET/KEY");
	*ret = from;
	return 0;
}

static int take_words(const struct command *command, struct import *im,
                      struct err *reterr)
{
	const char *threads = word_value(command, "threads");
	const char *on_error = word_value(command, "on-error");
	uint64_t n = 0;

	im->config.database = word_value(command, "db");
	im->config.tables = word_value(command, "tables");
	if (threads && str_to_u64(threads, &n) < 0)
		return err_set(reterr, -EINVAL, "threads='%s' is no number",
		               threads);
	if (threads && (n < 1 || n > LOAD_THREADS_MAX))
		return err_set(reterr, -EDOM, "threads has 1 to %d",
		               LOAD_THREADS_MAX);
	im->config.threads = (unsigned)n;
	if (on_error && strcmp(on_error, "stop") != 0 &&
	    strcmp(on_error, "skip") != 0)
		return err_set(reterr, -EINVAL,
		               "on-error is stop or skip, not '%s'", on_error);
	im->config.skip_errors = on_error && strcmp(on_error, "skip") == 0;
	return 0;
}

/* The object must be there, and be readable. */
static int check_object(struct import *im, const char *from, struct err *reterr)
{
	struct store_req req = {.verb = STORE_HEAD, .key = im->place.key};

	if (!im->place.key[0] || str_ends(im->place.key, "/"))
		return err_set(reterr, -EINVAL, "'%s' is no object's name",
		               from);
	if (!im->place.bucket.store)
		return err_set(reterr, -EIO, "the bucket of '%s' is not usable",
		               from);
	if (im->place.bucket.mode == FS_BUCKET_WO)
		return err_set(reterr, -EPERM,
		               "the bucket of '%s' is write-only here", from);
	if (store_call(im->place.bucket.store, &req) < 0)
		return err_set(reterr, req.status, "%s", req.err.text);
	return 0;
}

/* The connection must work; two imports into one database exclude each other. */
static int check_connection(struct job *job, struct import *im,
                            struct err *reterr)
{
	const char *conn = word_value(job_command(job), "conn");
	struct db_facts facts;
	int r;

	if (!job_conf(job))
		return err_set(reterr, -EOPNOTSUPP,
		               "there is no configuration");
	r = db_config_load(job_conf(job), conn, NULL, &im->db, reterr);
	if (r == 0)
		r = db_test(im->db, &facts, reterr);
	if (r < 0)
		return r;

	cleanup(freep) char *target =
		str_printf("mysql:%s/%s", conn ? conn : "default",
	                   im->config.database ? im->config.database : "");

	return target && job_set_target(job, target) == 0
	               ? 0
	               : err_set(reterr, -ENOMEM, "out of memory");
}

static int import_prepare(struct job *job, struct err *reterr)
{
	cleanup(import_freep) void *owned = calloc(1, sizeof(struct import));
	struct import *im = owned;
	const char *from = NULL;
	int r;

	if (!im)
		return err_set(reterr, -ENOMEM, "out of memory");
	r = find_from(job_command(job), &from, reterr);
	if (r == 0)
		r = take_words(job_command(job), im, reterr);
	if (r == 0)
		r = place_find(job_fs(job), job_conf(job), from, &im->place,
		               reterr);
	if (r == 0)
		r = check_object(im, from, reterr);
	if (r == 0)
		r = check_connection(job, im, reterr);
	if (r < 0)
		return r;
	job_set_private(job, take(&owned));
	return 0;
}

/* ---- while it runs ---- */

/* What came since the last time, to the job's counters. */
static void count(struct import *im)
{
	uint64_t bytes = im->progress.bytes;
	uint64_t rows = im->progress.rows;

	job_add(im->job, JOB_BYTES, bytes - im->told_bytes);
	job_add(im->job, JOB_ROWS, rows - im->told_rows);
	im->told_bytes = bytes;
	im->told_rows = rows;
}

/* Go on? Waits while the job is paused. */
static int go_on(void *ctx)
{
	struct import *im = ctx;

	count(im);
	return job_check(im->job);
}

static void note(void *ctx, const char *sentence)
{
	struct import *im = ctx;

	job_log(im->job, "%s", sentence);
}

/* A failed statement, with all that is known of it. */
static void tell_error(void *ctx, const struct load_error *e)
{
	struct import *im = ctx;
	struct jval *line = jval_new_object();

	if (line) {
		(void)jval_set_u64(line, "stmt", e->statement);
		(void)jval_set_u64(line, "line", e->line);
		(void)jval_set_u64(line, "offset", e->offset);
		(void)jval_set_u64(line, "errno", e->number);
		(void)jval_set_text(line, "sqlstate", e->sqlstate);
		(void)jval_set_text(line, "msg", e->message);
		(void)jval_set_text(line, "table", e->table);
		(void)jval_set_u64(line, "row", e->row);
		if (jval_set_text(line, "excerpt", e->excerpt) < 0)
			(void)jval_set_text(line, "excerpt", "(not UTF-8)");
	}
	job_log_record(im->job, line);
	job_add(im->job, JOB_FAILURES, 1);
}

static void wake(void *ctx)
{
	struct import *im = ctx;

	atomic_store(&im->cancel, true);
}

static int run_dry(struct job *job, const struct import *im, struct err *reterr)
{
	struct store_req req = {.verb = STORE_HEAD, .key = im->place.key};

	if (store_call(im->place.bucket.store, &req) < 0)
		return err_set(reterr, req.status, "%s", req.err.text);
	job_add(job, JOB_OBJECTS, 1);
	job_add(job, JOB_BYTES, req.info.size);
	return 0;
}

/* The import itself, from the object as it is now. */
static int load_object(struct import *im, struct load_report *ret,
                       struct err *reterr)
{
	cleanup(load_source_freep) struct load_source *source = NULL;
	const struct load_store_config config = {.store =
	                                                 im->place.bucket.store,
	                                         .key = im->place.key,
	                                         .tables = im->config.tables};
	int r = load_source_store(&config, &source, reterr);

	if (r < 0)
		return r;
	job_set_total(im->job, JOB_BYTES, source->size);
	im->config.source = source;
	im->config.db = im->db;
	im->config.job = job_id(im->job);
	im->config.progress = &im->progress;
	im->config.cancel = &im->cancel;
	im->config.check = go_on;
	im->config.error = tell_error;
	im->config.note = note;
	im->config.ctx = im;
	return load_run(&im->config, ret, reterr);
}

static int import_run(struct job *job, struct err *reterr)
{
	struct import *im = job_private(job);
	struct load_report report = {0};
	int r;

	if (job_is_dry(job))
		return run_dry(job, im, reterr);
	im->job = job;
	memset(&im->progress, 0, sizeof(im->progress));
	im->told_bytes = im->told_rows = 0;
	atomic_store(&im->cancel, false);
	job_set_total(job, JOB_OBJECTS, 1);
	job_on_cancel(job, wake, im);
	r = load_object(im, &report, reterr);
	job_on_cancel(job, NULL, NULL);
	count(im);
	if (report.resumed)
		job_log(job, "went on behind what an earlier run had done");
	if (r < 0 && report.can_resume)
		job_log(job, "retry goes on from here");
	if (r < 0)
		return r;
	job_add(job, JOB_OBJECTS, 1);
	job_log(job, "%llu statements, %llu rows, %llu failed",
	        (unsigned long long)report.statements,
	        (unsigned long long)report.rows,
	        (unsigned long long)report.errors);
	return 0;
}

const struct job_ops job_import = {
	.kind = "import",
	.help = "load a dump out of a bucket into a database",
	.rules = import_rules,
	.rule_count = sizeof(import_rules) / sizeof(import_rules[0]),
	.limit = IMPORTS_AT_ONCE,
	.resumes = true,
	.changes = true,
	.prepare = import_prepare,
	.run = import_run,
	.free = import_free,
};
