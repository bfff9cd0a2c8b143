/* SPDX-License-Identifier: MIT */
#include "staging.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MIB (UINT64_C(1) << 20)

static void room_init(struct staging_room *room, uint64_t max)
{
	assert_int_equal(staging_room_init(room, NULL, max, NULL), 0);
}

/* Append size bytes of one value. */
static int append(struct staging *staging, uint8_t value, size_t size)
{
	uint8_t *data = malloc(size);
	struct slice slices[2];
	const struct chain chain = {.slices = slices, .count = 2};
	int r;

	assert_non_null(data);
	memset(data, value, size);
	slices[0] = (struct slice){data, size / 3};
	slices[1] = (struct slice){data + size / 3, size - size / 3};
	r = staging_append(staging, &chain);
	free(data);
	return r;
}

static int write_at(struct staging *staging, uint64_t offset, size_t size)
{
	uint8_t *data = calloc(1, size);
	int r;

	assert_non_null(data);
	r = staging_write(staging, offset, (struct slice){data, size});
	free(data);
	return r;
}

static void what_was_appended_is_read_and_mapped(void **state)
{
	struct staging_room room;
	struct staging *staging;
	struct slice all;
	uint8_t back[2];

	(void)state;
	room_init(&room, 0);
	assert_int_equal(staging_new(&room, &staging), 0);
	assert_int_equal(append(staging, 'a', 3000), 0);
	assert_int_equal(append(staging, 'b', 5 * MIB), 0);
	assert_int_equal(staging_size(staging), 3000 + 5 * MIB);
	assert_int_equal(metric_get(&room.used), 3000 + 5 * MIB);
	assert_int_equal(staging_read(staging, 2999, back, 2), 0);
	assert_memory_equal(back, "ab", 2);
	assert_int_equal(staging_map(staging, &all), 0);
	assert_int_equal(all.len, 3000 + 5 * MIB);
	assert_int_equal(all.data[all.len - 1], 'b');
	staging_free(staging);
	assert_int_equal(metric_get(&room.used), 0);
	staging_room_release(&room);
}

static void the_room_is_for_all_files_together(void **state)
{
	struct staging_room room;
	struct staging *a;
	struct staging *b;

	(void)state;
	room_init(&room, 2 * MIB);
	assert_int_equal(staging_new(&room, &a), 0);
	assert_int_equal(staging_new(&room, &b), 0);
	assert_int_equal(append(a, 1, MIB), 0);
	assert_true(staging_has_room(&room, MIB));
	assert_false(staging_has_room(&room, MIB + 1));
	assert_int_equal(append(b, 2, MIB + 1), -ENOSPC);
	assert_int_equal(staging_size(b), 0);
	assert_int_equal(append(b, 2, MIB), 0);
	assert_int_equal(append(a, 1, 1), -ENOSPC);
	assert_int_equal(staging_size(a), MIB);
	staging_free(b);
	assert_int_equal(append(a, 1, 1), 0);
	staging_free(a);
	assert_int_equal(metric_get(&room.used), 0);
	staging_room_release(&room);
}

static void a_sparse_file_counts_what_it_takes(void **state)
{
	struct staging_room room;
	struct staging *staging;
	uint64_t used;

	(void)state;
	room_init(&room, MIB);
	assert_int_equal(staging_new(&room, &staging), 0);
	assert_int_equal(write_at(staging, 100 * MIB, 512 << 10), 0);
	used = metric_get(&room.used);
	assert_true(used >= 512 << 10 && used < 768 << 10);

	/* Again the same bytes: nothing more, also when there is no room. */
	assert_int_equal(write_at(staging, 100 * MIB, 512 << 10), 0);
	assert_int_equal(metric_get(&room.used), used);
	assert_int_equal(write_at(staging, 0, 768 << 10), -ENOSPC);
	assert_int_equal(metric_get(&room.used), used);
	room.max = used;
	assert_int_equal(write_at(staging, 100 * MIB + 5, 1000), 0);
	assert_int_equal(write_at(staging, 99 * MIB, 4096), -ENOSPC);

	staging_punch(staging, 100 * MIB, 512 << 10);
	assert_true(metric_get(&room.used) < 64 << 10);
	assert_int_equal(write_at(staging, 99 * MIB, 4096), 0);
	staging_free(staging);
	assert_int_equal(metric_get(&room.used), 0);
	staging_room_release(&room);
}

static void a_directory_that_is_not_there_is_an_error(void **state)
{
	struct staging_room room;
	struct staging *staging = NULL;

	(void)state;
	assert_int_equal(staging_room_init(&room, "/nonexistent", 0, NULL), 0);
	assert_int_equal(staging_new(&room, &staging), -ENOENT);
	assert_null(staging);
	staging_room_release(&room);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_appended_is_read_and_mapped),
		cmocka_unit_test(the_room_is_for_all_files_together),
		cmocka_unit_test(a_sparse_file_counts_what_it_takes),
		cmocka_unit_test(a_directory_that_is_not_there_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
