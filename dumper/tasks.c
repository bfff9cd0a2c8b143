/* SPDX-License-Identifier: MIT */
/*
 * A list, a lock, and how many are at work.
 */
#include "tasks.h"

#include "base/lock.h"

struct tasks {
	pthread_mutex_t lock; /* alone */
	pthread_cond_t changed;
	struct list pieces; /* lock: heaviest first */
	unsigned working;   /* lock: pieces taken and not done */
	_Atomic unsigned waiting;
	bool stopped; /* lock */
};

int tasks_new(struct tasks **ret)
{
	struct tasks *tasks = calloc(1, sizeof(*tasks));

	if (!tasks)
		return -ENOMEM;
	(void)pthread_mutex_init(&tasks->lock, NULL);
	(void)pthread_cond_init(&tasks->changed, NULL);
	list_init(&tasks->pieces);
	*ret = tasks;
	return 0;
}

void task_piece_free(struct task_piece *piece)
{
	if (!piece)
		return;
	chunk_point_release(&piece->after);
	chunk_point_release(&piece->upto);
	free(piece->partition);
	free(piece);
}

void tasks_free(struct tasks *tasks)
{
	if (!tasks)
		return;
	list_for_each_safe(at, &tasks->pieces) {
		list_remove(at);
		task_piece_free(container_of(at, struct task_piece, link));
	}
	(void)pthread_cond_destroy(&tasks->changed);
	(void)pthread_mutex_destroy(&tasks->lock);
	free(tasks);
}

void tasks_add(struct tasks *tasks, struct task_piece *piece)
{
	struct list *before = &tasks->pieces;
	WITH_LOCK(&tasks->lock);

	piece->table->tasks++;
	list_for_each(at, &tasks->pieces) {
		if (container_of(at, struct task_piece, link)->weight <
		    piece->weight) {
			before = at;
			break;
		}
	}
	list_append(before, &piece->link);
	(void)pthread_cond_signal(&tasks->changed);
}

struct task_piece *tasks_take(struct tasks *tasks)
{
	struct task_piece *piece;
	WITH_LOCK(&tasks->lock);

	tasks->waiting++;
	while (!tasks->stopped && list_empty(&tasks->pieces) &&
	       tasks->working > 0)
		(void)pthread_cond_wait(&tasks->changed, &tasks->lock);
	tasks->waiting--;
	piece = tasks->stopped
	                ? NULL
	                : list_first(&tasks->pieces, struct task_piece, link);
	if (!piece) {
		/* The end for all who wait. */
		(void)pthread_cond_broadcast(&tasks->changed);
		return NULL;
	}
	list_remove(&piece->link);
	tasks->working++;
	return piece;
}

bool tasks_done(struct tasks *tasks, struct task_piece *piece)
{
	bool last = --piece->table->tasks == 0;
	WITH_LOCK(&tasks->lock);

	tasks->working--;
	if (tasks->working == 0)
		(void)pthread_cond_broadcast(&tasks->changed);
	return last;
}

bool tasks_wanted(struct tasks *tasks)
{
	if (tasks->waiting == 0)
		return false;

	WITH_LOCK(&tasks->lock);

	return tasks->waiting > 0 && list_empty(&tasks->pieces);
}

void tasks_stop(struct tasks *tasks)
{
	WITH_LOCK(&tasks->lock);

	tasks->stopped = true;
	(void)pthread_cond_broadcast(&tasks->changed);
}
