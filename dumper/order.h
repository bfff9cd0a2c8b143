/* SPDX-License-Identifier: MIT */
/*
 * The order in which views can be made: each after those it names (pure).
 *
 * A view's text, as SHOW CREATE VIEW has it, names tables and views in
 * backticks, `db`.`name`, or `name` alone for its own database.  Whatever equals
 * another view's name counts, so there may be an edge too many (a column of
 * that name), never one too few; a circle, which only such edges make, is cut.
 */
#ifndef PORTER_DUMPER_ORDER_H
#define PORTER_DUMPER_ORDER_H

#include <stddef.h>

struct order_view {
	const char *db;
	const char *name;
	const char *text;
};

/*
 * Fill ret (count places) with indexes of views, in an order that works and is
 * else the given one.  Returns 0 or -ENOMEM.
 */
int order_views(const struct order_view *views, size_t count, size_t *ret);

#endif
