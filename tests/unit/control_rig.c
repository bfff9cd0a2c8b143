/* SPDX-License-Identifier: MIT */
#include "control_rig.h"

/* log_sink_fn: nothing. */
static void quiet(void *ctx, enum log_level level, const char *line)
{
	(void)ctx, (void)level, (void)line;
}

void control_rig_init(struct control_rig *rig,
                      const struct store_limits *limits, enum fake_mode mode)
{
	const struct fake_store_config store = {
		.mode = mode,
		.latency_ms = mode == FAKE_THREAD,
		.limits = limits,
	};
	struct fs_bucket_config buckets[] = {
		{.name = "one", .identity = "test/one"},
		{.name = "two", .identity = "test/two"},
		{.name = "broken", .broken = -EACCES, .identity = "test/x"},
	};
	const struct fs_config fs = {
		.buckets = buckets,
		.bucket_count = 3,
		.uid = 1000,
		.gid = 1001,
		.file_mode = 0644,
		.dir_mode = 0755,
		.part_size = 5 << 20,
		.upload_concurrency = 4,
		.write_deadline_ms = 60000,
		.seed = 7,
	};
	struct fs_parts parts = {.clock = &rig->clock.clock,
	                         .exec = exec_inline()};

	memset(rig, 0, sizeof(*rig));
	log_to_sink(quiet, NULL);
	fake_clock_init(&rig->clock);
	assert_int_equal(timers_new_manual(&rig->clock.clock, &rig->timers), 0);
	assert_int_equal(pool_new(64 << 20, &rig->pool), 0);
	for (unsigned i = 0; i < 2; i++) {
		rig->fake[i] = fake_store_new(&store);
		assert_non_null(rig->fake[i]);
		rig->fault[i] = fault_store_new(
			fake_store_object_store(rig->fake[i]), rig->timers);
		assert_non_null(rig->fault[i]);
		buckets[i].store = fault_store_object_store(rig->fault[i]);
		buckets[i].cache_ttl_ms = 3600000;
	}
	parts.timers = rig->timers;
	parts.pool = rig->pool;
	assert_int_equal(fs_new(&fs, &parts, &rig->fs, NULL), 0);
}

void control_rig_end(struct control_rig *rig)
{
	(void)fs_settle(rig->fs);
	fs_free(rig->fs);
	for (unsigned i = 0; i < 2; i++) {
		fault_store_free(rig->fault[i]);
		fake_store_free(rig->fake[i]);
	}
	timers_free(rig->timers);
	pool_free(rig->pool);
	log_to_sink(NULL, NULL);
}
