/* SPDX-License-Identifier: MIT */
/* A directory with an embedded store of one bucket in it, for its tests. */
#ifndef PORTER_TEST_LOCAL_PLACE_H
#define PORTER_TEST_LOCAL_PLACE_H

#include "s3/store.h"

/* ROOT has the bucket "b". */
struct local_place {
	char *root;
	struct object_store *store;
	char path[1024]; /* local_place_at()'s */
};

/* For cmocka: *state is a struct local_place. */
int local_place_set_up(void **state);
int local_place_tear_down(void **state);

/* A store of the bucket "b" in root, inline; prefix may be NULL. Asserts. */
struct object_store *local_place_open(const char *root, const char *prefix);
/* The place's store is closed and another one opened. */
void local_place_restart(struct local_place *place);

/* ROOT/path, in memory that stays until the next call. */
const char *local_place_at(struct local_place *place, const char *path);

/* Write text to ROOT/path by hand; mode as for fopen(). */
void local_place_by_hand(struct local_place *place, const char *path,
                         const char *text, const char *mode);

/* Asserts that ROOT/path is, or is not, there. */
void local_place_has(struct local_place *place, const char *path, bool there);

/* Number of names in ROOT/path, hidden ones too. */
unsigned local_place_count(struct local_place *place, const char *path);

#endif
