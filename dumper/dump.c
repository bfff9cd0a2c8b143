/* SPDX-License-Identifier: MIT */
/*
 * A dump: sessions, catalog, grants, one moment, head, rows, tail.
 *
 * Whatever fails first is the story; the sink is aborted then, so that the
 * object is there whole or not at all.
 */
#include "dump_run.h"
#include "sql_name.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int dump_cancelled(const struct dump *dump, struct err *reterr)
{
	int r = dump->config->check ? dump->config->check(dump->config->ctx)
	                            : 0;

	return r < 0 ? err_set(reterr, r, "the export was cancelled") : 0;
}

void dump_left_out(struct dump *dump, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	dump->complete = false;
	notes_add(&dump->notes, "%s", text);
}

/* The codec by word, else by the target's name. */
static enum codec_kind codec_of(const struct dump_config *config)
{
	switch (config->options->compress) {
	case DUMP_COMPRESS_NONE:
		return CODEC_PLAIN;
	case DUMP_COMPRESS_ZSTD:
		return CODEC_ZSTD;
	case DUMP_COMPRESS_GZIP:
		return CODEC_GZIP;
	case DUMP_COMPRESS_BY_NAME:
	default:
		break;
	}

	enum codec_kind kind = codec_by_name(config->key ? config->key : "");

	return kind == CODEC_XZ ? CODEC_PLAIN : kind;
}

static int open_sessions(struct dump *dump, struct err *reterr)
{
	unsigned wanted = dump->options->threads;
	int r = source_open(dump->config->db, &dump->main, reterr);

	for (unsigned i = 0; i < wanted && r == 0; i++) {
		r = source_open(dump->config->db, &dump->readers[i], reterr);
		if (r == 0)
			dump->reader_count++;
	}
	return r;
}

static int open_outlet(struct dump *dump, struct err *reterr)
{
	struct outlet_config config = {.sink = dump->config->sink,
	                               .index = dump->config->index,
	                               .codec = codec_of(dump->config),
	                               .level = dump->options->level,
	                               .progress = dump->progress};
	int r = outlet_new(&config, &dump->outlet);

	if (r == 0)
		r = outlet_writer_new(dump->outlet, &dump->writer);
	return r < 0 ? err_set(reterr, r, "starting: %s", strerror(-r)) : 0;
}

static void set_policy(struct dump *dump)
{
	dump->policy = (struct ddl_policy){
		.if_not_exists = dump->options->keep_if_exists,
		.definer = (enum ddl_definer)dump->options->definer,
		.map_from = dump->options->definer_from,
		.map_to = dump->options->definer_to};
}

static int run(struct dump *dump, struct dump_report *ret, struct err *reterr)
{
	int r = open_outlet(dump, reterr);

	set_policy(dump);
	if (r == 0)
		r = open_sessions(dump, reterr);
	if (r == 0)
		r = source_catalog(dump->main, dump->options, &dump->notes,
		                   &dump->catalog, reterr);
	if (r == 0)
		r = grants_check(dump, reterr);
	if (r == 0)
		r = snapshot_open(dump, reterr);
	if (r == 0)
		r = ddl_head(dump, reterr);
	if (r == 0 && dump->options->data)
		r = readers_run(dump, reterr);
	if (r == 0)
		r = ddl_tail(dump, reterr);
	if (r == 0)
		r = dump_cancelled(dump, reterr);
	if (r == 0)
		r = outlet_finish(dump->outlet, &ret->indexed, reterr);
	return r;
}

static void abort_sinks(const struct dump_config *config)
{
	config->sink->ops->abort(config->sink);
	if (config->index)
		config->index->ops->abort(config->index);
}

static void release(struct dump *dump)
{
	outlet_writer_free(dump->writer);
	outlet_free(dump->outlet);
	for (unsigned i = 0; i < dump->reader_count; i++)
		db_close(dump->readers[i]);
	db_close(dump->main);
	catalog_release(&dump->catalog);
}

static void report(const struct dump *dump, struct dump_report *ret)
{
	ret->tables = dump->progress->tables;
	ret->rows = dump->progress->rows;
	ret->bytes = dump->progress->bytes;
	ret->bytes_out = dump->progress->bytes_out;
	ret->readers = dump->reader_count;
	ret->rung = dump->rung;
	ret->complete = dump->complete;
	ret->notes = dump->notes.count;
	memcpy(ret->moment, dump->moment, sizeof(ret->moment));
}

int dump_run(const struct dump_config *config, struct dump_report *ret,
             struct err *reterr)
{
	struct dump_progress own = {0};
	struct dump_report result = {0};
	struct dump *dump = calloc(1, sizeof(*dump));
	struct err err = {0};
	int r;

	if (!dump) {
		abort_sinks(config);
		return err_set(reterr, -ENOMEM, "out of memory");
	}
	dump->config = config;
	dump->options = config->options;
	dump->complete = true;
	dump->notes.note = config->note;
	dump->notes.ctx = config->ctx;
	dump->progress = config->progress ? config->progress : &own;

	r = run(dump, &result, &err);
	if (r < 0)
		abort_sinks(config);
	if (r == 0 && config->index && !result.indexed)
		notes_add(&dump->notes, "the index could not be written; the "
		                        "dump does not need it");
	report(dump, &result);
	release(dump);
	free(dump);
	if (r < 0)
		return err_set(reterr, r, "%s", err.text);
	if (ret)
		*ret = result;
	return 0;
}

int dump_check(const struct db_config *db, const struct dump_options *options,
               struct err *reterr)
{
	cleanup(db_closep) struct db_session *session = NULL;
	cleanup(str_release) struct str name = {0};
	cleanup(str_release) struct str sql = {0};
	const char *list = options->databases;
	bool quoted;
	int r = source_open(db, &session, reterr);

	while (r == 0 && list &&
	       (list = sql_next_name(list, &name, &quoted)) != NULL) {
		str_reset(&sql);
		str_add(&sql, "USE ");
		sql_add_name(&sql, str_text(&name));
		r = db_exec(session, str_text(&sql), reterr);
	}
	if (r == 0 && !options->databases && !options->all_databases &&
	    !db_config_get(db, "database"))
		return err_set(reterr, -EINVAL,
		               "no database is named: say db=NAME or "
		               "all-databases, or give the connection one");
	return r;
}

int dump_dryrun(const struct db_config *db, const struct dump_options *options,
                struct dump_estimate *ret, struct err *reterr)
{
	cleanup(db_closep) struct db_session *session = NULL;
	struct catalog catalog = {0};
	struct notes notes = {0};
	struct dump_estimate sum = {0};
	int r = source_open(db, &session, reterr);

	if (r == 0)
		r = source_catalog(session, options, &notes, &catalog, reterr);
	if (r < 0)
		return r;
	for (size_t i = 0; i < catalog.count; i++) {
		sum.databases++;
		for (size_t j = 0; j < catalog.databases[i].count; j++) {
			const struct dump_table *t =
				catalog.databases[i].tables[j];

			sum.tables += t->kind == TABLE_BASE;
			sum.views += t->kind == TABLE_VIEW;
			sum.sequences += t->kind == TABLE_SEQUENCE;
			if (t->kind == TABLE_BASE && !t->dataless) {
				sum.rows += t->rows;
				sum.bytes += t->bytes;
			}
		}
	}
	catalog_release(&catalog);
	*ret = sum;
	return 0;
}
