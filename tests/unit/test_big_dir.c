/* SPDX-License-Identifier: MIT */
/*
 * A directory with very many names, listed from the store, from the cache on
 * disk and while others write.  test_big_dir [NAMES] prints memory and time.
 */
#include "meta_disk.h"
#include "names_rig.h"
#include "temp_dir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MEMORY_MAX (150u << 20) /* bytes over idle */

static unsigned names = 30000;

struct place {
	char *dir;
	struct rig rig;
};

/* Anonymous memory of this process in bytes. */
static size_t rss_anon(void)
{
	FILE *file = fopen("/proc/self/status", "r");
	char line[128];
	size_t kib = 0;

	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, "RssAnon:", 8) == 0)
			kib = strtoul(line + 8, NULL, 10);
	(void)fclose(file);
	return kib << 10;
}

/* A reader that counts, checks the order, and watches memory. */
struct counter {
	unsigned count;
	unsigned room;
	uint64_t next;
	size_t peak;
	char last[32];
};

static bool count_name(void *ctx, const struct fs_dirent *dirent)
{
	struct counter *counter = ctx;

	if (counter->room == 0)
		return false;
	counter->room--;
	counter->next = dirent->next;
	if (dirent->name[0] == '.')
		return true;
	assert_true(strcmp(counter->last, dirent->name) < 0);
	(void)snprintf(counter->last, sizeof(counter->last), "%s",
	               dirent->name);
	if (++counter->count % 10000 == 0) {
		size_t now = rss_anon();

		counter->peak = now > counter->peak ? now : counter->peak;
	}
	return true;
}

/* Read on, as the kernel does: as many as fit into 128 KiB at a time. */
static void read_some(struct rig *rig, struct fs_dir *dir,
                      struct counter *counter, unsigned calls)
{
	unsigned before;

	do {
		struct fs_readdir read = {
			.dir = dir,
			.offset = counter->next,
			.fill = count_name,
			.ctx = counter,
		};
		struct rig_call call;

		before = counter->count;
		counter->room = 3000;
		rig_call_init(rig, &call);
		fs_readdir(rig->fs, &call.call, &read);
		assert_int_equal(rig_wait(&call), 0);
	} while (counter->count > before && --calls > 0);
}

static struct fs_dir *open_dir(struct rig *rig)
{
	struct rig_call call;

	rig_call_init(rig, &call);
	fs_opendir(rig->fs, &call.call, rig->top);
	assert_int_equal(rig_wait(&call), 0);
	return call.call.dir;
}

/* ls -f; says what it took. */
static void list_all(struct rig *rig, unsigned expected, const char *what)
{
	struct counter counter = {0};
	struct timespec begin;
	struct timespec end;
	size_t idle = rss_anon();
	struct fs_dir *dir = open_dir(rig);

	(void)clock_gettime(CLOCK_MONOTONIC, &begin);
	read_some(rig, dir, &counter, UINT32_MAX);
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	fs_releasedir(rig->fs, dir);
	assert_int_equal(counter.count, expected);
	if (counter.peak > idle) {
		print_message("%s: %zu MiB over idle, %.2f s\n", what,
		              (counter.peak - idle) >> 20,
		              (double)(end.tv_sec - begin.tv_sec) +
		                      (double)(end.tv_nsec - begin.tv_nsec) /
		                              1e9);
		assert_true(counter.peak - idle <= MEMORY_MAX);
	}
}

/* Names all over the directory are looked up; says how fast. */
static void look_up(struct rig *rig, unsigned count)
{
	struct timespec begin;
	struct timespec end;
	char name[32];

	(void)clock_gettime(CLOCK_MONOTONIC, &begin);
	for (unsigned i = 0; i < count; i++) {
		unsigned number = (unsigned)((uint64_t)i * 7919 % names);
		struct fs_entry entry;

		(void)snprintf(name, sizeof(name), "name-%08u", number);
		assert_int_equal(rig_lookup(rig, rig->top, name, &entry), 0);
	}
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	print_message("%.0f lookups/s\n",
	              count / ((double)(end.tv_sec - begin.tv_sec) +
	                       (double)(end.tv_nsec - begin.tv_nsec) / 1e9));
}

static void place_init(struct place *place)
{
	struct rig_config config = {
		.attrs = FS_ATTRS_LIST,
		.ttl_ms = 3600000,
		.negative_ms = 60000,
	};

	place->dir = temp_dir_new();
	config.cache_dir = place->dir;
	config.cache_max_size = UINT64_C(1) << 30;
	rig_init(&place->rig, &config);
	for (unsigned i = 0; i < names; i++) {
		char key[32];

		(void)snprintf(key, sizeof(key), "name-%08u", i);
		assert_int_equal(fake_store_put_text(place->rig.fake, key, ""),
		                 0);
	}
}

static void place_end(struct place *place)
{
	rig_end(&place->rig);
	temp_dir_free(place->dir);
}

static void many_names_take_little_memory_and_are_asked_for_once(void **state)
{
	struct meta_disk_stats stats;
	struct place place;
	struct rig *rig = &place.rig;

	(void)state;
	place_init(&place);
	list_all(rig, names, "from the store");
	assert_int_equal(rig_count(rig, STORE_LIST), (names + 999) / 1000);
	meta_disk_drain(rig->fs->disk);
	meta_disk_stats(rig->fs->disk, &stats);
	print_message("%llu bytes on disk for %u names\n",
	              (unsigned long long)stats.bytes, names);
	list_all(rig, names, "from the cache");
	rig_remount(rig);
	look_up(rig, 20000);
	rig_remount(rig);
	list_all(rig, names, "after a remount");
	assert_int_equal(rig_count(rig, STORE_LIST), (names + 999) / 1000);
	place_end(&place);
}

static void offsets_stay_right_while_others_write(void **state)
{
	struct counter counter = {0};
	struct place place;
	struct rig *rig = &place.rig;
	struct fs_dir *dir;
	char last[32];
	uint64_t middle;
	unsigned before;

	(void)state;
	place_init(&place);
	dir = open_dir(rig);
	read_some(rig, dir, &counter, 3);
	middle = counter.next;
	before = counter.count;
	(void)snprintf(last, sizeof(last), "%s", counter.last);
	read_some(rig, dir, &counter, 1);

	/* Others make and remove names before and behind; we seek back. */
	assert_int_equal(fake_store_put_text(rig->fake, "name-00000000a", ""),
	                 0);
	assert_int_equal(fake_store_delete(rig->fake, "name-00000005"), 0);
	assert_int_equal(fake_store_put_text(rig->fake, "name-00020000a", ""),
	                 0);
	counter.next = middle;
	(void)snprintf(counter.last, sizeof(counter.last), "%s", last);
	counter.count = 0;
	read_some(rig, dir, &counter, UINT32_MAX);
	assert_int_equal(counter.count, names - before + 1);
	fs_releasedir(rig->fs, dir);
	place_end(&place);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			many_names_take_little_memory_and_are_asked_for_once),
		cmocka_unit_test(offsets_stay_right_while_others_write),
	};

	if (argc > 1)
		names = (unsigned)strtoul(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
