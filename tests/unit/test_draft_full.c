/* SPDX-License-Identifier: MIT */
/* Changed files when staging is full: a write says so, nothing is lost. */
#include "image_rig.h"

static void a_change_beyond_staging_max_is_enospc(void **state)
{
	struct rig_config config = {.staging_max = MIB};
	struct image image;
	struct rig_call c;
	struct rig rig;
	uint64_t id;

	(void)state;
	rig_init(&rig, &config);
	id = begin(&rig, &image, 8 * MIB);
	assert_int_equal(rig_open(&rig, id, O_RDWR, &c), 0);
	assert_int_equal(put(&rig, c.call.handle, &image,
	                     (struct rig_piece){MIB, 900000}, 7),
	                 0);

	struct fs_handle *handle = c.call.handle;
	struct rig_call w;

	rig_write_start(&rig, &w, handle, 5 * MIB, 300000);
	assert_int_equal(rig_status(&w), -ENOSPC);
	assert_non_null(strstr(w.call.err.text, "staging_max"));
	free(w.data);

	/* What is there may be changed again, and made room for. */
	assert_int_equal(put(&rig, handle, &image,
	                     (struct rig_piece){MIB + 5, 800000}, 8),
	                 0);
	assert_int_equal(rig_close(&rig, handle), 0);
	image_check(&rig, &image);

	/* The next one has all of it. */
	assert_int_equal(rig_open(&rig, id, O_RDWR, &c), 0);
	assert_int_equal(put(&rig, c.call.handle, &image,
	                     (struct rig_piece){5 * MIB, 900000}, 9),
	                 0);
	assert_int_equal(rig_close(&rig, c.call.handle), 0);
	image_check(&rig, &image);
	image_release(&image);
	rig_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_change_beyond_staging_max_is_enospc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
