/* SPDX-License-Identifier: MIT */
/* The readers' work: heaviest first, shared, and an end that all see. */
#include "tasks.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct task_piece *piece(struct dump_table *table, uint64_t weight)
{
	struct task_piece *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	p->table = table;
	p->weight = weight;
	return p;
}

static void the_heaviest_comes_first_and_equals_in_their_order(void **state)
{
	(void)state;
	static const uint64_t weights[] = {5, 9, 0, 9, 7, 0};
	/* By their places above. */
	static const unsigned expected[] = {1, 3, 4, 0, 2, 5};
	cleanup(tasks_freep) struct tasks *tasks = NULL;
	struct dump_table tables[6] = {0};

	assert_int_equal(tasks_new(&tasks), 0);
	for (unsigned i = 0; i < 6; i++)
		tasks_add(tasks, piece(&tables[i], weights[i]));
	for (unsigned i = 0; i < 6; i++) {
		struct task_piece *p = tasks_take(tasks);

		assert_ptr_equal(p->table, &tables[expected[i]]);
		assert_true(tasks_done(tasks, p));
		task_piece_free(p);
	}
	assert_null(tasks_take(tasks));
	assert_null(tasks_take(tasks));
}

static void the_last_piece_of_a_table_is_known(void **state)
{
	(void)state;
	cleanup(tasks_freep) struct tasks *tasks = NULL;
	struct dump_table table = {0};
	struct task_piece *first, *second;

	assert_int_equal(tasks_new(&tasks), 0);
	tasks_add(tasks, piece(&table, 2));
	first = tasks_take(tasks);
	tasks_add(tasks, piece(&table, 1)); /* half of it is given away */
	assert_false(tasks_done(tasks, first));
	second = tasks_take(tasks);
	assert_true(tasks_done(tasks, second));
	task_piece_free(first);
	task_piece_free(second);
}

/* Takes pieces until the end; each is halved while it is heavy. */
static void *work(void *arg)
{
	struct tasks *tasks = arg;
	struct task_piece *p;
	uintptr_t sum = 0;

	while ((p = tasks_take(tasks)) != NULL) {
		while (p->weight > 1) {
			uint64_t half = p->weight / 2;

			tasks_add(tasks, piece(p->table, half));
			p->weight -= half;
		}
		sum += p->weight;
		(void)tasks_done(tasks, p);
		task_piece_free(p);
	}
	return (void *)sum;
}

static void nobody_leaves_while_somebody_may_share(void **state)
{
	(void)state;
	cleanup(tasks_freep) struct tasks *tasks = NULL;
	struct dump_table table = {0};
	pthread_t threads[4];
	uintptr_t sum = 0;

	assert_int_equal(tasks_new(&tasks), 0);
	tasks_add(tasks, piece(&table, 5000));
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, work, tasks),
		                 0);
	for (unsigned i = 0; i < 4; i++) {
		void *part;

		assert_int_equal(pthread_join(threads[i], &part), 0);
		sum += (uintptr_t)part;
	}
	assert_int_equal(sum, 5000);
	assert_int_equal(table.tasks, 0);
}

static void a_stop_is_an_end_for_all(void **state)
{
	(void)state;
	cleanup(tasks_freep) struct tasks *tasks = NULL;
	struct dump_table table = {0};

	assert_int_equal(tasks_new(&tasks), 0);
	tasks_add(tasks, piece(&table, 1));
	tasks_stop(tasks);
	assert_null(tasks_take(tasks));
	assert_false(tasks_wanted(tasks));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			the_heaviest_comes_first_and_equals_in_their_order),
		cmocka_unit_test(the_last_piece_of_a_table_is_known),
		cmocka_unit_test(nobody_leaves_while_somebody_may_share),
		cmocka_unit_test(a_stop_is_an_end_for_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
