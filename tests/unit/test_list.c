/* SPDX-License-Identifier: MIT */
#include "base/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct thing {
	char name;
	struct list link;
};

/* A list of things "a", "b", "c" in that order. */
struct trio {
	struct list head;
	struct thing things[3];
};

static void trio_init(struct trio *t)
{
	list_init(&t->head);
	for (unsigned i = 0; i < 3; i++) {
		t->things[i].name = (char)('a' + i);
		list_append(&t->head, &t->things[i].link);
	}
}

/* The names forwards, and the same backwards. */
static void assert_names(struct list *head, const char *names)
{
	const char *at = names;

	list_for_each(pos, head)
		assert_int_equal(container_of(pos, struct thing, link)->name,
		                 *at++);
	assert_int_equal(*at, '\0');
	for (struct list *pos = head->prev; pos != head; pos = pos->prev)
		assert_int_equal(container_of(pos, struct thing, link)->name,
		                 *--at);
	assert_ptr_equal(at, names);
}

static void an_empty_list_has_no_first(void **state)
{
	struct list head;

	(void)state;
	list_init(&head);
	assert_true(list_empty(&head));
	assert_null(list_first(&head, struct thing, link));
}

static void things_are_appended_and_prepended(void **state)
{
	struct thing first = {.name = 'x'};
	struct trio t;

	(void)state;
	trio_init(&t);
	list_prepend(&t.head, &first.link);
	assert_names(&t.head, "xabc");
	assert_ptr_equal(list_first(&t.head, struct thing, link), &first);
}

static void removing_twice_does_no_harm(void **state)
{
	struct trio t;

	(void)state;
	trio_init(&t);
	list_remove(&t.things[1].link);
	list_remove(&t.things[1].link);
	assert_names(&t.head, "ac");
	list_remove(&t.things[0].link);
	list_remove(&t.things[2].link);
	assert_true(list_empty(&t.head));
}

static void the_current_thing_may_be_removed_on_the_safe_walk(void **state)
{
	struct trio t;

	(void)state;
	trio_init(&t);
	list_for_each_safe(pos, &t.head)
		if (container_of(pos, struct thing, link)->name != 'b')
			list_remove(pos);
	assert_names(&t.head, "b");
}

static void splicing_moves_all_of_a_list_behind_another(void **state)
{
	struct list empty;
	struct trio t;
	struct trio u;

	(void)state;
	list_init(&empty);
	trio_init(&t);
	trio_init(&u);
	list_splice(&t.head, &u.head);
	assert_names(&t.head, "abcabc");
	assert_true(list_empty(&u.head));
	list_splice(&t.head, &empty);
	assert_names(&t.head, "abcabc");
	list_splice(&empty, &t.head);
	assert_names(&empty, "abcabc");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_list_has_no_first),
		cmocka_unit_test(things_are_appended_and_prepended),
		cmocka_unit_test(removing_twice_does_no_harm),
		cmocka_unit_test(
			the_current_thing_may_be_removed_on_the_safe_walk),
		cmocka_unit_test(splicing_moves_all_of_a_list_behind_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
