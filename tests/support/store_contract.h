/* SPDX-License-Identifier: MIT */
/*
 * What every object_store must do, as a suite of tests that runs against any.
 *
 *   static struct object_store *open_store(void *ctx, const char *bucket) {...}
 *
 *   int main(void)
 *   {
 *           return store_contract_run(&(struct store_contract){
 *                   .name = "fake", .open = open_store, ...});
 *   }
 *
 * A test asks for one or two empty stores, "one" and "two", that can copy from
 * each other.  What a store's limits say it does not heed is not tested, and
 * what it cannot do at all is switched off by flags; such a test is skipped,
 * not passed.
 */
#ifndef PORTER_TEST_STORE_CONTRACT_H
#define PORTER_TEST_STORE_CONTRACT_H

#include "s3/store.h"

enum {
	CONTRACT_ONE_BUCKET = 1 << 0,    /* there is no bucket "two" */
	CONTRACT_PLAIN_KEYS = 1 << 1,    /* no odd keys: control bytes, `..` */
	CONTRACT_ALL_PARTS = 1 << 2,     /* Complete must name every part */
	CONTRACT_LOOSE_NUMBERS = 1 << 3, /* takes part number parts_max + 1 */
	CONTRACT_SLOW = 1 << 4,          /* each request costs: fewer of them */
	CONTRACT_COMPLETES_TWICE = 1 << 5, /* a second Complete says 0 */
	CONTRACT_NO_304 = 1 << 6,          /* GET ignores If-None-Match */
	CONTRACT_UTF8_KEYS = 1 << 7,       /* refuses keys that are no UTF-8 */
	CONTRACT_MATCH_ABSENT = 1 << 8,    /* If-Match of nothing is ESTALE */
	CONTRACT_LOST_UPLOADS = 1 << 9, /* Complete of no upload may be EIO */
};

struct store_contract {
	const char *name; /* of the cmocka group */
	unsigned flags;

	/* An empty store, never NULL: assert what fails. */
	struct object_store *(*open)(void *ctx, const char *bucket);
	/* Takes it: destroy it and leave nothing behind. */
	void (*close)(void *ctx, struct object_store *store);
	void *ctx;
};

/* Runs the suite; returns how many tests failed. */
int store_contract_run(const struct store_contract *contract);

#endif
