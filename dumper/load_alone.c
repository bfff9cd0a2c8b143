/* SPDX-License-Identifier: MIT */
/*
 * A statement that runs alone: all before it is committed, all behind it waits.
 *
 * DDL commits by itself, so no transaction can hold it together with the note
 * that it is done.  The note is made before ("doing") and after; a statement
 * found in between is run again, and what says that it was there already counts
 * as done.
 */
#include "load_inside.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define ATTEMPTS_MAX 5 /* of one statement whose session is lost */

/* "It is there" or "it is gone already", of every kind of object. */
static bool says_done(unsigned number)
{
	static const unsigned numbers[] = {
		1007, 1008,             /* database exists, is gone */
		1050, 1051, 4127,       /* table; sequence */
		1060, 1061, 1068, 1091, /* column, key, primary key; is gone */
		1304, 1305,             /* routine */
		1359, 1360,             /* trigger */
		1396,                   /* user */
		1537, 1539,             /* event */
		1826,                   /* foreign key */
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (numbers[i] == number)
			return true;
	}
	return false;
}

/* A new session of the reader, in the state that the dump is in. */
static int reconnect(struct load *load, struct err *reterr)
{
	struct db_session *fresh = NULL;
	size_t sets = 0;

	if (load->temporary)
		return err_set(reterr, -ECONNRESET,
		               "the connection was lost, and temporary tables "
		               "of the dump with it");

	int r = load_session_again(load, &fresh, reterr);

	if (r < 0)
		return r;

	struct db_session *old = load->session;

	(void)lock_hold(&load->lock);
	load->session = fresh;
	(void)pthread_mutex_unlock(&load->lock);
	db_close(old);
	return load_session_replay(load, load->session, &sets, load->sets_count,
	                           reterr);
}

/* Run it once, its mark before and its range behind. */
static int run_once(struct load *load, const struct split_statement *st,
                    struct err *reterr)
{
	cleanup(str_release) struct str range = {0};
	int r = 0;

	if (load->progress.on) {
		r = load_progress_mark(&load->progress, load->session,
		                       st->number, reterr);
		load_progress_add(&load->progress, &range, st->number,
		                  st->number);
	}
	if (r < 0 || str_status(&range) < 0)
		return r < 0 ? r : err_set(reterr, -ENOMEM, "out of memory");

	r = db_exec_mem(load->session, st->text, st->len, reterr);
	if (r < 0)
		return r;

	uint64_t rows =
		load->class.kind == SQL_INSERT ? db_affected(load->session) : 0;

	if (load->progress.on)
		r = db_exec_mem(load->session, range.data, range.len, reterr);
	if (r == 0)
		r = db_exec(load->session, "COMMIT", reterr);
	if (r < 0)
		return r;

	WITH_LOCK(&load->lock);
	load->report.rows += rows;
	if (load->config->progress)
		load->config->progress->rows += rows;
	return 0;
}

/* It may have been run: is that so, or must it be told, or run again? */
static int settle(struct load *load, const struct split_statement *st,
                  const struct sql_class *class, struct err *reterr)
{
	int r = 0;

	if (load->progress.on)
		r = load_progress_find(&load->progress, load->session,
		                       st->number, reterr);
	if (r != 0)
		return r;
	if (class->kind != SQL_INSERT || !load->table ||
	    load->table->transactional)
		return 0;
	return err_set(reterr, -ENOTRECOVERABLE,
	               "statement %" PRIu64 " (line %" PRIu64 ") may have been "
	               "run in part: table '%s' has no transactions. Empty it "
	               "and load it alone (tables=)",
	               st->number, st->line, class->name);
}

static int failed(struct load *load, const struct split_statement *st,
                  const struct sql_class *class, const struct err *err,
                  struct err *reterr)
{
	struct load_failure failure = {
		.session = load->session,
		.text = st->text,
		.len = st->len,
		.number = st->number,
		.line = st->line,
		.offset = st->offset,
		.table = class->name,
		.err = err,
	};

	return load_statement_failed(load, &failure, reterr);
}

int load_alone(struct load *load, const struct split_statement *st,
               const struct sql_class *class, struct err *reterr)
{
	bool doubt = load->progress.on && load->progress.doing == st->number;
	unsigned attempts = 0;
	int r = load_drain(load);

	if (r < 0)
		return r;
	if (class->kind != SQL_INSERT)
		load_table_forget(load);
	load->temporary |= class->temporary;

	for (;;) {
		struct err err = {0};

		if (doubt) {
			r = settle(load, st, class, &err);
			if (r == 1)
				return 0;
		}
		if (r == 0)
			r = run_once(load, st, &err);
		if (r == 0 || (doubt && says_done(db_errno(load->session))))
			return 0;
		if (!load_lost(load->session, r))
			return failed(load, st, class, &err, reterr);
		if (++attempts > ATTEMPTS_MAX || load_status(load) < 0)
			return err_set(reterr, r, "%s", err.text);
		doubt = true;
		r = reconnect(load, reterr);
		if (r < 0)
			return r;
	}
}
