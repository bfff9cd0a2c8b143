/* SPDX-License-Identifier: MIT */
/* The cache on disk, on LMDB itself. */
#include "base/log.h"
#include "fake_clock.h"
#include "fs/fs.h"
#include "meta_disk.h"
#include "temp_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define BUCKET 77

struct rig {
	char *temp;
	struct fake_clock clock;
	struct fs_config fs;
	struct meta_disk *disk;
	uint64_t size_max;
	uint64_t seq;
};

static void quiet(void *ctx, enum log_level level, const char *line)
{
	(void)ctx, (void)level, (void)line;
}

static void start(struct rig *rig)
{
	const struct meta_disk_config config = {
		.dir = rig->temp,
		.size_max = rig->size_max,
		.clock = &rig->clock.clock,
		.fs = &rig->fs,
	};

	assert_int_equal(meta_disk_open(&config, &rig->disk, NULL), 0);
}

static void stop(struct rig *rig)
{
	meta_disk_close(rig->disk);
	rig->disk = NULL;
}

static void restart(struct rig *rig)
{
	stop(rig);
	start(rig);
}

static void rig_init(struct rig *rig)
{
	*rig = (struct rig){
		.fs = {.uid = 1000, .gid = 1001, .file_mode = 0644},
		.size_max = 16 << 20,
	};
	log_to_sink(quiet, NULL);
	fake_clock_init(&rig->clock);
	(void)fake_clock_advance(&rig->clock, NULL, 100000);
	rig->temp = temp_dir_new();
	start(rig);
}

static void rig_end(struct rig *rig)
{
	stop(rig);
	temp_dir_free(rig->temp);
	log_to_sink(NULL, NULL);
}

/* ---- writing ---- */

static uint64_t now_ms(const struct rig *rig)
{
	return (uint64_t)rig->clock.wall_ms;
}

static struct meta_key key_of(const char *path)
{
	return (struct meta_key){BUCKET, path};
}

static struct meta_record record_of(struct rig *rig, enum meta_kind kind,
                                    const char *etag)
{
	struct meta_record record = {.kind = kind, .asked_ms = now_ms(rig)};

	record.attr.known = ATTR_FROM_LIST | ATTR_FROM_HEAD;
	record.attr.mode = kind == META_DIR ? S_IFDIR | 0750 : S_IFREG | 0600;
	record.attr.uid = 5;
	record.attr.size = strlen(etag);
	record.attr.modified.tv_sec = 1000;
	(void)snprintf(record.attr.etag, sizeof(record.attr.etag), "%s", etag);
	return record;
}

/* A HEAD taught of the name. */
static void learn(struct rig *rig, const char *path, enum meta_kind kind,
                  const char *etag)
{
	const struct meta_key key = key_of(path);
	const struct meta_record record = record_of(rig, kind, etag);

	meta_disk_learn(rig->disk, ++rig->seq, &key, &record);
	meta_disk_drain(rig->disk);
}

/* The mount itself made the name so; META_UNKNOWN: it knows not how. */
static void change(struct rig *rig, const char *path, enum meta_kind kind,
                   const char *etag)
{
	const struct meta_key key = key_of(path);
	const struct meta_record record = record_of(rig, kind, etag);

	meta_disk_change(rig->disk, ++rig->seq, &key,
	                 kind == META_UNKNOWN ? NULL : &record);
	meta_disk_drain(rig->disk);
}

static struct slice slice_of(const char *text)
{
	return (struct slice){(uint8_t *)(uintptr_t)text, strlen(text)};
}

/*
 * A listing of dir showed names (one a blank apart; each file's ETag is its
 * name in quotes) above low up to high (NULL = the end).
 */
static void list(struct rig *rig, const char *dir, const char *low,
                 const char *high, const char *names)
{
	const struct meta_key key = key_of(dir);
	const struct meta_bounds bounds = {
		.asked_ms = now_ms(rig),
		.low = slice_of(low),
		.high = slice_of(high ? high : ""),
		.to_end = !high,
	};
	struct meta_range_writer writer = {0};
	struct str record = {0};
	char *copy = strdup(names);
	char *rest = copy;

	for (char *name; (name = strsep(&rest, " "));) {
		struct meta_line line = {.name = name, .len = strlen(name)};

		if (line.len == 0)
			continue;
		line.is_dir = name[line.len - 1] == '/';
		line.size = line.len;
		line.modified.tv_sec = 1000;
		(void)snprintf(line.etag, sizeof(line.etag), "\"%s\"", name);
		meta_range_add(&writer, &line);
	}
	meta_range_finish(&writer, &key, &bounds, &record);
	meta_disk_range(rig->disk, ++rig->seq, &key, &bounds, &record);
	meta_disk_drain(rig->disk);
	free(copy);
}

/* ---- reading ---- */

/* "file ETAG UID", "dir UID", "absent", "listed absent" or "unknown". */
static const char *known(struct rig *rig, const char *path)
{
	static char text[256];
	const struct meta_key key = key_of(path);
	struct meta_found found;

	if (meta_disk_get(rig->disk, &key, &found) < 0)
		return "unknown";
	if (found.kind == META_ABSENT)
		return found.by_range ? "listed absent" : "absent";
	(void)snprintf(text, sizeof(text), "%s%s %u",
	               found.kind == META_DIR ? "dir" : "file ",
	               found.kind == META_DIR ? "" : found.attr.etag,
	               found.attr.uid);
	attr_release(&found.attr);
	return text;
}

/* Names of a page behind low, one a blank apart; then "." if that is all. */
static const char *page(struct rig *rig, const char *dir, const char *low,
                        uint64_t oldest_ms)
{
	static char text[4096];
	const struct meta_key key = key_of(dir);
	struct meta_page page;
	size_t n = 0;

	text[0] = 0;
	if (meta_disk_page(rig->disk, &key, slice_of(low), oldest_ms, &page) <
	    0)
		return "unknown";
	for (size_t i = 0; i < page.count; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s ",
		                      page.entries[i].key);
	(void)snprintf(text + n, sizeof(text) - n, "%s",
	               page.complete ? "." : str_text(&page.next));
	meta_page_release(&page);
	return text;
}

/* ---- tests ---- */

static void what_a_head_taught_outlives_the_mount(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	learn(&rig, "d/a", META_FILE, "\"1\"");
	learn(&rig, "d", META_DIR, "");
	learn(&rig, "gone", META_ABSENT, "");
	restart(&rig);
	assert_string_equal(known(&rig, "d/a"), "file \"1\" 5");
	assert_string_equal(known(&rig, "d"), "dir 5");
	assert_string_equal(known(&rig, "gone"), "absent");
	assert_string_equal(known(&rig, "d/b"), "unknown");
	rig_end(&rig);
}

static void names_longer_than_a_key_are_kept_too(void **state)
{
	char a[901];
	char b[901];
	struct rig rig;

	(void)state;
	rig_init(&rig);
	memset(a, 'n', sizeof(a) - 1);
	memcpy(b, a, sizeof(b) - 1);
	a[900] = b[900] = 0;
	a[899] = 'a';
	learn(&rig, a, META_FILE, "\"a\"");
	learn(&rig, b, META_FILE, "\"b\"");
	assert_string_equal(known(&rig, a), "file \"a\" 5");
	assert_string_equal(known(&rig, b), "file \"b\" 5");
	list(&rig, "", "", NULL, a);
	assert_string_equal(known(&rig, "x"), "listed absent");
	rig_end(&rig);
}

static void a_range_proves_absence_between_its_bounds(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	list(&rig, "d", "", "m", "a b/ m");
	assert_string_equal(known(&rig, "d/a"), "file \"a\" 1000");
	assert_string_equal(known(&rig, "d/b"), "dir 1000");
	assert_string_equal(known(&rig, "d/c"), "listed absent");
	/* "m/" stands above the bound. */
	assert_string_equal(known(&rig, "d/m"), "unknown");
	assert_string_equal(known(&rig, "d/n"), "unknown");
	assert_string_equal(known(&rig, "d/a/b"), "unknown");
	list(&rig, "d", "m", NULL, "n z/");
	assert_string_equal(known(&rig, "d/m"), "file \"m\" 1000");
	assert_string_equal(known(&rig, "d/zz"), "listed absent");
	restart(&rig);
	assert_string_equal(known(&rig, "d/m"), "file \"m\" 1000");
	assert_string_equal(known(&rig, "d/zz"), "listed absent");
	rig_end(&rig);
}

static void keys_that_posix_cannot_name_are_found_in_ranges(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	list(&rig, "d", "", NULL, ".. / a a/ caf\xe9 x%2Fy");
	assert_string_equal(known(&rig, "d/%x2E%x2E"), "file \"..\" 1000");
	assert_string_equal(known(&rig, "d/%x2F"), "dir 1000");
	assert_string_equal(known(&rig, "d/a"), "dir 1000");
	assert_string_equal(known(&rig, "d/a%x00"), "file \"a\" 1000");
	assert_string_equal(known(&rig, "d/x%x00"), "listed absent");
	assert_string_equal(known(&rig, "d/caf%xE9"), "file \"caf\xe9\" 1000");
	assert_string_equal(page(&rig, "d", "", 0),
	                    "d/%x2E%x2E d/%x2F/ d/a d/a/ d/caf%xE9 d/x%2Fy .");
	rig_end(&rig);
}

static void the_younger_one_counts(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	learn(&rig, "d/a", META_FILE, "\"old\"");
	(void)fake_clock_advance(&rig.clock, NULL, 1000);
	list(&rig, "d", "", NULL, "a");
	assert_string_equal(known(&rig, "d/a"), "file \"a\" 1000");
	(void)fake_clock_advance(&rig.clock, NULL, 1000);
	learn(&rig, "d/a", META_FILE, "\"new\"");
	learn(&rig, "d/b", META_FILE, "\"b\"");
	assert_string_equal(known(&rig, "d/a"), "file \"new\" 5");
	assert_string_equal(known(&rig, "d/b"), "file \"b\" 5");
	rig_end(&rig);
}

static void what_a_head_taught_comes_back_with_its_version(void **state)
{
	const struct meta_key key = key_of("d/abc");
	struct meta_found found;
	struct rig rig;

	(void)state;
	rig_init(&rig);
	learn(&rig, "d/abc", META_FILE, "\"abc\"");
	learn(&rig, "d/dir", META_DIR, "");
	(void)fake_clock_advance(&rig.clock, NULL, 1000);
	/* its size is that of the ETag here, but 3 in the listing */
	list(&rig, "d", "", NULL, "abc dir/");
	assert_string_equal(known(&rig, "d/abc"), "file \"abc\" 1000");
	assert_string_equal(known(&rig, "d/dir"), "dir 5");

	struct meta_record same = record_of(&rig, META_FILE, "\"abc\"");

	same.attr.size = 3;
	same.asked_ms -= 1000;
	meta_disk_learn(rig.disk, ++rig.seq, &key, &same);
	meta_disk_drain(rig.disk);
	assert_int_equal(meta_disk_get(rig.disk, &key, &found), 0);
	assert_int_equal(found.attr.uid, 5);
	assert_int_equal(found.asked_ms, now_ms(&rig));
	assert_int_equal(found.head_ms, now_ms(&rig) - 1000);
	rig_end(&rig);
}

static void own_changes_are_in_the_ranges_too(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	list(&rig, "d", "", "m", "a b c/");
	list(&rig, "d", "m", NULL, "x");
	change(&rig, "d/aa", META_FILE, "\"aa\"");
	change(&rig, "d/b", META_ABSENT, "");
	change(&rig, "d/c", META_ABSENT, "");
	change(&rig, "d/e", META_DIR, "");
	change(&rig, "d/z", META_FILE, "\"z\"");
	assert_string_equal(page(&rig, "d", "", 0), "d/a d/aa d/e/ d/x d/z .");
	restart(&rig);
	assert_string_equal(page(&rig, "d", "", 0), "d/a d/aa d/e/ d/x d/z .");
	assert_string_equal(known(&rig, "d/b"), "absent");

	/* What it knows not ends the range. */
	change(&rig, "d/aa", META_UNKNOWN, "");
	assert_string_equal(known(&rig, "d/aa"), "unknown");
	assert_string_equal(page(&rig, "d", "", 0), "unknown");
	assert_string_equal(page(&rig, "d", "m", 0), "d/x d/z .");
	rig_end(&rig);
}

static void a_younger_range_takes_the_place_of_older_ones(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	list(&rig, "d", "", "c", "a b c");
	list(&rig, "d", "c", "f", "d e f");
	list(&rig, "d", "f", NULL, "g h");
	(void)fake_clock_advance(&rig.clock, NULL, 1000);
	list(&rig, "d", "", "d", "a d");
	assert_string_equal(page(&rig, "d", "", 0), "d/a d/d d");
	assert_string_equal(page(&rig, "d", "d", 0), "unknown");
	assert_string_equal(page(&rig, "d", "f", 0), "d/g d/h .");
	list(&rig, "d", "d", "f", "e");
	assert_string_equal(page(&rig, "d", "", 0), "d/a d/d d/e d/g d/h .");

	/* An older one does not. */
	rig.clock.wall_ms -= 500;
	list(&rig, "d", "", NULL, "nothing");
	assert_string_equal(page(&rig, "d", "", 0), "d/a d/d d/e d/g d/h .");
	rig_end(&rig);
}

static void pages_are_no_older_than_asked_for(void **state)
{
	struct rig rig;
	uint64_t then;

	(void)state;
	rig_init(&rig);
	list(&rig, "d", "", "c", "a c");
	(void)fake_clock_advance(&rig.clock, NULL, 1000);
	then = now_ms(&rig);
	list(&rig, "d", "c", NULL, "d e");
	assert_string_equal(page(&rig, "d", "", then), "unknown");
	assert_string_equal(page(&rig, "d", "c", then), "d/d d/e .");
	assert_string_equal(page(&rig, "d", "d", then), "d/e .");
	assert_string_equal(page(&rig, "d", "", then - 1000),
	                    "d/a d/c d/d d/e .");
	rig_end(&rig);
}

static void what_is_forgotten_is_unknown(void **state)
{
	const struct meta_key sub = key_of("d/sub");
	const struct meta_key d = key_of("d");
	struct rig rig;

	(void)state;
	rig_init(&rig);
	list(&rig, "", "", NULL, "d/ dd/");
	list(&rig, "d", "", NULL, "a sub/");
	list(&rig, "d/sub", "", NULL, "x");
	list(&rig, "dd", "", NULL, "y");
	learn(&rig, "d/sub/x", META_FILE, "\"x\"");
	meta_disk_forget(rig.disk, ++rig.seq, &sub, false);
	meta_disk_drain(rig.disk);
	assert_string_equal(known(&rig, "d/sub/x"), "unknown");
	assert_string_equal(known(&rig, "d/sub"), "unknown");
	list(&rig, "d", "", NULL, "a sub/");
	list(&rig, "d/sub", "", NULL, "x");
	meta_disk_forget(rig.disk, ++rig.seq, &d, true);
	meta_disk_drain(rig.disk);
	assert_string_equal(known(&rig, "d/a"), "unknown");
	assert_string_equal(known(&rig, "d/sub/x"), "unknown");
	assert_string_equal(known(&rig, "dd/y"), "file \"y\" 1000");
	rig_end(&rig);
}

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
		cmocka_unit_test(what_a_head_taught_outlives_the_mount),
		cmocka_unit_test(names_longer_than_a_key_are_kept_too),
		cmocka_unit_test(a_range_proves_absence_between_its_bounds),
		cmocka_unit_test(
			keys_that_posix_cannot_name_are_found_in_ranges),
		cmocka_unit_test(the_younger_one_counts),
		cmocka_unit_test(
			what_a_head_taught_comes_back_with_its_version),
		cmocka_unit_test(own_changes_are_in_the_ranges_too),
		cmocka_unit_test(a_younger_range_takes_the_place_of_older_ones),
		cmocka_unit_test(pages_are_no_older_than_asked_for),
		cmocka_unit_test(what_is_forgotten_is_unknown),
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
