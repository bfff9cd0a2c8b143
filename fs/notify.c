/* SPDX-License-Identifier: MIT */
/*
 * A queue of messages and the thread that empties it.  The kernel's functions
 * run without the lock; "telling" holds back whoever wants to take the kernel
 * away or wait for the end.
 */
#include "notify.h"

#include "base/list.h"
#include "base/lock.h"
#include "base/thread.h"

#include <string.h>

/* One message; an empty name means the inode nodeid itself. */
struct message {
	struct list link;
	uint64_t nodeid;
	char name[];
};

struct notify {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct fs_kernel *kernel; /* lock */
	struct list queue;        /* lock; of message */
	bool telling;             /* lock: the thread is in the kernel */
	bool stopping;            /* lock */
	pthread_t thread;
};

/* Tell one message; the lock is dropped meanwhile. */
static void tell_locked(struct notify *notify, struct message *message)
{
	struct fs_kernel *kernel = notify->kernel;

	if (!kernel)
		return;
	notify->telling = true;
	(void)pthread_mutex_unlock(&notify->lock);
	if (message->name[0])
		kernel->inval_entry(kernel, message->nodeid, message->name);
	else
		kernel->inval_inode(kernel, message->nodeid);
	(void)pthread_mutex_lock(&notify->lock);
	notify->telling = false;
}

/* The thread. */
static void *notify_run(void *arg)
{
	struct notify *notify = arg;
	WITH_LOCK(&notify->lock);

	while (!notify->stopping) {
		struct message *message =
			list_first(&notify->queue, struct message, link);

		if (!message) {
			(void)pthread_cond_wait(&notify->changed,
			                        &notify->lock);
			continue;
		}
		list_remove(&message->link);
		tell_locked(notify, message);
		free(message);
		(void)pthread_cond_broadcast(&notify->changed);
	}
	return NULL;
}

int notify_new(struct notify **ret)
{
	struct notify *notify = calloc(1, sizeof(*notify));

	if (!notify)
		return -ENOMEM;
	(void)pthread_mutex_init(&notify->lock, NULL);
	(void)pthread_cond_init(&notify->changed, NULL);
	list_init(&notify->queue);

	int r = thread_start("notify", notify_run, notify, &notify->thread);

	if (r < 0) {
		(void)pthread_cond_destroy(&notify->changed);
		(void)pthread_mutex_destroy(&notify->lock);
		free(notify);
		return r;
	}
	*ret = notify;
	return 0;
}

void notify_free(struct notify *notify)
{
	if (!notify)
		return;
	(void)pthread_mutex_lock(&notify->lock);
	notify->stopping = true;
	(void)pthread_cond_broadcast(&notify->changed);
	(void)pthread_mutex_unlock(&notify->lock);
	(void)pthread_join(notify->thread, NULL);

	list_for_each_safe(pos, &notify->queue)
		free(container_of(pos, struct message, link));
	(void)pthread_cond_destroy(&notify->changed);
	(void)pthread_mutex_destroy(&notify->lock);
	free(notify);
}

void notify_set_kernel(struct notify *notify, struct fs_kernel *kernel)
{
	WITH_LOCK(&notify->lock);

	notify->kernel = kernel;
	while (notify->telling)
		(void)pthread_cond_wait(&notify->changed, &notify->lock);
}

/* Whether the same message waits already. */
static bool waiting_locked(struct notify *notify, uint64_t nodeid,
                           const char *name)
{
	struct message *last;

	if (list_empty(&notify->queue))
		return false;
	last = container_of(notify->queue.prev, struct message, link);
	return last->nodeid == nodeid && strcmp(last->name, name) == 0;
}

/* Queue a message. */
static void say(struct notify *notify, uint64_t nodeid, const char *name)
{
	WITH_LOCK(&notify->lock);
	size_t size = strlen(name) + 1;

	if (!notify->kernel || waiting_locked(notify, nodeid, name))
		return;

	struct message *message = malloc(sizeof(*message) + size);

	if (!message)
		return;
	message->nodeid = nodeid;
	memcpy(message->name, name, size);
	list_append(&notify->queue, &message->link);
	(void)pthread_cond_broadcast(&notify->changed);
}

void notify_inode(struct notify *notify, uint64_t nodeid)
{
	say(notify, nodeid, "");
}

void notify_entry(struct notify *notify, uint64_t parent, const char *name)
{
	say(notify, parent, name);
}

void notify_drain(struct notify *notify)
{
	WITH_LOCK(&notify->lock);

	while (notify->telling || !list_empty(&notify->queue))
		(void)pthread_cond_wait(&notify->changed, &notify->lock);
}
