/* SPDX-License-Identifier: MIT */
/*
 * Sessions of an import: how they begin, how they come back, and the journal of
 * SET and USE that brings any of them to where the dump is.
 */
#include "base/clock.h"
#include "load_inside.h"
#include "sql_name.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define RETRY_DEFAULT_MS 60000
#define RETRY_STEP_MS    500

/*
 * Rows do not ask their tables' parents.  unique_checks stays on: switched off,
 * MariaDB from 10.6 on takes a table lock for the first rows of an empty table
 * and undoes a failed statement by emptying it, for twice the server's time.
 */
static const char own_state[] =
	"SET autocommit=0, foreign_key_checks=0, unique_checks=1";

/* Let slow sources not cost the connection. */
static const char patience[] =
	"SET net_read_timeout=86400, net_write_timeout=86400, "
	"wait_timeout=86400, innodb_lock_wait_timeout=600";

/* The database that the caller asked for; made when it is not there. */
static int enter_database(struct load *load, struct db_session *session,
                          struct err *reterr)
{
	cleanup(str_release) struct str name = {0};

	if (!load->config->database)
		return 0;
	sql_add_name(&name, load->config->database);
	if (str_status(&name) < 0)
		return err_set(reterr, -ENOMEM, "out of memory");

	int r = db_execf(session, reterr, "USE %s", str_text(&name));

	if (r == 0 || db_errno(session) != DB_ERR_BAD_DATABASE)
		return r;
	r = db_execf(session, reterr, "CREATE DATABASE %s", str_text(&name));
	return r < 0 ? r : db_execf(session, reterr, "USE %s", str_text(&name));
}

int load_session_open(struct load *load, struct db_session **ret,
                      struct err *reterr)
{
	cleanup(db_closep) struct db_session *session = NULL;
	int r = db_open(load->config->db, &session, reterr);

	if (r < 0)
		return r;
	r = db_exec(session, patience, reterr);
	if (r == 0)
		r = db_exec(session, own_state, reterr);
	if (r == 0)
		r = enter_database(load, session, reterr);
	if (r < 0)
		return r;
	if (db_server(session)->mariadb)
		(void)db_exec(session, "SET max_statement_time=0", NULL);
	*ret = take(&session);
	return 0;
}

int load_session_again(struct load *load, struct db_session **ret,
                       struct err *reterr)
{
	uint64_t left = load->config->retry_ms ? load->config->retry_ms
	                                       : RETRY_DEFAULT_MS;
	const struct timespec step = {.tv_nsec = RETRY_STEP_MS * 1000000L};
	int r;

	for (;;) {
		if (load_cancelled(load))
			return err_set(reterr, -ECANCELED, "cancelled");
		r = load_session_open(load, ret, reterr);
		if (r == 0) {
			if (load->config->progress)
				load->config->progress->reconnects++;
			return 0;
		}
		if (r == -EACCES || r == -ENOMEM || left < RETRY_STEP_MS ||
		    load_status(load) < 0)
			return r;
		left -= RETRY_STEP_MS;
		(void)nanosleep(&step, NULL);
	}
}

/* A copy of the entry that no growing moves. */
static struct load_set journal_at(struct load *load, size_t at)
{
	WITH_LOCK(&load->lock);
	return load->sets[at];
}

int load_session_replay(struct load *load, struct db_session *session,
                        size_t *sets, size_t upto, struct err *reterr)
{
	int r = 0;

	if (*sets == upto)
		return 0;
	for (; *sets < upto; ++*sets) {
		struct load_set set = journal_at(load, *sets);

		r = db_exec_mem(session, set.text, set.len, reterr);
		if (r < 0 && load_lost(session, r))
			return r;
	}
	return db_exec(session, own_state, reterr);
}

int load_journal_add(struct load *load, const char *text, size_t len)
{
	WITH_LOCK(&load->lock);
	if (load->sets_count == load->sets_cap) {
		size_t cap = load->sets_cap ? load->sets_cap * 2 : 64;
		void *grown =
			reallocarray(load->sets, cap, sizeof(*load->sets));

		if (!grown)
			return -ENOMEM;
		load->sets = grown;
		load->sets_cap = cap;
	}
	char *copy = strndup(text, len);

	if (!copy)
		return -ENOMEM;
	load->sets[load->sets_count++] =
		(struct load_set){.text = copy, .len = len};
	return 0;
}
