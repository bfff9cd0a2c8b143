/* SPDX-License-Identifier: MIT */
/*
 * JSON: a thin face on jansson, whose only door is json.c.
 *
 * struct jval is one value of a document, counted.  Values made or parsed are
 * owned by the caller; values looked up inside another are borrowed from it.
 * Not thread safe while a document changes.
 */
#ifndef PORTER_BASE_JSON_H
#define PORTER_BASE_JSON_H

#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct jval; /* is jansson's json_t */

/*
 * The one value that the whole text is, nested at most 64 deep.  Names given
 * twice, NUL characters and broken UTF-8 are refused: -EINVAL with line and
 * column in reterr; or -ENOMEM.
 */
int jval_parse(const char *text, size_t len, struct jval **ret,
               struct err *reterr);
void jval_free(struct jval *v);
DEFINE_CLEANUP(struct jval *, jval_free);

/*
 * Look-ups in an object.  NULL or -ENOENT when missing; NULL or -EINVAL when it
 * is of another type, a number with a fraction or below zero, or when object is
 * none.
 */
const char *jval_get_text(const struct jval *object, const char *name);
int jval_get_u64(const struct jval *object, const char *name, uint64_t *ret);
int jval_get_bool(const struct jval *object, const char *name, bool *ret);
struct jval *jval_get(const struct jval *object, const char *name);

/* Members of an object in order: start with iter = NULL, ends with NULL. */
void *jval_next(struct jval *object, void *iter, const char **name,
                struct jval **value);
/* The text of a string value; NULL for any other. */
const char *jval_text(const struct jval *v);

/* Items of an array: how many (0 when it is none), and one; NULL past the end. */
size_t jval_count(const struct jval *array);
struct jval *jval_at(const struct jval *array, size_t index);

/*
 * Building; NULL when out of memory.  set replaces a member of that name and
 * returns 0, -ENOMEM, -EINVAL for text that is not UTF-8, or -ERANGE for a
 * number above INT64_MAX, which JSON readers cannot be trusted with.
 */
struct jval *jval_new_object(void);
int jval_set_text(struct jval *object, const char *name, const char *text);
int jval_set_u64(struct jval *object, const char *name, uint64_t value);
int jval_set_bool(struct jval *object, const char *name, bool value);
/* Takes value; NULL (a failed jval_new_object) is -ENOMEM. */
int jval_set(struct jval *object, const char *name, struct jval *value);

struct jval *jval_new_array(void);
/* The same at the end of an array; jval_new_text is NULL for bad UTF-8 too. */
int jval_append(struct jval *array, struct jval *value);
struct jval *jval_new_text(const char *text);

/*
 * Append on one line, without blanks or newline, members in the order they were
 * set.  Returns 0 or -ENOMEM.
 */
int jval_dump(const struct jval *v, struct str *ret);

#endif
