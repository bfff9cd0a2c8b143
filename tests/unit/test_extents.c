/* SPDX-License-Identifier: MIT */
/*
 * Extents against an array that says of each byte what it is: after any change
 * both must tell the same, and no two ranges may be one.
 */
#include "extents.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BYTES 400

/* What one byte is. */
struct byte {
	enum extent_kind kind;
	unsigned source;
	uint64_t source_offset;
};

struct model {
	struct byte bytes[BYTES];
	uint64_t size;
	uint64_t random;
};

/* The next number of a sequence, below limit. */
static uint64_t next(struct model *model, uint64_t limit)
{
	model->random ^= model->random << 13;
	model->random ^= model->random >> 7;
	model->random ^= model->random << 17;
	return model->random % limit;
}

/* The same change, byte by byte. */
static void model_put(struct model *model, const struct extent *extent)
{
	uint64_t end = extent->offset + extent->length;

	if (extent->length == 0)
		return;
	while (model->size < end)
		model->bytes[model->size++] = (struct byte){EXTENT_HOLE, 0, 0};
	for (uint64_t i = extent->offset; i < end; i++) {
		model->bytes[i].kind = extent->kind;
		model->bytes[i].source = extent->source;
		model->bytes[i].source_offset =
			extent->source_offset + (i - extent->offset);
	}
}

static void model_resize(struct model *model, uint64_t size)
{
	while (model->size < size)
		model->bytes[model->size++] = (struct byte){EXTENT_HOLE, 0, 0};
	model->size = size;
}

/* A range must say of its bytes what the model does. */
static void check_range(const struct model *model, const struct extent *extent)
{
	assert_true(extent->length > 0);
	for (uint64_t i = 0; i < extent->length; i++) {
		const struct byte *byte = &model->bytes[extent->offset + i];

		assert_int_equal(extent->kind, byte->kind);
		if (extent->kind != EXTENT_CLEAN)
			continue;
		assert_int_equal(extent->source, byte->source);
		assert_int_equal(extent->source_offset + i,
		                 byte->source_offset);
	}
}

/* The list as a whole. */
static void check_list(const struct model *model, const struct extents *extents)
{
	uint64_t at = 0;

	assert_int_equal(extents->size, model->size);
	for (size_t i = 0; i < extents->count; i++) {
		const struct extent *extent = &extents->list[i];
		const struct extent *last = extent - 1;

		assert_int_equal(extent->offset, at);
		check_range(model, extent);
		at += extent->length;
		if (i == 0 || last->kind != extent->kind)
			continue;
		assert_int_equal(extent->kind, EXTENT_CLEAN);
		assert_false(last->source == extent->source &&
		             last->source_offset + last->length ==
		                     extent->source_offset);
	}
	assert_int_equal(at, model->size);
}

/* What can be asked, at a random place. */
static void check_questions(struct model *model, const struct extents *extents)
{
	uint64_t offset = next(model, BYTES);
	uint64_t length = next(model, BYTES);
	uint64_t counts[4] = {0};
	uint64_t end =
		offset + length < model->size ? offset + length : model->size;
	struct extent *slice;
	size_t count;
	uint64_t at = offset;

	assert_int_equal(extents_slice(extents, offset, length, &slice, &count),
	                 0);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(slice[i].offset, at);
		check_range(model, &slice[i]);
		at += slice[i].length;
	}
	assert_true(count == 0 ? offset >= end : at == end);
	free(slice);
	for (uint64_t i = offset; i < end; i++)
		counts[model->bytes[i].kind]++;
	for (unsigned kind = 0; kind < 4; kind++) {
		assert_int_equal(extents_bytes_in(extents, offset, length,
		                                  kind),
		                 counts[kind]);
		assert_int_equal(extents_any(extents, offset, length, kind),
		                 counts[kind] > 0);
	}
	if (offset < model->size)
		check_range(model, extents_at(extents, offset));
	else
		assert_null(extents_at(extents, offset));
}

/* SEEK_DATA and SEEK_HOLE. */
static void check_seek(struct model *model, const struct extents *extents)
{
	uint64_t offset = next(model, BYTES);

	for (unsigned hole = 0; hole < 2; hole++) {
		uint64_t at = offset;
		int64_t expect;

		while (at < model->size &&
		       (model->bytes[at].kind == EXTENT_HOLE) != (hole == 1))
			at++;
		expect = (int64_t)at;
		if (offset >= model->size || (at == model->size && hole == 0))
			expect = -ENXIO;
		assert_int_equal(extents_seek(extents, offset, hole == 1),
		                 expect);
	}
}

/* One random change of both. */
static void change(struct model *model, struct extents *extents)
{
	struct extent extent = {
		.kind = (enum extent_kind)next(model, 4),
		.offset = next(model, BYTES),
		.source = (unsigned)next(model, 2),
		.source_offset = next(model, 3) * 1000,
	};

	if (next(model, 8) == 0) {
		assert_int_equal(extents_resize(extents, extent.offset), 0);
		model_resize(model, extent.offset);
		return;
	}
	extent.length = next(model, next(model, 4) == 0 ? BYTES : 20);
	if (extent.length > BYTES - extent.offset)
		extent.length = BYTES - extent.offset;
	/* Often at the very place of the object: then ranges join. */
	if (next(model, 2) == 0)
		extent.source_offset += extent.offset;
	assert_int_equal(extents_put(extents, &extent), 0);
	model_put(model, &extent);
}

static void any_change_is_as_if_made_byte_by_byte(void **state)
{
	static struct model model;

	(void)state;
	for (unsigned seed = 1; seed <= 60; seed++) {
		struct extents extents;

		memset(&model, 0, sizeof(model));
		model.random = seed * UINT64_C(0x9E3779B97F4A7C15);
		extents_init(&extents);
		for (unsigned i = 0; i < 2500; i++) {
			change(&model, &extents);
			check_list(&model, &extents);
			check_questions(&model, &extents);
			check_seek(&model, &extents);
		}
		extents_release(&extents);
	}
}

static void
overwriting_the_middle_of_an_object_leaves_three_ranges(void **state)
{
	const struct extent object = {
		.kind = EXTENT_CLEAN, .length = 1000, .source = 3};
	const struct extent middle = {
		.kind = EXTENT_DIRTY, .offset = 400, .length = 100};
	struct extents extents;

	(void)state;
	extents_init(&extents);
	assert_int_equal(extents_put(&extents, &object), 0);
	assert_int_equal(extents_put(&extents, &middle), 0);
	assert_int_equal(extents.count, 3);
	assert_int_equal(extents.list[2].source, 3);
	assert_int_equal(extents.list[2].source_offset, 500);
	assert_int_equal(extents_bytes(&extents, EXTENT_CLEAN), 900);
	extents_release(&extents);
}

static void what_ends_beyond_2_63_is_refused_and_changes_nothing(void **state)
{
	struct extent far = {
		.kind = EXTENT_DIRTY, .offset = INT64_MAX, .length = 1};
	struct extents extents;

	(void)state;
	extents_init(&extents);
	assert_int_equal(extents_put(&extents, &far), -EFBIG);
	far.offset = UINT64_MAX;
	assert_int_equal(extents_put(&extents, &far), -EFBIG);
	assert_int_equal(extents_resize(&extents, UINT64_C(1) << 63), -EFBIG);
	assert_int_equal(extents.size, 0);
	far.offset = INT64_MAX - 1;
	assert_int_equal(extents_put(&extents, &far), 0);
	assert_int_equal(extents.size, INT64_MAX);
	assert_int_equal(extents.count, 2);
	assert_int_equal(extents_seek(&extents, 0, false), INT64_MAX - 1);
	extents_release(&extents);
}

static void nothing_has_neither_data_nor_holes(void **state)
{
	struct extents extents;
	struct extent *slice;
	size_t count;

	(void)state;
	extents_init(&extents);
	assert_int_equal(extents_seek(&extents, 0, false), -ENXIO);
	assert_int_equal(extents_seek(&extents, 0, true), -ENXIO);
	assert_int_equal(extents_slice(&extents, 0, UINT64_MAX, &slice, &count),
	                 0);
	assert_int_equal(count, 0);
	free(slice);
	assert_null(extents_at(&extents, 0));
	extents_release(&extents);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_change_is_as_if_made_byte_by_byte),
		cmocka_unit_test(
			overwriting_the_middle_of_an_object_leaves_three_ranges),
		cmocka_unit_test(
			what_ends_beyond_2_63_is_refused_and_changes_nothing),
		cmocka_unit_test(nothing_has_neither_data_nor_holes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
