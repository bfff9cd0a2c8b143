/* SPDX-License-Identifier: MIT */
/*
 * Keys as paths and back: the input is taken for a key, whose path must have
 * only names that a directory can hold and must lead back to it, and for a path,
 * which must be that of its key or of none.
 */
#include "escape.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every component of the path can be a name. */
static void check_names(const char *path)
{
	char name[ESCAPE_PATH_MAX + 1];

	while (*path) {
		size_t len = strcspn(path, "/");

		memcpy(name, path, len);
		name[len] = 0;
		assert(escape_check_name(name) == 0);
		path += len + (path[len] == '/');
	}
}

/* The input as a key. */
static void try_key(const char *key)
{
	char path[ESCAPE_PATH_MAX + 1];
	char back[STORE_KEY_MAX + 1];
	size_t len = strlen(key);

	if (len > STORE_KEY_MAX || escape_path(key, len, path) < 0)
		return;
	check_names(path);
	assert(escape_key_is_odd(key, len) == (strcmp(key, path) != 0));
	assert(!escape_is_aside(path));
	assert(escape_to_key(path, back) == 0);
	assert(strcmp(back, key) == 0);
}

/* The input as a path. */
static void try_path(const char *path)
{
	char key[STORE_KEY_MAX + 1];
	char again[ESCAPE_PATH_MAX + 1];
	size_t len = strlen(path);
	int r;

	if (len > ESCAPE_PATH_MAX)
		return;
	r = escape_to_key(path, key);
	if (r < 0)
		return;
	r = escape_path(key, strlen(key), again);
	assert(r == 0);
	if (escape_is_aside(path))
		len -= strlen(ESCAPE_ASIDE);
	assert(strlen(again) == len && memcmp(again, path, len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);

	assert(text);
	try_key(text);
	try_path(text);
	free(text);
	return 0;
}
