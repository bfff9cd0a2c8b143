/* SPDX-License-Identifier: MIT */
/* Tables on a terminal: the door to libsmartcols. */
#ifndef PORTER_CMD_TABLE_H
#define PORTER_CMD_TABLE_H

#include <stdbool.h>
#include <stddef.h>

struct table;

struct table_column {
	const char *name;
	bool right; /* numbers */
	bool cut;   /* may be cut where the terminal ends */
};

/* NULL: out of memory. */
struct table *table_new(const struct table_column *columns, size_t count);
/* One row, a text per column, copied. 0 or -ENOMEM. */
int table_add(struct table *table, const char *const *cells);
/* To standard output; frees it. 0 or a negative errno. */
int table_print(struct table *table);

#endif
