/* SPDX-License-Identifier: MIT */
/*
 * One bucket, built bottom up: timers, executor, net, store.
 */
#include "tool_bucket.h"

#include "base/clock.h"
#include "base/conf.h"
#include "base/exec.h"
#include "base/str.h"
#include "base/timer.h"
#include "build_store.h"
#include "s3/client.h"

#include <string.h>

#define STORE_THREADS 4 /* of a store in a directory */

struct tool_bucket {
	struct timers *timers;
	struct exec *exec;
	struct s3_net *net;
	struct object_store *store;
	char *directory; /* owned */
	char *key;       /* owned */
};

void tool_bucket_close(struct tool_bucket *bucket)
{
	if (!bucket)
		return;
	store_destroy(bucket->store);
	s3_net_free(bucket->net);
	exec_free(bucket->exec);
	timers_free(bucket->timers);
	free(bucket->directory);
	free(bucket->key);
	free(bucket);
}

/* The directory of that name, or of the bucket that is called so. */
static const char *directory_named(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf_bucket_count(conf); i++)
		if (strcmp(conf_bucket_name(conf, i), name) == 0)
			return conf_bucket_name(conf, i);
	for (size_t i = 0; i < conf_bucket_count(conf); i++) {
		const char *directory = conf_bucket_name(conf, i);
		const char *own = conf_text(conf, directory, "bucket");

		if (own && strcmp(own, name) == 0)
			return directory;
	}
	return NULL;
}

const char *tool_export_directory(const struct conf *conf)
{
	const char *alt = conf_text(conf, NULL, "alt_export_name");
	const char *primary = conf_text(conf, NULL, "primary_name");

	for (size_t i = 0; alt && i < conf_bucket_count(conf); i++)
		if (strcmp(conf_bucket_name(conf, i), alt) == 0)
			return alt;
	return primary;
}

/* Directory and key of a place. */
static int find(const struct conf *conf, const char *place, const char *preset,
                struct tool_bucket *bucket, struct err *reterr)
{
	const char *rest = str_starts(place, "s3://") ? place + 5 : place;
	const char *slash = strchr(rest, '/');
	cleanup(freep) char *name =
		slash ? strndup(rest, (size_t)(slash - rest))
		      : strdup(preset ? preset : "");
	const char *key = slash ? slash + 1 : rest;
	const char *directory = name ? directory_named(conf, name) : NULL;

	if (!name)
		return err_set(reterr, -ENOMEM, "out of memory");
	if (!directory)
		return err_set(reterr, -ENOENT,
		               "there is no bucket or directory '%s'", name);
	if (!*key || str_ends(key, "/"))
		return err_set(reterr, -EINVAL, "'%s' is no object's name",
		               place);
	bucket->directory = strdup(directory);
	bucket->key = strdup(key);
	return bucket->directory && bucket->key
	               ? 0
	               : err_set(reterr, -ENOMEM, "out of memory");
}

static int open_net(const struct conf *conf, struct tool_bucket *bucket,
                    struct err *reterr)
{
	struct s3_net_config net = {
		.threads = 1,
		.max_connections =
			(unsigned)conf_number(conf, NULL, "max_connections"),
		.ca_bundle = conf_text(conf, NULL, "ca_bundle"),
		.proxy = conf_text(conf, NULL, "proxy"),
		.allow_plaintext = conf_bool(conf, NULL, "allow_plaintext"),
		.clock = clock_system(),
		.timers = bucket->timers,
	};

	return s3_net_new(&net, &bucket->net, reterr);
}

int tool_bucket_open(const struct conf *conf, const char *place,
                     const char *preset, struct tool_bucket **ret,
                     struct err *reterr)
{
	cleanup(tool_bucket_closep) struct tool_bucket *bucket =
		calloc(1, sizeof(*bucket));
	struct err err = {0};
	int r = bucket ? 0 : -ENOMEM;

	if (r == 0)
		r = timers_new(clock_system(), &bucket->timers);
	if (r == 0)
		r = exec_new("work", STORE_THREADS, &bucket->exec);
	if (r < 0)
		return err_set(reterr, r, "starting: %s", strerror(-r));
	r = find(conf, place, preset, bucket, reterr);
	if (r == 0)
		r = open_net(conf, bucket, reterr);
	if (r < 0)
		return r;

	const struct store_parts parts = {
		.net = bucket->net, .exec = bucket->exec, .probe = true};

	r = build_store(conf, bucket->directory, &parts, &bucket->store, &err);
	if (r < 0)
		return err_set(reterr, r, "bucket '%s': %s", bucket->directory,
		               err.text);
	*ret = take(&bucket);
	return 0;
}

struct object_store *tool_bucket_store(const struct tool_bucket *bucket)
{
	return bucket->store;
}

const char *tool_bucket_key(const struct tool_bucket *bucket)
{
	return bucket->key;
}

const char *tool_bucket_directory(const struct tool_bucket *bucket)
{
	return bucket->directory;
}
