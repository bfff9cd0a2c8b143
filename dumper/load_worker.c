/* SPDX-License-Identifier: MIT */
/*
 * The sessions that rows go to, see load_inside.h.
 *
 * A worker runs the statements of its units one after the other and keeps the
 * units until a COMMIT covers them.  When the server takes the transaction back
 * (deadlock) or the session is gone, it begins at the first of them again; after
 * a COMMIT without an answer, the range on the server tells whether to.
 */
#include "base/thread.h"
#include "load_inside.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ATTEMPTS_MAX 20 /* of one transaction */

/* Units */

struct unit *unit_new(const struct sql_class *class, size_t sets)
{
	struct unit *unit = calloc(1, sizeof(*unit));

	if (!unit)
		return NULL;
	list_init(&unit->link);
	unit->sets = sets;
	(void)str_copy(unit->table, sizeof(unit->table), class->name);
	return unit;
}

void unit_free(struct unit *unit)
{
	if (!unit)
		return;
	str_release(&unit->text);
	free(unit->statements);
	free(unit);
}

int unit_add(struct unit *unit, const struct split_statement *st)
{
	if (unit->count == unit->cap) {
		size_t cap = unit->cap ? unit->cap * 2 : 16;
		void *grown = reallocarray(unit->statements, cap,
		                           sizeof(*unit->statements));

		if (!grown)
			return -ENOMEM;
		unit->statements = grown;
		unit->cap = cap;
	}
	unit->statements[unit->count++] = (struct unit_statement){
		.at = unit->text.len,
		.len = st->len,
		.number = st->number,
		.line = st->line,
		.offset = st->offset,
	};
	if (unit->count == 1)
		unit->first = st->number;
	unit->last = st->number;
	str_add_mem(&unit->text, st->text, st->len);
	return str_status(&unit->text);
}

static void free_units(struct list *units)
{
	struct unit *unit;

	while ((unit = list_first(units, struct unit, link))) {
		list_remove(&unit->link);
		unit_free(unit);
	}
}

/* A worker's transaction */

static struct unit *next_unit(struct worker *w, struct unit *unit)
{
	struct list *next = unit->link.next;

	return next == &w->open ? NULL : container_of(next, struct unit, link);
}

/* One statement. 0, or the error that ends or repeats the transaction. */
static int run_statement(struct worker *w, struct unit *unit,
                         struct unit_statement *st, struct err *reterr)
{
	const char *text = unit->text.data + st->at;
	int r = db_exec_mem(w->session, text, st->len, reterr);

	if (r == 0) {
		WITH_LOCK(&w->load->lock);
		w->load->report.rows += db_affected(w->session);
		if (w->load->config->progress)
			w->load->config->progress->rows +=
				db_affected(w->session);
		return 0;
	}
	if (load_lost(w->session, r) || load_rolled_back(w->session))
		return r;

	struct load_failure failure = {
		.session = w->session,
		.text = text,
		.len = st->len,
		.number = st->number,
		.line = st->line,
		.offset = st->offset,
		.table = unit->table,
		.err = reterr,
	};

	st->failed = true;
	return load_statement_failed(w->load, &failure, reterr);
}

/* All that was not run yet. */
static int run_open(struct worker *w, struct err *reterr)
{
	while (w->unit) {
		int r = load_session_replay(w->load, w->session, &w->sets,
		                            w->unit->sets, reterr);

		for (; r == 0 && w->at < w->unit->count; w->at++) {
			struct unit_statement *st = &w->unit->statements[w->at];

			if (load_status(w->load) < 0)
				return -ECANCELED;
			if (!st->failed)
				r = run_statement(w, w->unit, st, reterr);
			if (r < 0)
				return r;
		}
		if (r < 0)
			return r;
		w->unit = next_unit(w, w->unit);
		w->at = 0;
	}
	return 0;
}

/* The transaction is there: its units are no longer needed. */
static void committed(struct worker *w)
{
	free_units(&w->open);
	w->open_bytes = 0;
	w->unit = NULL;
	w->at = 0;
	w->attempts = 0;
	w->committing = false;
}

static int commit(struct worker *w, struct err *reterr)
{
	cleanup(str_release) struct str sql = {0};
	int r = 0;

	if (list_empty(&w->open))
		return 0;
	list_for_each(pos, &w->open) {
		const struct unit *unit = container_of(pos, struct unit, link);

		load_progress_add(&w->load->progress, &sql, unit->first,
		                  unit->last);
	}
	if (str_status(&sql) < 0)
		return err_set(reterr, -ENOMEM, "out of memory");
	if (w->load->progress.on)
		r = db_exec_mem(w->session, sql.data, sql.len, reterr);
	if (r < 0)
		return r;
	w->committing = true;
	r = db_exec(w->session, "COMMIT", reterr);
	if (r == 0)
		committed(w);
	return r;
}

/* Begin the transaction's units again. */
static void rewind_open(struct worker *w)
{
	w->unit = list_first(&w->open, struct unit, link);
	w->at = 0;
	w->committing = false;
}

/* A new session in the old one's place. */
static int reconnect(struct worker *w, struct err *reterr)
{
	struct db_session *fresh = NULL;
	int r = load_session_again(w->load, &fresh, reterr);

	if (r < 0)
		return r;

	struct db_session *old = w->session;

	(void)lock_hold(&w->load->lock);
	w->session = fresh;
	(void)pthread_mutex_unlock(&w->load->lock);
	db_close(old);
	w->sets = 0;
	return 0;
}

/* The session was lost in the middle of COMMIT: was it done? */
static int settle_commit(struct worker *w, struct err *reterr)
{
	const struct unit *first = list_first(&w->open, struct unit, link);

	if (!w->load->progress.on)
		return err_set(reterr, -ECONNRESET,
		               "the connection was lost during COMMIT: rows of "
		               "statements %" PRIu64 " and on may be there or "
		               "not",
		               first->first);

	int r = load_progress_find(&w->load->progress, w->session, first->first,
	                           reterr);

	if (r == 1)
		committed(w);
	return r < 0 ? r : 0;
}

/* After a failure: 0 when the transaction can be run again. */
static int recover(struct worker *w, int code, struct err *reterr)
{
	struct err ignored;

	if (++w->attempts > ATTEMPTS_MAX || load_status(w->load) < 0)
		return code;
	if (load_rolled_back(w->session) &&
	    db_exec(w->session, "ROLLBACK", &ignored) == 0) {
		rewind_open(w);
		return 0;
	}
	if (!load_lost(w->session, code))
		return code;

	bool committing = w->committing;
	int r = reconnect(w, reterr);

	if (r == 0 && committing)
		r = settle_commit(w, reterr);
	if (r == 0 && !list_empty(&w->open))
		rewind_open(w);
	return r;
}

/* Run what is open, and commit when that is wanted or enough is open. */
static void push(struct worker *w, bool want_commit)
{
	struct err err = {0};
	int r;

	for (;;) {
		r = run_open(w, &err);
		if (r == 0 &&
		    (want_commit || w->open_bytes >= w->load->commit_bytes))
			r = commit(w, &err);
		if (r < 0)
			r = recover(w, r, &err);
		else
			return;
		if (r < 0)
			break;
	}
	(void)load_fail(w->load, r, &err);
}

/* The thread */

enum todo {
	TODO_RUN,
	TODO_COMMIT,
	TODO_END,
};

/* Wait for something to do; takes the next unit out of the queue. */
static enum todo wait_todo(struct worker *w)
{
	struct load *load = w->load;

	WITH_LOCK(&load->lock);
	for (;;) {
		struct unit *unit = list_first(&w->queue, struct unit, link);

		if (load->status < 0 || (load->stop && !unit))
			return TODO_END;
		if (unit) {
			list_remove(&unit->link);
			list_append(&w->open, &unit->link);
			w->open_bytes += unit->text.len;
			if (!w->unit)
				w->unit = unit;
			w->taken = unit->text.len;
			return TODO_RUN;
		}
		if (w->flush)
			return TODO_COMMIT;
		(void)pthread_cond_wait(&load->changed, &load->lock);
	}
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	enum todo todo;

	while ((todo = wait_todo(w)) != TODO_END) {
		push(w, todo == TODO_COMMIT);
		WITH_LOCK(&w->load->lock);
		if (todo == TODO_COMMIT)
			w->flush = false;
		else
			w->queued -= w->taken;
		(void)pthread_cond_broadcast(&w->load->changed);
	}
	return NULL;
}

int load_workers_start(struct load *load, struct err *reterr)
{
	load->workers = calloc(load->count, sizeof(*load->workers));
	if (!load->workers)
		return err_set(reterr, -ENOMEM, "out of memory");

	for (unsigned i = 0; i < load->count; i++) {
		struct worker *w = &load->workers[i];
		char name[16];

		w->load = load;
		list_init(&w->queue);
		list_init(&w->open);
		(void)snprintf(name, sizeof(name), "load/%u", i);

		int r = load_session_open(load, &w->session, reterr);

		if (r == 0)
			r = thread_start(name, worker_main, w, &w->thread);
		if (r < 0)
			return r;
		w->started = true;
	}
	return 0;
}

void load_workers_end(struct load *load)
{
	(void)lock_hold(&load->lock);
	load->stop = true;
	(void)pthread_cond_broadcast(&load->changed);
	(void)pthread_mutex_unlock(&load->lock);

	for (unsigned i = 0; load->workers && i < load->count; i++) {
		struct worker *w = &load->workers[i];

		if (w->started)
			(void)pthread_join(w->thread, NULL);
		if (w->load) {
			free_units(&w->queue);
			free_units(&w->open);
		}
		db_close(w->session);
	}
	free(load->workers);
	load->workers = NULL;
}

/* The reader's side */

/* Bytes in all queues. */
static size_t queued_locked(const struct load *load)
{
	size_t sum = 0;

	for (unsigned i = 0; i < load->count; i++)
		sum += load->workers[i].queued;
	return sum;
}

/* Who has least to do. */
static struct worker *idlest_locked(struct load *load)
{
	struct worker *best = &load->workers[0];

	for (unsigned i = 1; i < load->count; i++) {
		struct worker *w = &load->workers[i];

		if (w->queued < best->queued)
			best = w;
	}
	return best;
}

void load_dispatch(struct load *load, struct unit *unit, int worker)
{
	WITH_LOCK(&load->lock);
	while (load->status == 0 && queued_locked(load) > 0 &&
	       queued_locked(load) + unit->text.len > LOAD_QUEUED)
		(void)pthread_cond_wait(&load->changed, &load->lock);

	struct worker *w =
		worker < 0 ? idlest_locked(load) : &load->workers[worker];

	list_append(&w->queue, &unit->link);
	w->queued += unit->text.len;
	(void)pthread_cond_broadcast(&load->changed);
}

int load_drain(struct load *load)
{
	WITH_LOCK(&load->lock);
	for (unsigned i = 0; i < load->count; i++)
		load->workers[i].flush = true;
	(void)pthread_cond_broadcast(&load->changed);
	for (unsigned i = 0; i < load->count && load->status == 0;) {
		if (load->workers[i].flush)
			(void)pthread_cond_wait(&load->changed, &load->lock);
		else
			i++;
	}
	return load->status;
}
