/* SPDX-License-Identifier: MIT */
/* What the tests of commit plans share: files, and what every plan must be. */
#ifndef PORTER_TEST_PLAN_RIG_H
#define PORTER_TEST_PLAN_RIG_H

#include "commit_plan.h"
#include "s3/store.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define plan_fn static __attribute__((unused))

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define TIB (UINT64_C(1) << 40)

static const __attribute__((unused)) struct store_limits aws = {
	.parts_max = 10000,
	.part_min = 5 * MIB,
	.part_max = 5 * GIB,
	.put_max = 5 * GIB,
	.copy_max = 5 * GIB,
	.object_max = 10000 * (5 * GIB),
};
static const __attribute__((unused)) struct store_limits scaleway = {
	.parts_max = 1000,
	.part_min = 5 * MIB,
	.part_max = 5 * GIB,
	.put_max = 5 * GIB,
	.copy_max = 5 * GIB,
	.object_max = 1000 * (5 * GIB),
};
static const __attribute__((unused)) struct store_limits r2 = {
	.parts_max = 10000,
	.part_min = 5 * MIB,
	.part_max = 5 * GIB - 5 * MIB,
	.put_max = 5 * GIB - 5 * MIB,
	.copy_max = 5 * GIB - 5 * MIB,
	.object_max = 5 * TIB - 5 * GIB,
	.equal_parts = true,
};
/* ---- files ---- */

plan_fn void add(struct extents *file, enum extent_kind kind, uint64_t length,
                 unsigned source, uint64_t source_offset)
{
	assert_true(file->count < file->cap);
	file->list[file->count++] = (struct extent){
		.kind = kind,
		.offset = file->size,
		.length = length,
		.source = source,
		.source_offset = source_offset,
	};
	file->size += length;
}

/* Clean bytes from the same place of source 0. */
plan_fn void add_clean(struct extents *file, uint64_t length)
{
	add(file, EXTENT_CLEAN, length, 0, file->size);
}

plan_fn void add_dirty(struct extents *file, uint64_t length)
{
	add(file, EXTENT_DIRTY, length, 0, 0);
}

plan_fn void file_init(struct extents *file, size_t cap)
{
	memset(file, 0, sizeof(*file));
	file->list = calloc(cap, sizeof(file->list[0]));
	assert_non_null(file->list);
	file->cap = cap;
}

/* ---- what every plan must be ---- */

/* Sources from 2 on may not be copied. */
plan_fn bool copies(void *ctx, unsigned source)
{
	(void)ctx;
	return source < 2;
}

/* Source 0 has as many bytes as *ctx says. */
plan_fn bool whole(void *ctx, unsigned source, uint64_t length)
{
	const uint64_t *size = ctx;

	return source == 0 && *size == length;
}

/* The bytes that a copied part names must be the file's there. */
plan_fn void check_copy(const struct extents *file,
                        const struct plan_part *part)
{
	for (size_t i = 0; i < file->count; i++) {
		const struct extent *e = &file->list[i];

		if (part->offset < e->offset ||
		    part->offset >= e->offset + e->length)
			continue;
		assert_int_equal(e->kind, EXTENT_CLEAN);
		assert_true(e->source < 2);
		assert_int_equal(part->source, e->source);
		assert_int_equal(part->source_offset - e->source_offset,
		                 part->offset - e->offset);
		assert_true(part->offset + part->length <=
		            e->offset + e->length);
		return;
	}
	fail_msg("a copied part begins nowhere");
}

/* The parts of a plan: all bytes once, in order, within the limits. */
plan_fn void check_parts(const struct extents *file,
                         const struct commit_plan_config *config,
                         const struct commit_plan *plan)
{
	const struct store_limits *limits = config->limits;
	uint64_t at = 0;
	uint64_t sent = 0;

	assert_true(plan->count <= limits->parts_max);
	for (size_t i = 0; i < plan->count; i++) {
		const struct plan_part *part = &plan->parts[i];
		bool last = i + 1 == plan->count;

		assert_int_equal(part->offset, at);
		assert_true(part->length > 0);
		assert_true(part->length <= limits->part_max);
		if (!last || config->open_end)
			assert_true(part->length >= limits->part_min);
		if (limits->equal_parts && (!last || config->open_end))
			assert_int_equal(part->length, plan->parts[0].length);
		if (part->kind == PLAN_COPY) {
			assert_true(part->length <= limits->copy_max);
			check_copy(file, part);
		} else {
			sent += part->length;
		}
		at += part->length;
	}
	assert_int_equal(plan->sent, sent);
	if (config->open_end)
		assert_true(file->size - at < config->part_size ||
		            file->size - at < limits->part_min);
	else
		assert_int_equal(at, file->size);
}

/* Clean bytes of a file. */
plan_fn uint64_t clean_bytes(const struct extents *file)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < file->count; i++)
		sum += file->list[i].kind == EXTENT_CLEAN ? file->list[i].length
		                                          : 0;
	return sum;
}

plan_fn void check_plan(const struct extents *file,
                        const struct commit_plan_config *config,
                        const struct commit_plan *plan)
{
	const struct store_limits *limits = config->limits;

	switch (plan->shape) {
	case PLAN_PUT:
		assert_false(config->open_end);
		assert_true(file->size <= limits->put_max);
		assert_int_equal(plan->count, 0);
		assert_int_equal(plan->sent, file->size);
		assert_int_equal(plan->read, clean_bytes(file));
		break;
	case PLAN_WHOLE:
		assert_false(config->open_end);
		assert_int_equal(plan->count, 1);
		assert_true(file->size <= limits->copy_max);
		assert_int_equal(plan->parts[0].length, file->size);
		assert_int_equal(plan->parts[0].kind, PLAN_COPY);
		assert_int_equal(plan->parts[0].source_offset, 0);
		assert_int_equal(plan->sent, 0);
		break;
	case PLAN_PARTS:
		check_parts(file, config, plan);
		break;
	}
	assert_true(plan->read <= plan->sent);
}

/* Plan, and check what comes of it. */
plan_fn struct commit_plan plan_of(const struct extents *file,
                                   const struct commit_plan_config *config)
{
	struct commit_plan plan;
	struct err err;

	if (commit_plan(file, config, &plan, &err) < 0)
		fail_msg("%s", err.text);
	check_plan(file, config, &plan);
	return plan;
}

static const __attribute__((unused)) struct commit_plan_config usual = {
	.limits = &aws,
	.part_size = 8 * MIB,
	.part_held = 64 * MIB,
	.copy_part = 256 * MIB,
};

#endif
