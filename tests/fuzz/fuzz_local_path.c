/* SPDX-License-Identifier: MIT */
/*
 * Keys of the embedded store as paths: the input is taken for a key, which must
 * come back from a path that stays inside, and for a path, which must be a
 * key's or refused.
 */
#include "local_path.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every name is one that a directory can hold, and none leads elsewhere. */
static void check_names(const char *path)
{
	assert(path[0] != '/');
	for (;;) {
		size_t len = strcspn(path, "/");

		assert(len > 0 && len < LOCAL_NAME_MAX);
		assert(!(len == 1 && path[0] == '.'));
		assert(!(len == 2 && path[0] == '.' && path[1] == '.'));
		if (!path[len])
			break;
		path += len + 1;
	}
}

/* The input as a key. */
static void try_key(const char *key)
{
	char path[LOCAL_PATH_MAX];
	char back[STORE_KEY_MAX + 1];
	size_t len = strlen(key);
	int r = local_path_of_key(key, path);

	if (len == 0 || len > STORE_KEY_MAX) {
		assert(r == (len ? -ENAMETOOLONG : -EINVAL));
		return;
	}
	assert(r == 0);
	check_names(path);
	assert(local_path_to_key(path, back) == 0);
	assert(strcmp(back, key) == 0);

	/* Aside, it is still the same key's. */
	strncat(path, "%", sizeof(path) - strlen(path) - 1);
	assert(local_path_to_key(path, back) == 0);
	assert(strcmp(back, key) == 0);
}

/* The input as a path. */
static void try_path(const char *path)
{
	char key[STORE_KEY_MAX + 1];
	char again[LOCAL_PATH_MAX];
	size_t len;

	if (local_path_to_key(path, key) < 0)
		return;
	assert(local_path_of_key(key, again) == 0);
	len = strlen(again);
	assert(strncmp(path, again, len) == 0);
	assert(!path[len] || strcmp(path + len, "%") == 0);
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
