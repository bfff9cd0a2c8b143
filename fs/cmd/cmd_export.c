/* SPDX-License-Identifier: MIT */
/*
 * porter export: a database into an object or a file, with no mount.
 *
 *   porter export conn=prod db=shop out=primary/db/shop.sql.zst
 *   porter export s3://primary/db/shop.sql --drop-if-exists --no-expiration
 *   porter export --db=shop --out=./shop.sql        a file: a path with ./ or /
 *
 * Words are those of .porter/export; an option may have its value behind it.
 */
#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "base/str.h"
#include "daemon.h"
#include "dumper/dump.h"
#include "options.h"
#include "porter.h"
#include "tool_bucket.h"
#include "tool_watch.h"
#include "tool_words.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

struct export
{
	struct dump_options *words;
	struct tool_words line; /* with the configuration */
	struct db_config *db;
	struct tool_bucket *bucket; /* NULL: a file */
	struct dump_progress progress;
	struct dump_report report;
	bool dry;
	bool quiet;
	struct tool_watch watch;
};

static void export_release(struct export *e)
{
	tool_bucket_close(e->bucket);
	db_config_free(e->db);
	dump_options_free(e->words);
	tool_words_release(&e->line);
}

/* ---- words ---- */

/* "--name=value", "name=value", "--name", "name", or a place. */
static int take_word(void *ctx, const char *word, struct err *reterr)
{
	struct export *e = ctx;
	bool dashes = str_starts(word, "--");
	cleanup(freep) char *name = strdup(word + (dashes ? 2 : 0));
	char *equals = name ? strchr(name, '=') : NULL;

	if (!name)
		return err_set(reterr, -ENOMEM, "out of memory");
	if (!equals && !dashes && strchr(word, '/')) {
		if (e->words->out)
			return err_set(reterr, -EINVAL,
			               "the target is given twice");
		return dump_options_set(e->words, "out", word, reterr);
	}
	if (equals)
		*equals++ = '\0';
	if (strcmp(name, "dryrun") == 0) {
		e->dry = !equals || strcmp(equals, "0") != 0;
		return 0;
	}
	if (strcmp(name, "quiet") == 0) {
		e->quiet = true;
		return 0;
	}
	return dump_options_set(e->words, name, equals, reterr);
}

static int take_words(struct export *e, char **argv, struct err *reterr)
{
	int r = tool_words_take(&e->line, argv, take_word, e, reterr);

	if (r == 0)
		r = dump_options_check(e->words, reterr);
	if (r == 0 && !e->words->out && !e->dry)
		r = err_set(reterr, -EINVAL,
		            "where to? Say out=BUCKET/KEY, or ./FILE");
	return r;
}

/* ---- while it runs ---- */

static int go_on(void *ctx)
{
	const struct export *e = ctx;

	return atomic_load(&e->watch.interrupted) ? -ECANCELED : 0;
}

static void note(void *ctx, const char *sentence)
{
	const struct export *e = ctx;

	tool_watch_clear(&e->watch);
	log_warning("%s", sentence);
}

static void show_line(void *ctx)
{
	const struct export *e = ctx;
	uint64_t ms = tool_watch_ms(&e->watch);
	double mb = (double)e->progress.bytes / 1e6;

	(void)fprintf(stderr,
	              "%llu of %llu tables, %llu rows, %.0f MB of SQL, "
	              "%.0f MB/s",
	              (unsigned long long)e->progress.tables_done,
	              (unsigned long long)e->progress.tables,
	              (unsigned long long)e->progress.rows, mb,
	              ms > 0 ? mb * 1000 / (double)ms : 0.0);
}

/* ---- sinks ---- */

static int open_store_sink(struct export *e, bool index, struct dump_sink **ret,
                           struct err *reterr)
{
	cleanup(freep) char *key = str_printf(
		"%s%s", tool_bucket_key(e->bucket), index ? ".idx" : "");
	char expires[24];
	struct dump_store_config config = {
		.store = tool_bucket_store(e->bucket),
		.key = key,
		.content_type =
			index ? "application/jsonl"
			      : dump_options_content_type(
					e->words, tool_bucket_key(e->bucket)),
		.in_flight = index ? 1 : 0};

	if (!key)
		return err_set(reterr, -ENOMEM, "out of memory");
	dump_options_expiry(e->words, clock_wall(clock_system()).tv_sec,
	                    conf_number(e->line.options.conf, NULL,
	                                "export_expiration"),
	                    expires);
	config.expires = expires[0] ? expires : NULL;
	return dump_sink_store(&config, ret, reterr);
}

static int open_file_sink(const char *out, bool index, struct dump_sink **ret,
                          struct err *reterr)
{
	cleanup(freep) char *path =
		str_printf("%s%s", out, index ? ".idx" : "");

	return path ? dump_sink_file(path, ret, reterr)
	            : err_set(reterr, -ENOMEM, "out of memory");
}

static int open_sink(struct export *e, bool index, struct dump_sink **ret,
                     struct err *reterr)
{
	return e->bucket ? open_store_sink(e, index, ret, reterr)
	                 : open_file_sink(e->words->out, index, ret, reterr);
}

/* ---- the work ---- */

static int run_dump(struct export *e, struct err *reterr)
{
	const char *out = e->words->out;
	struct dump_config config = {
		.db = e->db,
		.options = e->words,
		.key = e->bucket ? tool_bucket_key(e->bucket) : out,
		.progress = &e->progress,
		.check = go_on,
		.note = note,
		.ctx = e};
	int r = open_sink(e, false, &config.sink, reterr);

	if (r == 0 && e->words->index && strcmp(out, "-") != 0)
		r = open_sink(e, true, &config.index, reterr);
	if (r == 0) {
		r = tool_watch_begin(&e->watch);
		if (r < 0)
			(void)err_set(reterr, r, "no thread");
	}
	if (r == 0) {
		r = dump_run(&config, &e->report, reterr);
		tool_watch_end(&e->watch);
	}
	dump_sink_free(config.sink);
	dump_sink_free(config.index);
	return r;
}

static void tell(const struct export *e)
{
	const struct dump_report *report = &e->report;

	if (e->quiet)
		return;
	(void)fprintf(
		stderr,
		"%llu tables, %llu rows, %llu bytes of SQL, %llu bytes in '%s' "
		"in %.1f s\nof one moment: %s%s\n",
		(unsigned long long)report->tables,
		(unsigned long long)report->rows,
		(unsigned long long)report->bytes,
		(unsigned long long)report->bytes_out, e->words->out,
		(double)tool_watch_ms(&e->watch) / 1000, report->moment,
		report->complete ? "" : "\nnot complete: see the notes");
}

static int run_dry(const struct export *e, struct err *reterr)
{
	struct dump_estimate estimate;
	int r = dump_dryrun(e->db, e->words, &estimate, reterr);

	if (r < 0)
		return r;
	(void)printf("%llu databases, %llu tables, %llu views, %llu sequences, "
	             "about %llu rows and %llu bytes of data\n",
	             (unsigned long long)estimate.databases,
	             (unsigned long long)estimate.tables,
	             (unsigned long long)estimate.views,
	             (unsigned long long)estimate.sequences,
	             (unsigned long long)estimate.rows,
	             (unsigned long long)estimate.bytes);
	return fflush(stdout) == 0 ? 0 : -EIO;
}

static int run(struct export *e, struct err *reterr)
{
	const struct conf *conf = e->line.options.conf;
	int r = db_config_load(conf, e->words->conn, NULL, &e->db, reterr);

	if (r == 0 && e->dry)
		return run_dry(e, reterr);
	if (r == 0)
		r = dump_check(e->db, e->words, reterr);
	if (r == 0 && !tool_is_file(e->words->out))
		r = tool_bucket_open(conf, e->words->out,
		                     tool_export_directory(conf), &e->bucket,
		                     reterr);
	if (r == 0)
		r = run_dump(e, reterr);
	if (r == 0)
		tell(e);
	return r;
}

int cmd_export(int argc, char **argv)
{
	struct export e = {.watch = {.terminal = isatty(STDERR_FILENO) != 0,
	                             .show = show_line,
	                             .ctx = &e}};
	struct err err = {0};
	int status = PORTER_OK;
	bool file;

	(void)argc;
	e.words = dump_options_new();
	if (!e.words || take_words(&e, argv + 1, &err) < 0) {
		log_error("%s: see porter --help",
		          e.words ? err.text : "out of memory");
		export_release(&e);
		return PORTER_USAGE;
	}
	file = !e.words->out || tool_is_file(e.words->out);
	if (tool_words_load(&e.line, !file, &err) < 0) {
		log_error("%s", err.text);
		status = e.line.options.usage_error ? PORTER_USAGE
		                                    : PORTER_FAILED;
	} else {
		e.watch.terminal &= !e.quiet;
		tool_watch_hold(&e.watch);
		if (run(&e, &err) < 0) {
			log_error("%s", err.text);
			status = PORTER_FAILED;
		}
	}
	export_release(&e);
	return status;
}
