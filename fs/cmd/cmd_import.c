/* SPDX-License-Identifier: MIT */
/*
 * porter import: a dump into a database, with no mount.
 *
 *   porter import from=primary/db/shop.sql.zst conn=prod db=shop job=tonight
 *   porter import s3://primary/db/shop.sql
 *   porter import ./shop.sql --db=shop          a file: a path with ./ or /
 *   zcat x.gz | porter import -
 *
 * Words are those of .porter/import, and job=NAME, under which the same command
 * goes on behind what is there.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "dumper/load.h"
#include "options.h"
#include "porter.h"
#include "tool_bucket.h"
#include "tool_watch.h"
#include "tool_words.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

struct import {
	const char *from; /* borrowed, as all words are */
	const char *conn;
	struct load_config config;
	struct load_progress progress;
	struct tool_words line; /* with the configuration */
	struct db_config *db;
	struct tool_bucket *bucket; /* NULL: a file */
	struct load_source *source;
	bool quiet;
	struct tool_watch watch;
};

static void import_release(struct import *im)
{
	load_source_free(im->source);
	tool_bucket_close(im->bucket);
	db_config_free(im->db);
	tool_words_release(&im->line);
}

/* ---- words ---- */

static int take_threads(struct import *im, const char *value,
                        struct err *reterr)
{
	uint64_t n = 0;

	if (str_to_u64(value, &n) < 0 || n < 1 || n > LOAD_THREADS_MAX)
		return err_set(reterr, -EDOM, "threads has 1 to %d, not '%s'",
		               LOAD_THREADS_MAX, value);
	im->config.threads = (unsigned)n;
	return 0;
}

static int take_on_error(struct import *im, const char *value,
                         struct err *reterr)
{
	im->config.skip_errors = strcmp(value, "skip") == 0;
	if (!im->config.skip_errors && strcmp(value, "stop") != 0)
		return err_set(reterr, -EINVAL,
		               "on-error is stop or skip, not '%s'", value);
	return 0;
}

/* The place for a word that is only kept; NULL: no such word. */
static const char **text_of(struct import *im, const char *name, size_t len)
{
	const struct {
		const char *name;
		const char **place;
	} texts[] = {
		{"from", &im->from},          {"conn", &im->conn},
		{"db", &im->config.database}, {"tables", &im->config.tables},
		{"job", &im->config.job},
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (strlen(texts[i].name) == len &&
		    strncmp(texts[i].name, name, len) == 0)
			return texts[i].place;
	}
	return NULL;
}

/* "name=value". */
static int take_value(struct import *im, const char *name, size_t len,
                      struct err *reterr)
{
	const char *value = name + len + 1;
	const char **text = text_of(im, name, len);

	if (text) {
		*text = value;
		return 0;
	}
	if (len == 7 && strncmp(name, "threads", len) == 0)
		return take_threads(im, value, reterr);
	if (len == 8 && strncmp(name, "on-error", len) == 0)
		return take_on_error(im, value, reterr);
	return err_set(reterr, -EINVAL, "an import knows no word '%.*s'",
	               (int)len, name);
}

/* "--name=value", "name=value", "quiet", or the dump. */
static int take_word(void *ctx, const char *word, struct err *reterr)
{
	struct import *im = ctx;
	bool dashes = str_starts(word, "--");
	const char *name = word + (dashes ? 2 : 0);
	const char *equals = strchr(name, '=');
	const char *slash = strchr(name, '/');

	if (strcmp(name, "quiet") == 0) {
		im->quiet = true;
		return 0;
	}
	if (equals && !(slash && slash < equals))
		return take_value(im, name, (size_t)(equals - name), reterr);
	if (dashes)
		return err_set(reterr, -EINVAL, "'%s' needs a value", word);
	if (im->from)
		return err_set(reterr, -EINVAL, "one word too many: '%s'",
		               word);
	im->from = word;
	return 0;
}

static int take_words(struct import *im, char **argv, struct err *reterr)
{
	int r = tool_words_take(&im->line, argv, take_word, im, reterr);

	if (r == 0 && !im->from)
		r = err_set(reterr, -EINVAL,
		            "what? Say from=BUCKET/KEY, ./FILE or -");
	return r;
}

/* ---- while it runs ---- */

static void say_note(void *ctx, const char *sentence)
{
	const struct import *im = ctx;

	tool_watch_clear(&im->watch);
	if (!im->quiet)
		log_warning("%s", sentence);
}

static void say_error(void *ctx, const struct load_error *e)
{
	const struct import *im = ctx;

	tool_watch_clear(&im->watch);
	log_error("statement %" PRIu64 ", line %" PRIu64 ", offset %" PRIu64
	          "%s%s: %s: \"%s\"",
	          e->statement, e->line, e->offset,
	          e->table[0] ? ", table " : "", e->table, e->message,
	          e->excerpt);
}

static void show_line(void *ctx)
{
	const struct import *im = ctx;
	uint64_t ms = tool_watch_ms(&im->watch);
	double mb = (double)im->progress.text / 1e6;
	uint64_t size = im->source->size;

	(void)fprintf(stderr, "%llu rows, %.0f MB of SQL, %.0f MB/s",
	              (unsigned long long)im->progress.rows, mb,
	              ms > 0 ? mb * 1000 / (double)ms : 0.0);
	if (size > 0 && size != LOAD_SIZE_UNKNOWN)
		(void)fprintf(stderr, ", %.0f %%",
		              (double)im->progress.bytes * 100 / (double)size);
}

/* ---- the work ---- */

static int open_source(struct import *im, struct err *reterr)
{
	struct load_store_config config = {0};
	int r;

	if (tool_is_file(im->from))
		return load_source_file(im->from, &im->source, reterr);
	r = tool_bucket_open(im->line.options.conf, im->from,
	                     tool_export_directory(im->line.options.conf),
	                     &im->bucket, reterr);
	if (r < 0)
		return r;
	config.store = tool_bucket_store(im->bucket);
	config.key = tool_bucket_key(im->bucket);
	config.tables = im->config.tables;
	return load_source_store(&config, &im->source, reterr);
}

static int run_load(struct import *im, struct load_report *report,
                    struct err *reterr)
{
	struct load_config *config = &im->config;
	int r;

	config->db = im->db;
	config->source = im->source;
	config->progress = &im->progress;
	config->cancel = &im->watch.interrupted;
	config->error = say_error;
	config->note = say_note;
	config->ctx = im;
	r = tool_watch_begin(&im->watch);
	if (r < 0)
		return err_set(reterr, r, "no thread");
	r = load_run(config, report, reterr);
	tool_watch_end(&im->watch);
	return r;
}

static int run(struct import *im, struct err *reterr)
{
	struct load_report report = {0};
	int r = db_config_load(im->line.options.conf, im->conn, NULL, &im->db,
	                       reterr);

	if (r == 0)
		r = open_source(im, reterr);
	if (r == 0)
		r = run_load(im, &report, reterr);
	if (r < 0 && report.can_resume)
		log_info("the same command goes on from here");
	if (r < 0 || im->quiet)
		return r;
	(void)fprintf(stderr,
	              "%" PRIu64 " statements, %" PRIu64 " rows, %" PRIu64
	              " failed, in %.1f s%s\n",
	              report.statements, report.rows, report.errors,
	              (double)tool_watch_ms(&im->watch) / 1000,
	              report.resumed ? "; went on behind an earlier run" : "");
	return 0;
}

int cmd_import(int argc, char **argv)
{
	struct import im = {.watch = {.terminal = isatty(STDERR_FILENO) != 0,
	                              .show = show_line,
	                              .ctx = &im}};
	struct err err = {0};
	int status = PORTER_OK;

	(void)argc;
	if (take_words(&im, argv + 1, &err) < 0) {
		log_error("%s: see porter --help", err.text);
		status = PORTER_USAGE;
	} else if (tool_words_load(&im.line, !tool_is_file(im.from), &err) <
	           0) {
		log_error("%s", err.text);
		status = im.line.options.usage_error ? PORTER_USAGE
		                                     : PORTER_FAILED;
	} else {
		im.watch.terminal &= !im.quiet;
		tool_watch_hold(&im.watch);
		if (run(&im, &err) < 0) {
			log_error("%s", err.text);
			status = PORTER_FAILED;
		}
	}
	import_release(&im);
	return status;
}
