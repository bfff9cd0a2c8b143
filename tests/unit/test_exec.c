/* SPDX-License-Identifier: MIT */
#include "base/exec.h"
#include "base/lock.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* A task that writes down its turn. */
struct noted {
	struct task task;
	atomic_uint *turns;
	unsigned turn; /* 1 = it ran first; 0 = it did not run */
};

static void note(struct task *task)
{
	struct noted *n = container_of(task, struct noted, task);

	n->turn = atomic_fetch_add(n->turns, 1) + 1;
}

static void one_thread_runs_tasks_in_their_order(void **state)
{
	struct noted tasks[100];
	atomic_uint turns = 0;
	struct exec *exec;

	(void)state;
	assert_int_equal(exec_new("work", 1, &exec), 0);
	for (unsigned i = 0; i < 100; i++) {
		tasks[i] = (struct noted){.task.run = note, .turns = &turns};
		exec_run(exec, &tasks[i].task);
	}
	exec_free(exec);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(tasks[i].turn, i + 1);
}

static void many_threads_finish_all_before_the_end(void **state)
{
	static struct noted tasks[1000];
	atomic_uint turns = 0;
	struct exec *exec;

	(void)state;
	assert_int_equal(exec_new("work", 4, &exec), 0);
	for (unsigned i = 0; i < 1000; i++) {
		tasks[i] = (struct noted){.task.run = note, .turns = &turns};
		exec_run(exec, &tasks[i].task);
	}
	exec_free(exec);
	assert_int_equal(atomic_load(&turns), 1000);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_not_equal(tasks[i].turn, 0);
}

/* Tasks that can only end together. */
struct meeting {
	struct task tasks[2];
	pthread_barrier_t barrier;
	char names[2][16];
	bool takes_signals[2];
};

static void meet(struct meeting *m, unsigned who)
{
	sigset_t blocked;

	(void)pthread_getname_np(pthread_self(), m->names[who],
	                         sizeof(m->names[who]));
	(void)pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	m->takes_signals[who] = !sigismember(&blocked, SIGTERM);
	(void)pthread_barrier_wait(&m->barrier);
}

static void meet_0(struct task *task)
{
	meet(container_of(task, struct meeting, tasks[0]), 0);
}

static void meet_1(struct task *task)
{
	meet(container_of(task, struct meeting, tasks[1]), 1);
}

static void threads_work_side_by_side_under_their_names(void **state)
{
	struct meeting m = {.tasks = {{.run = meet_0}, {.run = meet_1}}};
	struct exec *exec;
	bool is_swapped;

	(void)state;
	(void)pthread_barrier_init(&m.barrier, NULL, 2);
	assert_int_equal(exec_new("worker-threads", 2, &exec), 0);
	exec_run(exec, &m.tasks[0]);
	exec_run(exec, &m.tasks[1]);
	exec_free(exec);
	(void)pthread_barrier_destroy(&m.barrier);

	is_swapped = strcmp(m.names[0], "worker-th/1") == 0;
	assert_string_equal(m.names[is_swapped], "worker-th/0");
	assert_string_equal(m.names[!is_swapped], "worker-th/1");
	assert_false(m.takes_signals[0] || m.takes_signals[1]);
}

/* A task that begets another and frees itself. */
struct parent {
	struct task task;
	struct exec *exec;
	struct noted *child;
};

static void beget(struct task *task)
{
	struct parent *p = container_of(task, struct parent, task);

	exec_run(p->exec, &p->child->task);
	free(p);
}

static void a_task_may_free_itself_and_run_another(void **state)
{
	struct parent *p = calloc(1, sizeof(*p));
	atomic_uint turns = 0;
	struct noted child = {.task.run = note, .turns = &turns};
	struct exec *exec;

	(void)state;
	assert_non_null(p);
	assert_int_equal(exec_new("work", 2, &exec), 0);
	*p = (struct parent){.task.run = beget, .exec = exec, .child = &child};
	exec_run(exec, &p->task);
	exec_free(exec);
	assert_int_equal(child.turn, 1);
}

static void the_inline_twin_runs_at_once(void **state)
{
	atomic_uint turns = 0;
	struct noted child = {.task.run = note, .turns = &turns};
	struct parent *p = calloc(1, sizeof(*p));

	(void)state;
	assert_non_null(p);
	*p = (struct parent){
		.task.run = beget, .exec = exec_inline(), .child = &child};
	exec_run(exec_inline(), &p->task);
	assert_int_equal(child.turn, 1);
	exec_free(exec_inline());
	exec_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_thread_runs_tasks_in_their_order),
		cmocka_unit_test(many_threads_finish_all_before_the_end),
		cmocka_unit_test(threads_work_side_by_side_under_their_names),
		cmocka_unit_test(a_task_may_free_itself_and_run_another),
		cmocka_unit_test(the_inline_twin_runs_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
