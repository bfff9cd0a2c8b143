/* SPDX-License-Identifier: MIT */
#include "local_path.h"

#include <errno.h>
#include <string.h>

/* Leaves room for the mark that puts a file aside. */
#define WHOLE_MAX (LOCAL_NAME_MAX - 1)

/* The least a cut piece may have and the most, both without its mark. */
#define PART_MAX 250
#define PART_MIN (PART_MAX - 2)

/* The longest component, every byte of it escaped. */
#define ESCAPED_MAX (3 * STORE_KEY_MAX)

/* Write a component with its % escaped; returns how many bytes that are. */
static size_t escape(const char *component, size_t len, char *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		ret[n++] = component[i];
		if (component[i] == '%') {
			ret[n++] = '2';
			ret[n++] = '5';
		}
	}
	return n;
}

/* Bytes of the first cut of escaped text: never inside an escape. */
static size_t cut(const char *text)
{
	if (text[PART_MAX - 1] == '%')
		return PART_MAX - 1;
	if (text[PART_MAX - 2] == '%')
		return PART_MAX - 2;
	return PART_MAX;
}

/* Write a component's last (mostly its only) name; returns its length. */
static size_t put_rest(const char *text, size_t len, char *ret)
{
	const char *name = text;

	if (len == 0)
		name = "%";
	else if (len == 1 && text[0] == '.')
		name = "%2E";
	else if (len == 2 && text[0] == '.' && text[1] == '.')
		name = "%2E%2E";
	if (name != text)
		len = strlen(name);
	memcpy(ret, name, len);
	return len;
}

/* Write a component, in as many names as it needs; returns the length. */
static size_t put_component(const char *component, size_t len, char *ret)
{
	char escaped[ESCAPED_MAX];
	const char *text = escaped;
	size_t left = escape(component, len, escaped);
	size_t n = 0;

	while (left > WHOLE_MAX) {
		size_t part = cut(text);

		memcpy(ret + n, text, part);
		memcpy(ret + n + part, "%+/", 3);
		n += part + 3;
		text += part;
		left -= part;
	}
	return n + put_rest(text, left, ret + n);
}

/* The path of a key of len bytes, with a NUL. */
static void put_path(const char *key, size_t len, char *ret)
{
	const char *end = key + len;
	size_t n = 0;

	for (;;) {
		const char *slash = memchr(key, '/', (size_t)(end - key));
		const char *stop = slash ? slash : end;

		n += put_component(key, (size_t)(stop - key), ret + n);
		if (!slash)
			break;
		ret[n++] = '/';
		key = slash + 1;
	}
	ret[n] = '\0';
}

int local_path_of_key(const char *key, char ret[LOCAL_PATH_MAX])
{
	size_t len = strlen(key);

	if (len == 0)
		return -EINVAL;
	if (len > STORE_KEY_MAX)
		return -ENAMETOOLONG;

	put_path(key, len, ret);
	return 0;
}

int local_path_of_dir(const char *prefix, char ret[LOCAL_PATH_MAX])
{
	size_t len = strlen(prefix);

	if (len > STORE_KEY_MAX)
		return -ENAMETOOLONG;
	if (len == 0) {
		memcpy(ret, ".", 2);
		return 0;
	}
	put_path(prefix, len - 1, ret);
	return 0;
}

/* Undo escape(): 0, or -EINVAL when it does not come from there. */
static int unescape(const char *text, size_t len, char *ret, size_t *ret_len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		ret[n++] = text[i];
		if (text[i] != '%')
			continue;
		if (len - i < 3 || text[i + 1] != '2' || text[i + 2] != '5')
			return -EINVAL;
		i += 2;
	}
	*ret_len = n;
	return 0;
}

/* Undo put_rest(). */
static int read_rest(const char *name, size_t len, char *ret, size_t *ret_len)
{
	bool dot = len == 3 && memcmp(name, "%2E", 3) == 0;
	bool two = len == 6 && memcmp(name, "%2E%2E", 6) == 0;

	if (len > WHOLE_MAX)
		return -EINVAL;
	if (dot || two) {
		memcpy(ret, "..", 2);
		*ret_len = two ? 2 : 1;
		return 0;
	}
	if (len == 1 && name[0] == '%') {
		*ret_len = 0;
		return 0;
	}
	return unescape(name, len, ret, ret_len);
}

enum local_name local_name_decode(const char *name, char ret[LOCAL_NAME_MAX],
                                  size_t *ret_len)
{
	size_t len = strlen(name);

	if (len == 0 || len > LOCAL_NAME_MAX || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0)
		return LOCAL_NAME_FOREIGN;

	if (len >= PART_MIN + 2 && memcmp(name + len - 2, "%+", 2) == 0) {
		if (len > PART_MAX + 2 ||
		    unescape(name, len - 2, ret, ret_len) < 0)
			return LOCAL_NAME_FOREIGN;
		return LOCAL_NAME_PART;
	}
	if (read_rest(name, len, ret, ret_len) == 0)
		return LOCAL_NAME_WHOLE;
	if (name[len - 1] == '%' && read_rest(name, len - 1, ret, ret_len) == 0)
		return LOCAL_NAME_ASIDE;
	return LOCAL_NAME_FOREIGN;
}

bool local_name_is_long(const char *component, size_t len)
{
	size_t escaped = len;

	for (size_t i = 0; i < len; i++)
		escaped += component[i] == '%' ? 2 : 0;
	return escaped > WHOLE_MAX;
}

/* Append what one name of a path stands for. Returns the new length. */
static int add_name(const char *name, size_t len, char *key, size_t n)
{
	char copy[LOCAL_NAME_MAX + 1];
	char bytes[LOCAL_NAME_MAX];
	size_t count;
	enum local_name kind;

	if (len > LOCAL_NAME_MAX)
		return -EINVAL;
	memcpy(copy, name, len);
	copy[len] = '\0';

	kind = local_name_decode(copy, bytes, &count);
	if (kind == LOCAL_NAME_FOREIGN || count + 1 > STORE_KEY_MAX - n + 1)
		return -EINVAL;
	memcpy(key + n, bytes, count);
	n += count;
	if (kind != LOCAL_NAME_PART)
		key[n++] = '/';
	return (int)n;
}

int local_path_to_key(const char *path, char ret[STORE_KEY_MAX + 1])
{
	char again[LOCAL_PATH_MAX];
	const char *name = path;
	size_t len;
	int n = 0;

	for (;;) {
		const char *slash = strchr(name, '/');

		len = slash ? (size_t)(slash - name) : strlen(name);
		n = add_name(name, len, ret, (size_t)n);
		if (n < 0)
			return n;
		if (!slash)
			break;
		name = slash + 1;
	}
	/* Each component added its slash, the last one too. */
	if (n < 2 || ret[n - 1] != '/')
		return -EINVAL;
	ret[n - 1] = '\0';

	/* What another spelling would have reached is nobody's path. */
	if (local_path_of_key(ret, again) < 0)
		return -EINVAL;
	if (strcmp(again, path) == 0)
		return 0;
	len = strlen(again);
	return strncmp(again, path, len) == 0 && strcmp(path + len, "%") == 0
	               ? 0
	               : -EINVAL;
}
