/* SPDX-License-Identifier: MIT */
#include "table.h"

#include <errno.h>
#include <libsmartcols/libsmartcols.h>
#include <stdlib.h>

struct table {
	struct libscols_table *inner;
	size_t columns;
};

static void table_free(struct table *table)
{
	if (!table)
		return;
	scols_unref_table(table->inner);
	free(table);
}

struct table *table_new(const struct table_column *columns, size_t count)
{
	struct table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->inner = scols_new_table();
	table->columns = count;
	for (size_t i = 0; table->inner && i < count; i++) {
		int flags = (columns[i].right ? SCOLS_FL_RIGHT : 0) |
		            (columns[i].cut ? SCOLS_FL_TRUNC : 0);

		if (!scols_table_new_column(table->inner, columns[i].name, 0,
		                            flags)) {
			table_free(table);
			return NULL;
		}
	}
	if (!table->inner) {
		table_free(table);
		return NULL;
	}
	return table;
}

int table_add(struct table *table, const char *const *cells)
{
	struct libscols_line *line = scols_table_new_line(table->inner, NULL);

	for (size_t i = 0; line && i < table->columns; i++)
		if (scols_line_set_data(line, i, cells[i]) < 0)
			return -ENOMEM;
	return line ? 0 : -ENOMEM;
}

int table_print(struct table *table)
{
	int r = scols_print_table(table->inner);

	table_free(table);
	return r < 0 ? r : 0;
}
