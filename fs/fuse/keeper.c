/* SPDX-License-Identifier: MIT */
/*
 * The keeper: while bytes are still on their way to the store, it holds an
 * O_PATH descriptor of the mount root, so that plain umount(8) says "target is
 * busy" instead of tearing the work down.
 *
 * It is a thread of its own because open() of the root may ask the very mount
 * that we serve.  Opening and closing lag a moment behind session_unsettled();
 * that is harmless: what was closed was committed before close returned, and
 * the daemon settles the rest before it exits.
 */
#include "base/lock.h"
#include "base/log.h"
#include "session_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Wait until busy differs from held, or for the end. */
static bool keeper_wait(struct keeper *keeper, bool held)
{
	WITH_LOCK(&keeper->lock);
	while (keeper->busy == held && !keeper->stop)
		(void)pthread_cond_wait(&keeper->changed, &keeper->lock);
	return !keeper->stop;
}

static void *keeper_run(void *arg)
{
	struct session *session = arg;
	struct keeper *keeper = &session->keeper;
	cleanup(closep) int fd = -1;
	bool held = false;

	(void)pthread_setname_np(pthread_self(), "keeper");
	while (keeper_wait(keeper, held)) {
		held = !held;
		if (!held) {
			closep(&fd);
			continue;
		}
		fd = open(session->mountpoint,
		          O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			log_debug("the mount root cannot be held: %s",
			          strerror(errno));
	}
	return NULL;
}

int keeper_start(struct session *session)
{
	struct keeper *keeper = &session->keeper;

	if (session->by_descriptor)
		return 0;

	int r = pthread_create(&keeper->thread, NULL, keeper_run, session);

	keeper->running = r == 0;
	return -r;
}

void keeper_stop(struct session *session)
{
	struct keeper *keeper = &session->keeper;

	if (!keeper->running)
		return;

	(void)pthread_mutex_lock(&keeper->lock);
	keeper->stop = true;
	(void)pthread_cond_signal(&keeper->changed);
	(void)pthread_mutex_unlock(&keeper->lock);
	(void)pthread_join(keeper->thread, NULL);
	keeper->running = false;
}

void session_unsettled(void *ctx, bool busy)
{
	struct session *session = ctx;
	struct keeper *keeper = &session->keeper;

	WITH_LOCK(&keeper->lock);
	keeper->busy = busy;
	(void)pthread_cond_signal(&keeper->changed);
}
