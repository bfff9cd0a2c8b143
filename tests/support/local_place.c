/* SPDX-License-Identifier: MIT */
#include "local_place.h"

#include "base/err.h"
#include "base/exec.h"
#include "contract.h"
#include "s3/local.h"
#include "temp_dir.h"

#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

struct object_store *local_place_open(const char *root, const char *prefix)
{
	const struct local_store_config config = {
		.root = root,
		.bucket = "b",
		.prefix = prefix,
		.create_bucket = true,
		.sync = false,
		.exec = exec_inline(),
	};
	struct object_store *store = NULL;
	struct err err = {0};

	if (local_store_new(&config, &store, &err) < 0)
		fail_msg("%s", err.text);
	return store;
}

int local_place_set_up(void **state)
{
	struct local_place *place = calloc(1, sizeof(*place));

	place->root = temp_dir_new();
	place->store = local_place_open(place->root, NULL);
	*state = place;
	return 0;
}

int local_place_tear_down(void **state)
{
	struct local_place *place = *state;

	store_destroy(place->store);
	temp_dir_free(place->root);
	free(place);
	return 0;
}

const char *local_place_at(struct local_place *place, const char *path)
{
	(void)snprintf(place->path, sizeof(place->path), "%s/%s", place->root,
	               path);
	return place->path;
}

void local_place_by_hand(struct local_place *place, const char *path,
                         const char *text, const char *mode)
{
	FILE *file = fopen(local_place_at(place, path), mode);

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

void local_place_has(struct local_place *place, const char *path, bool there)
{
	if ((access(local_place_at(place, path), F_OK) == 0) != there)
		fail_msg("%s is %s", path, there ? "missing" : "there");
}

unsigned local_place_count(struct local_place *place, const char *path)
{
	DIR *stream = opendir(local_place_at(place, path));
	unsigned count = 0;

	assert_non_null(stream);
	while (readdir(stream))
		count++;
	(void)closedir(stream);
	return count - 2;
}

void local_place_restart(struct local_place *place)
{
	store_destroy(place->store);
	place->store = local_place_open(place->root, NULL);
}
