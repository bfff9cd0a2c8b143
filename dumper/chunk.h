/* SPDX-License-Identifier: MIT */
/*
 * Pieces of a table by its key (pure).
 *
 * A point is the key's values as SQL literals, or the first few of them.  Rows
 * are read in steps, each after the point where the last one ended:
 *
 *   a>=1 AND (a>1 OR (a=1 AND b>'x'))        after (1,'x')
 *   a<=9 AND (a<9 OR (a=9 AND b<='z'))       up to (9,'z')
 *
 * which an index can follow, whatever collation the columns have.
 */
#ifndef PORTER_DUMPER_CHUNK_H
#define PORTER_DUMPER_CHUNK_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define CHUNK_COLUMNS_MAX 16

struct chunk_key {
	unsigned count;                         /* columns; 0 = no key */
	const char *columns[CHUNK_COLUMNS_MAX]; /* names, borrowed */
};

struct chunk_point {
	unsigned count;                  /* of the key's columns; 0 = none */
	char *values[CHUNK_COLUMNS_MAX]; /* owned literals */
};

void chunk_point_release(struct chunk_point *point);

/* Returns 0 or -ENOMEM, ret untouched then. */
int chunk_point_copy(const struct chunk_point *point, struct chunk_point *ret);

void chunk_add_after(struct str *sql, const struct chunk_key *key,
                     const struct chunk_point *point);
void chunk_add_upto(struct str *sql, const struct chunk_key *key,
                    const struct chunk_point *point);

/* " WHERE ..." of all three; "" when there is nothing to say. extra: NULL. */
void chunk_add_where(struct str *sql, const struct chunk_key *key,
                     const struct chunk_point *after,
                     const struct chunk_point *upto, const char *extra);

/* "`a`,`b`" */
void chunk_add_columns(struct str *sql, const struct chunk_key *key);

/*
 * Rows of the next step, after one of rows that took ms: about target_ms, and
 * never more than eight times or less than an eighth of before.
 */
uint64_t chunk_next_rows(uint64_t rows, uint64_t ms, uint64_t target_ms);

/*
 * The middle of two integer literals, rounded down: low < middle < high.
 * False when there is none between them or they are no integers.
 */
bool chunk_middle(const char *low, const char *high, char *ret, size_t size);

#endif
