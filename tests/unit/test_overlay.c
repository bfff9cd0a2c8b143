/* SPDX-License-Identifier: MIT */
#include "overlay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The children of a directory, a blank behind each. */
static void has_children(struct overlay *overlay, const char *dir,
                         const char *expected)
{
	char text[256] = "";
	char **names;
	int count = overlay_children(overlay, dir, &names);

	assert_true(count >= 0);
	for (int i = 0; i < count; i++) {
		(void)strncat(text, names[i], 16);
		(void)strncat(text, " ", 2);
		free(names[i]);
	}
	free(names);
	assert_string_equal(text, expected);
}

static void a_key_has_one_state(void **state)
{
	struct overlay *o;

	(void)state;
	assert_int_equal(overlay_new(&o), 0);
	assert_int_equal(overlay_get(o, "a"), OVERLAY_NONE);
	assert_int_equal(overlay_set(o, "a", OVERLAY_LOCAL), 0);
	assert_int_equal(overlay_set(o, "a", OVERLAY_HIDDEN), 0);
	assert_int_equal(overlay_get(o, "a"), OVERLAY_HIDDEN);
	overlay_clear(o, "a", OVERLAY_LOCAL);
	assert_int_equal(overlay_get(o, "a"), OVERLAY_HIDDEN);
	overlay_clear(o, "a", OVERLAY_HIDDEN);
	assert_int_equal(overlay_get(o, "a"), OVERLAY_NONE);
	assert_int_equal(overlay_set(o, "a", OVERLAY_NONE), 0);
	overlay_free(o);
}

static void children_are_direct_sorted_and_not_hidden(void **state)
{
	struct overlay *o;

	(void)state;
	assert_int_equal(overlay_new(&o), 0);
	assert_int_equal(overlay_set(o, "d/z", OVERLAY_LOCAL), 0);
	assert_int_equal(overlay_set(o, "d/a", OVERLAY_LOCAL), 0);
	assert_int_equal(overlay_set(o, "d/s", OVERLAY_DIR), 0);
	assert_int_equal(overlay_set(o, "d/s/x", OVERLAY_LOCAL), 0);
	assert_int_equal(overlay_set(o, "d/h", OVERLAY_HIDDEN), 0);
	assert_int_equal(overlay_set(o, "top", OVERLAY_LOCAL), 0);
	has_children(o, "d", "a s/ z ");
	has_children(o, "", "top ");
	has_children(o, "d/s", "x ");
	has_children(o, "none", "");
	assert_int_equal(overlay_count(o, "d", OVERLAY_LOCAL), 2);
	assert_int_equal(overlay_count(o, "d", OVERLAY_HIDDEN), 1);
	assert_int_equal(overlay_count_below(o, "d", OVERLAY_LOCAL), 3);
	assert_int_equal(overlay_count_below(o, "", OVERLAY_LOCAL), 4);
	overlay_free(o);
}

static void keeping_a_directory_keeps_its_parents(void **state)
{
	struct overlay *o;

	(void)state;
	assert_int_equal(overlay_new(&o), 0);
	assert_int_equal(overlay_keep_dir(o, "a/b/c"), 0);
	assert_int_equal(overlay_get(o, "a/b/c"), OVERLAY_DIR);
	assert_int_equal(overlay_get(o, "a/b"), OVERLAY_DIR);
	assert_int_equal(overlay_get(o, "a"), OVERLAY_DIR);
	assert_int_equal(overlay_keep_dir(o, ""), 0);
	assert_int_equal(overlay_get(o, ""), OVERLAY_NONE);
	overlay_free(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_has_one_state),
		cmocka_unit_test(children_are_direct_sorted_and_not_hidden),
		cmocka_unit_test(keeping_a_directory_keeps_its_parents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
