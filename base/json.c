/* SPDX-License-Identifier: MIT */
#include "base/json.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#define DEPTH_MAX 64

/* struct jval is a name for jansson's type; these are the way in and out. */
static json_t *inside(const struct jval *v)
{
	return (json_t *)(uintptr_t)v;
}

static struct jval *outside(json_t *json)
{
	return (struct jval *)(void *)json;
}

/* Whether brackets nest deeper than we let the parser recurse. */
static bool is_too_deep(const char *text, size_t len)
{
	bool in_string = false;
	size_t depth = 0;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (in_string && c == '\\')
			i++;
		else if (c == '"')
			in_string = !in_string;
		else if (!in_string && (c == '[' || c == '{'))
			depth++;
		else if (!in_string && (c == ']' || c == '}') && depth > 0)
			depth--;
		if (depth > DEPTH_MAX)
			return true;
	}
	return false;
}

int jval_parse(const char *text, size_t len, struct jval **ret,
               struct err *reterr)
{
	json_error_t error;

	if (is_too_deep(text, len))
		return err_set(reterr, -EINVAL,
		               "JSON is nested more than %d deep", DEPTH_MAX);

	json_t *json = json_loadb(
		text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);

	if (!json && json_error_code(&error) == json_error_out_of_memory)
		return err_set(reterr, -ENOMEM, "no memory for JSON");
	if (!json)
		return err_set(reterr, -EINVAL, "JSON line %d, column %d: %s",
		               error.line, error.column, error.text);

	*ret = outside(json);
	return 0;
}

void jval_free(struct jval *v)
{
	json_decref(inside(v));
}

struct jval *jval_get(const struct jval *object, const char *name)
{
	return outside(json_object_get(inside(object), name));
}

const char *jval_get_text(const struct jval *object, const char *name)
{
	return jval_text(jval_get(object, name));
}

/* A member in *ret, or why there is none. */
static int find(const struct jval *object, const char *name, json_t **ret)
{
	if (!json_is_object(inside(object)))
		return -EINVAL;

	*ret = json_object_get(inside(object), name);
	return *ret ? 0 : -ENOENT;
}

int jval_get_u64(const struct jval *object, const char *name, uint64_t *ret)
{
	json_t *member;
	int r = find(object, name, &member);

	if (r < 0)
		return r;
	if (!json_is_integer(member) || json_integer_value(member) < 0)
		return -EINVAL;

	*ret = (uint64_t)json_integer_value(member);
	return 0;
}

int jval_get_bool(const struct jval *object, const char *name, bool *ret)
{
	json_t *member;
	int r = find(object, name, &member);

	if (r < 0)
		return r;
	if (!json_is_boolean(member))
		return -EINVAL;

	*ret = json_is_true(member);
	return 0;
}

void *jval_next(struct jval *object, void *iter, const char **name,
                struct jval **value)
{
	iter = iter ? json_object_iter_next(inside(object), iter)
	            : json_object_iter(inside(object));
	if (iter) {
		*name = json_object_iter_key(iter);
		*value = outside(json_object_iter_value(iter));
	}
	return iter;
}

const char *jval_text(const struct jval *v)
{
	return json_string_value(inside(v));
}

size_t jval_count(const struct jval *array)
{
	return json_array_size(inside(array));
}

struct jval *jval_at(const struct jval *array, size_t index)
{
	return outside(json_array_get(inside(array), index));
}

struct jval *jval_new_array(void)
{
	return outside(json_array());
}

int jval_append(struct jval *array, struct jval *value)
{
	if (!json_is_array(inside(array))) {
		jval_free(value);
		return -EINVAL;
	}
	return json_array_append_new(inside(array), inside(value)) < 0 ? -ENOMEM
	                                                               : 0;
}

struct jval *jval_new_object(void)
{
	return outside(json_object());
}

/* Whether all of a text is UTF-8. */
static bool is_utf8(const char *text)
{
	size_t len = strlen(text);

	while (len > 0) {
		size_t n = str_utf8_char(text, len);

		if (n == 0)
			return false;
		text += n;
		len -= n;
	}
	return true;
}

int jval_set(struct jval *object, const char *name, struct jval *value)
{
	if (!json_is_object(inside(object)) || !is_utf8(name)) {
		jval_free(value);
		return -EINVAL;
	}
	if (json_object_set_new(inside(object), name, inside(value)) < 0)
		return value == object ? -EINVAL : -ENOMEM;
	return 0;
}

int jval_set_text(struct jval *object, const char *name, const char *text)
{
	if (!is_utf8(text))
		return -EINVAL;

	return jval_set(object, name, outside(json_string(text)));
}

int jval_set_u64(struct jval *object, const char *name, uint64_t value)
{
	if (value > INT64_MAX)
		return -ERANGE;

	return jval_set(object, name, outside(json_integer((json_int_t)value)));
}

int jval_set_bool(struct jval *object, const char *name, bool value)
{
	return jval_set(object, name, outside(json_boolean(value)));
}

struct jval *jval_new_text(const char *text)
{
	return is_utf8(text) ? outside(json_string(text)) : NULL;
}

/* jansson's way to write: each piece goes to the text. */
static int add_piece(const char *piece, size_t len, void *ctx)
{
	struct str *s = ctx;

	str_add_mem(s, piece, len);
	return str_status(s) < 0 ? -1 : 0;
}

int jval_dump(const struct jval *v, struct str *ret)
{
	return json_dump_callback(inside(v), add_piece, ret,
	                          JSON_COMPACT | JSON_ENCODE_ANY) < 0
	               ? -ENOMEM
	               : 0;
}
