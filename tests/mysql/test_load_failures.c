/* SPDX-License-Identifier: MIT */
/* Imports whose sessions are killed, that are cancelled, whose text breaks. */
#include "load_rig.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define ROWS 6000

/* A keyed and a keyless table of ROWS rows, 400 bytes each. */
static void make_text(struct str *text)
{
	str_add(text, "CREATE TABLE a (id INT PRIMARY KEY, t TEXT);\n"
	              "CREATE TABLE b (n INT, t TEXT);\n");
	for (unsigned i = 0; i < ROWS; i++)
		str_addf(text,
		         "INSERT INTO a VALUES (%u,'%0400u');"
		         "INSERT INTO b VALUES (%u,'%0400u');\n",
		         i, i, i, i);
	str_add(text, "UPDATE b SET n=n+1;\n");
	assert_int_equal(str_status(text), 0);
}

static void check_all_there(struct load_rig *rig)
{
	load_rig_check(
		rig,
		"SELECT COUNT(*), COUNT(DISTINCT id), SUM(id), SUM(t=id) "
		"FROM a",
		"6000,6000,17997000,6000;");
	load_rig_check(rig,
	               "SELECT COUNT(*), COUNT(DISTINCT n), SUM(n), SUM(t=n-1) "
	               "FROM b",
	               "6000,6000,18003000,6000;");
	load_rig_check(rig,
	               "SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE "
	               "SCHEMA_NAME='porter_import'",
	               "0;");
}

/* Kills every session of the import again and again. */
struct killer {
	atomic_bool stop;
	unsigned kills;
};

static void *kill_sessions(void *arg)
{
	struct killer *k = arg;
	cleanup(db_closep) struct db_session *session =
		server_open("TEST_MYSQL_A");
	const struct timespec step = {.tv_nsec = 70000000};

	while (!atomic_load(&k->stop)) {
		char sql[64];
		cleanup(freep) char *id = NULL;

		(void)nanosleep(&step, NULL);
		if (db_value(session, &id, NULL,
		             "SELECT ID FROM information_schema.PROCESSLIST "
		             "WHERE DB='lt' AND USER='root' AND ID<>"
		             "CONNECTION_ID() AND INFO LIKE 'INSERT%' ORDER BY "
		             "RAND() LIMIT 1") < 0 ||
		    !id)
			continue;
		(void)snprintf(sql, sizeof(sql), "KILL %s", id);
		if (db_exec(session, sql, NULL) == 0)
			k->kills++;
	}
	return NULL;
}

static void sessions_that_are_killed_come_back(void **state)
{
	cleanup(str_release) struct str text = {0};
	struct load_progress progress = {0};
	struct killer killer = {0};
	struct load_rig rig;
	pthread_t thread;

	(void)state;
	load_rig_init(&rig);
	make_text(&text);
	rig.config.progress = &progress;
	rig.config.commit_bytes = 300000;
	assert_int_equal(pthread_create(&thread, NULL, kill_sessions, &killer),
	                 0);

	int r = load_rig_run_mem(&rig, text.data, text.len);

	atomic_store(&killer.stop, true);
	(void)pthread_join(thread, NULL);
	if (r < 0)
		fail_msg("%s after %u kills", rig.err.text, killer.kills);
	check_all_there(&rig);
	assert_true(killer.kills == 0 || progress.reconnects > 0);
	assert_int_equal(progress.rows >= 2 * ROWS, 1);
	load_rig_release(&rig);
}

/* Sets the flag once the first rows are in. */
struct canceller {
	atomic_bool cancel;
	struct load_progress *progress;
};

static void *cancel_soon(void *arg)
{
	struct canceller *c = arg;
	const struct timespec step = {.tv_nsec = 5000000};

	while (c->progress->rows < 50)
		(void)nanosleep(&step, NULL);
	atomic_store(&c->cancel, true);
	return NULL;
}

static void a_cancelled_import_goes_on_later(void **state)
{
	cleanup(str_release) struct str text = {0};
	struct load_progress progress = {0};
	struct canceller canceller = {.progress = &progress};
	struct load_rig rig;
	pthread_t thread;

	(void)state;
	load_rig_init(&rig);
	make_text(&text);
	rig.config.progress = &progress;
	rig.config.cancel = &canceller.cancel;
	rig.config.job = "cancelled";
	rig.config.commit_bytes = 200000;
	assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &canceller),
	                 0);
	assert_int_equal(load_rig_run_mem(&rig, text.data, text.len),
	                 -ECANCELED);
	(void)pthread_join(thread, NULL);
	assert_true(rig.report.can_resume);
	rig.config.cancel = NULL;
	if (load_rig_run_mem(&rig, text.data, text.len) < 0)
		fail_msg("%s", rig.err.text);
	assert_true(rig.report.resumed);
	check_all_there(&rig);
	load_rig_release(&rig);
}

static void a_statement_that_hangs_is_cancelled(void **state)
{
	struct load_progress progress = {.rows = 50};
	struct canceller canceller = {.progress = &progress};
	struct load_rig rig;
	pthread_t thread;
	time_t begun = time(NULL);

	(void)state;
	load_rig_init(&rig);
	rig.config.cancel = &canceller.cancel;
	assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &canceller),
	                 0);
	assert_int_equal(load_rig_run(&rig, "DO SLEEP(60);"), -ECANCELED);
	(void)pthread_join(thread, NULL);
	assert_true(time(NULL) - begun < 30);
	load_rig_release(&rig);
}

static void another_version_is_another_import(void **state)
{
	struct load_rig rig;

	(void)state;
	load_rig_init(&rig);
	rig.config.job = "v";
	assert_int_equal(load_rig_run(&rig, "CREATE TABLE a (id INT);BOGUS;"),
	                 -EINVAL);
	assert_int_equal(load_rig_run(&rig, "CREATE TABLE a (id INT);"),
	                 -ESTALE);
	assert_non_null(strstr(rig.err.text, "another version"));
	server_run(rig.session, "DROP DATABASE porter_import", NULL);
	load_rig_release(&rig);
}

static void ddl_in_doubt_is_done_when_it_is_there(void **state)
{
	struct load_rig rig;
	static const char text[] = "CREATE TABLE a (id INT PRIMARY KEY);\n"
				   "INSERT INTO a VALUES (1);\n"
				   "ALTER TABLE a ADD b INT;\n"
				   "BOGUS;\n";

	(void)state;
	load_rig_init(&rig);
	rig.config.job = "doubt";
	assert_int_equal(load_rig_run(&rig, text), -EINVAL);
	/* as if it had been killed just when the ALTER was done */
	server_run(
		rig.session,
		"UPDATE porter_import.porter_import_jobs SET done=2, doing=3",
		"DELETE FROM porter_import.porter_import_ranges", NULL);
	assert_int_equal(load_rig_run(&rig, text), -EINVAL);
	assert_non_null(strstr(rig.err.text, "statement 4"));
	load_rig_check(&rig, "SELECT * FROM a", "1,NULL;");
	server_run(rig.session, "DROP DATABASE porter_import", NULL);
	load_rig_release(&rig);
}

static void half_of_a_table_without_transactions_is_told(void **state)
{
	struct load_rig rig;
	static const char text[] = "CREATE TABLE a (id INT) ENGINE=MyISAM;\n"
				   "INSERT INTO a VALUES (1);\n"
				   "BOGUS;\n";

	(void)state;
	load_rig_init(&rig);
	rig.config.job = "half";
	assert_int_equal(load_rig_run(&rig, text), -EINVAL);
	server_run(
		rig.session,
		"UPDATE porter_import.porter_import_jobs SET done=1, doing=2",
		"DELETE FROM porter_import.porter_import_ranges", NULL);
	assert_int_equal(load_rig_run(&rig, text), -ENOTRECOVERABLE);
	assert_non_null(strstr(rig.err.text, "table 'a' has no transactions"));
	server_run(rig.session, "DROP DATABASE porter_import", NULL);
	load_rig_release(&rig);
}

static void what_breaks_in_the_middle_ends_it(void **state)
{
	struct load_rig rig;

	(void)state;
	load_rig_init(&rig);
	rig.config.job = "cut";
	assert_int_equal(load_rig_run(&rig,
	                              "CREATE TABLE a (id INT PRIMARY KEY);"
	                              "INSERT INTO a VALUES (1);\n"
	                              "INSERT INTO a VALUES (2),('3"),
	                 -EINVAL);
	assert_non_null(strstr(rig.err.text, "string, opened at line 2"));
	load_rig_check(&rig, "SHOW TABLES", "");
	server_run(rig.session, "DROP DATABASE IF EXISTS porter_import", NULL);
	load_rig_release(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sessions_that_are_killed_come_back),
		cmocka_unit_test(a_cancelled_import_goes_on_later),
		cmocka_unit_test(a_statement_that_hangs_is_cancelled),
		cmocka_unit_test(another_version_is_another_import),
		cmocka_unit_test(ddl_in_doubt_is_done_when_it_is_there),
		cmocka_unit_test(half_of_a_table_without_transactions_is_told),
		cmocka_unit_test(what_breaks_in_the_middle_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
