/* SPDX-License-Identifier: MIT */
/*
 * INSERT statements.
 */
#include "sql_insert.h"

#include <errno.h>
#include <string.h>

/* What the row may take at most. */
static size_t room_of(const struct sql_insert *insert,
                      const char *const *values, const unsigned long *lengths)
{
	size_t room = insert->prefix_len + SQL_VALUE_SLACK + 8;

	for (unsigned i = 0; i < insert->count; i++) {
		unsigned at = insert->fields[i].value;

		room += sql_value_room(&insert->fields[i].format, values[at],
		                       lengths[at]) +
		        1;
	}
	return room;
}

/* Whether an ENUM holds the value that is no member of it. */
static bool is_error(const struct sql_field *field, const char *const *values,
                     const unsigned long *lengths)
{
	return field->format.kind == SQL_ENUM && values[field->number] &&
	       lengths[field->number] == 1 && values[field->number][0] == '0';
}

static char *write_row(const struct sql_insert *insert, char *out,
                       const char *const *values, const unsigned long *lengths)
{
	char before = '(';

	for (unsigned i = 0; i < insert->count; i++) {
		const struct sql_field *field = &insert->fields[i];

		*out++ = before;
		before = ',';
		out = sql_value_write(out, &field->format, values[field->value],
		                      lengths[field->value],
		                      is_error(field, values, lengths));
	}
	if (insert->count == 0)
		*out++ = '(';
	*out++ = ')';
	return out;
}

/*
 * The row at `row` made the statement too long: end the statement before it and
 * begin another one with it.  There is room for the prefix.
 */
static void split(struct sql_insert *insert, struct str *text, size_t row)
{
	char *at = text->data + row; /* behind ",\n" */

	memmove(at + insert->prefix_len, at, text->len - row);
	memcpy(at, insert->prefix, insert->prefix_len);
	at[-2] = ';';
	text->len += insert->prefix_len;
	insert->begin = row;
}

int sql_insert_row(struct sql_insert *insert, struct str *text,
                   const char *const *values, const unsigned long *lengths)
{
	bool first = !insert->open;

	if (str_reserve(text, room_of(insert, values, lengths)) < 0)
		return -ENOMEM;

	char *out = text->data + text->len;

	if (first) {
		insert->begin = text->len;
		insert->open = true;
		memcpy(out, insert->prefix, insert->prefix_len);
		out += insert->prefix_len;
	} else {
		*out++ = ',';
		*out++ = '\n';
	}

	size_t row = (size_t)(out - text->data);

	out = write_row(insert, out, values, lengths);
	text->len = (size_t)(out - text->data);
	if (!first && text->len - insert->begin + 2 > SQL_INSERT_MAX)
		split(insert, text, row);
	text->data[text->len] = '\0';
	if (text->len - insert->begin >= SQL_INSERT_FULL)
		sql_insert_end(insert, text);
	return 0;
}

void sql_insert_end(struct sql_insert *insert, struct str *text)
{
	if (insert->open)
		str_add(text, ";\n");
	insert->open = false;
}
