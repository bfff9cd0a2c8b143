/* SPDX-License-Identifier: MIT */
/*
 * load_tool FILE [WORD=VALUE...]: load a dump into the server of DB_SOCKET, as
 * root, for tests that kill things.  Words: db tables job threads on-error
 * commit retry-ms.  Failed statements and notes go to standard error, one line
 * each, the result to standard output.
 */
#include "base/str.h"
#include "dumper/load.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void say_error(void *ctx, const struct load_error *e)
{
	(void)ctx;
	(void)fprintf(stderr,
	              "error stmt=%" PRIu64 " line=%" PRIu64 " offset=%" PRIu64
	              " errno=%u sqlstate=%s table=%s row=%" PRIu64
	              " msg=%s excerpt=%s\n",
	              e->statement, e->line, e->offset, e->number, e->sqlstate,
	              e->table, e->row, e->message, e->excerpt);
}

static void say_note(void *ctx, const char *sentence)
{
	(void)ctx;
	(void)fprintf(stderr, "note %s\n", sentence);
}

/* The value of word "name=value", or NULL. */
static const char *value_of(const char *word, const char *name)
{
	size_t len = strlen(name);

	return strncmp(word, name, len) == 0 && word[len] == '='
	               ? word + len + 1
	               : NULL;
}

static void take_word(struct load_config *config, const char *word)
{
	const char *v;

	if ((v = value_of(word, "db")))
		config->database = v;
	else if ((v = value_of(word, "tables")))
		config->tables = v;
	else if ((v = value_of(word, "job")))
		config->job = v;
	else if ((v = value_of(word, "threads")))
		config->threads = (unsigned)strtoul(v, NULL, 10);
	else if ((v = value_of(word, "commit")))
		config->commit_bytes = strtoull(v, NULL, 10);
	else if ((v = value_of(word, "retry-ms")))
		config->retry_ms = strtoull(v, NULL, 10);
	else if ((v = value_of(word, "on-error")))
		config->skip_errors = strcmp(v, "skip") == 0;
	else
		(void)fprintf(stderr, "note unknown word %s\n", word);
}

/* The server of the environment. */
static int connection(struct db_config **ret, struct err *reterr)
{
	static const char *const names[][2] = {
		{"DB_SOCKET", "socket"},
		{"DB_USERNAME", "username"},
		{"DB_PASSWORD", "password"},
		{"DB_DATABASE", "database"},
	};
	int r = db_config_new(ret);

	for (size_t i = 0; r == 0 && i < sizeof(names) / sizeof(names[0]);
	     i++) {
		const char *value = getenv(names[i][0]);

		if (value)
			r = db_config_set(*ret, names[i][1], value, reterr);
	}
	return r;
}

int main(int argc, char **argv)
{
	cleanup(db_config_freep) struct db_config *db = NULL;
	cleanup(load_source_freep) struct load_source *source = NULL;
	struct load_config config = {.error = say_error, .note = say_note};
	struct load_report report = {0};
	struct err err = {0};
	int r = argc < 2 ? -EINVAL : connection(&db, &err);

	for (int i = 2; i < argc; i++)
		take_word(&config, argv[i]);
	if (r == 0)
		r = load_source_file(argv[1], &source, &err);
	config.db = db;
	config.source = source;
	if (r == 0)
		r = load_run(&config, &report, &err);
	(void)printf("%s statements=%" PRIu64 " rows=%" PRIu64
	             " errors=%" PRIu64 " resumed=%d can_resume=%d%s%s\n",
	             r == 0 ? "ok" : err_name(r), report.statements,
	             report.rows, report.errors, report.resumed,
	             report.can_resume, r < 0 ? ": " : "",
	             r < 0 ? err.text : "");
	return r < 0;
}
