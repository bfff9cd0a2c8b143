/* SPDX-License-Identifier: MIT */
/*
 * An errand: a change at the store that a call waits for (mkdir, unlink,
 * rename, a self-copy).
 *
 *   errand_start --> the key's turn --> go() --> requests ... --> errand_end
 *
 * While it waits for its turn, an interruption answers the call and the errand
 * is dropped.  Once it has begun, an interruption cancels the request under way
 * and makes later ones fail with -ECANCELED, so that it ends soon and answers
 * -EINTR: nothing of ours is under way any more when the caller goes on.
 *
 * The owner embeds the struct and zeroes it.
 */
#ifndef PORTER_FS_ERRAND_H
#define PORTER_FS_ERRAND_H

#include "ask.h"
#include "core.h"
#include "fs/fs.h"
#include "turn.h"

struct errand {
	/* Set by the owner. */
	struct bucket *bucket;
	void (*go)(struct errand *errand);   /* it is our turn */
	void (*free)(struct errand *errand); /* drop it unbegun */

	/* The request; one at a time. */
	struct ask ask;

	/* Inside. */
	struct fs_call *call; /* slot; NULL from the start: nobody waits */
	bool alone;           /* there never was a call */
	bool begun;           /* fs->call_lock */
	bool paused;          /* fs->call_lock */
	struct turn turn;
};

/* call may be NULL. A call that was cancelled before is answered -EINTR. */
void errand_start(struct errand *errand, struct fs_call *call, const char *key);

/* Give the turn back, and take that of another key; then go() again. */
void errand_retake(struct errand *errand, const char *key);

/*
 * While an errand that has begun waits for something that is not its request,
 * and has changed nothing yet: an interruption answers the call meanwhile.
 * resume() is false then: nobody waits, the errand should end.
 */
void errand_pause(struct errand *errand);
bool errand_resume(struct errand *errand);

/*
 * The outcome is settled: ends the turn.  Returns the call for the owner to
 * fill and answer, or NULL when nobody waits; then a failure has been logged
 * as "cannot WHAT KEY".  The owner frees the errand.
 */
struct fs_call *errand_end(struct errand *errand, int status, const char *what);

#endif
