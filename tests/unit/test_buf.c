/* SPDX-License-Identifier: MIT */
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char whole[] = "abcdefghij";
#define SIZE (sizeof(whole) - 1)

/* The whole in slices of 3, 0, 1 and 6 bytes, apart from each other. */
struct pieces {
	uint8_t memory[40];
	struct slice slices[4];
	struct chain chain;
};

static void pieces_init(struct pieces *p)
{
	*p = (struct pieces){
		.slices =
			{
				{p->memory + 1, 3},
				{NULL, 0},
				{p->memory + 10, 1},
				{p->memory + 20, 6},
			},
		.chain = {.slices = p->slices, .count = 4},
	};
	memcpy(p->memory + 1, whole, 3);
	memcpy(p->memory + 10, whole + 3, 1);
	memcpy(p->memory + 20, whole + 4, 6);
}

static void the_size_is_that_of_all_slices(void **state)
{
	const struct chain none = {0};
	struct pieces p;

	(void)state;
	pieces_init(&p);
	assert_int_equal(chain_size(&p.chain), SIZE);
	assert_int_equal(chain_size(&none), 0);
}

static void every_range_can_be_read(void **state)
{
	struct pieces p;

	(void)state;
	pieces_init(&p);
	for (size_t offset = 0; offset <= SIZE + 2; offset++) {
		for (size_t len = 0; len <= SIZE + 2; len++) {
			char out[SIZE + 2];
			size_t left = offset < SIZE ? SIZE - offset : 0;
			size_t n = len < left ? len : left;

			assert_int_equal(chain_read(&p.chain, offset, out, len),
			                 n);
			if (n > 0)
				assert_memory_equal(out, whole + offset, n);
		}
	}
	assert_int_equal(chain_read(&p.chain, UINT64_MAX, p.memory, 9), 0);
}

static void every_range_can_be_written_and_no_byte_beside_it(void **state)
{
	(void)state;
	for (size_t offset = 0; offset <= SIZE; offset++) {
		for (size_t len = 0; len <= SIZE + 2; len++) {
			struct pieces p;
			char expected[sizeof(whole)];
			char out[SIZE];
			size_t left = SIZE - offset;
			size_t n = len < left ? len : left;

			pieces_init(&p);
			memcpy(expected, whole, sizeof(whole));
			memcpy(expected + offset, "0123456789XY", n);
			assert_int_equal(chain_write(&p.chain, offset,
			                             "0123456789XY", len),
			                 n);
			(void)chain_read(&p.chain, 0, out, SIZE);
			assert_memory_equal(out, expected, SIZE);
			assert_int_equal(p.memory[0], 0);
			assert_int_equal(p.memory[4], 0);
			assert_int_equal(p.memory[9], 0);
			assert_int_equal(p.memory[11], 0);
			assert_int_equal(p.memory[19], 0);
			assert_int_equal(p.memory[26], 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_size_is_that_of_all_slices),
		cmocka_unit_test(every_range_can_be_read),
		cmocka_unit_test(
			every_range_can_be_written_and_no_byte_beside_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
