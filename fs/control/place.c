/* SPDX-License-Identifier: MIT */
/* Objects as commands name them: "primary/a/b", "s3://primary/a/b". */
#include "base/conf.h"
#include "control_impl.h"
#include "s3/store.h"

#include <string.h>

void place_release(struct place *place)
{
	free(place->key);
	place->key = NULL;
}

/* The directory of the bucket that is called so at its server. */
static const char *directory_of(const struct conf *conf, const char *bucket)
{
	for (size_t i = 0; conf && i < conf_bucket_count(conf); i++) {
		const char *dir = conf_bucket_name(conf, i);
		const char *name = conf_text(conf, dir, "bucket");

		if (name && strcmp(name, bucket) == 0)
			return dir;
	}
	return NULL;
}

/* The key without the prefix that the bucket is mounted from; NULL: outside. */
static const char *below_prefix(const struct conf *conf, const char *dir,
                                const char *key)
{
	const char *prefix = conf_text(conf, dir, "prefix");
	size_t len = prefix ? strlen(prefix) : 0;

	if (len == 0)
		return key;
	if (strncmp(key, prefix, len) != 0)
		return NULL;
	key += len;
	if (prefix[len - 1] == '/' || !*key)
		return key;
	return *key == '/' ? key + 1 : NULL;
}

/* Set *ret from a bucket's directory and the key below it. */
static int take_place(struct fs *fs, const char *dir, const char *key,
                      struct place *ret, struct err *reterr)
{
	struct place place = {0};
	int r = fs_bucket_named(fs, dir, &place.bucket);

	if (r < 0)
		return err_set(reterr, -ENOENT, "there is no bucket '%s'", dir);
	if (!place.bucket.store)
		return err_set(reterr, place.bucket.broken,
		               "bucket '%s' did not work when it was mounted",
		               dir);
	if (strlen(key) > STORE_KEY_MAX)
		return err_set(reterr, -ENAMETOOLONG,
		               "the key is longer than %d bytes",
		               STORE_KEY_MAX);
	place.key = strdup(key);
	if (!place.key)
		return err_set(reterr, -ENOMEM, "out of memory");
	*ret = place;
	return 0;
}

int place_find(struct fs *fs, const struct conf *conf, const char *text,
               struct place *ret, struct err *reterr)
{
	bool url = str_starts(text, "s3://");
	const char *begin = url              ? text + strlen("s3://")
	                    : text[0] == '/' ? text + 1
	                                     : text;
	size_t len = strcspn(begin, "/");
	cleanup(freep) char *name = strndup(begin, len);
	const char *key = begin[len] ? begin + len + 1 : begin + len;
	struct fs_bucket_view view;
	const char *dir;

	if (!name)
		return err_set(reterr, -ENOMEM, "out of memory");
	if (len == 0)
		return err_set(reterr, -EINVAL, "'%s' names no bucket", text);
	if (fs_bucket_named(fs, name, &view) == 0)
		return take_place(fs, name, key, ret, reterr);
	dir = directory_of(conf, name);
	if (!dir)
		return err_set(reterr, -ENOENT,
		               "there is no bucket or directory '%s'", name);
	key = below_prefix(conf, dir, key);
	if (!key)
		return err_set(reterr, -ENOENT,
		               "'%s' is outside of what is mounted of bucket "
		               "'%s'",
		               text, name);
	return take_place(fs, dir, key, ret, reterr);
}
