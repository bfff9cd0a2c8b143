/* SPDX-License-Identifier: MIT */
/* Plans of commits: the cases that were promised, and every border. */
#include "plan_rig.h"

static void expect(const struct extents *file,
                   const struct commit_plan_config *config, uint64_t sent,
                   uint64_t read, size_t count)
{
	struct commit_plan plan = plan_of(file, config);

	assert_int_equal(plan.shape, PLAN_PARTS);
	assert_int_equal(plan.sent, sent);
	assert_int_equal(plan.read, read);
	assert_int_equal(plan.count, count);
	commit_plan_release(&plan);
}

static void appending_sends_what_is_appended(void **state)
{
	struct extents file;

	(void)state;
	file_init(&file, 2);
	add_clean(&file, GIB);
	add_dirty(&file, MIB);
	expect(&file, &usual, MIB, 0, 5);
	free(file.list);
}

static void overwriting_a_little_sends_one_least_part(void **state)
{
	struct extents file;

	(void)state;
	file_init(&file, 3);
	add_clean(&file, 512 * MIB);
	add_dirty(&file, 4 * KIB);
	add_clean(&file, 512 * MIB - 4 * KIB);
	expect(&file, &usual, 5 * MIB, 5 * MIB - 4 * KIB, 5);
	free(file.list);
}

static void truncating_to_half_sends_nothing(void **state)
{
	struct extents file;

	(void)state;
	file_init(&file, 1);
	add_clean(&file, 512 * MIB);
	expect(&file, &usual, 0, 0, 2);
	free(file.list);
}

static void ten_thousand_small_ranges_are_sent_together(void **state)
{
	struct extents file;

	(void)state;
	file_init(&file, 10000);
	for (unsigned i = 0; i < 5000; i++) {
		add_clean(&file, 4 * KIB);
		add_dirty(&file, 4 * KIB);
	}
	expect(&file, &usual, 10000 * 4 * KIB, 5000 * 4 * KIB, 5);
	free(file.list);
}

static void too_many_large_ranges_are_thinned_out(void **state)
{
	struct commit_plan plan;
	struct extents file;

	/* 20,000 ranges for 10,000 parts: the shorter half is not copied. */
	(void)state;
	file_init(&file, 20000);
	for (unsigned i = 0; i < 10000; i++) {
		add_clean(&file, i % 2 ? 100 * MIB : 6 * MIB);
		add_dirty(&file, 5 * MIB);
	}
	plan = plan_of(&file, &usual);
	assert_true(plan.count <= 10000 && plan.count > 9000);
	assert_true(plan.read <= 5000 * (6 * MIB) + 100 * MIB);
	assert_true(plan.read > 0);
	commit_plan_release(&plan);
	free(file.list);
}

static void small_files_are_one_put(void **state)
{
	static const struct {
		uint64_t clean;
		uint64_t dirty;
		enum plan_shape shape;
	} rows[] = {
		{0, 0, PLAN_PUT},         {0, 1, PLAN_PUT},
		{0, 8 * MIB, PLAN_PUT},   {0, 8 * MIB + 1, PLAN_PARTS},
		{5 * MIB, 0, PLAN_PUT},   {8 * MIB - 1, 1, PLAN_PUT},
		{8 * MIB, 1, PLAN_PARTS}, {5 * MIB - 1, 8 * MIB, PLAN_PARTS},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct commit_plan plan;
		struct extents file;

		file_init(&file, 2);
		if (rows[i].clean)
			add_clean(&file, rows[i].clean);
		if (rows[i].dirty)
			add_dirty(&file, rows[i].dirty);
		plan = plan_of(&file, &usual);
		assert_int_equal(plan.shape, rows[i].shape);
		commit_plan_release(&plan);
		free(file.list);
	}
}

static void a_large_part_size_does_not_send_large_clean_ranges(void **state)
{
	struct commit_plan_config config = usual;
	struct extents file;

	(void)state;
	config.part_size = GIB;
	file_init(&file, 2);
	add_clean(&file, 500 * MIB);
	add_dirty(&file, 1);
	expect(&file, &config, 1, 0, 3);
	free(file.list);

	/* Nothing clean: one PUT up to that size. */
	file_init(&file, 1);
	add_dirty(&file, GIB);
	struct commit_plan plan = plan_of(&file, &config);

	assert_int_equal(plan.shape, PLAN_PUT);
	commit_plan_release(&plan);
	free(file.list);
}

static void a_whole_object_is_one_copy_at_every_border(void **state)
{
	static const struct {
		uint64_t length;
		uint64_t object;
		unsigned source;
		enum plan_shape shape;
	} rows[] = {
		{1, 1, 0, PLAN_WHOLE},
		{1, 2, 0, PLAN_PUT},
		{100 * MIB, 100 * MIB, 0, PLAN_WHOLE},
		{100 * MIB, 100 * MIB + 1, 0, PLAN_PARTS},
		{100 * MIB, 100 * MIB, 1, PLAN_PARTS},
		{100 * MIB, 100 * MIB, 2, PLAN_PARTS},
		{5 * GIB, 5 * GIB, 0, PLAN_WHOLE},
		{5 * GIB + 1, 5 * GIB + 1, 0, PLAN_PARTS},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct commit_plan_config config = usual;
		uint64_t object = rows[i].object;
		struct commit_plan plan;
		struct extents file;

		config.copies = copies;
		config.whole = whole;
		config.ctx = &object;
		file_init(&file, 1);
		add(&file, EXTENT_CLEAN, rows[i].length, rows[i].source, 0);
		plan = plan_of(&file, &config);
		assert_int_equal(plan.shape, rows[i].shape);
		commit_plan_release(&plan);
		config.open_end = true;
		plan = plan_of(&file, &config);
		assert_int_equal(plan.shape, PLAN_PARTS);
		commit_plan_release(&plan);
		free(file.list);
	}
}

static void an_open_end_leaves_out_what_is_no_part(void **state)
{
	static const struct {
		uint64_t clean;
		uint64_t dirty;
		uint64_t planned;
	} rows[] = {
		{5 * MIB - 1, 0, 0},           {5 * MIB, 0, 5 * MIB},
		{5 * MIB + 1, 0, 5 * MIB + 1}, {GIB, 0, GIB},
		{GIB, 8 * MIB - 1, GIB},       {GIB, 8 * MIB, GIB + 8 * MIB},
		{0, 8 * MIB + 1, 8 * MIB},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct commit_plan_config config = usual;
		struct commit_plan plan;
		struct extents file;
		uint64_t sum = 0;

		config.open_end = true;
		file_init(&file, 2);
		if (rows[i].clean)
			add_clean(&file, rows[i].clean);
		if (rows[i].dirty)
			add_dirty(&file, rows[i].dirty);
		plan = plan_of(&file, &config);
		for (size_t j = 0; j < plan.count; j++)
			sum += plan.parts[j].length;
		assert_int_equal(sum, rows[i].planned);
		assert_int_equal(plan.read, 0);
		commit_plan_release(&plan);
		free(file.list);
	}
}

static void an_open_end_leaves_numbers_for_what_follows(void **state)
{
	struct commit_plan_config config = usual;
	struct commit_plan plan;
	struct extents file;

	(void)state;
	config.open_end = true;
	file_init(&file, 1);
	add_clean(&file, 4 * TIB);
	plan = plan_of(&file, &config);
	assert_true(plan.count <= 1000);
	assert_int_equal(plan.sent, 0);
	commit_plan_release(&plan);
	free(file.list);
}

static void a_short_clean_range_is_copied_only_at_the_end(void **state)
{
	struct extents file;

	(void)state;
	file_init(&file, 4);
	add_dirty(&file, 20 * MIB);
	add_clean(&file, 5 * MIB - 1);
	add_dirty(&file, 20 * MIB);
	add_clean(&file, 1);
	expect(&file, &usual, 45 * MIB - 1, 5 * MIB - 1, 7);
	free(file.list);
}

static void equal_parts_are_cut_by_a_grid(void **state)
{
	struct commit_plan_config config = usual;
	struct extents file;

	(void)state;
	config.limits = &r2;
	file_init(&file, 3);
	add_clean(&file, 512 * MIB);
	add_dirty(&file, 4 * KIB);
	add_clean(&file, 512 * MIB - 4 * KIB);
	expect(&file, &config, 8 * MIB, 8 * MIB - 4 * KIB, 128);
	free(file.list);

	/* More bytes than 10,000 parts of 8 MiB: larger ones, all alike. */
	file_init(&file, 1);
	add_clean(&file, TIB);
	expect(&file, &config, 0, 0, 10000);
	free(file.list);
}

static void what_no_plan_can_hold_is_refused_with_figures(void **state)
{
	static const struct store_limits *const all[] = {&aws, &scaleway, &r2};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		for (unsigned dirty = 0; dirty < 2; dirty++) {
			struct commit_plan_config config = usual;
			struct commit_plan plan;
			struct extents file;
			struct err err;
			char figure[32];

			config.limits = all[i];
			file_init(&file, 1);
			add(&file, dirty ? EXTENT_DIRTY : EXTENT_CLEAN,
			    all[i]->object_max, 0, 0);
			plan = plan_of(&file, &config);
			commit_plan_release(&plan);
			file.list[0].length++;
			file.size++;
			assert_int_equal(commit_plan(&file, &config, &plan,
			                             &err),
			                 -EFBIG);
			(void)snprintf(figure, sizeof(figure), "%llu",
			               (unsigned long long)file.size);
			assert_non_null(strstr(err.text, figure));
			free(file.list);
		}
	}
}

/* ---- every border ---- */

static void parts_keep_the_limits_at_every_border(void **state)
{
	static const uint64_t borders[] = {
		5 * MIB,      8 * MIB,       10 * MIB, 13 * MIB,    64 * MIB,
		256 * MIB,    512 * MIB,     5 * GIB,  10 * GIB,    80000 * MIB,
		640000 * MIB, 2560000 * MIB, 5 * TIB,  10000 * GIB,
	};
	size_t count = sizeof(borders) / sizeof(borders[0]);

	(void)state;
	for (size_t i = 0; i < count * count * 9; i++) {
		uint64_t a = borders[i / 9 % count] + i % 3 - 1;
		uint64_t b = borders[i / 9 / count] + i / 3 % 3 - 1;

		for (unsigned kinds = 0; kinds < 8; kinds++) {
			struct commit_plan_config config = usual;
			struct commit_plan plan;
			struct extents file;

			config.open_end = kinds >= 4;
			file_init(&file, 2);
			add(&file, kinds % 2 ? EXTENT_DIRTY : EXTENT_CLEAN, a,
			    0, 7);
			add(&file, kinds / 2 % 2 ? EXTENT_HOLE : EXTENT_CLEAN,
			    b, 1, 0);
			plan = plan_of(&file, &config);
			commit_plan_release(&plan);
			free(file.list);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appending_sends_what_is_appended),
		cmocka_unit_test(overwriting_a_little_sends_one_least_part),
		cmocka_unit_test(truncating_to_half_sends_nothing),
		cmocka_unit_test(ten_thousand_small_ranges_are_sent_together),
		cmocka_unit_test(too_many_large_ranges_are_thinned_out),
		cmocka_unit_test(small_files_are_one_put),
		cmocka_unit_test(
			a_large_part_size_does_not_send_large_clean_ranges),
		cmocka_unit_test(a_whole_object_is_one_copy_at_every_border),
		cmocka_unit_test(an_open_end_leaves_out_what_is_no_part),
		cmocka_unit_test(an_open_end_leaves_numbers_for_what_follows),
		cmocka_unit_test(a_short_clean_range_is_copied_only_at_the_end),
		cmocka_unit_test(equal_parts_are_cut_by_a_grid),
		cmocka_unit_test(what_no_plan_can_hold_is_refused_with_figures),
		cmocka_unit_test(parts_keep_the_limits_at_every_border),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
