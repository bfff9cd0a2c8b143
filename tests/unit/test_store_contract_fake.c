/* SPDX-License-Identifier: MIT */
/* The fake store keeps the contract of every store. */
#include "fake_store.h"
#include "store_contract.h"

#include <stddef.h>

/* A store is empty by birth: the bucket's name does not matter. */
static struct object_store *open_store(void *ctx, const char *bucket)
{
	const struct fake_store_config *config = ctx;

	(void)bucket;
	return fake_store_object_store(fake_store_new(config));
}

static void close_store(void *ctx, struct object_store *store)
{
	(void)ctx;
	store_destroy(store);
}

int main(void)
{
	struct fake_store_config at_once = {.mode = FAKE_INLINE};
	struct fake_store_config threaded = {.mode = FAKE_THREAD};
	int failed = store_contract_run(&(struct store_contract){
		.name = "fake store, inline",
		.open = open_store,
		.close = close_store,
		.ctx = &at_once,
	});

	return failed + store_contract_run(&(struct store_contract){
				.name = "fake store, threaded",
				.open = open_store,
				.close = close_store,
				.ctx = &threaded,
			});
}
