/* SPDX-License-Identifier: MIT */
/*
 * INSERT statements of up to 1 MiB, row by row (pure).
 *
 *   INSERT INTO `t` (`a`,`b`) VALUES
 *   (1,'x'),
 *   (2,NULL);
 *
 * A row that makes the statement longer than the limit begins the next one; a
 * row that is longer by itself stands alone.  Where statements end depends on
 * the rows alone.
 */
#ifndef PORTER_DUMPER_SQL_INSERT_H
#define PORTER_DUMPER_SQL_INSERT_H

#include "base/str.h"
#include "sql_value.h"

#include <stdbool.h>

#define SQL_INSERT_MAX  ((size_t)1 << 20)   /* bytes of a statement */
#define SQL_INSERT_FULL ((size_t)960 << 10) /* so many, and it is ended */

/* A column of the INSERT and where its value is in the row. */
struct sql_field {
	struct sql_format format;
	unsigned value;  /* index in the row */
	unsigned number; /* SQL_ENUM: index of c+0 */
};

struct sql_insert {
	const char *prefix; /* "INSERT INTO ... VALUES\n", borrowed */
	size_t prefix_len;
	const struct sql_field *fields; /* borrowed */
	unsigned count;
	size_t begin; /* of the open statement in the text */
	bool open;
};

/*
 * Append one row: values[i] NULL is NULL.  Returns 0 or -ENOMEM. The statement
 * is ended when it is full: insert->open tells.
 */
int sql_insert_row(struct sql_insert *insert, struct str *text,
                   const char *const *values, const unsigned long *lengths);

/* End the open statement, if any. */
void sql_insert_end(struct sql_insert *insert, struct str *text);

#endif
