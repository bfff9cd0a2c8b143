/* SPDX-License-Identifier: MIT */
/*
 * What the account cannot see.  A server does not say "no" to a question about
 * triggers or events of somebody without the privilege: it shows none.  So the
 * privileges themselves are asked for, and what may be missing is told.
 */
#include "dump_run.h"
#include "sql_name.h"

#include <errno.h>
#include <string.h>

/* What each class of objects needs to be seen. */
struct grants {
	bool select;
	bool trigger;
	bool event;
	bool show_view;
	bool show_routine;
};

/* "user@host" to "'user'@'host'", as information_schema has it. */
static void add_grantee(struct str *sql, const char *account)
{
	cleanup(str_release) struct str grantee = {0};
	const char *at = strrchr(account, '@');
	size_t len = at ? (size_t)(at - account) : strlen(account);

	str_add_char(&grantee, '\'');
	str_add_mem(&grantee, account, len);
	str_addf(&grantee, "'@'%s'", at ? at + 1 : "");
	sql_add_text(sql, str_text(&grantee));
}

/* "'user'@'host'", and the role's, for IN (...). */
static int add_grantees(struct db_session *session, struct str *sql,
                        struct err *reterr)
{
	cleanup(freep) char *user = NULL;
	cleanup(freep) char *role = NULL;
	struct err ignored;
	int r = db_value(session, &user, reterr, "SELECT CURRENT_USER()");

	if (r < 0)
		return r;
	add_grantee(sql, user ? user : "");
	/* Older servers have no roles. */
	if (db_value(session, &role, &ignored, "SELECT CURRENT_ROLE()") == 0 &&
	    role && strcmp(role, "NONE") != 0) {
		str_add_char(sql, ',');
		add_grantee(sql, role);
		str_add_char(sql, ',');
		sql_add_text(sql, role);
	}
	return str_status(sql) < 0 ? err_set(reterr, -ENOMEM, "out of memory")
	                           : 0;
}

static void take_privilege(struct grants *grants, const char *privilege)
{
	grants->select |= strcmp(privilege, "SELECT") == 0;
	grants->trigger |= strcmp(privilege, "TRIGGER") == 0;
	grants->event |= strcmp(privilege, "EVENT") == 0;
	grants->show_view |= strcmp(privilege, "SHOW VIEW") == 0;
	grants->show_routine |= strcmp(privilege, "SHOW CREATE ROUTINE") == 0 ||
	                        strcmp(privilege, "SHOW_ROUTINE") == 0;
}

static int load(struct db_session *session, const char *grantees,
                const char *db, struct grants *ret, struct err *reterr)
{
	cleanup(str_release) struct str sql = {0};
	struct db_row row;
	int r;

	str_addf(
		&sql,
		"SELECT privilege_type FROM information_schema.user_privileges "
		"WHERE grantee IN (%s) UNION SELECT privilege_type FROM "
		"information_schema.schema_privileges WHERE grantee IN (%s) "
		"AND ",
		grantees, grantees);
	sql_add_text(&sql, db);
	str_add(&sql, " LIKE table_schema");
	r = db_query(session, str_text(&sql), reterr);
	while (r == 0 && (r = db_next(session, &row, reterr)) > 0) {
		take_privilege(ret, row.values[0]);
		r = 0;
	}
	return r;
}

/* Whether all routines are shown: who may read mysql.proc sees them. */
static void look_at_routines(struct db_session *session, struct grants *grants)
{
	struct err ignored;

	if (!grants->show_routine)
		grants->show_routine =
			db_exec(session, "SELECT 1 FROM mysql.proc LIMIT 0",
		                &ignored) == 0;
}

static void report(struct dump *dump, const char *db,
                   const struct grants *grants)
{
	const struct dump_options *options = dump->options;

	if (!grants->select && !options->tables)
		dump_left_out(dump,
		              "tables of `%s` that are not granted one by one "
		              "cannot be seen (SELECT)",
		              db);
	if (options->triggers && !grants->trigger)
		dump_left_out(dump, "triggers of `%s` cannot be seen (TRIGGER)",
		              db);
	if (options->events && !grants->event)
		dump_left_out(dump, "events of `%s` cannot be seen (EVENT)",
		              db);
	if (options->views && !grants->show_view)
		dump_left_out(dump, "views of `%s` cannot be seen (SHOW VIEW)",
		              db);
	if (options->routines && !grants->show_routine)
		dump_left_out(
			dump,
			"routines of `%s` cannot all be seen (SHOW CREATE "
			"ROUTINE, or SELECT on mysql.proc)",
			db);
}

int grants_check(struct dump *dump, struct err *reterr)
{
	cleanup(str_release) struct str grantees = {0};
	int r = add_grantees(dump->main, &grantees, reterr);

	for (size_t i = 0; i < dump->catalog.count && r == 0; i++) {
		const char *db = dump->catalog.databases[i].name;
		struct grants grants = {0};

		r = load(dump->main, str_text(&grantees), db, &grants, reterr);
		if (r < 0)
			break;
		/* MySQL: a global SELECT shows them. */
		if (!db_server(dump->main)->mariadb)
			grants.show_routine |= grants.select;
		look_at_routines(dump->main, &grants);
		report(dump, db, &grants);
	}
	if (r == 0 && !dump->complete && !dump->options->allow_partial)
		return err_set(reterr, -EACCES,
		               "the account does not see everything (%u notes "
		               "say what): grant it, switch those classes off, "
		               "or say allow-partial",
		               dump->notes.count);
	return r;
}
