/* SPDX-License-Identifier: MIT */
/* The cache on disk, on LMDB itself. */
#include "disk_rig.h"

/* ---- tests ---- */

static void what_a_head_taught_outlives_the_mount(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	learn(&rig, "d/a", META_FILE, "\"1\"");
	learn(&rig, "d", META_DIR, "");
	learn(&rig, "gone", META_ABSENT, "");
	restart(&rig);
	assert_string_equal(known(&rig, "d/a"), "file \"1\" 5");
	assert_string_equal(known(&rig, "d"), "dir 5");
	assert_string_equal(known(&rig, "gone"), "absent");
	assert_string_equal(known(&rig, "d/b"), "unknown");
	rig_end(&rig);
}

static void names_longer_than_a_key_are_kept_too(void **state)
{
	char a[901];
	char b[901];
	struct rig rig;

	(void)state;
	rig_init(&rig);
	memset(a, 'n', sizeof(a) - 1);
	memcpy(b, a, sizeof(b) - 1);
	a[900] = b[900] = 0;
	a[899] = 'a';
	learn(&rig, a, META_FILE, "\"a\"");
	learn(&rig, b, META_FILE, "\"b\"");
	assert_string_equal(known(&rig, a), "file \"a\" 5");
	assert_string_equal(known(&rig, b), "file \"b\" 5");
	list(&rig, "", "", NULL, a);
	assert_string_equal(known(&rig, "x"), "listed absent");
	rig_end(&rig);
}

static void a_range_proves_absence_between_its_bounds(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	list(&rig, "d", "", "m", "a b/ m");
	assert_string_equal(known(&rig, "d/a"), "file \"a\" 1000");
	assert_string_equal(known(&rig, "d/b"), "dir 1000");
	assert_string_equal(known(&rig, "d/c"), "listed absent");
	/* "m/" stands above the bound. */
	assert_string_equal(known(&rig, "d/m"), "unknown");
	assert_string_equal(known(&rig, "d/n"), "unknown");
	assert_string_equal(known(&rig, "d/a/b"), "unknown");
	list(&rig, "d", "m", NULL, "n z/");
	assert_string_equal(known(&rig, "d/m"), "file \"m\" 1000");
	assert_string_equal(known(&rig, "d/zz"), "listed absent");
	restart(&rig);
	assert_string_equal(known(&rig, "d/m"), "file \"m\" 1000");
	assert_string_equal(known(&rig, "d/zz"), "listed absent");
	rig_end(&rig);
}

static void keys_that_posix_cannot_name_are_found_in_ranges(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	list(&rig, "d", "", NULL, ".. / a a/ caf\xe9 x%2Fy");
	assert_string_equal(known(&rig, "d/%x2E%x2E"), "file \"..\" 1000");
	assert_string_equal(known(&rig, "d/%x2F"), "dir 1000");
	assert_string_equal(known(&rig, "d/a"), "dir 1000");
	assert_string_equal(known(&rig, "d/a%x00"), "file \"a\" 1000");
	assert_string_equal(known(&rig, "d/x%x00"), "listed absent");
	assert_string_equal(known(&rig, "d/caf%xE9"), "file \"caf\xe9\" 1000");
	assert_string_equal(page(&rig, "d", "", 0),
	                    "d/%x2E%x2E d/%x2F/ d/a d/a/ d/caf%xE9 d/x%2Fy .");
	rig_end(&rig);
}

static void the_younger_one_counts(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	learn(&rig, "d/a", META_FILE, "\"old\"");
	(void)fake_clock_advance(&rig.clock, NULL, 1000);
	list(&rig, "d", "", NULL, "a");
	assert_string_equal(known(&rig, "d/a"), "file \"a\" 1000");
	(void)fake_clock_advance(&rig.clock, NULL, 1000);
	learn(&rig, "d/a", META_FILE, "\"new\"");
	learn(&rig, "d/b", META_FILE, "\"b\"");
	assert_string_equal(known(&rig, "d/a"), "file \"new\" 5");
	assert_string_equal(known(&rig, "d/b"), "file \"b\" 5");
	rig_end(&rig);
}

static void what_a_head_taught_comes_back_with_its_version(void **state)
{
	const struct meta_key key = key_of("d/abc");
	struct meta_found found;
	struct rig rig;

	(void)state;
	rig_init(&rig);
	learn(&rig, "d/abc", META_FILE, "\"abc\"");
	learn(&rig, "d/dir", META_DIR, "");
	(void)fake_clock_advance(&rig.clock, NULL, 1000);
	/* its size is that of the ETag here, but 3 in the listing */
	list(&rig, "d", "", NULL, "abc dir/");
	assert_string_equal(known(&rig, "d/abc"), "file \"abc\" 1000");
	assert_string_equal(known(&rig, "d/dir"), "dir 5");

	struct meta_record same = record_of(&rig, META_FILE, "\"abc\"");

	same.attr.size = 3;
	same.asked_ms -= 1000;
	meta_disk_learn(rig.disk, ++rig.seq, &key, &same);
	meta_disk_drain(rig.disk);
	assert_int_equal(meta_disk_get(rig.disk, &key, &found), 0);
	assert_int_equal(found.attr.uid, 5);
	assert_int_equal(found.asked_ms, now_ms(&rig));
	assert_int_equal(found.head_ms, now_ms(&rig) - 1000);
	rig_end(&rig);
}

static void own_changes_are_in_the_ranges_too(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	list(&rig, "d", "", "m", "a b c/");
	list(&rig, "d", "m", NULL, "x");
	change(&rig, "d/aa", META_FILE, "\"aa\"");
	change(&rig, "d/b", META_ABSENT, "");
	change(&rig, "d/c", META_ABSENT, "");
	change(&rig, "d/e", META_DIR, "");
	change(&rig, "d/z", META_FILE, "\"z\"");
	assert_string_equal(page(&rig, "d", "", 0), "d/a d/aa d/e/ d/x d/z .");
	restart(&rig);
	assert_string_equal(page(&rig, "d", "", 0), "d/a d/aa d/e/ d/x d/z .");
	assert_string_equal(known(&rig, "d/b"), "absent");

	/* What it knows not ends the range. */
	change(&rig, "d/aa", META_UNKNOWN, "");
	assert_string_equal(known(&rig, "d/aa"), "unknown");
	assert_string_equal(page(&rig, "d", "", 0), "unknown");
	assert_string_equal(page(&rig, "d", "m", 0), "d/x d/z .");
	rig_end(&rig);
}

static void a_younger_range_takes_the_place_of_older_ones(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	list(&rig, "d", "", "c", "a b c");
	list(&rig, "d", "c", "f", "d e f");
	list(&rig, "d", "f", NULL, "g h");
	(void)fake_clock_advance(&rig.clock, NULL, 1000);
	list(&rig, "d", "", "d", "a d");
	assert_string_equal(page(&rig, "d", "", 0), "d/a d/d d");
	assert_string_equal(page(&rig, "d", "d", 0), "unknown");
	assert_string_equal(page(&rig, "d", "f", 0), "d/g d/h .");
	list(&rig, "d", "d", "f", "e");
	assert_string_equal(page(&rig, "d", "", 0), "d/a d/d d/e d/g d/h .");

	/* An older one does not. */
	rig.clock.wall_ms -= 500;
	list(&rig, "d", "", NULL, "nothing");
	assert_string_equal(page(&rig, "d", "", 0), "d/a d/d d/e d/g d/h .");
	rig_end(&rig);
}

static void pages_are_no_older_than_asked_for(void **state)
{
	struct rig rig;
	uint64_t then;

	(void)state;
	rig_init(&rig);
	list(&rig, "d", "", "c", "a c");
	(void)fake_clock_advance(&rig.clock, NULL, 1000);
	then = now_ms(&rig);
	list(&rig, "d", "c", NULL, "d e");
	assert_string_equal(page(&rig, "d", "", then), "unknown");
	assert_string_equal(page(&rig, "d", "c", then), "d/d d/e .");
	assert_string_equal(page(&rig, "d", "d", then), "d/e .");
	assert_string_equal(page(&rig, "d", "", then - 1000),
	                    "d/a d/c d/d d/e .");
	rig_end(&rig);
}

static void what_is_forgotten_is_unknown(void **state)
{
	const struct meta_key sub = key_of("d/sub");
	const struct meta_key d = key_of("d");
	struct rig rig;

	(void)state;
	rig_init(&rig);
	list(&rig, "", "", NULL, "d/ dd/");
	list(&rig, "d", "", NULL, "a sub/");
	list(&rig, "d/sub", "", NULL, "x");
	list(&rig, "dd", "", NULL, "y");
	learn(&rig, "d/sub/x", META_FILE, "\"x\"");
	meta_disk_forget(rig.disk, ++rig.seq, &sub, false);
	meta_disk_drain(rig.disk);
	assert_string_equal(known(&rig, "d/sub/x"), "unknown");
	assert_string_equal(known(&rig, "d/sub"), "unknown");
	list(&rig, "d", "", NULL, "a sub/");
	list(&rig, "d/sub", "", NULL, "x");
	meta_disk_forget(rig.disk, ++rig.seq, &d, true);
	meta_disk_drain(rig.disk);
	assert_string_equal(known(&rig, "d/a"), "unknown");
	assert_string_equal(known(&rig, "d/sub/x"), "unknown");
	assert_string_equal(known(&rig, "dd/y"), "file \"y\" 1000");
	rig_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_head_taught_outlives_the_mount),
		cmocka_unit_test(names_longer_than_a_key_are_kept_too),
		cmocka_unit_test(a_range_proves_absence_between_its_bounds),
		cmocka_unit_test(
			keys_that_posix_cannot_name_are_found_in_ranges),
		cmocka_unit_test(the_younger_one_counts),
		cmocka_unit_test(
			what_a_head_taught_comes_back_with_its_version),
		cmocka_unit_test(own_changes_are_in_the_ranges_too),
		cmocka_unit_test(a_younger_range_takes_the_place_of_older_ones),
		cmocka_unit_test(pages_are_no_older_than_asked_for),
		cmocka_unit_test(what_is_forgotten_is_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
