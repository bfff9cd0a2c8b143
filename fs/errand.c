/* SPDX-License-Identifier: MIT */
#include "errand.h"

#include "base/lock.h"
#include "base/log.h"
#include "call.h"

/* The caller was interrupted: under fs->call_lock. */
static void interrupted(struct fs_call *call)
{
	struct errand *errand = container_of((struct fs_call **)call->private,
	                                     struct errand, call);

	if (errand->begun && !errand->paused) {
		ask_cancel(errand->bucket->fs, &errand->ask);
		return;
	}
	errand->call = NULL;
	call->private = NULL;
	call->on_cancel = NULL;
}

/* Begin, unless the call was taken away while we waited. */
static bool begin(struct errand *errand)
{
	WITH_LOCK(&errand->bucket->fs->call_lock);

	errand->begun = errand->alone || errand->call;
	return errand->begun;
}

/* It is our turn. */
static void granted(struct turn *turn)
{
	struct errand *errand = container_of(turn, struct errand, turn);
	struct fs *fs = errand->bucket->fs;

	if (begin(errand)) {
		errand->go(errand);
		return;
	}
	turn_end(&errand->turn);
	errand->free(errand);
	fs_end(fs, 0);
}

void errand_start(struct errand *errand, struct fs_call *call, const char *key)
{
	struct bucket *bucket = errand->bucket;

	errand->alone = !call;
	errand->turn.granted = granted;
	if (call &&
	    !call_park_with(bucket->fs, call, &errand->call, interrupted)) {
		errand->free(errand);
		call_answer(call, -EINTR);
		return;
	}
	fs_begin(bucket->fs);
	if (turn_take(bucket, key, &errand->turn))
		granted(&errand->turn);
}

void errand_retake(struct errand *errand, const char *key)
{
	turn_end(&errand->turn);
	if (turn_take(errand->bucket, key, &errand->turn))
		granted(&errand->turn);
}

void errand_pause(struct errand *errand)
{
	WITH_LOCK(&errand->bucket->fs->call_lock);

	errand->paused = true;
}

bool errand_resume(struct errand *errand)
{
	WITH_LOCK(&errand->bucket->fs->call_lock);

	errand->paused = false;
	return errand->alone || errand->call;
}

struct fs_call *errand_end(struct errand *errand, int status, const char *what)
{
	struct bucket *bucket = errand->bucket;
	struct fs_call *call = call_claim(bucket->fs, &errand->call);
	bool failed = status < 0 && !call;

	if (failed)
		log_error("cannot %s \"%s\" in bucket \"%s\": %s", what,
		          errand->turn.key, bucket->name,
		          errand->ask.req.err.text[0] ? errand->ask.req.err.text
		                                      : err_name(status));
	turn_end(&errand->turn);
	fs_end(bucket->fs, failed ? status : 0);
	return call;
}
