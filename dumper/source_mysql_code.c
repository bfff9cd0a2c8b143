/* SPDX-License-Identifier: MIT */
/*
 * Triggers, routines, packages, events, views.
 *
 * What such an object does depends on the session that made it: its sql_mode,
 * charset, collation, time zone, its database's collation.  All of it is set
 * around each object, and its text is the very bytes that were given then, in
 * the charset they came in.
 */
#include "dump_run.h"
#include "order.h"
#include "sql_name.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SHOW_MAX 8 /* columns of a SHOW CREATE */

/* A row of SHOW CREATE, copied. */
struct shown {
	char *values[SHOW_MAX]; /* owned; NULL = SQL NULL or no such column */
};

static void shown_release(struct shown *shown)
{
	for (unsigned i = 0; i < SHOW_MAX; i++)
		free(shown->values[i]);
	memset(shown, 0, sizeof(*shown));
}

/* Names of objects of one database, copied. */
struct names {
	char **items; /* owned; name and type by turns */
	size_t count;
};

static void names_release(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->items[i]);
	free(names->items);
}

static int names_add(struct names *names, const char *text)
{
	char **more =
		reallocarray(names->items, names->count + 1, sizeof(char *));
	char *copy = strdup(text);

	if (more)
		names->items = more;
	if (!more || !copy) {
		free(copy);
		return -ENOMEM;
	}
	more[names->count++] = copy;
	return 0;
}

/* All values of a query of two columns. */
static int load_names(struct dump *dump, const char *sql, struct names *ret,
                      struct err *reterr)
{
	struct db_row row;
	int r = db_query(dump->main, sql, reterr);

	while (r == 0 && (r = db_next(dump->main, &row, reterr)) > 0) {
		r = 0;
		if (names_add(ret, row.values[0]) < 0 ||
		    names_add(ret, row.values[1]) < 0)
			r = err_set(reterr, -ENOMEM, "out of memory");
	}
	return r;
}

/* SHOW CREATE kind db.name: its row as it was sent, no charset converted. */
static int show(struct dump *dump, const char *kind, const char *db,
                const char *name, struct shown *ret, struct err *reterr)
{
	cleanup(str_release) struct str sql = {0};
	struct db_row row;
	int r;

	str_addf(&sql, "SHOW CREATE %s ", kind);
	sql_add_table(&sql, db, name);
	r = db_query(dump->main, str_text(&sql), reterr);
	if (r == 0)
		r = db_next(dump->main, &row, reterr);
	if (r == 0)
		r = err_set(reterr, -ENOENT, "it is gone");
	for (unsigned i = 0; r > 0 && i < row.count && i < SHOW_MAX; i++) {
		if (!row.values[i])
			continue;
		ret->values[i] = strndup(row.values[i], row.lengths[i]);
		if (!ret->values[i])
			r = err_set(reterr, -ENOMEM, "out of memory");
	}
	db_end(dump->main);
	return r < 0 ? r : 0;
}

/* ---- the session that an object was made in ---- */

/* The state of one object; NULL = not of its kind. */
struct state {
	const char *sql_mode;
	const char *client;
	const char *connection;
	const char *database;
	const char *time_zone;
};

/* The collation that the dumped database has now, from its CREATE. */
static bool is_database_collation(const struct dump_database *db,
                                  const char *collation)
{
	cleanup(freep) char *wanted = str_printf("COLLATE %s ", collation);

	return !wanted || !db->create || strstr(db->create, wanted);
}

static void add_alter_database(struct dump *dump, struct str *out,
                               const char *db, const char *collation)
{
	str_add(out, "ALTER DATABASE ");
	if (dump->catalog.qualified) {
		sql_add_name(out, db);
		str_add_char(out, ' ');
	}
	str_addf(out, "COLLATE %s;\n", collation);
}

static void add_state(struct str *out, const struct state *state)
{
	str_add(out, "SET ");
	if (state->sql_mode) {
		str_add(out, "SQL_MODE=");
		sql_add_text(out, state->sql_mode);
		str_add(out, ", ");
	}
	if (state->time_zone) {
		str_add(out, "TIME_ZONE=");
		sql_add_text(out, state->time_zone);
		str_add(out, ", ");
	}
	str_addf(out,
	         "CHARACTER_SET_CLIENT=%s, CHARACTER_SET_RESULTS=%s, "
	         "COLLATION_CONNECTION=%s;\n",
	         state->client, state->client, state->connection);
}

static void add_state_end(struct str *out, const struct state *state)
{
	str_add(out, "SET NAMES utf8mb4");
	if (state->sql_mode)
		str_add(out, ", SQL_MODE='NO_AUTO_VALUE_ON_ZERO'");
	if (state->time_zone)
		str_add(out, ", TIME_ZONE='+00:00'");
	str_add(out, ";\n");
}

/* The collation of the database as it is dumped. */
static void add_database_collation(struct dump *dump, struct str *out,
                                   const struct dump_database *db)
{
	const char *at = db->create ? strstr(db->create, "COLLATE ") : NULL;
	char collation[64] = "";

	if (at)
		(void)snprintf(collation, sizeof(collation), "%.*s",
		               (int)strcspn(at + 8, " */;"), at + 8);
	if (collation[0])
		add_alter_database(dump, out, db->name, collation);
}

/* The statement between its delimiters. */
static void add_body(struct dump *dump, struct str *out, const char *text)
{
	cleanup(str_release) struct str body = {0};
	char delimiter[SQL_DELIMITER_MAX];

	ddl_add(&body, text, &dump->policy);
	sql_delimiter(str_text(&body), delimiter);
	str_addf(out, "DELIMITER %s\n", delimiter);
	str_add_mem(out, str_text(&body), body.len);
	str_addf(out, "\n%s\nDELIMITER ;\n", delimiter);
}

/* One object with all that belongs around it. */
static void add_object(struct dump *dump, const struct dump_database *db,
                       const char *kind, const char *name, const char *text,
                       const struct state *state)
{
	struct str *out = outlet_text(dump->writer);
	bool other =
		state->database && !is_database_collation(db, state->database);

	str_add_char(out, '\n');
	ddl_use(dump, out, db->name);
	if (other)
		add_alter_database(dump, out, db->name, state->database);
	add_state(out, state);
	if (dump->options->drop_if_exists) {
		/* In the object's sql_mode: only ORACLE's knows packages. */
		str_addf(out, "DROP %s IF EXISTS ", kind);
		sql_add_name(out, name);
		str_add(out, ";\n");
	}
	add_body(dump, out, text);
	add_state_end(out, state);
	if (other)
		add_database_collation(dump, out, db);
}

static int label(struct dump *dump, const char *kind, const char *db,
                 const char *name, struct err *reterr)
{
	struct outlet_label label = {
		.part = "tail", .kind = kind, .db = db, .table = name};

	return outlet_label(dump->writer, &label) < 0
	               ? outlet_status(dump->outlet, reterr)
	               : 0;
}

/* Texts come as they were given, and back to names that we can read. */
static int raw_results(struct dump *dump, bool raw, struct err *reterr)
{
	return db_exec(dump->main,
	               raw ? "SET CHARACTER_SET_RESULTS=NULL"
	                   : "SET CHARACTER_SET_RESULTS=utf8mb4",
	               reterr);
}

/* An object whose text the server keeps from us. */
static int hidden(struct dump *dump, const char *kind,
                  const struct dump_database *db, const char *name,
                  struct err *reterr)
{
	dump_left_out(dump, "%s `%s`.`%s`: its text cannot be seen", kind,
	              db->name, name);
	if (dump->options->allow_partial)
		return 0;
	return err_set(reterr, -EACCES,
	               "%s `%s`.`%s`: its text cannot be seen: grant it, or "
	               "say allow-partial",
	               kind, db->name, name);
}

/* Failed at one object. */
static int explain(int r, const char *kind, const struct dump_database *db,
                   const char *name, struct err *reterr)
{
	struct err err = *reterr;

	return err_set(reterr, r, "%s `%s`.`%s`: %s", kind, db->name, name,
	               err.text);
}

/* ---- triggers, routines, events ---- */

/* Where SHOW CREATE has what. */
struct show_form {
	const char *kind; /* "TRIGGER" */
	unsigned text;
	unsigned client;    /* the collations are behind it */
	unsigned time_zone; /* 0 = none */
};

static int put_object(struct dump *dump, const struct dump_database *db,
                      const struct show_form *form, const char *name,
                      struct err *reterr)
{
	cleanup(shown_release) struct shown shown = {0};
	int r = show(dump, form->kind, db->name, name, &shown, reterr);
	char **v = shown.values;
	struct state state;

	if (r == -EACCES || (r == 0 && !v[form->text]))
		return hidden(dump, form->kind, db, name, reterr);
	if (r < 0)
		return explain(r, form->kind, db, name, reterr);
	state = (struct state){.sql_mode = v[1] ? v[1] : "",
	                       .client = v[form->client],
	                       .connection = v[form->client + 1],
	                       .database = v[form->client + 2],
	                       .time_zone = form->time_zone ? v[form->time_zone]
	                                                    : NULL};
	if (!state.client || !state.connection)
		return err_set(reterr, -EIO, "%s `%s`.`%s`: no charset is told",
		               form->kind, db->name, name);
	add_object(dump, db, form->kind, name, v[form->text], &state);
	return 0;
}

/* Every object that sql lists: its name and its kind. */
static int put_objects(struct dump *dump, const struct dump_database *db,
                       const char *sql, const char *what,
                       const struct show_form *form, struct err *reterr)
{
	cleanup(names_release) struct names names = {0};
	int r = load_names(dump, sql, &names, reterr);

	if (r == 0 && names.count > 0)
		r = raw_results(dump, true, reterr);
	for (size_t i = 0; i < names.count && r == 0; i += 2) {
		struct show_form own = *form;

		if (!own.kind)
			own.kind = names.items[i + 1];
		/* Of triggers: only those of tables that are dumped. */
		else if (strcmp(own.kind, "TRIGGER") == 0 &&
		         !catalog_find((struct dump_database *)(uintptr_t)db,
		                       names.items[i + 1]))
			continue;
		r = label(dump, what, db->name, names.items[i], reterr);
		if (r == 0)
			r = put_object(dump, db, &own, names.items[i], reterr);
		if (r == 0)
			r = dump_cancelled(dump, reterr);
	}
	if (r == 0 && names.count > 0)
		r = raw_results(dump, false, reterr);
	return r;
}

/* "sql + 'db' + rest" */
static int with_database(struct str *sql, const char *head, const char *db,
                         const char *rest, struct err *reterr)
{
	str_add(sql, head);
	sql_add_text(sql, db);
	str_add(sql, rest);
	return str_status(sql) < 0 ? err_set(reterr, -ENOMEM, "out of memory")
	                           : 0;
}

int ddl_triggers(struct dump *dump, const struct dump_database *db,
                 struct err *reterr)
{
	/* Name, sql_mode, text, charset, two collations, ... */
	static const struct show_form form = {"TRIGGER", 2, 3, 0};
	cleanup(str_release) struct str sql = {0};
	int r = with_database(
		&sql,
		"SELECT trigger_name, event_object_table FROM "
		"information_schema.triggers WHERE trigger_schema=",
		db->name,
		" ORDER BY BINARY event_object_table, action_timing, "
		"event_manipulation, action_order",
		reterr);

	return r < 0 ? r
	             : put_objects(dump, db, str_text(&sql), "trigger", &form,
	                           reterr);
}

int ddl_routines(struct dump *dump, const struct dump_database *db,
                 struct err *reterr)
{
	/* Name, sql_mode, text, charset, two collations. */
	static const struct show_form form = {NULL, 2, 3, 0};
	cleanup(str_release) struct str sql = {0};
	int r = with_database(
		&sql,
		"SELECT routine_name, routine_type FROM "
		"information_schema.routines WHERE routine_type IN "
		"('FUNCTION','PROCEDURE','PACKAGE','PACKAGE BODY') AND "
		"routine_schema=",
		db->name, " ORDER BY routine_type, BINARY routine_name",
		reterr);

	return r < 0 ? r
	             : put_objects(dump, db, str_text(&sql), "routine", &form,
	                           reterr);
}

int ddl_events(struct dump *dump, const struct dump_database *db,
               struct err *reterr)
{
	/* Name, sql_mode, time zone, text, charset, two collations. */
	static const struct show_form form = {"EVENT", 3, 4, 2};
	cleanup(str_release) struct str sql = {0};
	int r = with_database(&sql,
	                      "SELECT event_name, 'EVENT' FROM "
	                      "information_schema.events WHERE event_schema=",
	                      db->name, " ORDER BY BINARY event_name", reterr);

	return r < 0 ? r
	             : put_objects(dump, db, str_text(&sql), "event", &form,
	                           reterr);
}

/* ---- views ---- */

/* A view's definition, and which database it is of. */
struct view {
	const struct dump_database *db;
	const struct dump_table *table;
	struct shown shown; /* name, text, charset, collation */
};

/* Question marks: what a charset could not hold becomes one. */
static size_t question_marks(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += *text == '?';
	return count;
}

/*
 * The text again, in the charset that the view's session had; when that cannot
 * hold it, it stays in utf8mb4.
 */
static int recode(struct dump *dump, struct view *view, struct err *reterr)
{
	cleanup(shown_release) struct shown other = {0};
	char **v = view->shown.values;
	int r;

	if (!v[2] || str_starts(v[2], "utf8"))
		return 0;
	r = db_execf(dump->main, reterr, "SET CHARACTER_SET_RESULTS=%s", v[2]);
	if (r == 0)
		r = show(dump, "VIEW", view->db->name, view->table->name,
		         &other, reterr);
	if (r == 0)
		r = raw_results(dump, false, reterr);
	if (r < 0)
		return r;
	if (!other.values[1] ||
	    question_marks(other.values[1]) != question_marks(v[1])) {
		free(v[2]);
		v[2] = strdup("utf8mb4");
		return v[2] ? 0 : err_set(reterr, -ENOMEM, "out of memory");
	}
	free(v[1]);
	v[1] = take(&other.values[1]);
	return 0;
}

/* SHOW CREATE VIEW, with the view's database as the current one. */
static int show_view(struct dump *dump, struct view *view, struct err *reterr)
{
	cleanup(str_release) struct str sql = {0};
	int r;

	str_add(&sql, "USE ");
	sql_add_name(&sql, view->db->name);
	r = db_exec(dump->main, str_text(&sql), reterr);
	if (r == 0)
		r = show(dump, "VIEW", view->db->name, view->table->name,
		         &view->shown, reterr);
	if (r == -EACCES || (r == 0 && !view->shown.values[1])) {
		shown_release(&view->shown);
		return hidden(dump, "VIEW", view->db, view->table->name,
		              reterr);
	}
	if (r < 0)
		return explain(r, "VIEW", view->db, view->table->name, reterr);
	return 0;
}

/* A view that does not work is told, and stands in a comment. */
static int put_broken(struct dump *dump, const struct view *view,
                      struct err *reterr)
{
	int r = label(dump, "view", view->table->db, view->table->name, reterr);
	struct str *out;

	if (r < 0)
		return r;
	out = outlet_text(dump->writer);
	str_add(out, "\n-- This view does not work at its source: ");
	sql_add_comment(out, view->table->broken);
	str_add(out, "\n-- ");
	sql_add_comment(out, view->shown.values[1]);
	str_add(out, "\n");
	notes_add(&dump->notes, "view `%s`.`%s` is broken and only a comment",
	          view->table->db, view->table->name);
	return 0;
}

static int put_view(struct dump *dump, struct view *view, struct err *reterr)
{
	struct state state = {0};
	struct str *out;
	int r;

	if (!view->shown.values[1])
		return 0; /* told already */
	if (view->table->broken)
		return put_broken(dump, view, reterr);
	r = recode(dump, view, reterr);
	if (r == 0)
		r = label(dump, "view", view->table->db, view->table->name,
		          reterr);
	if (r < 0)
		return r;

	out = outlet_text(dump->writer);
	str_add_char(out, '\n');
	ddl_use(dump, out, view->table->db);
	if (dump->options->drop_if_exists) {
		str_add(out, "DROP VIEW IF EXISTS ");
		sql_add_name(out, view->table->name);
		str_add(out, ";\n");
	}
	state.client = view->shown.values[2];
	state.connection = view->shown.values[3];
	add_state(out, &state);
	ddl_add(out, view->shown.values[1], &dump->policy);
	str_add(out, ";\n");
	add_state_end(out, &state);
	return dump_cancelled(dump, reterr);
}

/* How many views there are. */
static size_t count_views(const struct dump *dump)
{
	size_t count = 0;

	for (size_t i = 0; i < dump->catalog.count; i++)
		for (size_t j = 0; j < dump->catalog.databases[i].count; j++)
			count += dump->catalog.databases[i].tables[j]->kind ==
			         TABLE_VIEW;
	return count;
}

static int load_views(struct dump *dump, struct view *views, struct err *reterr)
{
	size_t count = 0;
	int r = 0;

	for (size_t i = 0; i < dump->catalog.count; i++) {
		const struct dump_database *db = &dump->catalog.databases[i];

		for (size_t j = 0; j < db->count && r == 0; j++) {
			if (db->tables[j]->kind != TABLE_VIEW)
				continue;
			views[count].db = db;
			views[count].table = db->tables[j];
			r = show_view(dump, &views[count++], reterr);
		}
	}
	return r;
}

/* In an order that works. */
static int put_views(struct dump *dump, struct view *views, size_t count,
                     struct err *reterr)
{
	cleanup(freep) struct order_view *items = calloc(count, sizeof(*items));
	cleanup(freep) size_t *order = calloc(count, sizeof(*order));
	int r = items && order ? 0 : -ENOMEM;

	for (size_t i = 0; i < count && r == 0; i++)
		items[i] = (struct order_view){
			.db = views[i].table->db,
			.name = views[i].table->name,
			.text = views[i].shown.values[1]
		                        ? views[i].shown.values[1]
		                        : ""};
	if (r == 0)
		r = order_views(items, count, order);
	if (r < 0)
		return err_set(reterr, r, "out of memory");
	for (size_t i = 0; i < count && r == 0; i++)
		r = put_view(dump, &views[order[i]], reterr);
	return r;
}

int ddl_views(struct dump *dump, struct err *reterr)
{
	size_t count = count_views(dump);
	struct view *views;
	int r;

	if (count == 0)
		return 0;
	views = calloc(count, sizeof(*views));
	if (!views)
		return err_set(reterr, -ENOMEM, "out of memory");
	r = load_views(dump, views, reterr);
	if (r == 0)
		r = put_views(dump, views, count, reterr);
	for (size_t i = 0; i < count; i++)
		shown_release(&views[i].shown);
	free(views);
	return r;
}
