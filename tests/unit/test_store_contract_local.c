/* SPDX-License-Identifier: MIT */
/* The embedded store keeps the contract of every store. */
#include "base/exec.h"
#include "s3/local.h"
#include "store_contract.h"
#include "temp_dir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* One directory for all buckets, made anew with the first. */
struct place {
	char *root;
	unsigned open;
	struct exec *exec;
	const char *prefix;
};

/* A bucket of the place. */
static struct object_store *open_store(void *ctx, const char *bucket)
{
	struct place *place = ctx;
	struct local_store_config config = {
		.bucket = bucket,
		.prefix = place->prefix,
		.create_bucket = true,
		.exec = place->exec,
	};
	struct object_store *store = NULL;
	struct err err = {0};

	if (place->open++ == 0)
		place->root = temp_dir_new();
	config.root = place->root;
	if (local_store_new(&config, &store, &err) < 0)
		fail_msg("%s", err.text);
	return store;
}

static void close_store(void *ctx, struct object_store *store)
{
	struct place *place = ctx;

	store_destroy(store);
	if (--place->open == 0)
		temp_dir_free(place->root);
}

int main(void)
{
	struct place place = {.prefix = NULL};
	int failed;

	if (exec_new("work", 8, &place.exec) < 0)
		return 1;
	failed = store_contract_run(&(struct store_contract){
		.name = "local store",
		.open = open_store,
		.close = close_store,
		.ctx = &place,
	});
	exec_free(place.exec);
	return failed;
}
