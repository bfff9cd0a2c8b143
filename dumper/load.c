/* SPDX-License-Identifier: MIT */
/*
 * An import: statements out of a source, into sessions.
 *
 * Here is the reader: it takes one statement after the other and decides where
 * it is run (load_inside.h has the picture).  All that can be known beforehand
 * is asked before the first change.
 */
#include "base/thread.h"
#include "load_inside.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#define THREADS_DEFAULT 4
#define COMMIT_DEFAULT  ((uint64_t)64 << 20) /* bytes */
#define EXCERPT_MAX     120                  /* bytes */
#define WATCH_MS        100

/* Failing */

int load_fail(struct load *load, int code, const struct err *err)
{
	WITH_LOCK(&load->lock);
	if (load->status == 0) {
		load->status = code;
		load->err = *err;
		load->err.code = code;
	}
	(void)pthread_cond_broadcast(&load->changed);
	return load->status;
}

int load_status(struct load *load)
{
	WITH_LOCK(&load->lock);
	return load->status;
}

bool load_cancelled(const struct load *load)
{
	return load->config->cancel && atomic_load(load->config->cancel);
}

bool load_lost(const struct db_session *session, int code)
{
	unsigned number = db_errno(session);

	return code == -ECONNRESET || code == -ECONNREFUSED ||
	       (code < 0 &&
	        (number == DB_ERR_SERVER_GONE || number == DB_ERR_SERVER_LOST));
}

bool load_rolled_back(const struct db_session *session)
{
	return db_errno(session) == DB_ERR_LOCK_WAIT ||
	       db_errno(session) == DB_ERR_DEADLOCK;
}

/* Failures that the next statement would meet again. */
static bool hopeless(const struct load_failure *what)
{
	static const int codes[] = {-ENOSPC,    -ENOMEM,     -EROFS,
	                            -ECANCELED, -ECONNRESET, -ENOTRECOVERABLE};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		if (what->err->code == codes[i])
			return true;
	}
	return strstr(what->err->text, "No space left") ||
	       strstr(what->err->text, "Errcode: 28");
}

/* "... at row 3" of the server's message; 0 when it has none. */
static uint64_t row_of(const char *message)
{
	const char *at = strstr(message, " at row ");

	return at ? strtoull(at + 8, NULL, 10) : 0;
}

/* The first bytes of a statement on one line. */
static void make_excerpt(const struct load_failure *what, char *ret)
{
	size_t n = what->len < EXCERPT_MAX ? what->len : EXCERPT_MAX;

	while (n > 0 && n < what->len && (what->text[n] & 0xC0) == 0x80)
		n--; /* not inside of a character */
	for (size_t i = 0; i < n; i++)
		ret[i] = (unsigned char)what->text[i] < ' ' ? ' '
		                                            : what->text[i];
	ret[n] = '\0';
}

int load_statement_failed(struct load *load, const struct load_failure *what,
                          struct err *reterr)
{
	char excerpt[EXCERPT_MAX + 1];
	bool skip = load->config->skip_errors && !hopeless(what);
	struct load_error error = {
		.statement = what->number,
		.line = what->line,
		.offset = what->offset,
		.number = what->session ? db_errno(what->session) : 0,
		.message = what->err->text,
		.table = what->table,
		.row = row_of(what->err->text),
		.excerpt = excerpt,
	};

	if (what->session)
		(void)str_copy(error.sqlstate, sizeof(error.sqlstate),
		               db_sqlstate(what->session));
	make_excerpt(what, excerpt);

	WITH_LOCK(&load->telling);
	load->report.errors++;
	if (load->config->progress)
		load->config->progress->errors++;
	if (load->config->error)
		load->config->error(load->config->ctx, &error);
	if (skip)
		return 0;

	struct err said = *what->err;

	return err_set(reterr, said.code,
	               "statement %" PRIu64 " at line %" PRIu64 "%s%s%s: %s",
	               what->number, what->line, what->table[0] ? " (" : "",
	               what->table, what->table[0] ? ")" : "", said.text);
}

static void note(const struct load *load, const char *sentence)
{
	if (load->config->note)
		load->config->note(load->config->ctx, sentence);
}

/* The watcher: cancels what waits for a server */

struct watcher {
	struct load *load;
	pthread_t thread;
	atomic_bool stop;
};

/* End every wait for the server. */
static void shut_sessions(struct load *load)
{
	WITH_LOCK(&load->lock);
	for (unsigned i = 0; load->workers && i < load->count; i++) {
		if (load->workers[i].session)
			db_shut(load->workers[i].session);
	}
	if (load->session)
		db_shut(load->session);
}

static void *watch(void *arg)
{
	struct watcher *w = arg;
	const struct timespec step = {.tv_nsec = WATCH_MS * 1000000L};

	while (!atomic_load(&w->stop)) {
		if (load_cancelled(w->load)) {
			struct err err = {0};

			(void)err_set(&err, -ECANCELED, "cancelled");
			(void)load_fail(w->load, -ECANCELED, &err);
			shut_sessions(w->load);
			break;
		}
		(void)nanosleep(&step, NULL);
	}
	return NULL;
}

/* Statements */

/* Send what was gathered. */
static void send_pending(struct load *load)
{
	if (load->pending)
		load_dispatch(load, load->pending, load->pending_worker);
	load->pending = NULL;
}

/* Who must run an INSERT: -1 = anyone. */
static int choose_worker(const struct load *load, const struct sql_class *class,
                         const struct sql_dialect *dialect)
{
	bool counts =
		load->table->counter[0] && class->columns &&
		!sql_class_has_column(class, load->table->counter, dialect);
	unsigned hash = 5381;

	if (load->table->parallel && !class->ordered && !counts)
		return -1;
	for (const char *p = class->name; *p; p++)
		hash = hash * 33 + (unsigned char)*p;
	return (int)(hash % load->count);
}

/* Rows of a table in any order and those in order do not overtake each other. */
static int change_worker(struct load *load, int worker)
{
	int before = load->table->worker;

	load->table->worker = worker;
	if (before == worker || before == -2)
		return 0;
	send_pending(load);
	return load_drain(load);
}

static int add_pending(struct load *load, const struct split_statement *st,
                       const struct sql_class *class, int worker)
{
	struct unit *unit = load->pending;

	if (unit && (strcmp(unit->table, class->name) != 0 ||
	             load->pending_worker != worker)) {
		send_pending(load);
		unit = NULL;
	}
	if (!unit)
		unit = load->pending = unit_new(class, load->sets_count);
	if (!unit)
		return -ENOMEM;
	load->pending_worker = worker;

	int r = unit_add(unit, st);

	if (r == 0 &&
	    (unit->text.len >= LOAD_UNIT || unit->count >= LOAD_UNIT_MAX))
		send_pending(load);
	return r;
}

/* A refusal of ours about one statement. */
static int refused(struct load *load, const struct split_statement *st,
                   const struct err *err, struct err *reterr)
{
	struct load_failure failure = {
		.text = st->text,
		.len = st->len,
		.number = st->number,
		.line = st->line,
		.offset = st->offset,
		.table = load->class.name,
		.err = err,
	};

	return load_statement_failed(load, &failure, reterr);
}

static int do_rows(struct load *load, const struct split_statement *st,
                   const struct sql_dialect *dialect, struct err *reterr)
{
	const struct sql_class *class = &load->class;
	int r = load_table_ask(load, class, reterr);

	if (r < 0 && load_lost(load->session, r)) {
		send_pending(load);
		return load_alone(load, st, class, reterr);
	}
	if (r < 0)
		return r;
	if (!load->table->transactional || st->len > LOAD_BIG ||
	    load->temporary) {
		send_pending(load);
		return load_alone(load, st, class, reterr);
	}

	int worker = choose_worker(load, class, dialect);

	r = change_worker(load, worker);
	if (r == 0)
		r = add_pending(load, st, class, worker);
	return r == -ENOMEM ? err_set(reterr, r, "out of memory") : r;
}

/* What the server says about how text is read. */
static int ask_dialect(struct load *load, struct err *reterr)
{
	cleanup(freep) char *mode = NULL;
	cleanup(freep) char *charset = NULL;
	int r = db_value(load->session, &mode, reterr, "SELECT @@sql_mode");

	if (r == 0)
		r = db_value(load->session, &charset, reterr,
		             "SELECT @@character_set_client");
	if (r == 0)
		session_track_tell(split_session(load->text.split),
		                   mode ? mode : "", charset ? charset : "");
	return r;
}

/* SET or USE: here now, elsewhere before the rows behind it. */
static int do_everywhere(struct load *load, const struct split_statement *st,
                         struct err *reterr)
{
	struct err err = {0};
	int r;

	send_pending(load);
	load_table_forget(load);
	r = db_exec_mem(load->session, st->text, st->len, &err);
	if (r < 0 && load_lost(load->session, r))
		return load_alone(load, st, &load->class, reterr);
	if (r < 0) {
		struct load_failure failure = {
			.session = load->session,
			.text = st->text,
			.len = st->len,
			.number = st->number,
			.line = st->line,
			.offset = st->offset,
			.table = "",
			.err = &err,
		};

		return load_statement_failed(load, &failure, reterr);
	}
	if (load_journal_add(load, st->text, st->len) < 0)
		return err_set(reterr, -ENOMEM, "out of memory");
	if (load->class.autocommit)
		r = db_exec(load->session, "SET autocommit=0", reterr);
	if (r == 0 && split_session(load->text.split)->unsure)
		r = ask_dialect(load, reterr);
	return r;
}

/* Whether it is done already, or was never ours to run. */
static bool is_past(struct load *load, const struct split_statement *st,
                    enum load_action action)
{
	if (action == LOAD_SKIP)
		return true;
	return action != LOAD_EVERYWHERE && load->progress.on &&
	       load_progress_has(&load->progress, st->number);
}

static int do_statement(struct load *load, const struct split_statement *st,
                        const struct sql_dialect *dialect, struct err *reterr)
{
	struct err err = {0};

	sql_classify(st->text, st->len, dialect, &load->class);

	enum load_action action =
		load_rule_decide(&load->rule, &load->class, &err);

	if (action == LOAD_REFUSE)
		return refused(load, st, &err, reterr);
	if (is_past(load, st, action)) {
		if (load->config->progress)
			load->config->progress->skipped++;
		return 0;
	}
	if (st->len >= load->packet_max) {
		(void)err_set(&err, -EMSGSIZE,
		              "the statement has %zu bytes, but the server's "
		              "max_allowed_packet is %" PRIu64
		              ": raise it and load again",
		              st->len, load->packet_max);
		return refused(load, st, &err, reterr);
	}
	if (action == LOAD_ROWS)
		return do_rows(load, st, dialect, reterr);
	if (action == LOAD_EVERYWHERE)
		return do_everywhere(load, st, reterr);
	send_pending(load);
	return load_alone(load, st, &load->class, reterr);
}

static void show_progress(struct load *load)
{
	struct load_progress *p = load->config->progress;

	if (!p)
		return;
	p->bytes = load->text.bytes;
	p->text = load->text.fed;
	p->statements = load->report.statements;
}

/* Ask the caller, once for each piece of text. */
static int ask_check(struct load *load, struct err *reterr)
{
	int r;

	if (!load->config->check || load->checked == load->text.fed)
		return 0;
	load->checked = load->text.fed;
	show_progress(load);
	r = load->config->check(load->config->ctx);
	return r < 0 ? err_set(reterr, r, "cancelled") : 0;
}

static int run_all(struct load *load, struct err *reterr)
{
	struct session_track *session = split_session(load->text.split);
	struct split_statement st;
	struct sql_dialect dialect = session->dialect;
	int r;

	while ((r = load_text_next(&load->text, &st, reterr)) == 1) {
		load->report.statements++;
		r = ask_check(load, reterr);
		if (r == 0)
			r = do_statement(load, &st, &dialect, reterr);
		if (r == 0)
			r = load_status(load);
		if (r < 0)
			break;
		dialect = session->dialect; /* of the next statement */
		show_progress(load);
	}
	show_progress(load);
	if (r < 0)
		return r;
	send_pending(load);
	return load_drain(load);
}

/* Beginning and end */

static int server_facts(struct load *load, struct err *reterr)
{
	cleanup(freep) char *packet = NULL;
	cleanup(freep) char *home = NULL;
	int r = db_value(load->session, &packet, reterr,
	                 "SELECT @@max_allowed_packet");

	if (r == 0)
		r = db_value(load->session, &home, reterr, "SELECT DATABASE()");
	if (r < 0)
		return r;
	load->packet_max = packet ? strtoull(packet, NULL, 10) : UINT64_MAX;
	load->mariadb = db_server(load->session)->mariadb;
	(void)str_copy(load->home, sizeof(load->home), home ? home : "");
	return ask_dialect(load, reterr);
}

static int open_progress(struct load *load, struct err *reterr)
{
	int r = load_progress_open(&load->progress, load->session,
	                           load->config->job,
	                           load->config->source->version, reterr);

	if (r < 0)
		return r;
	load->report.resumed = load->progress.done > 0 ||
	                       load->progress.count > 0 ||
	                       load->progress.doing > 0;
	if (!load->progress.on)
		note(load, "the server allows no place for the import's notes: "
		           "if it is interrupted it cannot go on");
	return 0;
}

/* Up to the first change. */
static int begin(struct load *load, struct err *reterr)
{
	int r = load_text_open(&load->text, load->config->source, reterr);

	if (r == 0)
		r = load_text_check_end(&load->text, reterr);
	if (r == 0)
		note(load,
		     "whether this dump is complete can be told only when "
		     "all of it was read");
	if (r < 0)
		return r;
	r = load_session_open(load, &load->session, reterr);
	if (r == 0)
		r = server_facts(load, reterr);
	if (r == 0)
		r = open_progress(load, reterr);
	if (r == 0 && !load->report.resumed)
		r = load_preflight(load, reterr);
	return r < 0 ? r : load_workers_start(load, reterr);
}

/* With what was done well, or not; the first failure counts. */
static int end(struct load *load, int r, struct err *reterr)
{
	struct err err = {0};

	if (r < 0 && reterr)
		err = *reterr;
	if (r < 0)
		r = load_fail(load, r, &err);
	unit_free(load->pending);
	load_workers_end(load);
	if (r < 0) {
		load->report.can_resume = load->progress.on &&
		                          load->progress.keep && r != -ESTALE;
		if (reterr)
			*reterr = load->err;
	}
	if (load->progress.on && load->session &&
	    (r == 0 || !load->progress.keep))
		(void)load_progress_forget(&load->progress, load->session,
		                           &err);
	return r;
}

static void release(struct load *load)
{
	load_table_forget(load);
	free(load->tables_known);
	load_progress_release(&load->progress);
	load_text_release(&load->text);
	filter_free(load->tables);
	db_close(load->session);
	for (size_t i = 0; i < load->sets_count; i++)
		free(load->sets[i].text);
	free(load->sets);
	(void)pthread_cond_destroy(&load->changed);
	(void)pthread_mutex_destroy(&load->lock);
	(void)pthread_mutex_destroy(&load->telling);
}

/* Names that go into SQL as they are. */
static int check_job(const char *job, struct err *reterr)
{
	size_t len = job ? strlen(job) : 1;
	bool ok = len > 0 && len <= LOAD_JOB_MAX;

	for (size_t i = 0; job && ok && i < len; i++)
		ok = isalnum((unsigned char)job[i]) || strchr("._-", job[i]);
	return ok ? 0
	          : err_set(reterr, -EINVAL,
	                    "an import's name has 1 to %d letters, digits, "
	                    "dots, dashes or underscores",
	                    LOAD_JOB_MAX);
}

static int prepare(struct load *load, const struct load_config *config,
                   struct err *reterr)
{
	load->config = config;
	load->count = config->threads ? config->threads : THREADS_DEFAULT;
	load->commit_bytes =
		(config->commit_bytes ? config->commit_bytes : COMMIT_DEFAULT) /
		load->count;
	(void)pthread_mutex_init(&load->lock, NULL);
	(void)pthread_mutex_init(&load->telling, NULL);
	(void)pthread_cond_init(&load->changed, NULL);
	load->rule.database = config->database;
	if (load->count > LOAD_THREADS_MAX)
		return err_set(reterr, -EDOM, "at most %d threads",
		               LOAD_THREADS_MAX);
	if (config->tables && filter_new(config->tables, &load->tables) < 0)
		return err_set(reterr, -ENOMEM, "out of memory");
	load->rule.tables = load->tables;
	return check_job(config->job, reterr);
}

int load_run(const struct load_config *config, struct load_report *ret,
             struct err *reterr)
{
	struct load load = {0};
	struct watcher watcher = {.load = &load};
	struct err err = {0};
	bool watching = false;
	int r = prepare(&load, config, &err);

	if (r == 0)
		r = begin(&load, &err);
	if (r == 0 && config->cancel)
		watching = thread_start("load/watch", watch, &watcher,
		                        &watcher.thread) == 0;
	if (r == 0)
		r = run_all(&load, &err);
	if (watching) {
		atomic_store(&watcher.stop, true);
		(void)pthread_join(watcher.thread, NULL);
	}
	r = end(&load, r, &err);
	release(&load);
	*ret = load.report;
	if (r < 0 && reterr)
		*reterr = err;
	return r;
}
