/* SPDX-License-Identifier: MIT */
/*
 * dump_tool [-s SOCKET] [-u USER] [-p PASSWORD] [-D DATABASE] WORD...: an export
 * into a file, "-" or nothing (out=null), for tests and measurements.  Notes and
 * the report go to standard error.
 */
#include "base/str.h"
#include "dumper/dump.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void note(void *ctx, const char *sentence)
{
	(void)ctx;
	(void)fprintf(stderr, "note: %s\n", sentence);
}

static int fail(const struct err *err)
{
	(void)fprintf(stderr, "dump_tool: %s\n", err->text);
	return 1;
}

/* "name=value" or "name" */
static int take_word(struct dump_options *options, char *word,
                     struct err *reterr)
{
	char *equals = strchr(word, '=');

	if (equals)
		*equals++ = '\0';
	return dump_options_set(options, word, equals, reterr);
}

static int connection(struct db_config *db, int argc, char **argv,
                      struct err *reterr)
{
	int c, r = 0;

	while (r == 0 && (c = getopt(argc, argv, "s:u:p:D:")) != -1) {
		const char *name = c == 's'   ? "socket"
		                   : c == 'u' ? "username"
		                   : c == 'p' ? "password"
		                              : "database";

		r = db_config_set(db, name, optarg, reterr);
	}
	return r;
}

static int sinks(const struct dump_options *options, struct dump_config *config,
                 struct err *reterr)
{
	cleanup(freep) char *index = NULL;
	int r;

	if (!options->out || strcmp(options->out, "null") == 0)
		return dump_sink_null(&config->sink);
	config->key = options->out;
	r = dump_sink_file(options->out, &config->sink, reterr);
	if (r < 0 || strcmp(options->out, "-") == 0 || !options->index)
		return r;
	index = str_printf("%s.idx", options->out);
	return dump_sink_file(index, &config->index, reterr);
}

int main(int argc, char **argv)
{
	cleanup(db_config_freep) struct db_config *db = NULL;
	cleanup(dump_options_freep) struct dump_options *options =
		dump_options_new();
	struct dump_config config = {.options = options, .note = note};
	struct dump_report report;
	struct err err = {0};
	int r = db_config_new(&db);

	if (!options || r < 0)
		return 1;
	r = connection(db, argc, argv, &err);
	for (int i = optind; i < argc && r == 0; i++)
		r = take_word(options, argv[i], &err);
	if (r == 0)
		r = dump_options_check(options, &err);
	if (r == 0)
		r = sinks(options, &config, &err);
	if (r < 0)
		return fail(&err);

	config.db = db;
	r = dump_run(&config, &report, &err);
	dump_sink_free(config.sink);
	dump_sink_free(config.index);
	if (r < 0)
		return fail(&err);
	(void)fprintf(stderr,
	              "%llu tables, %llu rows, %llu bytes, %llu out, %u "
	              "readers, rung %d: %s%s\n",
	              (unsigned long long)report.tables,
	              (unsigned long long)report.rows,
	              (unsigned long long)report.bytes,
	              (unsigned long long)report.bytes_out, report.readers,
	              (int)report.rung, report.moment,
	              report.complete ? "" : ", incomplete");
	return 0;
}
