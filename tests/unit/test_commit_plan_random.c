/* SPDX-License-Identifier: MIT */
/* Plans of random files: never beyond a limit, never a byte too much. */
#include "plan_rig.h"

/* So small that every border is met often. */
static const struct store_limits small = {
	.parts_max = 1000,
	.part_min = 5,
	.part_max = 40,
	.put_max = 30,
	.copy_max = 25,
	.object_max = 700,
};
static const struct store_limits few = {
	.parts_max = 7,
	.part_min = 5,
	.part_max = 100,
	.put_max = 30,
	.copy_max = 100,
	.object_max = 700,
};
static const struct store_limits narrow = {
	.parts_max = 1000,
	.part_min = 5,
	.part_max = 9,
	.put_max = 9,
	.copy_max = 9,
	.object_max = 700,
};
static const struct store_limits grid = {
	.parts_max = 50,
	.part_min = 5,
	.part_max = 40,
	.put_max = 30,
	.copy_max = 25,
	.object_max = 700,
	.equal_parts = true,
};

/* ---- properties ---- */

struct random {
	uint64_t state;
};

static uint64_t draw(struct random *random, uint64_t below)
{
	random->state ^= random->state << 13;
	random->state ^= random->state >> 7;
	random->state ^= random->state << 17;
	return random->state % below;
}

/* A file of random ranges, of at most size_max bytes. */
static void draw_file(struct random *random, uint64_t size_max,
                      uint64_t longest, struct extents *ret)
{
	size_t count = draw(random, 24);

	file_init(ret, 24);
	for (size_t i = 0; i < count; i++) {
		uint64_t length = 1 + draw(random, 1 + draw(random, longest));
		unsigned kind = (unsigned)draw(random, 4);

		if (ret->size + length > size_max)
			return;
		if (kind < 2)
			add(ret, EXTENT_CLEAN, length,
			    (unsigned)draw(random, 3), draw(random, 1000));
		else
			add(ret, kind == 2 ? EXTENT_DIRTY : EXTENT_HOLE, length,
			    0, 0);
	}
}

/* The range that has the byte at. */
static const struct extent *range_at(const struct extents *file, uint64_t at)
{
	const struct extent *e = file->list;

	while (at >= e->offset + e->length)
		e++;
	return e;
}

/* The fewest bytes that can be sent, by trying every border. */
static uint64_t fewest_sent(const struct extents *file,
                            const struct store_limits *limits, bool open_end)
{
	uint64_t size = file->size;
	uint64_t *cost = malloc((size + 1) * sizeof(cost[0]));
	uint64_t best;

	assert_non_null(cost);
	memset(cost, 0xff, (size + 1) * sizeof(cost[0]));
	cost[0] = 0;
	best = open_end ? size : UINT64_MAX;
	for (uint64_t at = 0; at < size; at++) {
		const struct extent *e = range_at(file, at);
		bool clean = e->kind == EXTENT_CLEAN && e->source < 2;

		if (cost[at] == UINT64_MAX)
			continue;
		if (open_end && cost[at] + (size - at) < best)
			best = cost[at] + (size - at);
		for (uint64_t end = at + 1; end <= size; end++) {
			bool last = end == size && !open_end;

			if (end - at < limits->part_min && !last)
				continue;
			if (cost[at] + (end - at) < cost[end])
				cost[end] = cost[at] + (end - at);
			if (clean && end <= e->offset + e->length &&
			    cost[at] < cost[end])
				cost[end] = cost[at];
		}
	}
	if (cost[size] < best)
		best = cost[size];
	free(cost);
	return best;
}

static void no_plan_sends_a_byte_more_than_needed(void **state)
{
	struct random random = {.state = 20261124};
	unsigned parts = 0;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		struct commit_plan_config config = {
			.limits = &small,
			.part_size = 5 + draw(&random, 10),
			.part_held = 5 + draw(&random, 30),
			.copy_part = 5 + draw(&random, 30),
			.copies = copies,
			.open_end = i % 4 == 0,
		};
		struct commit_plan plan;
		struct extents file;

		draw_file(&random, 300, 8 + i % 30, &file);
		plan = plan_of(&file, &config);
		if (plan.shape == PLAN_PARTS) {
			uint64_t left = file.size;

			for (size_t j = 0; j < plan.count; j++)
				left -= plan.parts[j].length;
			assert_int_equal(plan.sent + left,
			                 fewest_sent(&file, &small,
			                             config.open_end));
			parts++;
		}
		commit_plan_release(&plan);
		free(file.list);
	}
	assert_true(parts > 10000);
}

static void every_plan_keeps_every_limit(void **state)
{
	static const struct {
		const struct store_limits *limits;
		uint64_t unit;
	} tables[] = {
		{&small, 1}, {&few, 1},        {&narrow, 1}, {&grid, 1},
		{&aws, MIB}, {&scaleway, MIB}, {&r2, MIB},
	};
	struct random random = {.state = 7};
	unsigned planned = 0;

	(void)state;
	for (unsigned i = 0; i < 70000; i++) {
		const struct store_limits *limits = tables[i % 7].limits;
		uint64_t unit = tables[i % 7].unit;
		uint64_t object = 1 + draw(&random, 30);
		struct commit_plan_config config = {
			.limits = limits,
			.part_size = unit * (1 + draw(&random, 20)),
			.part_held = unit * (1 + draw(&random, 60)),
			.copy_part = unit * (1 + draw(&random, 60)),
			.copies = copies,
			.whole = whole,
			.ctx = &object,
			.open_end = draw(&random, 4) == 0,
		};
		struct commit_plan plan;
		struct extents file;
		struct err err;
		int r;

		draw_file(&random, 690 * unit, (1 + draw(&random, 60)) * unit,
		          &file);
		r = commit_plan(&file, &config, &plan, &err);
		if (r == 0) {
			check_plan(&file, &config, &plan);
			commit_plan_release(&plan);
			planned++;
		} else {
			/* Only equal parts with an open end may not reach. */
			assert_int_equal(r, -EFBIG);
			assert_true(limits->equal_parts && config.open_end);
		}
		free(file.list);
	}
	assert_true(planned > 68000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_plan_sends_a_byte_more_than_needed),
		cmocka_unit_test(every_plan_keeps_every_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
