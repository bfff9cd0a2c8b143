/* SPDX-License-Identifier: MIT */
/*
 * Random changes of a file, compared with the same ones of an array: what is
 * read meanwhile, and what the store has at each commit.
 */
#include "image_rig.h"

/* The next number of a sequence, below limit. */
static uint64_t next(uint64_t *random, uint64_t limit)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return *random % limit;
}

/* One random operation on a file and its image. */
static void operate(struct rig *rig, struct fs_handle *handle, uint64_t id,
                    struct image *image, uint64_t *random)
{
	uint64_t room = image->room;
	struct rig_piece piece = {next(random, room), next(random, room / 8)};

	if (piece.size > room - piece.offset)
		piece.size = room - piece.offset;
	switch (next(random, 8)) {
	case 0:
		assert_int_equal(rig_truncate(rig, id, handle, piece.offset),
		                 0);
		image_resize(image, piece.offset);
		break;
	case 1:
		assert_int_equal(allocate(rig, handle,
		                          FALLOC_FL_PUNCH_HOLE |
		                                  FALLOC_FL_KEEP_SIZE,
		                          piece),
		                 0);
		for (uint64_t i = 0; i < piece.size; i++) {
			if (piece.offset + i < image->size)
				image->bytes[piece.offset + i] = 0;
		}
		break;
	case 2:
		assert_int_equal(rig_flush(rig, handle, 1), 0);
		image_check(rig, image);
		break;
	case 3:
	case 4:
		look(rig, handle, image, piece);
		break;
	default:
		if (piece.size > 0)
			assert_int_equal(put(rig, handle, image, piece,
			                     (uint8_t)next(random, 255)),
			                 0);
		break;
	}
}

static void random_changes_are_as_those_of_an_array(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 12; seed++) {
		uint64_t random = seed * UINT64_C(0x9E3779B97F4A7C15);
		struct image image;
		struct rig_call c;
		struct rig rig;
		uint64_t id;

		rig_init(&rig, NULL);
		id = begin(&rig, &image, 100000);
		image.room = seed % 2 ? 200000 : 3 * MIB;
		assert_int_equal(rig_open(&rig, id, O_RDWR, &c), 0);
		for (unsigned i = 0; i < 250; i++)
			operate(&rig, c.call.handle, id, &image, &random);
		assert_int_equal(rig_close(&rig, c.call.handle), 0);
		image_check(&rig, &image);
		image_release(&image);
		rig_end(&rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_changes_are_as_those_of_an_array),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
