/* SPDX-License-Identifier: MIT */
/*
 * Sharing a piece: another reader gets the upper half of what is left.
 *
 * Where the key begins with an integer, the half is arithmetic, moved until
 * there are rows on both sides; else the middle is found by skipping rows of
 * the index.  A piece that cannot be halved stays whole.
 */
#include "reader.h"
#include "sql_name.h"

#include <errno.h>
#include <string.h>

#define WORTH    1000   /* rows that either side must have */
#define SKIP_MAX 200000 /* rows of an index that are skipped at most */
#define PROBES   40
#define INTEGER  24 /* bytes of an integer's literal with NUL */

/*
 * Whether a query gives a row: then its first value in ret (may be NULL), cut
 * to what fits.
 */
static int has_row(struct reader *reader, char *ret, size_t size,
                   struct err *reterr)
{
	struct db_row row;
	int r = db_query(reader->session, str_text(&reader->sql), reterr);

	if (r == 0)
		r = db_next(reader->session, &row, reterr);
	if (r > 0) {
		if (ret && row.values[0])
			(void)str_copy(ret, size, row.values[0]);
		db_end(reader->session);
	}
	return r;
}

/* "SELECT 1 FROM table WHERE after AND upto ORDER BY key LIMIT 1 OFFSET n" */
static void write_probe(struct reader *reader, const char *what,
                        const struct chunk_point *after,
                        const struct chunk_point *upto, uint64_t offset)
{
	const struct dump_table *table = reader->piece->table;
	struct chunk_key key;
	struct str *sql = &reader->sql;

	catalog_key(table, &key);
	str_reset(sql);
	str_addf(sql, "SELECT %s FROM ", what);
	sql_add_table(sql, table->db, table->name);
	chunk_add_where(sql, &key, after, upto, NULL);
	str_add(sql, " ORDER BY ");
	chunk_add_columns(sql, &key);
	str_addf(sql, " LIMIT 1 OFFSET %llu", (unsigned long long)offset);
}

/* A point of the first key column alone. */
static struct chunk_point first_only(char *value)
{
	return (struct chunk_point){.count = 1, .values = {value}};
}

/* The greatest value of the first key column within the piece. */
static int find_high(struct reader *reader, char ret[INTEGER],
                     struct err *reterr)
{
	const struct task_piece *piece = reader->piece;
	struct str *sql = &reader->sql;
	struct chunk_key key;

	if (piece->upto.count > 0)
		return str_copy(ret, INTEGER, piece->upto.values[0]);
	catalog_key(piece->table, &key);
	str_reset(sql);
	str_add(sql, "SELECT MAX(");
	sql_add_name(sql, key.columns[0]);
	str_add(sql, ") FROM ");
	sql_add_table(sql, piece->table->db, piece->table->name);
	ret[0] = '\0';
	return has_row(reader, ret, INTEGER, reterr);
}

/*
 * An integer with rows on both sides of it. 1: found; 0: there is none worth
 * it.
 */
static int integer_middle(struct reader *reader, char ret[INTEGER],
                          struct err *reterr)
{
	const struct task_piece *piece = reader->piece;
	char low[INTEGER], high[INTEGER], middle[INTEGER];
	int r = find_high(reader, high, reterr);

	if (r <= 0 || !str_copy(low, sizeof(low), piece->after.values[0]))
		return r < 0 ? r : 0;
	for (unsigned i = 0; i < PROBES; i++) {
		if (!chunk_middle(low, high, middle, sizeof(middle)))
			return 0;

		struct chunk_point at = first_only(middle);

		write_probe(reader, "1", &at, &piece->upto, WORTH);
		r = has_row(reader, NULL, 0, reterr);
		if (r == 0) {
			memcpy(high, middle, sizeof(high));
			continue;
		}
		write_probe(reader, "1", &piece->after, &at, WORTH);
		if (r > 0)
			r = has_row(reader, NULL, 0, reterr);
		if (r == 0) {
			memcpy(low, middle, sizeof(low));
			continue;
		}
		memcpy(ret, middle, sizeof(middle));
		return r;
	}
	return 0;
}

/* The key some way into the rest, by skipping. 1: found, ret the caller's. */
static int skipped_middle(struct reader *reader, struct chunk_point *ret,
                          struct err *reterr)
{
	const struct task_piece *piece = reader->piece;
	const struct dump_table *table = piece->table;
	uint64_t left = table->rows > table->dumped
	                        ? table->rows - table->dumped
	                        : 2 * WORTH;
	uint64_t skip = left / 2 < SKIP_MAX ? left / 2 : SKIP_MAX;
	struct db_row row;
	int r;

	/* The rows as they are read: the point comes from the key's columns. */
	cleanup(str_release) struct str what = {0};
	struct dump_table shadow = *table;
	struct sql_field fields[CHUNK_COLUMNS_MAX];

	for (unsigned i = 0; i < table->key_count; i++) {
		const struct dump_column *column =
			&table->columns[table->key[i]];

		str_add(&what, i > 0 ? "," : "");
		str_add(&what, column->cast ? "CAST(" : "");
		sql_add_name(&what, column->name);
		str_add(&what, column->cast ? " AS BINARY)" : "");
		fields[i] = (struct sql_field){.format = column->format,
		                               .value = i};
		shadow.key[i] = i;
	}
	shadow.fields = fields;
	if (str_status(&what) < 0)
		return err_set(reterr, -ENOMEM, "out of memory");
	write_probe(reader, str_text(&what), &piece->after, &piece->upto, skip);
	r = db_query(reader->session, str_text(&reader->sql), reterr);
	if (r == 0)
		r = db_next(reader->session, &row, reterr);
	if (r <= 0)
		return r;
	r = reader_point(&shadow, &row, ret);
	db_end(reader->session);
	return r < 0 ? err_set(reterr, r, "out of memory") : 1;
}

/* The point where the upper half begins. 1: found, ret the caller's. */
static int middle(struct reader *reader, struct chunk_point *ret,
                  struct err *reterr)
{
	const struct task_piece *piece = reader->piece;
	const struct sql_field *first =
		&piece->table->fields[piece->table->key[0]];
	char value[INTEGER];
	int r;

	if (first->format.kind != SQL_NUMBER ||
	    strchr(piece->after.values[0], '.'))
		return skipped_middle(reader, ret, reterr);
	r = integer_middle(reader, value, reterr);
	if (r <= 0)
		return r;
	ret->values[0] = strdup(value);
	if (!ret->values[0])
		return err_set(reterr, -ENOMEM, "out of memory");
	ret->count = 1;
	return 1;
}

int reader_share(struct reader *reader, struct err *reterr)
{
	struct task_piece *piece = reader->piece;
	cleanup(task_piece_freep) struct task_piece *upper =
		calloc(1, sizeof(*upper));
	int r;

	if (!upper)
		return err_set(reterr, -ENOMEM, "out of memory");
	r = middle(reader, &upper->after, reterr);
	if (r <= 0)
		return r;
	upper->table = piece->table;
	upper->upto = piece->upto;
	memset(&piece->upto, 0, sizeof(piece->upto));
	if (chunk_point_copy(&upper->after, &piece->upto) < 0)
		return err_set(reterr, -ENOMEM, "out of memory");
	piece->weight /= 2;
	upper->weight = piece->weight;
	tasks_add(reader->tasks, take(&upper));
	return 0;
}
