/* SPDX-License-Identifier: MIT */
/*
 * What a server remembers beside its objects: finished uploads, checksums.
 * Any thread.
 */
#ifndef PORTER_TEST_S3PEER_MEMORY_H
#define PORTER_TEST_S3PEER_MEMORY_H

#include "s3/store.h"

#include <pthread.h>
#include <stdbool.h>

struct peer_note; /* name and value, in a hash table */

struct peer_memory {
	pthread_mutex_t lock;
	struct peer_note *notes; /* lock */
};

void peer_memory_init(struct peer_memory *memory);
void peer_memory_release(struct peer_memory *memory);

/* Remember value under name, instead of what was there. 0 or -ENOMEM. */
int peer_memory_set(struct peer_memory *memory, const char *name,
                    const char *value);

/* Copies the value; false when there is none or it does not fit. */
bool peer_memory_get(struct peer_memory *memory, const char *name, char *ret,
                     size_t size);

#endif
