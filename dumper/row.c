/* SPDX-License-Identifier: MIT */
/*
 * Rows into blocks.  A row of up to 1 MiB becomes part of an INSERT in memory; a
 * longer one goes out piece by piece while the sink is held, so that memory
 * stays what it is, whatever a row weighs.
 */
#include "reader.h"

#include <errno.h>
#include <string.h>

#define ROW_LARGE ((size_t)1 << 20)   /* bytes as they come */
#define PIECE     ((size_t)256 << 10) /* bytes of a value at once */
#define LITERAL   ((size_t)2048)      /* longest key value that is noted */

/* Failed: the first reason of all readers. */
static int out_failed(struct reader *reader, int r, struct err *reterr)
{
	struct err memory = {.text = "out of memory"};

	if (r == -ENOMEM)
		(void)outlet_fail(reader->dump->outlet, r, &memory);
	return outlet_status(reader->dump->outlet, reterr);
}

/* One value of the key as literal, appended. */
static void add_literal(struct str *out, const struct sql_format *format,
                        const char *value, size_t len)
{
	if (str_reserve(out, sql_value_room(format, value, len) +
	                             SQL_VALUE_SLACK) < 0)
		return;
	char *end = sql_value_write(out->data + out->len, format, value, len,
	                            false);

	*end = '\0';
	out->len = (size_t)(end - out->data);
}

int reader_point(const struct dump_table *table, const struct db_row *row,
                 struct chunk_point *ret)
{
	struct chunk_point point = {0};

	for (unsigned i = 0; i < table->key_count; i++) {
		const struct sql_field *field = &table->fields[table->key[i]];
		cleanup(str_release) struct str text = {0};

		add_literal(&text, &field->format, row->values[field->value],
		            row->lengths[field->value]);
		point.values[i] = str_take(&text);
		if (!point.values[i]) {
			chunk_point_release(&point);
			return -ENOMEM;
		}
		point.count++;
	}
	*ret = point;
	return 0;
}

/* "1,'a'" for the index. */
static void note_key(const struct dump_table *table, const struct db_row *row,
                     struct str *ret)
{
	str_reset(ret);
	for (unsigned i = 0; i < table->key_count; i++) {
		const struct sql_field *field = &table->fields[table->key[i]];
		size_t len = row->lengths[field->value];

		if (len > LITERAL)
			return;
		if (i > 0)
			str_add_char(ret, ',');
		add_literal(ret, &field->format, row->values[field->value],
		            len);
	}
}

int reader_flush(struct reader *reader, struct err *reterr)
{
	struct str *text = outlet_text(reader->writer);
	int r;

	sql_insert_end(&reader->insert, text);
	outlet_rows(reader->writer, reader->counted,
	            reader->first_key.len ? str_text(&reader->first_key) : NULL,
	            reader->key.len ? str_text(&reader->key) : NULL);
	reader->dump->progress->rows += reader->counted;
	reader->piece->table->dumped += reader->counted;
	reader->counted = 0;
	str_reset(&reader->first_key);
	str_reset(&reader->key);
	r = outlet_flush(reader->writer);
	if (r == 0)
		r = dump_cancelled(reader->dump, reterr);
	else
		r = out_failed(reader, r, reterr);
	return r;
}

/* ---- rows that are too long ---- */

/* Put out what the text holds when it is enough; the sink stays held. */
static int put_some(struct reader *reader, bool all)
{
	struct str *text = outlet_text(reader->writer);

	if (str_status(text) < 0)
		return -ENOMEM;
	if (!all && text->len < OUTLET_BLOCK / 2)
		return 0;
	return outlet_hold(reader->writer);
}

static int put_value(struct reader *reader, const struct sql_field *field,
                     const char *data, size_t len)
{
	struct str *text = outlet_text(reader->writer);
	bool hex = sql_value_is_hex(&field->format, data, len);
	char small[SQL_CHARSET_MAX + 8];
	char *end = sql_value_begin(small, &field->format, hex);
	int r = 0;

	str_add_mem(text, small, (size_t)(end - small));
	for (size_t at = 0; at < len && r == 0; at += PIECE) {
		size_t n = len - at < PIECE ? len - at : PIECE;

		if (str_reserve(text, 2 * n + SQL_VALUE_SLACK) < 0)
			return -ENOMEM;
		end = sql_value_piece(text->data + text->len, hex, data + at,
		                      n);
		text->len = (size_t)(end - text->data);
		r = put_some(reader, false);
	}
	end = sql_value_end(small, hex);
	str_add_mem(text, small, (size_t)(end - small));
	return r;
}

/* A value that is short, or of a kind that is never long. */
static void add_short(struct reader *reader, const struct sql_field *field,
                      const struct db_row *row)
{
	struct str *text = outlet_text(reader->writer);
	const char *number = row->values[field->number];
	bool is_error = field->format.kind == SQL_ENUM && number &&
	                strcmp(number, "0") == 0;
	size_t len = row->lengths[field->value];
	const char *value = row->values[field->value];

	if (str_reserve(text, sql_value_room(&field->format, value, len) +
	                              SQL_VALUE_SLACK) < 0)
		return;
	char *end = sql_value_write(text->data + text->len, &field->format,
	                            value, len, is_error);

	*end = '\0';
	text->len = (size_t)(end - text->data);
}

static int put_large_row(struct reader *reader, const struct db_row *row)
{
	const struct dump_table *table = reader->piece->table;
	struct str *text = outlet_text(reader->writer);
	int r = outlet_hold(reader->writer);

	str_add(text, table->insert);
	for (unsigned i = 0; i < table->column_count && r == 0; i++) {
		const struct sql_field *field = &table->fields[i];
		const char *value = row->values[field->value];
		size_t len = row->lengths[field->value];

		str_add_char(text, i == 0 ? '(' : ',');
		if (value && len > PIECE && field->format.kind != SQL_NUMBER &&
		    field->format.kind != SQL_FLOAT)
			r = put_value(reader, field, value, len);
		else
			add_short(reader, field, row);
		if (r == 0)
			r = put_some(reader, false);
	}
	str_add(text, ");\n");
	return r == 0 ? put_some(reader, true) : r;
}

static int large_row(struct reader *reader, const struct db_row *row,
                     struct err *reterr)
{
	int r = reader_flush(reader, reterr);

	if (r < 0)
		return r;
	r = put_large_row(reader, row);
	if (r < 0)
		return out_failed(reader, r, reterr);
	note_key(reader->piece->table, row, &reader->first_key);
	note_key(reader->piece->table, row, &reader->key);
	reader->counted = 1;
	return reader_flush(reader, reterr);
}

/* ---- all others ---- */

static size_t row_size(const struct db_row *row)
{
	size_t size = 0;

	for (unsigned i = 0; i < row->count; i++)
		size += row->lengths[i];
	return size;
}

int reader_row(struct reader *reader, const struct db_row *row,
               struct err *reterr)
{
	const struct dump_table *table = reader->piece->table;
	struct str *text = outlet_text(reader->writer);
	bool full;

	if (row_size(row) > ROW_LARGE)
		return large_row(reader, row, reterr);
	if (text->len == 0)
		note_key(table, row, &reader->first_key);
	if (sql_insert_row(&reader->insert, text, row->values, row->lengths) <
	    0)
		return out_failed(reader, -ENOMEM, reterr);
	reader->counted++;

	full = text->len >= OUTLET_BLOCK ||
	       (!reader->insert.open && text->len >= OUTLET_BLOCK * 3 / 4);
	if (!full)
		return 0;
	note_key(table, row, &reader->key);
	return reader_flush(reader, reterr);
}
