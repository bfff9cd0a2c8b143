/* SPDX-License-Identifier: MIT */
/*
 * A queue, and threads that empty it.  The inline executor has no threads and
 * is nothing but the struct's zero.
 */
#include "base/exec.h"

#include "base/lock.h"
#include "base/thread.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct exec {
	unsigned count; /* threads running; 0 = inline */
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct list queue; /* lock; struct task */
	unsigned idle;     /* lock; threads waiting for work */
	bool ending;       /* lock */
	pthread_t threads[];
};

/* The next task, or NULL when all is done and the executor ends. */
static struct task *next_task(struct exec *exec)
{
	WITH_LOCK(&exec->lock);

	while (list_empty(&exec->queue)) {
		if (exec->ending)
			return NULL;
		exec->idle++;
		(void)pthread_cond_wait(&exec->work, &exec->lock);
		exec->idle--;
	}

	struct task *task = list_first(&exec->queue, struct task, link);

	list_remove(&task->link);
	return task;
}

/* A thread's life. */
static void *work(void *arg)
{
	struct exec *exec = arg;
	struct task *task;

	while ((task = next_task(exec)))
		task->run(task);
	return NULL;
}

int exec_new(const char *name, unsigned threads, struct exec **ret)
{
	assert(threads > 0);

	cleanup(exec_freep) struct exec *exec =
		calloc(1, sizeof(*exec) + threads * sizeof(exec->threads[0]));

	if (!exec)
		return -ENOMEM;
	(void)pthread_mutex_init(&exec->lock, NULL); /* cannot fail on Linux */
	(void)pthread_cond_init(&exec->work, NULL);
	list_init(&exec->queue);

	for (unsigned i = 0; i < threads; i++) {
		char full[32];

		(void)snprintf(full, sizeof(full), "%.9s/%u", name, i);
		int r = thread_start(full, work, exec, &exec->threads[i]);

		if (r < 0)
			return r;
		exec->count++;
	}

	*ret = take(&exec);
	return 0;
}

struct exec *exec_inline(void)
{
	static const struct exec twin = {.count = 0};

	/* Nothing ever writes to an executor without threads. */
	return (struct exec *)(uintptr_t)&twin;
}

void exec_free(struct exec *exec)
{
	if (!exec || exec == exec_inline())
		return;

	{
		WITH_LOCK(&exec->lock);
		exec->ending = true;
		(void)pthread_cond_broadcast(&exec->work);
	}
	for (unsigned i = 0; i < exec->count; i++)
		(void)pthread_join(exec->threads[i], NULL);
	assert(list_empty(&exec->queue));
	(void)pthread_cond_destroy(&exec->work);
	(void)pthread_mutex_destroy(&exec->lock);
	free(exec);
}

void exec_run(struct exec *exec, struct task *task)
{
	if (exec == exec_inline()) {
		task->run(task);
		return;
	}

	bool wake;

	{
		WITH_LOCK(&exec->lock);
		list_append(&exec->queue, &task->link);
		wake = exec->idle > 0;
	}
	/* Outside, so that it does not run into our lock at once. */
	if (wake)
		(void)pthread_cond_signal(&exec->work);
}
