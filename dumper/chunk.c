/* SPDX-License-Identifier: MIT */
/*
 * Conditions on keys.
 */
#include "chunk.h"

#include "sql_name.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ROWS_MIN 200
#define ROWS_MAX 4000000

void chunk_point_release(struct chunk_point *point)
{
	for (unsigned i = 0; i < point->count; i++)
		free(point->values[i]);
	memset(point, 0, sizeof(*point));
}

int chunk_point_copy(const struct chunk_point *point, struct chunk_point *ret)
{
	struct chunk_point copy = {0};

	for (unsigned i = 0; i < point->count; i++) {
		copy.values[i] = strdup(point->values[i]);
		if (!copy.values[i]) {
			chunk_point_release(&copy);
			return -ENOMEM;
		}
		copy.count++;
	}
	*ret = copy;
	return 0;
}

/* `column` OP literal */
static void compare(struct str *sql, const char *column, const char *op,
                    const char *value)
{
	sql_add_name(sql, column);
	str_add(sql, op);
	str_add(sql, value);
}

/*
 * wide is the comparison with equality, strict the one without, last the one of
 * the last column: a>=x AND (a>x OR (a=x AND (rest))).
 */
static void add_side(struct str *sql, const struct chunk_key *key,
                     const struct chunk_point *point, const char *const ops[3])
{
	unsigned last = point->count - 1;

	for (unsigned i = 0; i < last; i++) {
		compare(sql, key->columns[i], ops[0], point->values[i]);
		str_add(sql, " AND (");
		compare(sql, key->columns[i], ops[1], point->values[i]);
		str_add(sql, " OR (");
		compare(sql, key->columns[i], "=", point->values[i]);
		str_add(sql, " AND ");
	}
	compare(sql, key->columns[last], ops[2], point->values[last]);
	for (unsigned i = 0; i < last; i++)
		str_add(sql, "))");
}

void chunk_add_after(struct str *sql, const struct chunk_key *key,
                     const struct chunk_point *point)
{
	add_side(sql, key, point, (const char *const[]){">=", ">", ">"});
}

void chunk_add_upto(struct str *sql, const struct chunk_key *key,
                    const struct chunk_point *point)
{
	add_side(sql, key, point, (const char *const[]){"<=", "<", "<="});
}

void chunk_add_where(struct str *sql, const struct chunk_key *key,
                     const struct chunk_point *after,
                     const struct chunk_point *upto, const char *extra)
{
	const char *before = " WHERE ";

	if (extra) {
		str_addf(sql, "%s(%s)", before, extra);
		before = " AND ";
	}
	if (after && after->count > 0) {
		str_add(sql, before);
		chunk_add_after(sql, key, after);
		before = " AND ";
	}
	if (upto && upto->count > 0) {
		str_add(sql, before);
		chunk_add_upto(sql, key, upto);
	}
}

void chunk_add_columns(struct str *sql, const struct chunk_key *key)
{
	for (unsigned i = 0; i < key->count; i++) {
		if (i > 0)
			str_add_char(sql, ',');
		sql_add_name(sql, key->columns[i]);
	}
}

uint64_t chunk_next_rows(uint64_t rows, uint64_t ms, uint64_t target_ms)
{
	uint64_t wanted = rows * target_ms / (ms > 0 ? ms : 1);

	if (wanted > rows * 8)
		wanted = rows * 8;
	if (wanted < rows / 8)
		wanted = rows / 8;
	if (wanted < ROWS_MIN)
		wanted = ROWS_MIN;
	return wanted < ROWS_MAX ? wanted : ROWS_MAX;
}

/* A whole integer literal of at most 64 bits and a sign. */
static bool to_integer(const char *text, __int128 *ret)
{
	bool negative = *text == '-';
	uint64_t value;

	if (str_to_u64(text + negative, &value) < 0)
		return false;
	*ret = negative ? -(__int128)value : (__int128)value;
	return true;
}

bool chunk_middle(const char *low, const char *high, char *ret, size_t size)
{
	__int128 a, b;

	if (!to_integer(low, &a) || !to_integer(high, &b) || b - a < 2)
		return false;

	__int128 middle = a + (b - a) / 2;
	uint64_t value = (uint64_t)(middle < 0 ? -middle : middle);

	return snprintf(ret, size, "%s%llu", middle < 0 ? "-" : "",
	                (unsigned long long)value) < (int)size;
}
