/* SPDX-License-Identifier: MIT */
/*
 * Taking turns: the mount changes one key by one request at a time.
 *
 * A commit that overtook a DELETE of the same name would lose the file, one
 * that overtook a self-copy would find its If-Match outdated.  So whoever is
 * about to change a key (commit, self-copy, delete, copy onto it) takes a turn
 * first, reads the inode's version after that, and ends the turn when the
 * outcome has been told to the inode.  Two keys are taken in byte order.
 *
 * The struct is the caller's memory from turn_take() to turn_end().  Any
 * thread; hold no lock.
 */
#ifndef PORTER_FS_TURN_H
#define PORTER_FS_TURN_H

#include "base/hash.h"
#include "base/list.h"
#include "s3/store.h"

#include <pthread.h>
#include <stdbool.h>

struct bucket;

struct turn {
	/* Called once if the turn had to wait: on the thread that ended the one
	 * before, no lock held; must not block. */
	void (*granted)(struct turn *turn);

	/* Inside. */
	struct bucket *bucket;
	struct turn *last; /* of the turn that is on: the end of its queue */
	struct turn *next; /* who waits behind */
	UT_hash_handle hh; /* bucket->turns: the turn that is on */
	char key[STORE_KEY_MAX + 1];
};

/* True: it is your turn. False: granted() will be called. */
bool turn_take(struct bucket *bucket, const char *key, struct turn *turn);

/* Whether somebody has the key's turn now; for who must not wait. */
bool turn_on(struct bucket *bucket, const char *key);

/* Exactly once after the turn was had. */
void turn_end(struct turn *turn);

#endif
