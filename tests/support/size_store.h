/* SPDX-License-Identifier: MIT */
/*
 * An object store that keeps sizes, not bytes: what is read of it are zeros.
 * One key, any size, every request answered at once: for what work on large
 * objects costs.  Conditions on the version are heeded.
 */
#ifndef PORTER_TEST_SIZE_STORE_H
#define PORTER_TEST_SIZE_STORE_H

#include "s3/store.h"

#define SIZE_STORE_PARTS 10000

struct size_store {
	struct object_store store;
	struct store_limits limits;
	uint64_t size;                        /* bytes of the object */
	unsigned version;                     /* counts up; 0: there is none */
	char nonce[64];                       /* its x-amz-meta-porter-commit */
	uint64_t parts[SIZE_STORE_PARTS + 1]; /* bytes, by number */

	/* What was asked. */
	uint64_t sent;     /* bytes in bodies */
	uint64_t received; /* bytes of replies */
	uint64_t copied;   /* bytes that the store copied */
	unsigned requests;
};

/* An object of that size, with the limits of AWS. */
void size_store_init(struct size_store *store, uint64_t size);

/* Forget what was asked. */
void size_store_reset(struct size_store *store);

/* The ETag of the version that is there now. */
void size_store_etag(const struct size_store *store, char ret[STORE_ETAG_MAX]);

#endif
