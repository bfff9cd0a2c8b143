/* SPDX-License-Identifier: MIT */
/* Parts that memory is not to hold, and what happens when nothing holds them. */
#include "upload_rig.h"
#include "upload_state.h"

/* Parts of 2 MiB to 32 MiB; 16 MiB of memory keep those up to 4 MiB. */
static const struct store_limits growing = {
	.profile = "rig",
	.parts_max = 16,
	.part_min = 2 << 20,
	.part_max = 32 << 20,
	.put_max = 32 << 20,
	.copy_max = 32 << 20,
	.object_max = 250 << 20,
	.meta_max = 2048,
	.complete_gives_etag = true,
	.copy_source_match = true,
};

static const struct rig_config little = {
	.budget = 16 * MIB,
	.part_size = 2 * MIB,
	.limits = &growing,
};

/* Bytes that the pool ever gave away at once. */
static uint64_t peak(struct rig *rig)
{
	struct pool_stats stats;

	pool_get_stats(rig->pool, &stats);
	return stats.peak;
}

static int finish(struct upload *up)
{
	struct rig_finish f = {0};

	rig_finish_start(up, &f);
	assert_true(f.done);
	upload_free(up);
	return f.finish.status;
}

static void large_parts_are_filled_in_staging(void **state)
{
	struct upload *up;
	struct rig rig;

	(void)state;
	rig_init(&rig, &little);
	up = rig_upload(&rig);
	assert_int_equal(upload_reach(up), 250 * MIB);
	assert_int_equal(rig_append(up, 0, 200 * MIB), 0);
	assert_true(metric_get(&rig.staging.used) > 8 * MIB);
	assert_int_equal(rig_append(up, 200 * MIB, 50 * MIB), 0);
	assert_int_equal(finish(up), 0);
	rig_check(&rig, "big", 250 * MIB);
	/* A small part on its way out and a chunk beside it. */
	assert_true(peak(&rig) <= 6 * MIB);
	assert_true(metric_get(&rig.uploads->spilled) > 200 * MIB);
	assert_true(metric_get(&rig.uploads->spills) > 200);
	rig_end(&rig);
}

static void and_so_they_are_with_threads(void **state)
{
	struct rig_config config = little;
	struct rig_write w;
	struct rig_finish f = {0};
	struct upload *up;
	struct rig rig;

	(void)state;
	config.mode = FAKE_THREAD;
	config.threads = true;
	rig_init(&rig, &config);
	up = rig_upload(&rig);
	for (uint64_t at = 0; at < 150 * MIB; at += MIB) {
		rig_append_start(up, &w, at, MIB);
		while (!atomic_load(&w.done))
			(void)sched_yield();
		assert_int_equal(w.write.status, 0);
		free(w.data);
	}
	rig_finish_start(up, &f);
	while (!atomic_load(&f.done))
		(void)sched_yield();
	assert_int_equal(f.finish.status, 0);
	upload_free(up);
	rig_check(&rig, "big", 150 * MIB);
	rig_end(&rig);
}

static void a_planned_part_of_any_size_is_one_part(void **state)
{
	struct upload *up;
	struct rig rig;

	(void)state;
	rig_init(&rig, &little);
	up = rig_upload(&rig);
	assert_int_equal(upload_expect_part(up, 30 * MIB), 0);
	assert_int_equal(rig_append(up, 0, 30 * MIB), 0);
	assert_int_equal(upload_cut(up), 0);
	assert_int_equal(finish(up), 0);
	rig_transcript(&rig, "MPU_CREATE big\nMPU_PART big 1 31457280\n"
	                     "MPU_COMPLETE big 1 parts\n");
	rig_check(&rig, "big", 30 * MIB);
	assert_true(peak(&rig) <= 3 * MIB);
	rig_end(&rig);
}

static void staged_bytes_can_be_read_back(void **state)
{
	struct upload *up;
	struct rig rig;
	uint8_t back[3];

	(void)state;
	rig_init(&rig, &little);
	up = rig_upload(&rig);
	assert_int_equal(upload_expect_part(up, 30 * MIB), 0);
	assert_int_equal(rig_append(up, 0, 20 * MIB + 5), 0);
	for (uint64_t at = 0; at < 20 * MIB; at += 777777) {
		assert_int_equal(upload_read(up, at, back, 3), 0);
		for (unsigned i = 0; i < 3; i++)
			assert_int_equal(back[i], rig_byte(at + i));
	}
	assert_int_equal(upload_read(up, 20 * MIB + 2, back, 3), 0);
	assert_int_equal(back[2], rig_byte(20 * MIB + 4));
	upload_free(up);
	rig_end(&rig);
}

static void without_room_large_parts_go_as_they_are(void **state)
{
	struct rig_config config = little;
	struct upload *up;
	struct rig rig;

	/* Staging for parts of 6 MiB, and another writer takes 9 of its 12. */
	(void)state;
	config.staging = 12 * MIB;
	rig_init(&rig, &config);

	struct staging *other = NULL;
	uint8_t *bytes = calloc(1, 9 * MIB);
	struct slice slice = {bytes, 9 * MIB};

	assert_int_equal(staging_new(&rig.staging, &other), 0);
	assert_int_equal(staging_append(other, &(struct chain){&slice, 1}), 0);
	free(bytes);
	up = rig_upload(&rig);
	assert_true(upload_reach(up) <= 16 * (6 * MIB));
	/* The last of them is at 30 MiB; a tenth of 16 parts may be short. */
	assert_int_equal(rig_append(up, 0, 38 * MIB), 0);
	staging_free(other);
	assert_int_equal(finish(up), 0);
	rig_check(&rig, "big", 38 * MIB);
	assert_true(peak(&rig) <= 12 * MIB);
	rig_end(&rig);
}

static void who_waits_fails_when_memory_and_staging_are_full(void **state)
{
	struct rig_config config = {.budget = 8 * MIB, .staging = MIB};
	struct rig_write write;
	struct upload *first;
	struct upload *second;
	struct err err;
	struct rig rig;

	(void)state;
	rig_init(&rig, &config);
	first = rig_upload(&rig);
	second = rig_upload(&rig);
	assert_int_equal(rig_append(first, 0, 2 * MIB), 0);
	assert_int_equal(rig_append(second, 0, 4 * MIB), 0);
	rig_append_start(second, &write, 4 * MIB, MIB);
	assert_true(write.done);
	assert_int_equal(write.write.status, -ENOSPC);
	free(write.data);
	assert_int_equal(upload_status(second, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "staging_max"));

	/* The other one has room now. */
	assert_int_equal(upload_status(first, NULL), 0);
	assert_int_equal(rig_append(first, 2 * MIB, 3 * MIB), 0);
	upload_free(second);
	assert_int_equal(finish(first), 0);
	rig_check(&rig, "big", 5 * MIB);
	rig_end(&rig);
}

static void and_so_it_does_with_threads(void **state)
{
	struct rig_config config = {
		.budget = 8 * MIB, .staging = MIB, .threads = true};
	struct rig_write write[12];
	struct upload *up[12];
	unsigned failed = 0;
	struct rig rig;

	/* Twelve of 1 MiB - 64 KiB in 6 MiB of memory and 1 of staging. */
	(void)state;
	rig_init(&rig, &config);
	for (unsigned i = 0; i < 12; i++) {
		up[i] = rig_upload(&rig);
		rig_append_start(up[i], &write[i], 0, MIB - (64 << 10));
	}
	for (unsigned i = 0; i < 12; i++) {
		while (!atomic_load(&write[i].done))
			(void)sched_yield();
		free(write[i].data);
		failed += write[i].write.status == -ENOSPC;
		assert_true(write[i].write.status == 0 ||
		            write[i].write.status == -ENOSPC);
	}
	assert_true(failed >= 4 && failed <= 6);
	for (unsigned i = 0; i < 12; i++)
		upload_free(up[i]);
	rig_end(&rig);
}

struct synced {
	struct upload_sync sync;
	bool done;
};

static void sync_done(struct upload_sync *sync)
{
	container_of(sync, struct synced, sync)->done = true;
}

static void what_is_on_the_wire_is_not_staged_meanwhile(void **state)
{
	struct rig_config config = little;
	struct synced s = {.sync = {.done = sync_done}};
	struct rig_finish f = {0};
	struct upload *up;
	struct rig rig;
	uint64_t staged;

	(void)state;
	config.mode = FAKE_QUEUE;
	rig_init(&rig, &config);
	up = rig_upload(&rig);
	assert_int_equal(upload_expect_part(up, 30 * MIB), 0);
	assert_int_equal(rig_append(up, 0, 3 * MIB), 0);
	upload_sync(up, &s.sync);
	(void)fake_store_run_one(rig.fake); /* Create */
	staged = metric_get(&rig.staging.used);
	assert_int_equal(rig_append(up, 3 * MIB, 4 * MIB), 0);
	assert_int_equal(metric_get(&rig.staging.used), staged);
	(void)fake_store_run_one(rig.fake); /* the provisional part */
	assert_true(s.done);
	assert_int_equal(rig_append(up, 7 * MIB, MIB), 0);
	assert_true(metric_get(&rig.staging.used) >= 7 * MIB);
	rig_finish_start(up, &f);
	(void)fake_store_run(rig.fake);
	assert_true(f.done);
	assert_int_equal(f.finish.status, 0);
	upload_free(up);
	rig_check(&rig, "big", 8 * MIB);
	rig_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(large_parts_are_filled_in_staging),
		cmocka_unit_test(and_so_they_are_with_threads),
		cmocka_unit_test(a_planned_part_of_any_size_is_one_part),
		cmocka_unit_test(staged_bytes_can_be_read_back),
		cmocka_unit_test(without_room_large_parts_go_as_they_are),
		cmocka_unit_test(
			who_waits_fails_when_memory_and_staging_are_full),
		cmocka_unit_test(and_so_it_does_with_threads),
		cmocka_unit_test(what_is_on_the_wire_is_not_staged_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
