/* SPDX-License-Identifier: MIT */
#include "key.h"

#include "base/cleanup.h"
#include "escape.h"

#include <string.h>

int key_join(const char *dir, const char *name, char **ret)
{
	size_t dir_len = strlen(dir);
	size_t name_len = strlen(name);
	size_t slash = dir_len > 0 ? 1 : 0;

	int r;

	if (dir_len + slash + name_len > ESCAPE_PATH_MAX)
		return -ENAMETOOLONG;
	r = escape_check_name(name);
	if (r < 0)
		return r;

	char *key = malloc(dir_len + slash + name_len + 1);

	if (!key)
		return -ENOMEM;
	memcpy(key, dir, dir_len);
	if (slash)
		key[dir_len] = '/';
	memcpy(key + dir_len + slash, name, name_len + 1);
	*ret = key;
	return 0;
}

int key_check_new(const char *name, bool dir)
{
	if (escape_is_aside(name) || (!dir && strcmp(name, ESCAPE_EMPTY) == 0))
		return -EINVAL;
	return 0;
}

char *key_as_dir(const char *key)
{
	size_t len = strlen(key);
	char *dir = malloc(len + 2);

	if (!dir)
		return NULL;
	memcpy(dir, key, len);
	if (len > 0)
		dir[len++] = '/';
	dir[len] = 0;
	return dir;
}

const char *key_base(const char *key)
{
	const char *slash = strrchr(key, '/');

	return slash ? slash + 1 : key;
}

size_t key_parent_len(const char *key)
{
	const char *slash = strrchr(key, '/');

	return slash ? (size_t)(slash - key) : 0;
}

char *key_parent(const char *key)
{
	return strndup(key, key_parent_len(key));
}

bool key_name(size_t prefix_len, const char *key, size_t len, const char **ret,
              size_t *ret_len)
{
	size_t name_len = len - prefix_len;

	if (name_len == 0)
		return false;
	*ret = key + prefix_len;
	*ret_len = key[len - 1] == '/' ? name_len - 1 : name_len;
	return true;
}

bool key_below(const char *key, const char *dir)
{
	size_t len = strlen(dir);

	return len == 0 || (strncmp(key, dir, len) == 0 && key[len] == '/');
}
