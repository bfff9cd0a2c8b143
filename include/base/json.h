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

/* Whole text, at most 64 deep. -EINVAL with line and column in reterr. */
int jval_parse(const char *text, size_t len, struct jval **ret,
               struct err *reterr);
void jval_free(struct jval *v);
DEFINE_CLEANUP(struct jval *, jval_free);

/* Look-ups in an object; NULL / -ENOENT when missing, -EINVAL other type. */
const char *jval_get_text(const struct jval *object, const char *name);
int jval_get_u64(const struct jval *object, const char *name, uint64_t *ret);
int jval_get_bool(const struct jval *object, const char *name, bool *ret);
struct jval *jval_get(const struct jval *object, const char *name);

/* Members of an object in order: start with iter = NULL, ends with NULL. */
void *jval_next(struct jval *object, void *iter, const char **name,
                struct jval **value);
/* The text of a string value; NULL for any other. */
const char *jval_text(const struct jval *v);

/* Building; NULL when out of memory. set returns 0 or -ENOMEM / -EINVAL. */
struct jval *jval_new_object(void);
int jval_set_text(struct jval *object, const char *name, const char *text);
int jval_set_u64(struct jval *object, const char *name, uint64_t value);
int jval_set_bool(struct jval *object, const char *name, bool value);
/* Takes value. */
int jval_set(struct jval *object, const char *name, struct jval *value);

/* Append on one line, keys in the order they were set. */
int jval_dump(const struct jval *v, struct str *ret);

#endif
