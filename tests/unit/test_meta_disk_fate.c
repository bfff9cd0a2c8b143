/* SPDX-License-Identifier: MIT */
/* The cache on disk when it is full, killed, cut or somebody else's. */
#include "disk_rig.h"

/* Names enough to fill 2 MiB several times. */
static void the_oldest_directories_go_when_it_is_full(void **state)
{
	struct meta_disk_stats stats;
	char path[64];
	struct rig rig;

	(void)state;
	rig_init(&rig);
	stop(&rig);
	rig.size_max = 2 << 20;
	start(&rig);
	for (unsigned dir = 0; dir < 200; dir++) {
		for (unsigned i = 0; i < 200; i++) {
			(void)snprintf(path, sizeof(path), "d%04u/%08u", dir,
			               i);
			const struct meta_key key = key_of(path);
			const struct meta_record record =
				record_of(&rig, META_FILE, "\"etag-etag\"");

			meta_disk_learn(rig.disk, ++rig.seq, &key, &record);
		}
		(void)fake_clock_advance(&rig.clock, NULL, 1000);
	}
	meta_disk_drain(rig.disk);
	meta_disk_stats(rig.disk, &stats);
	assert_false(stats.off);
	assert_true(stats.evicted > 0);
	assert_true(stats.bytes <= 2 << 20);
	assert_string_equal(known(&rig, "d0000/00000000"), "unknown");
	assert_string_equal(known(&rig, "d0199/00000199"),
	                    "file \"etag-etag\" 5");
	rig_end(&rig);
}

static void one_directory_that_is_too_large_is_no_trouble(void **state)
{
	struct meta_disk_stats stats;
	char path[64];
	struct rig rig;

	(void)state;
	rig_init(&rig);
	stop(&rig);
	rig.size_max = 1 << 20;
	start(&rig);
	for (unsigned i = 0; i < 20000; i++) {
		(void)snprintf(path, sizeof(path), "one/%08u", i);
		const struct meta_key key = key_of(path);
		const struct meta_record record =
			record_of(&rig, META_FILE, "\"etag-etag\"");

		meta_disk_learn(rig.disk, ++rig.seq, &key, &record);
	}
	change(&rig, "one/last", META_FILE, "\"last\"");
	meta_disk_stats(rig.disk, &stats);
	assert_false(stats.off);
	assert_string_equal(known(&rig, "one/last"), "file \"last\" 5");
	rig_end(&rig);
}

/* Another daemon writes, and is killed. */
static void killed_daemon(struct rig *rig, void (*write)(struct rig *rig))
{
	int status;
	pid_t child;

	stop(rig);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		start(rig);
		write(rig);
		_exit(0); /* as far as the files go, the same as SIGKILL */
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	(void)fake_clock_advance(&rig->clock, NULL, 1000);
	start(rig);
}

static void write_some(struct rig *rig)
{
	learn(rig, "d/abc", META_FILE, "\"abc\"");
	list(rig, "d", "", NULL, "abc");
}

static void after_a_kill_only_versions_are_believed(void **state)
{
	const struct meta_key key = key_of("d/abc");
	struct meta_found found;
	struct rig rig;

	(void)state;
	rig_init(&rig);
	killed_daemon(&rig, write_some);
	assert_int_equal(meta_disk_get(rig.disk, &key, &found), 0);
	assert_int_equal(found.asked_ms, 0);
	assert_string_equal(found.attr.etag, "\"abc\"");
	assert_string_equal(page(&rig, "d", "", 0), "unknown");

	/* From now on it is as ever. */
	list(&rig, "d", "", NULL, "abc");
	assert_string_equal(page(&rig, "d", "", 0), "d/abc .");
	restart(&rig);
	assert_string_equal(page(&rig, "d", "", 0), "d/abc .");
	rig_end(&rig);
}

/* Write text into a file of the cache. */
static void overwrite(struct rig *rig, const char *name, const char *text)
{
	char path[256];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", rig->temp, name);
	file = fopen(path, "w");
	assert_non_null(file);
	(void)fputs(text, file);
	(void)fclose(file);
}

static void after_a_crash_of_the_machine_it_begins_anew(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	write_some(&rig);
	stop(&rig);
	overwrite(&rig, "running", "another start of the machine");
	start(&rig);
	assert_string_equal(known(&rig, "d/abc"), "unknown");
	rig_end(&rig);
}

static void what_a_daemon_died_of_is_thrown_away(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	write_some(&rig);
	stop(&rig);
	overwrite(&rig, "data.mdb.damaged", "");
	start(&rig);
	assert_string_equal(known(&rig, "d/abc"), "unknown");
	write_some(&rig);
	restart(&rig);
	assert_string_equal(known(&rig, "d/abc"), "file \"abc\" 5");
	rig_end(&rig);
}

static void a_foreign_or_cut_file_is_replaced(void **state)
{
	char path[256];
	struct rig rig;

	(void)state;
	rig_init(&rig);
	(void)snprintf(path, sizeof(path), "%s/data.mdb", rig.temp);
	for (unsigned i = 0; i < 3; i++) {
		write_some(&rig);
		stop(&rig);
		if (i == 0)
			overwrite(&rig, "data.mdb", "no database at all");
		else
			assert_int_equal(truncate(path, i == 1 ? 10000 : 12),
			                 0);
		start(&rig);
		assert_string_equal(known(&rig, "d/abc"), "unknown");
	}
	rig_end(&rig);
}

static void other_default_owners_begin_anew(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	write_some(&rig);
	stop(&rig);
	rig.fs.uid = 1234;
	start(&rig);
	assert_string_equal(known(&rig, "d/abc"), "unknown");
	list(&rig, "d", "", NULL, "abc");
	assert_string_equal(known(&rig, "d/abc"), "file \"abc\" 1234");
	rig_end(&rig);
}

static void a_directory_that_cannot_be_written_is_said(void **state)
{
	const struct meta_disk_config config = {
		.dir = "/proc/nothing/there",
		.size_max = 1 << 20,
	};
	struct meta_disk *disk = NULL;
	struct rig rig;
	struct err err = {0};

	(void)state;
	rig_init(&rig);
	struct meta_disk_config there = config;

	there.clock = &rig.clock.clock;
	there.fs = &rig.fs;
	assert_int_equal(meta_disk_open(&there, &disk, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/proc/nothing/there"));
	rig_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_oldest_directories_go_when_it_is_full),
		cmocka_unit_test(one_directory_that_is_too_large_is_no_trouble),
		cmocka_unit_test(after_a_kill_only_versions_are_believed),
		cmocka_unit_test(after_a_crash_of_the_machine_it_begins_anew),
		cmocka_unit_test(what_a_daemon_died_of_is_thrown_away),
		cmocka_unit_test(a_foreign_or_cut_file_is_replaced),
		cmocka_unit_test(other_default_owners_begin_anew),
		cmocka_unit_test(a_directory_that_cannot_be_written_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
