/* SPDX-License-Identifier: MIT */
/*
 * Readers: each takes a piece of a table, reads it step by step in the order of
 * its key, and looks between steps whether somebody has nothing to do.
 *
 *   SELECT ... WHERE key > last [AND key <= upto] ORDER BY key LIMIT n
 *
 * n is as many rows as about a second takes.  A table without a usable key is
 * read in one go, or by partitions.  Whoever ends a table's last piece asks
 * whether its definition is still what the dump says.
 */
#include "reader.h"

#include "base/clock.h"
#include "base/thread.h"
#include "sql_name.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define STEP_MS    1000
#define STEP_FIRST 20000               /* rows of a piece's first step */
#define WHOLE_ROWS 20000               /* smaller tables are read whole */
#define WHOLE_SIZE ((uint64_t)2 << 20) /* bytes, the same */

/* One query's rows into blocks; *ret_count of them, the last one's key noted. */
static int read_rows(struct reader *reader, uint64_t *ret_count,
                     struct chunk_point *ret_last, struct err *reterr)
{
	const struct dump_table *table = reader->piece->table;
	struct db_row row;
	uint64_t count = 0;
	int r = db_query(reader->session, str_text(&reader->sql), reterr);

	while (r == 0 && (r = db_next(reader->session, &row, reterr)) > 0) {
		r = 0;
		if (++count == reader->limit &&
		    reader_point(table, &row, ret_last) < 0)
			r = err_set(reterr, -ENOMEM, "out of memory");
		if (r == 0)
			r = reader_row(reader, &row, reterr);
	}
	if (r < 0)
		db_end(reader->session);
	*ret_count = count;
	return r;
}

/* The next step's query; limit 0: all there is. */
static int write_query(struct reader *reader, struct err *reterr)
{
	const struct task_piece *piece = reader->piece;
	const struct dump_table *table = piece->table;
	struct chunk_key key;
	struct str *sql = &reader->sql;

	catalog_key(table, &key);
	str_reset(sql);
	str_add(sql, table->select);
	if (piece->partition) {
		str_add(sql, " PARTITION (");
		sql_add_name(sql, piece->partition);
		str_add_char(sql, ')');
	}
	chunk_add_where(sql, &key, &piece->after, &piece->upto, table->where);
	if (key.count > 0) {
		str_add(sql, " ORDER BY ");
		chunk_add_columns(sql, &key);
	}
	if (reader->limit > 0)
		str_addf(sql, " LIMIT %llu", (unsigned long long)reader->limit);
	return str_status(sql) < 0 ? err_set(reterr, -ENOMEM, "out of memory")
	                           : 0;
}

/* Whether a table is worth steps. */
static bool is_small(const struct dump_table *table)
{
	return table->key_count == 0 ||
	       (table->rows < WHOLE_ROWS && table->bytes < WHOLE_SIZE);
}

/* Steps until the piece is read. */
static int read_steps(struct reader *reader, struct err *reterr)
{
	struct task_piece *piece = reader->piece;
	const struct clock *clock = clock_system();
	int r;

	reader->limit = is_small(piece->table) ? 0 : STEP_FIRST;
	for (;;) {
		struct chunk_point last = {0};
		uint64_t begin = clock_ms(clock), count = 0;

		r = write_query(reader, reterr);
		if (r == 0)
			r = read_rows(reader, &count, &last, reterr);
		if (r == 0)
			r = dump_cancelled(reader->dump, reterr);
		if (r < 0 || reader->limit == 0 || count < reader->limit) {
			chunk_point_release(&last);
			return r;
		}
		chunk_point_release(&piece->after);
		piece->after = last;
		reader->limit = chunk_next_rows(count, clock_ms(clock) - begin,
		                                STEP_MS);
		if (tasks_wanted(reader->tasks))
			r = reader_share(reader, reterr);
		if (r < 0)
			return r;
	}
}

/* ---- a piece ---- */

static int label(struct reader *reader)
{
	struct dump_table *table = reader->piece->table;
	struct outlet_label label = {
		.part = "rows", .db = table->db, .table = table->name};

	reader->insert =
		(struct sql_insert){.prefix = table->insert,
	                            .prefix_len = strlen(table->insert),
	                            .fields = table->fields,
	                            .count = table->column_count};
	return outlet_label(reader->writer, &label);
}

/* What somebody did to the table while it was read. */
static int check_table(struct reader *reader, struct err *reterr)
{
	struct dump_table *table = reader->piece->table;
	cleanup(freep) char *now = NULL;
	int r = source_show_create(reader->session, table, &now, reterr);

	if (r < 0)
		return r;
	if (ddl_fingerprint(now) != table->fingerprint)
		return err_set(reterr, -ESTALE,
		               "`%s`.`%s` was altered while it was dumped",
		               table->db, table->name);
	reader->dump->progress->tables_done++;
	return 0;
}

/* The story of a failed read. */
static int explain(struct reader *reader, int r, struct err *reterr)
{
	const struct dump_table *table = reader->piece->table;
	struct err err = *reterr;

	if (r == -ESTALE &&
	    db_errno(reader->session) == DB_ERR_DEFINITION_CHANGED)
		return err_set(reterr, r,
		               "`%s`.`%s` was altered, truncated or made anew "
		               "while it was dumped (%s)",
		               table->db, table->name, err.text);
	if (r == -ECONNRESET)
		return err_set(reterr, r,
		               "`%s`.`%s`: the session was lost, killed or the "
		               "server stopped (%s)",
		               table->db, table->name, err.text);
	return err_set(reterr, r, "`%s`.`%s`: %s", table->db, table->name,
	               err.text);
}

static int read_piece(struct reader *reader, struct err *reterr)
{
	int r = label(reader);

	if (r < 0)
		return outlet_status(reader->dump->outlet, reterr);
	/* Metadata locks are let go after each piece, the snapshot is kept. */
	r = db_exec(reader->session, "SAVEPOINT porter", reterr);
	if (r == 0)
		r = read_steps(reader, reterr);
	if (r == 0)
		r = reader_flush(reader, reterr);
	return r;
}

/* The end of a piece that was read; the table's, when it was the last. */
static int end_piece(struct reader *reader, struct err *reterr)
{
	bool last = tasks_done(reader->tasks, reader->piece);
	int r = last ? check_table(reader, reterr) : 0;

	if (r == 0)
		r = db_exec(reader->session, "ROLLBACK TO SAVEPOINT porter",
		            reterr);
	return r;
}

/* A reader's thread. */
static void *run(void *arg)
{
	struct reader *reader = arg;
	struct outlet *outlet = reader->dump->outlet;

	while ((reader->piece = tasks_take(reader->tasks)) != NULL) {
		struct err err = {0};
		int r = read_piece(reader, &err);

		if (r == 0)
			r = end_piece(reader, &err);
		else
			(void)tasks_done(reader->tasks, reader->piece);
		if (r < 0 && outlet_status(outlet, NULL) == 0) {
			r = explain(reader, r, &err);
			(void)outlet_fail(outlet, r, &err);
		}
		task_piece_free(reader->piece);
		if (r < 0) {
			tasks_stop(reader->tasks);
			break;
		}
	}
	return NULL;
}

/* ---- all readers ---- */

/* Partition names of a table that has no key. */
static int add_partitions(struct dump *dump, struct tasks *tasks,
                          struct dump_table *table, struct err *reterr)
{
	cleanup(str_release) struct str sql = {0};
	struct db_row row;
	int r;

	str_add(&sql, "SELECT DISTINCT partition_name FROM "
	              "information_schema.partitions WHERE partition_name IS "
	              "NOT NULL AND table_schema=");
	sql_add_text(&sql, table->db);
	str_add(&sql, " AND table_name=");
	sql_add_text(&sql, table->name);
	str_add(&sql, " ORDER BY partition_ordinal_position");
	r = db_query(dump->main, str_text(&sql), reterr);
	while (r == 0 && (r = db_next(dump->main, &row, reterr)) > 0) {
		struct task_piece *piece = calloc(1, sizeof(*piece));

		r = 0;
		if (piece)
			piece->partition = strdup(row.values[0]);
		if (!piece || !piece->partition) {
			task_piece_free(piece);
			return err_set(reterr, -ENOMEM, "out of memory");
		}
		piece->table = table;
		piece->weight = table->bytes / 2;
		tasks_add(tasks, piece);
	}
	return r;
}

static int add_table(struct dump *dump, struct tasks *tasks,
                     struct dump_table *table, struct err *reterr)
{
	struct task_piece *piece;

	if (table->kind != TABLE_BASE || table->dataless)
		return 0;
	dump->progress->tables++;
	dump->progress->rows_expected += table->rows;
	if (table->key_count == 0 && table->bytes > WHOLE_SIZE &&
	    !table->versioned && dump->reader_count > 1 &&
	    strstr(table->create, "\n PARTITION BY ")) {
		int r = add_partitions(dump, tasks, table, reterr);

		if (r < 0 || table->tasks > 0)
			return r;
	}
	piece = calloc(1, sizeof(*piece));
	if (!piece)
		return err_set(reterr, -ENOMEM, "out of memory");
	piece->table = table;
	/* Alone, by name: two equal databases give two equal dumps. */
	piece->weight = dump->reader_count > 1 ? table->bytes : 0;
	tasks_add(tasks, piece);
	return 0;
}

static int add_tables(struct dump *dump, struct tasks *tasks,
                      struct err *reterr)
{
	int r = 0;

	for (size_t i = 0; i < dump->catalog.count; i++) {
		struct dump_database *db = &dump->catalog.databases[i];

		for (size_t j = 0; j < db->count && r == 0; j++)
			r = add_table(dump, tasks, db->tables[j], reterr);
	}
	return r;
}

static void reader_release(struct reader *reader)
{
	outlet_writer_free(reader->writer);
	str_release(&reader->sql);
	str_release(&reader->key);
	str_release(&reader->first_key);
}

/* Start them, and wait until all have ended. */
static int run_all(struct dump *dump, struct tasks *tasks,
                   struct reader *readers, struct err *reterr)
{
	pthread_t threads[DUMP_THREADS_MAX];
	unsigned started = 0;
	int r = 0;

	for (; started < dump->reader_count && r == 0; started++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "dump/%u", started);
		r = thread_start(name, run, &readers[started],
		                 &threads[started]);
		if (r < 0)
			break;
	}
	if (r < 0) {
		(void)err_set(reterr, r, "starting a thread: %s", strerror(-r));
		tasks_stop(tasks);
	}
	for (unsigned i = 0; i < started; i++)
		(void)pthread_join(threads[i], NULL);
	return r < 0 ? r : outlet_status(dump->outlet, reterr);
}

int readers_run(struct dump *dump, struct err *reterr)
{
	cleanup(tasks_freep) struct tasks *tasks = NULL;
	cleanup(freep) struct reader *readers =
		calloc(dump->reader_count, sizeof(*readers));
	int r = readers ? tasks_new(&tasks) : -ENOMEM;

	for (unsigned i = 0; i < dump->reader_count && r == 0; i++) {
		readers[i].dump = dump;
		readers[i].tasks = tasks;
		readers[i].session = dump->readers[i];
		readers[i].number = i;
		r = outlet_writer_new(dump->outlet, &readers[i].writer);
	}
	if (r < 0)
		(void)err_set(reterr, r, "out of memory");
	if (r == 0)
		r = add_tables(dump, tasks, reterr);
	if (r == 0)
		r = run_all(dump, tasks, readers, reterr);
	for (unsigned i = 0; readers && i < dump->reader_count; i++)
		reader_release(&readers[i]);
	return r;
}
