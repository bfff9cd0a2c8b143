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

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define WORDS_MAX 32 /* of the configuration's options */
#define SHOW_MS   200

struct import {
	const char *from; /* borrowed, as all words are */
	const char *conn;
	struct load_config config;
	struct load_progress progress;
	struct options options; /* the configuration */
	struct db_config *db;
	struct tool_bucket *bucket; /* NULL: a file */
	struct load_source *source;
	char *argv[WORDS_MAX + 4]; /* for options_parse(); borrowed */
	int argc;
	bool quiet;
	bool terminal; /* progress is shown */
	uint64_t began_ms;
	atomic_bool ended;
	sigset_t signals;
	atomic_bool interrupted;
};

static void import_release(struct import *im)
{
	load_source_free(im->source);
	tool_bucket_close(im->bucket);
	db_config_free(im->db);
	options_release(&im->options);
}

/* ---- words ---- */

/* -c FILE, -o KEY=VALUE, --env-file FILE: the configuration's. */
static bool is_conf_option(const char *word)
{
	return strcmp(word, "-c") == 0 || strcmp(word, "-o") == 0 ||
	       strcmp(word, "--env-file") == 0;
}

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
static int take_word(struct import *im, const char *word, struct err *reterr)
{
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

static int take_words(struct import *im, int argc, char **argv,
                      struct err *reterr)
{
	static char program[] = "porterfs";
	int r = 0;

	im->argv[im->argc++] = program;
	for (int i = 1; i < argc && r == 0; i++) {
		if (!is_conf_option(argv[i])) {
			r = take_word(im, argv[i], reterr);
			continue;
		}
		if (i + 1 == argc || im->argc + 2 > WORDS_MAX)
			return err_set(reterr, -EINVAL,
			               "'%s': a value is missing", argv[i]);
		im->argv[im->argc++] = argv[i++];
		im->argv[im->argc++] = argv[i];
	}
	if (r == 0 && !im->from)
		r = err_set(reterr, -EINVAL,
		            "what? Say from=BUCKET/KEY, ./FILE or -");
	return r;
}

/* A path, not a bucket's key. */
static bool is_file(const char *from)
{
	return strcmp(from, "-") == 0 || from[0] == '/' ||
	       str_starts(from, "./") || str_starts(from, "../");
}

/* The configuration; without buckets when none is needed. */
static int load_options(struct import *im, struct err *reterr)
{
	static char print[] = "--print-config";
	static char nowhere[] = "/";

	if (is_file(im->from))
		im->argv[im->argc++] = print;
	im->argv[im->argc++] = nowhere;
	optind = 0; /* another line: getopt begins anew */
	return options_parse(im->argc, im->argv, environ, &im->options, reterr);
}

/* ---- while it runs ---- */

/* Clear the line that shows progress. */
static void clear_line(const struct import *im)
{
	if (im->terminal)
		(void)fputs("\r\033[K", stderr);
}

static void say_note(void *ctx, const char *sentence)
{
	const struct import *im = ctx;

	clear_line(im);
	if (!im->quiet)
		log_warning("%s", sentence);
}

static void say_error(void *ctx, const struct load_error *e)
{
	clear_line(ctx);
	log_error("statement %" PRIu64 ", line %" PRIu64 ", offset %" PRIu64
	          "%s%s: %s: \"%s\"",
	          e->statement, e->line, e->offset,
	          e->table[0] ? ", table " : "", e->table, e->message,
	          e->excerpt);
}

static void show_line(const struct import *im)
{
	uint64_t ms = clock_ms(clock_system()) - im->began_ms;
	double mb = (double)im->progress.text / 1e6;
	uint64_t size = im->source->size;

	(void)fprintf(stderr, "\r\033[K%llu rows, %.0f MB of SQL, %.0f MB/s",
	              (unsigned long long)im->progress.rows, mb,
	              ms > 0 ? mb * 1000 / (double)ms : 0.0);
	if (size > 0 && size != LOAD_SIZE_UNKNOWN)
		(void)fprintf(stderr, ", %.0f %%",
		              (double)im->progress.bytes * 100 / (double)size);
	(void)fflush(stderr);
}

/* Hears SIGINT and SIGTERM, and shows progress, until the import has ended. */
static void *watch(void *arg)
{
	struct import *im = arg;
	const struct timespec step = {.tv_nsec = SHOW_MS * 1000000L};

	while (!atomic_load(&im->ended)) {
		if (sigtimedwait(&im->signals, NULL, &step) > 0)
			atomic_store(&im->interrupted, true);
		if (im->terminal)
			show_line(im);
	}
	clear_line(im);
	return NULL;
}

/* ---- the work ---- */

static int open_source(struct import *im, struct err *reterr)
{
	struct load_store_config config = {0};
	int r;

	if (is_file(im->from))
		return load_source_file(im->from, &im->source, reterr);
	r = tool_bucket_open(im->options.conf, im->from,
	                     tool_export_directory(im->options.conf),
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
	pthread_t watcher;
	int r;

	config->db = im->db;
	config->source = im->source;
	config->progress = &im->progress;
	config->cancel = &im->interrupted;
	config->error = say_error;
	config->note = say_note;
	config->ctx = im;
	im->began_ms = clock_ms(clock_system());
	r = -pthread_create(&watcher, NULL, watch, im);
	if (r < 0)
		return err_set(reterr, r, "no thread");
	r = load_run(config, report, reterr);
	atomic_store(&im->ended, true);
	(void)pthread_join(watcher, NULL);
	return r;
}

static int run(struct import *im, struct err *reterr)
{
	struct load_report report = {0};
	int r = db_config_load(im->options.conf, im->conn, NULL, &im->db,
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
	              (double)(clock_ms(clock_system()) - im->began_ms) / 1000,
	              report.resumed ? "; went on behind an earlier run" : "");
	return 0;
}

/* SIGINT and SIGTERM are the watcher's, in every thread from here on. */
static void hold_signals(struct import *im)
{
	(void)sigemptyset(&im->signals);
	(void)sigaddset(&im->signals, SIGINT);
	(void)sigaddset(&im->signals, SIGTERM);
	(void)pthread_sigmask(SIG_BLOCK, &im->signals, NULL);
}

int cmd_import(int argc, char **argv)
{
	struct import im = {.terminal = isatty(STDERR_FILENO) != 0};
	struct err err = {0};
	int status = PORTER_OK;

	if (take_words(&im, argc, argv, &err) < 0) {
		log_error("%s: see porter --help", err.text);
		status = PORTER_USAGE;
	} else if (load_options(&im, &err) < 0) {
		log_error("%s", err.text);
		status = im.options.usage_error ? PORTER_USAGE : PORTER_FAILED;
	} else {
		im.terminal &= !im.quiet;
		hold_signals(&im);
		if (run(&im, &err) < 0) {
			log_error("%s", err.text);
			status = PORTER_FAILED;
		}
	}
	import_release(&im);
	return status;
}
