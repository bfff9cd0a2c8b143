/* SPDX-License-Identifier: MIT */
/*
 * The turn that is on stands in a table by its key and heads the queue of
 * those that wait for the same key.
 */
#include "turn.h"

#include "base/lock.h"
#include "base/str.h"
#include "core.h"

#include <assert.h>
#include <string.h>

/* Put a turn that is on into the table. Without memory it stands nowhere:
 * then nobody waits for it, which is no worse than no turns at all. */
static void stand_locked(struct bucket *bucket, struct turn *turn)
{
	HASH_ADD_KEYPTR(hh, bucket->turns, turn->key, strlen(turn->key), turn);
}

bool turn_take(struct bucket *bucket, const char *key, struct turn *turn)
{
	WITH_LOCK(&bucket->turns_lock);
	struct turn *on;

	turn->bucket = bucket;
	turn->next = NULL;
	turn->last = turn;
	memset(&turn->hh, 0, sizeof(turn->hh));
	bool fits = str_copy(turn->key, sizeof(turn->key), key);

	assert(fits); /* keys are within the store's limit */

	HASH_FIND_STR(bucket->turns, key, on);
	if (on) {
		on->last->next = turn;
		on->last = turn;
		return false;
	}
	stand_locked(bucket, turn);
	return true;
}

bool turn_on(struct bucket *bucket, const char *key)
{
	WITH_LOCK(&bucket->turns_lock);
	struct turn *on;

	HASH_FIND_STR(bucket->turns, key, on);
	return on != NULL;
}

void turn_end(struct turn *turn)
{
	struct bucket *bucket = turn->bucket;
	struct turn *next;

	(void)pthread_mutex_lock(&bucket->turns_lock);
	if (turn->hh.tbl)
		HASH_DEL(bucket->turns, turn);
	next = turn->next;
	if (next) {
		next->last = turn->last;
		stand_locked(bucket, next);
	}
	(void)pthread_mutex_unlock(&bucket->turns_lock);

	if (next)
		next->granted(next);
}
