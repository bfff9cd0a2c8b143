/* SPDX-License-Identifier: MIT */
/* Contents that are all of another object: one COPY. */
#include "upload_rig.h"

/* Copy all of "src" to "big". */
static int copy_whole(struct rig *rig, const struct object_info *info,
                      struct rig_finish *f)
{
	const struct upload_source source = {
		.store = rig->store,
		.key = "src",
		.etag = info->etag,
		.length = info->size,
	};
	struct upload *up = rig_upload(rig);

	assert_int_equal(upload_copy_whole(up, &source), 0);
	assert_int_equal(upload_size(up), info->size);
	rig_finish_start(up, f);
	assert_true(f->done);
	upload_free(up);
	return f->finish.status;
}

static void a_whole_object_is_one_copy_with_new_headers(void **state)
{
	struct rig_finish f = {0};
	struct object_info info;
	struct rig rig;
	char *mtime;

	(void)state;
	rig_init(&rig, NULL);
	rig_store_object(&rig, "src", 100, &info);
	rig.mtime = "99";
	assert_int_equal(copy_whole(&rig, &info, &f), 0);
	rig_transcript_of(&rig,
	                  "COPY big from src source-if-match=@ "
	                  "replace-headers\n",
	                  info.etag);
	rig_check(&rig, "big", 100);
	mtime = fake_store_header(rig.fake, "big", "mtime");
	assert_string_equal(mtime, "99");
	free(mtime);
	assert_int_equal(f.finish.info.size, 100);
	assert_string_equal(f.finish.info.etag, info.etag);
	rig_end(&rig);
}

static void a_whole_copy_in_doubt_is_settled_by_the_nonce(void **state)
{
	const struct fault_rule lost = {.verbs = FAULT_VERB(STORE_COPY),
	                                .nth = 1,
	                                .action = FAULT_LOSE_REPLY};
	struct rig_finish f = {0};
	struct object_info info;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	rig_store_object(&rig, "src", 100, &info);
	fault_store_add(rig.fault, &lost);
	assert_int_equal(copy_whole(&rig, &info, &f), 0);
	assert_true(f.finish.published);
	rig_transcript_of(&rig,
	                  "COPY big from src source-if-match=@ "
	                  "replace-headers\nHEAD big\n",
	                  info.etag);
	rig_check(&rig, "big", 100);
	rig_end(&rig);
}

static void a_whole_copy_of_another_version_is_stale(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct store_limits limits = rig_limits;
		struct rig_config config = {.limits = &limits};
		struct rig_finish f = {0};
		struct object_info info;
		struct rig rig;

		limits.copy_source_match = i % 2;
		rig_init(&rig, &config);
		rig_store_object(&rig, "src", 100, &info);
		if (i < 2)
			fake_store_put_text(rig.fake, "src", "other");
		else
			fake_store_delete(rig.fake, "src");
		assert_int_equal(copy_whole(&rig, &info, &f), -ESTALE);
		assert_false(f.finish.published);
		assert_int_equal(fake_store_count(rig.fake), i < 2 ? 1 : 0);
		assert_int_equal(fake_store_open_uploads(rig.fake), 0);
		rig_end(&rig);
	}
}

static void
a_whole_copy_is_compared_before_it_counts_where_the_store_does_not(void **state)
{
	struct store_limits limits = rig_limits;
	struct rig_config config = {.limits = &limits};
	struct rig_finish f = {0};
	struct object_info info;
	struct rig rig;

	(void)state;
	limits.copy_source_match = false;
	rig_init(&rig, &config);
	rig_store_object(&rig, "src", 100, &info);
	assert_int_equal(copy_whole(&rig, &info, &f), 0);
	rig_transcript(&rig, "HEAD src\n"
	                     "MPU_CREATE big\n"
	                     "MPU_PART_COPY big 1 from src 0-99\n"
	                     "HEAD src\nMPU_COMPLETE big 1 parts\n");
	rig_check(&rig, "big", 100);
	rig_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_object_is_one_copy_with_new_headers),
		cmocka_unit_test(a_whole_copy_in_doubt_is_settled_by_the_nonce),
		cmocka_unit_test(a_whole_copy_of_another_version_is_stale),
		cmocka_unit_test(
			a_whole_copy_is_compared_before_it_counts_where_the_store_does_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
